"""A project on the fake scheduler, in virtual time: two labels and six jobs of other kinds, each with a temper of its own.

They go to the queue alone, or in batches of the kinds in SITES.
"""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

from mlipbatch.config.site import LOCAL, Limits, Queue, Site
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import TRANSITIONS, JobState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import Patience
from mlipbatch.stages import label
from mlipbatch.stages.base import Goal, Outcome
from mlipbatch.stages.work import work
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import Lease, Locked, Watch, acquire
from mlipbatch.store.project import Project
from tests.engine.fake import FakeScheduler
from tests.engine.fake_parts import Program, VirtualClock
from tests.reliability.scene import RECORDED, make_project, structures

ALL_ENDED = Outcome(True, "all ended")
GOOD = Program(60, 0, files={"answer": "42\n"})
TEMPERS: dict[str, list[Program]] = {  # what a job's attempts do, the last one for ever
    "good": [GOOD],
    "quick": [Program(5, 0, files={"answer": "42\n"})],
    "weak": [Program(30, 1), GOOD],
    "slow": [Program(5000, 0), GOOD],
    "mute": [Program(30, None), GOOD],
    "bad": [Program(10, 3)],
    "one": [Program(120, 0, files={"pw.out": (RECORDED / "ok.pwo").read_text()})],
    "two": [Program(20, 0, files={"pw.out": (RECORDED / "ok.pwo").read_text()})],
}
LABELS = ("one", "two")


def _site(name: str, *, whole_nodes: bool = True, **limits: int) -> Site:
    queue = Queue(name="main", max_walltime=86400, cores_per_node=2, whole_nodes=whole_nodes)
    return Site(name=name, scheduler="slurm", queues=[queue], limits=Limits.model_validate(limits))


SITES = {  # how jobs go to the queue
    "alone": LOCAL,
    "bundles": _site("bundles"),  # two members beside each other
    "arrays": _site("arrays", whole_nodes=False, bundle=1, max_array=10),
    "arrays of bundles": _site("arrays of bundles", bundle=2, max_array=10),
}
MOVE = re.compile(r"  ([A-Z]*) -> ([A-Z]+)  ")


def specs() -> list[JobSpec]:
    """Jobs that should exist."""
    found = [label._spec(atoms, "gen000", Resources(1, 300)) for atoms in structures() if atoms.info["name"] in LABELS]
    for name in TEMPERS.keys() - set(LABELS):
        found.append(work(f"gen000/cut/{name}", [["true"]], {"answer": f"candidates/{name}"}, Resources(1, 300)))
    return sorted(found, key=lambda spec: spec.id)


def temper(attempt: Path) -> Program:
    """What this attempt does."""
    programs = TEMPERS.get(attempt.parent.name.split("+")[0], [GOOD])  # copies are called NAME+N
    return programs[min(int(attempt.name.removeprefix("attempt-")), len(programs)) - 1]


