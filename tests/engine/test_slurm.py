"""A project on a real slurmctld and slurmd, moved by the daemon's own loop."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mlipbatch.config.site import Limits
from mlipbatch.core.state import JobState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.store.inbox import drop_request
from mlipbatch.store.project import Project
from tests.schedulers.benches import alive, slurm_tool

from .clusters import ClusterSession, cluster_site
from .conftest import bash

pytestmark = [pytest.mark.engines, pytest.mark.slurm]


class Outage:
    """slurmctld is stopped while jobs run, until the engine has noticed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begun, self.noticed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._play)

    def _play(self) -> None:
        if self.begun.wait(60):
            slurm_tool("halt", self.folder)
            self.noticed.wait(90)
            slurm_tool("resume", self.folder)

    def __enter__(self) -> Outage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.begun.set()
        self.noticed.set()
        self._thread.join()


@pytest.mark.parametrize("bundle", [1, 10], ids=["alone", "bundles"])
def test_thirty_jobs_and_the_controller_stopped_in_the_middle(project: Project, slurm: Path, bundle: int) -> None:
    session = ClusterSession(project, cluster_site(max_queued=4, bundle=bundle), cores=2)
    session.work(30, 0.7)
    with Outage(slurm) as outage:

        def done() -> bool:
            if len(session.runs()) > 5:
                outage.begun.set()
            if session.campaign.queue.unwell:
                outage.noticed.set()
            return session.campaign.finished

        session.until(done, 240)
        assert outage.noticed.is_set()
    assert set(session.states().values()) == {"DONE"}
    assert session.runs() == [f"j{n:03d}" for n in range(30)]
    assert {path.name for path in project.jobs.glob("*/*/*/attempt-*")} == {"attempt-1"}


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


def test_a_member_that_hangs_is_ended_and_its_neighbours_go_on(project: Project, slurm: Path) -> None:
    session = ClusterSession(project, cluster_site(max_queued=1, bundle=10), cores=2)
    session.add(bash("hangs", "trap '' TERM; sleep 300 & echo $! > child; wait; sleep 300", walltime_s=2, priority=9))
    session.work(6, 0.2, walltime_s=30)
    session.until(lambda: any("its wall time was up" in line for line in session.history("hangs")), 120)
    assert not alive((session.folder("hangs") / "attempt-1" / "child").read_text())
    session.until(lambda: [session.state(f"j00{n}") for n in range(6)] == [JobState.DONE] * 6, 120)
    drop_request(project, "cancel", ["gen000/generate/hangs"])
    session.until(lambda: session.state("hangs") is JobState.FAILED)
    assert session.runs() == [f"j00{n}" for n in range(6)]


def test_a_task_of_an_array_takes_what_another_has_not_begun_and_both_are_told_apart(
    project: Project, slurm: Path
) -> None:
    site = cluster_site(max_queued=4, max_array=4, bundle=8, cores_per_node=1)
    session = ClusterSession(project, site, cores=4)
    names = [
        f"j{n:03d}" for n in range(16)
    ]  # dealt out to four tasks, two of which run at a time; the first gets the slow ones
    session.add(*(bash(j, f"echo {j} >> {session.ran}; sleep {0.1 if n % 4 else 2.5}") for n, j in enumerate(names)))
    assert set(session.finish(120).values()) == {"DONE"}
    attempts = [session.folder(name) / "attempt-1" for name in names]
    sent_as = [(attempt / "job_id").read_text().strip() for attempt in attempts]
    ran_as = [(attempt / "claim").read_text().split()[1] for attempt in attempts]
    assert len(session.submissions()) == 1
    assert len(set(sent_as)) == 4
    assert all("_" in scheduler_id for scheduler_id in sent_as)
    assert set(ran_as) <= set(sent_as)
    assert sent_as != ran_as
    assert session.runs() == names
