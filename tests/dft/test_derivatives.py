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

STEP = 0.004  # A along the direction of the displacement, whose length is 1
STRAIN = 0.004
FORCE = 0.003  # relative, that forces may be off
WATER = {"H": "H.pz-vbc.UPF", "O": "O.pz-van_ak.UPF"}
SPIN = {
    "pseudopotentials": {"Fe": "Fe.pbe-nd-rrkjus.UPF"},
    "nspin": 2,
    "starting_magnetization": {"Fe": 0.3},
    "mixing_beta": 0.3,
}


@dataclass(frozen=True)
class Case:
    """A structure without symmetry, and how far its stress may be off."""

    make: Callable[[], Atoms]
    dft: dict[str, Any]
    mesh: tuple[int, int, int]
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
    "Al-Mg": Case(magnesium_alloy, {"ecutwfc": 25, "ecutrho": 100, "degauss": 0.05}, (2, 2, 2), 2e-4),
    "Si": Case(lambda: shaken(bulk("Si", a=5.4)), {"ecutwfc": 25, "ecutrho": 100, "degauss": 0.02}, (2, 2, 2), 2e-4),
    "Fe": Case(
        lambda: shaken(bulk("Fe", "bcc", 2.8, cubic=True)), {**SPIN, "ecutwfc": 40, "ecutrho": 320}, (2, 2, 2), 6e-4
    ),
    "H2O": Case(
        lambda: shaken(molecule("H2O", cell=[6, 6, 6])),
        {"pseudopotentials": WATER, "ecutwfc": 35, "ecutrho": 250}, (1, 1, 1), 5e-4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_forces_and_stress_are_derivatives_of_the_energy(name: str, run: Runner) -> None:
    """Central differences of E - TS along a random displacement of all atoms, a random shear, and a change of volume.

    pw.x's stress is the derivative at a fixed set of plane waves. With the cutoffs times (V0/V)^(2/3) a change of volume keeps
    the set; a shear does not quite.
    """
    case = CASES[name]
    atoms = case.make()
    random = np.random.default_rng(3)
    direction = random.normal(size=(len(atoms), 3))
    direction -= direction.mean(axis=0)  # nothing is said of a shift of all atoms
    direction /= np.linalg.norm(direction)
    shear = random.normal(size=(3, 3))
    shear += shear.T - 2 * np.trace(shear) / 3 * np.eye(3)
    shear /= np.linalg.norm(shear)
    numbers = iter(range(1, 8))

    def labels(displacement: float = 0.0, sheared: float = 0.0, stretched: float = 0.0) -> Labels:
        moved = atoms.copy()
        moved.positions += displacement * direction
        moved.set_cell(atoms.cell.array @ ((1 + stretched) * np.eye(3) + sheared * shear), scale_atoms=True)
        cutoffs = {key: case.dft[key] / (1 + stretched) ** 2 for key in ("ecutwfc", "ecutrho")}
        dft = settings(conv_thr=1e-10, extra={"system": {"nosym": True}}, **{**case.dft, **cutoffs})
        folder, exit_code = run(moved, dft, next(numbers), kpoint_mesh=case.mesh)
        assert code("quantum_espresso").diagnose(folder, exit_code).ok
        return code("quantum_espresso").read_results(folder)

    middle = labels()
    xx, yy, zz, yz, xz, xy = middle.stress
    stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    along = float(np.sum(np.asarray(middle.forces) * direction))
    force = -(labels(STEP).energy - labels(-STEP).energy) / (2 * STEP)
    strained = {
        "shear": (shear, labels(sheared=STRAIN).energy - labels(sheared=-STRAIN).energy),
        "volume": (np.eye(3), labels(stretched=STRAIN).energy - labels(stretched=-STRAIN).energy),
    }
    print(f"\n{name}: force {along:.5f}, by differences {force:.5f} eV/A")
    assert abs(force) > 0.2
    assert along == pytest.approx(force, rel=FORCE)
    for what, (strain, difference) in strained.items():
        component, slope = float(np.sum(stress * strain)), difference / (2 * STRAIN * atoms.get_volume())
        print(f"{name}: stress against {what} {component:.6f}, by differences {slope:.6f} eV/A^3")
        assert component == pytest.approx(slope, abs=case.stress)
        assert abs(slope) > 3 * case.stress
