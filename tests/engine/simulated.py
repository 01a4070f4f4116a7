"""A project folder and a simulated cluster, for tests: jobs that take virtual time and do nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.engine.simulate.script import Run
from mlipbatch.engine.simulate.simulation import Simulation
from mlipbatch.engine.simulate.world import World
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project, create_project

from .conftest import INPUT, bash

HOUR, DAY = 3600.0, 86400.0


def site(cores: int = 8, **limits: int | bool) -> Site:
    """One queue of nodes with so many cores."""
    queue = Queue(name="main", max_walltime=86400, cores_per_node=cores, max_nodes=4)
    return Site(name="simulated", scheduler="slurm", queues=[queue], limits=Limits.model_validate(limits), interval=15)


def large_project(folder: Path) -> Project:
    """A project that may use any number of cores; in memory where this machine has a file system there."""
    text = INPUT.replace("parallel_cores: 4", "parallel_cores: 1000000").encode()
    source = folder / "input.yaml"
    source.write_bytes(text)
    config, reasons = load_expanded(source, labels=False)
    return create_project(folder / "tiny", text, render_config_yaml(config, reasons))[0]


class Virtual:
    """A campaign of some jobs in virtual time."""

    def __init__(
        self, project: Project, where: Site, world: World, seconds: Mapping[str, float], walltime_s: int = 4 * 3600
    ) -> None:
        self.project, self.seconds = project, dict(seconds)
        for name in seconds:
            jobfolder.create(project.jobs, bash(name, "true", walltime_s=walltime_s))
        goal = Goal(lambda *_: (), loop.outcome)
        self.simulation = Simulation(project, where, world, lambda job: self.seconds[job.split("/")[2]], goal)

    def finish(self, limit_s: float = 30 * DAY) -> Counter[str]:
        """Run to the end. Returns how many jobs ended in which state."""
        self.simulation.run(limit_s=limit_s)
        return self.states()

    def states(self) -> Counter[str]:
        return Counter(jobfolder.look(folder).state.value for folder in jobfolder.walk(self.project.jobs))

    def folder(self, name: str) -> Path:
        return self.project.jobs / "gen000" / "generate" / name

    def history(self) -> list[str]:
        """Every line of every job's history."""
        return [
            line for f in jobfolder.walk(self.project.jobs) for line in (f / "history.log").read_text().splitlines()
        ]

    def transitions(self) -> int:
        return sum(" -> " in line for line in self.history())

    def runs(self) -> Counter[str]:
        """How many runs of a job's program ended by themselves, by job."""
        return Counter(run.job for run in self.simulation.programs.runs if run.exit_code is not None)

    def overlaps(self) -> list[tuple[Run, Run]]:
        """Runs of one job that were alive at the same time."""
        runs = sorted(self.simulation.programs.runs, key=lambda run: (run.job, run.begin_s))
        return [(one, two) for one, two in pairwise(runs) if one.job == two.job and two.begin_s < one.end_s]
