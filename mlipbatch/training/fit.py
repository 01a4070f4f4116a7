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
from mlipbatch.core.potential import Potential, read_potential
from mlipbatch.store.durable import sync_folder, write_text
from mlipbatch.training import report
from mlipbatch.training.activeset import write_active_set
from mlipbatch.training.basis import function_counts, load_basis, new_basis
from mlipbatch.training.contest import Task, hold_contest
from mlipbatch.training.labels import Label, read_labels
from mlipbatch.training.linear import Data, assign_folds
from mlipbatch.training.model import load_model
from mlipbatch.training.potential import REPORT, write_basis, write_facts
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
    basis = _basis(labels, tested, config, start_from)
    references, data = subtract(labels, config, list(basis.elements_name))
    making = _unfinished(out)
    potential = _potential(making, basis, config, references)
    task = Task(data, assign_folds(labels, seed), config, potential, seed, progress)
    clock.step("baseline", f"{len(labels)} structures, {potential.functions} functions")
    closed = task.linear(basis)
    clock.step("closed form")
    _start_afresh(making)
    contest = hold_contest(closed, task, making / "pacemaker")
    clock.step("pacemaker", contest.said)
    write_basis(potential, contest.basis)
    write_facts(potential)
    missing = write_active_set(potential.active_set, load_basis(potential.yaml), labels)
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


def _basis(labels: Sequence[Label], tested: Sequence[Label], config: TrainingConfig, start_from: Path | None) -> Any:
    if config.zbl_outer <= config.zbl_inner:
        raise InputError(f"zbl_outer ({config.zbl_outer} A) must be above zbl_inner ({config.zbl_inner} A)")
    elements = {symbol for label in labels for symbol in label.atoms.symbols}
    unseen = sorted({symbol for label in tested for symbol in label.atoms.symbols} - elements)
    if unseen:
        raise InputError(f"the test structures have {', '.join(unseen)}, which no training structure has")
    if start_from is None:
        return new_basis(sorted(elements), config)
    previous = read_potential(start_from)
    previous.need_elements(elements, "the training data")
    return load_basis(previous.yaml)


def _potential(folder: Path, basis: Any, config: TrainingConfig, references: References) -> Potential:
    return Potential(
        folder=folder,
        elements=tuple(basis.elements_name),
        cutoff=float(basis.cutoffmax),
        zbl_inner=config.zbl_inner,
        zbl_outer=config.zbl_outer,
        reference_energies=references.energies,
        functions=sum(function_counts(basis)),
    )


def check_folder(out: Path) -> None:
    """InputError where `out` is something that a potential must not replace."""
    if out.exists() and not (out / "potential.json").is_file() and (out.is_file() or any(out.iterdir())):
        raise InputError(f"{out} is there already and is no potential: give another folder, or remove it")


def _unfinished(out: Path) -> Path:
    """The folder beside `out` in which the potential is made."""
    return out.with_name(f".{out.name}.unfinished")


def _start_afresh(folder: Path) -> None:
    """Empty it of what a killed run left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _publish(made: Path, out: Path) -> None:
    """Put the finished folder into its place: there whole or not at all."""
    for work in ("pacemaker", "pacemaker-all"):
        log = made / work / "log.txt"
        if log.is_file():
            log.replace(made / f"{work}.log")
        shutil.rmtree(made / work, ignore_errors=True)
    sync_folder(made)
    previous = out.with_name(f".{out.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    if out.exists():
        out.replace(previous)
    made.replace(out)
    sync_folder(out.parent)
    shutil.rmtree(previous, ignore_errors=True)
