"""The index is what a walk through the folders says: rebuilt, restarted, or kept while people edit by hand."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import IN_QUEUE, JobState
from mlipbatch.engine.index import Index
from mlipbatch.store import cache, catalogue, jobfolder, listing, packing
from mlipbatch.store.project import Project

from .conftest import Session, bash

GROUPS = ("gen000/scf", "gen000/train", "gen001/scf")
JOBS = [f"{group}/{name}" for group in GROUPS for name in ("a", "b", "c")]
Seen = dict[str, tuple[str, bool, int]]


def make(jobs: Path, job: str, priority: int = 0) -> None:
    jobfolder.create(jobs, JobSpec(job, job.split("/")[1], Resources(2, 60), priority=priority))


def rename(folder: Path, to: str) -> None:
    """As a person does; where there is no state file one is made."""
    before = [name for name in JobState if (folder / name).exists()]
    if before:
        (folder / before[0]).rename(folder / to)
    elif folder.is_dir():
        (folder / to).touch()


EDITS = {
    "make": lambda jobs, job: make(jobs, job) if not catalogue.exists(jobs, job) else None,
    "delete": lambda jobs, job: shutil.rmtree(jobs / job, ignore_errors=True),
    "delete a group": lambda jobs, job: shutil.rmtree((jobs / job).parent, ignore_errors=True),
    "done": lambda jobs, job: rename(jobs / job, "DONE"),
    "failed": lambda jobs, job: rename(jobs / job, "FAILED"),
    "running": lambda jobs, job: rename(jobs / job, "RUNNING"),
    "pending": lambda jobs, job: rename(jobs / job, "PENDING"),
    "hold": lambda jobs, job: (jobs / job / "HOLD").touch() if (jobs / job).is_dir() else None,
    "release": lambda jobs, job: (jobs / job / "HOLD").unlink(missing_ok=True),
    "try": lambda jobs, job: (jobs / job / "attempt-7").mkdir(exist_ok=True) if (jobs / job).is_dir() else None,
    "lose its state": lambda jobs, job: [(jobs / job / name).unlink(missing_ok=True) for name in JobState],
    "two states": lambda jobs, job: (jobs / job / "FAILED").touch() if (jobs / job).is_dir() else None,
    "stray file": lambda jobs, job: (
        (jobs / job).parent.joinpath("notes.txt").touch() if (jobs / job).is_dir() else None
    ),
    "move away": lambda jobs, job: (
        (jobs / job).rename(jobs / f".away-{time.time_ns()}") if (jobs / job).is_dir() else None
    ),
    "pack": lambda jobs, job: pack(jobs, job.rpartition("/")[0]),
    "unpack": lambda jobs, job: (
        packing.unpack(jobs, job.rpartition("/")[0]) if (jobs / job).parent.parent.is_dir() else 0
    ),
}


def pack(jobs: Path, group: str) -> None:
    try:
        if listing.folders(jobs / group):
            packing.pack(jobs, group)
    except packing.NotFinished:
        pass


def walked(jobs: Path) -> Seen:
    """What the folders say."""
    found = {}
    for job in catalogue.ids(jobs):
        try:
            seen = catalogue.look(jobs, job)
        except jobfolder.Unreadable:
            continue
        found[job] = (seen.state.value, seen.held, seen.attempts)
    return found


def indexed(index: Index) -> Seen:
    return {job: (entry.state.value, entry.held, index.attempts(job)) for job, entry in index.items()}


def check(index: Index, jobs: Path) -> None:
    """It agrees with the folders, and all that it keeps beside the rows agrees with the rows."""
    truth = walked(jobs)
    assert indexed(index) == truth
    counted = Counter((job.rpartition("/")[0], seen[0]) for job, seen in truth.items())
    kept = {(group, state): n for group, states in index.counts().items() for state, n in states.items()}
    assert kept == counted
    assert set(index.queue) == {job for job, seen in truth.items() if seen[0] in IN_QUEUE}
    assert len(index) == len(truth)
    assert index.first(JobState.FAILED, 9) == sorted(job for job, seen in truth.items() if seen[0] == "FAILED")
    waiting = {entry.id for entry in index.pending(99)}
    assert waiting == {job for job, seen in truth.items() if seen[:2] == ("PENDING", False)}


edits = st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.sampled_from(JOBS)), max_size=12)


@pytest.mark.engines
@settings(max_examples=40, deadline=None)
@given(st.lists(edits, min_size=1, max_size=3))
def test_rebuilt_restarted_and_kept_all_are_what_the_folders_say(rounds: list[list[tuple[str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "RACY_NS", 20_000_000)  # as long as a time stamp of this disk lasts, and some more
        jobs, place = Path(scratch) / "jobs", Path(scratch) / "cache.db"
        for job in JOBS[::2]:
            make(jobs, job)
        kept = Index(jobs)
        kept.load()
        for edited in rounds:
            for edit, job in edited:
                EDITS[edit](jobs, job)
            time.sleep(0.03)
            with closing(Index(jobs, place)) as restarted:
                restarted.load()
                check(restarted, jobs)
            with closing(Index(jobs)) as rebuilt:
                rebuilt.load()
                check(rebuilt, jobs)
            if any("pack" in edit for edit, _ in edited):
                kept.load()  # nobody packs under a daemon: the lock is one
            for _ in range(2):
                kept.audit(10_000)
            check(kept, jobs)
        kept.close()


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    for number, job in enumerate(JOBS):
        make(tmp_path / "jobs", job, priority=number % 4)
    return tmp_path / "jobs"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders made just now count as old."""
    monkeypatch.setattr(listing, "RACY_NS", 20_000_000)
    time.sleep(0.03)


