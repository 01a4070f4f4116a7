"""Drafts that a kill -9 left: the next daemon clears them, and nothing that a job or another daemon may be writing."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mlipbatch.core.state import JobState
from mlipbatch.store import attempt as attempts
from mlipbatch.store import drafts
from mlipbatch.store.lease import project_lock
from mlipbatch.store.project import Project

from .conftest import Session, bash

ATTEMPT, STATE = ".attempt-1.0123abcd", ".SUBMITTED.4711.tmp"


def litter(folder: Path) -> None:
    (folder / ATTEMPT).mkdir()
    (folder / ATTEMPT / ".job.sh.4711.tmp").touch()
    (folder / STATE).touch()


def hidden(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.startswith(".")}


def test_a_daemon_clears_what_the_last_one_was_writing(session: Session, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session.add(bash("runs", f"while [ ! -e {gate} ]; do sleep 0.05; done"), bash("held", "true"), bash("over", "true"))
    (session.folder("held") / "HOLD").touch()
    session.until(lambda: (session.state("runs"), session.state("over")) == (JobState.RUNNING, JobState.DONE))
    group, running = session.folder("held").parent, session.folder("runs") / "attempt-1"
    for name in ("held", "over"):
        litter(session.folder(name))
    (session.folder("held") / ".bashrc").touch()  # somebody's own
    (group / ".new.tmp").mkdir()
    for name in (".job_id.4711.tmp", ".revoked.0123abcd", ".frames.extxyz.4711.tmp", ".exit.tmp"):
        (running / name).touch()
    session.start()
    assert hidden(group) == {".new.tmp"}  # a look alone, as `status` does it without the lease, clears nothing
    session.campaign.tick()
    assert hidden(group) == hidden(session.folder("over")) == set()
    assert hidden(session.folder("held")) == {".bashrc"}
    assert hidden(running) == {".frames.extxyz.4711.tmp", ".exit.tmp"}  # the last two may be the job's
    gate.touch()


def test_what_comes_into_a_job_folder_later_goes_when_it_is_looked_at_again(session: Session) -> None:
    session.add(bash("over", "true"))
    session.finish()
    litter(session.folder("over"))
    session.campaign.index.refresh("gen000/generate/over")
    session.campaign.tick()
    assert hidden(session.folder("over")) == set()


def test_what_was_cut_off_while_an_attempt_was_given_up_goes_before_the_next_is_made(session: Session) -> None:
    session.add(bash("a", "true"))
    made = attempts.create(session.folder("a"), 1, {"submit.yaml": "token: mb-012345678\n"})
    (made / ".revoked.0123abcd").touch()
    session.campaign.index.refresh("gen000/generate/a")
    assert session.finish() == {"a": "DONE"}
    assert (session.folder("a") / "attempt-2").is_dir()
    assert hidden(made) == set()


def test_outside_the_job_folders_only_what_is_a_day_old_goes(project: Project) -> None:
    with project_lock(project) as lease:
        for days, names in {2: (".lease.0123abcd", ".pause.yaml.4711.tmp", "keep"), 0.5: (".lease.4567abcd",)}.items():
            for name in names:
                (project.private / name).touch()
                os.utime(project.private / name, (time.time() - days * 86400,) * 2)
        drafts.clear_project(project, lease.generation)
        assert hidden(project.private) == {".lease.4567abcd"}
        assert (project.private / "keep").exists()
