"""What the fake SLURM keeps: a JSON file a job below $FAKE_SLURM, and its faults. Standard library only."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(os.environ.get("FAKE_SLURM", "/nonexistent"))
LIVE = ("PENDING", "RUNNING", "COMPLETING")
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
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "jobs").mkdir(exist_ok=True)
    with (ROOT / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def load(job: str) -> Job:
    """One job's record."""
    return dict(json.loads((ROOT / "jobs" / f"{job}.json").read_text()))


def save(record: Job) -> None:
    """Replace one job's record."""
    path = ROOT / "jobs" / f"{record['id']}.json"
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(record))
    draft.replace(path)


def every() -> list[Job]:
    """All jobs ever."""
    found = [json.loads(path.read_text()) for path in (ROOT / "jobs").glob("*.json")]
    return sorted(found, key=lambda record: (int(record["id"].split("_")[0]), record["task"]))


def listed() -> list[Job]:
    """What squeue has: jobs that have appeared and have not been forgotten."""
    now, age = time.time(), float(fault("min_job_age", "300"))
    return [r for r in every() if r["appears"] <= now and (r["state"] in LIVE or now - r["ended"] < age)]


def next_id() -> int:
    """A number above the last one; with `ids` they come round, past those that are in the queue."""
    path = ROOT / "last_id"
    last = int(path.read_text()) if path.exists() else 0
    limit = int(fault("ids", "1000000000"))
    taken = {int(record["id"].split("_")[0]) for record in every() if record["state"] in LIVE}
    for _ in range(len(taken) + 1):
        last = last % limit + 1
        if last not in taken:
            break
    path.write_text(str(last))
    return last
