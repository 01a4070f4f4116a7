"""Bundles and arrays in virtual time: cut off, requeued, taken twice, put back by hand; no member runs twice, none is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipbatch.core.state import JobState, QueueState
from mlipbatch.engine.observe import evidence
from mlipbatch.store.inbox import drop_request
from tests.engine.fake import attempts_of
from tests.reliability.virtual import SITES, TEMPERS, World, template

RIGHT = {name: "FAILED" if name == "bad" else "DONE" for name in TEMPERS}


def world(tmp_path: Path, site: str, limit: int = 1000) -> World:
    return World(template(), tmp_path / "p", site, limit=limit, slots=4)


def wrong(world: World) -> list[str]:
    return [*world.at_once(), *world.ran_twice(), *world.ran_late(), *world.moved_oddly()]


@pytest.mark.parametrize("site", sorted(SITES))
def test_they_go_as_the_site_says(tmp_path: Path, site: str) -> None:
    made = world(tmp_path, site, limit=1 if site == "bundles" else 1000)
    made.tick()
    lists = [sorted(folder.glob("members-*")) for folder in made.project.private.glob("batches/mb-*")]
    tasks = max((len(one) for one in lists), default=0)
    members = max((len(path.read_text().splitlines()) for one in lists for path in one), default=0)
    least = {"alone": (0, 0), "bundles": (1, 2), "arrays": (4, 1), "arrays of bundles": (4, 2)}[site]
    assert tasks >= least[0]
    assert members >= least[1]
    assert bool(lists) == (site != "alone")
    assert made.settle() == RIGHT
    assert not wrong(made)


@pytest.mark.parametrize("site", ["bundles", "arrays", "arrays of bundles"])
@pytest.mark.parametrize("how", [QueueState.NODE_FAILED, QueueState.TIMED_OUT])
def test_of_one_allocation_that_dies_what_ran_runs_again_and_the_rest_is_not_touched(
    tmp_path: Path, site: str, how: QueueState
) -> None:
    made = world(tmp_path, site)
    made.tick(2, every=5)
    (job, *_) = [job for job in made.scheduler.live() if job.state is QueueState.RUNNING]
    hit = {attempt.parent.name for attempt in attempts_of(job)}
    made.scheduler.end(job.id, how)
    states = made.settle()
    assert {name: state for name, state in states.items() if name not in hit} == {
        name: state for name, state in RIGHT.items() if name not in hit
    }
    assert {states[name] for name in hit - {"bad"}} <= {"DONE"}
    assert not wrong(made)


@pytest.mark.parametrize("fault", ["lose", "late", "unsent", "twice"])
@pytest.mark.parametrize("site", ["bundles", "arrays of bundles"])
def test_whatever_the_scheduler_answers_a_member_runs_once(tmp_path: Path, site: str, fault: str) -> None:
    made = world(tmp_path, site)
    made.scheduler.fail("submit", fault, fault)
    assert made.settle() == RIGHT
    assert not wrong(made)
    ran = [(run.job, run.attempt) for run in made.scheduler.runs]
    assert len(ran) == len(set(ran))


def test_a_requeued_batch_goes_on_with_the_member_that_was_cut_off(tmp_path: Path) -> None:
    made = world(tmp_path, "bundles", limit=1)
    made.tick(2, every=40)
    (job,) = made.scheduler.live()
    ended = {run.job.name for run in made.scheduler.runs if run.end is not None}
    cut = {run.job.name for run in made.scheduler.runs if run.end is None}
    assert ended
    assert cut
    made.scheduler.requeue(job.id)
    assert made.settle() == RIGHT
    first = [run.job.name for run in made.scheduler.runs if run.attempt == "attempt-1"]
    assert {name for name in first if first.count(name) == 2} == cut
    assert not wrong(made)


@pytest.mark.parametrize("by", ["hand", "cancel and retry"])
def test_a_member_that_is_put_back_while_it_runs_is_ended_before_it_runs_again(tmp_path: Path, by: str) -> None:
    """Found by the state machine: its next attempt went out at once, and ran beside it until its batch looked again."""
    made = world(tmp_path, "bundles")
    made.tick(4, every=20)
    slow = made.folder("slow")
    assert (slow / JobState.RUNNING).exists()
    if by == "hand":
        (slow / JobState.RUNNING).rename(slow / JobState.PENDING)
        made.campaign.index.refresh("gen000/cut/slow")
    else:
        for action in ("cancel", "retry"):
            drop_request(made.project, action, ["gen000/cut/slow"])
            made.tick()
    (run,) = [run for run in made.scheduler.runs if run.job.name == "slow"]
    made.tick(every=15)
    seen = evidence(slow / "attempt-1")
    assert seen.revoked
    assert seen.claimed_as == run.id  # which allocation may still run it is known afterwards too
    made.tick(20, every=15)
    assert len([run for run in made.scheduler.runs if run.job.name == "slow"]) == 2
    assert made.settle() == RIGHT
    assert not wrong(made)
