"""Forces and stress of labels are derivatives of their energy: a metal, a semiconductor, a magnet, a molecule; real pw.x."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from mlipbatch.dft import Labels, code
from tests.dft.conftest import Runner, settings

pytestmark = pytest.mark.engines

STEP = 0.01  # A along the direction of the displacement, whose length is 1
STRAIN = 0.004
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
WATER = {"H": "H.pz-vbc.UPF", "O": "O.pz-van_ak.UPF"}
SPIN = {
    "pseudopotentials": {"Fe": "Fe.pbe-nd-rrkjus.UPF"},
    "nspin": 2,
    "starting_magnetization": {"Fe": 0.3},
    "mixing_beta": 0.3,
}


@dataclass(frozen=True)
class Case:
    """A structure without symmetry, and how far its derivatives may be off."""

    make: Callable[[], Atoms]
    dft: dict[str, Any]
    mesh: tuple[int, int, int]
    force: float  # relative
    stress: float  # eV/A^3: when the cell changes so do the plane waves, and pw.x's stress is at a fixed number of them


def shaken(atoms: Atoms) -> Atoms:
    made = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
    random = np.random.default_rng(7)
    made.set_cell(made.cell.array @ (np.eye(3) + 0.02 * random.normal(size=(3, 3))), scale_atoms=True)
    made.positions += random.normal(scale=0.06, size=made.positions.shape)
    return made


def magnesium_alloy() -> Atoms:
    atoms = bulk("Al", "fcc", 4.05) * (2, 1, 1)
    atoms.symbols[1] = "Mg"
    return shaken(atoms)


CASES = {
    "Al-Mg": Case(magnesium_alloy, {"ecutwfc": 25, "ecutrho": 100, "degauss": 0.05}, (2, 2, 2), 0.005, 2e-4),
    "Si": Case(lambda: shaken(bulk("Si", a=5.4)), {"ecutwfc": 25, "ecutrho": 100, "degauss": 0.02}, (2, 2, 2), 0.005, 2e-4),
    "Fe": Case(
        lambda: shaken(bulk("Fe", "bcc", 2.8, cubic=True)), {**SPIN, "ecutwfc": 35, "ecutrho": 280}, (2, 2, 2), 0.01, 1e-3
    ),
    "H2O": Case(
        lambda: shaken(molecule("H2O", cell=[6, 6, 6])),
        {"pseudopotentials": WATER, "ecutwfc": 35, "ecutrho": 250}, (1, 1, 1), 0.01, 1e-3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_forces_and_stress_are_derivatives_of_the_energy(name: str, run: Runner) -> None:
    """Central differences of E - TS along a random displacement of all atoms and a random strain with shear."""
    case = CASES[name]
    atoms = case.make()
    random = np.random.default_rng(3)
    direction = random.normal(size=(len(atoms), 3))
    direction -= direction.mean(axis=0)  # nothing is said of a shift of all atoms
    direction /= np.linalg.norm(direction)
    strain = random.normal(size=(3, 3))
    strain = (strain + strain.T) / np.linalg.norm(strain + strain.T)
    numbers = iter(range(1, 6))

    def labels(displacement: float = 0.0, deformation: float = 0.0) -> Labels:
        moved = atoms.copy()
        moved.positions += displacement * direction
        moved.set_cell(atoms.cell.array @ (np.eye(3) + deformation * strain), scale_atoms=True)
        dft = settings(conv_thr=1e-10, extra={"system": {"nosym": True}}, **case.dft)
        folder, exit_code = run(moved, dft, next(numbers), kpoint_mesh=case.mesh)
        assert code("quantum_espresso").diagnose(folder, exit_code).ok
        return code("quantum_espresso").read_results(folder)

    middle = labels()
    force = -(labels(STEP).energy - labels(-STEP).energy) / (2 * STEP)
    work = (labels(0.0, STRAIN).energy - labels(0.0, -STRAIN).energy) / (2 * STRAIN * atoms.get_volume())
    along = float(np.sum(np.asarray(middle.forces) * direction))
    stress = sum(
        component * strain[i, j] * (1 if i == j else 2) for component, (i, j) in zip(middle.stress, VOIGT, strict=True)
    )
    print(f"\n{name}: force {along:.5f}, by differences {force:.5f} eV/A; stress {stress:.6f}, {work:.6f} eV/A^3")
    assert abs(force) > 0.2
    assert along == pytest.approx(force, rel=case.force)
    assert abs(work) > 5 * case.stress
    assert stress == pytest.approx(work, abs=case.stress)
