"""The DFT factory alone: structures from a file, labelled in a project of their own, back into a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.config.errors import InputError
from mlipbatch.config.model import Config
from mlipbatch.core import frames
from mlipbatch.core.job import SAFE, JobEntry, JobSpec
from mlipbatch.core.state import JobState
from mlipbatch.stages import dft_trial, label
from mlipbatch.stages.base import Goal, Outcome
from mlipbatch.stages.view import View
from mlipbatch.store import catalogue, jobfolder
from mlipbatch.store.durable import read_frames, render_frames, write_text
from mlipbatch.store.project import Project, create_project

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Labelled:
    """What came of the structures, in their order."""

    labels: list[Atoms] = field(default_factory=list)
    given_up: list[Atoms] = field(default_factory=list)  # with their reason


def open_factory(structures: Sequence[Atoms], source: Path, folder: Path) -> Project:
    """A project whose only work is these labels; the same structures and input again go on with it.

    Raises InputError for an unusable input, and for a folder that holds other work.
    """
    config, reasons = load_expanded(source, check=dft_trial.check)
    text = render_frames(_named(structures))
    stamp = hashlib.sha256(text.encode()).hexdigest()
    note = f"# labels of structures with SHA-256 {stamp}\n".encode()
    project, _ = create_project(folder, note + source.read_bytes(), render_config_yaml(config, reasons))
    if not project.candidates(0, "selected").exists():
        write_text(project.candidates(0, "selected"), text)
    return project


def wanted(project: Project, config: Config, entries: Mapping[str, JobEntry]) -> Iterator[JobSpec]:
    """The labels, and nothing else."""
    if View.of(entries).number(0, label.KIND) < label.number(project, 0):
        yield from (spec for spec in label.expected(project, config, 0) if spec.id not in entries)


def outcome(_project: Project, _config: Config, entries: Mapping[str, JobEntry]) -> Outcome:
    """How many of them became labels."""
    view = View.of(entries)
    done, every = view.number(0, label.KIND, JobState.DONE), view.number(0, label.KIND)
    return Outcome(done == every, f"finished: {done} of {every} structures labelled")


FACTORY = Goal(wanted, outcome)


def collect(project: Project, config: Config) -> Labelled:
    """Labels and those given up, as far as their jobs have ended."""
    found = Labelled()
    for spec in label.expected(project, config, 0):
        state = catalogue.look(project.jobs, spec.id).state
        with catalogue.opened(project.jobs, spec.id) as folder:
            if state is JobState.DONE:
                found.labels.append(read_frames(folder / label.RESULT)[0])
            elif state is JobState.FAILED:
                atoms = read_frames(folder / label.STRUCTURE)[0]
                note = jobfolder.last_note(folder)
                atoms.info[frames.REASON] = note.partition(" -> FAILED  ")[2] or note
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
