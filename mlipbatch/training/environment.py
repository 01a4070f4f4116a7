"""A structure as pyace wants it: any boundary conditions, any cell size."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms


def environment(atoms: Atoms, basis: Any) -> Any:
    """The `ACEAtomicEnvironment` of `atoms` for a pyace basis set (images within its cutoff, also those of the same atom)."""
    from pyace.atomicenvironment import aseatoms_to_atomicenvironment

    cutoff = basis.cutoffmax
    return aseatoms_to_atomicenvironment(periodic(atoms, cutoff), cutoff, basis.elements_to_index_map)


def periodic(atoms: Atoms, cutoff: float) -> Atoms:
    """`atoms` itself if it is periodic in all directions, else a copy with vacuum where it is not (pyace mixes no boundaries)."""
    if atoms.pbc.all():
        return atoms
    copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell.complete(), pbc=True)
    inverse = np.linalg.inv(copy.cell)
    for axis in np.flatnonzero(~atoms.pbc):
        height = 1.0 / np.linalg.norm(inverse[:, axis])  # of the cell along that axis, A
        extent = np.ptp(copy.positions @ inverse[:, axis]) * height
        copy.cell[axis] *= (extent + 2.0 * cutoff + 1.0) / height
    return copy


def with_free_images(env: Any) -> Any:
    """The same environment with every periodic image an atom of its own, without neighbours.

    pyace adds the forces on images to their owners; so the gradients on each image stay apart, and position times gradient,
    summed over all of them, is the derivative by strain.
    """
    from pyace.catomicenvironment import ACEAtomicEnvironment

    free = ACEAtomicEnvironment()
    total = env.n_atoms_extended
    free.x, free.species_type = env.x, env.species_type
    free.neighbour_list = [list(row) for row in env.neighbour_list] + [[] for _ in range(total - env.n_atoms_real)]
    free.origins = list(range(total))
    return free
