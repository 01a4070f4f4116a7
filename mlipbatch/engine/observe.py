"""Look: what the disk says of the attempts that are in the queue. Changes nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import QueueState
from mlipbatch.store import claim, jobfolder
from mlipbatch.store.durable import is_odd, read_small

OVERTIME, SILENT = "overtime", "silent"  # why we killed an attempt ourselves
KILLED = "killed"  # the file that says so
ELSEWHERE = "elsewhere"  # in an attempt of a copied project: where the original is
TIMEOUT_EXIT = "124"  # what coreutils' timeout returns, and the wrapper around a script writes down
LOG_BYTES = 4096

SAID: tuple[tuple[str, QueueState], ...] = (
    (r"CANCELLED AT .* DUE TO TIME LIMIT", QueueState.TIMED_OUT),  # slurmstepd
    (r"job killed: walltime \d+ exceeded limit", QueueState.TIMED_OUT),  # pbs_mom
    (r"oom.kill event|exceeded memory limit|job killed: mem", QueueState.OUT_OF_MEMORY),  # slurmstepd; pbs_mom
    (r"CANCELLED AT .* DUE TO NODE FAILURE", QueueState.NODE_FAILED),
    (r"CANCELLED AT .* DUE TO PREEMPTION", QueueState.PREEMPTED),
)
"""What a scheduler writes at the end of a job's own log: where it keeps no accounting, nothing else tells a week later."""


class Evidence(NamedTuple):
    """What is known of a job's last attempt. A tuple: hundreds are made in one tick."""

    token: str  # empty where no intent was written
    scheduler_id: str  # empty where the scheduler's answer never came
    started: bool
    exit_code: int | None  # of the job's own exit marker
    walltime_s: float  # that this attempt asked for
    claims: int = 0  # of the attempt that are taken
    claimed_as: str = ""  # the scheduler id that the last of its scripts had; empty where it knew none
    revoked: bool = False  # given up by the daemon: its script runs no more
    killed: str = ""  # OVERTIME or SILENT where we killed it ourselves
    settled: bool = False  # its batch has waited for its end: no signal from outside was it, nobody starts it again
    cut: bool = False  # what ran the script stopped it when its wall time was up
    node: str = ""  # where it started
    batch: str = ""  # token of the array or bundle that it was sent in
    task: int | None = None  # which task of the array
    elsewhere: str = ""  # the original of this copied project, where the attempt really runs: not ours to touch
    generation: int = 0  # of the daemon that made it

    @property
    def queue_token(self) -> str:
        """Its name in the queue: its batch's, where it is one of several."""
        return self.batch or self.token

    @property
    def runs_as(self) -> str:
        """The scheduler id that tells of it: of a member of a batch that of the allocation that took it, maybe another's."""
        return (self.claimed_as if self.batch else "") or self.scheduler_id

    @property
    def began(self) -> bool:
        """Its script certainly came to run."""
        return self.started or self.exit_code is not None or self.claims > self.revoked


NOTHING = Evidence(token="", scheduler_id="", started=False, exit_code=None, walltime_s=0.0)


def evidence(attempt: Path, before: Evidence | None = None) -> Evidence:
    """What the attempt folder itself says; NOTHING where there is none.

    `before` is what it said a while ago: what was sent is then not read again, only what was left there since.
    """
    try:  # one listing: over a network it is also what brings our view of the folder up to date
        there = set(os.listdir(attempt))  # noqa: PTH208  names are all that is wanted
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    sent = before if before is not None and before.scheduler_id else _sent(attempt, there)
    claims = len([name for name in there if name == claim.CLAIM or name.startswith(claim.FURTHER)])
    last = claim.read_claim(attempt, claims)
    given_up = last is not None and last.token == claim.REVOKED
    ran = claim.read_claim(attempt, claims - 1) if given_up else last
    return sent._replace(
        started="started" in there,
        exit_code=_number(_read(attempt, "exit", there)),
        claims=claims,
        claimed_as=_known(ran, sent.token),
        revoked=claim.REVOKED in there or given_up,
        killed=_read(attempt, KILLED, there),
        settled=bool(sent.batch) and bool(_read(attempt, "scheduler.exit", there)),
        cut=_read(attempt, "scheduler.exit", there) == TIMEOUT_EXIT,
        node=sent.node or _node(attempt, there, before),
        elsewhere=_read(attempt, ELSEWHERE, there),
    )


def has_started(attempt: Path) -> bool:
    """Is its start on the disk? True is certain; else only a listing (`evidence`) is, over a network."""
    return os.access(f"{attempt}/started", os.F_OK)


def _sent(attempt: Path, there: set[str]) -> Evidence:
    """What was written before and after it was handed to the scheduler."""
    intent = jobfolder.read_record(attempt / "submit.yaml")
    return NOTHING._replace(
        token=str(intent.get("token", "")),
        scheduler_id=_read(attempt, "job_id", there),
        walltime_s=float(_whole(intent.get("walltime_s")) or 0),
        batch=str(intent.get("batch", "")),
        task=_whole(intent.get("task")),
        generation=_whole(intent.get("generation")) or 0,
    )


def last_attempt(jobs: Path, entry: JobEntry) -> Path:
    """The folder of a job's last attempt."""
    folder = jobs / entry.id
    return jobfolder.attempt_folder(folder, jobfolder.look(folder).attempts)


def output_bytes(attempt: Path) -> int:
    """Size of all that an attempt has written so far: one that prints steadily grows."""
    with os.scandir(attempt) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file(follow_symlinks=False))


def said(attempt: Path) -> QueueState:
    """How a job ended by the scheduler's own last words in its log; ENDED where there are none."""
    try:
        with (attempt / "job.log").open("rb") as handle:
            handle.seek(max(0, handle.seek(0, os.SEEK_END) - LOG_BYTES))
            text = handle.read().decode(errors="replace")
    except OSError:
        return QueueState.ENDED
    return next((state for pattern, state in SAID if re.search(pattern, text)), QueueState.ENDED)


def _read(attempt: Path, name: str, there: set[str]) -> str:
    if name not in there:
        return ""
    try:
        return read_small(f"{attempt}/{name}").decode(errors="replace").strip()
    except OSError as error:
        if not is_odd(error):
            raise
        return ""


def _node(attempt: Path, there: set[str], before: Evidence | None) -> str:
    """Where it started; not read by the look that hears of its start, of hundreds maybe: nobody asks before it ended."""
    heard = before is None or before.started or "exit" in there
    return _read(attempt, "started", there).split(" ", 1)[0] if heard else ""


def _known(last: claim.Claim | None, token: str) -> str:
    """The scheduler id that a script of this token claimed the attempt under, where the scheduler tells its jobs their ids."""
    ours = last is not None and last.token == token and last.scheduler_id != claim.NO_ID
    return last.scheduler_id if last and ours else ""


def _whole(value: object) -> int | None:
    """A number of submit.yaml; None where somebody made something else of it."""
    return value if isinstance(value, int) else None


def _number(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() else None
