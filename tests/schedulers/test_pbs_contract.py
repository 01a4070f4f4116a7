"""The contract, put to PBS: to the fake everywhere, to a real OpenPBS where somebody has set one up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlipbatch.core.state import IN_THE_QUEUE, QueueState

from .benches import alive
from .contract import BatchContract, Make, make
from .pbs_benches import FakePbs, RealPbs

__all__ = ["make"]


class PbsContract(BatchContract):
    """Where PBS differs: what a job printed is delivered when it is over, a process that left the session or ignores
    SIGTERM may live on (MoM has no container, unless the site runs her cgroups hook), and tasks of arrays have ids of their
    own form.
    """

    def test_a_job_runs_in_its_folder_and_says_how_it_ended(self, make: Make) -> None:
        good, bad = make("pwd > where; echo hello").submit(), make("(exit 3)").submit()
        good.until(lambda: good.over() and bad.over())
        assert (good.exit_code(), bad.exit_code()) == (0, 3)
        assert good.read("where").strip() == str(good.folder)
        good.until(lambda: good.read("job.log") == "hello\n")
        assert {good.state(), bad.state()} <= {QueueState.ENDED, None}

    def test_cancel_kills_every_process_of_a_job(self, make: Make) -> None:
        job = make("sleep 300 & echo $! > child; wait").submit().running()
        job.until(lambda: job.read("child"))
        assert alive(job.read("child"))
        job.bench.scheduler.cancel(job.id, job.token)
        job.until(lambda: job.over() and not alive(job.read("child")))
        assert job.exit_code() != 0

    def test_tasks_of_an_array_are_told_apart(self, make: Make, bench: FakePbs) -> None:
        job = make("true", tasks=3)
        line = 'echo "$PBS_ARRAY_INDEX" > "task-$PBS_ARRAY_INDEX"; [ "$PBS_ARRAY_INDEX" != 1 ] || sleep 300'
        (job.folder / "job.sh").write_text(f"#!/bin/bash\ncd '{job.folder}'\n{line}\n")
        job.submit()
        tasks = [job.id.replace("[]", f"[{number}]") for number in range(3)]
        job.until(lambda: all(job.read(f"task-{number}") for number in range(3)))
        snapshot = bench.scheduler.snapshot({})
        assert snapshot.tokens[job.token] == job.id
        assert snapshot.jobs[tasks[1]].state in IN_THE_QUEUE
        assert bench.scheduler.room(snapshot).jobs < bench.scheduler.site.limits.max_queued
        job.until(lambda: bench.scheduler.snapshot({}).jobs[tasks[2]].state is QueueState.ENDED)
        bench.scheduler.cancel(tasks[1], job.token)
        known = {tasks[1]: job.folder}  # with its last task the array leaves the queue
        job.until(lambda: bench.scheduler.snapshot(known).jobs[tasks[1]].state is QueueState.CANCELLED)


@pytest.mark.engines
class TestFakePbs(PbsContract):
    """It proves something only because a real OpenPBS passes the same, and because it prints the same (test_pbs_fake.py)."""

    @pytest.fixture
    def bench(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakePbs]:
        made = FakePbs(tmp_path_factory.mktemp("fake"))
        yield made
        made.stop()


@pytest.mark.engines
@pytest.mark.skipif(not RealPbs.there(), reason="no OpenPBS here whose manager we are: Debian has none")
class TestRealPbs(PbsContract):
    """OpenPBS itself."""

    @pytest.fixture
    def bench(self) -> Iterator[RealPbs]:
        made = RealPbs()
        yield made
        made.stop()
