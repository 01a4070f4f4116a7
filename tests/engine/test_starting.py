"""Daemons that start, or talk, where nothing can be written: they wait, and go on."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from mlipbatch.core.state import JobState
from mlipbatch.engine import copied
from mlipbatch.engine.daemon import Daemon
from mlipbatch.engine.place import Place
from mlipbatch.engine.retries import LAST_S, Retries
from mlipbatch.schedulers import LocalScheduler
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.store.lease import Lease, Locked, is_locked
from mlipbatch.store.project import Project

from .conftest import Session, bash
from .fake_parts import VirtualClock

pytestmark = pytest.mark.engines
LIMIT_S = 120.0
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))  # no byte in any file, until that is lifted
os.execv(sys.argv[1], sys.argv[1:])
"""


class Started:
    """A daemon of its own; `full`: it can write nothing."""

    def __init__(self, session: Session, stderr: Path, *, full: bool, once: bool = False) -> None:
        words = [sys.executable, "-m", "mlipbatch", "daemon", str(session.project.root), "--interval", "0.1"]
        argv = [*([sys.executable, "-c", LIMITED] if full else []), *words, *(["--once"] if once else [])]
        environment = {**os.environ, "MLIPBATCH_LOCAL_POOL": session.project.id, "PYTHONPATH": str(Path.cwd())}
        with stderr.open("w") as file:
            self.process = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE if full else file, text=True)

    def line(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=LIMIT_S)[1] or ""
        return self.process.returncode, said


@pytest.fixture
def started(session: Session) -> Iterator[Callable[..., Started]]:
    made: list[Started] = []

    def start(stderr: Path = Path(os.devnull), **rest: bool) -> Started:
        made.append(Started(session, stderr, **rest))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_daemon_that_cannot_write_its_lease_says_so_once_waits_and_serves(
    session: Session, started: Callable[..., Started]
) -> None:
    session.add(bash("a", "true", priority=2000))
    daemon = started(full=True)
    assert daemon.line().startswith("serving ")
    assert daemon.line() == f"{session.project.root} is not served: File too large; waiting until it can be\n"
    time.sleep(3)  # tries again in vain
    assert daemon.process.poll() is None
    assert not is_locked(session.project)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: session.state("a") is JobState.DONE)
    code, said = daemon.end()
    assert code == 0
    assert "is not served" not in said


def test_one_pass_alone_does_not_wait(session: Session, started: Callable[..., Started]) -> None:
    daemon = started(full=True, once=True)
    said = daemon.process.communicate(timeout=LIMIT_S)[1]
    assert daemon.process.returncode == 1
    assert "File too large" in said


def test_it_is_tried_less_and_less_often() -> None:
    clock = VirtualClock(0)
    retries, tried = Retries(clock), []
    while clock.now < 600:
        if retries.due("p"):
            tried.append(clock.now)
            retries.later("p")
        clock.now += 1
    assert tried[:6] == [0, 2, 6, 14, 30, 62]
    assert {after - before for before, after in pairwise(tried[6:])} == {LAST_S}


def test_a_daemon_whose_messages_find_no_room_goes_on(session: Session, started: Callable[..., Started]) -> None:
    session.add(bash("a", "true", priority=2000), bash("bad", "exit 3", priority=2000))
    daemon = started(Path("/dev/full"), full=False)
    until(lambda: (session.state("a"), session.state("bad")) == (JobState.DONE, JobState.FAILED))
    assert daemon.process.poll() is None
    assert daemon.end()[0] == 0


def test_a_project_that_cannot_be_taken_does_not_end_the_daemon_for_the_others(
    session: Session, tmp_path: Path
) -> None:
    session.add(bash("ok", "true"))
    broken = Project(tmp_path / "broken")
    broken.root.mkdir()
    broken.private.symlink_to(broken.private)  # ELOOP, whoever looks at its lease
    scheduler = LocalScheduler(1, session.project.id)
    goal = Goal(lambda *_: [], loop.outcome)
    Daemon(lambda _: Place(scheduler, 1, 0.02), goal).serve(lambda: [session.project, broken], until_finished=True)
    assert session.states() == {"ok": "DONE"}
    with pytest.raises(OSError, match="symbolic links"):
        Daemon(lambda _: Place(scheduler, 1, 0.02), goal).serve(lambda: [broken])


def test_a_daemon_that_is_followed_while_it_starts_leaves_as_any_other(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = copied.settle

    def stand_still(project: Project, lease: Lease) -> None:
        (project.private / f"lease.{lease.generation + 1:06d}").touch()
        settle(project, lease)

    monkeypatch.setattr(copied, "settle", stand_still)
    scheduler = LocalScheduler(1, session.project.id)
    with pytest.raises(Locked, match="taken over while this process stood still"):
        Daemon(lambda _: Place(scheduler, 1, 0.02)).serve(lambda: [session.project])
    assert not (session.project.private / "place.json").exists()
