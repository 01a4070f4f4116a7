"""Labels from an output that was diagnosed as a success."""

from __future__ import annotations

import re
from pathlib import Path

from mlipbatch.dft.base import Labels
from mlipbatch.dft.quantum_espresso.diagnose import decide
from mlipbatch.dft.quantum_espresso.evidence import gather
from mlipbatch.dft.quantum_espresso.output import Run, read_output

RYDBERG = 13.605693122994  # eV, CODATA 2018
BOHR = 0.529177210903  # A, CODATA 2018
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def read_output_labels(output: Path) -> Labels:
    """The labels in an output file of pw.x; raises ValueError, with the verdict, where it must not become a label."""
    evidence = gather(output)
    verdict = decide(evidence)
    if not verdict.ok:
        raise ValueError(f"{output}: {verdict.name}: {verdict.sentence}")
    return labels(read_output(evidence.output or ""))


def labels(run: Run) -> Labels:
    """`run`, one diagnosed as ok, in eV and A. pw.x prints the stress with the sign of a pressure; ASE's is the other one."""
    if run.energy is None or run.accuracy is None or run.stress is None:
        raise ValueError("this run has no results: diagnose it first")
    force, pressure = RYDBERG / BOHR, RYDBERG / BOHR**3
    return Labels(
        energy=run.energy * RYDBERG,
        forces=[[component * force for component in row] for row in run.forces],
        stress=[-run.stress[i][j] * pressure for i, j in VOIGT],
        symbols=[re.sub(r"[^A-Za-z].*", "", label) for label in run.symbols],
        magnetization=run.magnetization,
        absolute_magnetization=run.absolute_magnetization,
        iterations=run.iterations,
        accuracy=run.accuracy,
        wall_s=run.wall_s,
        kpoints=int(run.header.get("kpoints", 0)),
        smearing_energy=None if run.smearing_energy is None else run.smearing_energy * RYDBERG,
        version=run.version or "",
        facts=dict(run.header),
    )
