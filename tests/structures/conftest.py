from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ase import Atoms

from mlipbatch.config.expansion import expand
from mlipbatch.config.model import Config
from mlipbatch.structures import generate

Campaign = Callable[..., Config]


def make_campaign(
    composition: dict[str, float], lattice: str = "fcc", *, seed: int = 0, exploration: Any = None, **generation: Any
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


@pytest.fixture
def campaign() -> Campaign:
    """Make the configuration of an alloy: `campaign({"Al": 0.75, "Mg": 0.25}, "fcc", sqs_sizes=[4])`."""
    return make_campaign


@pytest.fixture(scope="session")
def al_mg() -> Config:
    """The example's generation: Al, Al3Mg, AlMg in 4, 8 and 16 atoms."""
    return make_campaign(
        {"Al": 0.75, "Mg": 0.25},
        lattice_constant=4.07,
        sqs_sizes=[4, 8, 16],
        sqs_per_composition=2,
        compositions=[{"Al": 1.0}, {"Al": 0.75, "Mg": 0.25}, {"Al": 0.5, "Mg": 0.5}],
    )


@pytest.fixture(scope="session")
def example(al_mg: Config) -> tuple[list[Atoms], list[str]]:
    """All structures of that generation, and what was said meanwhile."""
    said: list[str] = []
    return generate(al_mg, progress=said.append), said
