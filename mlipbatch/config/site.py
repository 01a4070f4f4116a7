"""A site: one cluster (or this machine) as mlipbatch has to know it. Files of `site_configs/`, or one of the user's own."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from mlipbatch.config.model import Model, quantity

WORD = r"^[A-Za-z0-9][A-Za-z0-9._@:+-]*$"  # a name that goes into a header or a command line as it is
OR_EMPTY = r"^([A-Za-z0-9][A-Za-z0-9._@:+-]*)?$"
Line = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")
]  # one line: a break in it would begin another
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Queue(Model):
    """A partition (SLURM) or a queue (PBS): where jobs are sent that fit its limits. The first that fits is taken."""

    name: str = quantity(
        "",
        "its name, as sbatch -p or qsub -q takes it; empty for the scheduler's default",
        pattern=OR_EMPTY,
        default="",
    )
    max_walltime: int = quantity("s", "longest wall time that it takes", ge=60)
    cores_per_node: int = quantity("cores", "cores of one of its nodes", ge=1)
    max_nodes: int = quantity("nodes", "nodes that one job may have", ge=1, default=1)
    memory_per_node: int | None = quantity("MB", "memory of one of its nodes that jobs may ask for", default=None)
    gpus_per_node: int = quantity("", "GPUs of one of its nodes", ge=0, default=0)
    whole_nodes: bool = quantity(
        "", "a job gets, and pays for, whole nodes: small jobs are bundled to fill one", default=False
    )
    header: list[Line] = quantity(
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

    name: Line = quantity("", "what people call it", min_length=1)
    source: Line = quantity("", "where these facts come from", default="")
    scheduler: Literal["local", "slurm", "pbs"] = quantity("", "which scheduler it runs")
    queues: list[Queue] = Field(default_factory=list, description="partitions or queues, in order of preference")
    gpu_queues: list[Queue] = Field(default_factory=list, description="the same for jobs that want a GPU")
    account: str = quantity(
        "", "project that pays, as sbatch -A or qsub -A (-W group_list) takes it", pattern=OR_EMPTY, default=""
    )
    qos: str = quantity("", "quality of service, as sbatch -q takes it", pattern=OR_EMPTY, default="")
    header: list[Line] = quantity("", "further lines of every job script's header, verbatim", default_factory=list)
    modules: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/@:+=-]*$")]] = quantity(
        "", "modules that every job loads", default_factory=list
    )
    before: list[Line] = quantity("", "further bash lines that every job runs first", default_factory=list)
    environment: dict[Variable, Line] = quantity("", "environment variables of every job", default_factory=dict)
    launcher: Line = quantity(
        "", "how an MPI program is started, with {cores}; empty: mpirun -n {cores} for more than one core", default=""
    )
    programs: dict[Annotated[str, Field(pattern=WORD)], Line] = quantity(
        "", "command line of a program on this site (pw.x, pacemaker)", default_factory=dict
    )
    scratch: str = quantity(
        "",
        "folder for TMPDIR of running jobs and for what pw.x writes, shell variables allowed; empty: as the node has it",
        pattern=r"^[A-Za-z0-9_./${}:-]*$",
        default="",
    )
    limits: Limits = Field(default_factory=Limits, description="how many jobs a user may have")
    interval: float = quantity("s", "between two looks at the queue when nothing moves", ge=0.1, default=15.0)

    @property
    def largest(self) -> int | None:
        """Most cores that one job may have; None where no queue says."""
        return max((queue.cores_per_node * queue.max_nodes for queue in self.queues), default=None)


LOCAL = Site(name="this machine", scheduler="local", interval=0.3)
"""The machine that the daemon runs on, with nothing particular about it."""

DIRECTIVES = {"slurm": "#SBATCH", "pbs": "#PBS", "local": "#"}  # what a header line of each begins with


def wrong_header(site: Site) -> tuple[tuple[str | int, ...], str] | None:
    """The first header line that the site's scheduler would not read as one, and the sentence; None where all are right."""
    word = DIRECTIVES[site.scheduler]
    places: list[tuple[tuple[str | int, ...], list[str]]] = [(("header",), site.header)]
    for name, queues in (("queues", site.queues), ("gpu_queues", site.gpu_queues)):
        places += [((name, number, "header"), queue.header) for number, queue in enumerate(queues)]
    for path, lines in places:
        for number, line in enumerate(lines):
            if not re.match(rf"{word}\b", line) and word != "#":
                return (*path, number), f"write a line that begins with {word}"
    return None
