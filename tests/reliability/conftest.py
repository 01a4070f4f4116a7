"""Scenes for the tests of this folder: made once, copied for each test, into memory where there is some."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.schedulers import LocalScheduler
from mlipbatch.schedulers.local import sessions
from tests.reliability import figures
from tests.reliability.scene import Scene, build
from tests.reliability.sweep import MEMORY

BEGAN = time.monotonic()


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder where fsync costs nothing: a process that is killed loses no page of it."""
    folder = Path(tempfile.mkdtemp(prefix="mlipbatch-", dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(memory: Path) -> Scene:
    """The scene as its daemon left it."""
    return build(memory / "template")


@pytest.fixture
def scene(template: Scene, memory: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A copy of it to break."""
    copy = template.copy(Path(tempfile.mkdtemp(dir=memory)) / "scene")
    yield copy
    stop_jobs(copy)


SPENT: dict[str, dict[str, float]] = {}  # by test: how many of its cases ended how, and the seconds of all


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or (report.when == "setup" and not report.passed):
        name = report.nodeid.rpartition("/")[2].partition("[")[0]
        one = SPENT.setdefault(name, {"seconds": 0.0})
        one["seconds"] = round(one["seconds"] + report.duration, 1)
        one[report.outcome] = one.get(report.outcome, 0) + 1


def pytest_sessionfinish() -> None:
    figures.record("tests", BEGAN, workers=figures.WORKERS, **SPENT)


def stop_jobs(scene: Scene) -> None:
    pool = str(scene.root)
    for session in sessions(pool):
        LocalScheduler(2, pool).cancel(session.id)
