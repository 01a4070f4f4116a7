"""Scenes for the tests of this folder: made once, copied for each test, into memory where there is some."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.schedulers import LocalScheduler
from mlipbatch.schedulers.local import sessions
from tests.reliability.scene import Scene, build
from tests.reliability.sweep import MEMORY


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


def stop_jobs(scene: Scene) -> None:
    pool = str(scene.root)
    for session in sessions(pool):
        LocalScheduler(2, pool).cancel(session.id)
