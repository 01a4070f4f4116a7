"""Killed at the n-th write of a whole campaign, on the fake scheduler: every n in the long run, some in the short one."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from ase.db import connect

from mlipbatch.core.state import JobState
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import Fenced
from tests.reliability import figures
from tests.reliability.failpoints import Killed, failpoint, once
from tests.reliability.scene import LONG
from tests.reliability.virtual import LABELS, World, template

STEP_S, TICKS, POINTS = 60.0, 300, 3
HOW = ("alone", "bundles", "arrays of bundles")  # its jobs go to the queue
Labels = list[tuple[str, float, bytes, bytes]]


def live_until(world: World, when: int) -> int:
    """Ticks until the `when`-th write, where the daemon dies, or until all have ended. Returns how many writes were left."""
    for _ in range(TICKS):
        if world.campaign.finished:
            break
        world.scheduler.advance(STEP_S)
        try:
            with failpoint(when) as point:
                world.campaign.tick()
        except Killed:
            return 0
        when = point.left
        if point.struck:  # in a thread, which keeps what it raised to itself
            return 0
    return when


@pytest.fixture(params=HOW)
def site(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def undisturbed(site: str) -> tuple[int, Labels]:
    """How many writes a campaign has that nothing happens to, and its data set."""
    many, root = 1_000_000, Path(tempfile.mkdtemp(prefix="mlipbatch-whole-"))
    world = World(template(), root / "p", site)
    left, data = live_until(world, many), data_set(world)
    shutil.rmtree(root)
    return many - left, data


def test_a_campaign_has_writes_enough(site: str) -> None:
    writes, labels = undisturbed(site)
    assert writes > 300
    assert {row[0] for row in labels} == set(LABELS)


@pytest.mark.parametrize("suspended", [False, True], ids=["killed", "suspended and followed"])
def test_at_any_of_its_writes(site: str, memory: Path, suspended: bool) -> None:
    writes, _ = undisturbed(site)
    chosen = range(1, writes) if LONG else sorted(random.Random(1).sample(range(1, writes), POINTS))
    fault = "suspended and followed" if suspended else "killed at a write"
    points = [(site, memory / f"{site}-{suspended}-{when}".replace(" ", "-"), when, suspended) for when in chosen]
    wrong = figures.sweep(f"{fault}, {site}", judge, points)
    assert not wrong


def data_set(world: World) -> Labels:
    """What a potential would be trained on."""
    rows = connect(world.project.data / "mlip.db").select()
    return sorted((row.name, row.energy, row.forces.tobytes(), row.stress.tobytes()) for row in rows)


def judge(site: str, root: Path, when: int, suspended: bool) -> list[str]:
    """What is wrong after a daemon died, or stood still and was followed, at this write."""
    os.environ["MLIPBATCH_CACHE"] = str(root.with_suffix(".cache"))
    world = World(template(), root, site)
    left = live_until(world, when) if not suspended else follow(world, when)
    labels = world.labels()
    one = one_state(world) if not suspended else []  # the daemon that followed has moved on
    world.start()
    states = world.settle()
    if (
        not suspended
    ):  # one that stood still between the two renames of a move leaves an older state, beside the one that counts
        one += one_state(world)
    right = {name: "FAILED" if name == "bad" else "DONE" for name in states}
    wrong = [*one, *world.at_once(), *world.ran_twice(), *world.ran_late(), *world.moved_oddly()]
    wrong += [
        f"{name} ended as {states[name]}: {world.reasons()[name]}" for name in right if states[name] != right[name]
    ]
    wrong += [f"{path} was left" for path in sorted(world.project.jobs.rglob(".*"))]
    wrong += [f"label {name} changed" for name, text in labels.items() if world.labels().get(name) != text]
    if data_set(world) != undisturbed(site)[1]:
        wrong.append("the data set is another one")
    if left < 0 or left > when // 5:  # how many writes there are hangs a little on real time: the last may not come
        wrong.append(f"it did not stop where it should: {left} writes were left")
    shutil.rmtree(root)
    shutil.rmtree(root.with_suffix(".cache"), ignore_errors=True)
    return wrong


def follow(world: World, when: int) -> int:
    """At this write the daemon stands still; another node takes over and works for an hour; then the first goes on, and stops."""
    old, done = world.campaign, []

    def stand_still() -> None:
        done.append(True)
        world.take_over()
        world.tick(60, every=STEP_S)

    for _ in range(TICKS):
        world.scheduler.advance(STEP_S)
        with failpoint(when, once(stand_still)) as point:
            try:
                old.tick()
            except Fenced:
                return 0
        if done:
            try:
                old.tick()
            except Fenced:
                return 0
            return -1
        when = point.left
        if old.finished:
            return when
    return when


def one_state(world: World) -> list[str]:
    """Jobs that have not exactly one state file."""
    found = {
        folder.name: [s for s in JobState if (folder / s).exists()] for folder in jobfolder.walk(world.project.jobs)
    }
    return [f"{name} has the states {states}" for name, states in found.items() if len(states) != 1]
