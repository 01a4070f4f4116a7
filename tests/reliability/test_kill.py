"""kill -9 anywhere: the old state or the new one. Some points of the sweep; `make faults` runs 500, half of them in batches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import checks, scene_batches, straced, sweep
from tests.reliability.scene import LONG, Scene

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(not straced.AVAILABLE, reason="strace is not installed: apt-get install strace"),
]
KILLS, DENIALS = (270, 100) if LONG else (5, 2)  # of each scene


@pytest.fixture(scope="module", params=sorted(sweep.BUILD))
def name(request: pytest.FixtureRequest) -> str:
    """Of the scene."""
    return str(request.param)


@pytest.fixture(scope="module")
def built(name: str, template: Scene, memory: Path) -> Scene:
    return template if name == "alone" else sweep.BUILD[name](memory / name)


@pytest.fixture(scope="module")
def own_points(name: str, built: Scene, memory: Path) -> list[straced.Point]:
    return straced.points(built.copy(memory / f"counted-own-{name}"), threads=False)


@pytest.fixture(scope="module")
def points(name: str, built: Scene, memory: Path) -> list[straced.Point]:
    return straced.points(built.copy(memory / f"counted-{name}"))


def test_a_life_has_enough_points(points: list[straced.Point]) -> None:
    assert len(points) > 300
    assert {"openat", "write", "rename", "fsync", "unlink", "mkdir"} <= {point.syscall for point in points}


def test_the_life_in_batches_has_bundles(memory: Path) -> None:
    scene = scene_batches.build(memory / "bundles")
    before = scene_batches.bundled(scene)
    assert before >= 6
    assert straced.serve(scene, until=scene.ended) == 0
    assert not checks.at_the_end(scene, {})
    assert scene_batches.bundled(scene) >= before + 4


def test_killed_at_any_of_them_nothing_is_lost_torn_or_doubled(
    name: str, built: Scene, memory: Path, points: list[straced.Point]
) -> None:
    outcomes = sweep.sweep("kill", name, built, points, KILLS, 1, memory)
    assert not [outcome for outcome in outcomes if outcome.wrong]
    assert (
        sum(bool(outcome.hit) for outcome in outcomes) >= 0.8 * KILLS
    )  # a life may be some calls shorter than the one counted


def test_denied_any_of_them_the_daemon_says_so_and_goes_on_by_itself(
    name: str, built: Scene, memory: Path, own_points: list[straced.Point]
) -> None:
    outcomes = sweep.sweep("deny", name, built, own_points, DENIALS, 2, memory)
    assert not [outcome for outcome in outcomes if outcome.wrong]
    assert any(outcome.said for outcome in outcomes) or not LONG


@pytest.mark.parametrize(
    ("syscall", "when"), [("rename", 12), *([("fsync", n) for n in range(1, 35, 3)] if LONG else [])]
)
def test_the_command_itself_killed_under_strace_from_its_first_instruction(
    scene: Scene, syscall: str, when: int
) -> None:
    """The interpreter, not a shim, as a user starts it."""
    labels = checks.labels_of(scene)
    command = [str(Path(sys.executable).resolve()), "-m", "mlipbatch", "daemon", str(scene.project.root), "--once"]
    inject = ["-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=SIGKILL:when={when}"]
    environment = {**os.environ, **scene.environment(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    traced = ["strace", "-o", str(scene.root / "strace.log"), *inject, *command]
    ended = subprocess.run(traced, env=environment, capture_output=True, check=False, timeout=60)
    assert ended.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}
    assert not checks.at_any_moment(scene, labels)
    assert straced.serve(scene, until=scene.ended) == 0
    assert not checks.at_the_end(scene, labels)
