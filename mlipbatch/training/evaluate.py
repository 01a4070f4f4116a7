"""A potential on disk against labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from mlipbatch.config.errors import InputError
from mlipbatch.training.errors import all_errors, grades, summary
from mlipbatch.training.labels import read_labels
from mlipbatch.training.model import check_elements, load_model
from mlipbatch.training.progress import Progress, Say, silent


def evaluate_potential(
    folder: Path, frames: Sequence[Atoms], *, file: str | None = None, progress: Say = silent
) -> dict[str, Any]:
    """Errors by quantity and config_type (`errors.summary`), and gamma against force errors (`errors.grades`).

    Raises InputError where `folder` is no potential, a label is missing, or an element is unknown to the potential.
    """
    model = load_model(folder)
    labels = read_labels(frames, file)
    for index, label in enumerate(labels):
        try:
            check_elements(label.atoms, model.facts.elements)
        except InputError as error:
            raise InputError(f"structure {index} ({label.name}): {error.message}", file=file) from error
    errors = all_errors(model, labels, Progress("structure", len(labels), progress))
    return {**summary(errors), "gamma": grades(errors)}
