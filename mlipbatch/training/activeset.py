"""The active set: the training environments that span the basis best (MaxVol), against which gamma is measured.

D-optimality: Podryabinkin and Shapeev, Comput. Mater. Sci. 140, 171 (2017); for ACE: Lysogorskiy et al., Phys. Rev. Materials 7,
043801 (2023). The algorithm and the file format are pyace's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlipbatch.training.design import Projector
from mlipbatch.training.labels import Label
from mlipbatch.training.zbl import Array

TOLERANCE, ITERATIONS = 1.01, 300  # pace_activeset's
WEAKEST = (
    1e-6  # of the largest value of a function: where the data does not span the basis, how strange the rest may look
)


def write_active_set(path: Path, basis: Any, labels: Sequence[Label]) -> dict[str, int]:
    """Write potential.asi from the atoms with mask 1; returns how many functions of each element they do not span."""
    from pyace.activelearning import compute_A_active_inverse, compute_active_set, save_active_inverse_set

    projections, missing = {}, {}
    for species, rows in _core_projections(basis, labels).items():
        projections[species], missing[basis.elements_name[species]] = spanned(rows)
    chosen = compute_active_set(projections, tol=TOLERANCE, max_iters=ITERATIONS, verbose=False)
    save_active_inverse_set(str(path), compute_A_active_inverse(chosen), elements_name=basis.elements_name)
    return missing


def spanned(rows: Array) -> tuple[Array, int]:
    """`rows` [n_atoms, n_functions], and where they do not span all functions, weak unit rows for MaxVol to fall back on.

    A direction that no atom of the data has then grades as extrapolation, not as known.
    """
    functions = rows.shape[1]
    scale = np.abs(rows).max(axis=0, initial=0.0)
    scale[scale == 0.0] = 1.0
    rank = int(np.linalg.matrix_rank(rows / scale, tol=WEAKEST)) if len(rows) else 0
    if rank == functions:
        return rows, 0
    return np.vstack([rows, WEAKEST * np.diag(scale)]), functions - rank


def _core_projections(basis: Any, labels: Sequence[Label]) -> dict[int, Array]:
    projector = Projector(basis)
    found: dict[int, list[Array]] = {species: [np.zeros((0, count))] for species, count in enumerate(projector.counts)}
    for label in labels:
        values, owners = projector.projections(label.atoms)
        for species, rows in values.items():
            found[species].append(rows[label.mask[owners[species]]])
    return {species: np.vstack(rows) for species, rows in found.items()}
