"""Structures that a user brings, made into roots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from mlipbatch.config.errors import InputError
from mlipbatch.core.frames import NAME, ROOT
from mlipbatch.structures import tag
from mlipbatch.structures.cells import Crystals


def tagged(structures: Sequence[Atoms], stem: str, origin: str) -> list[Atoms]:
    """Bare copies with unique names: their own where they have one, else `stem` and a number. Same crystal, same root.

    A `root` that a structure brings along is kept. Raises InputError for what is not a crystal of whole atoms.
    """
    crystals, taken, roots = Crystals(), set[str](), []
    for number, given in enumerate(structures, 1):
        _refuse_what_is_no_crystal(given, number, origin)
        usual = stem if len(structures) == 1 else f"{stem}-{number}"
        name = tag.unused(tag.safe(str(given.info.get(NAME) or usual)), taken)
        bare = Atoms(numbers=given.numbers, positions=given.positions, cell=given.cell, pbc=True)
        roots.append(tag.root(bare, "structure", name, given.info.get(ROOT) or crystals.root(bare, name)))
    return roots


def _refuse_what_is_no_crystal(atoms: Atoms, number: int, origin: str) -> None:
    where = f"structure {number}"
    if len(atoms) == 0:
        raise InputError(f"{where} has no atoms", file=origin)
    if abs(np.linalg.det(atoms.cell.array)) < 1.0:
        raise InputError(
            f"{where} has no periodic cell: strain and shear need a crystal; add its three lattice vectors", file=origin
        )
    if not (np.all(np.isfinite(atoms.positions)) and np.all(np.isfinite(atoms.cell.array))):
        raise InputError(f"{where} has positions or a cell that are not finite numbers", file=origin)
    shared = [
        kinds
        for kinds in atoms.info.get("occupancy", {}).values()
        if len(kinds) > 1 or min(kinds.values(), default=1) < 1
    ]
    if shared:
        elements = "/".join(sorted(shared[0]))
        raise InputError(
            f"{where} has partly occupied sites ({elements}): write an input.yaml with this composition, and a file with whole "
            "atoms as its target_system.crystal_structure",
            file=origin,
        )


def read(path: Path) -> list[Atoms]:
    """All structures of a file in any format that ASE knows; InputError for a file that ASE cannot read."""
    import ase.io
    from ase.io.formats import UnknownFileTypeError

    from mlipbatch.config.structure_file import READ_ERRORS

    try:
        found = ase.io.read(path, index=":")
    except (UnknownFileTypeError, *READ_ERRORS) as error:
        sentence = " ".join(f"ASE cannot read this as a structure ({type(error).__name__}: {error})".split())
        raise InputError(
            f"{sentence}; give a CIF, POSCAR, extended XYZ ... file, or an input.yaml", file=str(path)
        ) from error
    if not found:
        raise InputError("the file holds no structure", file=str(path))
    return list(found)
