"""A potential on disk against labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from mlipbatch.training.errors import all_errors, grades, summary
from mlipbatch.training.labels import read_labels
from mlipbatch.training.model import load_model
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
        model.potential.need_elements(
            set(label.atoms.symbols), f"{file or 'the data'}: structure {index} ({label.name})"
        )
    errors = all_errors(model, labels, Progress("structure", len(labels), progress))
    return {**summary(errors), "gamma": grades(errors)}
