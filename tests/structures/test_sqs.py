"""Special quasirandom structures: exact compositions, correlations near those of the random alloy, different crystals."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from ase.build import bulk

from mlipbatch.structures import generate
from mlipbatch.structures.crystal import fingerprint
from mlipbatch.structures.sqs import cluster_space, random_alloy_vector, special_cells

FCC = bulk("Al", "fcc", 4.05)


def distance(space, target, atoms) -> float:
    """Sum of squared differences from the random alloy's cluster vector."""
    return float(np.sum((space.get_cluster_vector(atoms) - target) ** 2))


def test_correlations_of_the_random_alloy_are_the_binomial_ones():
    space = cluster_space(FCC, "Al", ["Al", "Mg"])
    vector = random_alloy_vector(space, {"Al": 0.75, "Mg": 0.25})
    orders = np.array([orbit["order"] for orbit in space.as_list])
    # with spins of +-1 a cluster of n sites averages to (1 - 2 x)^n, up to icet's sign of odd clusters
    assert np.allclose(np.abs(vector), 0.5**orders)
    assert np.allclose(vector[orders == 2], 0.25)


@pytest.mark.parametrize(
    ("n", "counts"), [(8, {"Al": 6, "Mg": 2}), (16, {"Al": 8, "Mg": 8}), (32, {"Al": 24, "Mg": 8})]
)
def test_nearer_to_the_random_alloy_than_random_occupations_are(n, counts):
    space = cluster_space(FCC, "Al", ["Al", "Mg"])
    target = random_alloy_vector(space, {symbol: count / n for symbol, count in counts.items()})
    cells = special_cells(FCC, "Al", counts, n, 2, seed=1)
    assert len(cells) == 2
    rng = np.random.default_rng(0)
    for cell in cells:
        assert Counter(cell.get_chemical_symbols()) == counts
        shuffled = cell.copy()
        by_chance = []
        for _ in range(40):
            shuffled.numbers = rng.permutation(shuffled.numbers)
            by_chance.append(distance(space, target, shuffled))
        assert distance(space, target, cell) < np.median(by_chance)
        assert (
            n < 16 or distance(space, target, cell) <= np.quantile(by_chance, 0.1) + 1e-9
        )  # few cells are as good in 16 atoms


def test_cells_are_different_crystals_with_far_images_at_the_lattice_volume():
    cells = special_cells(FCC, "Al", {"Al": 12, "Mg": 4}, 16, 3, seed=0)
    assert len({fingerprint(cell) for cell in cells}) == 3
    for cell in cells:
        assert cell.get_volume() == pytest.approx(16 * FCC.get_volume())
        assert np.linalg.det(cell.cell.array) > 0
        assert cell.cell.lengths().min() > 6.0  # 16 atoms of fcc in a row would be 2.9 A from their images


def test_four_atoms_at_three_to_one_are_the_two_known_ordered_crystals():
    import spglib

    cells = special_cells(FCC, "Al", {"Al": 3, "Mg": 1}, 4, 2, seed=0)
    groups = {spglib.get_spacegroup((cell.cell.array, cell.get_scaled_positions(), cell.numbers)) for cell in cells}
    assert groups == {"Pm-3m (221)", "I4/mmm (139)"}  # L1_2 and D0_22


def test_annealing_repeats_by_seed_and_leaves_the_global_random_numbers_alone():
    random.seed(7)
    expected = random.random()
    random.seed(7)
    first = special_cells(FCC, "Al", {"Al": 8, "Mg": 8}, 16, 1, seed=3)[0]
    assert random.random() == expected
    again = special_cells(FCC, "Al", {"Al": 8, "Mg": 8}, 16, 1, seed=3)[0]
    assert first == again


@pytest.mark.parametrize(
    ("composition", "lattice", "size", "coordination", "neighbour"),
    [
        ({"Fe": 0.75, "Cr": 0.25}, "bcc", 16, 8, 0.866),
        ({"Ti": 0.5, "Zr": 0.5}, "hcp", 8, 12, 1.0),
        ({"Si": 0.5, "Ge": 0.5}, "diamond", 16, 4, 0.433),
        ({"Co": 0.25, "Cr": 0.25, "Ni": 0.5}, "fcc", 8, 12, 0.7071),
    ],
)
def test_every_lattice_keeps_its_coordination(campaign, composition, lattice, size, coordination, neighbour):
    from ase.neighborlist import neighbor_list

    config = campaign(
        composition, lattice, sqs_sizes=[size], compositions=[composition], covera=1.633, sqs_per_composition=1
    )
    (cell,) = generate(config, ["sqs"])
    assert Counter(cell.get_chemical_symbols()) == {symbol: share * size for symbol, share in composition.items()}
    around = np.bincount(neighbor_list("i", cell, 1.08 * neighbour * config.generation.lattice_constant))
    assert np.all(around == coordination)


def test_what_a_size_cannot_hold_is_rounded_or_skipped_and_said(campaign):
    said: list[str] = []
    config = campaign(
        {"Fe": 0.9, "Ni": 0.1}, sqs_sizes=[4, 16], sqs_per_composition=1, compositions=[{"Fe": 0.9, "Ni": 0.1}]
    )
    cells = generate(config, ["sqs"], said.append)
    assert [cell.get_chemical_formula() for cell in cells] == ["Fe14Ni2"]
    assert any("4 atoms are too few" in line and "Ni" in line for line in said)
    assert any("rounded to Fe14Ni2" in line for line in said)


def test_volumes_of_neighbouring_compositions_follow_vegard(campaign):
    compositions = [{"Al": 0.5, "Mg": 0.5}, {"Al": 1.0}, {"Mg": 1.0}]
    config = campaign({"Al": 0.5, "Mg": 0.5}, sqs_sizes=[4], sqs_per_composition=1, compositions=compositions)
    volumes = {cell.get_chemical_formula(): cell.get_volume() / 4 for cell in generate(config, ["sqs"])}
    assert volumes["Al2Mg2"] == pytest.approx((volumes["Al4"] + volumes["Mg4"]) / 2)
    assert volumes["Al4"] == pytest.approx(4.05**3 / 4, rel=1e-3)  # measured lattice constant of Al
    assert volumes["Al2Mg2"] == pytest.approx(config.generation.lattice_constant**3 / 4)
