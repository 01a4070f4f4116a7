"""Which of a site's queues a job goes to."""

from __future__ import annotations

import math

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.core.job import Resources
from mlipbatch.schedulers.base import Refused, Room


def choose(site: Site, resources: Resources) -> Queue | None:
    """The first queue that takes the job; None where the site names none. Raises Refused where no queue does, with why."""
    queues = candidates(site, resources)
    found = first_fitting(site, resources)
    if queues and found is None:
        reasons = "; ".join(f"{queue.name or 'the default'}: {unfit(queue, resources)}" for queue in queues)
        raise Refused(f"no queue of site {site.name} takes it ({reasons})")
    return found


def first_fitting(site: Site, resources: Resources) -> Queue | None:
    """The first queue that takes the job, if there is one."""
    return next((queue for queue in candidates(site, resources) if not unfit(queue, resources)), None)


def candidates(site: Site, resources: Resources) -> list[Queue]:
    """The queues for jobs of its sort."""
    return site.gpu_queues if resources.gpus else site.queues


def unfit(queue: Queue, resources: Resources) -> str:
    """Why a queue does not take a job; empty where it does."""
    nodes = math.ceil(resources.cores / queue.cores_per_node)
    if resources.walltime_s > queue.max_walltime:
        return f"{resources.walltime_s} s of wall time, {queue.max_walltime} s allowed"
    if nodes > queue.max_nodes:
        return f"{resources.cores} cores, {queue.cores_per_node * queue.max_nodes} allowed"
    if queue.memory_per_node is not None and (resources.memory_mb or 0) > nodes * queue.memory_per_node:
        return f"{resources.memory_mb} MB, {nodes * queue.memory_per_node} there"
    if resources.gpus > queue.gpus_per_node * nodes:
        return f"{resources.gpus} GPUs, {queue.gpus_per_node * nodes} there"
    return ""


def room(limits: Limits, counted: int, allocations: int) -> Room:
    """What a site's limits leave; `counted` jobs in the queue, `allocations` of theirs: of all the user's jobs."""
    running = None if limits.max_running is None else max(0, limits.max_running - allocations)
    return Room(max(0, limits.max_queued - counted), None, running)
