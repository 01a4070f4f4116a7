"""SLURM's commands, run so that nothing in the user's environment bends them."""

from __future__ import annotations

import os

from mlipbatch.schedulers import command
from mlipbatch.schedulers.base import NoInformation
from mlipbatch.schedulers.command import Completed

QUERY_LIMIT_S = 60.0  # squeue gives up by itself after 9 to 18 s where the controller is down
SUBMIT_LIMIT_S = 240.0  # sbatch retries by itself for up to 120 s: stopped before that, nobody knows what came of it

# SQUEUE_PARTITION hides jobs, SBATCH_TIMELIMIT beats a script's header, and a daemon that runs in a job has that job's SLURM_*
HIDDEN = ("SLURM_", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SALLOC_", "SRUN_")
KEPT = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")


def call(argv: list[str], limit_s: float = QUERY_LIMIT_S) -> Completed:
    """Run one of SLURM's commands."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment = {"LC_ALL": "C", "SLURM_TIME_FORMAT": "standard", **kept}
    return command.run(argv, timeout=limit_s, environment=environment, hidden=HIDDEN)


def ask(argv: list[str]) -> str:
    """The answer of a query. Raises NoInformation where it failed, was too late, or complains."""
    done = call(argv)
    if done.code != 0 or "error" in done.stderr.lower():
        raise NoInformation(f"{argv[0]}: {complaint(done)}")
    return done.stdout


def complaint(done: Completed) -> str:
    """What a command that failed has said last."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.code}"
