"""Makes the potential in this folder: a linear ACE for fcc Al-Cu, fitted to EMT labels with the ZBL baseline subtracted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from pyace import ACEBBasisSet, aseatoms_to_atomicenvironment, create_multispecies_basis_config
from pyace.activelearning import compute_A_active_inverse, compute_active_set, save_active_inverse_set
from pyace.calculator import ACECalculator
from pyace.evaluator import ACEBEvaluator

from mlipbatch.training.zbl import zbl

ELEMENTS, CUTOFF, INNER, OUTER = ["Al", "Cu"], 5.0, 1.2, 2.2
ENERGY_WEIGHT, RIDGE = 10.0, 1e-10
BASIS = {
    "deltaSplineBins": 0.001,
    "elements": ELEMENTS,
    "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "fs_parameters": [1, 1], "ndensity": 1}},
    "bonds": {
        "ALL": {
            "radbase": "SBessel",
            "radparameters": [5.25],
            "rcut": CUTOFF,
            "dcut": 0.01,
            "NameOfCutoffFunction": "cos",
        }
    },
    "functions": {
        "number_of_functions_per_element": 40,
        "ALL": {"nradmax_by_orders": [8, 3, 2], "lmax_by_orders": [0, 3, 2]},
    },
}


def structures(rng: np.random.Generator) -> list[Atoms]:
    """Cells of 16 atoms: compositions, strains, rattles."""
    made = []
    for copper in (0, 2, 4, 8):
        for strain in (-0.04, -0.02, 0.0, 0.02, 0.04):
            for rattle in (0.05, 0.15, 0.25):
                atoms = bulk("Al", "fcc", a=4.0 - 0.4 * copper / 16, cubic=True) * (2, 2, 1)
                atoms.symbols[rng.permutation(16)[:copper]] = "Cu"
                shear = np.eye(3) * (1 + strain) + rng.normal(0, 0.01, (3, 3))
                atoms.set_cell(atoms.cell @ shear, scale_atoms=True)
                atoms.positions += rng.normal(0, rattle, (16, 3))
                made.append(atoms)
    return made


def main(folder: Path) -> None:
    """Fit and write potential.yaml, .yace, .asi, .json and in.potential into `folder`."""
    frames = structures(np.random.default_rng(1))
    basis = ACEBBasisSet(create_multispecies_basis_config(BASIS))
    evaluator = ACEBEvaluator(basis)
    calculator = ACECalculator(evaluator)
    sizes = [len(one) + len(many) for one, many in zip(basis.basis_rank1, basis.basis, strict=True)]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    reference = {}
    for element in ELEMENTS:
        lone = Atoms(element, cell=[20.0] * 3, pbc=True)
        lone.calc = EMT()
        reference[element] = float(lone.get_potential_energy())
    rows, right = [], []
    projections: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for atoms in frames:
        atoms.calc = EMT()
        core = zbl(atoms, INNER, OUTER)
        environment = aseatoms_to_atomicenvironment(atoms, basis.cutoffmax, basis.elements_to_index_map)
        calculator.compute(environment, compute_projections=True, compute_b_grad=True)
        row = np.zeros(starts[-1])
        for kind, values in zip(environment.species_type, calculator.projections, strict=False):
            projections[kind].append(np.ravel(values))
            row[starts[kind] : starts[kind + 1]] += np.ravel(values)
        rows += [ENERGY_WEIGHT * row[None, :] / len(atoms)]
        lone_energy = sum(reference[symbol] for symbol in atoms.symbols)
        right += [[ENERGY_WEIGHT * (atoms.get_potential_energy() - lone_energy - core.energy) / len(atoms)]]
        rows += [np.moveaxis(np.asarray(calculator.forces_bfuncs), 1, 2).reshape(-1, starts[-1])]
        right += [(atoms.get_forces() - core.forces).ravel()]
    matrix, vector = np.concatenate(rows), np.concatenate(right)
    normal = matrix.T @ matrix
    solution = np.linalg.solve(normal + RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal)), matrix.T @ vector)
    residual = matrix @ solution - vector
    sys.stderr.write(f"force RMSE {np.sqrt(np.mean(residual**2)):.4f} eV/A\n")
    basis.basis_coeffs = solution
    basis.save(str(folder / "potential.yaml"))
    basis.to_ACECTildeBasisSet().save_yaml(str(folder / "potential.yace"))
    found = compute_active_set(
        {kind: np.array(values) for kind, values in projections.items()}, tol=1.01, max_iters=300
    )
    save_active_inverse_set(folder / "potential.asi", compute_A_active_inverse(found), elements_name=ELEMENTS)
    facts = {
        "elements": ELEMENTS,
        "cutoff": CUTOFF,
        "zbl": {"inner": INNER, "outer": OUTER},
        "reference_energies": reference,
    }
    (folder / "potential.json").write_text(json.dumps({**facts, "functions": int(starts[-1])}, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(__file__).parent)
