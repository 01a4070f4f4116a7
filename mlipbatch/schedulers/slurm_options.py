"""What is asked of sbatch for a job: the same options on the command line and, for people, in the script's header."""

from __future__ import annotations

import math

from mlipbatch.config.site import Queue, Site
from mlipbatch.core.job import Resources

LOG = "job.log"
ALWAYS = (
    f"--output={LOG}",
    f"--error={LOG}",
    # a job that is requeued writes on; the default would wipe what its first start said
    "--open-mode=append",
    # preempted, or its node lost: the same job, with the age it has in the queue, starts again. job.sh takes its own claim
    # over, so it is one attempt with one result, and no rung of the ladder is spent
    "--requeue",
    # what `sbatch` by hand would do: modules, PATH and the functions of the shell that the daemon was started from.
    # SLURM's own variables are taken out of it first (slurm.py)
    "--export=ALL",
)


def options(site: Site, queue: Queue | None, resources: Resources) -> list[str]:
    """Options of one job (or of each task of an array); no option's value comes from outside the site's checked file."""
    found = [*ALWAYS, f"--time={minutes(resources.walltime_s)}"]
    found += _placement(queue, resources)
    found += [f"--account={site.account}"] * bool(site.account) + [f"--qos={site.qos}"] * bool(site.qos)
    found += [f"--gres=gpu:{resources.gpus}"] * bool(resources.gpus)
    found += [f"--exclude={','.join(resources.exclude)}"] * bool(resources.exclude)
    return found


def minutes(walltime_s: float) -> int:
    """SLURM counts whole minutes, and rounds seconds up by itself."""
    return max(1, math.ceil(walltime_s / 60))


def _placement(queue: Queue | None, resources: Resources) -> list[str]:
    if queue is None:
        return ["--nodes=1", f"--ntasks={resources.cores}", *_memory(resources.memory_mb)]
    nodes = math.ceil(resources.cores / queue.cores_per_node)
    found = [f"--partition={queue.name}"] * bool(queue.name) + [f"--nodes={nodes}", f"--ntasks={resources.cores}"]
    if queue.whole_nodes:
        return [*found, "--exclusive"]
    return [*found, *_memory(resources.memory_mb or _share(queue, resources.cores), nodes)]


def _share(queue: Queue, cores: int) -> int | None:
    """Memory (MB) by the share of a node's cores: where memory is allocated, a job that names none may get all or little."""
    if queue.memory_per_node is None:
        return None
    return queue.memory_per_node * cores // queue.cores_per_node


def _memory(megabytes: int | None, nodes: int = 1) -> list[str]:
    """`--mem` is by node."""
    return [] if megabytes is None else [f"--mem={math.ceil(megabytes / nodes)}M"]
