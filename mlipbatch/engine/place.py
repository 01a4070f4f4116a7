"""Where a project's jobs run: the site that it names, the user's own, or what is found here; one scheduler a site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlipbatch.config import load_config
from mlipbatch.config.errors import InputError
from mlipbatch.config.model import Config
from mlipbatch.config.site import Site
from mlipbatch.config.site_file import chosen_site
from mlipbatch.core.job import Resources
from mlipbatch.schedulers import cores_here
from mlipbatch.schedulers.base import Refused, Scheduler
from mlipbatch.schedulers.detect import completed, detect
from mlipbatch.schedulers.factory import scheduler_of
from mlipbatch.schedulers.queues import choose
from mlipbatch.store.project import Project


@dataclass(frozen=True)
class Place:
    """A scheduler as one project uses it."""

    scheduler: Scheduler
    largest: int  # cores that one job may get at most
    interval_s: float  # between two looks at the queue

    @property
    def words(self) -> str:
        """For people."""
        site = self.scheduler.site
        if site.scheduler == "local":
            return f"{self.largest} cores of this machine"
        return f"{site.name} ({site.scheduler})"


Placing = Callable[[Project], Place]


class Places:
    """All places that one daemon needs; a site named here counts for every project."""

    def __init__(self, cores: int | None = None, interval_s: float | None = None, site: str = "") -> None:
        self.cores, self.interval_s, self.site = cores, interval_s, site
        self._found: dict[str, Scheduler] = {}

    def __call__(self, project: Project) -> Place:
        """The place of a project. Raises InputError for a site file that is wrong, or a config.yaml."""
        return self.of(load_config(project.config))

    def of(self, config: Config) -> Place:
        """The place that a configuration asks for. Raises InputError."""
        name = self.site or config.resources.site
        if name not in self._found:
            self._found[name] = scheduler_of(site_called(name), self.cores or cores_here())
        scheduler = self._found[name]
        local = scheduler.site.scheduler == "local"
        largest = (self.cores or cores_here()) if local else scheduler.site.largest or config.resources.parallel_cores
        return Place(scheduler, largest, self.interval_s or scheduler.site.interval)


def site_called(name: str) -> Site:
    """The site of that name, else the user's own, else what is found. Raises InputError."""
    return chosen_site(name) or detect()


def check(config: Config, name: str = "") -> Site:
    """The site of a configuration, where its jobs fit. Raises InputError with the value that does not."""
    site = completed(site_called(name or config.resources.site))
    jobs = config.jobs
    asked = {
        "jobs.dft_cores and jobs.dft_walltime": Resources(jobs.dft_cores, jobs.dft_walltime, jobs.dft_memory or None),
        "jobs.work_cores and jobs.work_walltime": Resources(jobs.work_cores, jobs.work_walltime),
    }
    for keys, resources in asked.items():
        try:
            choose(site, resources)
        except Refused as reason:
            raise InputError(f"{keys} ask for {resources.cores} cores and {resources.walltime_s} s: {reason}") from None
    return site
