"""A site: one cluster (or this machine) as mlipbatch has to know it. Files of `site_configs/`, or one of the user's own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlipbatch.config.model import Model, quantity


class Queue(Model):
    """A partition (SLURM) or a queue (PBS): where jobs are sent that fit its limits. The first that fits is taken."""

    name: str = quantity("", "its name, as sbatch -p or qsub -q takes it; empty for the scheduler's default")
    max_walltime: int = quantity("s", "longest wall time that it takes", ge=60)
    cores_per_node: int = quantity("cores", "cores of one of its nodes", ge=1)
    max_nodes: int = quantity("nodes", "nodes that one job may have", ge=1, default=1)
    memory_per_node: int | None = quantity("MB", "memory of one of its nodes that jobs may ask for", default=None)
    gpus_per_node: int = quantity("", "GPUs of one of its nodes", ge=0, default=0)
    whole_nodes: bool = quantity(
        "", "a job gets, and pays for, whole nodes: small jobs are bundled to fill one", default=False
    )
    header: list[str] = quantity(
        "", "further lines of a job script's header for this queue, verbatim", default_factory=list
    )


class Limits(Model):
    """How many jobs the site lets one user have. They bound all of the user's jobs, not only ours."""

    max_queued: int = quantity("jobs", "in the queue at a time, running ones included", ge=1, default=1000)
    max_running: int | None = quantity("jobs", "running at a time, where it is less", ge=1, default=None)
    max_array: int = quantity("tasks", "of one job array; 1 where arrays are not wanted", ge=1, default=1)
    array_tasks_count: bool = quantity("", "does every task of an array count as a job", default=True)
    bundle: int = quantity(
        "jobs", "most jobs that may share one allocation one after the other; 1 for no bundles", ge=1, default=200
    )
    bundle_walltime: int = quantity("s", "longest allocation asked for on behalf of a bundle", ge=60, default=6 * 3600)


class Site(Model):
    """One site."""

    name: str = quantity("", "what people call it")
    source: str = quantity("", "where these facts come from", default="")
    scheduler: Literal["local", "slurm", "pbs"] = quantity("", "which scheduler it runs")
    queues: list[Queue] = Field(default_factory=list, description="partitions or queues, in order of preference")
    gpu_queues: list[Queue] = Field(default_factory=list, description="the same for jobs that want a GPU")
    account: str = quantity("", "project that pays, as sbatch -A or qsub -A (-W group_list) takes it", default="")
    qos: str = quantity("", "quality of service, as sbatch -q takes it", default="")
    header: list[str] = quantity("", "further lines of every job script's header, verbatim", default_factory=list)
    modules: list[str] = quantity("", "modules that every job loads", default_factory=list)
    before: list[str] = quantity("", "further bash lines that every job runs first", default_factory=list)
    environment: dict[str, str] = quantity("", "environment variables of every job", default_factory=dict)
    launcher: str = quantity("", "how an MPI program is started, with {cores}; empty: mpirun -np {cores}", default="")
    programs: dict[str, str] = quantity(
        "", "command line of a program on this site (pw.x, pacemaker)", default_factory=dict
    )
    scratch: str = quantity(
        "", "folder for scratch of running jobs, shell variables allowed; empty: the attempt folder", default=""
    )
    limits: Limits = Field(default_factory=Limits, description="how many jobs a user may have")
    interval: float = quantity("s", "between two looks at the queue when nothing moves", ge=0.1, default=15.0)
