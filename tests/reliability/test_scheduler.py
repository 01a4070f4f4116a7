"""A scheduler that is slow to tell, takes three jobs at most, or gives ids anew: jobs wait, none is called failed for it."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from mlipbatch.core.state import IN_THE_QUEUE
from mlipbatch.store.project import Project
from tests.engine.conftest import project
from tests.engine.fake import FakeScheduler
from tests.engine.fake_parts import Program, VirtualClock
from tests.engine.virtual import Virtual, task
from tests.reliability.scene import LONG

__all__ = ["project"]
JOBS = 1000 if LONG else 24


@pytest.mark.parametrize("accounting", [True, False])
def test_purged_at_once_and_told_of_late_no_job_is_called_failed(project: Project, accounting: bool) -> None:
    dice = random.Random(3)
    fake = FakeScheduler(VirtualClock(), slots=100, accounting=accounting, min_job_age=0.0)
    virtual = Virtual(project, fake)
    virtual.add(*(task(f"j{n:04d}") for n in range(JOBS)))
    while not virtual.campaign.finished:
        fake.marker_lag = dice.uniform(0, 120)
        virtual.run(15)
    assert Counter(virtual.states().values()) == {"DONE": JOBS}
    assert {virtual.attempts(f"j{n:04d}") for n in range(JOBS)} == {1}


def test_a_queue_of_three_drains(project: Project) -> None:
    fake = FakeScheduler(VirtualClock(), slots=3, limit=3)
    virtual = Virtual(project, fake)
    virtual.add(*(task(f"j{n:04d}") for n in range(JOBS // 2)))
    assert Counter(virtual.finish().values()) == {"DONE": JOBS // 2}
    assert len(fake.runs) == JOBS // 2


def test_of_ids_one_to_five_the_right_job_is_cancelled(project: Project) -> None:
    dice, meant, hit = random.Random(4), [], []
    fake = FakeScheduler(VirtualClock(), slots=2, ids=itertools.cycle(range(1, 6)), min_job_age=20.0, accounting=False)
    fake.program = lambda _folder: Program(dice.choice([20.0, 300.0, 5000.0]), exit_code=dice.choice([0, 0, 1]))
    virtual = Virtual(project, fake)
    real = fake.cancel

    def cancel(scheduler_id: str, token: str = "") -> None:
        job = fake.jobs.get(scheduler_id)
        real(scheduler_id, token)
        if job is not None and job.state not in IN_THE_QUEUE and job.ended == fake.clock.now:
            meant.append(token)
            hit.append(job.token)

    fake.cancel = cancel  # type: ignore[method-assign]
    virtual.add(*(task(f"j{n:04d}", walltime_s=600) for n in range(JOBS // 4)))
    virtual.finish()
    assert hit == meant
    assert not fake.overlaps()
