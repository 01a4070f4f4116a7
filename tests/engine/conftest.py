"""A real project folder, the real local scheduler, and jobs that are small bash commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import JobState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers import LocalScheduler
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.schedulers.local import sessions
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.stages.work import work
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project, create_project

INPUT = """\
project_name: "tiny"
target_system:
  elements: ["Al", "Mg"]
  composition: {"Al": 0.75, "Mg": 0.25}
  crystal_structure: "fcc"
simulation_goal:
  type: "elastic"
  temperature_range: [300, 600]
resources:
  dft_code: "quantum_espresso"
  parallel_cores: 4
  gpu_enabled: false
dft:
  pseudopotential_table: "debian-lda"
"""


def bash(
    name: str, script: str, walltime_s: int = 60, cores: int = 1, publish: dict[str, str] | None = None, **rest: int
) -> JobSpec:
    """A job that runs a line of bash."""
    return work(
        f"gen000/generate/{name}", [["bash", "-c", script]], publish or {}, Resources(cores, walltime_s), **rest
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    source = tmp_path / "input.yaml"
    source.write_text(INPUT)
    config, reasons = load_expanded(source, labels=False)
    made, _ = create_project(tmp_path / "tiny", source.read_bytes(), render_config_yaml(config, reasons))
    return made


class Session:
    """A project with some jobs, served tick by tick."""

    patience: Patience | None = None  # the scheduler's own

    def __init__(self, project: Project, cores: int = 2) -> None:
        self.project = project
        self.cores = cores
        self.specs: list[JobSpec] = []
        self.campaign = self.start()

    def start(self) -> Campaign:
        """A new engine on the same folder, as after a kill."""
        self.campaign = Campaign(
            self.project,
            self.scheduler(),
            self.cores,
            Goal(lambda *_: self.specs, loop.outcome),
            patience=self.patience,
        )
        return self.campaign

    def scheduler(self) -> Scheduler:
        """The one that jobs go to."""
        return LocalScheduler(self.cores, self.project.id)

    def add(self, *specs: JobSpec) -> None:
        for spec in specs:
            jobfolder.create(self.project.jobs, spec)
            self.campaign.index.refresh(spec.id)

    def until(self, done: Callable[[], bool], limit_s: float = 120.0) -> None:
        end = time.monotonic() + limit_s
        while not done():
            assert time.monotonic() < end, f"still {self.states()}"
            if not self.campaign.tick():
                time.sleep(0.02)

    def finish(self, limit_s: float = 120.0) -> dict[str, str]:
        self.until(lambda: self.campaign.finished, limit_s)
        return self.states()

    def states(self) -> dict[str, str]:
        return {folder.name: jobfolder.look(folder).state.value for folder in jobfolder.walk(self.project.jobs)}

    def folder(self, name: str) -> Path:
        return self.project.jobs / "gen000" / "generate" / name

    def state(self, name: str) -> JobState:
        return jobfolder.look(self.folder(name)).state

    def history(self, name: str) -> list[str]:
        return [line.split("  ", 1)[1] for line in (self.folder(name) / "history.log").read_text().splitlines()]

    def kill_all(self) -> None:
        for session in sessions(self.project.id):
            self.campaign.hands.scheduler.cancel(session.id)


@pytest.fixture
def session(project: Project) -> Iterator[Session]:
    made = Session(project)
    yield made
    made.kill_all()
