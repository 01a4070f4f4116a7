"""What is durable before what: many jobs at once keep the order that each needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import JobState
from mlipbatch.store import durable, jobfolder

NAMES = [f"job-{number}" for number in range(6)]


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    for name in NAMES:
        jobfolder.create(tmp_path, JobSpec(f"gen000/scf/{name}", "scf", Resources(1, 60)))
    return tmp_path


def path_of(handle: int) -> str:
    return str(Path(f"/proc/self/fd/{handle}").readlink())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is asked of the disk, in order: syncs by the path that the handle has, renames by their target."""
    calls: list[tuple[str, str]] = []
    lock = threading.Lock()

    def log(what: str, real: Callable[..., object], path: Callable[..., str]) -> Callable[..., object]:
        def call(*args: object) -> object:
            with lock:
                calls.append((what, path(*args)))
            return real(*args)

        return call

    monkeypatch.setattr(os, "fsync", log("sync", os.fsync, path_of))
    monkeypatch.setattr(os, "rename", log("rename", os.rename, lambda _, to: str(to)))
    return calls


def moves(jobs: Path) -> list[durable.Steps[None]]:
    folders = [jobs / "gen000/scf" / name for name in NAMES]
    return [jobfolder.moving(folder, JobState.PENDING, JobState.SUBMITTED, "sent") for folder in folders]


def test_each_of_many_jobs_has_its_text_on_disk_before_its_name_and_its_name_before_the_next(
    jobs: Path, told: list[tuple[str, str]]
) -> None:
    outcomes = durable.in_step(moves(jobs))
    assert outcomes == [None] * len(NAMES)
    seen = [jobfolder.look(jobs / "gen000/scf" / name) for name in NAMES]
    assert seen == [jobfolder.Look(JobState.SUBMITTED, held=False, attempts=0)] * len(NAMES)
    for name in NAMES:
        folder = str(jobs / "gen000/scf" / name)
        mine = [(what, path) for what, path in told if path.startswith(f"{folder}/") or path == folder]
        assert mine == [
            ("sync", f"{folder}/.SUBMITTED.{os.getpid()}.tmp"),
            ("rename", f"{folder}/SUBMITTED"),  # of PENDING: only where it is still there
            ("rename", f"{folder}/SUBMITTED"),  # of its text
            ("sync", folder),
        ]
    kinds = [what for what, _ in told]
    assert kinds == ["sync"] * 6 + ["rename"] * 12 + ["sync"] * 6  # two waits for the disk, not twelve


def test_a_created_job_is_durable_before_it_has_its_name(tmp_path: Path, told: list[tuple[str, str]]) -> None:
    jobfolder.create(tmp_path, JobSpec("gen000/scf/new", "scf", Resources(1, 60), files={"structure.extxyz": "text"}))
    draft, folder = f"{tmp_path}/gen000/scf/.new.tmp", f"{tmp_path}/gen000/scf"
    files = ("structure.extxyz", "job.yaml", "history.log", "PENDING")
    written = [
        step
        for name in files
        for step in (("sync", f"{draft}/.{name}.{os.getpid()}.tmp"), ("rename", f"{draft}/{name}"))
    ]
    assert told == [*written, ("sync", draft), ("rename", f"{folder}/new"), ("sync", folder)]
    assert (tmp_path / "gen000/scf/new/PENDING").exists()


def test_syncs_wait_together(jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = threading.Barrier(len(NAMES))
    real = os.fsync

    def fsync(handle: int) -> None:
        everybody.wait(timeout=10)  # breaks unless all jobs are in fsync at the same time
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert not [one for one in durable.in_step(moves(jobs)) if isinstance(one, BaseException)]


def test_a_disk_that_fails_one_job_leaves_that_one_as_it_was_and_moves_the_others(
    jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if "job-3/" in path_of(handle):
            raise OSError(5, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    outcomes = durable.in_step(moves(jobs))
    assert [isinstance(outcome, OSError) for outcome in outcomes] == [name == "job-3" for name in NAMES]
    for name in NAMES:
        folder = jobs / "gen000/scf" / name
        assert jobfolder.look(folder).state is (JobState.PENDING if name == "job-3" else JobState.SUBMITTED)
        assert not [path for path in folder.iterdir() if path.suffix == ".tmp"]


def test_more_deeds_than_open_files_are_allowed(monkeypatch: pytest.MonkeyPatch, jobs: Path) -> None:
    monkeypatch.setattr(durable, "OPEN_AT_ONCE", 2)
    assert len(durable.in_step(moves(jobs))) == len(NAMES)
    assert {jobfolder.look(jobs / "gen000/scf" / name).state for name in NAMES} == {JobState.SUBMITTED}


def test_without_sync_is_for_the_benchmark_and_ends_with_it(jobs: Path, told: list[tuple[str, str]]) -> None:
    with durable.unsynced():
        durable.in_step(moves(jobs))
    assert "sync" not in dict(told)
    told.clear()
    jobfolder.move(jobs / "gen000/scf" / NAMES[0], JobState.SUBMITTED, JobState.RUNNING, "started")
    assert [what for what, _ in told] == ["sync", "rename", "rename", "sync"]


def test_two_threads_that_write_one_file_do_not_take_each_others_draft(tmp_path: Path) -> None:
    """A job folder and its copy publish to one place, perhaps in the same pass."""
    path = tmp_path / "candidates"
    mine = durable.placing(path, b"one")
    next(mine)  # written, not yet renamed
    with ThreadPoolExecutor(1) as pool:
        pool.submit(durable.write_bytes, path, b"two").result()
    with pytest.raises(StopIteration):
        next(mine)
    assert path.read_bytes() == b"one"
