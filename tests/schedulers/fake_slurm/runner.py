"""The node: one process a job, which waits for CPUs, runs the script, keeps its time limit, and says how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from state import LIVE, ROOT, Job, every, fault, load, locked, save

LOOK_S = 0.03
KILL_WAIT_S = 1.0


def run(job: str) -> None:
    """From PENDING to the end; again where it was requeued."""
    while True:
        record = _start(job)
        if record is None:
            return
        word, code = _serve(record)
        with locked():
            record = load(job)
            if record.get("requeue"):
                save({**record, "state": "PENDING", "restarts": record["restarts"] + 1, "requeue": False})
                continue
            save({**record, "state": word, "code": code, "ended": time.time(), "known": time.time()})
        return


def _start(job: str) -> Job | None:
    while True:
        with locked():
            record = load(job)
            if record["state"] not in LIVE:
                return None
            busy = sum(r["cpus"] for r in every() if r["state"] == "RUNNING")
            first = not any(r["state"] == "PENDING" and _before(r, record) for r in every())
            if record["appears"] <= time.time() and first and busy + record["cpus"] <= int(fault("cpus", "2")):
                record |= {"state": "RUNNING", "started": time.time(), "reason": "None", "runner": os.getpid()}
                save(record)
                return record
        time.sleep(LOOK_S)


def _before(one: Job, other: Job) -> bool:
    return (one["submitted"], one["order"]) < (other["submitted"], other["order"])


def _serve(record: Job) -> tuple[str, int]:
    log = Path(record["folder"], record["output"])
    with log.open("ab") as output:
        script = ROOT / "scripts" / record["script"]
        child = subprocess.Popen(
            ["bash", str(script)], cwd=record["folder"], env=_environment(record), stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    limit = record["started"] + 60 * record["minutes"] * float(fault("minute", "60")) / 60
    while child.poll() is None:
        word = fault("ends_as") or _asked(record["id"]) or ("TIMEOUT" if time.time() > limit else "")
        if word:
            _kill(child, record["id"])
            return word, 15
        time.sleep(LOOK_S)
    _kill(child, record["id"])  # what it left running
    return ("COMPLETED" if child.returncode == 0 else "FAILED"), child.returncode


def _asked(job: str) -> str:
    with locked():
        record = load(job)
    return "CANCELLED" if record.get("cancelled") else "REQUEUED" if record.get("requeue") else ""


def _kill(child: subprocess.Popen[bytes], job: str) -> None:
    for number, wait in ((signal.SIGTERM, KILL_WAIT_S), (signal.SIGKILL, KILL_WAIT_S)):
        mine = _processes(job)
        for pid in mine:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.time() + wait
        while time.time() < end and (child.poll() is None or _processes(job)):
            time.sleep(0.02)
        if child.poll() is not None and not _processes(job):
            return


def _processes(job: str) -> list[int]:
    """By the variable that they inherited, as proctrack/linuxproc does by its own means."""
    mark = f"\0FAKE_SLURM_JOB={job}@{ROOT}\0".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if mark in b"\0" + (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


def _environment(record: Job) -> dict[str, str]:
    base, _, task = record["id"].partition("_")
    ours = {
        "FAKE_SLURM_JOB": f"{record['id']}@{ROOT}",
        "SLURM_JOB_ID": str(record["number"]),
        "SLURM_JOBID": str(record["number"]),
        "SLURM_JOB_NAME": record["name"],
        "SLURM_CPUS_ON_NODE": str(record["cpus"]),
        "SLURM_NTASKS": str(record["cpus"]),
        "SLURM_SUBMIT_DIR": record["folder"],
    }
    if task:
        ours |= {"SLURM_ARRAY_JOB_ID": base, "SLURM_ARRAY_TASK_ID": task}
    if record["restarts"]:
        ours["SLURM_RESTART_COUNT"] = str(record["restarts"])
    return {**record["environment"], **ours}


if __name__ == "__main__":
    run(sys.argv[1])
