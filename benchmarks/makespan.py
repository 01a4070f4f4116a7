"""Busy share of the slots: our own way of sending jobs against one sbatch a job.

    python benchmarks/makespan.py --simulated [--jobs 10000 --limit 100 --slots 100 --wait 60 --fail 0 --seeds 0,1,2]
    python benchmarks/makespan.py --slurm [--jobs 1000 --slots 2 --seeds 0,1,2]

Simulated: jobs of 5 s to an hour (log-normal, median 2 min), in virtual time, the real engine on real folders. SLURM: a real
slurmctld and slurmd on the loopback device (tools/slurm.sh), sleeps of 0.05 to 2 s. Busy share is the run time of all programs
divided by slots times makespan; what is missing from 1 is waiting, starting and the tail. Printed is a line a seed with both ways
beside each other, and their mean; FILE gets all figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

import makespan_simulated
import makespan_slurm

WAYS = ("mlipbatch", "one_job_one_sbatch")
KEYS = ("busy_share", "makespan_s", "scheduler_jobs")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--simulated", action="store_true", help="a simulated cluster in virtual time")
    where.add_argument("--slurm", action="store_true", help="a real SLURM on this machine")
    parser.add_argument("--jobs", type=int, help="number of jobs (10000; 1000)")
    parser.add_argument("--slots", type=int, help="cores that there are (as many as the limit; 2)")
    parser.add_argument("--limit", type=int, default=100, help="jobs that may be in the queue at a time")
    parser.add_argument("--wait", type=float, default=60.0, help="s, median of the wait in the queue (simulated)")
    parser.add_argument("--fail", type=float, default=0.0, help="chance that a run fails (simulated)")
    parser.add_argument("--interval", type=float, help="s between two looks of the engine (15; 0.5)")
    parser.add_argument("--only", choices=WAYS, help="one of the two ways")
    parser.add_argument(
        "--seeds", default="0", help="numbers with commas between: lengths, waits and mishaps are other ones"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    measure = makespan_simulated.measure if arguments.simulated else makespan_slurm.measure
    measured = []
    for seed in map(int, arguments.seeds.split(",")):
        arguments.seed = seed
        memory = Path("/dev/shm")  # noqa: S108  folders in memory: the simulation is to measure policy, not a disk
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
            measured.append({"seed": seed, **measure(arguments, Path(scratch))})
    sys.stdout.write(table(measured))
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n")


def table(measured: list[dict[str, Any]]) -> str:
    """A line a seed, and the mean: of each way the busy share, the makespan (s), and jobs of the queue."""
    ways = [way for way in WAYS if way in measured[0]]
    rows = [(str(one["seed"]), [[float(one[way][key]) for key in KEYS] for way in ways]) for one in measured]
    if len(rows) > 1:
        rows.append(("mean", [[fmean(values) for values in zip(*same, strict=True)] for same in _by_way(rows)]))
    head = f"{'seed':>5}" + "".join(f" | {way:^34}" for way in ways) + "\n"
    head += f"{'':>5}" + " |       busy   makespan/s   queue jobs" * len(ways) + "\n"
    lines = [f"{seed:>5}" + "".join(f" | {b:>10.4f} {m:>12.1f} {n:>9.0f}  " for b, m, n in each) for seed, each in rows]
    return head + "\n".join(lines) + "\n"


def _by_way(rows: list[tuple[str, list[list[float]]]]) -> list[list[list[float]]]:
    return [list(same) for same in zip(*(each for _, each in rows), strict=True)]


if __name__ == "__main__":
    main()
