"""Training: from labelled structures to a potential's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import TrainingConfig
from mlipbatch.core.frames import CONFIG_TYPE, EOS_REFERENCE
from mlipbatch.store.durable import sync_folder, write_text
from mlipbatch.training import report
from mlipbatch.training.activeset import write_active_set
from mlipbatch.training.basis import function_counts, load_basis, new_basis
from mlipbatch.training.contest import Contest, Task, hold_contest
from mlipbatch.training.labels import Label, read_labels
from mlipbatch.training.linear import Data, assign_folds
from mlipbatch.training.model import check_elements, load_model
from mlipbatch.training.potential import ACTIVE_SET, BASIS, FACTS, REPORT, Facts, write_basis, write_facts
from mlipbatch.training.progress import Clock, Say, silent
from mlipbatch.training.references import References, reference_energies
from mlipbatch.training.zbl import zbl


def fit(
    train: Sequence[Atoms],
    config: TrainingConfig,
    out: Path,
    *,
    seed: int = 0,
    test: Sequence[Atoms] | None = None,
    start_from: Path | None = None,
    progress: Say = silent,
) -> dict[str, Any]:
    """Train a potential on `train`, write it to the folder `out` and return its report (report.json).

    ZBL and reference energies are subtracted; a linear ACE is solved for in closed form; pacemaker refines it; what is
    better on held-out roots of `train` is kept. `test` is only measured, after everything is decided. `start_from` is a
    potential whose basis (functions and radial functions) is taken over. Raises InputError for unusable labels, or an
    `out` that is something else.
    """
    labels = read_labels([atoms for atoms in train if atoms.info.get(CONFIG_TYPE) != EOS_REFERENCE])
    tested = read_labels(list(test)) if test else []
    check_folder(out)
    clock = Clock(progress)
    basis = _basis(labels, config, start_from)
    for label in tested:
        check_elements(label.atoms, basis.elements_name)
    references, data = subtract(labels, config, list(basis.elements_name))
    task = Task(data, assign_folds(labels, seed), config, _facts(basis, config, references), seed, progress)
    clock.step("baseline", f"{len(labels)} structures, {task.facts.functions} functions")
    closed = task.linear(basis)
    clock.step("closed form")
    making = _fresh(out)
    contest = hold_contest(closed, task, making / "pacemaker")
    clock.step("pacemaker", contest.said)
    missing = _write(making, contest, task.facts, labels)
    clock.step("active set")
    written = report.settings(task, closed, contest, references) | {"functions_not_spanned": missing}
    written |= report.make(load_model(making), labels, tested, clock)
    write_text(making / REPORT, json.dumps(written, indent=2) + "\n")
    _publish(making, out)
    return written


def subtract(labels: Sequence[Label], config: TrainingConfig, elements: list[str]) -> tuple[References, Data]:
    """Reference energies, and every label with what ACE need not learn."""
    cores = [zbl(label.atoms, config.zbl_inner, config.zbl_outer) for label in labels]
    references = reference_energies(labels, [core.energy for core in cores], elements)
    offsets = [
        core._replace(energy=core.energy + sum(references.energies[symbol] for symbol in label.atoms.symbols))
        for label, core in zip(labels, cores, strict=True)
    ]
    return references, list(zip(labels, offsets, strict=True))


def _basis(labels: Sequence[Label], config: TrainingConfig, start_from: Path | None) -> Any:
    if config.zbl_outer <= config.zbl_inner:
        raise InputError(f"zbl_outer ({config.zbl_outer} A) must be above zbl_inner ({config.zbl_inner} A)")
    if start_from is None:
        elements = sorted({symbol for label in labels for symbol in label.atoms.symbols})
        return new_basis(elements, config)
    if not (start_from / BASIS).is_file():
        raise InputError(f"{start_from} is not a potential to start from: it has no {BASIS}")
    basis = load_basis(start_from / BASIS)
    for label in labels:
        check_elements(label.atoms, basis.elements_name)
    return basis


def _facts(basis: Any, config: TrainingConfig, references: References) -> Facts:
    core = {"inner": config.zbl_inner, "outer": config.zbl_outer}
    return Facts(
        list(basis.elements_name), float(basis.cutoffmax), core, references.energies, sum(function_counts(basis))
    )


def _write(folder: Path, contest: Contest, facts: Facts, labels: Sequence[Label]) -> dict[str, int]:
    write_basis(folder, contest.basis)
    write_facts(folder, facts)
    return write_active_set(folder / ACTIVE_SET, load_basis(folder / BASIS), labels)


def check_folder(out: Path) -> None:
    """InputError where `out` is something that a potential must not replace."""
    if out.exists() and not (out / FACTS).is_file() and (out.is_file() or any(out.iterdir())):
        raise InputError(f"{out} is there already and is no potential: give another folder, or remove it")


def _fresh(out: Path) -> Path:
    """An empty folder beside `out`, where the potential is made; what a killed run left of it goes."""
    folder = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _publish(made: Path, out: Path) -> None:
    """Put the finished folder into its place: there whole or not at all."""
    log = made / "pacemaker" / "log.txt"
    if log.is_file():
        log.replace(made / "pacemaker.log")
    shutil.rmtree(made / "pacemaker", ignore_errors=True)
    sync_folder(made)
    previous = out.with_name(f".{out.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    if out.exists():
        out.replace(previous)
    made.replace(out)
    sync_folder(out.parent)
    shutil.rmtree(previous, ignore_errors=True)
