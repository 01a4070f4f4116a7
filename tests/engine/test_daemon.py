"""Daemons as processes: one a project, stopped from anywhere, killed, suspended, followed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlipbatch.core.state import JobState
from mlipbatch.store.lease import Locked, Watch, acquire, is_locked, latest
from mlipbatch.store.project import Project

from .conftest import Session, bash
from .fake_parts import VirtualClock

pytestmark = pytest.mark.engines


class Daemons:
    """Daemons of one project, each a process."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.started: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "mlipbatch", "daemon", str(self.project.root), "--interval", "0.1"]
        environment = {**os.environ, "MLIPBATCH_LOCAL_POOL": self.project.id, "PYTHONPATH": str(Path.cwd())}
        daemon = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
        self.started.append(daemon)
        return daemon

    def serving(self, generation: int) -> bool:
        last = latest(self.project.private)
        return last is not None and last.generation == generation and not last.released and is_locked(self.project)


@pytest.fixture
def daemons(session: Session) -> Iterator[Daemons]:
    made = Daemons(session.project)
    yield made
    for daemon in made.started:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()


def until(done: Callable[[], bool], limit_s: float = 120.0) -> None:
    end = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def mlipbatch(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "mlipbatch", *words], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_of_daemons_that_start_at_once_one_serves_and_the_others_exit_75(daemons: Daemons) -> None:
    started = [daemons.start() for _ in range(4)]
    until(lambda: sum(daemon.poll() is not None for daemon in started) == 3)
    assert sorted(daemon.poll() or 0 for daemon in started) == [0, 75, 75, 75]
    assert daemons.serving(1)


def test_a_killed_daemon_is_followed_at_once_and_stop_ends_one(
    session: Session, daemons: Daemons, tmp_path: Path
) -> None:
    gate, ran = tmp_path / "gate", tmp_path / "ran"
    session.add(bash("long", f"echo x >> {ran}; while [ ! -e {gate} ]; do sleep 0.05; done"))
    first = daemons.start()
    until(lambda: session.state("long") is JobState.RUNNING)
    first.kill()
    first.wait()
    second = daemons.start()
    until(lambda: daemons.serving(2))
    assert f"process {second.pid} on" in mlipbatch("stop", str(session.project.root))
    assert second.wait(120) == 0
    assert not is_locked(session.project)
    daemons.start()
    gate.touch()
    until(lambda: session.state("long") is JobState.DONE)
    assert ran.read_text() == "x\n"
    assert "has left" in mlipbatch("stop", str(session.project.root))
    assert "no daemon serves" in mlipbatch("stop", str(session.project.root))
    nobody = json.loads(mlipbatch("stop", str(session.project.root), "--json"))
    assert (nobody["served_by"], nobody["stopped"]) == (None, True)


def test_a_suspended_daemon_that_was_followed_stops_when_it_goes_on(session: Session, daemons: Daemons) -> None:
    mlipbatch("pause", str(session.project.root))
    old = daemons.start()
    until(lambda: "candidates" in session.states())
    old.send_signal(signal.SIGSTOP)  # with nothing half sent, which it might end
    mlipbatch("resume", str(session.project.root))
    clock = VirtualClock()
    watch = Watch(clock)
    time.sleep(0.2)
    with pytest.raises(Locked):
        acquire(session.project, watch, clock)
    clock.now += 301
    mine = acquire(session.project, watch, clock)
    session.add(bash("a", "true"))
    before = session.states()
    old.send_signal(signal.SIGCONT)
    assert old.wait(120) == 75
    assert "was taken over while this process stood still" in (old.stderr.read() if old.stderr else "")
    mine.check()
    assert session.states() == before
    assert before["a"] == "PENDING"


def test_a_paused_project_submits_nothing_and_looks_after_what_runs(
    session: Session, daemons: Daemons, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    session.add(
        bash("runs", f"while [ ! -e {gate} ]; do sleep 0.05; done", priority=2000), bash("waits", "true", priority=2000)
    )
    (session.folder("waits") / "HOLD").touch()
    daemons.start()
    until(lambda: session.state("runs") is JobState.RUNNING)
    told = mlipbatch("pause", str(session.project.root), "--because", "the group meeting", "--json")
    assert json.loads(told)["because"] == "the group meeting"
    (session.folder("waits") / "HOLD").unlink()
    gate.touch()
    until(lambda: session.state("runs") is JobState.DONE)
    assert session.state("waits") is JobState.PENDING
    assert "paused: the group meeting" in mlipbatch("status", str(session.project.root))
    assert "the group meeting" in mlipbatch("why", str(session.folder("waits")))
    assert json.loads(mlipbatch("resume", str(session.project.root), "--json"))["was_paused"] is True
    until(lambda: session.state("waits") is JobState.DONE)
