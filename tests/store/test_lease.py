"""The lease: one holder, whoever dies, stands still or comes back; real processes where it is about processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlipbatch.store import lease, owner
from mlipbatch.store.lease import Fenced, Locked, Watch, acquire, is_locked, project_lock
from mlipbatch.store.project import Project, create_project
from tests.engine.fake_parts import VirtualClock

HOLD = """
import sys
from pathlib import Path
from mlipbatch.store.lease import Locked, project_lock
from mlipbatch.store.project import Project
try:
    with project_lock(Project(Path(sys.argv[1]))) as lease:
        print(lease.generation, flush=True)
        sys.stdin.read()
except Locked:
    sys.exit(75)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create_project(tmp_path / "p", b"input", "config")[0]


def hold(project: Project) -> subprocess.Popen[str]:
    """A process that holds the lease until its standard input is closed."""
    argv = [sys.executable, "-c", HOLD, str(project.root)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_one_holder_and_a_number_that_only_rises(project: Project) -> None:
    with project_lock(project) as first:
        assert is_locked(project)
        with pytest.raises(Locked, match="process"), project_lock(project):
            pass
    assert not is_locked(project)
    with project_lock(project) as second:
        assert (first.generation, second.generation) == (1, 2)
        assert [path.name for path in project.private.glob("lease.*")] == ["lease.000002"]


def test_of_twenty_that_start_at_once_exactly_one_holds_it(project: Project) -> None:
    started = [hold(project) for _ in range(20)]
    _until(lambda: sum(process.poll() is None for process in started) <= 1)
    for process in started:
        process.communicate()
    assert sorted(process.returncode for process in started) == [0] + [75] * 19


def test_a_killed_holder_is_followed_at_once(project: Project) -> None:
    holder = hold(project)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "1\n"
    holder.kill()
    holder.wait()
    with project_lock(project) as mine:
        assert mine.generation == 2


def test_a_suspended_holder_is_followed_after_five_minutes_and_writes_nothing_when_it_goes_on(project: Project) -> None:
    clock = VirtualClock()
    old = hold(project)
    assert old.stdout is not None
    assert old.stdout.readline() == "1\n"
    old.send_signal(signal.SIGSTOP)
    watch = Watch(clock)
    _until(lambda: owner.stopped(owner.Owner(*_owner(project))))
    for _ in range(4):
        with pytest.raises(Locked, match="suspended") as refusal:
            acquire(project, watch, clock)
        assert refusal.value.undecided
        clock.now += 99
    mine = acquire(project, watch, clock)
    before = _files(project)
    old.send_signal(signal.SIGCONT)
    old.communicate()
    assert old.returncode == 0
    assert _files(project) == before
    mine.check()


def _owner(project: Project) -> tuple[str, str, int, str]:
    raw = json.loads((project.private / "lease.000001").read_text())
    return raw["host"], raw["boot"], raw["pid"], raw["start"]


def _files(project: Project) -> dict[str, str]:
    return {path.name: path.read_text() for path in project.private.iterdir() if path.is_file()}


def _until(done: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def elsewhere(project: Project) -> lease.Lease:
    """A lease as a daemon on another login node holds it."""
    held = acquire(project, Watch(), VirtualClock())
    path = project.private / f"lease.{held.generation:06d}"
    path.write_text(json.dumps({**json.loads(path.read_text()), "host": "login2", "boot": "another"}))
    return held


def test_another_login_node_is_judged_by_its_counter_alone(project: Project) -> None:
    clock = VirtualClock()
    other, watch = elsewhere(project), Watch(clock)
    with pytest.raises(Locked, match="login2") as first:
        acquire(project, watch, clock)
    assert first.value.undecided  # perhaps it is dead
    other.beat()
    with pytest.raises(Locked) as second:
        acquire(project, watch, clock)
    assert not second.value.undecided  # it lives
    clock.now += 299
    with pytest.raises(Locked):
        acquire(project, watch, clock)
    clock.now += 2
    mine = acquire(project, watch, clock)
    with pytest.raises(Fenced):
        other.check()
    mine.check()
    other.release()
    mine.check()
    assert is_locked(project)


def test_a_clock_that_is_an_hour_off_takes_nothing_over(project: Project) -> None:
    other = elsewhere(project)
    os.utime(project.private / "beat", (1, 1))
    os.utime(project.private / f"lease.{other.generation:06d}", (1, 1))
    with pytest.raises(Locked):
        acquire(project, Watch(VirtualClock()))


def test_a_daemon_fenced_twice_knows_it_although_the_next_lease_is_gone(project: Project) -> None:
    first = elsewhere(project)
    clock = VirtualClock()
    for _ in range(2):
        watch = Watch(clock)
        with pytest.raises(Locked):
            acquire(project, watch, clock)
        clock.now += 301
        acquire(project, watch, clock)
    assert not (project.private / "lease.000002").exists()
    with pytest.raises(Fenced):
        first.check()


def test_a_slow_taker_whose_number_was_used_and_cleared_up_takes_nothing(project: Project) -> None:
    for _ in range(2):
        with project_lock(project):
            pass
    assert not lease._take(project.private, 1)  # it had looked before both came and went
    assert [path.name for path in project.private.glob("lease.*")] == ["lease.000002"]


def test_the_lease_of_the_original_means_nothing_in_a_copy(project: Project, tmp_path: Path) -> None:
    with project_lock(project):
        shutil.copytree(project.root, tmp_path / "copy")
        copy = Project(tmp_path / "copy")
        assert not is_locked(copy)
        with project_lock(copy):
            assert is_locked(project)


def test_a_file_system_that_numbers_its_files_anew_on_every_host_gives_no_lease_away(project: Project) -> None:
    held = elsewhere(project)
    path = project.private / f"lease.{held.generation:06d}"
    path.write_text(json.dumps({**json.loads(path.read_text()), "folder": 4711}))
    with pytest.raises(Locked, match="login2"):
        acquire(project, Watch())


def test_a_moved_project_keeps_its_holder(project: Project, tmp_path: Path) -> None:
    with project_lock(project):
        project.root.rename(tmp_path / "moved")
        with pytest.raises(Locked):
            acquire(Project(tmp_path / "moved"), Watch())
        (tmp_path / "moved").rename(project.root)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": "x"}'])
def test_a_lease_that_cannot_be_read_is_somebodys_until_it_was_still_for_five_minutes(
    project: Project, text: str
) -> None:
    (project.private / "lease.000001").write_text(text)
    clock = VirtualClock()
    watch = Watch(clock)
    with pytest.raises(Locked):
        acquire(project, watch, clock)
    clock.now += 301
    assert acquire(project, watch, clock).generation == 2


def test_a_process_number_that_came_round_again_is_another_process() -> None:
    me = owner.myself()
    assert owner.running(me)
    assert not owner.running(replace(me, start="1"))
