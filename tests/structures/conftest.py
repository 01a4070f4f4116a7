from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlipbatch.config.expansion import expand
from mlipbatch.config.model import Config

Campaign = Callable[..., Config]


@pytest.fixture
def campaign() -> Campaign:
    """Make the configuration of an alloy: `campaign({"Al": 0.75, "Mg": 0.25}, "fcc", sqs_sizes=[4])`; seed and walkers by keyword."""

    def make(
        composition: dict[str, float],
        lattice: str = "fcc",
        *,
        seed: int = 0,
        exploration: Any = None,
        **generation: Any,
    ) -> Config:
        raw = {
            "project_name": "test",
            "target_system": {"elements": list(composition), "composition": composition, "crystal_structure": lattice},
            "simulation_goal": {"type": "elastic", "temperature_range": [300, 900]},
            "resources": {"dft_code": "quantum_espresso", "parallel_cores": 2, "gpu_enabled": False},
            "seed": seed,
            "generation": generation,
            "exploration": exploration or {},
        }
        return expand(raw, labels=False)[0]

    return make


@pytest.fixture
def al_mg(campaign: Campaign) -> Config:
    """The example's generation: Al, Al3Mg, AlMg in 4, 8 and 16 atoms."""
    return campaign(
        {"Al": 0.75, "Mg": 0.25},
        lattice_constant=4.07,
        sqs_sizes=[4, 8, 16],
        sqs_per_composition=2,
        compositions=[{"Al": 1.0}, {"Al": 0.75, "Mg": 0.25}, {"Al": 0.5, "Mg": 0.5}],
    )
