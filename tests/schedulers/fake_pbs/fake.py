"""qsub, qstat, qselect, qdel and qrerun of the fake PBS; README.md has its faults."""

from __future__ import annotations

import getopt
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  python -I has no script folder

import page
from book import HOST, OVER, ROOT, RUNNING, WAITING, Job, arrays, counted, every, fault, load, locked, next_number, save

NO_SERVER = f"cannot connect to server {HOST} (errno=15010)"
NO_HISTORY = "PBS is not configured to maintain job history"
QSUB_OPTIONS = "a:A:c:C:e:fhIj:J:k:l:m:M:N:o:p:P:q:r:R:S:u:v:VW:Xz"


def fail(sentence: str, code: int) -> NoReturn:
    """Say it and go."""
    print(sentence, file=sys.stderr)
    sys.exit(code)


def me() -> str:
    """Who calls."""
    return pwd.getpwuid(os.getuid()).pw_name


def qsub(argv: list[str]) -> None:
    """Take a job, or refuse it."""
    try:
        pairs, rest = getopt.getopt(argv, QSUB_OPTIONS)
    except getopt.GetoptError as error:
        fail(f"qsub: invalid option -- '{error.opt}'\nusage: qsub [-a date_time] ...", 2)
    asked = {flag: value for flag, value in pairs if flag != "-l"}
    resources = dict(value.split("=", 1) for flag, value in pairs if flag == "-l")
    if not rest or not Path(rest[0]).is_file():
        fail("qsub: script file:: No such file or directory", 1)
    tasks = _tasks(asked)
    if fault("down"):
        fail(f"Connection refused\nqsub: {NO_SERVER}", 162)
    if asked.get("-q", "workq") != "workq":
        fail("qsub: Unknown queue", 170)
    with locked():
        if counted("reject_and_fail"):
            fail("qsub: End of File", 119)
        if sum(record["state"] != OVER for record in every()) + len(tasks) > int(fault("limit", "1000000")):
            fail("qsub: would exceed complex's per-user limit", 38)
        lost = counted("accept_and_fail")
        scheduler_id = _accept(asked, resources, Path(rest[0]), tasks, float(fault("late", "0")) if lost else 0.0)
    time.sleep(float(fault("slow", "0")))
    if lost:
        fail("qsub: End of File", 119)
    print(fault("garbage") or scheduler_id)


def _tasks(asked: dict[str, str]) -> list[int]:
    if "-J" not in asked:
        return [-1]
    first, last = (int(part) for part in asked["-J"].split("-"))
    if first >= last:
        fail("qsub: illegal -J value\nusage: qsub [-a date_time] ...", 2)
    if asked.get("-r", "y") == "n":
        fail("qsub:  cannot submit non-rerunable Array Job\nusage: qsub [-a date_time] ...", 2)
    return list(range(first, last + 1))


def _accept(asked: dict[str, str], resources: dict[str, str], script: Path, tasks: list[int], late: float) -> str:
    number = next_number()
    (ROOT / "scripts").mkdir(exist_ok=True)
    copy = f"{number}-{time.time_ns()}.sh"  # the server keeps a copy of the script
    (ROOT / "scripts" / copy).write_bytes(script.read_bytes())
    select, now = resources.get("select", "1:ncpus=1"), time.time()
    cpus = re.search(r"ncpus=(\d+)", select)
    name = asked.get("-N", script.name)[:230]
    for index in tasks:
        job = f"{number}.{HOST}" if index < 0 else f"{number}[{index}].{HOST}"
        log = asked.get("-o", f"{name}.o{number}").replace("^array_index^", str(index))
        save(
            {"id": job, "number": number, "index": index, "name": name, "user": me(), "queue": "workq", "state": WAITING,
             "folder": str(Path.cwd()), "log": str(Path.cwd() / log), "select": select, "script": copy, "comment": "",
             "cpus": int(select.split(":")[0]) * int(cpus[1] if cpus else 1), "walltime": _seconds(resources),
             "rerun": asked.get("-r", "y") == "y", "created": now, "appears": now + late, "started": 0.0, "ended": 0.0,
             "exit": 0, "substate": 10, "runs": 0}
        )  # fmt: skip
        _spawn(job)
    return f"{number}.{HOST}" if tasks == [-1] else f"{number}[].{HOST}"


def _seconds(resources: dict[str, str]) -> int:
    hours, minutes, seconds = (int(part) for part in resources.get("walltime", "100:00:00").split(":"))
    return hours * 3600 + minutes * 60 + seconds


def _spawn(job: str) -> None:
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    node = str(Path(__file__).with_name("node.py"))
    subprocess.Popen([sys.executable, "-S", node, job], start_new_session=True, **quiet)


