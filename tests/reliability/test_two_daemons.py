"""Two daemons on one host: one serves, the others leave with 75 and say who has it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

from mlipbatch.cli.common import LOCKED
from tests.reliability import checks, figures, straced
from tests.reliability.scene import LONG, Scene

STARTS = 20
ROUNDS = 50 if LONG else 1


def start_all(scene: Scene) -> list[int]:
    """So many daemons, let go at once."""
    daemons = [straced.fork_daemon(scene) for _ in range(STARTS)]
    for pid in daemons:
        os.kill(pid, signal.SIGCONT)
    return daemons


def ends(daemons: list[int], left: int) -> Counter[int]:
    """Exit codes, once no more than `left` of them are alive."""
    codes: Counter[int] = Counter()
    alive, end = set(daemons), time.monotonic() + 60
    while len(alive) > left:
        assert time.monotonic() < end, f"{len(alive)} daemons are alive, {codes}"
        for pid in list(alive):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                alive.remove(pid)
                codes[os.waitstatus_to_exitcode(status)] += 1
        time.sleep(0.01)
    daemons[:] = sorted(alive)
    return codes


def test_of_many_daemons_that_start_at_once_one_stays_and_the_others_leave_with_75(
    template: Scene, memory: Path
) -> None:
    rounds = [(template, memory / f"starts-{number}") for number in range(ROUNDS)]
    assert not figures.sweep(f"{STARTS} daemons at once", one_stays, rounds)


def one_stays(template: Scene, place: Path) -> list[str]:
    """What is wrong after so many daemons were let go at once on a copy of the scene."""
    place.mkdir()
    scene = template.copy(place / "scene")
    labels, daemons = checks.labels_of(scene), start_all(scene)
    codes = ends(daemons, left=1)
    time.sleep(0.1)
    os.kill(daemons[0], signal.SIGTERM)
    last = ends(daemons, left=0)
    wrong = [] if (codes, last) == ({LOCKED: STARTS - 1}, {0: 1}) else [f"exit codes {codes}, then {last}"]
    if "is served by process" not in (scene.root / "daemon.out").read_text():
        wrong.append("nobody says who serves it")
    if straced.serve(scene, until=scene.ended):
        wrong.append("the next daemon does not end well")
    wrong += checks.at_the_end(scene, labels)
    shutil.rmtree(place)
    return wrong
