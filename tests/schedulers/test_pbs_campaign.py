"""A whole engine on PBS: a queue of three jobs a user, a lost answer and a server that stops in the middle; all is done once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.core.job import JobSpec
from mlipbatch.engine.campaign import Campaign
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from tests.engine.conftest import Session, bash, project

from .pbs_benches import FakePbs, RealPbs

__all__ = ["project"]
JOBS = 8


class PbsSession(Session):
    """A project whose jobs go to PBS."""

    bench: FakePbs | RealPbs

    def start(self) -> Campaign:
        goal = Goal(lambda *_: self.specs, loop.outcome)
        self.campaign = Campaign(self.project, self.bench.scheduler, 64, goal)
        return self.campaign


def session(bench: FakePbs | RealPbs, made: object) -> PbsSession:
    return type("One", (PbsSession,), {"bench": bench})(made)  # type: ignore[no-any-return]


def appending(number: int, file: Path) -> JobSpec:
    return bash(f"job-{number}", f"sleep 0.5; echo {number} >> {file}", walltime_s=120)


@pytest.mark.engines
class TestFake:
    """With faults."""

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[FakePbs]:
        made = FakePbs(tmp_path / "fake")
        yield made
        made.stop()

    def test_a_campaign_through_faults(self, bench: FakePbs, project: object, tmp_path: Path) -> None:
        bench.fault("limit", 3)
        bench.fault("accept_and_fail", 1)
        ran = tmp_path / "ran"
        one = session(bench, project)
        one.add(*(appending(number, ran) for number in range(JOBS)))
        one.until(lambda: ran.exists() and len(ran.read_text().split()) >= 2, 60)
        bench.down()
        for _ in range(3):
            one.campaign.tick()
        assert "FAILED" not in one.states().values()
        bench.up()
        one.start()  # as after a kill
        assert set(one.finish(120).values()) == {"DONE"}
        assert sorted(ran.read_text().split(), key=int) == [str(number) for number in range(JOBS)]


@pytest.mark.engines
@pytest.mark.skipif(not RealPbs.there(), reason="no OpenPBS here whose manager we are: Debian has none")
class TestReal:
    """OpenPBS itself, stopped in the middle."""

    @pytest.fixture
    def bench(self) -> Iterator[RealPbs]:
        made = RealPbs()
        yield made
        made.up()
        made.stop()

    def test_a_campaign_over_a_restart_of_the_server(self, bench: RealPbs, project: object, tmp_path: Path) -> None:
        ran = tmp_path / "ran"
        one = session(bench, project)
        one.add(*(appending(number, ran) for number in range(JOBS)))
        one.until(lambda: ran.exists() and len(ran.read_text().split()) >= 2, 60)
        bench.down()
        one.campaign.tick()
        assert "FAILED" not in one.states().values()
        bench.up()
        assert set(one.finish(120).values()) == {"DONE"}
        assert sorted(ran.read_text().split(), key=int) == [str(number) for number in range(JOBS)]
