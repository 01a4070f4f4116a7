"""One vector for a structure, from the ACE descriptors of its atoms.

For each element e: the mean over *all* N atoms of the structure of what belongs to atoms of e, and the spread around the
element's own mean in that structure; then the composition. The mean sees strain, shear and ordering; the spread sees rattling
and defects, to which the mean is blind to first order. Descriptors are first centred, and scaled by one width for each element
and body order, the typical deviation of an atom: columns keep their relative size (what is zero by symmetry stays noise),
and the many-body functions weigh as much as the pairs. Vectors do not depend on the order of atoms or the choice of cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.selection.ace import ACEDescriptor
from mlipbatch.selection.bounds import Floats

if TYPE_CHECKING:
    from ase import Atoms

WIDTH_SAMPLE = 2000  # structures that widths are taken from: evenly spaced ones
LEAST_WIDTH = 0.1  # of the root mean square: where most atoms sit in one perfect crystal, the median says nothing


@dataclass(frozen=True)
class Scaling:
    """What makes descriptors comparable; by element [n_functions]."""

    centres: list[Floats]
    widths: list[Floats]

    @classmethod
    def of(cls, descriptor: ACEDescriptor, frames: Sequence[Atoms]) -> Scaling:
        """Medians, and typical deviations from them, over the atoms of (a sample of) `frames`."""
        sample = [descriptor.project(frame) for frame in frames[:: max(1, len(frames) // WIDTH_SAMPLE)]]
        by_element = [np.concatenate(rows) for rows in zip(*sample, strict=True)]
        centres = [np.median(rows, axis=0) if len(rows) else np.zeros(rows.shape[1]) for rows in by_element]
        widths = [
            _widths(rows - centre, ranks)
            for rows, centre, ranks in zip(by_element, centres, descriptor.ranks, strict=True)
        ]
        return cls(centres, widths)

    def apply(self, projections: Sequence[Floats]) -> list[Floats]:
        """Centred and scaled, by element."""
        return [
            (rows - centre) / width for rows, centre, width in zip(projections, self.centres, self.widths, strict=True)
        ]


def _widths(deviations: Floats, ranks: np.ndarray) -> Floats:
    """For each column the typical size of an atom's deviation in all columns of the same body order."""
    widths = np.ones(deviations.shape[1])
    for rank in np.unique(ranks):
        sizes = np.linalg.norm(deviations[:, ranks == rank], axis=1)
        if len(sizes):
            width = max(float(np.median(sizes)), LEAST_WIDTH * float(np.sqrt(np.mean(sizes**2))))
            widths[ranks == rank] = width if width > 0 else 1.0
    return widths


def fingerprint(frame: Atoms, descriptor: ACEDescriptor, scaling: Scaling) -> Floats:
    """The vector of one structure, shape (2 * sum of functions + number of elements,)."""
    parts: list[Floats] = []
    for rows in scaling.apply(descriptor.project(frame)):
        own_mean = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
        parts += [rows.sum(axis=0) / len(frame), np.sqrt(((rows - own_mean) ** 2).sum(axis=0) / len(frame))]
    symbols = frame.get_chemical_symbols()
    parts.append(np.array([symbols.count(element) / len(frame) for element in descriptor.elements]))
    return np.concatenate(parts)


def fingerprints(frames: Iterable[Atoms], descriptor: ACEDescriptor, scaling: Scaling) -> Floats:
    """[n_frames, d]"""
    return np.array([fingerprint(frame, descriptor, scaling) for frame in frames])
