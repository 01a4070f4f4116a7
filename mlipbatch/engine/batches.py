"""Submit a batch: many jobs of a project in one job of the queue, or in an array of them, exactly once like each by itself.

The intent of every member (its attempt, which names the batch) and that of the batch are on the disk before anything is sent.
The scheduler's id is written to each member last; where that was cut off, members find it by the batch's token, one by one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from mlipbatch.core.job import JobEntry, Resources
from mlipbatch.core.state import IN_THE_QUEUE, JobState
from mlipbatch.engine import observe, submission
from mlipbatch.engine.act import Hands, now
from mlipbatch.engine.pack import RESERVE_S, Unit
from mlipbatch.engine.submission import Ready
from mlipbatch.schedulers.base import NotSubmitted, Refused, Snapshot, UnknownOutcome
from mlipbatch.schedulers.batch import Member, files, task_id, task_of
from mlipbatch.schedulers.queues import first_fitting
from mlipbatch.store import batch as batches_on_disk
from mlipbatch.store import claim, control, jobfolder
from mlipbatch.store.durable import all_of_them, together, write_text

ARRAY = "[]"  # in the id of an array as such (PBS), whose tasks stand beside it
Broken = Callable[[JobEntry, BaseException], None]  # told of a job that cannot be prepared; the others of its batch go


@dataclass(frozen=True)
class Batch:
    """A batch on the disk, to be handed over."""

    token: str
    folder: Path
    resources: Resources  # of each task
    tasks: tuple[tuple[tuple[JobEntry, Ready], ...], ...]
    config: str  # stamp of the configuration that it was made with
    offers: Path | None  # where others of its kind find its lists

    @property
    def members(self) -> list[tuple[int, JobEntry, Ready]]:
        """Every member with the number of its task."""
        return [(number, entry, ready) for number, task in enumerate(self.tasks) for entry, ready in task]


class Batches:
    """What one project's engine remembers of its batches. It may forget all of it: the disk has the rest."""

    def __init__(self) -> None:
        self.apart: set[str] = set()  # jobs that go by themselves, whatever the limits
        self._unsent: Batch | None = None  # one that the scheduler certainly did not take
        self._of: dict[str, tuple[Path, str, int]] = {}  # job -> its attempt, batch and task
        self._shapes: dict[str, tuple[int, bool]] = {}  # batch -> cores of a task, and whether others may take from it
        self.unbegun = 0  # members of bundles that nobody has begun, as of the last count of the cores
        self.bundled = False  # are there bundles in the queue, as of then?

    def submit(self, hands: Hands, unit: Unit, broken: Broken) -> bool:
        """Hand a unit of several jobs over. False where the scheduler did not take it, or did not say so.

        Jobs that ask for more than their share of it stay as they are: they go by themselves, `apart`, the next time.
        """
        batch = self._again(hands, unit) or make(hands, unit, broken)
        self._unsent = None
        going = {entry.id for _, entry, _ in batch.members} if batch else set()
        self.apart |= {entry.id for entry in unit.jobs} - going
        if batch is None or send(hands, batch):
            return True
        self._unsent = batch
        return False

    @property
    def unsent(self) -> set[str]:
        """The batch that will be sent as it is the next time, if there is one."""
        return {self._unsent.token} if self._unsent else set()

    def _again(self, hands: Hands, unit: Unit) -> Batch | None:
        """The batch that was not taken the last time, where it would be made of these jobs again, and nobody changed them."""
        batch = self._unsent
        if batch is None or batch.config != control.config_stamp(hands.project):
            return None
        wanted = [[entry.id for entry in task] for task in unit.tasks]
        same = wanted == [[entry.id for entry, _ in task] for task in batch.tasks]
        untouched = all(_is_last(hands, entry, ready) for _, entry, ready in batch.members) if same else False
        return batch if untouched else None

    def cores(self, hands: Hands, in_queue: Sequence[JobEntry], snapshot: Snapshot) -> int:
        """Cores of all that is in the queue: members of a batch share those of its task, which may outlive them."""
        total, tasks = 0, set()
        self.unbegun = 0
        for entry in in_queue:
            _, token, task = self._of.get(entry.id) or self._find(hands, entry)
            if token:
                tasks.add((token, task))
                self.unbegun += entry.state is JobState.SUBMITTED and self._shape(hands, token)[1]
            else:
                total += min(entry.cores, hands.largest)
        for queued in snapshot.jobs.values():  # one whose members are all done works for others
            if queued.state in IN_THE_QUEUE and ARRAY not in queued.id and "/" not in queued.token:
                tasks.add((queued.token, task_of(queued.id) or 0))
        here = {entry.id for entry in in_queue}
        self._of = {job: found for job, found in self._of.items() if job in here}
        shapes = [self._shape(hands, token) for token, _ in tasks]
        self.bundled = any(shared for _, shared in shapes)
        return total + sum(cores for cores, _ in shapes)

    def _find(self, hands: Hands, entry: JobEntry) -> tuple[Path, str, int]:
        attempt = observe.last_attempt(hands.project.jobs, entry)
        seen = observe.evidence(attempt)
        self._of[entry.id] = (attempt, seen.batch, seen.task or 0)
        return self._of[entry.id]

    def _shape(self, hands: Hands, token: str) -> tuple[int, bool]:
        """Cores of each task of a batch, and whether it is a bundle; (0, False) where it is none of this project's."""
        if token not in self._shapes:
            record = jobfolder.read_record(batches_on_disk.folder(hands.project, token) / "submit.yaml")
            self._shapes[token] = int(record.get("cores", 0)), bool(record.get("offers"))
        return self._shapes[token]


