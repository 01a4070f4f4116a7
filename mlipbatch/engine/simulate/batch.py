"""What batch.sh does on a compute node, in virtual time: its members, several beside each other, and then those of others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlipbatch.engine.simulate.script import DUPLICATE, TERMINATED, Programs
from mlipbatch.engine.simulate.task import Process, Task
from mlipbatch.store.claim import CLAIM

TO_ROOT = 2  # project/.mlipbatch/batches/TOKEN
TIMED_OUT = 124  # what `timeout` says where it ended the program
OWN_S = 0.005  # of the script itself, a member
FAILED = 2  # members in a row that went wrong: such an allocation takes nothing from others
TOKEN = re.compile(r"^token: *(\S+)", re.MULTILINE)
OFFERS = re.compile(r"^offers=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Member:
    """A line of a batch's list."""

    walltime_s: float
    cores: int
    attempt: Path
    line: str


@dataclass
class Allocation:
    """One start of the script of one task of a batch."""

    programs: Programs
    folder: Path  # of the batch
    index: int
    task: Task
    again: bool  # was it started before?
    ends_s: float
    failed: int = 0  # members in a row that went wrong
    tried: set[str] = field(default_factory=set)

    @property
    def taken(self) -> Path:
        """What it took from others."""
        return self.folder / f"taken-{self.index}"

    def fits(self, member: Member) -> bool:
        """Is there time left for it?"""
        return member.walltime_s <= self.ends_s - self.programs.clock.now

    def todo(self) -> Iterator[Member]:
        """What it begins, one after the other; looked for when it is asked for, as time passes between two."""
        left = False
        for path in (self.folder / f"members-{self.index}", *([self.taken] if self.again else [])):
            for member in members(path, self.folder.parents[TO_ROOT]):
                left = left or not self.fits(member)
                if self.fits(member) and (self.again or not (member.attempt / CLAIM).exists()):
                    yield member
        offers = offers_of(self.folder)
        if offers is not None:
            own = offers / f"{self.folder.name}-{self.index}"
            if not left:
                own.unlink(missing_ok=True)
            found = True
            while found:
                found = False
                for member in self._of_others(own):
                    found = True
                    yield member

    def _of_others(self, own: Path) -> Iterator[Member]:
        """One round over the lists of others, that after its own first."""
        lists = sorted(own.parent.iterdir()) if own.parent.is_dir() else []
        for path in [*(path for path in lists if path > own), *(path for path in lists if path < own)]:
            left = False
            with suppress(FileNotFoundError):
                for member in members(path, self.folder.parents[TO_ROOT]):
                    if self.failed >= FAILED:
                        return
                    if not self.fits(member) or member.cores > self.task.cores:
                        left = True
                    elif member.line not in self.tried and not (member.attempt / CLAIM).exists():
                        self.tried.add(member.line)
                        with self.taken.open("a") as handle:
                            handle.write(member.line + "\n")
                        yield member
                if not left:
                    path.unlink(missing_ok=True)


def is_batch(folder: Path) -> bool:
    """Is it the folder of a batch, not of an attempt?"""
    return folder.parent.name == "batches"


def members(path: Path, root: Path) -> list[Member]:
    """A list of members: ``WALLTIME_S<TAB>CORES<TAB>ATTEMPT_FOLDER``, the folder relative to the project."""
    found = []
    for line in path.read_text().splitlines():
        walltime_s, cores, attempt = line.split("\t")
        found.append(Member(float(walltime_s), int(cores), root / attempt, line))
    return found


def offers_of(folder: Path) -> Path | None:
    """Where the script of a batch finds the lists of others; None where it leaves them alone."""
    found = OFFERS.search((folder / "batch.sh").read_text())
    return Path(shlex.split(found[1])[0]) if found else None


def start(programs: Programs, folder: Path, index: int, task: Task) -> list[Process]:
    """The script of one task: as many members side by side as its cores allow."""
    own = members(folder / f"members-{index}", folder.parents[TO_ROOT])
    beside = max(1, task.cores // max((member.cores for member in own), default=1))
    allocation = Allocation(programs, folder, index, task, False, programs.clock.now + task.walltime_s)
    allocation.again = allocation.taken.exists()
    allocation.taken.touch()
    offers = offers_of(folder)
    if offers is not None:
        offers.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            (offers / f"{folder.name}-{index}").hardlink_to(folder / f"members-{index}")
    todo = allocation.todo()
    return [_slot(allocation, todo) for _ in range(beside)]


def _slot(allocation: Allocation, todo: Iterator[Member]) -> Process:
    """One member after the other, as long as the allocation has wall time left for it."""
    for member in todo:
        if not member.attempt.is_dir():
            continue
        yield OWN_S
        token = token_of(member.attempt)
        code = yield from allocation.programs.script(member.attempt, token, allocation.task, member.walltime_s)
        if code != DUPLICATE:
            allocation.failed = allocation.failed + 1 if code else 0
            (member.attempt / "scheduler.exit").write_text(f"{TIMED_OUT if code == TERMINATED else code}\n")
    return 0


def token_of(attempt: Path) -> str:
    """The token that stands in its job.sh."""
    found = TOKEN.search((attempt / "submit.yaml").read_text())
    return found[1] if found else ""
