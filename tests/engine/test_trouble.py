"""Trouble that must not stop a campaign: odd jobs, hand edits, a disk that is full for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import DataConfig
from mlipbatch.core.failure import DISK_FULL
from mlipbatch.core.job import Again, Ending, GiveUp, JobSpec, Verdict
from mlipbatch.core.state import JobState
from mlipbatch.engine import labels as labels_module
from mlipbatch.engine.daemon import Daemon, Served
from mlipbatch.engine.place import Place
from mlipbatch.schedulers import LocalScheduler
from mlipbatch.schedulers.local import sessions
from mlipbatch.stages import loop
from mlipbatch.stages.base import Attempt, Goal, Job
from mlipbatch.stages.kinds import KINDS
from mlipbatch.stages.work import Work
from mlipbatch.store import control, database, jobfolder
from mlipbatch.store.inbox import drop_request
from mlipbatch.store.lease import is_locked
from mlipbatch.store.postgresql import Away
from mlipbatch.store.project import Project
from tests.postgresql import Server
from tests.store.test_database import done_label

from .conftest import Session, bash


def after(session: Session, name: str, follow: JobSpec) -> None:
    """Let `follow` be wanted once the job `name` has ended."""

    def wanted(_project: object, _config: object, entries: object) -> list[JobSpec]:
        entry = entries.get(f"gen000/generate/{name}")  # type: ignore[attr-defined]
        ended = entry is not None and entry.state in {JobState.DONE, JobState.FAILED}
        return [follow] if ended and follow.id not in entries else []  # type: ignore[operator]

    session.campaign.goal = Goal(wanted, loop.outcome)


def test_what_follows_a_job_that_was_given_up_before_it_ran_is_asked_for(session: Session) -> None:
    spec = bash("refused", "true")
    spec.parameters["commands"] = 7  # no plan can be made of this
    session.add(spec)
    after(session, "refused", bash("next", "true"))
    assert session.finish() == {"next": "DONE", "refused": "FAILED"}


def test_what_follows_is_asked_for_again_after_the_disk_was_full(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.add(bash("first", "true"))
    after(session, "first", bash("next", "true"))
    full = iter([OSError(28, "No space left on device")])
    real = labels_module.dataset.sync

    def sync(*asked: object) -> object:
        if session.state("first") is JobState.DONE and (error := next(full, None)):
            raise error
        return real(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(labels_module.dataset, "sync", sync)
    assert session.finish() == {"first": "DONE", "next": "DONE"}


class Breaks(Work):
    """A kind that stumbles over what a job left."""

    def judge(self, *_: object) -> object:  # type: ignore[override]
        raise KeyError("step")


def test_a_job_that_breaks_its_own_kind_fails_with_the_reason_and_the_others_go_on(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "screen", Breaks())
    odd = bash("odd", "true", priority=5)
    odd = JobSpec("gen000/screen/odd", "screen", odd.resources, parameters=odd.parameters)
    session.add(odd, bash("good", "true"))
    assert session.finish() == {"good": "DONE", "odd": "FAILED"}
    assert "KeyError: 'step'" in (session.project.jobs / "gen000/screen/odd/FAILED").read_text()


class FillsTheDisk(Work):
    """A kind whose program finds the disk full, until there is room."""

    def __init__(self, room: Path) -> None:
        self.room = room

    def judge(self, job: Job, attempts: Sequence[Attempt], ending: Ending) -> Verdict:
        verdict = super().judge(job, attempts, ending)
        return verdict if self.room.exists() else Again(DISK_FULL, "no space left; next: the same again")


def test_after_a_full_disk_nothing_is_sent_until_it_is_time_or_a_person_says_so(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    monkeypatch.setitem(KINDS, "generate", FillsTheDisk(room))
    session = Session(project, cores=1)
    session.campaign.steering.patience = replace(
        session.campaign.queue.patience, full_disk_s=2.0, full_disk_longest_s=3600
    )
    session.add(bash("a", "true", priority=5), bash("b", "true"))

    def waits() -> str:
        session.until(lambda: "a disk is full" in session.campaign.paused)
        pause = control.read_pause(project)
        assert pause is not None
        return pause.until

    first = waits()
    assert set(session.states().values()) == {"PENDING"}
    session.until(lambda: (session.folder("b") / "attempt-1").exists() or (session.folder("a") / "attempt-2").exists())
    assert f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" >= first  # by itself, and not before
    assert waits() > first
    room.touch()
    assert control.resume(project)  # a person says that there is room
    assert session.finish() == {"a": "DONE", "b": "DONE"}
    assert control.read_pause(project) is None


def test_a_pause_with_an_odd_time_is_over_and_a_persons_pause_is_left_alone(session: Session) -> None:
    steering, hands = session.campaign.steering, session.campaign.hands
    for odd in ("", "soon", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        control.pause(session.project, control.Pause("gen000/scf/a", control.DISK, until=odd))
        assert steering.held_back(hands) == ""
        assert control.read_pause(session.project) is None
    control.pause(session.project, control.Pause("the group meeting"))
    steering.judged(hands, "gen000/scf/a", GiveUp(DISK_FULL, "no space left"))
    assert "the group meeting" in steering.held_back(hands)


def test_a_state_file_that_vanished_behind_the_index_stops_nobody(session: Session, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session.add(*(bash(name, f"while [ ! -e {gate} ]; do sleep 0.05; done") for name in ("a", "b")))
    session.until(lambda: session.state("a") is session.state("b") is JobState.RUNNING)
    session.campaign.index.audit = lambda _count: []  # type: ignore[method-assign]  among thousands its turn is later
    (session.folder("a") / "RUNNING").unlink()
    gate.touch()
    aside = session.campaign.index.aside
    session.until(lambda: session.state("b") is JobState.DONE and "gen000/generate/a" in aside)
    assert "no state file" in aside["gen000/generate/a"]


def test_a_job_folder_that_is_deleted_while_it_runs_stops_nobody(session: Session) -> None:
    import shutil

    session.add(bash("gone", "sleep 300"), bash("good", "sleep 0.3"))
    session.until(lambda: session.state("gone") is JobState.RUNNING)
    session.campaign.index.audit = lambda _count: []  # type: ignore[method-assign]
    shutil.rmtree(session.folder("gone"))
    jobs = session.campaign.index.entries
    session.until(lambda: session.state("good") is JobState.DONE and "gen000/generate/gone" not in jobs)


def test_a_request_that_nobody_understands_is_dropped(session: Session) -> None:
    (session.project.inbox / "request-torn").write_text("action: [")
    (session.project.inbox / "request-list").write_text("- cancel\n")
    session.add(bash("bad", "exit 2"), bash("slow", "sleep 300"))
    session.until(lambda: session.state("bad") is JobState.FAILED)
    drop_request(session.project, "retry", ["gen000/generate/bad"])
    session.until(lambda: jobfolder.look(session.folder("bad")).attempts == 2)
    assert not list(session.project.inbox.glob("request-*"))


def test_a_job_whose_id_was_damaged_is_found_by_its_token(session: Session, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session.add(bash("slow", f"while [ ! -e {gate} ]; do sleep 0.05; done"))
    session.until(lambda: session.state("slow") is JobState.RUNNING)
    job_id = session.folder("slow") / "attempt-1" / "job_id"
    known = job_id.read_text()
    job_id.write_text("?\n")
    session.until(lambda: job_id.read_text() == known)
    gate.touch()
    assert session.finish() == {"slow": "DONE"}
    assert jobfolder.look(session.folder("slow")).attempts == 1


def test_a_status_that_cannot_be_written_does_not_end_the_daemon(session: Session) -> None:
    project = session.project
    project.status.mkdir()
    served = Served(project, LocalScheduler(1, project.id), 1, session.campaign.goal)
    session.add(bash("ok", "true"))
    served.campaign.index.load()
    session.until(lambda: not served.beat() and session.state("ok") is JobState.DONE)


def test_stages_that_break_pause_the_project_until_the_cause_is_gone(session: Session) -> None:
    broken = ["odd"]

    def wanted(*_: object) -> list[JobSpec]:
        if broken:
            raise ValueError("gen000.selected.extxyz is torn")
        return []

    session.campaign.goal = Goal(wanted, loop.outcome)
    session.add(bash("ok", "true"))
    for _ in range(3):
        session.campaign.tick()
    assert "is torn" in session.campaign.paused
    broken.clear()
    assert session.finish() == {"ok": "DONE"}
    assert not session.campaign.paused


def test_cancel_finds_a_job_whose_id_was_lost_or_that_was_put_back_by_hand(session: Session) -> None:
    names = ("lost", "renamed")
    session.add(*(bash(name, "sleep 300") for name in names))
    session.until(lambda: all(session.state(name) is JobState.RUNNING for name in names))
    (session.folder("lost") / "attempt-1" / "job_id").unlink()
    (session.folder("renamed") / "RUNNING").rename(session.folder("renamed") / "PENDING")
    drop_request(session.project, "cancel", [f"gen000/generate/{name}" for name in names])
    session.campaign.tick()
    assert session.states() == {"lost": "FAILED", "renamed": "FAILED"}
    assert not sessions(session.project.id)


def test_a_project_with_a_wrong_config_does_not_keep_the_others_from_being_served(
    session: Session, tmp_path: Path
) -> None:
    import shutil

    session.add(bash("ok", "true"))
    wrong = Project(tmp_path / "wrong")
    shutil.copytree(session.project.root, wrong.root)
    wrong.config.write_text("project_name: [")
    scheduler = LocalScheduler(1, session.project.id)
    goal = Goal(lambda *_: [], loop.outcome)
    Daemon(lambda _: Place(scheduler, 1, 0.02), goal).serve(lambda: [wrong, session.project], until_finished=True)
    assert session.states() == {"ok": "DONE"}
    assert not is_locked(wrong)
    with pytest.raises(InputError):
        Daemon(lambda _: Place(scheduler, 1, 0.02), goal).serve(lambda: [wrong], once=True)


def test_a_database_server_that_is_away_stops_no_job_and_takes_the_labels_when_it_is_back(
    session: Session, monkeypatch: pytest.MonkeyPatch, postgresql: Server, new_postgresql: Callable[[], str]
) -> None:
    monkeypatch.setattr(labels_module, "FIRST_S", 0.0)
    campaign = session.campaign
    url = new_postgresql()
    config = campaign.hands.config.model_copy(update={"data": DataConfig(database=url)})
    campaign.hands = replace(campaign.hands, config=config)
    campaign.labels = labels_module.Labels(session.project, campaign.log, campaign.queue.clock)
    session.add(bash("first", "true"))
    after(session, "first", bash("next", "true"))
    done_label(session.project, "a")
    campaign.index.refresh("gen000/scf/a")
    place = labels_module.dataset.place(session.project, config)
    postgresql.stop()
    try:
        session.until(lambda: session.states() == {"a": "DONE", "first": "DONE", "next": "DONE"})
        assert "no labels are added" in campaign.paused
        assert not campaign.finished
        with pytest.raises(Away):
            list(database.jobs(place))
    finally:
        postgresql.start()
    session.finish()
    assert campaign.paused == ""
    assert list(database.jobs(place)) == ["gen000/scf/a"]
