"""The DFT factory alone: structures from a file, labelled in a project of their own, back into a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.config.errors import InputError
from mlipbatch.config.model import Config, DataConfig
from mlipbatch.core import frames
from mlipbatch.core.job import SAFE, JobEntry, JobSpec
from mlipbatch.core.state import ENDED, JobState
from mlipbatch.stages import dft_trial, label
from mlipbatch.stages.base import Goal, Outcome
from mlipbatch.stages.view import View
from mlipbatch.store import catalogue, jobfolder
from mlipbatch.store.durable import read_frames, render_frames, write_frames
from mlipbatch.store.project import Project, create_project

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Labelled:
    """What came of the structures, in their order."""

    labels: list[Atoms] = field(default_factory=list)
    given_up: list[Atoms] = field(default_factory=list)  # with their reason
    waiting: list[str] = field(default_factory=list)  # names of those that have not ended: it was stopped


def open_factory(structures: Sequence[Atoms], source: Path, folder: Path) -> Project:
    """A project whose only work is these labels; the same structures and input again go on with it.

    Raises InputError for an unusable input, and for a folder that holds other work.
    """
    named = _named(structures)
    for atoms in named:  # of a label that a convergence scan made
        atoms.info.pop(frames.DFT_SETTINGS, None)
    project = _open(f"structures with SHA-256 {_stamp(named)}", source, folder, lambda config: config)
    if not project.candidates(0, "selected").exists():
        write_frames(project.candidates(0, "selected"), named)
    return project


def open_scan(structures: Sequence[Atoms], scanned: Sequence[Atoms], source: Path, folder: Path) -> Project:
    """A project of labels of `scanned`: variations of `structures`, each with its DFT_SETTINGS.

    The same structures and input again go on with it, and may bring further variations. Its labels stay in its folder, whatever
    database the input names. Raises InputError as `open_factory`.
    """
    about = f"a convergence scan of structures with SHA-256 {_stamp(structures)}"
    project = _open(about, source, folder, lambda config: config.model_copy(update={"data": DataConfig()}))
    path = project.candidates(0, "selected")
    there = read_frames(path) if path.exists() else []
    names = {atoms.info[frames.NAME] for atoms in there}
    new = [atoms for atoms in _named(scanned) if atoms.info[frames.NAME] not in names]
    if new:
        write_frames(path, [*there, *new])
    return project


def _open(about: str, source: Path, folder: Path, adapt: Callable[[Config], Config]) -> Project:
    config, reasons = load_expanded(source, check=dft_trial.check)
    note = f"# labels of {about}\n".encode()
    return create_project(folder, note + source.read_bytes(), render_config_yaml(adapt(config), reasons))[0]


def _stamp(structures: Sequence[Atoms]) -> str:
    return hashlib.sha256(render_frames(structures).encode()).hexdigest()


def wanted(project: Project, config: Config, entries: Mapping[str, JobEntry]) -> Iterator[JobSpec]:
    """The labels, and nothing else."""
    if View.of(entries).number(0, label.KIND) < label.number(project, 0):
        yield from (spec for spec in label.expected(project, config, 0) if spec.id not in entries)


def outcome(_project: Project, _config: Config, entries: Mapping[str, JobEntry]) -> Outcome:
    """How many of them became labels."""
    view = View.of(entries)
    done, every = view.number(0, label.KIND, JobState.DONE), view.number(0, label.KIND)
    return Outcome(done == every, f"finished: {done} of {every} structures labelled")


FACTORY = Goal(wanted, outcome, labels_alone=True)


def collect(project: Project, config: Config) -> Labelled:
    """Labels and those given up, as far as their jobs have ended."""
    found = Labelled()
    for spec in label.expected(project, config, 0):
        if not catalogue.exists(project.jobs, spec.id):
            found.waiting.append(spec.name)
            continue
        state = catalogue.look(project.jobs, spec.id).state
        if state not in ENDED:
            found.waiting.append(spec.name)
            continue
        with catalogue.opened(project.jobs, spec.id) as folder:
            if state is JobState.DONE:
                found.labels.append(read_frames(folder / label.RESULT)[0])
            else:
                atoms = read_frames(folder / label.STRUCTURE)[0]
                atoms.info[frames.REASON] = jobfolder.last_note(folder).split(" -> FAILED  ", 1)[-1]
                found.given_up.append(atoms)
    return found


def _named(structures: Sequence[Atoms]) -> list[Atoms]:
    """Copies whose names can be folders; who has none is called by its number."""
    named = [atoms.copy() for atoms in structures]
    for number, atoms in enumerate(named):
        name = str(atoms.info.get(frames.NAME, f"structure-{number:05d}"))
        if not SAFE.match(name):
            raise InputError(
                f"structure {number}: its name {name!r} cannot be a folder's; use letters, digits and . _ = + -"
            )
        atoms.info[frames.NAME] = name
    names = [atoms.info[frames.NAME] for atoms in named]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two structures are called {twice!r}; give each a name of its own")
    return named