def qstat(argv: list[str]) -> None:
    """The queue, in the form that was asked for."""
    if argv == ["--version"]:
        print("pbs_version = 23.06.06")
        return
    pairs, ids = getopt.gnu_getopt(argv, "EfF:tx")
    flags = dict(pairs)
    if fault("down"):
        sys.stdout.write(page.as_json({}) if flags.get("-F") == "json" else "")
        fail(f"Connection refused\nqstat: {NO_SERVER}", 255)
    if "-x" in flags and fault("history_off"):
        sys.stdout.write(page.as_json({}) if flags.get("-F") == "json" else "")
        fail("\n".join(f"qstat: {NO_HISTORY} {one}" for one in ids), 0)
    with locked():
        there = arrays()
    jobs, complaints, code = _chosen(there, ids, flags)
    form = page.as_json if flags.get("-F") == "json" else page.as_text if "-f" in flags else page.as_table
    text = fault("garbage") or form(jobs)
    sys.stdout.write(text[: int(fault("cut", "1000000000"))])
    if complaints:
        fail("\n".join(complaints), code)


def _chosen(
    there: dict[str, list[Job]], ids: list[str], flags: dict[str, str]
) -> tuple[dict[str, Any], list[str], int]:
    jobs: dict[str, Any] = {}
    complaints, code = [], 0
    for one in ids or list(there):
        found = _one(there, one if "." in one else f"{one}.{HOST}", tasks="-t" in flags)
        finished = bool(found) and next(iter(found.values()))["job_state"] in {"F", "X"} and "-x" not in flags
        if not found:
            complaints.append(f"qstat: Unknown Job Id {one if '.' in one else f'{one}.{HOST}'}")
            code = 153
        elif finished:
            complaints.append(f"qstat: {one} Job has finished, use -x or -H to obtain historical job information")
            code = 35
        elif not (jobs and flags.get("-F") == "json" and "-E" not in flags):  # without -E the first job only
            jobs |= found
    if "-E" in flags and jobs:
        complaints, code = [], 0  # one request for all: what is not there is left out in silence
    return jobs, complaints if ids else [], code if ids else 0


def _one(there: dict[str, list[Job]], one: str, *, tasks: bool) -> dict[str, Any]:
    records = there.get(re.sub(r"\[\d+\]", "[]", one), [])
    if re.search(r"\[\d+\]", one):
        return {record["id"]: page.job(record) for record in records if record["id"] == one}
    if "[]" not in one:
        return {record["id"]: page.job(record) for record in records}
    inner = {record["id"]: page.job(record) for record in records} if tasks else {}
    return {one: page.array(records), **inner} if records else {}


def qselect(argv: list[str]) -> None:
    """Ids, one a line."""
    pairs, _ = getopt.getopt(argv, "xu:N:")
    flags = dict(pairs)
    if fault("down"):
        fail(f"Connection refused\nqselect: {NO_SERVER}", 2)
    if "-x" in flags and fault("history_off"):
        fail(f"qselect: {NO_HISTORY}", 0)
    with locked():
        there = arrays()
    if fault("garbage"):
        print(fault("garbage"))
        return
    for name, jobs in there.items():
        shown = page.job(jobs[0]) if len(jobs) == 1 else page.array(jobs)
        if ("-x" in flags or shown["job_state"] != "F") and flags.get("-N", shown["Job_Name"]) == shown["Job_Name"]:
            print(name)


def qdel(argv: list[str]) -> None:
    """Mark jobs; their nodes kill them."""
    if fault("down"):
        fail("Connection refused\nCouldn't connect to cluster: fake", 162)
    with locked():
        jobs = arrays().get(re.sub(r"\[\d+\]", "[]", argv[0]), [])
        mine = [record for record in jobs if argv[0] == record["id"] or "[]" in argv[0]]
        if not mine:
            fail(f"qdel: Unknown Job Id {argv[0] if '.' in argv[0] else f'{argv[0]}.{HOST}'}", 153)
        if not any(record["state"] != OVER for record in mine):
            fail(f"qdel: Job has finished {argv[0]}", 35)
        for record in mine:
            waits = record["state"] == WAITING
            ended = {"state": OVER, "ended": time.time(), "substate": 91} if waits else {"deleted": True}
            save({**record, **(ended if record["state"] != OVER else {})})


def qrerun(argv: list[str]) -> None:
    """Back into the queue."""
    with locked():
        record = load(argv[0])
        if record["state"] == RUNNING and record["rerun"]:
            save({**record, "requeue": True})


def stop(_argv: list[str]) -> None:
    """Kill everything below $FAKE_PBS; for the end of a test."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if int(folder.name) != os.getpid() and f"FAKE_PBS={ROOT}\0".encode() in (folder / "environ").read_bytes():
                ours = b"node.py" in (folder / "cmdline").read_bytes()
                if ours or b"FAKE_PBS_JOB=" in (folder / "environ").read_bytes():
                    os.kill(int(folder.name), signal.SIGKILL)


if __name__ == "__main__":
    commands = {"qsub": qsub, "qstat": qstat, "qselect": qselect, "qdel": qdel, "qrerun": qrerun, "stop": stop}
    if ROOT.is_dir():
        with (ROOT / "calls").open("a") as log:
            log.write(" ".join(sys.argv[1:]) + "\n")
    commands[sys.argv[1]](sys.argv[2:])
