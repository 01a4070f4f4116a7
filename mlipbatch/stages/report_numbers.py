"""report.json: every number that there is, and for every one that there is not, why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlipbatch.config.errors import InputError
from mlipbatch.core.job import generation_name
from mlipbatch.core.state import JobState
from mlipbatch.properties.compare import Comparison, compare
from mlipbatch.stages import report_jobs
from mlipbatch.stages.report_data import ACTIVE, TEST, TRAIN, Collected, Walk
from mlipbatch.stages.report_errors import Loader, Prediction, by_config_type, errors, learning_curve, predict, taught

ERRORS = ("energy_rmse_mev_per_atom", "energy_mae_mev_per_atom", "force_rmse_mev_per_a", "force_mae_mev_per_a")
GAMMA_LOW, GAMMA_HIGH = 2.0, 10.0  # SPEC 6, where the configuration cannot be read


@dataclass(frozen=True)
class Goal:
    """What a potential is held to, in the unit of its key in report.json."""

    key: str
    name: str
    limit: float


GOALS = (
    Goal("energy_rmse_mev_per_atom", "energy error", 8.0),
    Goal("force_rmse_mev_per_a", "force error", 60.0),
    Goal("lattice_constant_rel_error", "lattice constant", 0.005),
    Goal("bulk_modulus_rel_error", "bulk modulus", 0.10),
)


@dataclass(frozen=True)
class Findings:
    """report.json, and what the plots need besides."""

    numbers: dict[str, Any]
    predictions: list[Prediction]  # of the newest potential, finite ones, for every label but isolated atoms


def find(data: Collected, load: Loader) -> Findings:
    """Compute all numbers; `load` makes an ASE calculator of a potential's folder."""
    missing = dict(data.problems)
    jobs, odd = report_jobs.read_jobs(data.project)
    if odd:
        missing["jobs"] = odd
    calculator = _active(data, load, missing)
    predictions = _predict(data, calculator, missing)
    curves = _curves(data, calculator, missing)
    numbers = {
        "project": data.project.name,
        "written": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        **_labels(data),
        "potential": str(data.potentials[max(data.potentials)]) if data.potentials else None,
        "generations": len(data.potentials),
        **_accuracy(data, predictions, missing),
        **_crystal(curves, missing),
        "eos": [curve.as_json() for curve in curves],
        "learning_curve": learning_curve(data, predictions, load) if predictions else [],
        "active_learning": taught(data, predictions, load) if data.part(ACTIVE) else [],
        "gamma": _gamma(data, missing),
        **_work(data, jobs, missing),
        "missing": missing,
    }
    plain = _finite(numbers)
    for goal in GOALS:
        if plain[goal.key] is None:
            plain["missing"].setdefault(
                goal.key, "the potential says infinity, or no number, for one of these structures"
            )
    return Findings({**plain, "verdict": verdict(plain)}, [p for p in predictions if p.finite])


def _finite(value: Any) -> Any:
    """The same without infinities and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _active(data: Collected, load: Loader, missing: dict[str, str]) -> Any:
    """The newest potential's calculator, or None with the reason."""
    if not data.potentials:
        missing["potential"] = "nothing was trained yet"
        return None
    try:
        return load(data.potentials[max(data.potentials)])
    except InputError as error:
        missing["potential"] = str(error)
        return None


def _predict(data: Collected, calculator: Any, missing: dict[str, str]) -> list[Prediction]:
    if calculator is None:
        return []
    try:
        return predict(data.labels, calculator)
    except InputError as error:
        missing["predictions"] = str(error)
        return []


def _labels(data: Collected) -> dict[str, Any]:
    return {
        "labels": len(data.labels),
        "labels_by_config_type": dict(sorted(Counter(label.config_type for label in data.labels).items())),
        "labels_by_generation": dict(
            sorted(Counter(generation_name(label.generation) for label in data.labels).items())
        ),
        "training_labels": len(data.part(TRAIN, ACTIVE)),
        "held_out_labels": len(data.part(TEST)),
        "masked_labels": sum(label.masked for label in data.labels),
        "candidates": {generation_name(number): steps for number, steps in data.candidates.items()},
    }


def _accuracy(data: Collected, predictions: Sequence[Prediction], missing: dict[str, str]) -> dict[str, Any]:
    """Held-out errors under their plain names; those of training under `training`."""
    held_out = errors([p for p in predictions if p.label.part == TEST])
    for key in ERRORS:
        if held_out[key] is None:
            missing[key] = missing.get("potential") or missing.get("predictions") or _no_test(data)
    return {
        **{key: value for key, value in held_out.items() if key != "labels"},
        "training": errors([p for p in predictions if p.label.part in (TRAIN, ACTIVE)]),
        "errors_by_config_type": by_config_type(predictions),
    }


