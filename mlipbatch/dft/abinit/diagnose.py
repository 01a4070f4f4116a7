"""May the results of a run of ABINIT be used? Every rule must agree; the first that does not names the failure."""

from __future__ import annotations

import math
import re
from pathlib import Path

from mlipbatch.core.failure import Diagnosis, Fact
from mlipbatch.dft import machine
from mlipbatch.dft.abinit import names
from mlipbatch.dft.abinit.layout import ERRORS, INPUT, LOG, OUTPUT
from mlipbatch.dft.abinit.output import NUMBER, Run, errors, number, read_output
from mlipbatch.dft.abinit.units import RYDBERGS
from mlipbatch.dft.electrons import slope

SAME = 1e-6  # relative: numbers of the output that are those of the input
PRINTED = {"ecut": 0.051, "toldfe": 0.01}  # Ha: one decimal; relative: three digits


def diagnose(folder: Path, exit_code: int | None, scheduler: str | None) -> Diagnosis:
    """The verdict on one attempt. Raises nothing."""
    output, log, said = (_text(folder / name) for name in (OUTPUT, LOG, ERRORS))
    run, asked = read_output(output), read_input(_text(folder / INPUT))
    found = errors(log) or errors(said) or errors(output)
    facts = _facts(run, exit_code, found)
    wrong = _failure(run, found, said, exit_code, scheduler) or _results(run, asked) or _disagreement(run, asked)
    if wrong is not None:
        return Diagnosis(False, *wrong, facts)
    accuracy = RYDBERGS * abs(run.changes[-1])
    return Diagnosis(True, "ok", f"converged in {len(run.changes)} SCF steps, the last of {accuracy:.1e} Ry", facts)


def read_input(text: str) -> dict[str, float]:
    """The keywords of run.abi that have one number, and the number of k-points of the whole mesh."""
    found = {key: number(value) for key, value in re.findall(rf"^([a-z]\w*) ({NUMBER})$", text, re.MULTILINE)}
    mesh = re.search(r"^ngkpt (\d+) (\d+) (\d+)$", text, re.MULTILINE)
    return {**found, "kpoints": float(math.prod(int(points) for points in mesh.groups()))} if mesh else found


def _failure(
    run: Run, found: list[tuple[str, str]], said: str, exit_code: int | None, scheduler: str | None
) -> tuple[str, str] | None:
    last = (said.strip().splitlines() or [""])[-1].strip()[:300]
    if found:
        return names.name_of_error(*found[0]), f"{found[0][0]}: {found[0][1]}"[:500]
    if not run.completed:
        return machine.unfinished(exit_code, scheduler, last)
    if exit_code not in (0, None):
        return machine.unfinished(exit_code, scheduler, last)
    if run.unconverged or not run.converged:
        changed = f"the last changed the energy by {run.changes[-1]:.1e} Ha" if run.changes else "it had no step"
        return names.NOT_CONVERGED, f"the SCF did not converge in {len(run.changes)} steps: {changed}"
    return None


def _results(run: Run, asked: dict[str, float]) -> tuple[str, str] | None:
    lacking = {
        "energy": run.energy is None or not run.energies,
        "forces on all atoms": len(run.forces) != asked.get("natom", -1) or len(run.symbols) != len(run.forces),
        "stress": run.stress is None,
    }
    for what, missing in lacking.items():
        if missing:
            return names.RESULTS_MISSING, f"the output has no {what}"
    if run.energy is None or abs(run.energy - run.energies[-1]) > SAME * abs(run.energy):
        return names.RESULTS_MISSING, "the energy is not that of the last SCF step"
    values = [run.energy, *(run.stress or []), *(component for row in run.forces for component in row)]
    if not all(math.isfinite(value) for value in values):
        return names.RESULTS_MISSING, "energy, forces or stress are not finite"
    return None


def _disagreement(run: Run, asked: dict[str, float]) -> tuple[str, str] | None:
    """Does the output say what its input asked for?"""
    for key in ("natom", "ecut", "nsppol", "occopt", "tsmear", "toldfe"):
        wanted, had = asked.get(key), run.header.get(key)
        if key == "occopt" and wanted is not None and wanted < 3:
            return "fixed_occupations", "occopt has no smearing: on a metal that is silently wrong"
        if wanted is None or had is None or abs(wanted - had) > _tolerance(key, wanted):
            return names.MISMATCH, f"{key} is {had} in the output and {wanted} in the input"
    points, most = run.header.get("nkpt", 0.0), asked.get("kpoints", 0.0)
    if not 1 <= points <= most:
        return "kpoints_missing", f"{points:g} k-points cannot be of a mesh of {most:g}"
    return None


def _tolerance(key: str, wanted: float) -> float:
    return PRINTED["ecut"] if key == "ecut" else PRINTED.get(key, SAME) * abs(wanted)


def _facts(run: Run, exit_code: int | None, found: list[tuple[str, str]]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "version": run.version,
        "iterations": len(run.changes) or None,
        "accuracy": RYDBERGS * abs(run.changes[-1]) if run.changes else None,
        "slope": slope([abs(change) for change in run.changes]),
        "wall_s": run.wall_s,
        "exit_code": exit_code,
        "signal": machine.signal_of(exit_code) or None,
        "error": f"{found[0][0]}: {found[0][1]}"[:500] if found else None,
    }
    return {
        key: value
        for key, value in facts.items()
        if value is not None and (not isinstance(value, float) or math.isfinite(value))
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
