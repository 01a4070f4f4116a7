"""The protocol on a real slurmctld and slurmd: requeued, sent twice, cancelled by somebody, and with the controller away."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlipbatch.core.state import JobState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers.slurm import SlurmScheduler
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project
from tests.schedulers.benches import SLURM_SITE, SlurmBench

from .conftest import Session, bash

pytestmark = [pytest.mark.engines, pytest.mark.slurm]

QUICK = Patience(interval_s=0.3, lost_s=2.0, unknown_s=2.0, backoff_s=0.5, longest_s=2.0)


class OnSlurm(Session):
    """A project whose jobs go to SLURM."""

    def start(self) -> Campaign:
        goal = Goal(lambda *_: self.specs, loop.outcome)
        self.campaign = Campaign(self.project, SlurmScheduler(SLURM_SITE), 2, goal, patience=QUICK)
        return self.campaign

    def until(self, done: Callable[[], bool], limit_s: float = 60.0) -> None:
        super().until(done, limit_s)

    def attempt(self, name: str, number: int = 1) -> Path:
        return self.folder(name) / f"attempt-{number}"

    def scheduler_id(self, name: str) -> str:
        return (self.attempt(name) / "job_id").read_text().strip()


@pytest.fixture
def bench(slurm: Path) -> Iterator[SlurmBench]:
    made = SlurmBench(slurm)
    yield made
    made.stop()


@pytest.fixture
def on_slurm(project: Project, bench: SlurmBench) -> OnSlurm:
    return OnSlurm(project)


def gated(name: str, folder: Path) -> tuple[Path, Path, str]:
    gate, ran = folder / f"{name}.gate", folder / f"{name}.ran"
    return gate, ran, f"echo x >> {ran}; while [ ! -e {gate} ]; do sleep 0.1; done"


def test_a_job_is_labelled_run_and_done(on_slurm: OnSlurm) -> None:
    on_slurm.add(bash("a", "echo hello"))
    assert on_slurm.finish(60) == {"a": "DONE"}
    claim = (on_slurm.attempt("a") / "claim").read_text().split()
    assert claim == [claim[0], on_slurm.scheduler_id("a"), "0"]


def test_a_requeued_job_is_one_attempt(on_slurm: OnSlurm, bench: SlurmBench, tmp_path: Path) -> None:
    gate, ran, script = gated("a", tmp_path)
    on_slurm.add(bash("a", script))
    on_slurm.until(lambda: on_slurm.state("a") is JobState.RUNNING and ran.exists())
    bench.requeue(on_slurm.scheduler_id("a"))
    on_slurm.until((on_slurm.attempt("a") / "claim.1").exists, 200)
    gate.touch()
    assert on_slurm.finish(60) == {"a": "DONE"}
    assert jobfolder.look(on_slurm.folder("a")).attempts == 1
    assert ran.read_text() == "x\nx\n"
    restarts = [(on_slurm.attempt("a") / name).read_text().split()[2] for name in ("claim", "claim.1")]
    assert restarts[0] == "0"
    assert int(restarts[1]) >= 1


def test_a_script_sent_a_second_time_by_hand_runs_nothing(on_slurm: OnSlurm, tmp_path: Path) -> None:
    gate, ran, script = gated("a", tmp_path)
    on_slurm.add(bash("a", script))
    on_slurm.until(lambda: on_slurm.state("a") is JobState.RUNNING and ran.exists())
    attempt = on_slurm.attempt("a")
    argv = [
        "sbatch",
        "--parsable",
        "--wait",
        "-n1",
        f"--chdir={attempt}",
        "--output=/dev/null",
        str(attempt / "job.sh"),
    ]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 98
    gate.touch()
    assert on_slurm.finish(60) == {"a": "DONE"}
    assert ran.read_text() == "x\n"


def test_a_lost_answer_is_found_by_its_token(
    on_slurm: OnSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, ran, script = gated("a", tmp_path)
    on_slurm.add(bash("a", script))
    scheduler = on_slurm.campaign.hands.scheduler
    real = scheduler.submit

    def killed(*words: object) -> str:
        real(*words)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "submit", killed)
        with pytest.raises(KeyboardInterrupt):
            on_slurm.until(lambda: False)
    on_slurm.start()
    on_slurm.until((on_slurm.attempt("a") / "job_id").exists)
    gate.touch()
    assert on_slurm.finish(60) == {"a": "DONE"}
    assert ran.read_text() == "x\n"
    assert any("adopted" in line for line in on_slurm.history("a"))


def test_one_that_somebody_cancelled_says_so(on_slurm: OnSlurm, tmp_path: Path) -> None:
    _, ran, script = gated("a", tmp_path)
    on_slurm.add(bash("a", script))
    on_slurm.until(lambda: on_slurm.state("a") is JobState.RUNNING and ran.exists())
    subprocess.run(["scancel", on_slurm.scheduler_id("a")], check=True)
    assert on_slurm.finish(60) == {"a": "FAILED"}
    assert "cancelled outside mlipbatch" in on_slurm.history("a")[-1]
    assert jobfolder.look(on_slurm.folder("a")).attempts == 1


def test_without_a_controller_nothing_changes_and_a_job_that_ends_meanwhile_is_done(
    on_slurm: OnSlurm, bench: SlurmBench, tmp_path: Path
) -> None:
    gate, ran, script = gated("a", tmp_path)
    on_slurm.add(bash("a", script), bash("b", "true", priority=-1))
    on_slurm.until(lambda: on_slurm.state("a") is JobState.RUNNING and ran.exists())
    bench.down()
    try:
        begun = time.monotonic()
        gate.touch()
        on_slurm.until(lambda: on_slurm.state("a") is JobState.DONE, 100)  # its own marker says it
        on_slurm.until(lambda: bool(on_slurm.campaign.queue.unwell) and time.monotonic() > begun + 5, 100)
    finally:
        bench.up()
    assert "does not answer since" in on_slurm.campaign.queue.unwell
    assert on_slurm.finish(100) == {"a": "DONE", "b": "DONE"}
    assert ran.read_text() == "x\n"
