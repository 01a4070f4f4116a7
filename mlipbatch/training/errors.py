"""How far a potential is from labels, by quantity and config_type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from ase import units

from mlipbatch.training.labels import Label
from mlipbatch.training.model import Model
from mlipbatch.training.zbl import Array

GRADE_BINS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, np.inf)


class Errors(NamedTuple):
    """Differences, prediction less label, of one structure. Buffer atoms, and energy and stress of what has any, are left out."""

    config_type: str
    energy: Array  # [0 or 1] eV/atom
    forces: Array  # [n_core_atoms, 3] eV/A
    stress: Array  # [0 or 6] eV/A^3
    gamma: Array  # [n_core_atoms]


def structure_errors(model: Model, label: Label) -> Errors:
    """Predict `label`'s structure and compare."""
    prediction, gamma = model.predict(label.atoms)
    energy = [] if label.energy is None else [(prediction.energy - label.energy) / len(label.atoms)]
    stress = [] if label.virial is None else (prediction.virial - label.virial) / label.atoms.get_volume()
    forces = (prediction.forces - label.forces)[label.mask]
    return Errors(label.config_type, np.array(energy), forces, np.array(stress), gamma[label.mask])


def all_errors(model: Model, labels: Sequence[Label], told: Callable[[int], None] = lambda _: None) -> list[Errors]:
    """`structure_errors` of all `labels`; `told` hears how many are done."""
    errors = []
    for count, label in enumerate(labels, start=1):
        errors.append(structure_errors(model, label))
        told(count)
    return errors


def summary(errors: Iterable[Errors]) -> dict[str, Any]:
    """RMSE and MAE of every quantity, overall and by config_type; None where there is no such label."""
    errors = list(errors)
    groups: dict[str, list[Errors]] = defaultdict(list)
    for one in errors:
        groups[one.config_type].append(one)
    return {**_quantities(errors), "by_config_type": {name: _quantities(groups[name]) for name in sorted(groups)}}


def _quantities(errors: Sequence[Errors]) -> dict[str, Any]:
    energy = np.concatenate([one.energy for one in errors]) if errors else np.zeros(0)
    forces = np.concatenate([one.forces.ravel() for one in errors]) if errors else np.zeros(0)
    stress = np.concatenate([one.stress for one in errors]) if errors else np.zeros(0)
    rows = {"structures": len(errors), "atoms": sum(len(one.forces) for one in errors)}
    for name, kind in (("rmse", _rmse), ("mae", _mae)):
        rows[f"energy_{name}_mev_per_atom"] = kind(energy, 1e3)
        rows[f"force_{name}_mev_per_a"] = kind(forces, 1e3)
        rows[f"force_{name}_ev_per_a"] = kind(forces, 1.0)
        rows[f"stress_{name}_gpa"] = kind(stress, 1.0 / units.GPa)
    return rows


def _rmse(values: Array, unit: float) -> Any:
    return float(np.sqrt(np.mean(values**2)) * unit) if values.size else None


def _mae(values: Array, unit: float) -> Any:
    return float(np.mean(np.abs(values)) * unit) if values.size else None


def grades(errors: Sequence[Errors]) -> dict[str, Any]:
    """Gamma against the true force error of every atom: what the grade is worth on data that was not trained on."""
    if not errors:
        return {"atoms": 0, "bins": []}
    gamma = np.concatenate([one.gamma for one in errors])
    error = np.concatenate([np.linalg.norm(one.forces, axis=1) for one in errors])
    bins = []
    for low, high in pairwise(GRADE_BINS):
        inside = (gamma >= low) & (gamma < high)
        if inside.any():
            rmse = float(np.sqrt(np.mean(error[inside] ** 2 / 3.0)) * 1e3)
            limits = {"gamma_from": low, "gamma_to": high if np.isfinite(high) else None}
            bins.append({**limits, "atoms": int(inside.sum()), "force_rmse_mev_per_a": rmse})
    return {
        "atoms": len(gamma),
        "median": float(np.median(gamma)),
        "percentile_95": float(np.percentile(gamma, 95)),
        "largest": float(gamma.max()),
        "spearman_with_force_error": _spearman(gamma, error),
        "bins": bins,
    }


def _spearman(first: Array, second: Array) -> float | None:
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    ranks = [np.argsort(np.argsort(values)).astype(float) for values in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
