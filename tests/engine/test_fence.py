"""Two login nodes: a daemon that stands still at any moment, is followed, and goes on.

Every sync of the disk and every call of the scheduler is such a moment: what was before it is done, what comes after it is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlipbatch.core.state import JobState
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import Fenced, Watch, acquire
from mlipbatch.store.project import Project, create_project

from .fake import FakeScheduler
from .fake_parts import Program, VirtualClock
from .virtual import Virtual, task

CALLS = ("submit", "snapshot", "find", "cancel")
EVERY = int(os.environ.get("MLIPBATCH_MOMENTS", "6"))  # 1: at every moment


class Moments:
    """Counts the moments of a daemon's life, and lets another take over at one of them."""

    def __init__(self, at: int, meanwhile: Callable[[], None]) -> None:
        self.at, self.meanwhile = at, meanwhile
        self.count = 0
        self.followed = False

    def passes(self) -> None:
        if self.followed:
            return
        self.count += 1
        if self.count == self.at:
            self.followed = True
            self.meanwhile()


def watched(real: Callable[..., object], moments: Moments) -> Callable[..., object]:
    def call(*words: object, **named: object) -> object:
        moments.passes()
        return real(*words, **named)

    return call


def lives(folder: Path, config: str, at: int, patch: pytest.MonkeyPatch) -> tuple[Moments, Virtual]:
    """A daemon's life with three jobs, one of them lost on its way, in which another login node takes over at moment `at`."""
    project = create_project(folder, b"input", config)[0]
    fake = FakeScheduler(VirtualClock(), slots=2, program=program)
    patch.setenv("MLIPBATCH_CACHE", str(folder.parent / "login1"))
    virtual = Virtual(project, fake, acquire(project, Watch(), fake.clock))
    virtual.add(*(task(name) for name in ("a", "b", "c")))
    fake.fail("submit", "ok", "unsent", "twice")

    def follow() -> None:
        patch.setenv("MLIPBATCH_CACHE", str(folder.parent / "login2"))
        virtual.take()
        virtual.run(200 * (at % 7))

    old, moments = virtual.campaign, Moments(at, follow)
    patch.setattr(os, "fsync", watched(os.fsync, moments))
    for name in CALLS:
        patch.setattr(fake, name, watched(getattr(fake, name), moments))
    try:
        while not (old.finished or moments.followed):
            old.tick()
            fake.advance(15)
        if moments.followed:
            with pytest.raises(Fenced):
                old.tick()
    except Fenced:
        assert moments.followed
    return moments, virtual


def program(folder: Path) -> Program:
    """The first run of one job fails, so that there is something to judge."""
    before = [path for path in folder.parent.glob("attempt-*/exit") if path.parent != folder]
    return Program(100.0, exit_code=3 if folder.parent.name == "a" and not before else 0)


def whole(project: Project) -> bool:
    """One state file a job."""
    names = set(JobState)
    return all(len(names & {path.name for path in job.iterdir()}) == 1 for job in jobfolder.walk(project.jobs))


@pytest.mark.engines
def test_who_stood_still_at_any_moment_and_was_followed_doubles_nothing(tmp_path: Path, project: Project) -> None:
    config = project.config.read_text()
    with pytest.MonkeyPatch.context() as patch:
        moments, virtual = lives(tmp_path / "0" / "p", config, 10**9, patch)
        assert set(virtual.states().values()) == {"DONE"}
    assert moments.count > 60
    for at in range(1, moments.count + 1, EVERY):
        with pytest.MonkeyPatch.context() as patch:
            _, virtual = lives(tmp_path / str(at) / "p", config, at, patch)
            assert virtual.finish() == {"a": "DONE", "b": "DONE", "c": "DONE"}, at
            assert not virtual.fake.overlaps(), at
            assert whole(virtual.project), at
            ran = [run.job.name for run in virtual.fake.runs]
            assert (ran.count("b"), ran.count("c")) == (1, 1), at
            assert ran.count("a") == 2, at