class World:
    """The project, its scheduler, its clock, and the daemon that serves it at present."""

    def __init__(self, template: Path, root: Path, site: str = "alone", **fake: object) -> None:
        shutil.copytree(template, root)
        self.project = Project(root)
        self.clock = VirtualClock()
        self.wanted = specs()
        self.scheduler = FakeScheduler(self.clock, program=temper, site=SITES[site], **fake)  # type: ignore[arg-type]
        self.campaign = self.start()

    def start(self) -> Campaign:
        """A daemon that begins anew where the last one was killed."""
        for path in self.project.private.glob("lease.0*"):
            raw = json.loads(path.read_text())
            path.write_text(json.dumps({**raw, "start": "0"} if "start" in raw else raw))  # of a process that is gone
        return self._serve(acquire(self.project, Watch(self.clock), self.clock))

    def take_over(self) -> Campaign:
        """A daemon on another login node, which takes the project when its holder has stood still for long enough."""
        for path in self.project.private.glob("lease.0*"):
            raw = json.loads(path.read_text())
            path.write_text(json.dumps({**raw, "host": "login2"} if "host" in raw else raw))
        watch = Watch(self.clock)
        while True:
            try:
                return self._serve(acquire(self.project, watch, self.clock))
            except Locked:
                self.scheduler.advance(60)

    def _serve(self, lease: Lease) -> Campaign:
        goal = Goal(self._missing, lambda *_: ALL_ENDED)
        self.campaign = Campaign(self.project, self.scheduler, 100, goal, lease, self.clock, Patience())
        return self.campaign

    def _missing(self, _project: object, _config: object, entries: dict[str, object]) -> list[JobSpec]:
        return [spec for spec in self.wanted if spec.id not in entries]

    def tick(self, times: int = 1, every: float = 0.0) -> int:
        """So many passes; virtual seconds between them."""
        changed = 0
        for _ in range(times):
            self.scheduler.advance(every)
            changed += self.campaign.tick()
        return changed

    def settle(self, rounds: int = 300, every: float = 60.0) -> dict[str, str]:
        """Peace, until every job that is not held has ended."""
        for _ in range(rounds):
            if self.campaign.finished:
                break
            self.tick(every=every)
        return self.states()

    def folder(self, name: str) -> Path:
        kind = label.KIND if name in LABELS else "cut"
        return self.project.jobs / "gen000" / kind / name

    def states(self) -> dict[str, str]:
        found = {}
        for folder in jobfolder.walk(self.project.jobs):
            try:
                found[folder.name] = jobfolder.look(folder).state.value
            except (jobfolder.Unreadable, FileNotFoundError):
                found[folder.name] = "ASIDE"
        return found

    def reasons(self) -> dict[str, str]:
        """The last line of each history, to read where a test fails."""
        return {folder.name: jobfolder.last_note(folder) for folder in jobfolder.walk(self.project.jobs)}

    # --- what has to hold

    def moved_oddly(self) -> list[str]:
        """Transitions in the histories that are not in the table."""
        odd = []
        for folder in jobfolder.walk(self.project.jobs):
            for before, after in MOVE.findall(_history(folder)):
                if before and JobState(after) not in TRANSITIONS[JobState(before)]:
                    odd.append(f"{folder.name}: {before} -> {after}")
        return odd

    def ran_twice(self) -> list[str]:
        """Attempts that ran in two jobs of the queue, or more often in one than the scheduler itself started it."""
        runs = Counter((run.job, run.attempt, run.id, run.start) for run in self.scheduler.runs)
        places = Counter(
            (job, attempt) for job, attempt, _ in {(run.job, run.attempt, run.id) for run in self.scheduler.runs}
        )
        twice = [
            f"{job.name}/{attempt} ran {n} times as {name}" for (job, attempt, name, _), n in runs.items() if n > 1
        ]
        return twice + [f"{job.name}/{attempt} ran in {n} jobs" for (job, attempt), n in places.items() if n > 1]

    def ran_late(self) -> list[str]:
        """Runs of an attempt that had been given up: it has its verdict, or a later one ran before."""
        newest: dict[Path, int] = {}
        late = [f"{run.job.name}/{run.attempt} ran after its verdict" for run in self.scheduler.runs if run.given_up]
        for run in self.scheduler.runs:
            number = int(run.attempt.removeprefix("attempt-"))
            if number < newest.setdefault(run.job, number):
                late.append(f"{run.job.name}/{run.attempt} ran after attempt-{newest[run.job]}")
            newest[run.job] = max(newest[run.job], number)
        return late

    def at_once(self) -> list[str]:
        """Runs of one job that were alive at the same time."""
        return [
            f"{a.job.name}: {a.attempt} as {a.id} beside {b.attempt} as {b.id}" for a, b in self.scheduler.overlaps()
        ]

    def labels(self) -> dict[str, bytes]:
        """The labels that are DONE; empty bytes where there is none (a DONE by hand)."""
        done = [self.folder(name) for name in LABELS if (self.folder(name) / JobState.DONE).exists()]
        return {
            folder.name: result.read_bytes() if (result := folder / label.RESULT).exists() else b"" for folder in done
        }


def _history(folder: Path) -> str:
    try:
        return (folder / "history.log").read_text()
    except FileNotFoundError:
        return ""


@cache
def template() -> Path:
    """A project without jobs, made once."""
    root = Path(tempfile.mkdtemp(prefix="mlipbatch-template-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return make_project(root / "t", cores=len(TEMPERS)).root  # so that an array gets full
