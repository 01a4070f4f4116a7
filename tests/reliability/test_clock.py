"""A clock that is an hour off, and jumps: the daemon measures with clocks that do not."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.reliability import checks
from tests.reliability.scene import LONG, Scene

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed: apt-get install faketime"),
]
# libfaketime 0.9.10 answers EINVAL to the clock_nanosleep that Python 3.11 sleeps by
START = "import select, time; time.sleep = lambda s: select.select([], [], [], s); from mlipbatch.cli.main import main; main()"
HOUR_AHEAD, HOUR_BEHIND = "+3600", "-3600"


@contextmanager
def daemon(scene: Scene, clock: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon, and its jobs, whose time of day is off by what the file `clock` says. The monotonic clock is the machine's."""
    faked = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }
    environment = {**os.environ, **scene.environment(), **faked, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", START, "daemon", str(scene.project.root), "--interval", "0.1", "--cores", "2"]
    with (scene.root / "daemon.out").open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0, (scene.root / "daemon.out").read_text()


@pytest.mark.parametrize(
    "offsets", [(HOUR_BEHIND, "+0", HOUR_AHEAD), *([(HOUR_AHEAD,), (HOUR_BEHIND,)] if LONG else [])]
)
def test_a_clock_that_is_wrong_or_jumps_changes_nothing(scene: Scene, offsets: tuple[str, ...]) -> None:
    labels, clock = checks.labels_of(scene), scene.root / "clock"
    clock.write_text(offsets[0])
    with daemon(scene, clock) as process:
        end = time.monotonic() + 60
        for offset in itertools.cycle(offsets):
            set_clock(clock, offset)
            if scene.ended():
                break
            assert process.poll() is None
            assert time.monotonic() < end, scene.states()
            time.sleep(0.15)
    assert not checks.at_the_end(scene, labels)
    assert "past its wall time" not in scene.project.log.read_text()


def set_clock(clock: Path, offset: str) -> None:
    """Whole, or not at all."""
    draft = clock.with_suffix(".new")
    draft.write_text(offset)
    shutil.move(draft, clock)
