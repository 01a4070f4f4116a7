"""How pw.x is started on several cores: the launcher, pools of k-points, and who diagonalises."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.dft.base import Mesh

if TYPE_CHECKING:
    from ase import Atoms

LAUNCHERS = ("mpirun", "mpiexec", "srun", "orterun", "aprun", "ibrun", "jsrun")
MOST_OPERATIONS = 48  # of a lattice
TOLERANCE = 1e-3  # A: looser than pw.x's own, so that no operation of its is missed
SERIAL_BANDS = (
    500  # below it one core diagonalises as fast, and a distributed Cholesky cannot fail (aiida-quantumespresso#880)
)


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
    return math.ceil(math.prod(mesh) / (2 * _operations(atoms)))


def _operations(atoms: Atoms) -> int:
    """Point operations of the crystal, or the most that there can be where spglib is not installed or finds none."""
    try:
        import spglib
    except ImportError:
        return MOST_OPERATIONS
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    try:
        found = spglib.get_symmetry(cell, symprec=TOLERANCE)
    except Exception:  # noqa: BLE001  its errors changed their names from release to release; the bound holds without it
        found = None
    return len({rotation.tobytes() for rotation in found["rotations"]}) if found else MOST_OPERATIONS


def pools_of(cores: int, points: int, memory_factor: float = 1.0) -> int:
    """As many pools as have a k-point each and divide the cores.

    Fewer for a job that ran out of memory, as each has a density.
    """
    most = max(1, int(min(points, cores) / memory_factor))
    return max(pools for pools in range(1, most + 1) if cores % pools == 0)


def flags(command: str, cores: int, pools: int, bands: int | None) -> tuple[str, dict[str, str]]:
    """Options of pw.x for this many cores, and their reasons; none where the command has its own, or there is one core."""
    if cores == 1:
        return "", {}
    if re.search(r"\s-(nk|npools?|nd|ndiag|northo|nimages?|ni)\b", command):
        return "", {"parallelisation": "as dft.command has it"}
    side = 1 if bands is None or bands < SERIAL_BANDS else math.isqrt(cores // pools)
    why_serial = (
        f"{bands or 'an unknown number of'} bands: below {SERIAL_BANDS} one core diagonalises as fast and more safely"
    )
    reasons = {
        "-nk": f"{pools} pools of {cores // pools} cores: each has a k-point, and no waves are sent between them",
        "-ndiag": why_serial if side == 1 else f"{bands} bands: {side} x {side} cores diagonalise together",
    }
    return f" -nk {pools} -ndiag {side * side}", reasons
