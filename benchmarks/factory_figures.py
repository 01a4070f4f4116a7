"""What the job folders of one `mlipbatch label` say, and whether its labels are what pw.x printed: `factory.py` prints it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from ase import Atoms

from mlipbatch.config.scf_cost import Model, Size, Timing, learn
from mlipbatch.stages import timings
from mlipbatch.store.durable import read_frames

RYDBERG = 13.605693122994  # eV, CODATA 2018
LAST_ENERGY = re.compile(r"^!\s+total energy\s+=\s+(\S+) Ry", re.MULTILINE)
ACCURACY = re.compile(r"estimated scf accuracy\s+<\s+(\S+) Ry")
CPU = re.compile(r"^ +PWSCF +:\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*([\d.]+)?s? CPU", re.MULTILINE)
ASKED = re.compile(r"^\s*(conv_thr|degauss)\s*=\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Try:
    """One attempt, as its folder has it."""

    folder: Path
    rung: str
    restarted: bool  # from the density of another attempt
    size: Size | None  # as it was forecast with
    began: float  # s since the epoch
    ended: float
    cpu_s: float | None  # of pw.x


@dataclass(frozen=True)
class Outcome:
    """What came of one structure."""

    family: str
    name: str
    absurd: bool  # there is no calculation for it
    tries: list[Try]
    energy: float | None  # eV; None: given up
    reason: str
    timing: Timing | None  # of the attempt that counts

    @property
    def path(self) -> str:
        """Its rungs; a star: from the density of the attempt before."""
        return " > ".join(one.rung + "*" * one.restarted for one in self.tries) or "none"


def read_outcomes(family: str, jobs: Path, labels: Iterable[Atoms], given_up: Iterable[Atoms]) -> list[Outcome]:
    """Of all structures of one label command, in the order of their names. `jobs`: OUT.jobs/jobs."""
    found = []
    for atoms in [*labels, *given_up]:
        folder = jobs / "gen000" / "scf" / atoms.info["name"]
        tries = [_read(path) for path in sorted(folder.glob("attempt-*"), key=lambda path: int(path.name[8:]))]
        energy = float(atoms.info["REF_energy"]) if "REF_energy" in atoms.info else None
        last = tries[-1].folder / "verdict.yaml" if tries else None
        timing = timings.timing(yaml.safe_load(last.read_text())) if last and energy is not None else None
        reason = str(atoms.info.get("reason", ""))
        expected = atoms.info.get("expected") == "refused"
        found.append(Outcome(family, atoms.info["name"], expected, tries, energy, reason, timing))
    return sorted(found, key=lambda one: one.name)


def _read(folder: Path) -> Try:
    record = yaml.safe_load((folder / "attempt.yaml").read_text())
    step, size = record["step"], record.get("size")
    output = (folder / "pw.out").read_text(errors="replace") if (folder / "pw.out").exists() else ""
    spent = CPU.findall(output)
    cpu = sum(float(part or 0) * unit for part, unit in zip(spent[-1], (3600, 60, 1), strict=True)) if spent else None
    began, ended = ((folder / marker).stat().st_mtime for marker in ("started", "exit"))
    return Try(
        folder, record["rung"], step["restart_from"] is not None, Size(**size) if size else None, began, ended, cpu
    )


def wrong_labels(outcomes: Sequence[Outcome]) -> list[str]:
    """Labels that the output of their attempt, read here by a few patterns, does not bear out: there must be none."""
    found = []
    for one in outcomes:
        if one.energy is None:
            continue
        text, asked = (_text(one.tries[-1].folder, name) for name in ("pw.out", "pw.in"))
        energies, accuracies = LAST_ENERGY.findall(text), ACCURACY.findall(text)
        wanted = {key: float(value.lower().replace("d", "e")) for key, value in ASKED.findall(asked)}
        own = dict(ASKED.findall(_text(one.tries[0].folder, "pw.in")))[
            "degauss"
        ]  # that of the first attempt is the data set's
        sound = {
            "convergence has been achieved": "convergence has been achieved in" in text,
            "no other run": len(energies) == 1 and "convergence NOT achieved" not in text and "JOB DONE." in text,
            "energy": bool(energies) and math.isclose(float(energies[-1]) * RYDBERG, one.energy, rel_tol=1e-9),
            "accuracy": bool(accuracies) and float(accuracies[-1]) <= wanted["conv_thr"],
            "degauss": wanted["degauss"] == float(own),
            "exit code": _text(one.tries[-1].folder, "exit").split()[0] == "0",
        }
        found += [f"{one.name}: {what}" for what, holds in sound.items() if not holds]
    return found


def _text(folder: Path, name: str) -> str:
    return (folder / name).read_text(errors="replace")


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts, paths up the ladder, reasons, core-hours and how far the cost model was off."""
    labelled = [one for one in outcomes if one.energy is not None]
    unlabelled = [one for one in outcomes if one.energy is None]
    tries = [each for one in outcomes for each in one.tries]
    failed = [each for one in outcomes for each in (one.tries if one.energy is None else one.tries[:-1])]
    return {
        "structures": len(outcomes),
        "labelled": len(labelled),
        "recovered": sum(len(one.tries) > 1 for one in labelled),
        "refused before pw.x": sum(not one.tries for one in unlabelled),
        "absurd": sum(one.absurd for one in outcomes),
        "absurd that reached pw.x": sum(one.absurd and bool(one.tries) for one in outcomes),
        "given up after attempts": sum(bool(one.tries) for one in unlabelled),
        "paths of labels": dict(Counter(one.path for one in labelled).most_common()),
        "given up": {one.name: f"{one.path}: {one.reason}" for one in unlabelled},
        "unconverged accepted": len(wrong_labels(outcomes)),
        "attempts": len(tries),
        "core_hours": _core_hours(tries),
        "core_hours of failed attempts": _core_hours(failed),
        "cpu_hours of pw.x": round(sum(each.cpu_s or 0.0 for each in tries) / 3600, 4),
        "cost": cost(outcomes),
    }


