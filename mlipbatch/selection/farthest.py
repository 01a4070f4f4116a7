"""Farthest point sampling, exact: each pick is the point farthest from all picks (and database rows) before it.

Plain sampling reads every point once a pick. Here most points are left alone: a point's smallest distance to the picks only ever
falls, so an old value is an upper bound, and a point whose bound lies under the current maximum cannot be next. The points of
largest bound are kept up to date in a small pool that fits the processor's cache; when the pool's maximum falls to the largest
bound outside, points outside are brought up to date with one matrix product for all picks they missed (lazy greedy evaluation,
Minoux 1978). All comparisons are of intervals that hold the plain float64 distances (`bounds`); where intervals overlap the
plain distances decide, so picks are those of plain float64 sampling, ties to the lowest index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbatch.config.errors import InputError
from mlipbatch.selection.bounds import CHUNK, Floats, Indices, References, lower

POOL_SHARE = 64  # the pool holds a 64th of the points ...
POOL_MIN = 256  # ... and at least so many
DATABASE_SAMPLE = 64  # database rows that every point is measured to; the others only where it matters


@dataclass(frozen=True)
class Picks:
    """Indices in order of choice, and the distance of each to what was chosen (and the database) when it was chosen."""

    indices: list[int]
    distances: list[float]  # Euclidean; the first is inf where there is no database


def farthest_points(points: NDArray[Any], k: int, *, database: NDArray[Any] | None = None, start: int = 0) -> list[int]:
    """Choose k of the rows of `points` [n, d] by Euclidean farthest point sampling; return their indices in order of choice.

    The first pick is the point farthest from the rows of `database` [m, d]; without one it is index `start`. Ties go to the
    lowest index; no index is chosen twice. `points` may be any real dtype and memory-mapped; arithmetic is float64.
    Raises InputError for wrong shapes, non-finite values (naming the row), k or start out of range.
    """
    return sample(points, k, database=database, start=start).indices


def sample(points: NDArray[Any], k: int, *, database: NDArray[Any] | None = None, start: int = 0) -> Picks:
    """`farthest_points` with the distances."""
    _check_table(points, "points")
    if not 1 <= k <= len(points):
        raise InputError(f"k = {k}: choose between 1 and {len(points)}, the number of points")
    if not 0 <= start < len(points):
        raise InputError(f"start = {start}: must be between 0 and {len(points) - 1}")
    if database is not None and len(database):
        _check_table(database, "database")
        if database.shape[1] != points.shape[1]:
            raise InputError(
                f"the database has {database.shape[1]} columns, the points have {points.shape[1]}: they must agree"
            )
    else:
        database = None
    return _Sampling(points, k, database, start).run()


def _check_table(table: NDArray[Any], name: str) -> None:
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(f"{name}: shape {table.shape}; expected (n, d) with n and d at least 1")
    if table.dtype.kind not in "fiub":
        raise InputError(f"{name}: dtype {table.dtype}; expected real numbers")


class _Sampling:
    """Bounds of all points, brought up to date only where needed."""

    def __init__(self, points: NDArray[Any], k: int, database: NDArray[Any] | None, start: int) -> None:
        n, dimension = points.shape
        self.points, self.k, self.start = points, k, start
        self.size = min(n, max(POOL_MIN, n // POOL_SHARE))
        centre = np.asarray(points[:: max(1, n // 1024)], dtype=np.float64).mean(axis=0)
        self.references = References(k + (0 if database is None else len(database)), dimension, np.nan_to_num(centre))
        self.norms = np.empty(n)
        self.upper = np.full(n, np.inf)  # of the squared distance to the nearest of the first `seen` references
        self.seen = np.zeros(n, dtype=np.int64)
        self.exact = np.full(
            n, np.inf
        )  # the plain squared distance to the nearest of the first `exact_seen` references
        self.exact_seen = np.zeros(n, dtype=np.int64)
        self.picks = Picks([], [])
        if database is not None:
            self._add_database(database)

    def run(self) -> Picks:
        if self.references.count == 0:
            self.picks.indices.append(self.start)
            self.picks.distances.append(np.inf)
            self.references.add(self._raw(np.array([self.start])))
        self._first_pass()
        self.upper[self.picks.indices] = -np.inf
        while len(self.picks.indices) < self.k:
            self._from_pool(*self._pool())
        return self.picks

    def _raw(self, rows: Indices | slice) -> Floats:
        return np.asarray(self.points[rows], dtype=np.float64)

    def _add_database(self, database: NDArray[Any]) -> None:
        """Every database row becomes a reference, a spread-out sample of them first."""
        rows = np.asarray(database, dtype=np.float64)
        _check_finite(rows, 0, "database")
        step = max(1, len(rows) // DATABASE_SAMPLE)
        order = np.concatenate([np.arange(first, len(rows), step) for first in range(step)])
        self.references.add(rows[order])

    def _first_pass(self) -> None:
        """Norms of all points, refusing what is not finite, and bounds to the first references."""
        stop = min(self.references.count, DATABASE_SAMPLE)
        for low in range(0, len(self.points), CHUNK):
            part = slice(low, low + CHUNK)
            shifted = self._raw(part) - self.references.centre
            self.norms[part] = np.einsum("ij,ij->i", shifted, shifted)
            if not np.isfinite(self.norms[part]).all():
                _check_finite(self._raw(part), low, "points")
                raise InputError(
                    f"points: rows {low} to {low + CHUNK} hold numbers whose squares overflow; scale them down"
                )
            self.upper[part] = self.references.nearest(shifted, self.norms[part], 0, stop)
        self.seen[:] = stop

    def _update(self, rows: Indices) -> None:
        """Bring the bounds of `rows` up to date with all references."""
        for first in np.unique(self.seen[rows]):
            group = rows[self.seen[rows] == first]
            for low in range(0, len(group), CHUNK):
                some = group[low : low + CHUNK]
                shifted = self._raw(some) - self.references.centre
                bound = self.references.nearest(shifted, self.norms[some], int(first), self.references.count)
                self.upper[some] = np.minimum(self.upper[some], bound)
        self.seen[rows] = self.references.count

    def _pool(self) -> tuple[Indices, float]:
        """Points of largest bound, all up to date, among them every possible next pick; and the largest bound outside."""
        n, reach = len(self.upper), self.size
        while True:
            top = np.partition(self.upper, n - self.size)[n - self.size]
            current = self.seen == self.references.count
            best = self._best_lower(np.flatnonzero(current & (self.upper >= top)))
            pool = np.flatnonzero(self.upper >= min(top, best))
            if current[pool].all():
                outside = self.upper[self.upper < min(top, best)]
                return pool, float(outside.max(initial=-np.inf))
            threshold = np.partition(self.upper, n - reach)[n - reach]
            self._update(np.flatnonzero(~current & (self.upper >= min(threshold, best))))
            reach = min(n, 2 * reach)

    def _best_lower(self, rows: Indices) -> float:
        bounds = lower(self.upper[rows], self.norms[rows], self.references.slack)
        return float(bounds.max(initial=np.inf if not len(rows) else -np.inf))

    def _from_pool(self, pool: Indices, outside: float) -> None:
        """Pick from the pool as long as its best is certainly above everything outside."""
        rows = self._raw(pool) - self.references.centre
        upper, norms = self.upper[pool], self.norms[pool]
        while len(self.picks.indices) < self.k:
            lowers = lower(upper, norms, self.references.slack)
            best = lowers.max()
            if best <= outside:
                break
            place = self._decide(pool, np.flatnonzero(upper >= best))
            upper[place] = -np.inf
            np.minimum(upper, self.references.last(rows, norms), out=upper)
        self.upper[pool], self.seen[pool] = upper, self.references.count

    def _decide(self, pool: Indices, candidates: Indices) -> int:
        """The candidate of largest plain distance, the lowest index among equals; it becomes a pick and a reference."""
        chosen = pool[candidates]
        self._make_exact(chosen)
        winner = int(np.argmax(self.exact[chosen]))  # the first of equals; pool is in ascending order
        index = int(chosen[winner])
        self.picks.indices.append(index)
        self.picks.distances.append(float(np.sqrt(self.exact[index])))
        self.references.add(self._raw(np.array([index])))
        return int(candidates[winner])

    def _make_exact(self, rows: Indices) -> None:
        """Bring the plain distances of `rows` up to date; those at zero cannot fall further."""
        for some in self._stale(rows):
            fresh = self.references.plain_nearest(self._raw(some), int(self.exact_seen[some[0]]))
            self.exact[some] = np.minimum(self.exact[some], fresh)
            self.exact_seen[some] = self.references.count

    def _stale(self, rows: Indices) -> Iterator[Indices]:
        rows = rows[(self.exact[rows] > 0) & (self.exact_seen[rows] < self.references.count)]
        for first in np.unique(self.exact_seen[rows]):
            group = rows[self.exact_seen[rows] == first]
            yield from (group[low : low + CHUNK] for low in range(0, len(group), CHUNK))


def _check_finite(rows: Floats, offset: int, name: str) -> None:
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        row, column = bad[0]
        raise InputError(f"{name}: row {row + offset}, column {column} is {rows[row, column]}; finite numbers only")
