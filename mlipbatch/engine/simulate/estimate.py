"""How long a number of jobs takes on a site, in a moment: the simulator's rules without folders, chance and mishaps.

A job waits `wait_s` from its submission, starts when a slot is free, and its place in the queue is filled at the engine's next
look. `tests/engine/test_simulate_estimate.py` compares it with the simulated cluster and the real engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil

from mlipbatch.config.cost import Cost, Labels
from mlipbatch.config.model import Config
from mlipbatch.config.site import Site

USUAL_WAIT_S = 600.0  # in the queue, where nobody has said anything else
TURNOVER = 2.0  # jobs that a scheduler starts in a second: 1 to 4 were measured with SLURM
EXACT = 20_000  # units that are placed one by one; of more, several are taken together


@dataclass(frozen=True)
class Supply:
    """What a site gives to jobs of one size."""

    slots: int  # jobs side by side
    queued: int  # most in the queue at a time, running ones included
    wait_s: float = USUAL_WAIT_S
    interval_s: float = 15.0  # between two looks of the engine
    bundle: int = 1  # most jobs of one allocation
    bundle_s: float = 6 * 3600.0  # longest allocation of a bundle


@dataclass(frozen=True)
class Estimate:
    """Wall time of a campaign, and what was taken for granted."""

    days: float
    assumptions: tuple[str, ...]


def supply(site: Site, cores: int, each: int, wait_s: float = USUAL_WAIT_S) -> Supply:
    """For jobs of `each` cores where `cores` may be used at a time."""
    limits = site.limits
    slots = max(1, min(cores // each, limits.max_running or cores))
    if limits.bundle == 1:
        slots = min(slots, limits.max_queued)
    return Supply(slots, limits.max_queued, wait_s, site.interval, limits.bundle, limits.bundle_walltime)


def makespan(jobs: Iterable[tuple[int, float]], given: Supply) -> float:
    """Seconds until all have ended; `jobs` are (number, seconds of one). Longest first, as the engine sends them."""
    known = list(jobs)
    if given.bundle > 1 and sum(count for count, _ in known) > given.queued:
        return _shared(known, given)
    free = [0.0] * given.slots
    places: list[float] = []  # when the jobs in the queue leave it
    sent = started = end = 0.0
    for seconds in _units(known):
        if len(places) >= given.queued:
            sent = max(sent, heappop(places) + given.interval_s / 2)
        started = max(heappop(free), sent + given.wait_s, started + 1 / TURNOVER)
        heappush(free, started + seconds)
        heappush(places, started + seconds)
        end = max(end, started + seconds)
    return end


def _shared(jobs: list[tuple[int, float]], given: Supply) -> float:
    """In bundles that take from each other: who is free takes the next job, and waits anew when its allocation is over."""
    free = [(given.wait_s, given.wait_s)] * given.slots  # when it is free, and when its allocation began
    for seconds in _units(jobs):
        now, began = heappop(free)
        if now > began and now + seconds - began > given.bundle_s:
            now = began = now + given.interval_s + given.wait_s
        heappush(free, (now + seconds, began))
    return max(now for now, _ in free)


def _units(jobs: list[tuple[int, float]]) -> list[float]:
    """Lengths of what is placed as one, longest first."""
    units: list[float] = []
    for count, seconds in jobs:
        together = ceil(count / EXACT)
        full, rest = divmod(count, together)
        units += [together * seconds] * full + [rest * seconds] * (rest > 0)
    return sorted(units, reverse=True)


def campaign(config: Config, cost: Cost, site: Site, wait_s: float = USUAL_WAIT_S) -> Estimate:
    """Days that a campaign takes on a site; on the local machine `Cost.days`, where nothing waits."""
    if site.scheduler == "local":
        return Estimate(cost.days, ("nothing else runs on this machine",))
    given = supply(site, config.resources.parallel_cores, config.jobs.dft_cores, wait_s)
    labelling = sum(makespan(_jobs(cost, groups), given) for groups in _generations(config, cost.labels))
    work = cost.other_core_hours * 3600 / config.jobs.work_cores
    steps = _steps(config)
    waiting = steps * (wait_s + site.interval)
    return Estimate((labelling + work + waiting) / 86400, tuple(_assumptions(site, given, steps)))


def _jobs(cost: Cost, groups: list[Labels]) -> list[tuple[int, float]]:
    return [(group.number, group.core_seconds / cost.speed) for group in groups]


def _generations(config: Config, labels: list[Labels]) -> list[list[Labels]]:
    """What is labelled at a time: the cold start, then the boxes of each generation."""
    learning = [group for group in labels if group.what == "active learning"]
    later = config.generations - 1
    boxes = [[Labels(g.what, g.number // later, g.atoms, g.kpoints, g.core_seconds)] for g in learning] * later
    return [[group for group in labels if group.what != "active learning"], *boxes]


def _steps(config: Config) -> int:
    """Jobs that everything waits for: generate, screen, select; train a generation; explore and cut between two; report."""
    return 3 + config.generations + 2 * (config.generations - 1) + 1


def _assumptions(site: Site, given: Supply, steps: int) -> list[str]:
    bundles = f", bundles of up to {given.bundle} where there are more" if given.bundle > 1 else ""
    return [
        f"site {site.name}: {given.slots} labels run side by side, {given.queued} jobs may be queued{bundles}",
        f"a job waits {given.wait_s / 60:.0f} min in the queue; {steps} steps wait one after the other",
        "nothing fails",
    ]
