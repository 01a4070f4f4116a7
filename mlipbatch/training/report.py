"""report.json: what was trained, how well, and why so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlipbatch.training.contest import Contest, Task
from mlipbatch.training.contradiction import sentence
from mlipbatch.training.errors import all_errors, grades, summary
from mlipbatch.training.labels import Label
from mlipbatch.training.linear import LinearFit
from mlipbatch.training.model import Model
from mlipbatch.training.progress import Clock, Progress
from mlipbatch.training.references import References

CONVENTION = (
    "weight times the mean squared error: total energies (eV) over structures, force components (eV/A),"
    " stress components times volume (eV)"
)
NO_STRESS = "pacemaker's own loss has no stress term: stress counts in the closed form and in the choice between them"


def make(model: Model, labels: Sequence[Label], tested: Sequence[Label], clock: Clock) -> dict[str, Any]:
    """Errors of the final potential on training and test data, sizes, grades and times."""
    train = all_errors(model, labels, Progress("errors of structure", len(labels), clock.say))
    test = all_errors(model, tested)
    clock.step("errors")
    masked = [label for label in labels if label.masked]
    return {
        "structures": len(labels),
        "atoms": sum(len(label.atoms) for label in labels),
        "masked_structures": len(masked),
        "masked_atoms": sum(int((~label.mask).sum()) for label in masked),
        "train": summary(train),
        "test": summary(test) if tested else None,
        "gamma": grades(test) if tested else None,
        "seconds": {**clock.seconds, "total": round(sum(clock.seconds.values()), 3)},
    }


def settings(task: Task, closed: LinearFit, contest: Contest, references: References) -> dict[str, Any]:
    """What was fitted with, what was chosen, and on what grounds."""
    choice, config, potential = closed.choice, task.config, task.potential
    return {
        "elements": list(potential.elements),
        "functions": potential.functions,
        "cutoff": potential.cutoff,
        "radial_basis": config.radial_basis,
        "zbl": {"inner": potential.zbl_inner, "outer": potential.zbl_outer},
        "reference_energies": references.energies,
        "reference_energies_from": references.sources,
        "weights": {
            "configured": config.weights.model_dump(),
            "used": choice.recipe.weights(config.weights).model_dump(),
            "convention": CONVENTION,
        },
        "ridge": {"strength": choice.recipe.strength, "smoothness": choice.recipe.smoothness},
        "cross_validation": {
            "folds": len(closed.folds.held_out),
            "energy_rmse_mev_per_atom": None if choice.energy_rmse is None else choice.energy_rmse * 1e3,
            "force_rmse_mev_per_a": None if choice.force_rmse is None else choice.force_rmse * 1e3,
        },
        "chosen": contest.chosen,
        "validation": contest.candidates.get(contest.chosen),
        "candidates": {name: _short(errors) for name, errors in contest.candidates.items()},
        "pacemaker": contest.said,
        "notes": [
            *([sentence(closed.dropped)] if closed.dropped else []),
            *([NO_STRESS] if contest.candidates else []),
        ],
        "seed": task.seed,
    }


def headline(written: dict[str, Any]) -> list[str]:
    """A few lines for people."""
    size = f"{written['functions']} functions, cutoff {written['cutoff']:g} A, {written['structures']} structures"
    sets = [name for name in ("train", "validation", "test") if written[name]]
    return [f"{size}: {written['chosen']}", *(f"{name}: {_figures(written[name])}" for name in sets)]


def _figures(errors: dict[str, Any]) -> str:
    texts = [
        (errors["energy_rmse_mev_per_atom"], "energy {:.2f} meV/atom"),
        (errors["force_rmse_mev_per_a"], "force {:.1f} meV/A"),
        (errors["stress_rmse_gpa"], "stress {:.3f} GPa"),
    ]
    return "RMSE " + ", ".join(text.format(value) for value, text in texts if value is not None)


def _short(errors: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in errors.items() if name != "by_config_type"}
