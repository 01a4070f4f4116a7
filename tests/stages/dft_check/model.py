"""A solid whose energies are known, in place of a DFT code: harmonic in positions and volume, with errors that settings make."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from ase import Atoms
from ase.build import bulk

from mlipbatch.config import load_config
from mlipbatch.config.model import Config
from mlipbatch.stages.dft_check.plan import Calculation
from mlipbatch.stages.dft_check.result import Result

SPRING, STIFFNESS, VOLUME = 3.0, 0.008, 64.0  # eV/A^2; eV/A^6, a bulk modulus of 82 GPa; A^3
IDEAL = bulk("Al", a=4.0, cubic=True).get_scaled_positions()
Error = Callable[[Calculation], float]


def config_of(tmp_path, **dft: float) -> Config:
    from tests.engine.conftest import INPUT

    path = tmp_path / "input.yaml"
    path.write_text(INPUT + "".join(f"  {key}: {value}\n" for key, value in dft.items()))
    return load_config(path)


def al4(name: str, scale: float = 1.0, seed: int = 0) -> Atoms:
    atoms = bulk("Al", a=4.0 * scale, cubic=True)
    atoms.rattle(0.1, seed=seed)
    atoms.info["name"] = name
    return atoms


def label(atoms: Atoms) -> Result:
    """E = SPRING/2 sum |r - r0|^2 + STIFFNESS/2 (V - V0)^2 with r0 fixed in the cell: forces and stress are its derivatives."""
    away = atoms.positions - IDEAL @ atoms.cell.array
    volume = atoms.get_volume()
    energy = SPRING / 2 * (away**2).sum() + STIFFNESS / 2 * (volume - VOLUME) ** 2
    # strained homogeneously, `away` is strained as well
    stress = SPRING * away.T @ away / volume + STIFFNESS * (volume - VOLUME) * np.eye(3)
    return Result(
        energy, -SPRING * away, stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]], "4x4x4", smearing=-0.004, seconds=2.0
    )


def results(
    wanted: Iterable[Calculation], energy: Error = lambda _: 0.0, force: Error = lambda _: 0.0
) -> dict[str, Result]:
    """Labels by name; `energy` (eV/atom) and `force` (eV/A, on x of the first atom) are what a calculation is off by."""
    found = {}
    for one in wanted:
        true = label(one.atoms)
        forces = true.forces.copy()
        forces[0, 0] += force(one)
        found[one.name] = Result(
            true.energy + len(one.atoms) * energy(one),
            forces,
            true.stress,
            true.kpoints,
            true.smearing,
            None,
            true.seconds,
        )
    return found
