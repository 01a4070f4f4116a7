"""A disk without room, or without inodes, in the middle of a campaign: the daemon says so, and goes on when there is room."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability import checks, straced
from tests.reliability.conftest import stop_jobs
from tests.reliability.scene import Scene

pytestmark = pytest.mark.engines


@pytest.fixture
def small(template: Scene, tmp_path: Path) -> Iterator[Scene]:
    """The scene on a disk of 2 MB and 600 inodes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = "size=2m,nr_inodes=600"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small tmpfs here: {mounted.stderr.strip()}")
    scene = template.copy(disk / "scene")
    yield scene
    stop_jobs(scene)
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill_bytes(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as handle:
        try:
            while True:
                handle.write(bytes(4096))
        except OSError:
            return


def fill_inodes(disk: Path) -> None:
    (disk / "fillers").mkdir(exist_ok=True)
    try:
        for number in range(1000):
            (disk / "fillers" / str(number)).touch()
    except OSError:
        return


def empty(disk: Path) -> None:
    (disk / "filler").unlink(missing_ok=True)
    for path in (disk / "fillers").glob("*"):
        path.unlink()


@pytest.mark.parametrize("fill", [fill_bytes, fill_inodes])
def test_a_full_disk_pauses_and_room_ends_the_pause(small: Scene, fill: Callable[[Path], None], tmp_path: Path) -> None:
    labels, disk, said = checks.labels_of(small), small.root.parent, tmp_path / "said"
    before = sum(small.runs().values())
    pid = straced.fork_daemon(small, out=said)
    os.kill(pid, signal.SIGCONT)
    try:
        wait(lambda: sum(small.runs().values()) > before)
        fill(disk)
        wait(lambda: "No space left on device" in text(said) + text(small.project.log))
        assert not [*checks.states(small.project.jobs), *checks.lost(small, labels)]
        time.sleep(0.3)  # some more passes on the full disk
    except BaseException:
        straced.wait(pid, lambda: True)
        raise
    empty(disk)
    assert straced.wait(pid, small.ended) == 0
    wrong = checks.at_the_end(small, labels)
    assert not [sentence for sentence in wrong if " ran " not in sentence]  # a job that found no room itself ran again
    assert not list(checks.twice(small))


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def wait(until: Callable[[], bool], limit_s: float = 30.0) -> None:
    end = time.monotonic() + limit_s
    while not until():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
