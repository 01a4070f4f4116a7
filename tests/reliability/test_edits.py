"""What people and programs leave lying about: obeyed where that is documented, else let lie; nothing stops for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlipbatch.store.inbox import drop_request
from tests.reliability.scene import LONG
from tests.reliability.virtual import TEMPERS, World, template


def folder_for_a_file(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "inside").mkdir(parents=True)


def loop(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/nowhere/at/all")


def bytes_of_no_text(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(b"\xff\xfe\x00\x80")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


SPOILS = [folder_for_a_file, bytes_of_no_text, *([loop, dangling, emptied] if LONG else [])]
RECORDS = ["attempt-1/submit.yaml", "attempt-1/verdict.yaml", "attempt-1/started"]
if LONG:
    RECORDS += ["job.yaml", "history.log", "attempt-1/attempt.yaml", "attempt-1/job_id", "attempt-1/claim", "attempt-1/job.sh",
                "attempt-2", "HOLD"]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(template(), tmp_path / "p")
    made.tick(2, every=5)  # all are in the queue, four of them run
    return made


def others(world: World, *spoilt: str) -> None:
    """All but those come to their right end, in spite of it."""
    states = world.settle()
    right = {name: "FAILED" if name == "bad" else "DONE" for name in TEMPERS if name not in spoilt}
    assert {name: states[name] for name in right} == right, (world.campaign.paused, world.reasons())


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("record", RECORDS)
def test_a_spoilt_record_costs_its_own_job_at_most(world: World, record: str, spoil: Callable[[Path], None]) -> None:
    spoil(world.folder("good") / record)
    world.campaign.index.refresh("gen000/cut/good")
    others(world, "good")
    assert not world.at_once()


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("name", ["request-x", "mb-x.started", *(["\udcff\udcfe"] if LONG else [])])
def test_junk_in_the_inbox_stops_no_request(world: World, name: str, spoil: Callable[[Path], None]) -> None:
    spoil(Path(os.fsdecode(os.fsencode(world.project.inbox) + b"/" + os.fsencode(name))))
    drop_request(world.project, "cancel", ["gen000/cut/good"])
    others(world, "good")
    assert world.states()["good"] == "FAILED"


@pytest.mark.parametrize("place", ["jobs/gen000/cut", *(["jobs", "jobs/gen000"] if LONG else [])])
@pytest.mark.parametrize("spoil", SPOILS)
def test_junk_among_the_folders_is_let_lie(world: World, place: str, spoil: Callable[[Path], None]) -> None:
    for name in ("junk", "\udcff", "a b;$(x)"):
        spoil(Path(os.fsdecode(os.fsencode(world.project.root / place) + b"/" + os.fsencode(name))))
    world.start()
    others(world)


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("state", ["RUNNING", *(["PENDING", "DONE", "FAILED"] if LONG else [])])
def test_a_state_that_is_no_file_costs_its_own_job_at_most(
    world: World, state: str, spoil: Callable[[Path], None]
) -> None:
    spoil(world.folder("good") / state)
    world.campaign.index.refresh("gen000/cut/good")
    others(world, "good")
    assert not world.at_once()
