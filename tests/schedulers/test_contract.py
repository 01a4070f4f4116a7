"""The contract, put to every scheduler that can be had here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .benches import Bench, FakeBench, LocalBench
from .contract import BatchContract, SchedulerContract, make

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
    def bench(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
        for name in ("PATH", "FAKE_SLURM", "FAKE_PYTHON"):
            monkeypatch.setenv(name, __import__("os").environ.get(name, ""))
        made = FakeBench(tmp_path_factory.mktemp("fake"))
        yield made
        made.stop()
