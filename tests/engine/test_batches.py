"""Bundles and arrays on the fake SLURM: each member keeps its own time limit, claim, markers and verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.core.state import JobState
from mlipbatch.store import jobfolder
from mlipbatch.store.inbox import drop_request
from mlipbatch.store.project import Project
from tests.schedulers.benches import FakeBench, alive

from .clusters import ClusterSession, cluster_site
from .conftest import bash

pytestmark = pytest.mark.engines


@pytest.fixture
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeBench]:
    made = FakeBench(tmp_path_factory.mktemp("fake"))
    made.heal("minute")
    yield made
    made.stop()


def test_forty_jobs_under_a_limit_of_two_go_in_bundles_and_each_runs_once(project: Project, fake: FakeBench) -> None:
    fake.fault("limit", 2)
    session = ClusterSession(project, cluster_site(max_queued=2, bundle=20), cores=2)
    session.work(40, 0.02)
    states = session.finish(60)
    assert set(states.values()) == {"DONE"}
    assert session.runs() == sorted(states)
    assert 2 <= len(session.submissions()) <= 12
    assert all(jobfolder.look(session.folder(name)).attempts == 1 for name in states)


def test_many_jobs_alike_are_one_array(project: Project, fake: FakeBench) -> None:
    fake.fault("cpus", 4)
    session = ClusterSession(project, cluster_site(cores_per_node=4, max_array=100), cores=4)
    session.work(4)
    assert set(session.finish(30).values()) == {"DONE"}
    assert len(session.submissions()) == 1
    ids = [(session.folder(f"j00{n}") / "attempt-1" / "job_id").read_text().strip() for n in range(4)]
    assert [one.split("_")[1] for one in ids] == ["0", "1", "2", "3"]
    assert session.runs() == ["j000", "j001", "j002", "j003"]


def test_one_member_runs_out_of_time_and_the_others_go_on(project: Project, fake: FakeBench) -> None:
    session = ClusterSession(project, cluster_site(max_queued=1, bundle=10), cores=1)
    ran = session.ran
    stubborn = f"echo slow >> {ran}; trap '' TERM; sleep 300 & echo $! > child; wait"
    session.add(bash("slow", stubborn, walltime_s=2, priority=9))
    session.work(4, 0.1, walltime_s=30)
    session.until(lambda: any("its wall time was up" in line for line in session.history("slow")), 120)
    session.until(lambda: all(session.state(f"j00{n}") is JobState.DONE for n in range(4)), 120)
    assert [name for name in session.runs() if name != "slow"] == ["j000", "j001", "j002", "j003"]
    drop_request(project, "cancel", ["gen000/generate/slow"])
    session.until(lambda: session.state("slow") is JobState.FAILED)


def test_a_batch_that_is_cut_off_spends_an_attempt_of_what_ran_and_none_of_what_did_not(
    project: Project, fake: FakeBench
) -> None:
    fake.fault("minute", 2)  # three jobs of 20 s, two beside each other, are allowed two minutes: four seconds
    session = ClusterSession(project, cluster_site(max_queued=1, bundle=10), cores=1)
    session.work(6, 5.0, walltime_s=20)
    names = [f"j00{n}" for n in range(6)]

    def told(words: str) -> list[str]:
        return [name for name in names if any(words in line for line in session.history(name))]

    session.until(lambda: told("before its turn came"), 120)
    fake.heal("minute")
    assert set(session.finish(90).values()) == {"DONE"}
    cut = [sum(line.startswith("RUNNING -> PENDING") for line in session.history(name)) for name in names]
    assert 1 <= sum(cut) < 6
    verdicts = [len(list(session.folder(name).glob("attempt-*/verdict.yaml"))) for name in names]
    assert verdicts == [1 + times for times in cut]


def test_a_member_that_is_cancelled_ends_and_its_neighbours_do_not_notice(project: Project, fake: FakeBench) -> None:
    session = ClusterSession(project, cluster_site(max_queued=1, bundle=10), cores=1)
    session.add(bash("victim", "sleep 300 & echo $! > child; wait", priority=9, walltime_s=600))
    session.work(3, 0.1, walltime_s=60)
    session.until(lambda: session.state("victim") is JobState.RUNNING)
    drop_request(project, "cancel", ["gen000/generate/victim"])
    session.until(lambda: session.state("victim") is JobState.FAILED)
    states = session.finish(60)
    assert states.pop("victim") == "FAILED"
    assert set(states.values()) == {"DONE"}
    assert session.runs() == ["j000", "j001", "j002"]
    child = (session.folder("victim") / "attempt-1" / "child").read_text()
    session.until(lambda: not alive(child))  # its batch looks every ten seconds


def test_a_batch_whose_answer_was_lost_is_found_by_its_token(project: Project, fake: FakeBench) -> None:
    fake.fault("accept_and_time_out", 1)
    session = ClusterSession(project, cluster_site(max_queued=1, bundle=10), cores=1)
    session.work(6, 1.5)
    assert set(session.finish(60).values()) == {"DONE"}
    assert session.runs() == [f"j00{n}" for n in range(6)]
    assert any("adopted" in line for n in range(6) for line in session.history(f"j00{n}"))


def test_a_batch_that_was_not_taken_is_sent_as_it_is(project: Project, fake: FakeBench) -> None:
    fake.fault("limit", 0)
    session = ClusterSession(project, cluster_site(max_queued=1, bundle=10), cores=1)
    session.work(6, 0.1)
    session.until(lambda: any("not submitted yet" in line for line in session.history("j000")))
    made = session.batches()
    fake.heal("limit")
    assert set(session.finish(60).values()) == {"DONE"}
    assert made[0] in session.batches()
    assert (made[0] / "job_id").exists()
    assert all(jobfolder.look(session.folder(f"j00{n}")).attempts == 1 for n in range(6))


def test_a_requeued_batch_goes_on_where_it_was(project: Project, fake: FakeBench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session = ClusterSession(project, cluster_site(max_queued=1, bundle=10), cores=1)
    session.add(bash("waits", f"echo waits >> {session.ran}; while [ ! -e {gate} ]; do sleep 0.05; done", priority=-1))
    session.work(3, 0.05)
    before = [
        f"j00{n}" for n in range(3)
    ]  # requeued while one of them had not yet said that it was over, that one would run again
    session.until(lambda: all(session.state(name) is JobState.DONE for name in before), 120)
    session.until(lambda: session.state("waits") is JobState.RUNNING, 120)
    batch = (session.folder("waits") / "attempt-1" / "job_id").read_text().strip()
    fake.requeue(batch)
    session.until(lambda: session.runs().count("waits") == 2, 120)
    gate.touch()
    assert set(session.finish(30).values()) == {"DONE"}
    assert session.runs() == [*before, "waits", "waits"]
    assert jobfolder.look(session.folder("waits")).attempts == 1
