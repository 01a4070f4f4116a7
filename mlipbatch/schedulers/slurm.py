"""SLURM by its own commands: one squeue a look, sacct only for what squeue has forgotten, and never a guess.

Tried with SLURM 22.05; what squeue and sacct print is read in formats that have been the same since 20.11.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlipbatch.config.site import Site
from mlipbatch.core.job import Resources
from mlipbatch.core.state import IN_THE_QUEUE, QueueState
from mlipbatch.schedulers import command, slurm_answers, slurm_parse
from mlipbatch.schedulers.base import NoInformation, NotSubmitted, QueueEntry, Refused, Room, Snapshot, UnknownOutcome
from mlipbatch.schedulers.queues import choose, room
from mlipbatch.schedulers.slurm_commands import SUBMIT_LIMIT_S, ask, call, complaint
from mlipbatch.schedulers.slurm_options import options

DISABLED = "accounting storage is disabled"
BACK = timedelta(days=30)  # how far back accounting is searched for a token
AT_A_TIME = 200  # ids that one sacct is asked for: a command line is not endless
OURS = "mb-"  # every token begins so


class SlurmScheduler:
    """One SLURM cluster, as its site file has it."""

    name = "slurm"
    template = "slurm.sh.j2"

    def __init__(self, site: Site) -> None:
        self.site = site
        self._accounting: bool | None = None  # not known yet

    @property
    def accounting(self) -> bool:
        """Does sacct know of jobs that have left the queue? One that does not answer now may do so later."""
        if self._accounting is None:
            with suppress(NoInformation):
                self._account(["--jobs=1"])
        return self._accounting is not False

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        """Hand a script to sbatch. All is asked for on the command line, which neither variables nor headers can overrule."""
        asked = options(self.site, choose(self.site, resources), resources)
        array = [f"--array=0-{tasks - 1}"] * bool(tasks)
        place = [f"--job-name={token}", f"--chdir={script.parent}", *_nowhere(script.parent)]
        done = call(["sbatch", "--parsable", *asked, *place, *array, str(script)], SUBMIT_LIMIT_S)
        found = slurm_parse.submitted_id(done.stdout)
        if done.code == 0 and found is not None:
            return found
        raise _not_submitted(done)

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """All jobs that squeue has of this user, and what accounting says of those of `known` that it has forgotten."""
        queue = slurm_parse.queue(ask(_squeue()))
        live = [entry for entry in queue if entry.state in IN_THE_QUEUE or entry.state is QueueState.UNKNOWN]
        strangers = sum(entry.id not in known and not entry.token.startswith(OURS) for entry in live)
        jobs = {entry.id: entry for entry in queue}
        jobs |= {entry.id: entry for entry in self._forgotten([job for job in known if job not in jobs])}
        return Snapshot(jobs, _tokens(live), strangers)

    def find(self, token: str) -> list[QueueEntry]:
        """Every job of that name, in queue and accounting."""
        queue = [entry for entry in slurm_parse.queue(ask(_squeue())) if entry.token == token]
        since = f"{datetime.now(UTC) - BACK:%Y-%m-%d}"
        past = self._account([f"--starttime={since}", f"--name={token}"]) if self.accounting else []
        here = {entry.id for entry in queue}
        found = [*queue, *(e for e in past if e.token == token and e.id not in here)]
        return slurm_parse.oldest_first(found)

    def cancel(self, scheduler_id: str, token: str = "") -> None:
        """Kill a job, an array, or a task of one; left alone where it has another name, or is not this user's, or is over.

        Raises NoInformation where SLURM does not answer.
        """
        entries = slurm_parse.queue(ask(_squeue()))
        mine = [entry for entry in entries if scheduler_id in {entry.id, entry.id.split("_")[0]}]
        live = [entry for entry in mine if entry.state in IN_THE_QUEUE or entry.state is QueueState.UNKNOWN]
        named = [entry for entry in live if (entry.token == token if token else entry.token.startswith(OURS))]
        if not named:
            return
        done = call(["scancel", scheduler_id])
        if done.code != 0:
            raise NoInformation(f"scancel: {complaint(done)}")

    def room(self, snapshot: Snapshot) -> Room:
        """What the site's limits leave; how many cores are in use is SLURM's business."""
        live = [entry.id for entry in snapshot.jobs.values() if entry.state in IN_THE_QUEUE]
        counted = live if self.site.limits.array_tasks_count else {job.split("_")[0] for job in live}
        return room(self.site.limits, len(counted), len(live))

    def _forgotten(self, jobs: list[str]) -> list[QueueEntry]:
        """How jobs that have left squeue ended, by accounting. While it should know and does not answer, they are UNKNOWN.

        What it still has as running is left out: a complete squeue without the job is newer.
        """
        if not jobs or not self.accounting:
            return []
        try:
            chunks = [jobs[start : start + AT_A_TIME] for start in range(0, len(jobs), AT_A_TIME)]
            past = [entry for chunk in chunks for entry in self._account([f"--jobs={','.join(_numbers(chunk))}"])]
        except NoInformation:
            return [QueueEntry(job, QueueState.UNKNOWN) for job in jobs]
        return [entry for entry in past if entry.id in jobs and entry.state not in IN_THE_QUEUE]

    def _account(self, which: list[str]) -> list[QueueEntry]:
        """Ask sacct; that there is no accounting here is remembered. Raises NoInformation."""
        done = call(["sacct", "--noheader", "--parsable2", "--allocations", _user(), _fields(), *which])
        if DISABLED in done.stderr or done.code == command.NOT_FOUND:
            self._accounting = False
            return []
        if done.code != 0:
            raise NoInformation(f"sacct: {complaint(done)}")
        self._accounting = True
        return slurm_parse.accounting(done.stdout)


def _squeue() -> list[str]:
    """The one query: all jobs of the user in all partitions, tasks of arrays one by one, those that just ended too."""
    how = ["--noheader", "--array", "--all", "--states=all"]
    return ["squeue", *how, _user(), f"--format={slurm_parse.SQUEUE_FORMAT}"]


def _user() -> str:
    """By number: a name could come from a variable."""
    return f"--user={os.getuid()}"


def _nowhere(folder: Path) -> list[str]:
    """SLURM takes % and \\ in the path of a log for a pattern, and such a job would not start: job.sh writes the log itself."""
    odd = any(character in str(folder) for character in "%\\")
    return ["--output=/dev/null", "--error=/dev/null"] if odd else []


def _fields() -> str:
    return f"--format={slurm_parse.SACCT_FORMAT}"


def _numbers(jobs: list[str]) -> list[str]:
    """What sacct takes as ids; a damaged one names nobody."""
    return [job for job in jobs if slurm_parse.base_and_task(job)[0] >= 0] or ["0"]


def _tokens(live: Iterable[QueueEntry]) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for entry in slurm_parse.oldest_first(live):
        tokens.setdefault(entry.token, entry.id.split("_")[0])
    return tokens


def _not_submitted(done: command.Completed) -> Exception:
    if done.code == command.NOT_FOUND:
        return NotSubmitted("sbatch is not on the PATH here")
    said = slurm_answers.sentence(done.stderr)
    verdict = slurm_answers.meaning(done.stderr) if done.code not in (0, command.TIMED_OUT) else "unknown"
    if verdict == "later":
        return NotSubmitted(said)
    if verdict == "never":
        return Refused(said)
    return UnknownOutcome(said if done.code else f"sbatch printed {done.stdout[:80]!r} instead of an id")
