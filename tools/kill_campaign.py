"""Kill a campaign with SIGKILL at random moments, daemon and jobs alike, start it again, and count its labels.

    .venv/bin/python tools/kill_campaign.py examples/al_mg/input.yaml --into /tmp/killed --kills 3 --within 400

Ends with exit code 1 if a label that was DONE at a kill is gone or changed, if a job was accepted twice, or if the database has
not exactly one row for every label. `--against PROJECT` also compares with a campaign that nobody killed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import yaml
from ase.db import connect


def main() -> None:
    """Run, kill, run again; then judge."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("input", type=Path)
    words.add_argument("--into", type=Path, required=True)
    words.add_argument("--kills", type=int, default=3)
    words.add_argument("--within", type=float, default=400.0, help="seconds in which the kills fall")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--against", type=Path, help="project of the same input that was not killed")
    given = words.parse_args()
    dice = random.Random(given.seed)  # noqa: S311  no secret
    moments = sorted(dice.uniform(5, given.within) for _ in range(given.kills))
    seen: dict[str, bytes] = {}
    wrong: list[str] = []
    began = 0.0
    for number, moment in enumerate(moments, 1):
        process = start(given.input, given.into)
        time.sleep(moment - began)
        began = moment
        jobs = kill(process, given.into)
        wrong += lost(seen, given.into)
        seen = results(given.into)
        print(
            f"kill {number} after {moment:.0f} s: daemon and {jobs} processes of jobs; {len(seen)} labels DONE",
            flush=True,
        )
    code = start(given.input, given.into).wait()
    wrong += lost(seen, given.into) + judge(given.into) + ([f"it ended with exit code {code}"] if code else [])
    if given.against:
        wrong += compare(given.into, given.against)
    print("\n".join(wrong) or f"{len(results(given.into))} labels: none lost, none made twice")
    sys.exit(1 if wrong else 0)


def start(source: Path, into: Path) -> subprocess.Popen[bytes]:
    """The campaign in the foreground, with cores of its own to give away."""
    environment = {**os.environ, "MLIPBATCH_LOCAL_POOL": str(into.resolve())}
    return subprocess.Popen(
        [sys.executable, "-m", "mlipbatch", "run", str(source), "--into", str(into)], env=environment
    )


def kill(process: subprocess.Popen[bytes], into: Path) -> int:
    """SIGKILL for the daemon and all that runs below the project. Returns how many processes of jobs there were."""
    process.kill()
    process.wait()
    jobs = 0
    for other in psutil.process_iter(["cwd"]):
        if str(other.info["cwd"] or "").startswith(str(into.resolve())):
            other.kill()
            jobs += 1
    return jobs


def results(into: Path) -> dict[str, bytes]:
    """The label of every job that is DONE."""
    return {path.parent.name: (path.parent / "result.extxyz").read_bytes() for path in into.glob("jobs/*/scf/*/DONE")}


def lost(seen: dict[str, bytes], into: Path) -> list[str]:
    """Labels that were there and are not, or not as they were."""
    now = results(into)
    return [f"{job} is gone or changed" for job, text in seen.items() if now.get(job) != text]


def judge(into: Path) -> list[str]:
    """What is wrong with the labels of a finished campaign."""
    wrong = []
    for job in into.glob("jobs/*/scf/*"):
        verdicts = [yaml.safe_load(path.read_text()) for path in job.glob("attempt-*/verdict.yaml")]
        accepted = [verdict for verdict in verdicts if verdict["decision"] == "accept"]
        if len(accepted) != int((job / "DONE").exists()):
            wrong.append(f"{job.name} was accepted {len(accepted)} times")
    rows = sorted(row.name for row in connect(into / "data/mlip.db").select())
    if rows != sorted(results(into)):
        wrong.append(f"the database has {len(rows)} rows for {len(results(into))} labels")
    return wrong


def compare(into: Path, against: Path) -> list[str]:
    """Labels that only one of two campaigns has, and energies that differ by more than 1e-6 eV."""
    energies = [
        {row.name: row.energy for row in connect(folder / "data/mlip.db").select()} for folder in (into, against)
    ]
    wrong = [f"only one of both has {name}" for name in sorted(energies[0].keys() ^ energies[1].keys())]
    shared = energies[0].keys() & energies[1].keys()
    return wrong + [f"{name} has two energies" for name in shared if abs(energies[0][name] - energies[1][name]) > 1e-6]


if __name__ == "__main__":
    main()
