"""The real half of `makespan.py`: slurmctld and slurmd on the loopback device, the real daemon, jobs that sleep."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from makespan_jobs import lengths, make_project, share

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.engine.daemon import Daemon
from mlipbatch.engine.place import Place
from mlipbatch.schedulers.slurm import SlurmScheduler
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project

TOOL = Path(__file__).parent.parent / "tools" / "slurm.sh"
MEDIAN_S, SIGMA, BETWEEN = 0.4, 1.0, (0.05, 2.0)
WALLTIME_S = 60


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, object]:
    """Both ways on the same jobs, one after the other, on the same SLURM."""
    number, slots = arguments.jobs or 1000, arguments.slots or 2
    seconds = lengths(number, arguments.seed, MEDIAN_S, SIGMA, BETWEEN)
    limits = {"max_queued": arguments.limit}
    ways = {
        "mlipbatch": Limits(**limits, max_array=1000, bundle=500),
        "one_job_one_sbatch": Limits(**limits, max_array=1, bundle=1),
    }
    cluster = scratch / "slurm"
    _tool("up", cluster, CPUS=str(slots))
    os.environ["SLURM_CONF"] = str(cluster / "slurm.conf")
    try:
        measured = {
            way: _run(arguments, scratch / way, seconds, slots, which)
            for way, which in ways.items()
            if arguments.only in {None, way}
        }
    finally:
        _tool("down", cluster)
    head = {"jobs": number, "limit": arguments.limit, "slots": slots, "longest_s": max(seconds.values())}
    return {**head, "work_s": round(sum(seconds.values()), 1), **measured}


def _run(
    arguments: argparse.Namespace, folder: Path, seconds: dict[str, float], slots: int, limits: Limits
) -> dict[str, object]:
    jobs = {name: (f"sleep {length}", WALLTIME_S) for name, length in seconds.items()}
    project = make_project(folder, jobs, slots)
    queue = Queue(name="debug", max_walltime=86400, cores_per_node=slots)
    site = Site(name="loopback", scheduler="slurm", queues=[queue], limits=limits, interval=arguments.interval or 0.5)
    place = Place(SlurmScheduler(site), slots, site.interval)
    daemon = Daemon(lambda _project: place, Goal(lambda *_: (), loop.outcome))
    begun = time.time()  # by the clock of the file system, as the markers' times are
    daemon.serve(lambda: [project], until_finished=True)
    done = [folder for folder in jobfolder.walk(project.jobs) if (folder / "DONE").exists()]
    makespan = max(_ended(folder) for folder in done) - begun
    return {
        "busy_share": share(sum(seconds[folder.name] for folder in done), slots, makespan),
        "makespan_s": round(makespan, 1),
        "scheduler_jobs": len(_ids(project)),
        "done": len(done),
    }


def _ended(job: Path) -> float:
    return max((marker.stat().st_mtime for marker in job.glob("attempt-*/exit")), default=0.0)


def _ids(project: Project) -> set[str]:
    """Every id of the scheduler under which a job ran."""
    return {path.read_text().strip() for path in project.jobs.glob("*/*/*/attempt-*/job_id")}


def _tool(verb: str, folder: Path, **settings: str) -> None:
    subprocess.run([TOOL, verb, folder], check=True, stdout=sys.stderr, env={**os.environ, **settings})
