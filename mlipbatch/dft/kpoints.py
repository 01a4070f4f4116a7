"""Monkhorst-Pack meshes from a spacing: the same for every DFT code."""

from __future__ import annotations

import math

import numpy as np

from mlipbatch.dft.base import Mesh


def mesh_of_spacing(cell: np.ndarray, spacing: float) -> Mesh:
    """Unshifted mesh whose points lie at most `spacing` apart along each reciprocal vector.

    `cell` [3, 3] A, rows are lattice vectors; `spacing` in 1/A **with 2 pi in the reciprocal lengths**, as
    aiida-quantumespresso's kpoints_distance (ASE's kspacing leaves 2 pi out).
    """
    reciprocal = 2 * math.pi * np.linalg.inv(cell).T  # rows b_i, 1/A
    lengths = np.linalg.norm(reciprocal, axis=1)
    a, b, c = (max(1, math.ceil(round(float(length) / spacing, 5))) for length in lengths)
    return a, b, c
