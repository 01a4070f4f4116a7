"""What the configuration needs to know of a structure file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from mlipbatch.config.text import shown
from mlipbatch.config.wrong import WrongValue

STRUCTURE = ("target_system", "crystal_structure")
# what ASE's readers raise on files that they do not understand
READ_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    AssertionError,
    StopIteration,
    RuntimeError,
    TypeError,
    AttributeError,
    ImportError,
)


@lru_cache(maxsize=4)
def read_structure(path: str) -> Any:
    """The last structure of a file, as ase.Atoms; WrongValue if ASE cannot read it or it has no periodic cell."""
    import ase.io
    from ase.io.formats import UnknownFileTypeError

    told = f"key 'target_system.crystal_structure' is {shown(Path(path).name)}"
    try:
        atoms = ase.io.read(path)
    except (UnknownFileTypeError, *READ_ERRORS) as error:
        why = " ".join(f"{type(error).__name__} {error}".split())
        raise WrongValue(STRUCTURE, f"{told}: ASE cannot read it ({why})") from error
    if len(atoms) == 0 or abs(atoms.cell.volume) < 1:
        raise WrongValue(STRUCTURE, f"{told}: the structure needs a periodic cell with atoms in it")
    return atoms


def volume_of_file(path: str) -> float:
    """Volume an atom in A^3."""
    atoms = read_structure(path)
    return float(abs(atoms.cell.volume) / len(atoms))
