"""kill -9 anywhere: the old state or the new one. Some points of the sweep; `make faults` runs 500."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import checks, straced, sweep
from tests.reliability.scene import LONG, Scene

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(not straced.AVAILABLE, reason="strace is not installed: apt-get install strace"),
]
KILLS, DENIALS = (500, 200) if LONG else (8, 4)


@pytest.fixture(scope="module")
def own_points(template: Scene, memory: Path) -> list[straced.Point]:
    return straced.points(template.copy(memory / "counted-own"), threads=False)


@pytest.fixture(scope="module")
def points(template: Scene, memory: Path) -> list[straced.Point]:
    return straced.points(template.copy(memory / "counted"))


def test_a_life_has_enough_points(points: list[straced.Point]) -> None:
    assert len(points) > 500
    assert {"openat", "write", "rename", "fsync", "unlink", "mkdir"} <= {point.syscall for point in points}


def test_killed_at_any_of_them_nothing_is_lost_torn_or_doubled(
    template: Scene, memory: Path, points: list[straced.Point]
) -> None:
    outcomes = [
        sweep.tidy(place := memory / f"kill-{n}", sweep.kill(template, place, point))
        for n, point in enumerate(sweep.sample(points, KILLS, seed=1))
    ]
    assert not [outcome for outcome in outcomes if outcome.wrong]
    assert (
        sum(bool(outcome.hit) for outcome in outcomes) >= KILLS - 2
    )  # a life may be a call shorter than the one counted


def test_denied_any_of_them_the_daemon_says_so_and_goes_on_by_itself(
    template: Scene, memory: Path, own_points: list[straced.Point]
) -> None:
    outcomes = [
        sweep.tidy(
            place := memory / f"deny-{n}", sweep.deny(template, place, point, sweep.ERRORS[n % len(sweep.ERRORS)])
        )
        for n, point in enumerate(sweep.sample(own_points, DENIALS, seed=2))
    ]
    assert not [outcome for outcome in outcomes if outcome.wrong]
    assert any(outcome.said for outcome in outcomes)


@pytest.mark.parametrize(
    ("syscall", "when"), [("rename", 12), *([("fsync", n) for n in range(1, 40, 3)] if LONG else [])]
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
