"""Large frames to cut from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.md.velocitydistribution import thermalize_momenta

from mlipbatch.config.model import EmbeddingConfig
from mlipbatch.core.potential import read_potential
from mlipbatch.exploration.evaluator import Evaluator
from mlipbatch.exploration.segment import Conditions, Segment

POTENTIAL = Path(__file__).parents[1] / "data" / "potential_al_cu"

DEMO = EmbeddingConfig(core_radius=3.5, buffer=0.6, max_atoms=32, boxes=4)
LARGE = EmbeddingConfig(core_radius=5.0, buffer=3.5, max_atoms=400, boxes=4)


def crystal(a: float = 4.1, repeat: int = 5, sigma: float = 0.12, seed: int = 1) -> Atoms:
    """An fcc alloy with thermal noise, its unit cell and made-up grades."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Al", cubic=True, a=a) * (repeat, repeat, repeat)
    atoms.symbols[rng.permutation(len(atoms))[: len(atoms) // 4]] = "Cu"
    atoms.positions += rng.normal(0, sigma, atoms.positions.shape) + 5.3
    atoms.wrap()
    atoms.set_array("gamma", rng.uniform(0.5, 3.0, len(atoms)))
    atoms.info |= {"name": "frame-7", "root": "sqs-1", "unit_cell": np.eye(3) * a, "temperature": 900.0}
    return atoms


@cache
def _melt() -> Atoms:
    atoms = bulk("Cu", cubic=True, a=3.8) * (4, 4, 4)
    atoms.symbols[::4] = "Al"
    rng = np.random.default_rng(2)
    atoms.positions += rng.normal(0, 0.35, atoms.positions.shape)
    thermalize_momenta(atoms, 5000, rng=rng)
    potential = read_potential(POTENTIAL)
    with Segment(potential, Evaluator(potential), atoms, Conditions(1.0, "nvt", 0.0, 1)) as segment:
        segment.start()
        segment.advance(250, 5000.0)
        molten = segment.snapshot()
    return Atoms(molten.symbols, positions=molten.positions, cell=molten.cell, pbc=True)


def melt() -> Atoms:
    """256 atoms of a liquid that was a crystal."""
    atoms = _melt().copy()
    atoms.info["name"] = "melt"
    return atoms
