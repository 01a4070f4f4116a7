"""Random trouble, ten thousand steps of it in the long run: nothing lost, torn or doubled, and the daemon never ends."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

from tests.reliability.machine import Trouble
from tests.reliability.scene import LONG

STEPS = int(os.environ.get("MLIPBATCH_STEPS", "10000" if LONG else "500"))
A_RUN = 50
SHRINK = [Phase.shrink] if "MLIPBATCH_SHRINK" in os.environ else []  # minutes, and only where something is wrong

TestTrouble = Trouble.TestCase
TestTrouble.settings = settings(
    max_examples=STEPS // A_RUN,
    stateful_step_count=A_RUN,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *SHRINK],
    suppress_health_check=list(HealthCheck),
)
