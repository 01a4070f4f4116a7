"""One attempt's folder: input, commands, and what the output must agree with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.upf import read_upf
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft.base import Mesh, Prepared
from mlipbatch.dft.quantum_espresso import kpoints
from mlipbatch.dft.quantum_espresso.layout import CRASH, DENSITY, ERRORS, INPUT, OUTPUT, SAVE
from mlipbatch.dft.quantum_espresso.parameters import Namelists, namelists
from mlipbatch.dft.quantum_espresso.write import pw_input, species

if TYPE_CHECKING:
    from ase import Atoms

LAUNCHERS = ("mpirun", "mpiexec", "srun", "orterun", "aprun", "ibrun", "jsrun")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "GFORTRAN_UNBUFFERED_PRECONNECTED": "y",  # else the last words of a dying pw.x are lost with its buffer
}


def prepare(
    atoms: Atoms, dft: DFTConfig, step: NextAttempt, *, cores: int, walltime: float, kpoint_mesh: Mesh | None = None
) -> Prepared:
    """The attempt that `step` asks for; `walltime` in s. Raises InputError for a k-point mesh that is none."""
    mesh, why_mesh = kpoints.mesh(atoms, dft.kpoints_spacing, kpoint_mesh)
    keys = namelists(dft, species(atoms), len(atoms), walltime, step.changes)
    return Prepared(
        files={INPUT: pw_input(atoms, keys, dft.pseudopotentials, mesh)},
        command=f"{launch(dft.command, cores)} -in {INPUT} > {OUTPUT} 2> {ERRORS}",
        environment=ENVIRONMENT,
        before=_before(step),
        reasons=_reasons(mesh, why_mesh, keys, dft, step, walltime),
        expectation=_expectation(atoms, dft, mesh, keys),
    )


def launch(command: str, cores: int) -> str:
    """The program with its launcher: mpirun where there is more than one core and the command names no launcher itself.

    `{cores}` in the command stands for the number of ranks.
    """
    words = command.split()
    if "{cores}" in command or any(Path(word).name in LAUNCHERS for word in words):
        return command.replace("{cores}", str(cores))
    return f"mpirun -n {cores} {command}" if cores > 1 else command


def _before(step: NextAttempt) -> list[str]:
    """A stale EXIT file ends a run in half a second; a stale CRASH file would accuse a good one."""
    lines = [f"rm -f EXIT pwscf.EXIT out/EXIT out/pwscf.EXIT {CRASH}"]
    if step.restart_from is None:
        return lines
    source = f"../attempt-{step.restart_from}/{SAVE}"
    copy = f"for file in {' '.join(f'{source}/{pattern}' for pattern in DENSITY)}; do"
    return [*lines, f"mkdir -p {SAVE}", f'{copy} if [ -e "$file" ]; then cp -p "$file" {SAVE}/; fi; done']


def _reasons(
    mesh: Mesh, why_mesh: str, keys: Namelists, dft: DFTConfig, step: NextAttempt, walltime: float
) -> dict[str, str]:
    reasons = {
        "K_POINTS": f"{mesh[0]} {mesh[1]} {mesh[2]}: {why_mesh}",
        "conv_thr": f"{keys['electrons']['conv_thr']} Ry: {dft.conv_thr:g} Ry an atom",
        "max_seconds": f"{keys['control']['max_seconds']} s: a clean stop within the wall time of {walltime:g} s",
    }
    for key, value in step.changes.items():
        reasons[key] = f"{value}: {step.sentence}"
    return reasons


def _expectation(atoms: Atoms, dft: DFTConfig, mesh: Mesh, keys: Namelists) -> dict[str, Any]:
    headers = {symbol: read_upf(Path(dft.pseudo_dir) / dft.pseudopotentials[symbol]) for symbol in species(atoms)}
    valences = [headers[symbol].valence for symbol in atoms.get_chemical_symbols()]
    known = [valence for valence in valences if valence is not None]
    charge = float(keys["system"].get("tot_charge", 0.0))
    return {
        "natoms": len(atoms),
        "species": species(atoms),
        "kpoints": list(mesh),
        "nspin": int(keys["system"].get("nspin", 1)),
        "ecutwfc": float(keys["system"]["ecutwfc"]),
        "conv_thr": float(keys["electrons"]["conv_thr"]),
        "electrons": sum(known) - charge if len(known) == len(valences) else None,
    }
