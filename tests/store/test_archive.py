"""Packed jobs: whole, readable, and never lost, wherever packing is cut off."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import JobState
from mlipbatch.store import archive, catalogue, jobfolder, packing

GROUP = "gen000/scf"
Tree = dict[str, bytes]


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    for name, state in (("b", JobState.DONE), ("a", JobState.FAILED), ("c", JobState.DONE)):
        add(tmp_path / "jobs", name, state)
    return tmp_path / "jobs"


def add(jobs: Path, name: str, state: JobState = JobState.DONE) -> None:
    """A job with an attempt, a link in it, and a file of many blocks."""
    job = JobSpec(f"{GROUP}/{name}", "scf", Resources(1, 60), files={"structure.extxyz": f"of {name}\n"})
    jobfolder.create(jobs, job)
    folder = jobs / job.id
    jobfolder.move(folder, JobState.PENDING, JobState.SUBMITTED, "sent")
    (folder / "attempt-1").mkdir()
    (folder / "attempt-1" / "pw.out").write_bytes(random.Random(name).randbytes(40_000))
    (folder / "attempt-1" / "latest").symlink_to("pw.out")
    (folder / "attempt-1" / "empty").touch()
    jobfolder.move(folder, JobState.SUBMITTED, state, f"attempt-1: {name}\tended")


def content(jobs: Path) -> dict[str, Tree]:
    """Every job that can be read, with all its files."""
    found = {}
    for job in catalogue.ids(jobs):
        with catalogue.opened(jobs, job) as folder:
            files = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
            found[job] = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return found


def test_packed_jobs_are_as_they_were_in_two_files(jobs: Path) -> None:
    before, looks = content(jobs), {job: catalogue.look(jobs, job) for job in catalogue.ids(jobs)}
    report = packing.pack(jobs, GROUP)
    assert (report.jobs, report.inodes_after) == (3, 2)
    assert report.inodes_before == 1 + 3 * 9
    left = {path.name for path in (jobs / "gen000").rglob("*")}
    assert left == {archive.header(jobs, GROUP)["tar"], "scf.archive"}
    assert content(jobs) == before
    assert {job: catalogue.look(jobs, job) for job in catalogue.ids(jobs)} == looks
    assert catalogue.last_note(jobs, f"{GROUP}/a") == "SUBMITTED -> FAILED  attempt-1: a ended"


def test_tar_alone_unpacks_it(jobs: Path, tmp_path: Path) -> None:
    before = content(jobs)
    packing.pack(jobs, GROUP)
    (tmp_path / "out").mkdir()
    tar = jobs / "gen000" / archive.header(jobs, GROUP)["tar"]
    subprocess.run(["tar", "xzf", str(tar), "-C", str(tmp_path / "out")], check=True)
    assert content(tmp_path / "out") == before


def test_any_of_many_is_found(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    names = sorted({f"{random.Random(n).choice('abcxyz')}{n}" for n in range(60)} | {"a", "a-0", "a.0", "zz"})
    for name in names:
        folder = jobs / GROUP / name
        folder.mkdir(parents=True)
        (folder / "DONE").touch()
        (folder / "text").write_text(name)
    packing.pack(jobs, GROUP)
    assert [one.name for one in archive.every(jobs, GROUP)] == names
    for name in names:
        with catalogue.opened(jobs, f"{GROUP}/{name}", "text") as folder:
            assert (folder / "text").read_text() == name
    for name in ("", "0", "a-", "zzz", "b0"):
        assert archive.find(jobs, f"{GROUP}/{name}") is None


def test_one_job_comes_back_and_is_packed_again_with_what_was_done_to_it(jobs: Path) -> None:
    packing.pack(jobs, GROUP)
    assert archive.bring_back(jobs, f"{GROUP}/a")
    assert not archive.bring_back(jobs, f"{GROUP}/a")
    jobfolder.move(jobs / GROUP / "a", JobState.FAILED, JobState.PENDING, "once more")
    assert catalogue.look(jobs, f"{GROUP}/a").state is JobState.PENDING  # the folder counts
    with pytest.raises(packing.NotFinished, match="a is PENDING"):
        packing.pack(jobs, GROUP)
    (jobs / GROUP / "a" / "PENDING").rename(jobs / GROUP / "a" / "DONE")
    add(jobs, "d")
    before = content(jobs)
    assert packing.pack(jobs, GROUP).jobs == 2
    assert not (jobs / GROUP).exists()
    assert [(one.name, one.state) for one in archive.every(jobs, GROUP)] == [(n, JobState.DONE) for n in "abcd"]
    assert content(jobs) == before
    assert len(list((jobs / "gen000").iterdir())) == 2


def test_undo_is_as_if_nothing_had_been(jobs: Path) -> None:
    before = content(jobs)
    packing.pack(jobs, GROUP)
    assert packing.unpack(jobs, GROUP) == 3
    assert [path.name for path in (jobs / "gen000").iterdir()] == ["scf"]
    assert content(jobs) == before
    assert (jobs / GROUP / "a" / "attempt-1" / "latest").is_symlink()


def test_a_flipped_bit_is_noticed(jobs: Path) -> None:
    packing.pack(jobs, GROUP)
    tar = jobs / "gen000" / archive.header(jobs, GROUP)["tar"]
    data = bytearray(tar.read_bytes())
    data[archive.find(jobs, f"{GROUP}/b").start + 500] ^= 1  # type: ignore[union-attr]
    tar.write_bytes(data)
    with catalogue.opened(jobs, f"{GROUP}/a") as folder:
        assert (folder / "FAILED").exists()
    with pytest.raises(archive.Damaged, match="b is not what was packed"), catalogue.opened(jobs, f"{GROUP}/b"):
        pass


def test_what_changes_while_it_is_packed_is_kept(jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = packing._stretch

    def stretch(root: Path, job: str) -> bytes:
        data = real(root, job)
        (root / job / "attempt-1" / "empty").write_text("no longer")
        return data

    monkeypatch.setattr(packing, "_stretch", stretch)
    with pytest.raises(archive.Damaged, match="changed while it was packed"):
        packing.pack(jobs, GROUP)
    monkeypatch.undo()
    before = content(jobs)
    packing.pack(jobs, GROUP)
    assert content(jobs) == before


CALLS = ("open", "write", "fsync", "rename", "unlink", "rmdir", "mkdir")


def killed_at(step: int, deed: Callable[[], object]) -> bool:
    """Do it in a process that is gone before its `step`-th call that may change the disk. Was it?"""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    left = [step]

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **rest: object) -> object:
            left[0] -= 1
            if not left[0]:
                os._exit(9)
            return real(*args, **rest)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    try:
        deed()
    except BaseException:  # noqa: BLE001  a child of pytest must not come back
        os._exit(8)
    os._exit(0)


@pytest.mark.parametrize(("deed", "packed"), [(packing.pack, False), (packing.pack, True), (packing.unpack, True)])
def test_killed_at_every_step_nothing_is_lost_and_the_next_call_finishes(
    tmp_path: Path, deed: Callable[[Path, str], object], packed: bool
) -> None:
    steps = 0
    while True:
        steps += 1
        jobs = tmp_path / str(steps) / "jobs"
        for name in "ab":
            add(jobs, name)
        if packed:
            packing.pack(jobs, GROUP)
            archive.bring_back(jobs, f"{GROUP}/a")
        before = content(jobs)
        killed = killed_at(steps, lambda jobs=jobs: deed(jobs, GROUP))  # type: ignore[misc]
        assert content(jobs) == before, f"killed before call {steps}"
        deed(jobs, GROUP)
        assert content(jobs) == before, f"finished after a kill before call {steps}"
        left = {path.name for path in (jobs / "gen000").iterdir()}
        assert left == ({"scf"} if deed is packing.unpack else {"scf.archive", archive.header(jobs, GROUP)["tar"]})
        if not killed:
            break
    assert steps > 20
