"""Labels from an output that was diagnosed as a success."""

from __future__ import annotations

from pathlib import Path

from mlipbatch.dft.abinit.diagnose import diagnose
from mlipbatch.dft.abinit.layout import OUTPUT
from mlipbatch.dft.abinit.output import read_output
from mlipbatch.dft.abinit.units import BOHR, HARTREE, RYDBERGS
from mlipbatch.dft.base import Labels


def labels(folder: Path) -> Labels:
    """The labels of an attempt; raises ValueError, with the verdict, where it must not become a label.

    The energy is ABINIT's total_energy, the free energy E - TS, which forces and stress are derivatives of.
    """
    verdict = diagnose(folder, None, None)
    run = read_output((folder / OUTPUT).read_text(errors="replace")) if verdict.ok else None
    if run is None or run.energy is None or run.stress is None:
        raise ValueError(f"{folder}: {verdict.name}: {verdict.sentence}")
    return Labels(
        energy=run.energy * HARTREE,
        forces=[[component * HARTREE / BOHR for component in row] for row in run.forces],
        stress=[component * HARTREE / BOHR**3 for component in run.stress],
        symbols=run.symbols,
        magnetization=run.magnetization,
        absolute_magnetization=None,
        iterations=len(run.changes),
        accuracy=RYDBERGS * abs(run.changes[-1]),
        wall_s=run.wall_s,
        kpoints=int(run.header["nkpt"]),
        version=f"ABINIT {run.version}",
        facts=dict(run.header),
    )