def test_a_restart_lists_no_folder_whose_time_is_the_same(
    jobs: Path, tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Index(jobs, tmp_path / "db")) as first:
        first.load()
    (jobs / JOBS[4] / "PENDING").rename(jobs / JOBS[4] / "DONE")
    listed: list[str] = []
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path=".": listed.append(str(path)) or real(path))
    with closing(Index(jobs, tmp_path / "db")) as again:
        again.load()
        assert again[JOBS[4]].state is JobState.DONE
    assert listed == [str(jobs / JOBS[4])]


def test_no_file_is_opened_to_know_a_state_and_a_description_only_when_it_is_wanted(jobs: Path) -> None:
    for job in JOBS:
        (jobs / job / "job.yaml").unlink()
    index = Index(jobs)
    index.load()
    assert len(index) == len(JOBS)
    assert index.pending(5) == []
    assert set(index.aside) == set(JOBS)


def test_pending_are_the_highest_priorities_then_by_id(jobs: Path) -> None:
    index = Index(jobs)
    index.load()
    wanted = sorted(JOBS, key=lambda job: (-(JOBS.index(job) % 4), job))
    assert [entry.id for entry in index.pending(99)] == wanted
    assert [entry.id for entry in index.pending(3)] == wanted[:3]
    assert {(entry.cores, entry.walltime_s) for entry in index.pending(3)} == {(2, 60)}


@pytest.mark.parametrize("damage", ["torn", "text", "empty", "another's", "gone", "another time's"])
def test_a_cache_that_is_not_ours_or_is_broken_is_made_anew(jobs: Path, tmp_path: Path, damage: str) -> None:
    place = tmp_path / "db"
    with closing(Index(jobs, place)) as first:
        first.load()
    whole = place.read_bytes()
    match damage:
        case "torn":
            place.write_bytes(whole[:4096] + os.urandom(len(whole) - 8192) + whole[-4096:])
        case "text":
            place.write_text("no database\n" * 1000)
        case "empty":
            place.write_bytes(b"")
        case "another's":
            shutil.copytree(jobs, tmp_path / "other" / "jobs")
            shutil.rmtree(tmp_path / "other" / "jobs" / JOBS[0])
            with closing(Index(tmp_path / "other" / "jobs", place)) as other:
                other.load()
                assert len(other) == len(JOBS) - 1
        case "gone":
            place.unlink()
        case "another time's":
            import sqlite3

            with closing(sqlite3.connect(place)) as tables:
                tables.execute("UPDATE meta SET value = 'x' WHERE key = 'boot'")
                tables.execute("UPDATE jobs SET state = 'DONE'")
                tables.commit()
    with closing(Index(jobs, place)) as again:
        again.load()
        check(again, jobs)


def test_two_daemons_of_a_moved_project_do_not_share_a_cache(project: Project, tmp_path: Path) -> None:
    copy = Project(tmp_path / "copy")
    shutil.copytree(project.root, copy.root)
    assert copy.id == project.id
    assert cache.cache_file(copy) != cache.cache_file(project)


def test_a_cache_that_another_process_uses_is_done_without(jobs: Path, tmp_path: Path) -> None:
    with closing(Index(jobs, tmp_path / "db")) as first:
        first.load()
        with closing(Index(jobs, tmp_path / "db")) as second:
            second.load()
            check(second, jobs)
        check(first, jobs)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o755])
def test_a_place_that_others_may_enter_is_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    place = tmp_path / "place"
    monkeypatch.setenv(cache.PLACE, str(place))
    assert cache.cache_file(project) is not None
    assert place.stat().st_mode & 0o777 == 0o700
    place.chmod(mode)
    assert cache.cache_file(project) is None
    assert "chmod 700" in caplog.text
    shutil.rmtree(place)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    assert cache.cache_file(project) is None


def test_a_cache_that_breaks_while_it_is_used_costs_a_tick(session: Session) -> None:
    session.add(bash("one", "true"), bash("two", "true"))
    session.campaign.index._rows.execute("DROP TABLE jobs")
    session.campaign.tick()
    assert not session.campaign.paused
    assert session.finish() == {"one": "DONE", "two": "DONE"}


@pytest.mark.parametrize("possible", [True, False])
def test_very_many_are_read_by_several_processes_where_any_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, possible: bool
) -> None:
    jobs = tmp_path / "jobs"
    of_one = [name for name in sorted(EDITS) if name not in {"delete a group", "pack", "unpack"}]
    for number in range(250):
        job = f"gen000/scf/{number:03d}"
        make(jobs, job)
        EDITS[of_one[number % len(of_one)]](jobs, job)
    began: list[str] = []

    def start(*arguments: Any, **options: Any) -> ProcessPoolExecutor:
        began.append("processes")
        if not possible:
            raise OSError(errno.ENOSYS, "no semaphores here")
        return ProcessPoolExecutor(*arguments, **options)

    monkeypatch.setattr(listing, "ProcessPoolExecutor", start)
    monkeypatch.setattr(listing, "VERY_MANY", 100)
    monkeypatch.setattr(listing, "CHUNK", 7)
    with closing(Index(jobs)) as index:
        index.load()
        assert indexed(index) == walked(jobs)
    assert began
