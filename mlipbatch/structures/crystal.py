"""Which cells are the same crystal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import numpy as np
from ase import Atoms

SYMPREC = 1e-3  # A
# Radius of the compared neighbourhoods in units of the cube root of the volume an atom: about 195 neighbours of each atom.
# Between two shells in fcc, bcc, sc, diamond and ideal hcp, so that rounding cannot move a shell in or out.
RADIUS = 3.585


def fingerprint(atoms: Atoms) -> Hashable:
    """Equal for cells that are the same crystal up to scale, orientation and choice of cell (L1_2 in 4 and in 32 atoms).

    Space group, content of the primitive cell (spglib) and, of each atom in it, the sorted distances to its neighbours by
    element. Different crystals whose atoms all see the same within `RADIUS` are taken for one: they only share a root then.
    """
    import spglib
    from ase.neighborlist import neighbor_list

    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    dataset = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    found = spglib.find_primitive(cell, symprec=SYMPREC)
    lattice, positions, numbers = cell if found is None else found
    primitive = Atoms(numbers=numbers, cell=lattice, scaled_positions=positions, pbc=True)
    primitive.set_cell(primitive.cell.array / np.cbrt(primitive.get_volume() / len(primitive)), scale_atoms=True)
    first, second, distance = neighbor_list("ijd", primitive, RADIUS)
    neighbours: list[list[tuple[int, float]]] = [[] for _ in primitive]
    for i, j, d in zip(first, second, np.round(distance, 3), strict=True):
        neighbours[i].append((int(primitive.numbers[j]), float(d)))
    environments = Counter(
        (int(z), tuple(sorted(around))) for z, around in zip(primitive.numbers, neighbours, strict=True)
    )
    return (0 if dataset is None else int(dataset.number), tuple(sorted(environments.items())))
