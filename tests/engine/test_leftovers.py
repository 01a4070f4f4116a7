"""`mlipbatch clean`: scratch of jobs that have ended, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlipbatch.config import load_config
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import JobState
from mlipbatch.engine import leftovers
from mlipbatch.stages import disk
from mlipbatch.stages.base import Attempt
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project

MB = 1_000_000
KEPT = ("pw.in", "pw.out", "CRASH", "verdict.yaml", "submit.yaml", "attempt.yaml")


def job(project: Project, name: str, *states: JobState) -> Path:
    """A job that went through these states."""
    jobfolder.create(project.jobs, JobSpec(f"gen000/scf/{name}", "scf", Resources(1, 3600)))
    folder = project.jobs / "gen000/scf" / name
    before = JobState.PENDING
    for state in states:
        jobfolder.move(folder, before, state, "as the test has it")
        before = state
    return folder


def attempt(folder: Path, number: int, verdict: dict[str, object] | None, *markers: str) -> Path:
    """An attempt that left 1 MB of density behind."""
    path = folder / f"attempt-{number}"
    (path / "out/pwscf.save").mkdir(parents=True)
    (path / "out/pwscf.save/charge-density.dat").write_bytes(os.urandom(MB))
    for name in KEPT[:3] + KEPT[4:]:
        (path / name).write_text("walltime_s: 3600\n" if name == "submit.yaml" else "")
    for name in markers:
        (path / name).write_text("0\n" if name == "exit" else "mb-1 1 0\n")
    if verdict is not None:
        jobfolder.write_record(path / "verdict.yaml", verdict)
    return path


def look(project: Project) -> leftovers.Found:
    return leftovers.look(project, load_config(project.config))


def clean(project: Project, *words: str) -> dict[str, object]:
    argv = [sys.executable, "-m", "mlipbatch", "clean", str(project.root), "--json", *words]
    return dict(json.loads(subprocess.run(argv, check=True, capture_output=True).stdout))


ENDED = (JobState.SUBMITTED, JobState.RUNNING)


def test_what_ended_jobs_left_is_counted_and_goes(project: Project) -> None:
    done = job(project, "done", *ENDED, JobState.DONE)
    attempt(done, 1, {"decision": "again", "exit_code": 2}, "claim", "exit")
    attempt(done, 2, {"decision": "accept", "exit_code": 0}, "claim", "exit")
    (done / "result.extxyz").write_text("the label")
    waits = job(project, "waits", *ENDED, JobState.PENDING)
    attempt(waits, 1, {"decision": "again", "exit_code": 2}, "claim", "exit")
    before = {path: path.read_bytes() for path in project.jobs.rglob("*") if path.is_file() and "out" not in path.parts}

    told = clean(project, "--dry-run")
    assert [row["path"] for row in told["removed"]] == [  # type: ignore[attr-defined]
        f"jobs/gen000/scf/done/attempt-{number}/out" for number in (1, 2)
    ]
    assert 2 * MB <= told["removed_bytes"] < 2.1 * MB  # type: ignore[operator]
    assert told["bytes"] > 3 * MB  # type: ignore[operator]
    assert "a restart may want it" in told["refused"]["gen000/scf/waits/attempt-1"]  # type: ignore[index]
    assert (done / "attempt-1/out").exists()

    assert clean(project)["removed_bytes"] == told["removed_bytes"]
    assert not list(done.glob("attempt-*/out"))
    assert (waits / "attempt-1/out/pwscf.save/charge-density.dat").exists()
    assert before == {
        path: path.read_bytes() for path in project.jobs.rglob("*") if path.is_file() and "out" not in path.parts
    }
    assert clean(project)["removed"] == []


def test_what_may_be_running_is_refused_until_its_wall_time_is_up(project: Project) -> None:
    attempt(job(project, "runs", *ENDED), 1, None, "claim")
    cancelled = job(project, "cancelled", *ENDED, JobState.FAILED)
    path = attempt(cancelled, 1, {"decision": "give up", "name": "cancelled"}, "claim")
    found = look(project)
    assert found.leftovers == []
    assert "RUNNING" in found.refused["gen000/scf/runs/attempt-1"]
    assert "may be running" in found.refused["gen000/scf/cancelled/attempt-1"]
    then = (path / "claim").stat().st_mtime - 3600 - leftovers.GRACE_S - 1
    os.utime(path / "claim", (then, then))
    assert [one.job for one in look(project).leftovers] == ["gen000/scf/cancelled"]


def test_a_cancelled_attempt_that_never_began_goes(project: Project) -> None:
    attempt(job(project, "early", JobState.SUBMITTED, JobState.FAILED), 1, {"decision": "give up"})
    assert [one.job for one in look(project).leftovers] == ["gen000/scf/early"]


def test_a_retry_keeps_only_what_its_own_round_made(project: Project) -> None:
    folder = job(project, "again", *ENDED, JobState.FAILED, JobState.PENDING)
    attempt(folder, 1, {"decision": "give up", "exit_code": 2}, "claim", "exit")
    attempt(folder, 2, {"decision": "again", "exit_code": 2}, "claim", "exit")
    found = look(project)
    assert [one.attempt for one in found.leftovers] == [1]
    assert list(found.refused) == ["gen000/scf/again/attempt-2"]


def test_a_job_that_is_put_back_between_the_look_and_the_deed_is_left(project: Project) -> None:
    folder = job(project, "late", *ENDED, JobState.FAILED)
    path = attempt(
        folder, 1, {"decision": "again", "exit_code": 2}, "claim", "exit"
    )  # given up without another attempt
    found = look(project)
    assert len(found.leftovers) == 1
    jobfolder.move(folder, JobState.FAILED, JobState.PENDING, "retry")
    assert leftovers.take_away(project, load_config(project.config), found.leftovers) == []
    assert (path / "out").exists()


def test_a_killed_job_s_folder_in_the_scratch_goes_and_nobody_else_s(project: Project, tmp_path: Path) -> None:
    for name, token in (("killed", "mb-1"), ("odd", "mb-2")):
        path = attempt(
            job(project, name, *ENDED, JobState.FAILED), 1, {"decision": "give up", "exit_code": None}, "claim"
        )
        (path / "submit.yaml").write_text(f"token: {token}\nwalltime_s: 3600\n")
        shutil.rmtree(path / "out")
        (tmp_path / "scratch" / name / "out").mkdir(parents=True)
        (tmp_path / "scratch" / name / "out/wfc1.dat").write_bytes(os.urandom(MB))
    (tmp_path / "scratch/killed").rename(tmp_path / "scratch/mb-1")
    (project.jobs / "gen000/scf/killed/attempt-1/out").symlink_to(tmp_path / "scratch/mb-1/out")
    (project.jobs / "gen000/scf/odd/attempt-1/out").symlink_to(tmp_path / "scratch/odd/out")
    assert MB <= clean(project)["removed_bytes"] < 1.1 * MB  # type: ignore[operator]
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["odd"]
    assert not list(project.jobs.rglob("out"))


def test_only_the_density_that_is_started_from_stays(tmp_path: Path) -> None:
    attempts = []
    for number in (1, 2):
        save = tmp_path / f"attempt-{number}/out/pwscf.save"
        save.mkdir(parents=True)
        for name in ("charge-density.dat", "wfc1.dat"):
            (save / name).write_bytes(os.urandom(MB))
        (save.parent / "pwscf.hub1").write_bytes(b"1" * MB)
        attempts.append(Attempt(number, tmp_path / f"attempt-{number}"))
    freed = disk.clean(attempts, ("out",), 2, ("out/pwscf.save/charge-density*",))
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        "attempt-2/out/pwscf.save/charge-density.dat"
    ]
    assert 5 * MB <= freed < 5.2 * MB


def test_bytes_follow_no_link_and_count_hard_links_once(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").write_bytes(os.urandom(MB))
    (tmp_path / "here/file").write_bytes(os.urandom(MB))
    (tmp_path / "here/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here/twin").hardlink_to(tmp_path / "here/file")
    assert disk.used(tmp_path / "here") == pytest.approx(MB, rel=0.02)
    assert disk.used(tmp_path / "nothing") == 0
