"""Two daemons on one host: one serves, the others leave with 75 and say who has it."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

from mlipbatch.cli.common import LOCKED
from tests.reliability import checks, straced
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


def test_of_many_daemons_that_start_at_once_one_stays_and_the_others_leave_with_75(scene: Scene) -> None:
    labels = checks.labels_of(scene)
    for _ in range(ROUNDS):
        daemons = start_all(scene)
        assert ends(daemons, left=1) == {LOCKED: STARTS - 1}
        time.sleep(0.1)
        os.kill(daemons[0], signal.SIGTERM)
        assert ends(daemons, left=0) == {0: 1}
    assert "is served by process" in (scene.root / "daemon.out").read_text()
    assert straced.serve(scene, until=scene.ended) == 0
    assert not checks.at_the_end(scene, labels)
