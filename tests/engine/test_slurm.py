"""A project on a real slurmctld and slurmd, moved by the daemon's own loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.config.site import Limits
from mlipbatch.engine.campaign import Campaign
from mlipbatch.store.project import Project
from tests.schedulers.benches import slurm_tool

from .clusters import ClusterSession, cluster_site
from .conftest import bash

pytestmark = [pytest.mark.engines, pytest.mark.slurm]


@pytest.fixture
def halted(slurm: Path) -> Iterator[threading.Event]:
    """slurmctld is stopped three seconds from when this event is set, for eight seconds."""
    asked = threading.Event()

    def outage() -> None:
        if asked.wait(60):
            time.sleep(3)
            slurm_tool("halt", slurm)
            time.sleep(8)
            slurm_tool("resume", slurm)

    thread = threading.Thread(target=outage)
    thread.start()
    yield asked
    asked.set()
    thread.join()


@pytest.mark.parametrize("bundle", [1, 10], ids=["alone", "bundles"])
def test_thirty_jobs_and_the_controller_stopped_in_the_middle(
    project: Project, slurm: Path, halted: threading.Event, bundle: int
) -> None:
    session = ClusterSession(project, cluster_site(max_queued=4, bundle=bundle), cores=2)
    session.work(30, 0.7)
    outage_seen = False
    halted.set()

    def done() -> bool:
        nonlocal outage_seen
        outage_seen |= bool(session.campaign.queue.unwell)
        return session.campaign.finished

    session.until(done, 240)
    assert set(session.states().values()) == {"DONE"}
    assert session.runs() == [f"j{n:03d}" for n in range(30)]
    assert outage_seen
    others = [path for path in project.jobs.glob("*/*/*/attempt-*") if path.name != "attempt-1"]
    assert others == []


def test_a_daemon_that_is_killed_finds_its_jobs_on_slurm_again(project: Project, slurm: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session = ClusterSession(project, cluster_site(), cores=2)
    session.add(bash("long", f"echo long >> {session.ran}; while [ ! -e {gate} ]; do sleep 0.1; done"))
    session.until(lambda: session.runs() == ["long"])
    (session.folder("long") / "attempt-1" / "job_id").unlink()  # it died between the answer and the disk
    again: Campaign = session.start()
    session.until((session.folder("long") / "attempt-1" / "job_id").exists)
    gate.touch()
    assert session.finish() == {"long": "DONE"}
    assert session.runs() == ["long"]
    assert again.hands.scheduler.site.limits == Limits()


def test_what_slurm_refuses_pauses_the_project_with_its_words(project: Project, slurm: Path) -> None:
    site = cluster_site()
    wrong = site.model_copy(update={"queues": [site.queues[0].model_copy(update={"name": "nosuch"})]})
    session = ClusterSession(project, wrong, cores=2)
    session.work(1)
    session.until(lambda: bool(session.campaign.paused))
    assert "nvalid partition" in session.campaign.paused
    assert session.states() == {"j000": "PENDING"}
