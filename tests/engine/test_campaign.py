"""Jobs from PENDING to their end, on the real local scheduler; a new engine at any moment goes on where the old one was."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from mlipbatch.core.state import JobState
from mlipbatch.engine import act
from mlipbatch.store import jobfolder
from mlipbatch.store.inbox import drop_request

from .conftest import Session, bash


def test_a_job_ends_done_and_its_folder_tells_the_story(session: Session) -> None:
    session.add(bash("ok", "echo all well; echo 42 > answer", publish={"answer": "candidates/answer"}))
    assert session.finish() == {"ok": "DONE"}
    assert (session.project.root / "candidates/answer").read_text() == "42\n"
    names = sorted(path.name for path in session.folder("ok").iterdir())
    assert names == ["DONE", "attempt-1", "history.log", "job.yaml"]
    assert [line.split("  ")[0] for line in session.history("ok")][:2] == ["-> PENDING", "PENDING -> SUBMITTED"]
    assert session.history("ok")[-1] in {
        "RUNNING -> DONE  attempt-1: all well",
        "SUBMITTED -> DONE  attempt-1: all well",
    }


def test_a_failing_command_is_tried_three_times_and_then_given_up_with_its_last_words(session: Session) -> None:
    session.add(bash("bad", "echo out of luck >&2; exit 3"), bash("wrong", "echo no such key; exit 2"))
    assert session.finish() == {"bad": "FAILED", "wrong": "FAILED"}
    assert jobfolder.look(session.folder("bad")).attempts == 3
    assert session.history("bad")[-1].endswith("exit code 3: out of luck")
    assert jobfolder.look(session.folder("wrong")).attempts == 1  # wrong input: trying again is no cure


def test_wall_time_ends_a_job_and_its_children(session: Session) -> None:
    session.add(bash("long", "sleep 300 & sleep 300", walltime_s=1))
    session.until(lambda: jobfolder.look(session.folder("long")).attempts == 2)
    assert any("its wall time was up" in line for line in session.history("long"))
    first = str(session.folder("long") / "attempt-1")
    assert not [p for p in psutil.process_iter() if _cwd(p) == first]


def test_priority_decides_and_the_core_budget_holds(session: Session) -> None:
    order = session.project.root / "order"
    session.add(*(bash(f"j{n}", f"echo {n} >> {order}", cores=2, priority=n) for n in (1, 3, 2)))
    session.finish()
    assert order.read_text().split() == ["3", "2", "1"]


def test_hold_keeps_a_job_until_it_is_removed(session: Session) -> None:
    session.add(bash("held", "true"))
    (session.folder("held") / "HOLD").touch()
    for _ in range(3):
        session.campaign.tick()
    assert session.states() == {"held": "PENDING"}
    (session.folder("held") / "HOLD").unlink()
    assert session.finish() == {"held": "DONE"}


def test_an_engine_that_died_finds_its_running_job_again(session: Session, tmp_path: Path) -> None:
    gate, ran = tmp_path / "gate", tmp_path / "ran"
    session.add(bash("long", f"echo x >> {ran}; while [ ! -e {gate} ]; do sleep 0.05; done"))
    session.until(lambda: session.state("long") is JobState.RUNNING)
    session.start()
    gate.touch()
    assert session.finish() == {"long": "DONE"}
    assert ran.read_text() == "x\n"


def test_a_job_whose_id_never_reached_the_disk_is_adopted_not_sent_again(session: Session, tmp_path: Path) -> None:
    gate, ran = tmp_path / "gate", tmp_path / "ran"
    session.add(bash("long", f"echo x >> {ran}; while [ ! -e {gate} ]; do sleep 0.05; done"))
    session.until(lambda: session.state("long") is JobState.RUNNING)
    (session.folder("long") / "attempt-1" / "job_id").unlink()
    session.start()
    session.until((session.folder("long") / "attempt-1" / "job_id").exists)
    gate.touch()
    assert session.finish() == {"long": "DONE"}
    assert ran.read_text() == "x\n"
    assert any("adopted" in line for line in session.history("long"))


def test_a_submission_cut_off_before_the_queue_had_it_is_sent_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.add(bash("cut", "echo hello"))

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(session.campaign.hands.scheduler, "submit", killed)
    with pytest.raises(KeyboardInterrupt):
        session.campaign.tick()
    assert session.state("cut") is JobState.SUBMITTED
    session.start()
    assert session.finish() == {"cut": "DONE"}
    assert (session.folder("cut") / "attempt-1" / "revoked").exists()  # a late accept of it would run nothing
    assert jobfolder.look(session.folder("cut")).attempts == 2
    assert any("was not in the queue" in line for line in session.history("cut"))


def test_a_job_killed_with_its_leader_is_seen_and_its_program_does_not_live_on(session: Session) -> None:
    session.add(bash("victim", "sleep 300 & echo $! > child.new; mv child.new child; wait"))
    session.until((session.folder("victim") / "attempt-1" / "child").exists)
    child = int((session.folder("victim") / "attempt-1" / "child").read_text())
    leader = int((session.folder("victim") / "attempt-1" / "job_id").read_text().split("-")[-2])
    for process in [psutil.Process(leader), *psutil.Process(leader).children(recursive=True)]:
        if process.pid != child:
            process.kill()
    session.until(lambda: jobfolder.look(session.folder("victim")).attempts == 2)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_script_that_is_started_twice_runs_once(session: Session, tmp_path: Path) -> None:
    import subprocess

    ran = tmp_path / "ran"
    session.add(bash("once", f"echo x >> {ran}"))
    assert session.finish() == {"once": "DONE"}
    again = subprocess.run(["bash", "job.sh"], cwd=session.folder("once") / "attempt-1", check=False)
    assert again.returncode == 98
    assert ran.read_text() == "x\n"


def test_requests_reach_the_daemon_through_its_inbox(session: Session) -> None:
    session.add(bash("bad", "exit 2"), bash("slow", "sleep 300"))
    session.until(lambda: session.state("bad") is JobState.FAILED and session.state("slow") is JobState.RUNNING)
    drop_request(session.project, "retry", ["gen000/generate/bad"])
    drop_request(session.project, "cancel", ["gen000/generate/slow"])
    assert session.finish() == {"bad": "FAILED", "slow": "FAILED"}
    assert jobfolder.look(session.folder("bad")).attempts == 2
    assert session.history("slow")[-1].endswith("cancelled by the user")
    assert not list(session.project.inbox.glob("request-*"))


def test_renaming_failed_to_pending_by_hand_is_a_retry(session: Session) -> None:
    session.add(bash("bad", "exit 2"))
    session.finish()
    (session.folder("bad") / "FAILED").rename(session.folder("bad") / "PENDING")
    session.until(
        lambda: jobfolder.look(session.folder("bad")).attempts == 2 and session.state("bad") is JobState.FAILED
    )


def test_a_folder_that_cannot_be_read_is_set_aside_and_the_others_go_on(session: Session) -> None:
    session.add(bash("torn", "true"), bash("good", "true"))
    (session.folder("torn") / "job.yaml").write_text("kind: [")
    session.campaign.index.refresh("gen000/generate/torn")
    session.until(lambda: session.state("good") is JobState.DONE)
    assert "job.yaml cannot be read" in session.campaign.index.aside["gen000/generate/torn"]


def test_a_verdict_that_was_written_but_not_carried_out_is_carried_out(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.add(bash("ok", "echo fine"))
    with monkeypatch.context() as patch:
        patch.setattr(act.jobfolder, "move", _killed_at_done(jobfolder.move))
        with pytest.raises(KeyboardInterrupt):
            session.finish()
    assert session.state("ok") in {JobState.RUNNING, JobState.SUBMITTED}
    session.start()
    assert session.finish() == {"ok": "DONE"}


def test_a_last_verdict_that_was_not_carried_out_is_the_last(session: Session) -> None:
    session.add(bash("bad", "exit 3"))
    session.finish()
    (session.folder("bad") / "FAILED").rename(session.folder("bad") / "RUNNING")  # as a kill before the move leaves it
    session.start()
    assert session.finish() == {"bad": "FAILED"}
    assert jobfolder.look(session.folder("bad")).attempts == 3


def _killed_at_done(move):  # type: ignore[no-untyped-def]
    def inner(folder: Path, before: JobState, after: JobState, *rest: str) -> None:
        if after is JobState.DONE:
            raise KeyboardInterrupt
        move(folder, before, after, *rest)

    return inner


def _cwd(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""
