"""Cells as LAMMPS wants them: periodic everywhere, lower triangular, large enough."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.core.frames import UNIT_CELL

Floats = NDArray[np.float64]


def lower_triangular(cell: Floats) -> tuple[Floats, Floats]:
    """The same cell [3, 3] (rows are vectors) with a along x and b in the xy plane, and Q [3, 3] with cell = lower @ Q.

    The diagonal of `lower` is positive; Q mirrors where `cell` is left-handed.
    """
    q, r = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(r))
    return np.ascontiguousarray((signs[:, None] * r).T), np.ascontiguousarray((q * signs).T)


def boxed(atoms: Atoms, gap: float) -> Atoms:
    """A copy with a full cell, in which images along the directions that are not periodic are at least `gap` (A) apart."""
    open_directions = ~atoms.pbc
    if not open_directions.any():
        return atoms.copy()
    copy = atoms.copy()
    copy.set_cell(copy.cell.complete())
    axes = tuple(int(axis) for axis in np.flatnonzero(open_directions))
    copy.center(vacuum=gap / 2, axis=axes)
    return copy


def enlarged(atoms: Atoms, least: int) -> Atoms:
    """Repeat along the periodic directions until there are `least` atoms, the cell kept as near to a cube as repeats allow.

    A repeated cell without a known `unit_cell` becomes it, in info.
    """
    repeats = [1, 1, 1]
    directions = [axis for axis in range(3) if atoms.pbc[axis]]
    heights = 1.0 / np.linalg.norm(atoms.cell.reciprocal(), axis=1) if directions else np.ones(3)
    while directions and len(atoms) * int(np.prod(repeats)) < least:
        repeats[min(directions, key=lambda axis: (repeats[axis] * heights[axis], axis))] += 1
    if repeats == [1, 1, 1]:
        return atoms.copy()
    large = atoms.repeat(repeats)
    large.info = dict(atoms.info)
    large.info.setdefault(UNIT_CELL, np.array(atoms.cell))
    return large


def strained(atoms: Atoms, cell: Floats) -> Atoms:
    """A copy whose cell is `cell` [3, 3] (positions left alone); a known `unit_cell` follows the strain."""
    copy = atoms.copy()
    copy.set_cell(cell)
    if UNIT_CELL in copy.info:
        deformation = np.linalg.solve(np.asarray(atoms.cell), cell)
        copy.info[UNIT_CELL] = np.asarray(copy.info[UNIT_CELL], dtype=float).reshape(3, 3) @ deformation
    return copy