def _no_test(data: Collected) -> str:
    if not data.labels:
        return "there are no labels yet"
    return "no label is held out: data/test.extxyz has none"


def _curves(data: Collected, calculator: Any, missing: dict[str, str]) -> list[Comparison]:
    """A comparison for each composition that has reference labels."""
    if not data.reference or calculator is None:
        reason = "no label of config_type eos_reference is there" if not data.reference else missing["potential"]
        missing["eos"] = reason
        return []
    groups: dict[str, list[Any]] = {}
    for frame in data.reference:
        groups.setdefault(str(frame.symbols.formula.reduce()[0]), []).append(frame)
    crystal = data.config.target_system.crystal_structure if data.config else ""
    try:
        return [compare(group, calculator, crystal=crystal) for _, group in sorted(groups.items())]
    except InputError as error:
        missing["eos"] = str(error)
        return []


def _crystal(curves: Sequence[Comparison], missing: dict[str, str]) -> dict[str, float | None]:
    """The largest of the relative errors of all compositions, without its sign; None where one of them is not there."""
    found: dict[str, float | None] = {}
    for key in ("lattice_constant_rel_error", "bulk_modulus_rel_error"):
        values = [getattr(curve, key) for curve in curves]
        found[key] = max(abs(value) for value in values) if values and None not in values else None
        if found[key] is None:
            missing[key] = "; ".join(curve.reason for curve in curves if curve.reason) or missing["eos"]
    return found


def _gamma(data: Collected, missing: dict[str, str]) -> dict[str, Any]:
    """Histograms of gamma over all atoms and looks, summed over the walks of a generation; and the walks one by one."""
    thresholds = (
        (data.config.exploration.gamma_low, data.config.exploration.gamma_high)
        if data.config
        else (GAMMA_LOW, GAMMA_HIGH)
    )
    by_generation: dict[int, list[Walk]] = {}
    for walk in data.walks:
        by_generation.setdefault(walk.generation, []).append(walk)
    if not data.walks and "gamma" not in missing:
        missing["gamma"] = "no walk has ended yet"
    histograms = {generation_name(number): _summed(walks) for number, walks in by_generation.items()}
    return {
        "low": thresholds[0],
        "high": thresholds[1],
        "histogram": {name: histogram for name, histogram in histograms.items() if histogram},
        "walks": [_walk(walk) for walk in data.walks],
    }


def _summed(walks: Sequence[Walk]) -> dict[str, Any] | None:
    """Counts added up over walks with the same bins as the first; None where no walk has any."""
    graded = [walk.histogram for walk in walks if walk.histogram[0]]
    if not graded:
        return None
    edges = graded[0][0]
    same = [atoms for bins, atoms in graded if bins == edges]
    return {"from": edges, "atoms": [sum(column) for column in zip(*same, strict=True)]}


def _walk(walk: Walk) -> dict[str, Any]:
    keys = ("temperature", "atoms", "steps", "timestep", "frames", "gamma_max", "ended", "retries")
    return {"generation": walk.generation, "name": walk.name, **{key: walk.facts.get(key) for key in keys}}


def _work(data: Collected, jobs: Sequence[report_jobs.JobStory], missing: dict[str, str]) -> dict[str, Any]:
    wall = report_jobs.wall_seconds(jobs)
    if wall is None:
        missing["wall_s"] = "no job has a history yet"
    states = Counter(job.state.value for job in jobs)
    return {
        "jobs": {state.value: states.get(state.value, 0) for state in JobState},
        "recovered": report_jobs.recovered(data.project, jobs),
        "given_up": report_jobs.failed(jobs, labels=True),
        "failed_jobs": report_jobs.failed(jobs, labels=False),
        "wall_s": wall,
        "timeline": report_jobs.timeline(jobs),
    }


def verdict(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """`state`: good (all goals met), short (one missed), open (none missed, but not all can be told); and a sentence."""
    goals = [_judged(goal, numbers[goal.key]) for goal in GOALS]
    missed = [goal["name"] for goal in goals if goal["met"] is False]
    unknown = [goal["name"] for goal in goals if goal["met"] is None]
    if missed:
        state, sentence = "short", f"Outside its goal: {_listed(missed)}"
    elif unknown:
        state, sentence = "open", f"Not known yet: {_listed(unknown)}"
    else:
        state, sentence = "good", "Within all goals, on structures it was not trained on"
    return {"state": state, "sentence": sentence, "goals": goals}


def _judged(goal: Goal, value: float | None) -> dict[str, Any]:
    met = None if value is None else value <= goal.limit
    return {"key": goal.key, "name": goal.name, "value": value, "limit": goal.limit, "met": met}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
