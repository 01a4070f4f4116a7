"""Random trouble, ten thousand steps of it in the long run: nothing lost, torn or doubled, and the daemon never ends."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability import figures
from tests.reliability.machine import Trouble
from tests.reliability.scene import LONG

STEPS = int(os.environ.get("MLIPBATCH_STEPS", "10000" if LONG else "500"))
FIRST = int(os.environ.get("MLIPBATCH_SEED", "1"))
A_RUN, A_PART = 50, 500
SHRINK = [Phase.shrink] if "MLIPBATCH_SHRINK" in os.environ else []  # minutes, and only where something is wrong

HOW = settings(
    stateful_step_count=A_RUN,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *SHRINK],
    suppress_health_check=list(HealthCheck),
)

if not LONG:
    TestTrouble = Trouble.TestCase
    TestTrouble.settings = settings(HOW, max_examples=STEPS // A_RUN)


@pytest.mark.skipif(not LONG, reason="the short run is TestTrouble")
def test_ten_thousand_steps() -> None:
    began = time.monotonic()
    seeds = [(FIRST + part, min(STEPS, A_PART)) for part in range(max(1, STEPS // A_PART))]
    parts = figures.each("random trouble", trouble, seeds)
    seen: Counter[str] = sum((counted for counted, _ in parts), Counter())
    wrong = [f"seed {number}: {said}" for (number, _), (_, said) in zip(seeds, parts, strict=True) if said]
    figures.record("random trouble", began, **dict(sorted(seen.items())), seeds=len(seeds), wrong=wrong)
    assert not wrong
    assert seen["steps"] >= 0.9 * STEPS


def trouble(number: int, steps: int) -> tuple[Counter[str], str]:
    """So many steps from this seed: what was done, and what went wrong."""
    Trouble.seen.clear()
    said = ""
    try:
        machine = settings(HOW, max_examples=steps // A_RUN, database=None)
        run_state_machine_as_test(seed(number)(Trouble), settings=machine)
    except Exception:  # noqa: BLE001  whatever it is, it is what went wrong at this point, and is told
        said = traceback.format_exc()
    return Counter(Trouble.seen), said
