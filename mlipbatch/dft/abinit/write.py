"""ABINIT's input file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.core.ladder import Value
from mlipbatch.dft.abinit.units import BOHR
from mlipbatch.dft.base import Mesh

if TYPE_CHECKING:
    from ase import Atoms


def species(atoms: Atoms) -> list[str]:
    """The elements, in the order of their first atom."""
    return list(dict.fromkeys(atoms.get_chemical_symbols()))


def abinit_input(
    atoms: Atoms,
    keys: Mapping[str, Value],
    mesh: Mesh,
    *,
    folder: str,
    files: Mapping[str, str],
    moments: Sequence[float] | None,
) -> str:
    """run.abi: `files` by element in `folder`; `moments` [n_atoms] in Bohr magnetons, None without spin."""
    from ase.data import atomic_numbers

    elements, symbols = species(atoms), atoms.get_chemical_symbols()
    order = right_handed(atoms.cell.array)
    cell = atoms.cell.array[order]  # rows a_i, A
    reduced = atoms.positions @ np.linalg.inv(cell)  # [n_atoms, 3]
    lines = [
        f'pp_dirpath "{folder}"',
        f'pseudos "{", ".join(files[symbol] for symbol in elements)}"',
        f"natom {len(atoms)}",
        f"ntypat {len(elements)}",
        f"znucl {' '.join(str(atomic_numbers[symbol]) for symbol in elements)}",
        *_column("typat", [str(elements.index(symbol) + 1) for symbol in symbols]),
        "acell 3*1.0",
        *_column("rprim", [_row(vector) for vector in cell / BOHR]),
        *_column("xred", [_row(row) for row in reduced]),
        *(f"{key} {_value(value)}" for key, value in keys.items()),
        "kptopt 1",
        f"ngkpt {' '.join(str(mesh[axis]) for axis in order)}",
        "nshiftk 1",
        "shiftk 0 0 0",
    ]
    if moments is not None:
        lines += _column("spinat", [f"0 0 {moment:.4f}" for moment in moments])
    return "\n".join(lines) + "\n"


def right_handed(cell: np.ndarray) -> list[int]:
    """The order of lattice vectors in which they are right-handed, as ABINIT wants them."""
    return [0, 1, 2] if np.linalg.det(cell) > 0 else [1, 0, 2]


def _column(name: str, rows: Sequence[str]) -> list[str]:
    return [name, *(f"  {row}" for row in rows)]


def _row(values: np.ndarray) -> str:
    return " ".join(f"{value:.15f}" for value in values)


def _value(value: Value) -> str:
    return str(int(value)) if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
