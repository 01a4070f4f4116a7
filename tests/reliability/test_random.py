"""Random trouble, ten thousand steps of it in the long run: nothing lost, torn or doubled, and the daemon never ends."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.reliability.machine import Trouble

STEPS = int(os.environ.get("MLIPBATCH_STEPS", "600"))
A_RUN = 50

TestTrouble = Trouble.TestCase
TestTrouble.settings = settings(
    max_examples=STEPS // A_RUN,
    stateful_step_count=A_RUN,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
