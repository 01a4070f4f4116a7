"""Project folders that are copied or moved while jobs of theirs are in the queue: whose jobs they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlipbatch.engine import copied
from mlipbatch.engine.campaign import apply_request, project_log
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import Watch, acquire
from mlipbatch.store.project import Project

from .fake import FakeScheduler
from .fake_parts import Program, VirtualClock
from .virtual import Virtual, task


@pytest.fixture
def fake() -> FakeScheduler:
    return FakeScheduler(VirtualClock(), program=lambda _folder: Program(600.0))


def serve(project: Project, fake: FakeScheduler) -> Virtual:
    lease = acquire(project, Watch(), fake.clock)
    copied.settle(project, lease)
    return Virtual(project, fake, lease)


def test_a_copy_leaves_the_originals_jobs_alone_until_its_user_says_otherwise(
    project: Project, fake: FakeScheduler, tmp_path: Path
) -> None:
    original = serve(project, fake)
    original.add(task("running"), task("queued", priority=-1), task("waiting", priority=-2))
    fake.slots, fake.limit = 1, 2
    original.run(30)
    assert original.states() == {"running": "RUNNING", "queued": "SUBMITTED", "waiting": "PENDING"}
    fake.limit = 100

    shutil.copytree(project.root, tmp_path / "copy")
    copy = serve(Project(tmp_path / "copy"), fake)
    copy.run(300)
    assert copy.project.id != project.id
    assert copy.states() == {"running": "PENDING", "queued": "PENDING", "waiting": "SUBMITTED"}
    assert "remove HOLD to run it here too" in copy.history("running")[-1]
    apply_request(copy.campaign.hands, jobfolder.entry(copy.folder("queued")), "cancel")
    apply_request(copy.campaign.hands, jobfolder.entry(copy.folder("queued")), "retry")
    (copy.folder("running") / "HOLD").unlink()  # it is to run twice, beside the original
    copy.campaign.index.load()
    copy.run(30)
    assert copy.states()["running"] == "SUBMITTED"
    assert not [call for call, _ in fake.calls if call == "cancel"]

    assert set(original.finish().values()) == {"DONE"}
    assert original.attempts("running") == original.attempts("queued") == 1
    (copy.folder("queued") / "HOLD").unlink()
    copy.campaign.index.load()
    assert set(copy.finish().values()) == {"DONE"}
    assert [run.attempt for run in fake.runs if run.job == copy.folder("running")] == ["attempt-2"]


def test_a_moved_project_takes_its_jobs_along(project: Project, fake: FakeScheduler, tmp_path: Path) -> None:
    before = serve(project, fake)
    before.add(task("running"))
    before.run(30)
    assert before.states() == {"running": "RUNNING"}
    before.campaign.hands.lease.release()
    project.root.rename(tmp_path / "moved")
    for job in fake.book:
        job.folder = tmp_path / "moved" / job.folder.relative_to(project.root)  # its working folder moves with it
    after = serve(Project(tmp_path / "moved"), fake)
    assert after.finish() == {"running": "DONE"}
    assert after.attempts("running") == 1


def test_a_copy_whose_original_is_gone_is_the_project(project: Project, fake: FakeScheduler, tmp_path: Path) -> None:
    before = serve(project, fake)
    before.add(task("running"))
    before.run(30)
    shutil.copytree(project.root, tmp_path / "elsewhere")  # to another disk, as mv does it
    shutil.rmtree(project.root)
    for job in fake.book:
        job.folder = tmp_path / "elsewhere" / job.folder.relative_to(project.root)
    after = serve(Project(tmp_path / "elsewhere"), fake)
    assert after.finish() == {"running": "DONE"}
    assert after.attempts("running") == 1


def test_the_same_folder_by_another_path_is_no_copy(project: Project, fake: FakeScheduler, tmp_path: Path) -> None:
    before = serve(project, fake)
    before.add(task("running"))
    before.run(30)
    before.campaign.hands.lease.release()
    (tmp_path / "link").symlink_to(project.root)
    after = serve(Project(tmp_path / "link"), fake)
    assert after.finish() == {"running": "DONE"}
    assert after.attempts("running") == 1


def test_each_place_has_its_own_log_whatever_its_id_and_name(project: Project, tmp_path: Path) -> None:
    copy = Project(
        tmp_path / f"{project.name}.copy"
    )  # were loggers named by paths, this one would be a child of the other
    shutil.copytree(project.root, copy.root)
    assert copy.id == project.id
    logs = [project_log(one) for one in (project, copy)]
    for log, word in zip(logs, ("original", "copied"), strict=True):
        log.info(word)
    assert [len(one.log.read_text().splitlines()) for one in (project, copy)] == [1, 1]
    assert copy.log.read_text().endswith("copied\n")


def test_what_comes_to_a_place_after_a_project_was_moved_away_logs_there(project: Project, tmp_path: Path) -> None:
    project_log(project).info("before")
    project.root.rename(tmp_path / "moved")
    project.root.mkdir()
    project_log(project).info("after")
    assert project.log.read_text().endswith("after\n")
    assert "after" not in Project(tmp_path / "moved").log.read_text()
    assert len(project_log(project).handlers) == 1
