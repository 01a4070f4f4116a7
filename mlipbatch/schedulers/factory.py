"""From a site to its scheduler."""

from __future__ import annotations

import os

from mlipbatch.config.site import Site
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.schedulers.detect import completed
from mlipbatch.schedulers.local import POOL, LocalScheduler
from mlipbatch.schedulers.pbs import PbsScheduler
from mlipbatch.schedulers.slurm import SlurmScheduler


def scheduler_of(site: Site, cores: int) -> Scheduler:
    """The scheduler that a site runs; `cores` are those of this machine that the local one may give away."""
    if site.scheduler == "local":
        return LocalScheduler(cores, os.environ.get("MLIPBATCH_LOCAL_POOL", POOL), site)
    if site.scheduler == "slurm":
        return SlurmScheduler(completed(site))
    return PbsScheduler(site)