def _core_hours(tries: Iterable[Try]) -> float:
    """Of one core each, from the job's start to its end."""
    return round(sum(each.ended - each.began for each in tries) / 3600, 4)


def cost(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How far forecasts for labels from first attempts were off: the median of |forecast / measured - 1|.

    `prior`: what is known before any job has finished. `learned`: each one from the jobs of its family that had finished when
    it began, as the factory does it. `wall` is what the factory learns from and asks for; `cpu` is the same with CPU seconds,
    which other work on the machine does not stretch.
    """
    counted = [one for one in outcomes if one.timing is not None and one.timing.usual and one.tries[-1].size]
    walls = [one.timing.wall_s for one in counted if one.timing]
    return {
        "jobs": len(counted),
        "measured_s": [round(min(walls), 2), round(median(walls), 2), round(max(walls), 2)] if walls else None,
        "wall": _off(counted, lambda one: one.timing.wall_s if one.timing else 0.0),
        "cpu": _off(counted, lambda one: one.tries[-1].cpu_s or 0.0),
    }


def _off(outcomes: Sequence[Outcome], seconds: Callable[[Outcome], float]) -> dict[str, float | None]:
    prior, learned, enough = [], [], []
    for one in outcomes:
        last, size = one.tries[-1], one.tries[-1].size
        before = [each for each in outcomes if each.family == one.family and each.tries[-1].ended <= last.began]
        known = [replace(each.timing, wall_s=seconds(each)) for each in before if each.timing]
        if size is None or seconds(one) <= 0:
            continue
        prior.append(abs(Model().seconds(size) / seconds(one) - 1))
        learned.append(abs(learn(known).seconds(size) / seconds(one) - 1))
        if len(known) >= timings.ENOUGH:
            enough.append(learned[-1])
    return {"prior": _median(prior), "learned": _median(learned), "learned, five or more known": _median(enough)}


def _median(values: Sequence[float]) -> float | None:
    return round(median(values), 3) if values else None


def disagreement(one: Sequence[Outcome], other: Sequence[Outcome]) -> dict[str, Any]:
    """Two places: structures that only one of them labelled, and the largest difference of energies of the others, meV a cell."""
    first, second = ({each.name: each for each in outcomes} for outcomes in (one, other))
    both = [name for name in first if first[name].energy is not None and second[name].energy is not None]
    apart = {name: 1000 * abs((first[name].energy or 0.0) - (second[name].energy or 0.0)) for name in both}
    return {
        "labelled by both": len(both),
        "labelled by one only": [
            name for name in first if (first[name].energy is None) != (second[name].energy is None)
        ],
        "largest_difference_mev": round(max(apart.values(), default=0.0), 6),
        "identical": sum(value == 0 for value in apart.values()),
        "another path": [name for name in both if first[name].path != second[name].path],
    }


def frames(path: Path) -> list[Atoms]:
    """Those of a file that may be empty."""
    return read_frames(path) if path.stat().st_size else []
