"""Projects on a cluster: the fake SLURM, or a real slurmctld and slurmd; what their jobs did is read from the disk."""

from __future__ import annotations

from pathlib import Path

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.schedulers.slurm import SlurmScheduler
from mlipbatch.store.project import Project

from .conftest import Session, bash

QUICK = Patience(interval_s=0.2, looks=2, lost_s=1.0, unknown_s=3.0, backoff_s=0.5, longest_s=3.0)


def cluster_site(longest: int = 3600, cores_per_node: int = 2, **limits: int | bool) -> Site:
    queue = Queue(name="debug", max_walltime=longest, cores_per_node=cores_per_node)
    return Site(name="test", scheduler="slurm", queues=[queue], limits=Limits(**limits))  # type: ignore[arg-type]


class ClusterSession(Session):
    """As a session, with jobs that write down when they ran."""

    patience = QUICK

    def __init__(self, project: Project, site: Site, cores: int = 2) -> None:
        self.site = site
        super().__init__(project, cores)

    def scheduler(self) -> Scheduler:
        return SlurmScheduler(self.site)

    @property
    def ran(self) -> Path:
        """A line for each time that a job's program ran."""
        return self.project.root / "ran"

    def work(self, number: int, seconds: float = 0.2, **rest: int) -> None:
        """So many jobs, each of which says that it ran."""
        self.add(*(bash(f"j{n:03d}", f"echo j{n:03d} >> {self.ran}; sleep {seconds}", **rest) for n in range(number)))

    def runs(self) -> list[str]:
        return sorted(self.ran.read_text().split()) if self.ran.exists() else []

    def batches(self) -> list[Path]:
        return sorted((self.project.private / "batches").glob("mb-*"))

    def submissions(self) -> set[str]:
        """Jobs of the queue, an array as one."""
        ids = {path.read_text().strip() for path in self.project.jobs.glob("*/*/*/attempt-*/job_id")}
        return {scheduler_id.split("_")[0] for scheduler_id in ids}
