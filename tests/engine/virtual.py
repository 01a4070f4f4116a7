"""A project served in virtual time on the fake scheduler: days pass in a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import ENDED, JobState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import Patience
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.stages.work import work
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import Lease, Locked, Watch, acquire
from mlipbatch.store.project import Project

from .fake import FakeScheduler

STEP_S = 15.0
PATIENCE = Patience()


def task(name: str, kind: str = "generate", walltime_s: int = 3600, **rest: int) -> JobSpec:
    """A job of which only the fake knows what it does."""
    spec = work(f"gen000/{kind}/{name}", [["true"]], {}, Resources(1, walltime_s), **rest)
    return JobSpec(spec.id, "generate", spec.resources, spec.priority, parameters=spec.parameters)


class Virtual:
    """A project, its engine and the fake; `run` lets time pass, a tick every STEP_S."""

    def __init__(self, project: Project, fake: FakeScheduler, lease: Lease | None = None) -> None:
        self.project, self.fake, self.clock = project, fake, fake.clock
        self.specs: list[JobSpec] = []
        self.ticks = 0
        self.campaign = self.start(lease)

    def start(self, lease: Lease | None = None) -> Campaign:
        """A new engine on the same folder, as after a kill."""
        goal = Goal(lambda *_: self.specs, loop.outcome)
        self.campaign = Campaign(self.project, self.fake, 64, goal, lease, self.clock, PATIENCE)
        return self.campaign

    def take(self) -> Campaign:
        """A new engine with the project's lease, as on another login node: the holder's counter is watched until it is free."""
        self._as_on_another_node()
        watch = Watch(self.clock)
        while True:
            try:
                return self.start(acquire(self.project, watch, self.clock))
            except Locked:
                self.clock.now += 60

    def _as_on_another_node(self) -> None:
        for path in self.project.private.glob("lease.0*"):
            raw = json.loads(path.read_text())
            path.write_text(json.dumps({**raw, "host": "login2"} if "host" in raw else raw))

    def add(self, *specs: JobSpec) -> None:
        for spec in specs:
            jobfolder.create(self.project.jobs, spec)
            self.campaign.index.refresh(spec.id)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False, step_s: float = STEP_S) -> None:
        """Let time pass, at most so long."""
        end = self.clock.now + seconds
        while self.clock.now < end and not until():
            self.campaign.tick()
            self.ticks += 1
            self.fake.advance(step_s)

    def finish(self, seconds: float = 7 * 86400) -> dict[str, str]:
        self.run(seconds, lambda: self.campaign.finished)
        assert self.campaign.finished, (self.states(), self.campaign.paused, self.campaign.queue.unwell)
        return self.states()

    def states(self) -> dict[str, str]:
        return {folder.name: jobfolder.look(folder).state.value for folder in jobfolder.walk(self.project.jobs)}

    def folder(self, name: str, kind: str = "generate") -> Path:
        return self.project.jobs / "gen000" / kind / name

    def state(self, name: str) -> JobState:
        return jobfolder.look(self.folder(name)).state

    def ended(self, name: str) -> bool:
        return self.state(name) in ENDED

    def attempts(self, name: str, kind: str = "generate") -> int:
        return jobfolder.look(self.folder(name, kind)).attempts

    def history(self, name: str, kind: str = "generate") -> list[str]:
        path = self.folder(name, kind) / "history.log"
        return [line.split("  ", 1)[1] for line in path.read_text().splitlines()]

    def transitions(self) -> int:
        return sum(
            " -> " in line
            for folder in jobfolder.walk(self.project.jobs)
            for line in (folder / "history.log").read_text().splitlines()
        )

    def runs(self, name: str) -> list[str]:
        """Attempts of a job that really ran."""
        return [run.attempt for run in self.fake.runs if run.job.name == name]
