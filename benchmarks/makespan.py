"""Busy share of the slots: our own way of sending jobs against one sbatch a job.

    python benchmarks/makespan.py --simulated [--jobs 10000 --limit 100 --slots 100 --wait 60 --fail 0] [--json FILE]
    python benchmarks/makespan.py --slurm [--jobs 1000 --slots 2] [--json FILE]

Simulated: jobs of 5 s to an hour (log-normal, median 2 min), in virtual time, the real engine on real folders. SLURM: a real
slurmctld and slurmd on the loopback device (tools/slurm.sh), sleeps of 0.05 to 2 s. Busy share is the run time of all programs
divided by slots times makespan; what is missing from 1 is waiting, starting and the tail.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import makespan_simulated
import makespan_slurm


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
    parser.add_argument("--only", choices=["mlipbatch", "one_job_one_sbatch"], help="one of the two ways")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108  folders in memory: the simulation is to measure policy, not a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        measure = makespan_simulated.measure if arguments.simulated else makespan_slurm.measure
        text = json.dumps(measure(arguments, Path(scratch)), indent=1)
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
