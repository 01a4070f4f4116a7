"""SLURM's trouble, played by the fake: what is known, what is not, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.core.job import Resources
from mlipbatch.core.state import QueueState
from mlipbatch.schedulers.base import NoInformation, UnknownOutcome

from .benches import FakeBench, Job

pytestmark = pytest.mark.engines


@pytest.fixture
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeBench]:
    made = FakeBench(tmp_path_factory.mktemp("fake"))
    yield made
    made.stop()


def job(fake: FakeBench, folder: Path, command: str = "true") -> Job:
    return Job(fake, folder, command, Resources(1, 600))


def test_an_answer_that_never_came_is_found_by_its_token(fake: FakeBench, tmp_path: Path) -> None:
    taken, lost = job(fake, tmp_path / "a", "echo x > ran"), job(fake, tmp_path / "b")
    fake.fault("accept_and_time_out", 1)
    with pytest.raises(UnknownOutcome, match="Socket timed out"):
        taken.submit()
    fake.fault("reject_and_time_out", 1)
    with pytest.raises(UnknownOutcome, match="Socket timed out"):
        lost.submit()
    assert len(fake.scheduler.find(taken.token)) == 1
    assert fake.scheduler.find(lost.token) == []


def test_a_late_job_is_not_there_and_then_is(fake: FakeBench, tmp_path: Path) -> None:
    late = job(fake, tmp_path / "a")
    fake.fault("late", 2)
    fake.fault("accept_and_time_out", 1)
    with pytest.raises(UnknownOutcome):
        late.submit()
    assert fake.scheduler.find(late.token) == []
    late.until(lambda: fake.scheduler.find(late.token))
    late.until(lambda: late.exit_code() == 0)


@pytest.mark.parametrize("text", ["Welcome to our cluster!", "12 34", "<html>503</html>", "1\n2"])
def test_odd_words_instead_of_an_id_or_a_queue(fake: FakeBench, tmp_path: Path, text: str) -> None:
    fake.fault("garbage", text)
    with pytest.raises(UnknownOutcome):
        job(fake, tmp_path / "a").submit()
    with pytest.raises(NoInformation):
        fake.scheduler.snapshot({})


def test_an_answer_that_is_cut_off(fake: FakeBench, tmp_path: Path) -> None:
    one = job(fake, tmp_path / "a", "sleep 300").submit().running()
    for length in (1, 10, 30):
        fake.fault("cut", length)
        with pytest.raises(NoInformation):
            fake.scheduler.snapshot({one.id: one.folder})
    fake.heal("cut")
    assert one.state() is QueueState.RUNNING


def test_what_squeue_has_forgotten_accounting_knows(fake: FakeBench, tmp_path: Path) -> None:
    fake.fault("min_job_age", 0)
    fake.fault("ends_as", "OUT_OF_MEMORY")
    one = job(fake, tmp_path / "a", "sleep 300").submit()
    one.until(lambda: one.state() is QueueState.OUT_OF_MEMORY)
    assert fake.scheduler.accounting
    assert [entry.state for entry in fake.scheduler.find(one.token)] == [QueueState.OUT_OF_MEMORY]


def test_accounting_that_is_late_says_nothing_and_one_that_is_broken_is_no_ending(
    fake: FakeBench, tmp_path: Path
) -> None:
    fake.fault("min_job_age", 0)
    fake.fault("lag", 2)
    one = job(fake, tmp_path / "a").submit()
    one.until(lambda: one.exit_code() == 0)
    one.until(lambda: one.entry() is None)  # gone from squeue; sacct still has it as running, which is older
    one.until(lambda: one.state() is QueueState.ENDED)
    assert fake.scheduler.accounting
    fake.fault("broken_accounting")
    assert one.state() is QueueState.UNKNOWN
    with pytest.raises(NoInformation):
        fake.scheduler.find(one.token)


def test_without_accounting_it_is_asked_for_once(fake: FakeBench, tmp_path: Path) -> None:
    fake.fault("no_accounting")
    fake.fault("min_job_age", 0)
    assert not fake.scheduler.accounting
    one = job(fake, tmp_path / "a").submit()
    one.until(lambda: one.exit_code() == 0)
    one.until(lambda: one.entry() is None)
    fake.fault("broken_accounting")  # would be an error, if anybody asked
    assert fake.scheduler.find(one.token) == []


def test_an_id_that_came_round_again_is_left_alone(fake: FakeBench, tmp_path: Path) -> None:
    fake.fault("ids", 1)
    first = job(fake, tmp_path / "a").submit()
    first.until(first.over)
    second = job(fake, tmp_path / "b", "sleep 300").submit().running()
    assert first.id == second.id
    fake.scheduler.cancel(first.id, first.token)
    assert second.state() is QueueState.RUNNING
    fake.scheduler.cancel(second.id, second.token)
    second.until(second.over)


def test_strangers_count_against_the_limit(fake: FakeBench, tmp_path: Path) -> None:
    limit = fake.scheduler.site.limits.max_queued
    assert fake.scheduler.room(fake.scheduler.snapshot({})).jobs == limit
    mine, other = job(fake, tmp_path / "a", "sleep 300"), job(fake, tmp_path / "b", "sleep 300")
    other.token = "somebody else's | job"
    mine.submit()
    other.submit()
    snapshot = fake.scheduler.snapshot({mine.id: mine.folder})
    assert (snapshot.strangers, fake.scheduler.room(snapshot).jobs) == (1, limit - 2)


def test_variables_of_the_user_bend_nothing(fake: FakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SBATCH_PARTITION": "nosuch", "SLURM_JOB_ID": "7", "SLURM_TIME_FORMAT": "%s"}.items():
        monkeypatch.setenv(name, value)
    one = job(fake, tmp_path / "a", "env > environment").submit()
    one.until(lambda: one.exit_code() == 0)
    lines = one.read("environment").splitlines()
    assert f"SLURM_JOB_ID={one.id}" in lines
    assert not any(line.startswith("SBATCH_") for line in lines)


@pytest.mark.slurm
def test_variables_of_the_user_bend_no_real_slurm_either(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from .benches import SlurmBench

    bench = SlurmBench(slurm)
    for name, value in {
        "SBATCH_PARTITION": "nosuch", "SBATCH_TIMELIMIT": "nonsense", "SQUEUE_STATES": "TIMEOUT", "SQUEUE_FORMAT": "%N",
        "SQUEUE_PARTITION": "nosuch", "SLURM_JOB_ID": "7", "SLURM_TIME_FORMAT": "%s", "SLURM_CLUSTERS": "elsewhere",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    one = Job(bench, tmp_path / "a", "sleep 1", Resources(1, 600)).submit().running()
    entry = one.entry()
    assert entry is not None
    assert "T" in entry.submitted
    one.until(lambda: one.exit_code() == 0)
