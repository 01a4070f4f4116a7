"""The node: one process a job, which waits for CPUs, runs the script, keeps its wall time, and says how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from book import OVER, ROOT, RUNNING, WAITING, Job, every, fault, load, locked, save

LOOK_S = 0.03
KILL_WAIT_S = 1.0
NEVER = "Can Never Run: Insufficient amount of resource: ncpus (R: {} A: {} T: {})"


def run(job: str) -> None:
    """From Q to F; again where it was put back."""
    while True:
        record = _start(job)
        if record is None:
            return
        status, substate, word = _serve(record)
        with locked():
            record = load(job)
            if record.get("requeue"):
                save({**record, "state": WAITING, "requeue": False})
                continue
            comment = f"{record['comment']} and {word}"
            end = {"state": OVER, "exit": status, "substate": substate, "ended": time.time(), "comment": comment}
            save({**record, **end})
        return


def _start(job: str) -> Job | None:
    while True:
        with locked():
            record, cpus = load(job), int(fault("cpus", "2"))
            if record["state"] == OVER:
                return None
            jobs = [other for other in every() if other["cpus"] <= cpus]
            busy = sum(other["cpus"] for other in jobs if other["state"] == RUNNING)
            first = not any(other["state"] == WAITING and _before(other, record) for other in jobs)
            if record["cpus"] > cpus:
                save({**record, "comment": NEVER.format(record["cpus"], cpus, cpus)})
            elif record["appears"] <= time.time() and first and busy + record["cpus"] <= cpus:
                record |= {"state": RUNNING, "started": time.time(), "runs": record["runs"] + 1}
                record |= {"comment": time.strftime("Job run at %a %b %d at %H:%M on (fake:ncpus=1)")}
                save(record)
                return record
        time.sleep(LOOK_S)


def _before(one: Job, other: Job) -> bool:
    return (one["created"], one["index"]) < (other["created"], other["index"])


def _serve(record: Job) -> tuple[int, int, str]:
    """Exit_status, substate, and the last words of the comment."""
    with Path(record["log"]).open("ab") as output:
        child = subprocess.Popen(
            ["bash", str(ROOT / "scripts" / record["script"])], cwd=Path.home(), env=_environment(record),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        while child.poll() is None:
            ending = _asked(record)
            if ending:
                if ending[2] == "exceeded resource walltime":
                    output.write(b"=>> PBS: job killed: walltime exceeded\n")
                _kill(child)
                return ending
            time.sleep(LOOK_S)
    _kill(child)  # what it left running
    failed = child.returncode != 0
    return child.returncode, 93 if failed else 92, "failed" if failed else "finished"


def _asked(record: Job) -> tuple[int, int, str] | None:
    with locked():
        now = load(record["id"])
    if now.get("deleted"):
        return 0, 91, f"terminated by {record['user']}@fake"  # Exit_status 0: recorded so
    if now.get("requeue"):
        return 0, 10, ""
    if fault("ends_as"):
        return int(fault("ends_as")), 93, "failed"
    if fault("node_lost"):
        return 0, 92, "finished"
    if time.time() > record["started"] + record["walltime"]:
        return -29, 93, "exceeded resource walltime"
    return None


def _kill(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _processes(child.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.time() + KILL_WAIT_S
        while time.time() < end and (child.poll() is None or _processes(child.pid)):
            time.sleep(0.02)
        if child.poll() is not None and not _processes(child.pid):
            return


def _processes(session: int) -> list[int]:
    """By session, as MoM does: what began one of its own lives on."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if os.getsid(int(folder.name)) == session and b") Z " not in (folder / "stat").read_bytes():
                    found.append(int(folder.name))
    return found


def _environment(record: Job) -> dict[str, str]:
    """A fresh one, as without -V; where the state lies goes with it, so that `stop` finds what is left."""
    ours = {name: os.environ[name] for name in ("PATH", "HOME", "FAKE_PBS") if name in os.environ}
    ours |= {"FAKE_PBS_JOB": f"{record['id']}@{ROOT}", "PBS_JOBID": record["id"], "PBS_JOBNAME": record["name"]}
    ours |= {"PBS_O_WORKDIR": record["folder"], "PBS_ENVIRONMENT": "PBS_BATCH", "NCPUS": str(record["cpus"])}
    if record["index"] >= 0:
        ours |= {"PBS_ARRAY_INDEX": str(record["index"]), "PBS_ARRAY_ID": f"{record['number']}[].fake"}
    return ours


if __name__ == "__main__":
    run(sys.argv[1])
