"""What batch.sh does on a compute node, in virtual time: members of a batch one after the other, several beside each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mlipbatch.engine.simulate.script import DUPLICATE, TERMINATED, Programs
from mlipbatch.engine.simulate.task import Process, Task

TO_ROOT = 2  # project/.mlipbatch/batches/TOKEN
TIMED_OUT = 124  # what `timeout` says where it ended the program
OWN_S = 0.005  # of the script itself, a member
TOKEN = re.compile(r"^token: *(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Member:
    """A line of a batch's list."""

    walltime_s: float
    cores: int
    attempt: Path


def is_batch(folder: Path) -> bool:
    """Is it the folder of a batch, not of an attempt?"""
    return folder.parent.name == "batches"


def members(folder: Path, index: int) -> list[Member]:
    """The list of one task: ``WALLTIME_S<TAB>CORES<TAB>ATTEMPT_FOLDER``, the folder relative to the project."""
    found = []
    for line in (folder / f"members-{index}").read_text().splitlines():
        walltime_s, cores, attempt = line.split("\t")
        found.append(Member(float(walltime_s), int(cores), folder.parents[TO_ROOT] / attempt))
    return found


def start(programs: Programs, folder: Path, index: int, task: Task) -> list[Process]:
    """The script of one task: as many members side by side as its cores allow."""
    waiting = members(folder, index)
    waiting.reverse()  # taken from the end
    beside = max(1, task.cores // max((member.cores for member in waiting), default=1))
    ends_s = programs.clock.now + task.walltime_s
    return [_slot(programs, waiting, task, ends_s) for _ in range(beside)]


def _slot(programs: Programs, waiting: list[Member], task: Task, ends_s: float) -> Process:
    """One member after the other, as long as the allocation has wall time left for it."""
    while waiting:
        member = waiting.pop()
        if member.walltime_s > ends_s - programs.clock.now or not member.attempt.is_dir():
            continue
        yield OWN_S
        code = yield from programs.script(member.attempt, token_of(member.attempt), task, member.walltime_s)
        if code != DUPLICATE:
            (member.attempt / "scheduler.exit").write_text(f"{TIMED_OUT if code == TERMINATED else code}\n")
    return 0


def token_of(attempt: Path) -> str:
    """The token that stands in its job.sh."""
    found = TOKEN.search((attempt / "submit.yaml").read_text())
    return found[1] if found else ""
