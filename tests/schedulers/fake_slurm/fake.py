"""sbatch, squeue, sacct and scancel of the fake SLURM; README.md has its faults."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  python -I has no script folder

from state import LIVE, ROOT, Job, counted, every, fault, listed, load, locked, next_id, save

DOWN = "Unable to contact slurm controller (connect failure)"
TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
PARTITIONS = ("debug",)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say it and go."""
    print(sentence, file=sys.stderr)
    sys.exit(code)


def options(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """``--name=value`` options, and the rest."""
    named = dict(
        re.fullmatch(r"--([a-z0-9-]+)(?:=(.*))?", word, re.DOTALL).groups("") for word in argv if word[:2] == "--"
    )  # type: ignore[union-attr]
    return named, [word for word in argv if word[:2] != "--"]


def sbatch(argv: list[str]) -> None:
    """Take a job, or refuse it."""
    asked, rest = options(argv)
    if fault("down"):
        fail(f"sbatch: error: Batch job submission failed: {DOWN}")
    if not Path(rest[0]).is_file():
        fail(f"sbatch: error: Unable to open file {rest[0]}")
    if asked.get("partition", "debug") not in PARTITIONS:
        fail("sbatch: error: Batch job submission failed: Invalid partition name specified")
    if int(asked.get("ntasks", "1")) > int(fault("cpus", "2")):
        fail("sbatch: error: Batch job submission failed: Requested node configuration is not available")
    with locked():
        if counted("reject_and_time_out"):
            fail(TIMED_OUT)
        tasks = _tasks(asked.get("array", ""))
        if sum(r["state"] in LIVE for r in every()) + len(tasks) > int(fault("limit", "1000000")):
            fail(
                "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates "
                "accounting/QOS policy (job submit limit, user's size and/or time limits)"
            )
        lost = counted("accept_and_time_out")
        number = _accept(asked, Path(rest[0]), tasks, float(fault("late", "0")) if lost else 0.0)
    time.sleep(float(fault("slow", "0")))
    if lost:
        fail(TIMED_OUT)
    print(fault("garbage") or number)


def _tasks(text: str) -> list[str]:
    if not text:
        return [""]
    first, last = text.split("-")
    return [str(task) for task in range(int(first), int(last) + 1)]


def _accept(asked: dict[str, str], script: Path, tasks: list[str], late: float) -> int:
    number = next_id()
    (ROOT / "scripts").mkdir(exist_ok=True)
    copy = f"{number}-{time.time_ns()}.sh"  # sbatch copies the script: what becomes of the file later does not matter
    (ROOT / "scripts" / copy).write_bytes(script.read_bytes())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    for order, task in enumerate(tasks):
        job = f"{number}_{task}" if task else str(number)
        save(
            {"id": job, "task": int(task or -1), "number": number if order == 0 else next_id(), "order": order,
             "name": asked.get("job-name", script.name), "state": "PENDING", "reason": "Priority", "script": copy,
             "folder": asked.get("chdir", str(Path.cwd())), "output": asked.get("output", "slurm.out"),
             "minutes": int(asked.get("time", "60")), "cpus": int(asked.get("ntasks", "1")), "restarts": 0, "code": 0,
             "submitted": time.time(), "appears": time.time() + late, "started": 0.0, "ended": 0.0, "known": 0.0,
             "environment": environment, "user": os.getuid()}
        )  # fmt: skip
        _spawn(job)
    return number


def _spawn(job: str) -> None:
    runner = Path(__file__).with_name("runner.py")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen([sys.executable, "-S", str(runner), job], start_new_session=True, **quiet)  # type: ignore[call-overload]


def squeue(argv: list[str]) -> None:
    """The queue, in the format that was asked for."""
    asked, _ = options(argv)
    if fault("down"):
        fail(f"slurm_load_jobs error: {DOWN}")
    with locked():
        jobs = listed()
    everything = asked.get("states") == "all"
    text = "".join(_line(job, asked["format"]) + "\n" for job in jobs if everything or job["state"] in LIVE)
    text = fault("garbage") or text
    sys.stdout.write(text[: int(fault("cut", "1000000000"))])


def _line(job: Job, form: str) -> str:
    values = {"i": job["id"], "T": job["state"], "M": _clock(job), "V": _date(job["submitted"]), "r": job["reason"]}
    return re.sub("%(.)", lambda match: str({**values, "j": job["name"]}[match[1]]), form)


def _seconds(job: Job) -> int:
    return int((job["ended"] or time.time()) - job["started"]) if job["started"] else 0


def _clock(job: Job) -> str:
    minutes, seconds = divmod(_seconds(job), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _date(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(when))


def sacct(argv: list[str]) -> None:
    """The accounting, which hears of an end a little later."""
    asked, _ = options(argv)
    if fault("no_accounting"):
        fail("Slurm accounting storage is disabled")
    if fault("down"):
        fail(
            "sacct: error: slurm_persist_conn_open: Something happened with the receiving/sending of the persistent connection"
        )
    if fault("broken_accounting"):
        fail("sacct: error: Problem talking to the database: Connection refused")
    if fault("garbage"):
        print(fault("garbage"))
        return
    names, numbers = asked.get("name", "").split(","), asked.get("jobs", "").split(",")
    with locked():
        jobs = [job for job in every() if job["appears"] <= time.time()]
    lag = float(fault("lag", "0"))
    for job in jobs:
        if job["name"] in names or {job["id"], job["id"].split("_")[0]} & set(numbers):
            late = job["state"] not in LIVE and time.time() - job["known"] < lag
            state = "RUNNING" if late else job["state"]
            print(job["id"], state, _seconds(job), _date(job["submitted"]), job["name"], sep="|")


def scancel(argv: list[str]) -> None:
    """Mark jobs; their runners kill them."""
    _, numbers = options(argv)
    if fault("down"):
        fail(f"scancel: error: Kill job error on job id {numbers[0]}: {DOWN}", 8)
    with locked():
        for job in every():
            if job["state"] in LIVE and {job["id"], job["id"].split("_")[0]} & set(numbers):
                ended = {"state": "CANCELLED", "ended": time.time(), "known": time.time()}
                save({**job, "cancelled": True, **(ended if job["state"] == "PENDING" else {})})


def requeue(argv: list[str]) -> None:
    """What ``scontrol requeue`` does."""
    with locked():
        save({**load(argv[0]), "requeue": True})


def stop(_argv: list[str]) -> None:
    """Kill everything below $FAKE_SLURM; for the end of a test."""
    mark = f"FAKE_SLURM={ROOT}\0".encode()
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes() and _ours(folder):
                os.kill(int(folder.name), signal.SIGKILL)


def _ours(folder: Path) -> bool:
    """A runner, or a process of a job; never a test that only has the variable set."""
    return b"runner.py" in (folder / "cmdline").read_bytes() or b"FAKE_SLURM_JOB=" in (folder / "environ").read_bytes()


if __name__ == "__main__":
    command = {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "scancel": scancel, "requeue": requeue, "stop": stop}
    command[sys.argv[1]](sys.argv[2:])
