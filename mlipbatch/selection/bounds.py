"""Squared distances by matrix products, as intervals that certainly hold the distances of plain float64 arithmetic.

Notation: rows x_i (points) and r_j (references), both shifted by a common centre; n = |x|^2; u = 2^-53.
The product form n_i + n_j - 2 x_i.r_j is a hundred times faster than the sum of squared differences, and wrong by up to
slack * (n_i + n_j) (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., sec. 3.1: |error of an inner product|
<= d u |x||r| to first order). `slack` is taken several times larger, so that it also covers the shift and the rounding of
the plain formula itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_UNIT_ROUNDOFF = 2.0**-53
CHUNK = 2048  # rows brought to float64 at a time: 2048 x 200 doubles are 3 MB
REFERENCES = 512  # references in one product


def slack(dimension: int) -> float:
    """Relative half width of the interval around a product-form distance, in units of n_i + n_j."""
    return 8.0 * (dimension + 16) * _UNIT_ROUNDOFF


def lower(upper: Floats, norms: Floats, slack_: float) -> Floats:
    """Lower bounds that belong to the upper bounds of `nearest`.

    A reference that could be nearer than `upper` has n_j <= 2 n_i + 2 upper, hence its interval is no wider than
    2 slack (3 n_i + 2 upper); a little more is taken. -inf stays -inf.
    """
    return upper * (1.0 - 5.0 * slack_) - 6.0 * slack_ * norms


def plain(points: Floats, references: Floats) -> Floats:
    """|x_i - r_i|^2 row by row as plain numpy computes it: the definition that picks are identical to. Shapes (n, d) -> (n,)."""
    difference = points - references
    difference *= difference
    total: Floats = difference.sum(axis=1)
    return total


class References:
    """The rows that distances are measured to: the database first, then every pick in its order."""

    def __init__(self, capacity: int, dimension: int, centre: Floats) -> None:
        self.count = 0
        self.centre = centre
        self.slack = slack(dimension)
        self.raw = np.empty((capacity, dimension))
        self.norms = np.empty(capacity)
        self._factors = np.empty((capacity, dimension + 1))  # [-2 r_j, n_j (1 + slack)]

    def add(self, rows: Floats) -> None:
        """Append raw (unshifted) float64 rows [m, d]."""
        new = slice(self.count, self.count + len(rows))
        shifted = rows - self.centre
        self.raw[new] = rows
        self.norms[new] = np.einsum("ij,ij->i", shifted, shifted)
        self._factors[new, :-1] = -2.0 * shifted
        self._factors[new, -1] = self.norms[new] * (1.0 + self.slack)
        self.count = new.stop

    def last(self, rows: Floats, norms: Floats) -> Floats:
        """Upper bounds of the squared distance of shifted rows [n, d] to the reference added last."""
        factor = self._factors[self.count - 1]
        bound: Floats = rows @ factor[:-1]
        bound += factor[-1]
        bound += norms * (1.0 + self.slack)
        return bound

    def nearest(self, rows: Floats, norms: Floats, first: int, stop: int) -> Floats:
        """Upper bounds of the smallest squared distance of shifted rows [n, d] to the references first:stop."""
        best = np.full(len(rows), np.inf)
        for low in range(first, stop, REFERENCES):
            factors = self._factors[low : min(low + REFERENCES, stop)]
            products = factors[:, :-1] @ rows.T
            products += factors[:, -1:]
            np.minimum(best, products.min(axis=0), out=best)
        best += norms * (1.0 + self.slack)
        return best

    def plain_nearest(self, raw: Floats, first: int) -> Floats:
        """Smallest `plain` squared distance of raw rows [n, d] to the references from `first` on; inf where there are none.

        Only pairs whose interval reaches the row's smallest upper bound are evaluated: no other can be the nearest.
        """
        best = np.full(len(raw), np.inf)
        shifted = raw - self.centre
        norms = np.einsum("ij,ij->i", shifted, shifted)
        for low in range(first, self.count, REFERENCES):
            part = slice(low, min(low + REFERENCES, self.count))
            width = self.slack * (norms[:, None] + self.norms[None, part])
            middle = norms[:, None] + self.norms[None, part] + shifted @ self._factors[part, :-1].T
            row, column = np.nonzero(middle - width <= (middle + width).min(axis=1, keepdims=True))
            for some in range(0, len(row), CHUNK):
                pick = slice(some, some + CHUNK)
                np.minimum.at(best, row[pick], plain(raw[row[pick]], self.raw[low + column[pick]]))
        return best
