"""The submission protocol in virtual time: whatever the scheduler does, a job is lost never and runs once at a time."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import IN_THE_QUEUE, JobState, QueueState
from mlipbatch.engine.decide import Wait
from mlipbatch.engine.observe import Evidence
from mlipbatch.engine.queue import Queue
from mlipbatch.store.lease import Fenced, Watch, acquire
from mlipbatch.store.project import Project

from .fake import FakeScheduler
from .fake_parts import Program, VirtualClock
from .virtual import PATIENCE, Virtual, task


@pytest.fixture
def virtual(project: Project) -> Virtual:
    return Virtual(project, FakeScheduler(VirtualClock()))


@pytest.mark.parametrize("accounting", [True, False])
@pytest.mark.parametrize(
    ("fault", "attempts", "ran"),
    [
        ("ok", 1, ["attempt-1"]),
        ("lose", 1, ["attempt-1"]),  # accepted, the id lost: adopted
        ("twice", 1, ["attempt-1"]),  # sent twice by sbatch itself
        ("unsent", 2, ["attempt-2"]),  # never arrived: revoked after two looks
        ("late", 2, ["attempt-2"]),  # arrived 10 min later, when it had been revoked
        ("reject", 1, ["attempt-1"]),  # queue full: the same attempt later
    ],
)
def test_whatever_the_scheduler_answers_a_job_runs_once(
    virtual: Virtual, fault: str, attempts: int, ran: list[str], accounting: bool
) -> None:
    virtual.fake.accounting = accounting
    virtual.fake.fail("submit", fault)
    virtual.add(task("a"))
    assert virtual.finish() == {"a": "DONE"}
    virtual.fake.advance(3600)
    assert (virtual.attempts("a"), virtual.runs("a")) == (attempts, ran)


def test_a_late_accept_before_it_was_given_up_is_adopted(virtual: Virtual) -> None:
    virtual.fake.fail("submit", "late")
    virtual.fake.fail("find", *["silent"] * 30)  # nobody can say that it is not there
    virtual.add(task("a"))
    assert virtual.finish() == {"a": "DONE"}
    assert virtual.runs("a") == ["attempt-1"]


def test_what_arrives_after_it_was_given_up_does_not_wait_its_turn_for_nothing(virtual: Virtual) -> None:
    virtual.fake.slots = 1
    virtual.fake.program = lambda _folder: Program(3000.0)
    virtual.add(task("first", priority=9), task("a"))
    virtual.fake.fail("submit", "ok", "late")
    virtual.run(1200)
    late = next(job for job in virtual.fake.book if job.folder == virtual.folder("a") / "attempt-1")
    assert (late.state, late.restart) == (QueueState.CANCELLED, 0)
    assert virtual.finish() == {"a": "DONE", "first": "DONE"}
    assert virtual.runs("a") == ["attempt-2"]


@pytest.mark.parametrize("silent", [False, True])
def test_members_of_a_batch_without_an_answer_are_looked_up_together(silent: bool) -> None:
    fake = FakeScheduler(VirtualClock())
    queue = Queue(fake, fake.clock, PATIENCE)
    fake.fail("find", *["silent"] * silent)
    snapshot = fake.snapshot({})
    for number in range(100):
        member = Evidence(f"mb-{number}", "", False, None, 60, batch="mb-all", task=number)
        entry = JobEntry(f"gen000/scf/{number}", JobState.SUBMITTED)
        assert isinstance(queue.next_step(entry, member, snapshot, Path()), Wait)
    assert [call for call, _ in fake.calls].count("find") == 1


def test_a_submit_yaml_that_somebody_spoilt_stops_nobody(virtual: Virtual) -> None:
    virtual.add(task("a"), task("b"))
    virtual.run(30)
    (virtual.folder("a") / "attempt-1" / "submit.yaml").write_text("token: [1]\nwalltime_s: long\ntask: x\n")
    virtual.start()
    assert virtual.finish()["b"] == "DONE"


def test_it_is_revoked_on_the_disk_before_it_waits_again(virtual: Virtual) -> None:
    virtual.fake.fail("submit", "unsent")
    virtual.add(task("a"))
    virtual.campaign.tick()
    virtual.fake.limit = 0  # no room for another attempt
    virtual.run(3600, lambda: virtual.states() == {"a": "PENDING"})
    assert "2 complete answers over 3" in (virtual.folder("a") / "attempt-1" / "revoked").read_text()


def test_one_that_came_and_went_unseen_is_known_by_its_markers(virtual: Virtual) -> None:
    virtual.fake.accounting, virtual.fake.min_job_age = False, 0.0
    virtual.fake.program = lambda _folder: Program(5.0, exit_code=None)  # killed: started, and no exit marker
    virtual.fake.fail("submit", "lose")
    virtual.add(task("a"))
    virtual.run(3600, lambda: virtual.attempts("a") == 2)
    assert virtual.runs("a")[0] == "attempt-1"
    assert not any("was not in the queue" in line for line in virtual.history("a"))
    assert any("without leaving its exit marker" in line for line in virtual.history("a"))


def test_a_full_queue_is_asked_again_later_and_later_and_costs_no_attempt(virtual: Virtual) -> None:
    virtual.fake.fail("submit", *["reject"] * 12)
    virtual.add(task("a"), task("b"))
    virtual.run(4 * 3600)
    assert virtual.states() == {"a": "DONE", "b": "DONE"}
    assert virtual.attempts("a") == virtual.attempts("b") == 1
    assert sum(call == "submit" for call, _ in virtual.fake.calls) == 14
    assert virtual.ticks > 900  # it was not asked every tick


def test_a_refusal_pauses_the_project_until_its_config_changes(virtual: Virtual) -> None:
    virtual.fake.fail("submit", "refuse", "refuse")
    virtual.add(task("a"))
    virtual.run(3600)
    assert virtual.states() == {"a": "PENDING"}
    assert "Invalid account" in virtual.campaign.paused
    assert sum(call == "submit" for call, _ in virtual.fake.calls) == 1
    virtual.start()
    virtual.run(3600)
    assert sum(call == "submit" for call, _ in virtual.fake.calls) == 1  # a new daemon does not try it either
    config = virtual.project.config
    config.write_text(config.read_text() + "# another account\n")
    virtual.run(3600)
    assert sum(call == "submit" for call, _ in virtual.fake.calls) == 2
    (virtual.project.private / "pause.yaml").unlink()
    assert virtual.finish() == {"a": "DONE"}


def test_a_day_without_an_answer_changes_nothing(virtual: Virtual) -> None:
    virtual.fake.program = lambda _folder: Program(40 * 3600.0)
    virtual.add(task("runs", walltime_s=48 * 3600), task("waits", priority=-1))
    virtual.fake.slots = 1
    virtual.run(300)
    before = (virtual.transitions(), virtual.states())
    virtual.fake.fail("snapshot", *["silent"] * 100_000)
    asked = len(virtual.fake.calls)
    virtual.run(24 * 3600, step_s=60)
    assert (virtual.transitions(), virtual.states()) == before
    assert "Unable to contact slurm controller" in virtual.campaign.queue.unwell
    assert len(virtual.fake.calls) - asked < 200  # with back-off: not every tick
    virtual.fake._faults.clear()
    virtual.run(3600)
    assert not virtual.campaign.queue.unwell
    assert "does not answer since" in virtual.project.log.read_text()


@pytest.mark.parametrize("accounting", [True, False])
def test_markers_that_come_late_are_no_failures(project: Project, accounting: bool) -> None:
    fake = FakeScheduler(VirtualClock(), slots=50, accounting=accounting, min_job_age=0.0)
    virtual = Virtual(project, fake)
    rng = random.Random(1)
    virtual.add(*(task(f"j{n:03d}") for n in range(100)))
    while not virtual.campaign.finished:
        fake.marker_lag = rng.uniform(0, 120)
        virtual.run(15)
    assert Counter(virtual.states().values()) == {"DONE": 100}
    assert {virtual.attempts(f"j{n:03d}") for n in range(100)} == {1}


def test_a_requeue_is_one_attempt_and_one_result(virtual: Virtual) -> None:
    virtual.fake.program = lambda _folder: Program(600.0)
    virtual.add(task("a"))
    virtual.run(300)
    (live,) = virtual.fake.live()
    virtual.fake.requeue(live.id)
    assert virtual.finish() == {"a": "DONE"}
    assert (virtual.attempts("a"), virtual.runs("a")) == (1, ["attempt-1", "attempt-1"])
    assert not virtual.fake.overlaps()


def test_a_job_of_a_failed_node_that_slurm_requeues_after_all_runs_nothing(virtual: Virtual) -> None:
    virtual.fake.program = lambda _folder: Program(3000.0)
    virtual.add(task("a"))
    virtual.run(300)
    (first,) = virtual.fake.live()
    virtual.fake.end(first.id, QueueState.NODE_FAILED)
    virtual.run(600, lambda: virtual.attempts("a") == 2)
    virtual.fake.jobs[first.id] = first
    virtual.fake.requeue(first.id)
    assert virtual.finish() == {"a": "DONE"}
    assert virtual.runs("a") == ["attempt-1", "attempt-2"]
    assert not virtual.fake.overlaps()


def test_ids_that_come_round_again_belong_to_others(project: Project) -> None:
    fake = FakeScheduler(VirtualClock(), slots=2, ids=itertools.cycle(range(1, 6)), min_job_age=30.0, accounting=False)
    virtual = Virtual(project, fake)
    rng = random.Random(2)
    fake.program = lambda _folder: Program(rng.choice([20.0, 200.0, 5000.0]), exit_code=rng.choice([0, 0, 1]))
    virtual.add(*(task(f"j{n}", walltime_s=600) for n in range(12)))
    cancelled: list[tuple[str, str]] = []
    real = fake.cancel

    def cancel(scheduler_id: str, token: str = "") -> None:
        job = fake.jobs.get(scheduler_id)
        if job is not None and job.state in IN_THE_QUEUE and (not token or job.token == token):
            cancelled.append((job.token, token))
        real(scheduler_id, token)

    fake.cancel = cancel  # type: ignore[method-assign]
    virtual.finish()
    assert all(killed == meant for killed, meant in cancelled)
    assert not fake.overlaps()


def test_what_the_user_has_in_the_queue_besides_counts(project: Project) -> None:
    fake = FakeScheduler(VirtualClock(), slots=10, limit=5)
    fake.strangers = 3
    virtual = Virtual(project, fake)
    virtual.add(*(task(f"j{n}") for n in range(6)))
    virtual.campaign.tick()
    assert len(fake.live()) == 2
    assert set(virtual.finish().values()) == {"DONE"}
    assert sum(call == "submit" for call, _ in fake.calls) == 6  # it never ran into the limit


def test_a_daemon_that_stood_still_in_the_middle_of_a_submission_sends_no_second_job(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeScheduler(VirtualClock())
    virtual = Virtual(project, fake, acquire(project, Watch(), fake.clock))
    old = virtual.campaign
    virtual.add(task("a"))
    real, stood_still = fake.submit, []

    def submit(script: Path, *rest: object) -> str:
        if not stood_still:  # SIGSTOP here; another login node takes over and does the work; SIGCONT
            stood_still.append(script)
            virtual.take()
            virtual.run(3600, lambda: virtual.state("a") is JobState.RUNNING)
        return real(script, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fake, "submit", submit)
    old.tick()
    with pytest.raises(Fenced):
        old.tick()
    assert virtual.finish() == {"a": "DONE"}
    assert virtual.runs("a") == ["attempt-2"]
    assert not fake.overlaps()


@pytest.mark.engines
@pytest.mark.parametrize("seed", range(3))
def test_a_stormy_week(project: Project, seed: int) -> None:
    rng = random.Random(seed)
    fake = FakeScheduler(VirtualClock(), slots=3, limit=8, accounting=bool(seed % 2))
    fake.program = lambda _folder: Program(rng.uniform(10, 4000), exit_code=rng.choice([0, 0, 0, None]))
    virtual = Virtual(project, fake)
    virtual.add(*(task(f"j{n:02d}") for n in range(25)))
    for _ in range(3000):
        if virtual.campaign.finished:
            break
        storm(virtual, rng)
        virtual.run(15)
        assert not fake.overlaps()
    fake.fail("submit")
    states = virtual.finish()
    assert set(states.values()) <= {"DONE", "FAILED"}
    for name, state in states.items():
        if state == "DONE":
            assert sum(run.end is not None for run in fake.runs if run.job.name == name) >= 1


def storm(virtual: Virtual, rng: random.Random) -> None:
    """Something goes wrong."""
    fake = virtual.fake
    running = [job for job in fake.live() if job.state is QueueState.RUNNING]
    match rng.choice(["calm"] * 6 + ["submit", "silent", "requeue", "node", "restart", "forget"]):
        case "submit":
            fake.fail("submit", rng.choice(["lose", "late", "unsent", "twice", "reject"]))
        case "silent":
            fake.fail(rng.choice(["snapshot", "find", "cancel"]), "silent" if rng.random() < 0.7 else "lost")
        case "requeue" if running:
            fake.requeue(rng.choice(running).id)
        case "node" if running:
            fake.end(rng.choice(running).id, rng.choice([QueueState.NODE_FAILED, QueueState.PREEMPTED]))
        case "forget" if running:
            fake.forget(rng.choice(running).id)
        case "restart":
            virtual.start()
        case _:
            pass
