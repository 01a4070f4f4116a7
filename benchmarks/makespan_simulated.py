"""The simulated half of `makespan.py`."""

from __future__ import annotations

import argparse
import sys
import time
from math import ceil
from pathlib import Path

from makespan_jobs import lengths, make_project, share

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.engine.simulate.simulation import Simulation
from mlipbatch.engine.simulate.world import Mishaps, Waits, World
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal

MEDIAN_S, SIGMA, BETWEEN = 120.0, 1.3, (5.0, 3600.0)
ROUNDED_S = 600  # wall times are asked for in tens of minutes, twice the length at least


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, object]:
    """Both ways on the same jobs."""
    number, slots = arguments.jobs or 10_000, arguments.slots or arguments.limit
    seconds = lengths(number, arguments.seed, MEDIAN_S, SIGMA, BETWEEN)
    limits = {"max_queued": arguments.limit}
    ways = {
        "mlipbatch": Limits(**limits, max_array=1000, bundle=200),
        "one_job_one_sbatch": Limits(**limits, max_array=1, bundle=1),
    }
    return {
        "jobs": number,
        "limit": arguments.limit,
        "slots": slots,
        "wait_median_s": arguments.wait,
        "fail": arguments.fail,
        "longest_s": max(seconds.values()),
        "work_s": round(sum(seconds.values())),
        **{
            way: _run(arguments, scratch / way, seconds, slots, which)
            for way, which in ways.items()
            if arguments.only in {None, way}
        },
    }


def _run(
    arguments: argparse.Namespace, folder: Path, seconds: dict[str, float], slots: int, limits: Limits
) -> dict[str, object]:
    jobs = {name: ("true", ROUNDED_S * ceil(2 * length / ROUNDED_S)) for name, length in seconds.items()}
    project = make_project(folder, jobs, 100_000)  # the limit decides
    queue = Queue(name="main", max_walltime=86400, cores_per_node=1)
    site = Site(name="simulated", scheduler="slurm", queues=[queue], limits=limits, interval=arguments.interval or 15.0)
    world = World(nodes=slots, seed=arguments.seed, waits=Waits(arguments.wait), mishaps=Mishaps(fails=arguments.fail))
    simulation = Simulation(
        project, site, world, lambda job: seconds[job.split("/")[2]], Goal(lambda *_: (), loop.outcome)
    )
    begun = time.monotonic()
    simulation.run(lambda: _told(simulation, begun))
    runs = simulation.programs.runs
    end = max(run.end_s for run in runs)
    return {
        "busy_share": share(sum(run.end_s - run.begin_s for run in runs), slots, end),
        "makespan_s": round(end),
        "scheduler_jobs": len(simulation.cluster.tasks),
        "submissions": simulation.scheduler.submissions,
        "runs": len(runs),
        "done": sum(run.exit_code == 0 for run in runs),
        "real_s": round(time.monotonic() - begun, 1),
    }


def _told(simulation: Simulation, begun: float) -> bool:
    """Finished? Every 500 ticks a line on how far it is."""
    if simulation.ticks % 500 == 0:
        hours, runs = simulation.clock.now / 3600, len(simulation.programs.runs)
        sys.stderr.write(f"{time.monotonic() - begun:.0f} s: virtual {hours:.1f} h, {runs} runs\n")
    return simulation.campaign.finished
