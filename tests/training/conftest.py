"""A small labelled set, made in the test by ASE's EMT: Al, Al3Cu and AlCu in fcc cells of 4 and 8 atoms."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from mlipbatch.config.model import LossWeights, TrainingConfig
from mlipbatch.training import train_potential

REFERENCES = {"Al": -57.0, "Cu": -100.0}  # eV: EMT's energies are relative to the bulk, DFT's are not
CONFIG = TrainingConfig(
    cutoff=5.0,
    functions_per_element=30,
    radial_basis="SBessel",
    weights=LossWeights(energy=1, force=100, stress=10),
    zbl_inner=1.0,
    zbl_outer=2.0,
    test_fraction=0.2,
    refine_steps=0,
    pacemaker_command="auto",
)


def label(atoms: Atoms, name: str, root: str, config_type: str) -> Atoms:
    copy = atoms.copy()
    copy.calc = EMT()
    energy = copy.get_potential_energy() + sum(REFERENCES[symbol] for symbol in copy.symbols)
    forces, stress = copy.get_forces(), copy.get_stress()
    copy.calc = None
    copy.info = {"name": name, "root": root, "config_type": config_type, "REF_energy": energy, "REF_stress": stress}
    copy.arrays["REF_forces"] = forces
    return copy


def family(root: str, repeat: tuple[int, int, int], copper: int, lattice: float, seed: int) -> list[Atoms]:
    """A root, two strained and two rattled children."""
    rng = np.random.default_rng(seed)
    ideal = bulk("Al", "fcc", a=lattice, cubic=True) * repeat
    ideal.symbols[rng.permutation(len(ideal))[:copper]] = "Cu"
    made = [label(ideal, root, root, "sqs")]
    for strain in (-0.02, 0.03):
        strained = ideal.copy()
        shear = np.eye(3) * (1 + strain)
        shear[0, 1] = strain
        strained.set_cell(ideal.cell @ shear, scale_atoms=True)
        made.append(label(strained, f"{root}-strain{strain}", root, "sqs_strain"))
    for sigma in (0.05, 0.12):
        rattled = ideal.copy()
        rattled.rattle(sigma, rng=rng)
        made.append(label(rattled, f"{root}-rattle{sigma}", root, "sqs_rattle"))
    return made


@pytest.fixture(scope="session")
def labels() -> list[Atoms]:
    """40 structures of 8 roots."""
    cells = [((1, 1, 1), 0, 4.0), ((2, 1, 1), 0, 4.05), ((1, 1, 1), 1, 3.95), ((2, 1, 1), 2, 3.9), ((1, 2, 1), 2, 3.95),
      ((1, 1, 1), 2, 3.8), ((2, 1, 1), 4, 3.85), ((1, 1, 2), 4, 3.9)]  # fmt: skip
    families = [family(f"fcc-{i}", *cell, seed=i) for i, cell in enumerate(cells)]
    return [atoms for made in families for atoms in made]


@pytest.fixture(scope="session")
def potential(labels, tmp_path_factory):
    """A closed-form potential of all labels."""
    folder = tmp_path_factory.mktemp("training") / "gen000"
    train_potential(labels, CONFIG, folder, seed=1)
    return folder
