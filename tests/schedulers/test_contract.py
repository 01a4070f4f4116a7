"""The contract, put to every scheduler that can be had here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.core.job import Resources

from .benches import EARLY, Bench, FakeBench, Job, LocalBench, SlurmBench
from .contract import BatchContract, SchedulerContract, check_wall_time, make, outlasting

__all__ = ["make"]


class TestLocal(SchedulerContract):
    """This machine."""

    @pytest.fixture
    def bench(self) -> Iterator[LocalBench]:
        made = LocalBench()
        yield made
        made.stop()


@pytest.mark.engines
class TestFakeSlurm(BatchContract):
    """The fake that plays the faults proves something only because it passes what real SLURM passes."""

    @pytest.fixture
    def bench(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
        made = FakeBench(tmp_path_factory.mktemp("fake"))
        yield made
        made.stop()


@pytest.fixture(scope="module")
def early(slurm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A minute is the shortest wall time that SLURM knows: this job waits for it while the other tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(slurm_folder / "slurm.conf"))
        job = Job(SlurmBench(slurm_folder), tmp_path_factory.mktemp("early"), outlasting(), Resources(1, 60))
        job.token = EARLY
        return job.submit()


@pytest.mark.engines
@pytest.mark.slurm
class TestRealSlurm(BatchContract):
    """slurmctld and slurmd of slurm-wlm."""

    @pytest.fixture
    def bench(self, slurm: Path, early: Job) -> Iterator[Bench]:
        made = SlurmBench(slurm)
        yield made
        made.stop()

    test_wall_time_ends_a_job_and_its_children = None  # type: ignore[assignment]  # below, when its minute is nearly up


@pytest.mark.engines
@pytest.mark.slurm
def test_wall_time_ends_a_job_and_its_children_on_real_slurm(slurm: Path, early: Job) -> None:
    check_wall_time(early)