def make(hands: Hands, unit: Unit, broken: Broken) -> Batch | None:
    """Put a unit's attempts and its batch on the disk; jobs that are not to be sent, or not with the others, are left out.

    None where nobody is left.
    """
    token = f"mb-{uuid.uuid4().hex[:9]}"
    numbered = [(number, entry) for number, jobs in enumerate(unit.tasks) for entry in jobs]
    prepared = together([partial(submission.prepare, hands, entry, token, number) for number, entry in numbered])
    tasks: list[list[tuple[JobEntry, Ready]]] = [[] for _ in unit.tasks]
    for (number, entry), one in zip(numbered, prepared, strict=True):
        if isinstance(one, BaseException):
            broken(entry, one)
        elif one is not None and _is_plain(one, unit):
            tasks[number].append((entry, one))
    return _write(hands, token, unit, tuple(tuple(task) for task in tasks)) if any(tasks) else None


def _is_plain(ready: Ready, unit: Unit) -> bool:
    """Does it ask for no more than its share of the batch's allocation?"""
    asked = ready.plan.resources
    return (
        not asked.memory_mb and not asked.exclude and not asked.gpus and asked.walltime_s + RESERVE_S <= unit.walltime_s
    )


def _write(hands: Hands, token: str, unit: Unit, tasks: tuple[tuple[tuple[JobEntry, Ready], ...], ...]) -> Batch:
    hands.lease.check()
    resources, folder = Resources(unit.cores, unit.walltime_s), batches_on_disk.folder(hands.project, token)
    members = [[_member(hands, entry, ready) for entry, ready in task] for task in tasks]
    offers = _offers(hands, resources, members) if unit.shared else None
    texts = files(
        hands.scheduler.template,
        hands.scheduler.site,
        token=token,
        folder=folder,
        project=hands.project.root,
        inbox=hands.project.inbox,
        tasks=members,
        resources=resources,
        reserve_s=RESERVE_S,
        offers=offers,
    )
    intent = {
        "token": token,
        "scheduler": hands.scheduler.name,
        "tasks": len(tasks),
        "cores": unit.cores,
        "walltime_s": unit.walltime_s,
        "offers": offers.name if offers else "",
        "intent": now(),
        "generation": hands.lease.generation,
    }
    batches_on_disk.create(hands.project, token, {**texts, "submit.yaml": yaml.safe_dump(intent, sort_keys=False)})
    return Batch(token, folder, resources, tasks, control.config_stamp(hands.project), offers)


def _offers(hands: Hands, resources: Resources, members: Sequence[Sequence[Member]]) -> Path:
    """Where a bundle offers its lists to others: to those of the same queue whose members have the same cores."""
    site = hands.scheduler.site
    queue = first_fitting(site, resources)
    cores = max(member.cores for task in members for member in task)
    return batches_on_disk.offers(hands.project, site.scheduler, site.name, queue.name if queue else "", cores)


def _member(hands: Hands, entry: JobEntry, ready: Ready) -> Member:
    cores = min(entry.cores, hands.largest)
    return Member(ready.plan.resources.walltime_s, cores, str(ready.folder.relative_to(hands.project.root)))


def send(hands: Hands, batch: Batch) -> bool:
    """Hand a batch to the scheduler. False where it did not take it, or did not say so."""
    all_of_them([partial(_submitted, hands, batch, entry, ready) for _, entry, ready in batch.members])
    hands.lease.check()
    tasks = len(batch.tasks) if len(batch.tasks) > 1 else 0
    try:
        found = hands.scheduler.submit(batch.folder / "batch.sh", batch.token, batch.resources, tasks)
    except NotSubmitted as reason:
        return _put_back(hands, batch, f"not submitted yet: {reason}")
    except Refused as reason:
        control.pause(hands.project, control.Pause(str(reason), control.SCHEDULER, control.config_stamp(hands.project)))
        return _put_back(hands, batch, f"the scheduler refused it: {reason}")
    except UnknownOutcome as reason:
        for _, entry, _ in batch.members:
            why = f"no clear answer ({reason}): its batch {batch.token} will be looked for in the queue"
            jobfolder.note(hands.folder(entry), why)
        return False
    write_text(batch.folder / "job_id", found + "\n")
    ids = [
        (ready.folder / "job_id", task_id(found, number, len(batch.tasks)) + "\n") for number, _, ready in batch.members
    ]
    all_of_them([partial(write_text, *one) for one in ids])
    if batch.offers is not None:
        batches_on_disk.offer(hands.project, batch.token, batch.offers)
    return True


def _submitted(hands: Hands, batch: Batch, entry: JobEntry, ready: Ready) -> None:
    (ready.folder / submission.UNSENT).unlink(missing_ok=True)
    why = f"{ready.folder.name}, {ready.plan.rung}: {ready.plan.why}; in batch {batch.token}"
    jobfolder.move(hands.folder(entry), JobState.PENDING, JobState.SUBMITTED, why, f"token: {ready.token}\n")


def _put_back(hands: Hands, batch: Batch, why: str) -> bool:
    """The scheduler certainly has not got it: its members wait again, and it is sent as it is the next time."""
    for _, _, ready in batch.members:
        (ready.folder / submission.UNSENT).write_text(why + "\n")
    back = [
        partial(jobfolder.move, hands.folder(e), JobState.SUBMITTED, JobState.PENDING, why) for _, e, _ in batch.members
    ]
    all_of_them(back)
    return False


def _is_last(hands: Hands, entry: JobEntry, ready: Ready) -> bool:
    """Is the job still as it was put back: waiting, and this its last attempt, which nobody gave up?"""
    seen = jobfolder.look(hands.folder(entry))
    waits = seen.state is JobState.PENDING and not seen.held
    return waits and f"attempt-{seen.attempts}" == ready.folder.name and not (ready.folder / claim.REVOKED).exists()
