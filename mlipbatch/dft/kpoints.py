"""Monkhorst-Pack meshes: the structure's own, or from a spacing; the same for every DFT code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.errors import InputError
from mlipbatch.core.frames import CONFIG_TYPE, ISOLATED_ATOM, KPOINTS
from mlipbatch.dft import symmetry
from mlipbatch.dft.base import Mesh

if TYPE_CHECKING:
    from ase import Atoms

GAMMA: Mesh = (1, 1, 1)
MOST = 40_000  # points of a mesh: npk of pw.x
TOLERANCE = 1e-5  # A, as symmetric as pw.x takes a crystal for


def mesh(atoms: Atoms, spacing: float, fixed: Mesh | None = None) -> tuple[Mesh, str]:
    """The mesh and the reason for it: `fixed`, the structure's own, gamma for an isolated atom, or by `spacing`."""
    if fixed is not None:
        return _three(fixed), "mesh fixed by the caller"
    if atoms.info.get(KPOINTS) is not None:
        return _three(atoms.info[KPOINTS]), "mesh that the structure asks for"
    if atoms.info.get(CONFIG_TYPE) == ISOLATED_ATOM:
        return GAMMA, "an isolated atom has no dispersion"
    found = mesh_of_spacing(np.asarray(atoms.cell), spacing)
    return found, f"at most {spacing:g} 1/A apart, 2 pi included"


def mesh_of_spacing(cell: np.ndarray, spacing: float) -> Mesh:
    """Unshifted mesh whose points lie at most `spacing` apart along each reciprocal vector.

    `cell` [3, 3] A, rows are lattice vectors; `spacing` in 1/A **with 2 pi in the reciprocal lengths**, as
    aiida-quantumespresso's kpoints_distance (ASE's kspacing leaves 2 pi out).
    """
    reciprocal = 2 * math.pi * np.linalg.inv(cell).T  # rows b_i, 1/A
    lengths = np.linalg.norm(reciprocal, axis=1)
    a, b, c = (max(1, math.ceil(round(float(length) / spacing, 5))) for length in lengths)
    return a, b, c


def irreducible(atoms: Atoms, mesh: Mesh) -> int:
    """k-points that are left of a mesh after the crystal's operations and time reversal, about as pw.x will find them.

    Without spglib, or where it finds nothing, after time reversal alone.
    """
    if mesh == GAMMA:
        return 1
    total = int(np.prod(mesh))
    own_partners = int(np.prod([1 if points % 2 else 2 for points in mesh]))  # k and -k are the same point
    most = (total + own_partners) // 2
    found = symmetry.ask(
        lambda spglib, crystal: spglib.get_ir_reciprocal_mesh(mesh, crystal, is_shift=(0, 0, 0), symprec=TOLERANCE),
        atoms,
    )
    return most if found is None else min(most, len(np.unique(found[0])))


def refusal(atoms: Atoms, spacing: float, limit: str) -> str | None:
    """Why no label can be made with this structure's mesh, or None; `limit` says whose MOST is."""
    try:
        points, _ = mesh(atoms, spacing)
    except InputError as error:
        return str(error)
    if math.prod(points) > MOST:
        return f"a mesh of {points[0]} {points[1]} {points[2]} k-points: {limit} {MOST}"
    return None


def _three(value: object) -> Mesh:
    """A mesh from three integers, or their text."""
    parts = value.split() if isinstance(value, str) else np.ravel(np.asarray(value)).tolist()
    try:
        a, b, c = (int(part) for part in parts)
    except ValueError as error:
        raise InputError(f"{KPOINTS}: {value!r} is not a mesh of three integers, such as 4 4 4") from error
    if min(a, b, c) < 1:
        raise InputError(f"{KPOINTS}: {value!r}: a mesh has at least one point along each direction")
    return a, b, c
