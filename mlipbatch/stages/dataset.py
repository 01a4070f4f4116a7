"""From job folders to the data set: the ASE database, the exports, and the split into training and held-out labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING

from mlipbatch.config.model import Config
from mlipbatch.core import frames
from mlipbatch.core.job import JobEntry
from mlipbatch.core.split import split_by_root
from mlipbatch.core.state import JobState
from mlipbatch.stages import label
from mlipbatch.stages.view import View
from mlipbatch.store import catalogue, database
from mlipbatch.store.durable import read_frames, render_frames, write_text
from mlipbatch.store.jobfolder import Unreadable
from mlipbatch.store.label_row import Row
from mlipbatch.store.project import Project

if TYPE_CHECKING:
    from ase import Atoms


def place(project: Project, config: Config) -> database.Place:
    """Where the labels of a project are kept."""
    return database.where(project.data, config.data.database, project.id)


def outdated(where: database.Place, entries: Mapping[str, JobEntry]) -> Iterator[JobEntry]:
    """Labels of which the database does not say what their job folder does: one walk along both, which are sorted."""
    done = (entry.id for entry in View.of(entries).entries.in_state(JobState.DONE) if entry.kind == label.KIND)
    rows = database.jobs(where)
    for job, twice in groupby(merge(done, rows)):
        if len(list(twice)) == 1 and job in entries:
            yield entries[job]


def sync(project: Project, where: database.Place, entries: Iterable[JobEntry]) -> dict[str, str]:
    """Bring the database up to these job folders: a row for every DONE label, none for one that was put back.

    Returns the DONE labels that have no result to read, with the reason.
    """
    labels = [entry for entry in entries if entry.kind == label.KIND]
    there = database.among(where, [entry.id for entry in labels])
    stale = there & {entry.id for entry in labels if entry.state is not JobState.DONE}
    if stale:
        database.remove(where, stale)
    rows, empty = _read(project, [entry for entry in labels if entry.id not in there])
    if rows:
        database.add(where, rows)
    return empty


def rebuild(project: Project, where: database.Place) -> dict[str, str]:
    """Make the labels there anew from the job folders, packed ones too. Returns what `sync` does."""
    database.clear(where)
    return sync(project, where, _entries(project))


def _entries(project: Project) -> Iterator[JobEntry]:
    for job in catalogue.ids(project.jobs):
        with suppress(Unreadable, FileNotFoundError):  # set aside, or removed meanwhile
            yield JobEntry(job, catalogue.look(project.jobs, job).state)


def unreadable(project: Project, entries: Iterable[JobEntry]) -> dict[str, str]:
    """What `sync` returns, without a database."""
    return _read(project, [entry for entry in entries if entry.kind == label.KIND])[1]


def _read(project: Project, labels: Iterable[JobEntry]) -> tuple[list[Row], dict[str, str]]:
    """Rows of the DONE ones, and why the others of them have none."""
    rows, empty = [], {}
    identity = project.id
    for job in (entry.id for entry in labels if entry.state is JobState.DONE):
        try:
            atoms = _labelled(project, job)
        except (FileNotFoundError, ValueError, LookupError) as error:
            empty[job] = f"{label.RESULT} cannot be read: {error!r}"
        else:
            rows.append(Row(identity, job, atoms))
    return rows, empty


def split(project: Project, config: Config, view: View, generation: int) -> tuple[str, str]:
    """Training and held-out labels up to a generation, as extended XYZ; also exported to data/.

    The held-out set is chosen among the labels of the first generation, by parent structure, and stays the same from then on.
    """
    first = _labels(project, view, 0)
    train, test = split_by_root(first, config.training.test_fraction, config.seed)
    for later in range(1, generation + 1):
        train = [*train, *_labels(project, view, later)]
    reference = [atoms for atoms in first if atoms.info.get(frames.CONFIG_TYPE) == frames.EOS_REFERENCE]
    texts = [render_frames(part) for part in (train, test, reference)]
    for name, text in zip(("train", "test", "eos"), texts, strict=True):
        write_text(project.data / f"{name}.extxyz", text)
    return texts[0], texts[1]


def _labels(project: Project, view: View, generation: int) -> list[Atoms]:
    return [_result(project, entry.id) for entry in view.done(generation, label.KIND)]


def _result(project: Project, job: str) -> Atoms:
    with catalogue.opened(project.jobs, job, label.RESULT) as folder:
        return read_frames(folder / label.RESULT)[0]


def _labelled(project: Project, job: str) -> Atoms:
    """A result with its labels; LookupError where it has none."""
    atoms = _result(project, job)
    for there, name in (
        (atoms.info, frames.REF_ENERGY),
        (atoms.info, frames.REF_STRESS),
        (atoms.arrays, frames.REF_FORCES),
    ):
        there[name]
    return atoms
