"""Closed form against pacemaker, decided on roots that neither was fitted to. The test set is not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mlipbatch.config.model import TrainingConfig
from mlipbatch.core.potential import Potential
from mlipbatch.training.basis import load_basis
from mlipbatch.training.errors import all_errors, summary
from mlipbatch.training.linear import Data, LinearFit, fit_linear
from mlipbatch.training.model import Model
from mlipbatch.training.progress import Say
from mlipbatch.training.refine import Refined, refine
from mlipbatch.training.ridge import score

CLOSED, REFINED, BOTH = "closed form", "pacemaker", "closed form in pacemaker's radial functions"
MARGIN = 0.9  # of the closed form's score: one fold of a few dozen structures does not tell smaller differences


@dataclass(frozen=True)
class Task:
    """What a potential is trained on and with."""

    data: Data
    fold_of: list[int | None]  # fold of each structure; fold 0 is what the contest is decided on
    config: TrainingConfig
    potential: Potential  # all but the basis, which is what this is about
    seed: int
    say: Say

    def linear(self, basis: Any) -> LinearFit:
        """The closed form in `basis`."""
        return fit_linear(basis, self.data, self.fold_of, self.config.weights, self.say)

    def validate(self, basis: Any) -> dict[str, Any]:
        """Errors of a potential on the validation roots, and their geometric mean as `score`."""
        held_out = [label for (label, _), fold in zip(self.data, self.fold_of, strict=True) if fold == 0]
        errors = summary(all_errors(Model(basis, self.potential, graded=False), held_out))
        names = ("energy_rmse_mev_per_atom", "force_rmse_mev_per_a", "stress_rmse_gpa")
        return {**errors, "score": score(*(errors[name] or 0.0 for name in names))}


class Contest(NamedTuple):
    """The winner and how all did."""

    chosen: str
    basis: Any  # of the final potential: fitted to all training data where it is a closed form
    candidates: dict[str, dict[str, Any]]  # errors on the validation roots
    said: str  # what pacemaker did


def hold_contest(closed: LinearFit, task: Task, folder: Path) -> Contest:
    """Refine the closed form by pacemaker on all folds but the first, and compare on that. `folder` is made for pacemaker."""
    refused = _no_contest(closed, task.config)
    if refused:
        return Contest(CLOSED, closed.potential(), {}, refused)
    start = closed.potential(without=closed.folds.held_out[0])
    refined = _refine(start, closed, task, folder, without=0)
    if refined.potential is None:
        return Contest(CLOSED, closed.potential(), {CLOSED: task.validate(start)}, refined.said)
    improved = load_basis(refined.potential)
    again = task.linear(improved)  # pacemaker's radial functions, stress and all data again
    candidates = {
        CLOSED: task.validate(start),
        REFINED: task.validate(improved),
        BOTH: task.validate(again.potential(without=again.folds.held_out[0])),
    }
    chosen = winner({name: float(errors["score"]) for name, errors in candidates.items()})
    final = {CLOSED: closed, BOTH: again}.get(chosen)
    if final is not None:
        return Contest(chosen, final.potential(), candidates, refined.said)
    whole = _refine(improved, closed, task, folder.with_name(f"{folder.name}-all"), without=None)
    if whole.potential is None:
        return Contest(chosen, improved, candidates, f"{refined.said}, without the validation structures; {whole.said}")
    said = f"{refined.said}, then again on all training structures"
    return Contest(chosen, load_basis(whole.potential), candidates, said)


def winner(scores: Mapping[str, float]) -> str:
    """The lowest score; but what took more than linear algebra has to be better by `MARGIN`, or it is luck."""
    best = min(scores, key=lambda name: scores[name])
    return best if scores[best] < MARGIN * scores[CLOSED] else CLOSED


def _refine(start: Any, closed: LinearFit, task: Task, folder: Path, without: int | None) -> Refined:
    """pacemaker from `start`, on all structures but those of one fold and lone atoms."""
    trained = [
        pair
        for pair, fold in zip(task.data, task.fold_of, strict=True)
        if not pair[0].isolated and (without is None or fold != without)
    ]
    weights = closed.choice.recipe.weights(task.config.weights)
    program, steps = task.config.pacemaker_command, task.config.refine_steps
    task.say(f"pacemaker: {steps} steps on {len(trained)} structures")
    return refine(start, trained, weights, steps, seed=task.seed, command=program, folder=folder)


def _no_contest(closed: LinearFit, config: TrainingConfig) -> str:
    if not config.refine_steps:
        return "pacemaker was not asked for (refine_steps is 0)"
    if not closed.folds.held_out:
        return "too few roots to validate on: the closed-form potential stays"
    if not any(fold.sizes for fold in closed.folds.without(closed.folds.held_out[0])):
        return "no energies to refine on: the closed-form potential stays"
    return ""
