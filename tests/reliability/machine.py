"""A campaign under random trouble: what machines, the scheduler and people may do, and what has to hold after each step."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mlipbatch.core.state import IN_THE_QUEUE, JobState, QueueState
from mlipbatch.store import control, jobfolder
from mlipbatch.store.inbox import drop_request
from mlipbatch.store.lease import Fenced
from tests.engine.fake import attempts_of
from tests.engine.fake_parts import FakeJob
from tests.reliability.failpoints import Killed, failpoint, for_a_while, once
from tests.reliability.virtual import SITES, TEMPERS, World, template

MEMORY = Path("/dev/shm")
NAMES = st.sampled_from(sorted(TEMPERS))
SUBMISSION = ("lose", "late", "unsent", "twice", "reject", "refuse")
BLAMELESS = (QueueState.NODE_FAILED, QueueState.PREEMPTED)
JUNK = ("notes.txt", ".swp", "DONE.bak", "attempt-x", "pending", "état", "a b;rm -rf $HOME")


class Trouble(RuleBasedStateMachine):
    """Every rule is one thing that happens; hypothesis chooses which, and shortens what goes wrong."""

    seen: ClassVar[Counter[str]] = Counter()  # of all runs together

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="mlipbatch-", dir=MEMORY if MEMORY.is_dir() else None))
        self.cache_before = os.environ["MLIPBATCH_CACHE"]
        os.environ["MLIPBATCH_CACHE"] = str(self.root / "cache")
        self.labels: dict[str, bytes] = {}
        self.undone: set[str] = set()  # labels that a person had put back
        self.harmed: set[str] = set()  # jobs that may end FAILED: cancelled, or ended by somebody else
        self.edited: set[str] = set()  # jobs whose state files a person has touched
        self.torn: dict[Path, str] = {}
        self.copies = 0

    @initialize(
        site=st.sampled_from(sorted(SITES)),
        accounting=st.booleans(),
        limit=st.sampled_from([1000, 3, 1]),
        ids=st.booleans(),
        answers=st.lists(st.sampled_from(["ok", *SUBMISSION]), max_size=7),
    )
    def begin(self, site: str, accounting: bool, limit: int, ids: bool, answers: list[str]) -> None:
        few = {"ids": itertools.cycle(range(1, 9))} if ids else {}  # ids that come round again
        self.world = World(template(), self.root / "p", site, accounting=accounting, limit=limit, slots=2, **few)
        self.world.scheduler.fail("submit", *answers)

    # --- time and the daemon

    @rule()
    def tick(self) -> None:
        self.world.tick()

    @rule(seconds=st.sampled_from([1, 20, 60, 120]), times=st.integers(1, 12))
    def time_passes(self, seconds: int, times: int) -> None:
        self.world.tick(times, every=seconds)

    @rule()
    def daemon_dies_and_is_started_again(self) -> None:
        self.world.start()

    @rule(when=st.integers(1, 60), seconds=st.sampled_from([0, 30, 310]))
    def daemon_dies_in_the_middle(self, when: int, seconds: int) -> None:
        self.world.scheduler.advance(seconds)
        with suppress(Killed), failpoint(when):
            self.world.campaign.tick()
        self.world.start()

    @rule(when=st.integers(1, 40), calls=st.integers(1, 8))
    def disk_is_full_for_a_while(self, when: int, calls: int) -> None:
        with failpoint(when, for_a_while(calls)):
            self.world.campaign.tick()
            self.world.campaign.tick()

    @rule(when=st.integers(1, 60), passes=st.integers(0, 6))
    def daemon_is_suspended_and_another_node_takes_over(self, when: int, passes: int) -> None:
        """In the middle of a pass; then it goes on, and must do no harm."""
        old = self.world.campaign

        def suspended() -> None:
            self.world.take_over()
            self.world.tick(passes, every=60)

        with failpoint(when, once(suspended)) as point, suppress(Fenced):
            old.tick()
            if point.struck:
                old.tick()
                raise AssertionError("a daemon that was followed did not stop")
        self.world.start()  # the one that followed may belong to a thread that is gone

    # --- the scheduler

    @rule(fault=st.sampled_from(SUBMISSION))
    def submission_goes_wrong(self, fault: str) -> None:
        self.world.scheduler.fail("submit", fault)

    @rule(call=st.sampled_from(["snapshot", "find"]), times=st.integers(1, 4))
    def scheduler_is_silent(self, call: str, times: int) -> None:
        self.world.scheduler.fail(call, *["silent"] * times)

    @rule()
    def a_cancel_is_lost(self) -> None:
        self.world.scheduler.fail("cancel", "lost")

    @rule(data=st.data(), how=st.sampled_from([*BLAMELESS, QueueState.CANCELLED, QueueState.OUT_OF_MEMORY]))
    def a_job_is_ended(self, data: st.DataObject, how: QueueState) -> None:
        if job := self._one(data, IN_THE_QUEUE):
            self.harmed |= {attempt.parent.name for attempt in attempts_of(job)}
            self.world.scheduler.end(job.id, how)

    @rule(data=st.data())
    def a_job_is_requeued(self, data: st.DataObject) -> None:
        if job := self._one(data, {QueueState.RUNNING}):
            self.world.scheduler.requeue(job.id)

    def _one(self, data: st.DataObject, states: Collection[QueueState]) -> FakeJob | None:
        jobs = sorted((j for j in self.world.scheduler.live() if j.state in states), key=lambda j: j.id)
        return data.draw(st.sampled_from(jobs)) if jobs else None

    # --- people

    @rule(name=NAMES, action=st.sampled_from(["retry", "cancel", "nonsense"]))
    def a_request(self, name: str, action: str) -> None:
        folder = self.world.folder(name)
        drop_request(self.world.project, action, [str(folder.relative_to(self.world.project.jobs)), "no/such/job"])
        self.undone.add(name)
        if action == "cancel":
            self.harmed.add(name)

    @rule(name=NAMES, on=st.booleans())
    def hold(self, name: str, on: bool) -> None:
        hold = self.world.folder(name) / jobfolder.HOLD
        if on and hold.parent.exists():
            hold.touch()
        elif not on:
            hold.unlink(missing_ok=True)

    @rule(name=NAMES, after=st.sampled_from(list(JobState)), copy=st.booleans())
    def a_state_is_renamed_or_copied(self, name: str, after: JobState, copy: bool) -> None:
        folder = self.world.folder(name)
        for before in JobState:
            if (folder / before).exists() and before is not after:
                self._touched(name)
                (shutil.copy if copy else os.rename)(folder / before, folder / after)
                return

    @rule(name=NAMES)
    def a_state_is_removed_and_made_again(self, name: str) -> None:
        folder = self.world.folder(name)
        for before in JobState:
            (folder / before).unlink(missing_ok=True)
        self.world.tick()
        self._touched(name)
        if folder.exists():
            (folder / JobState.PENDING).touch()

    @rule(name=NAMES, junk=st.sampled_from(JUNK), inside=st.booleans())
    def junk_is_dropped(self, name: str, junk: str, inside: bool) -> None:
        folder = self.world.folder(name) if inside else self.world.project.jobs / "gen000"
        if folder.exists():
            (folder / junk).write_bytes(b"\xff\x00junk")

    @rule(name=NAMES, text=st.sampled_from(["", "kind: [", "- 1", "kind: nonsense", "\x00"]))
    def a_record_is_torn(self, name: str, text: str) -> None:
        path = self.world.folder(name) / "job.yaml"
        if path.exists() and path not in self.torn:
            self.torn[path] = path.read_text()
            path.write_text(text)
            self.harmed.add(name)

    @precondition(lambda self: self.torn)
    @rule()
    def a_record_is_mended(self) -> None:
        path, text = self.torn.popitem()
        if path.parent.exists():
            path.write_text(text)
            self.world.campaign.index.refresh(str(path.parent.relative_to(self.world.project.jobs)))

    @rule(name=NAMES)
    def a_folder_is_deleted(self, name: str) -> None:
        folder = self.world.folder(name)
        if not self._alive(folder):
            shutil.rmtree(folder, ignore_errors=True)
            self._forget(folder)

    @rule(name=NAMES, moved=st.booleans())
    def a_folder_is_copied_or_moved(self, name: str, moved: bool) -> None:
        folder = self.world.folder(name)
        if not folder.exists() or self._alive(folder):
            return
        self.copies += 1
        shutil.copytree(folder, folder.with_name(f"{name}+{self.copies}"))
        self.harmed.add(f"{name}+{self.copies}")
        if moved:
            shutil.rmtree(folder)
            self._forget(folder)

    def _touched(self, name: str) -> None:
        self.edited.add(name)
        self.undone.add(name)
        self.harmed.add(name)

    def _alive(self, folder: Path) -> bool:
        return self.world.scheduler.may_run(folder)

    def _forget(self, folder: Path) -> None:
        """What ran in a folder that is gone does not count for the one that will be made in its place."""
        scheduler = self.world.scheduler
        scheduler.runs = [run for run in scheduler.runs if run.job != folder]
        scheduler.book = [job for job in scheduler.book if job.folder.parent != folder]
        self.labels.pop(folder.name, None)
        self.edited.discard(folder.name)
        self.torn.pop(folder / "job.yaml", None)

    # --- what has to hold after each step

    @invariant()
    def nothing_runs_twice_or_beside_itself(self) -> None:
        self.seen["steps"] += 1
        self.seen[f"steps, {self.world.scheduler.site.name}"] += 1
        assert not self.world.at_once()
        assert not self.world.ran_twice()
        assert not self.world.ran_late()

    @invariant()
    def every_move_is_in_the_table(self) -> None:
        assert not self.world.moved_oddly()

    @invariant()
    def one_state_a_job(self) -> None:
        for folder in jobfolder.walk(self.world.project.jobs):
            if "+" not in folder.name and folder.name not in self.edited:
                found = [state for state in JobState if (folder / state).exists()]
                assert len(found) == 1 or not (folder / "job.yaml").exists(), (folder.name, found)

    @invariant()
    def no_label_is_lost(self) -> None:
        now = self.world.labels()
        gone = {name for name, text in self.labels.items() if now.get(name) != text}
        assert gone <= self.undone, gone
        self.labels = now

    def teardown(self) -> None:
        """Then there is peace: all that a person broke is mended, and every job ends as it should."""
        try:
            if hasattr(self, "world"):
                self._peace()
                self._count()
        finally:
            os.environ["MLIPBATCH_CACHE"] = self.cache_before
            shutil.rmtree(self.root)

    def _count(self) -> None:
        private, runs = self.world.project.private, self.world.scheduler.runs
        self.seen["runs of a program"] += len(runs)
        self.seen["batches"] += len(list(private.glob("batches/mb-*")))
        self.seen["members of batches"] += sum(
            len(path.read_text().splitlines()) for path in private.glob("batches/*/members-*")
        )

    def _peace(self) -> None:
        world = self.world
        for path, text in self.torn.items():
            path.write_text(text)
        for hold in world.project.jobs.rglob(jobfolder.HOLD):
            hold.unlink()
        control.resume(world.project)
        world.scheduler._faults.clear()
        world.start()
        states = world.settle()
        assert world.campaign.finished, (world.campaign.paused, states, world.reasons())
        for name, state in states.items():
            if "+" in name:  # a copy of a folder: perhaps of a torn one, which is set aside
                continue
            right = {"FAILED"} if name == "bad" else {"DONE"}
            assert state in (right | {"FAILED", "DONE"} if name in self.harmed else right), (
                name,
                state,
                world.reasons(),
            )
        self.nothing_runs_twice_or_beside_itself()
        self.every_move_is_in_the_table()
