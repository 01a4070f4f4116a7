"""Jobs that do not end, or end by another's hand: told apart, killed by id and name, put back with the cure that fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipbatch.core.state import IN_THE_QUEUE, JobState, QueueState
from mlipbatch.engine import decide, snapshot
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project

from .fake import FakeScheduler
from .fake_parts import FakeJob, Program, VirtualClock
from .virtual import Virtual, task


@pytest.fixture
def virtual(project: Project) -> Virtual:
    return Virtual(project, FakeScheduler(VirtualClock()))


def asked(virtual: Virtual, name: str, number: int) -> dict[str, object]:
    """Wall time and memory of an attempt, as its script has them, and the nodes that it must not get."""
    job = next(
        job for job in virtual.fake.book if job.folder.parent.name == name and job.folder.name == f"attempt-{number}"
    )
    return {"walltime_s": job.resources.walltime_s, "memory_mb": job.resources.memory_mb, "not": job.resources.exclude}


def programs(*each: Program) -> object:
    """What the first, the second ... attempt does."""
    return lambda folder: each[min(int(folder.name.split("-")[1]), len(each)) - 1]


def test_more_time_after_a_time_out(virtual: Virtual) -> None:
    virtual.fake.program = programs(Program(5000.0))  # type: ignore[assignment]
    virtual.add(task("a", walltime_s=3600))
    assert virtual.finish() == {"a": "DONE"}
    assert asked(virtual, "a", 2)["walltime_s"] == 7200
    assert any("its wall time was up" in line for line in virtual.history("a"))


def test_more_memory_where_that_ran_out(virtual: Virtual) -> None:
    died = Program(60.0, exit_code=137, ending=QueueState.OUT_OF_MEMORY)
    virtual.fake.program = programs(died, died, Program())  # type: ignore[assignment]
    virtual.add(task("a"))
    assert virtual.finish() == {"a": "DONE"}
    assert [asked(virtual, "a", number)["memory_mb"] for number in (1, 2, 3)] == [None, 4000, 8000]


def test_a_node_that_failed_costs_no_attempt_and_is_left_out_after_two_deaths(virtual: Virtual) -> None:
    died = Program(60.0, exit_code=None, ending=QueueState.NODE_FAILED)
    failed = Program(60.0, exit_code=3)
    virtual.fake._ids = iter([3, 6, 9, 10, 11, 12])  # the fake's node is the id modulo 3
    virtual.fake.program = programs(died, died, died, failed, failed, Program())  # type: ignore[assignment]
    virtual.add(task("a"))
    assert virtual.finish() == {"a": "DONE"}  # three tries of its own are left after three deaths of nodes
    assert [asked(virtual, "a", number)["not"] for number in (1, 2, 3, 4)] == [(), (), ("node0",), ("node0",)]
    assert any("its node failed (node0): the same again" in line for line in virtual.history("a"))


def test_what_the_machine_spoils_for_ever_is_given_up_with_the_reason(virtual: Virtual) -> None:
    virtual.fake.program = lambda folder: Program(60.0, exit_code=None, ending=endings[folder.parent.name])
    endings = {"a": QueueState.NODE_FAILED, "b": QueueState.PREEMPTED}
    virtual.add(task("a"), task("b"))
    assert virtual.finish() == {"a": "FAILED", "b": "FAILED"}
    assert (virtual.attempts("a"), virtual.attempts("b")) == (4, 21)  # to be preempted is usual on some queues
    assert "its node failed; 4 times in a row, no fault of the job" in virtual.history("a")[-1]


def test_a_job_that_somebody_cancelled_stays_cancelled_and_says_so(virtual: Virtual) -> None:
    virtual.add(task("a"))
    virtual.run(60, lambda: virtual.state("a") is JobState.RUNNING)
    (live,) = virtual.fake.live()
    virtual.fake.end(live.id, QueueState.CANCELLED)
    assert virtual.finish() == {"a": "FAILED"}
    assert "cancelled outside mlipbatch" in virtual.history("a")[-1]
    assert virtual.attempts("a") == 1


def test_a_job_past_its_wall_time_that_the_scheduler_does_not_end_is_killed(virtual: Virtual) -> None:
    virtual.add(task("a", walltime_s=600))
    virtual.run(60, lambda: virtual.state("a") is JobState.RUNNING)
    (live,) = virtual.fake.live()
    live.hangs = True  # and the scheduler does not end it: a zombie
    virtual.fake.fail("cancel", "lost")  # the first scancel does not arrive
    virtual.fake.program = programs(Program())  # type: ignore[assignment]
    assert virtual.finish() == {"a": "DONE"}
    kills = [what for call, what in virtual.fake.calls if call == "cancel"]
    assert kills == [live.id, live.id]
    assert any(line.startswith(f"killed {live.id}: it runs for") for line in virtual.history("a"))
    assert any("its wall time was up" in line for line in virtual.history("a"))
    assert virtual.runs("a") == ["attempt-1", "attempt-2"]
    assert not virtual.fake.overlaps()


def test_a_silent_job_is_killed_but_not_on_a_guess_right_after_a_restart(
    virtual: Virtual, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "STEADY", frozenset({"explore"}))  # as scf: one whose DONE needs no real label
    virtual.fake.program = lambda folder: Program(8000.0 if folder.name == "attempt-1" else 60.0)
    virtual.add(task("mute", kind="explore", walltime_s=10_000), task("steady", kind="explore", walltime_s=10_000))
    virtual.run(60, lambda: virtual.states() == {"mute": "RUNNING", "steady": "RUNNING"})
    output = virtual.folder("steady", "explore") / "attempt-1" / "pw.out"
    for minute in range(120):
        output.write_text("estimated scf accuracy\n" * (minute + 1))
        virtual.run(60)
        if minute == 24:  # 25 min of its 25 min are over: the new daemon knows nothing of them
            virtual.start()
        if minute == 40:
            assert virtual.attempts("mute", "explore") == 1
    assert virtual.attempts("mute", "explore") == 2
    assert any("its output did not grow for 1500 s" in line for line in virtual.history("mute", "explore"))
    assert any(
        "its output had stopped growing, and it was killed" in line for line in virtual.history("mute", "explore")
    )
    assert virtual.finish() == {"mute": "DONE", "steady": "DONE"}
    assert virtual.attempts("steady", "explore") == 1


def test_kinds_that_do_not_print_steadily_may_be_silent(virtual: Virtual) -> None:
    virtual.fake.program = lambda _folder: Program(40_000.0)
    virtual.add(task("train", walltime_s=50_000))
    assert virtual.finish() == {"train": "DONE"}
    assert virtual.attempts("train") == 1


def test_a_job_that_can_never_run_is_told_of_and_left_to_its_user(virtual: Virtual) -> None:
    virtual.fake.slots = 0
    virtual.add(task("a"))
    virtual.run(30)
    (live,) = virtual.fake.live()
    live.state, live.reason = QueueState.STUCK, "PartitionNodeLimit"
    virtual.run(3600)
    assert virtual.states() == {"a": "SUBMITTED"}
    assert snapshot.picture(virtual.campaign, 0)["stuck"] == {"gen000/generate/a": "PartitionNodeLimit"}
    told = [line for line in virtual.history("a") if "can never run" in line]
    assert len(told) == 1


def test_a_job_that_vanished_is_repeated_only_when_it_is_certain(virtual: Virtual) -> None:
    virtual.fake.program = programs(Program(9000.0), Program(60.0))  # type: ignore[assignment]
    virtual.add(task("a", walltime_s=10_000))
    virtual.run(60, lambda: virtual.state("a") is JobState.RUNNING)
    virtual.fake.forget(virtual.fake.live()[0].id)
    virtual.run(120)
    assert virtual.states() == {"a": "RUNNING"}
    virtual.start()  # a new daemon counts afresh
    virtual.run(135)
    assert virtual.states() == {"a": "RUNNING"}
    assert virtual.finish() == {"a": "DONE"}
    assert any("without leaving its exit marker" in line for line in virtual.history("a"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "slurmstepd: error: *** JOB 22 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
            "its wall time was up",
        ),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=22.batch.", "it had too little memory"),
        ("=>> PBS: job killed: walltime 3611 exceeded limit 3600", "its wall time was up"),
        (
            "slurmstepd: error: *** JOB 22 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE ***",
            "its node failed",
        ),
    ],
)
def test_without_accounting_the_schedulers_last_words_in_the_log_tell(
    virtual: Virtual, words: str, sentence: str
) -> None:
    virtual.fake.accounting = False
    virtual.fake.program = programs(Program(60.0, exit_code=None, files={"job.log": words + "\n"}), Program())  # type: ignore[assignment]
    virtual.add(task("a"))
    assert virtual.finish() == {"a": "DONE"}
    assert any(sentence in line for line in virtual.history("a"))


def test_the_kill_of_a_job_never_hits_another_of_the_same_id(virtual: Virtual) -> None:
    virtual.add(task("a", walltime_s=600))
    virtual.run(60, lambda: virtual.state("a") is JobState.RUNNING)
    (live,) = virtual.fake.live()
    live.hangs = True
    other = FakeJob(live.id, "thesis", Path("/nowhere"), live.resources, virtual.clock.now, state=QueueState.RUNNING)
    real = virtual.fake.snapshot

    def taken(known: dict[str, Path]) -> object:  # between the look and the kill the id passes to another job
        seen = real(known)
        if virtual.clock.now > live.started + 900:
            virtual.fake.jobs[live.id] = other
        return seen

    virtual.fake.snapshot = taken  # type: ignore[method-assign, assignment]
    virtual.run(1800)
    assert other.state in IN_THE_QUEUE
    assert jobfolder.look(virtual.folder("a")).attempts >= 1
