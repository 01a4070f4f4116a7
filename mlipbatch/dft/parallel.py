"""How a plane-wave code is started on several cores, and how many k-points there are to share out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.dft import symmetry
from mlipbatch.dft.base import Mesh

if TYPE_CHECKING:
    from ase import Atoms

LAUNCHERS = ("mpirun", "mpiexec", "srun", "orterun", "aprun", "ibrun", "jsrun")
MOST_OPERATIONS = 48  # of a lattice
TOLERANCE = 1e-3  # A: looser than the codes' own, so that no operation of theirs is missed


def launch(command: str, cores: int) -> str:
    """The program with its launcher: mpirun where there is more than one core and the command names no launcher itself.

    `{cores}` in the command stands for the number of ranks.
    """
    words = command.split()
    if "{cores}" in command or any(Path(word).name in LAUNCHERS for word in words):
        return command.replace("{cores}", str(cores))
    return f"mpirun -n {cores} {command}" if cores > 1 else command


def fewest_kpoints(atoms: Atoms, mesh: Mesh) -> int:
    """At least so many irreducible k-points has the mesh: all of them over the crystal's operations and time reversal."""
    if math.prod(mesh) == 1:  # large cells, whose operations spglib would look for as long as for anything
        return 1
    return math.ceil(math.prod(mesh) / (2 * _operations(atoms)))


def _operations(atoms: Atoms) -> int:
    """Point operations of the crystal, or the most that there can be where spglib is not installed or finds none."""
    found = symmetry.ask(lambda spglib, crystal: spglib.get_symmetry(crystal, symprec=TOLERANCE), atoms)
    return len({rotation.tobytes() for rotation in found["rotations"]}) if found else MOST_OPERATIONS
