"""What is asked of qsub for a job: the same options on the command line and, for people, in the script's header."""

from __future__ import annotations

import math

from mlipbatch.config.site import Queue, Site
from mlipbatch.core.job import Resources
from mlipbatch.schedulers.pbs_states import Flavour

LOG = "job.log"  # relative: qsub is run in the folder of the script
ALWAYS = (
    ("-S", "/bin/bash"),  # else the script is read by the user's login shell, which may be csh
    ("-j", "oe"),
    ("-m", "n"),  # else an aborted job sends a mail; ten thousand of them are not wanted
    # preempted, or its node lost: the same job, with the age it has in the queue, starts again. job.sh takes its own claim
    # over, so it is one attempt with one result, and no rung of the ladder is spent. An array is not taken without it
    ("-r", "y"),
)
# No -V: PBS would copy the whole environment into each job, and print it, badly quoted, with every qstat. Jobs run in a login
# shell; what they need beyond it stands in the site file (modules, before, environment).


def options(
    site: Site, queue: Queue | None, resources: Resources, flavour: Flavour = Flavour.PRO, tasks: int = 0
) -> list[tuple[str, str]]:
    """Options of one job, or of an array of `tasks`, as pairs of flag and value.

    `resources.exclude` has no counterpart: PBS has no way to name nodes that a job should not have.
    """
    array = tasks > 1  # qsub: "illegal -J value" for 0-0, so an array of one task is sent as a plain job
    chunks = _torque_chunks if flavour is Flavour.TORQUE else _chunks
    found = [*ALWAYS, ("-o", _log(flavour, array))]
    found += [("-q", queue.name)] if queue is not None and queue.name else []
    found += [("-A", site.account)] if site.account else []
    found += [("-l", asked) for asked in chunks(queue, resources)]
    found += [("-l", f"walltime={clock(resources.walltime_s)}")]
    found += [("-t" if flavour is Flavour.TORQUE else "-J", f"0-{tasks - 1}")] if array else []
    return found


def _log(flavour: Flavour, array: bool) -> str:
    """Tasks of an array write a file each; Torque puts the task's number behind the name by itself."""
    return "job.^array_index^.log" if array and flavour is Flavour.PRO else LOG


def clock(walltime_s: float) -> str:
    """``HH:MM:SS``, hours without limit, as -l walltime takes it."""
    whole = max(1, math.ceil(walltime_s))
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def _chunks(queue: Queue | None, resources: Resources) -> list[str]:
    """``select=NODES:ncpus=..:mpiprocs=..``, the same number of cores on each node, and how to place them."""
    nodes, ranks = _shape(queue, resources)
    whole = queue is not None and queue.whole_nodes
    parts = [f"ncpus={queue.cores_per_node if queue is not None and whole else ranks}", f"mpiprocs={ranks}"]
    parts += [f"ngpus={math.ceil(resources.gpus / nodes)}"] if resources.gpus else []
    memory = None if whole else _memory(queue, resources, ranks * nodes)
    parts += [f"mem={math.ceil(memory / nodes)}mb"] if memory else []
    place = [f"place=scatter{':excl' if whole else ''}"] if nodes > 1 or whole else []
    return [f"select={nodes}:" + ":".join(parts), *place]


def _torque_chunks(queue: Queue | None, resources: Resources) -> list[str]:
    """Torque knows ``nodes=NODES:ppn=..`` and memory of the whole job."""
    nodes, ranks = _shape(queue, resources)
    whole = queue is not None and queue.whole_nodes
    gpus = f":gpus={math.ceil(resources.gpus / nodes)}" if resources.gpus else ""
    memory = None if whole else _memory(queue, resources, ranks * nodes)
    cores = queue.cores_per_node if queue is not None and whole else ranks
    return [f"nodes={nodes}:ppn={cores}{gpus}", *([f"mem={memory}mb"] if memory else [])]


def _shape(queue: Queue | None, resources: Resources) -> tuple[int, int]:
    """Nodes, and cores used on each: shared out evenly, so that all chunks are alike."""
    nodes = 1 if queue is None else math.ceil(resources.cores / queue.cores_per_node)
    return nodes, math.ceil(resources.cores / nodes)


def _memory(queue: Queue | None, resources: Resources, cores: int) -> int | None:
    """Memory (MB) of the whole job: what it asks for, else its cores' share of their nodes."""
    if resources.memory_mb is not None or queue is None or queue.memory_per_node is None:
        return resources.memory_mb
    return queue.memory_per_node * cores // queue.cores_per_node
