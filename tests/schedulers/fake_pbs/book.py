"""What the fake PBS keeps: a JSON file a job (or task) below $FAKE_PBS, and its faults. Standard library only."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(os.environ.get("FAKE_PBS", "/nonexistent"))
HOST = "fake"
WAITING, RUNNING, OVER = "Q", "R", "F"
Job = dict[str, Any]


def fault(name: str, default: str = "") -> str:
    """Content of a fault's file; `default` where it is not played."""
    try:
        return (ROOT / "faults" / name).read_text().strip() or "1"
    except OSError:
        return default


def counted(name: str) -> bool:
    """Is this fault due? One that counts goes down by one."""
    left = int(fault(name, "0"))
    if left > 1:
        (ROOT / "faults" / name).write_text(str(left - 1))
    elif left == 1:
        (ROOT / "faults" / name).unlink()
    return left > 0


@contextmanager
def locked() -> Iterator[None]:
    """One at a time."""
    (ROOT / "jobs").mkdir(parents=True, exist_ok=True)
    with (ROOT / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def load(job: str) -> Job:
    """One record."""
    return dict(json.loads((ROOT / "jobs" / f"{job}.json").read_text()))


def save(record: Job) -> None:
    """Replace one record."""
    path = ROOT / "jobs" / f"{record['id']}.json"
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(record))
    draft.replace(path)


def every() -> list[Job]:
    """All records ever, oldest first."""
    found = [json.loads(path.read_text()) for path in (ROOT / "jobs").glob("*.json")]
    return sorted(found, key=lambda record: (record["created"], record["index"]))


def arrays() -> dict[str, list[Job]]:
    """What the server has, by the id that qsub printed: one record of a job, or those of all tasks of an array."""
    found: dict[str, list[Job]] = {}
    for record in every():
        if record["appears"] <= time.time():
            found.setdefault(re.sub(r"\[\d+\]", "[]", record["id"]), []).append(record)
    if fault("history_off"):
        return {name: jobs for name, jobs in found.items() if live(jobs)}
    return found


def live(jobs: list[Job]) -> bool:
    """Is one of them not over yet?"""
    return any(record["state"] != OVER for record in jobs)


def next_number() -> int:
    """A number above the last one; with the fault `ids` they come round, past those that are in the queue."""
    path = ROOT / "last_id"
    last = int(path.read_text()) if path.exists() else -1
    limit = int(fault("ids", "1000000000"))
    taken = {record["number"] for record in every() if record["state"] != OVER}
    for _ in range(len(taken) + 1):
        last = (last + 1) % limit
        if last not in taken:
            break
    path.write_text(str(last))
    return last
