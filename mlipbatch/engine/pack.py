"""Who is sent how: alone, as tasks of an array, or several in one allocation. A pure function of what waits and of the limits.

Alone, while the limits have room for all that waits: each starts when there is a place for it. More than that go in bundles, each
with an even share of all that nobody has begun. How long a job takes nobody knows, so shares need not be clever: allocations take
from each other's lists what nobody has begun (templates/batch.sh.j2), and all slots end together (benchmarks/makespan.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TypeVar

from mlipbatch.config.site import Queue, Site
from mlipbatch.core.job import JobEntry, Resources, urgency
from mlipbatch.schedulers.queues import first_fitting

RESERVE_S = 60  # of an allocation, beyond its members' wall times: starting, and saying how they ended
WINDOW = 2000  # of the most urgent jobs that are looked at: longest first is among them
FILLED = 3.0  # times its wall time may the wall times on a list be: most jobs end long before theirs are up
ARRAY_FROM = 4  # units of one shape: below that each has a submission of its own, and its own place in the queue


@dataclass(frozen=True)
class Unit:
    """What is submitted as one: a job of the queue, or an array of them."""

    tasks: tuple[tuple[JobEntry, ...], ...]  # of each task the jobs, in the order in which they are begun
    cores: int  # of the allocation of each task
    walltime_s: int  # of the allocation of each task
    shared: bool = False  # a bundle: others may take from it, and it takes from others

    @property
    def jobs(self) -> list[JobEntry]:
        """All of them."""
        return [entry for task in self.tasks for entry in task]

    def only(self, wanted: Callable[[JobEntry], bool]) -> Unit:
        """The same without the jobs that are not wanted."""
        kept = tuple(tuple(entry for entry in task if wanted(entry)) for task in self.tasks)
        return replace(self, tasks=tuple(task for task in kept if task))

    @property
    def alone(self) -> JobEntry | None:
        """The job that goes by itself, with its own script; None where it is one of several."""
        return self.tasks[0][0] if len(self.jobs) == 1 and not self.shared else None


@dataclass(frozen=True)
class Demand:
    """What an allocation's share is measured by."""

    unbegun: int = 0  # jobs that nobody has begun: those that wait, and those on the lists of other bundles
    taken: int = 0  # cores that what is in the queue has or will get
    bundled: bool = False  # are there bundles in the queue?
    running: int | None = None  # allocations more that would run side by side; None where that is not limited

    def share(self, waiting: int, cores: int, places_cores: int) -> int:
        """Jobs for each of the slots, where so many wait and there are places for so many cores now."""
        slots = max(1, (self.taken + places_cores) // cores)
        return math.ceil(max(self.unbegun, waiting) / slots)


def pack(
    pending: Iterable[JobEntry],
    site: Site,
    room: int,
    free_cores: int | None,
    largest: int,
    apart: Collection[str] = (),
    demand: Demand = Demand(),
) -> list[Unit]:
    """Units to submit now, the most urgent first; none overtakes one that waits for more cores.

    `room`: jobs that the queue takes now. `free_cores` of the campaign; None for any number. A job that asks for more cores
    than `largest`, what a job may get at most, gets that. The jobs of `apart` share nothing.
    """
    waiting = sorted((entry for entry in pending if not entry.held), key=urgency)
    units: list[Unit] = []
    while waiting:
        cores = min(waiting[0].cores, largest)
        alike, shares = _alike(waiting, cores, largest, site, apart)
        places = min(_takes(site, room - _counted(units, site)), _fitting(free_cores, cores))
        if places < 1:
            break
        made = _units(alike, cores, places, site, free_cores, demand) if shares else _alone(alike[:places], cores)
        units += made
        sent = {entry.id for unit in made for entry in unit.jobs}
        waiting = [entry for entry in waiting if entry.id not in sent]
        if free_cores is not None:
            free_cores -= sum(unit.cores * len(unit.tasks) for unit in made)
        if demand.running is not None:
            demand = replace(demand, running=max(0, demand.running - sum(len(unit.tasks) for unit in made)))
        if len(sent) < len(alike):
            break
    return units


def worth_a_look(site: Site, room: int, free_cores: int | None) -> int:
    """How many pending jobs `pack` may have a use for: what else waits need not be read."""
    if room < 1 or (free_cores is not None and free_cores < 1):
        return 0
    if site.scheduler == "local":
        return 1 + min(room, _fitting(free_cores, 1))
    return max(WINDOW, 1 + _takes(site, room) * site.limits.bundle)


def _alike(
    waiting: Sequence[JobEntry], cores: int, largest: int, site: Site, apart: Collection[str]
) -> tuple[list[JobEntry], bool]:
    """The first jobs that ask for so many cores, and whether they may share an allocation."""
    shares = waiting[0].id not in apart and _shares(waiting[0], cores, site)
    same = takewhile(
        lambda entry: (
            min(entry.cores, largest) == cores and (entry.id not in apart and _shares(entry, cores, site)) == shares
        ),
        waiting,
    )
    return list(same), shares


def _shares(entry: JobEntry, cores: int, site: Site) -> bool:
    """Not on this machine, and not a job that nearly fills an allocation by itself."""
    longer = Resources(cores, entry.walltime_s + RESERVE_S)
    fits = not site.queues or first_fitting(site, longer) is not None
    return fits and site.scheduler != "local" and longer.walltime_s <= site.limits.bundle_walltime


def _units(
    alike: Sequence[JobEntry], cores: int, places: int, site: Site, free_cores: int | None, demand: Demand
) -> list[Unit]:
    """Units of jobs with the same number of cores, for as many places as there are."""
    queue = first_fitting(site, Resources(cores, RESERVE_S + max(entry.walltime_s for entry in alike)))
    whole = queue is not None and queue.whole_nodes
    if (len(alike) <= places and not whole and not demand.bundled) or site.limits.bundle == 1:
        return _singles(alike[:places], cores, site)
    if demand.running is not None:  # more bundles than may run would only wait for each other
        places = min(places, demand.running)
    if places < 1:
        return []
    width = _width(cores, places, queue, whole, free_cores)
    if whole:
        places = min(places, _fitting(free_cores, width)) or 1
    return _arrays(_bundles(alike, cores, width, places, site, queue, demand), site)


def _alone(jobs: Sequence[JobEntry], cores: int) -> list[Unit]:
    return [Unit(((entry,),), cores, entry.walltime_s) for entry in jobs]


def _singles(jobs: Sequence[JobEntry], cores: int, site: Site) -> list[Unit]:
    """One job an allocation; several alike as tasks of an array, whose script wants a little time for itself."""
    arrays = _arrays([replace(unit, walltime_s=unit.walltime_s + RESERVE_S) for unit in _alone(jobs, cores)], site)
    return [replace(unit, walltime_s=unit.alone.walltime_s) if unit.alone else unit for unit in arrays]


def _bundles(
    alike: Sequence[JobEntry], cores: int, width: int, places: int, site: Site, queue: Queue | None, demand: Demand
) -> list[Unit]:
    """As many bundles as there are places, `width` cores each. Jobs are dealt out, the longest first: all get the same."""
    beside = max(1, width // cores)
    waiting = sorted(alike, key=lambda entry: (math.floor(urgency(entry)[0]), -entry.walltime_s, entry.id))
    number = min(places, math.ceil(len(waiting) / beside))
    share = demand.share(len(waiting), cores, number * width) * beside
    allowed_s = _allowed(site, queue)
    most_s = FILLED * number * beside * (allowed_s - RESERVE_S)
    going = _first(waiting, number * beside, number * min(share, site.limits.bundle), most_s)
    mean_s = sum(entry.walltime_s for entry in going) / len(going)
    wanted_s = min(allowed_s, mean_s * share / beside + RESERVE_S)
    dealt = [tuple(going[first::number]) for first in range(number)]
    longest_s = max(entry.walltime_s for entry in going) + RESERVE_S
    return [Unit((jobs,), width, math.ceil(max(longest_s, wanted_s)), shared=True) for jobs in dealt]


def _first(waiting: Sequence[JobEntry], least: int, most: int, most_s: float) -> Sequence[JobEntry]:
    """The first of those that wait, whose wall times are no more than `most_s` together; `least` of them in any case."""
    time_s = 0.0
    for number, entry in enumerate(waiting[:most]):
        time_s += entry.walltime_s
        if number >= least and time_s > most_s:
            return waiting[:number]
    return waiting[:most]


def _allowed(site: Site, queue: Queue | None) -> float:
    """Longest allocation of a bundle, s."""
    return min(site.limits.bundle_walltime, queue.max_walltime if queue else math.inf)


def _width(cores: int, places: int, queue: Queue | None, whole: bool, free_cores: int | None) -> int:
    """Cores of an allocation: a node where nodes are given whole; else so many jobs side by side as use the free cores up."""
    if queue is None or cores > queue.cores_per_node:
        return cores
    if whole:
        return max(cores, min(queue.cores_per_node, queue.cores_per_node if free_cores is None else free_cores))
    if free_cores is None:
        return cores
    return cores * max(1, min(free_cores // (cores * places), queue.cores_per_node // cores))


def _arrays(units: Sequence[Unit], site: Site) -> list[Unit]:
    """Units of one shape as tasks of an array, where the site wants arrays: one submission for all."""
    if site.limits.max_array < ARRAY_FROM:
        return list(units)
    shapes: dict[tuple[int, int], list[Unit]] = {}
    for unit in units:
        shapes.setdefault((unit.cores, unit.walltime_s), []).append(unit)
    found: list[Unit] = []
    for alike in shapes.values():
        size = site.limits.max_array if len(alike) >= ARRAY_FROM else 1
        found += [replace(some[0], tasks=tuple(u.tasks[0] for u in some)) for some in _chunks(alike, size)]
    return found


def _counted(units: Sequence[Unit], site: Site) -> int:
    return sum(len(unit.tasks) if site.limits.array_tasks_count else 1 for unit in units)


T = TypeVar("T")


def _chunks(things: Sequence[T], size: int) -> list[tuple[T, ...]]:
    return [tuple(things[start : start + size]) for start in range(0, len(things), size)]


def _takes(site: Site, jobs: int) -> int:
    """Allocations that so many jobs of the queue may be."""
    return jobs if site.limits.array_tasks_count else jobs * site.limits.max_array


def _fitting(free_cores: int | None, cores: int) -> int:
    return 1_000_000 if free_cores is None else max(0, free_cores) // cores
