"""What the engine relies on, whichever scheduler it is. `test_contract.py` puts it to each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlipbatch.core.job import Resources
from mlipbatch.core.state import IN_THE_QUEUE, QueueState
from mlipbatch.schedulers.base import NoInformation, NotSubmitted, Refused, UnknownOutcome

from .benches import Bench, Job, alive

Make = Callable[..., Job]
ODD_NAMES = [
    "two words",
    "it's",
    'say "hi"',
    "$HOME `id` $(id)",
    "100%j %u\\",
    "été-ß-日本",
    "-rf",
    "a;b&c|d",
    "#SBATCH -p x",
]


@pytest.fixture
def make(bench: Bench, tmp_path: Path) -> Make:
    made: list[Job] = []

    def one(command: str = "true", *, walltime_s: int = 600, cores: int = 1, tasks: int = 0, name: str = "") -> Job:
        folder = tmp_path / (name or f"job{len(made)}")
        made.append(Job(bench, folder, command, Resources(cores, walltime_s), tasks))
        return made[-1]

    return one


def outlasting() -> str:
    """A job that does not end by itself, and does not mind being asked to."""
    return "sleep 300 & echo $! > child; wait; sleep 300"


def check_wall_time(job: Job) -> None:
    """Wait for the end of its wall time: all its processes are gone and the scheduler says why."""
    job.until(job.over, job.bench.patience_s + job.bench.minute_s)
    assert job.state() is QueueState.TIMED_OUT
    assert not alive(job.read("child"))
    assert job.exit_code() != 0


class SchedulerContract:
    """For any scheduler."""

    def test_a_job_runs_in_its_folder_and_says_how_it_ended(self, make: Make) -> None:
        good, bad = make("pwd > where; echo hello").submit(), make("(exit 3)").submit()
        good.until(lambda: good.exit_code() is not None and bad.exit_code() is not None)
        assert (good.exit_code(), bad.exit_code()) == (0, 3)
        assert good.read("where").strip() == str(good.folder)
        assert good.read("job.log") == "hello\n"
        good.until(lambda: good.over() and bad.over())
        assert {good.state(), bad.state()} <= {QueueState.ENDED, None}

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_folder_names(self, make: Make, name: str) -> None:
        job = make("echo here > made", name=name).submit()
        job.until(lambda: job.exit_code() is not None)
        assert job.exit_code() == 0
        assert job.read("made") == "here\n"
        job.until((job.folder.parent / "inbox" / f"{job.token}.exit").exists)

    def test_cancel_kills_every_process_of_a_job(self, make: Make) -> None:
        job = make("sleep 300 & echo $! > child; setsid sleep 301 & echo $! > stray; (trap '' TERM; sleep 302) & wait")
        job.submit().running()
        job.until(lambda: job.read("child") and job.read("stray"))
        assert alive(job.read("child"))
        job.bench.scheduler.cancel(job.id, job.token)
        job.until(lambda: job.over() and not alive(job.read("child")))
        assert job.exit_code() != 0
        if (
            job.bench.batch
        ):  # a session of its own leaves the local machine's job; the batch scheduler's has a container
            job.until(lambda: not alive(job.read("stray")))

    def test_cancel_of_a_job_that_is_over_or_never_was_does_nothing(self, make: Make) -> None:
        job, other = make("true").submit(), make("sleep 2").submit()
        job.until(job.over)
        job.bench.scheduler.cancel(job.id, job.token)
        job.bench.scheduler.cancel("99999999", "mb-nobody")
        other.until(other.over)
        assert other.exit_code() == 0

    def test_an_id_that_nobody_knows_hides_nothing(self, make: Make) -> None:
        job = make("sleep 300").submit().running()
        unknown = job.folder.parent
        jobs = job.bench.scheduler.snapshot({"99999999": unknown, "99999998": unknown, job.id: job.folder}).jobs
        assert jobs[job.id].state is QueueState.RUNNING
        assert jobs[job.id].token == job.token
        assert not any(jobs[name].state in IN_THE_QUEUE for name in ("99999999", "99999998") if name in jobs)
        job.bench.scheduler.cancel(job.id, job.token)

    def test_a_job_is_found_by_its_token_alone(self, make: Make) -> None:
        job, other = make("sleep 300").submit().running(), make("sleep 300").submit()
        assert [entry.id for entry in job.bench.scheduler.find(job.token)] == [job.id]
        assert job.bench.scheduler.find("mb-nobody") == []
        assert job.bench.scheduler.snapshot({}).tokens[job.token] == job.id
        job.bench.scheduler.cancel(job.id, job.token)
        other.bench.scheduler.cancel(other.id, other.token)

    def test_wall_time_ends_a_job_and_its_children(self, make: Make, bench: Bench) -> None:
        check_wall_time(make(outlasting(), walltime_s=bench.shortest_s).submit().running())

    def test_a_script_that_starts_twice_runs_once(self, make: Make) -> None:
        job = make("echo x >> ran").submit()
        job.until(job.over)
        second = job.bench.scheduler.submit(job.folder / "job.sh", "mb-second", job.resources)
        job.id = second
        job.until(job.over)
        assert job.read("ran") == "x\n"

    def test_a_revoked_attempt_runs_nothing(self, make: Make) -> None:
        job = make("echo x >> ran")
        (job.folder / "revoked").touch()
        job.submit()
        job.until(job.over)
        assert job.read("ran") == ""
        assert job.exit_code() is None


class BatchContract(SchedulerContract):
    """For a queue that others run."""

    def test_cancel_leaves_a_job_of_another_name_alone(self, make: Make) -> None:
        job = make("sleep 300").submit().running()
        job.bench.scheduler.cancel(job.id, "mb-another")
        assert job.state() is QueueState.RUNNING
        job.bench.scheduler.cancel(job.id, job.token)
        job.until(job.over)
        assert job.state() is QueueState.CANCELLED

    def test_a_full_queue_defers_and_is_no_failure(self, make: Make, bench: Bench) -> None:
        job = make()
        bench.full()
        with pytest.raises(NotSubmitted):
            job.submit()
        bench.roomy()
        assert bench.scheduler.find(job.token) == []
        job.submit()
        job.until(lambda: job.exit_code() == 0)

    def test_a_queue_that_does_not_exist_is_refused_for_good(self, make: Make, bench: Bench) -> None:
        job = make()
        with pytest.raises(Refused, match=r"partition|queue"):
            job.submit(bench.bad_site())
        assert bench.scheduler.find(job.token) == []

    def test_a_job_that_fits_no_queue_is_refused_without_asking(self, make: Make) -> None:
        with pytest.raises(Refused, match="86400 s allowed"):
            make(walltime_s=86401).submit()
        with pytest.raises(Refused, match="64 cores, 2 allowed"):
            make(cores=64).submit()

    def test_while_the_server_is_down_nothing_is_known_and_afterwards_nothing_is_lost(
        self, make: Make, bench: Bench
    ) -> None:
        job, late = make("sleep 4; echo x >> ran").submit().running(), make("echo x >> ran")
        bench.down()
        try:
            with ThreadPoolExecutor() as pool:  # SLURM's commands take 10 to 20 s to give up
                wishes = [
                    pool.submit(bench.scheduler.snapshot, {}),
                    pool.submit(bench.scheduler.find, job.token),
                    pool.submit(bench.scheduler.cancel, job.id, job.token),
                    pool.submit(late.submit),
                ]
            assert [type(wish.exception()) for wish in wishes[:3]] == [NoInformation] * 3
            assert type(wishes[3].exception()) in {NotSubmitted, UnknownOutcome}
        finally:
            bench.up()
        assert late.bench.scheduler.find(late.token) == []
        job.until(lambda: job.exit_code() == 0 and job.over())
        assert job.read("ran") == "x\n"

    def test_jobs_outlive_a_restart_of_the_server(self, make: Make, bench: Bench) -> None:
        running, waiting = (
            make("sleep 3; echo x >> ran", cores=2).submit().running(),
            make("echo x >> ran", cores=2).submit(),
        )
        bench.restart()
        running.until(lambda: running.exit_code() == 0 and waiting.exit_code() == 0)
        assert (running.read("ran"), waiting.read("ran")) == ("x\n", "x\n")

    def test_a_requeued_job_is_one_job_with_one_result(self, make: Make, bench: Bench) -> None:
        job = (
            make('echo "start $start" >> starts; [ "$start" != 0 ] || sleep 300 && echo result > result')
            .submit()
            .running()
        )
        job.until(lambda: job.read("starts"))
        bench.requeue(job.id)
        job.until(lambda: job.exit_code() == 0, 60)  # the first start, which was killed, said 143
        assert job.read("starts") == "start 0\nstart 1\n"
        assert [job.read(name).split() for name in ("claim", "claim.1")] == [[job.token, job.id, n] for n in "01"]
        job.until(job.over)
        assert [entry.id for entry in bench.scheduler.find(job.token)] == [job.id]

    def test_tasks_of_an_array_are_told_apart(self, make: Make, bench: Bench) -> None:
        command = (
            'echo "$SLURM_ARRAY_TASK_ID" > "task-$SLURM_ARRAY_TASK_ID"; [ "$SLURM_ARRAY_TASK_ID" != 1 ] || sleep 300'
        )
        job = make("true", tasks=3)
        (job.folder / "job.sh").write_text(f"#!/bin/bash\n{command}\n")
        job.submit()
        tasks = [f"{job.id}_{number}" for number in range(3)]
        job.until(lambda: all(job.read(f"task-{number}") for number in range(3)))
        snapshot = bench.scheduler.snapshot({})
        assert snapshot.tokens[job.token] == job.id
        job.until(lambda: bench.scheduler.snapshot({}).jobs[tasks[2]].state is QueueState.ENDED)
        assert snapshot.jobs[tasks[1]].state in IN_THE_QUEUE
        assert bench.scheduler.room(snapshot).jobs < bench.scheduler.site.limits.max_queued
        bench.scheduler.cancel(tasks[1], job.token)
        job.until(lambda: bench.scheduler.snapshot({}).jobs[tasks[1]].state is QueueState.CANCELLED)
