"""The closed form is the least-squares solution, and its rows are derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import LossWeights
from mlipbatch.training.basis import new_basis, roughness
from mlipbatch.training.contradiction import contradictions, sentence
from mlipbatch.training.design import Projector
from mlipbatch.training.equations import Folds, drop_components, new_fold
from mlipbatch.training.labels import read_labels
from mlipbatch.training.progress import silent
from mlipbatch.training.ridge import Recipe, Ridge, choose
from mlipbatch.training.zbl import Prediction

from .conftest import CONFIG


def fold(energy, force, virial):
    """Each a pair of rows and targets."""
    made = new_fold(force[0].shape[1])
    made.energy.add(*energy, "sqs")
    made.sizes += [1] * len(energy[1])
    made.force.add(*force)
    for start in range(0, len(virial[1]), 6):
        made.virial.add(virial[0][start : start + 6], virial[1][start : start + 6], "sqs")
    return made


def random_rows(rng, count, truth, noise=0.0):
    rows = rng.normal(size=(count, len(truth)))
    return rows, rows @ truth + noise * rng.normal(size=count)


def test_rows_of_the_virial_are_derivatives_by_strain():
    projector = Projector(new_basis(["Al", "Cu"], CONFIG))
    atoms = bulk("Al", cubic=True)
    atoms.symbols[0] = "Cu"
    atoms.rattle(0.1, seed=2)
    rows = projector.rows(atoms, virial=True)
    assert rows.virial is not None
    for voigt, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        strained = []
        for step in (1e-4, -1e-4):
            strain = np.eye(3)
            strain[a, b] += step / 2
            strain[b, a] += step / 2
            copy = atoms.copy()
            copy.set_cell(atoms.cell @ strain, scale_atoms=True)
            strained.append(projector.rows(copy, virial=False).energy)
        assert rows.virial[voigt] == pytest.approx((strained[0] - strained[1]) / 2e-4, abs=1e-4)
    assert rows.forces == pytest.approx(projector.rows(atoms, virial=False).forces, abs=1e-10)


def test_solution_is_that_of_the_weighted_rows():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=6)
    parts = [random_rows(rng, count, truth, noise=0.1) for count in (7, 50, 12)]
    weights = LossWeights(energy=3, force=100, stress=10)
    found = Ridge([fold(*parts)], weights, np.ones(6)).solve(0.0)
    scales = [np.sqrt(weight / len(part[1])) for weight, part in zip((3, 100, 10), parts, strict=True)]
    matrix = np.vstack([scale * rows for scale, (rows, _) in zip(scales, parts, strict=True)])
    targets = np.concatenate([scale * values for scale, (_, values) in zip(scales, parts, strict=True)])
    assert found == pytest.approx(np.linalg.lstsq(matrix, targets, rcond=None)[0], rel=1e-8)


def test_ridge_holds_rough_functions_back():
    rng = np.random.default_rng(1)
    parts = [random_rows(rng, count, np.ones(2)) for count in (5, 20, 5)]
    found = Ridge([fold(*parts)], LossWeights(energy=1, force=100, stress=10), np.array([1.0, 10.0])).solve(0.1)
    assert 1 - found[0] < 0.5 * (1 - found[1])


def test_stresses_that_contradict_energies_and_forces_are_given_up():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=8)
    folds = []
    for _ in range(4):
        energy, force = random_rows(rng, 10, truth, 0.001), random_rows(rng, 60, truth, 0.01)
        wrong = random_rows(rng, 30, truth, 5.0)
        folds.append(fold(energy, force, wrong))
    weights = LossWeights(energy=1, force=100, stress=10)
    choice = choose(Folds(folds, new_fold(8)), weights, np.ones(8))
    assert choice.recipe.stress < 1
    assert choice.force_rmse == pytest.approx(0.01, rel=0.3)


def test_stresses_in_a_wrong_order_are_found_and_left_out():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=8)
    folds = Folds([], new_fold(8))
    for _ in range(4):
        parts = [random_rows(rng, count, truth, 0.1) for count in (10, 60, 60)]
        swapped = parts[2][1].reshape(-1, 6)[:, [0, 1, 2, 4, 3, 5]]
        folds.held_out.append(fold(parts[0], parts[1], (parts[2][0], swapped.ravel())))
    weights = LossWeights(energy=1, force=100, stress=10)
    found = contradictions(folds, weights, np.ones(8))
    assert found == {"sqs": [3, 4]}
    assert "is not used there (sqs: yz, xz)" in sentence(found)
    drop_components(folds, found)
    assert choose(folds, weights, np.ones(8)).virial_rmse == pytest.approx(0.1, rel=0.2)


def test_several_processes_make_the_same_rows(labels, monkeypatch):
    from mlipbatch.training import parallel

    basis = new_basis(["Al", "Cu"], CONFIG)
    nothing = Prediction(0.0, np.zeros(3), np.zeros(6))
    items = [((label, nothing), index % 3) for index, label in enumerate(read_labels(labels))]
    alone = parallel.make_rows(basis, items, silent)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(parallel, "WORTH", 0)
    together = parallel.make_rows(basis, items, silent)
    assert set(together) == set(alone) == {0, 1, 2}
    for number, alone_fold in alone.items():
        assert together[number].force.matrix == pytest.approx(alone_fold.force.matrix, rel=1e-9, abs=1e-9)
        assert together[number].virial.normal().rows == alone_fold.virial.normal().rows
        assert sorted(together[number].sizes) == sorted(alone_fold.sizes)


def test_too_little_to_cross_validate_takes_the_defaults():
    rng = np.random.default_rng(3)
    only = fold(*(random_rows(rng, 5, np.ones(3)) for _ in range(3)))
    assert choose(Folds([], only), LossWeights(energy=1, force=1, stress=1), np.ones(3)).recipe == Recipe()


def test_a_small_basis_is_the_simplest_part_of_a_large_one():
    small = new_basis(["Al", "Cu"], CONFIG.model_copy(update={"functions_per_element": 20}))
    large = new_basis(["Al", "Cu"], CONFIG.model_copy(update={"functions_per_element": 120}))

    def functions(basis):
        blocks = basis.to_BBasisConfiguration().funcspecs_blocks
        return {(tuple(f.elements), tuple(f.ns), tuple(f.ls), tuple(f.LS)) for b in blocks for f in b.funcspecs}

    assert functions(small) < functions(large)
    assert (len(functions(small)), len(functions(large))) == (40, 240)
    assert roughness(small).max() < roughness(large).max()


def test_too_few_functions_for_so_many_elements_are_refused():
    few = CONFIG.model_copy(update={"functions_per_element": 5})
    with pytest.raises(InputError, match="functions_per_element is 5, but 4 elements need 8 or more"):
        new_basis(["Al", "Cu", "Mg", "Zn"], few)
