"""Sessions of a person with a project: submit, look, ask why, cancel, retry."""

from __future__ import annotations

import importlib
import json
import os
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlipbatch.config.errors import InputError
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import project_lock
from tests.engine.conftest import INPUT, Session, bash, project, session

__all__ = ["project", "session"]


def mb(*words: str) -> str:
    """Run a command in this process; its stdout. Errors come through as exceptions."""
    app = typer.Typer()
    for name in ("submit", "status", "ls", "show", "why", "retry", "cancel"):
        app.command(name)(getattr(importlib.import_module(f"mlipbatch.cli.{name}"), name))
    outcome = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


@pytest.fixture(autouse=True)
def own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


def test_submit_makes_a_project_whose_first_job_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("input.yaml").write_text(INPUT)
    mb("submit", "input.yaml", "--dry-run")
    assert not Path("tiny").exists()
    assert mb("submit", "input.yaml") == f"{tmp_path}/tiny\n"
    assert (Path("tiny/input.yaml").read_text(), Path("tiny/config.yaml").exists()) == (INPUT, True)
    assert mb("ls", "tiny").split()[:3] == ["PENDING", "0", "gen000/generate/candidates"]
    assert "no daemon serves this project" in mb("why", "tiny/jobs/gen000/generate/candidates")
    seen = json.loads(mb("status", "tiny", "--json"))
    assert (seen["states"]["PENDING"], seen["served"], seen["finished"]) == (1, False, False)
    assert json.loads(mb("status", "--json"))["project"] == "tiny"  # found in the user's list
    assert mb("submit", "input.yaml") == f"{tmp_path}/tiny\n"  # again: the same project


def test_a_failed_job_says_why_and_retry_puts_it_back(session: Session) -> None:
    session.add(bash("bad", "echo the disk is on fire; exit 2"), bash("good", "true"))
    session.finish()
    folder = str(session.folder("bad"))
    assert "exit code 2: the disk is on fire" in mb("why", folder)
    assert "attempt-1" in mb("show", folder)
    rows = json.loads(mb("ls", str(session.project.root), "--state", "failed", "--json"))
    assert [row["id"] for row in rows] == ["gen000/generate/bad"]
    assert mb("retry", folder, "--dry-run") == "gen000/generate/bad\n"
    assert session.states()["bad"] == "FAILED"
    told = json.loads(mb("retry", str(session.project.jobs), "--json"))
    assert told == {"action": "retry", "jobs": ["gen000/generate/bad"], "dry_run": False, "handed_to_daemon": False}
    assert session.states() == {"bad": "PENDING", "good": "DONE"}
    with pytest.raises(InputError, match="nothing to retry"):
        mb("retry", folder)


def test_cancel_ends_a_running_job(session: Session) -> None:
    session.add(bash("slow", "sleep 300"))
    session.until(lambda: session.states() == {"slow": "RUNNING"})
    assert mb("cancel", str(session.folder("slow"))) == "gen000/generate/slow\n"
    assert session.states() == {"slow": "FAILED"}
    assert "cancelled by the user" in mb("why", str(session.folder("slow")))


def test_a_second_daemon_exits_75_and_once_is_one_pass(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlipbatch.cli.daemon import daemon

    monkeypatch.setenv("MLIPBATCH_LOCAL_POOL", session.project.id)
    app = typer.Typer()
    app.command()(daemon)
    words = [str(session.project.root), "--once"]
    with project_lock(session.project):
        assert CliRunner().invoke(app, words).exit_code == 75
    (session.project.jobs / "gen000").mkdir()
    assert CliRunner().invoke(app, words).exit_code == 0  # makes the first job and submits it
    assert session.states()["candidates"] == "SUBMITTED"
    seen = json.loads(mb("status", str(session.project.root), "--json"))
    assert (seen["states"]["SUBMITTED"], seen["scheduler"], seen["served"]) == (1, "local", False)


def test_hold_is_seen(session: Session) -> None:
    session.add(bash("held", "true"))
    (session.folder("held") / jobfolder.HOLD).touch()
    assert "remove" in mb("why", str(session.folder("held")))
    assert "held" in mb("ls", str(session.project.root))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ls", "--state", "BROKEN"], "--state 'BROKEN' is none of PENDING"),
        (["show", "gen000/scf/nothing"], "is no job folder"),
        (["why", "."], "is no job folder"),
        (["cancel", "gen009"], "is no job folder"),
        (["ls", "gen009"], "is no job folder"),
        (["ls", "jobs/gen000/nosuch"], "is no job folder"),
    ],
)
def test_wrong_use_is_one_sentence(
    session: Session, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(session.project.root)
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        mb(*words)


def test_of_a_holder_on_another_host_its_last_heartbeat_is_told(session: Session) -> None:
    private = session.project.private
    with project_lock(session.project) as lease:
        here = json.loads(mb("status", str(session.project.root), "--json"))
        assert (here["served"], here["served_by"]) == (True, "")
        assert here["heartbeat_age_s"] < 60
        path = private / f"lease.{lease.generation:06d}"
        raw = path.read_text()
        path.write_text(json.dumps({**json.loads(raw), "host": "login2"}))
        os.utime(private / "beat", (time.time() - 720,) * 2)
        before = sorted(private.iterdir())
        assert "on login2, last heartbeat 12 min ago" in mb("status", str(session.project.root))
        there = json.loads(mb("status", str(session.project.root), "--json"))
        assert 719 < there["heartbeat_age_s"] < 800
        assert "login2" in there["served_by"]
        assert sorted(private.iterdir()) == before
        (private / "beat").unlink()
        assert "last heartbeat unknown" in mb("status", str(session.project.root))
        path.write_text(raw)
    assert json.loads(mb("status", str(session.project.root), "--json"))["heartbeat_age_s"] is None


def test_a_job_that_cannot_be_read_is_told_of_and_stops_nothing_else(session: Session) -> None:
    session.add(bash("bad", "exit 2"), bash("broken", "exit 2"), bash("torn", "exit 2"))
    session.finish()
    (session.folder("broken") / "FAILED").unlink()
    (session.folder("torn") / "job.yaml").write_text("{")
    for name, sentence in {"broken": "has no state file", "torn": "job.yaml cannot be read"}.items():
        told = json.loads(mb("why", str(session.folder(name)), "--json"))
        assert (told["state"], len(told["why"])) == ("?", 1)
        assert f"gen000/generate/{name} is set aside: " in told["why"][0]
        assert sentence in told["why"][0]
        with pytest.raises(InputError, match=f"is set aside: .*{sentence}"):
            mb("show", str(session.folder(name)))
    assert mb("retry", str(session.project.root), "--dry-run") == "gen000/generate/bad\ngen000/generate/torn\n"


def test_ls_takes_what_the_other_commands_take(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(mb("ls", str(session.project.root), "--json")) == []
    session.add(bash("a", "true"))
    monkeypatch.chdir(session.project.root)
    for words in ([], ["."], ["jobs"], ["gen000"], ["jobs/gen000/generate"], ["gen000/generate/a"]):
        assert "gen000/generate/a" in mb("ls", *words)
    monkeypatch.chdir(session.project.root.parent)
    with pytest.raises(InputError, match=r"^gen000/generate/a is not there, and .* is not in an mlipbatch project"):
        mb("why", "gen000/generate/a")
