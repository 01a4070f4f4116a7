"""Strain, shear and rattle do what they are asked for, no more and no less."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from mlipbatch.core.frames import CONFIG_TYPE, NAME, PARENTS, ROOT
from mlipbatch.structures import deform, generate_from_structures


def crystal():
    """32 atoms of L1_2."""
    cell = bulk("Al", "fcc", 4.0, cubic=True)
    cell.symbols[0] = "Mg"
    return cell.repeat(2)


def made(kind: str, seed: int = 0):
    return generate_from_structures([crystal()], "al3mg.cif", seed=seed, only=[kind])


def test_volume_strains_are_isotropic_and_as_asked():
    strained = made("sqs_strain")
    ratios = [atoms.get_volume() / crystal().get_volume() for atoms in strained]
    assert ratios == pytest.approx([0.90, 0.94, 0.97, 0.99, 1.01, 1.03, 1.06, 1.10])  # SPEC 3: +-1 % to +-10 %
    for atoms, ratio in zip(strained, ratios, strict=True):
        assert atoms.info[NAME] == f"al3mg-vol{ratio:.6g}"
        assert np.allclose(atoms.cell.array, crystal().cell.array * ratio ** (1 / 3))
        assert np.allclose(atoms.get_scaled_positions(), crystal().get_scaled_positions())


def test_shear_keeps_the_volume_and_lowers_the_symmetry():
    import spglib

    for atoms in made("sqs_shear"):
        assert atoms.get_volume() == pytest.approx(crystal().get_volume())
        assert np.allclose(atoms.get_scaled_positions(), crystal().get_scaled_positions())
        system = spglib.get_symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)).number
        assert (
            system <= 15 if "mono" in atoms.info[NAME] else system <= 2
        )  # monoclinic groups end at 15, triclinic ones at 2
    assert {"mono" in atoms.info[NAME] for atoms in made("sqs_shear")} == {True, False}


@given(
    gamma=st.floats(0.001, 0.2), seed=st.integers(0, 1000), kind=st.sampled_from([deform.monoclinic, deform.triclinic])
)
def test_shear_is_symmetric_volume_conserving_and_as_large_as_asked(gamma, seed, kind):
    gradient = kind(gamma, np.random.default_rng(seed))
    assert np.allclose(gradient, gradient.T)  # no rotation
    assert np.linalg.det(gradient) == pytest.approx(1)
    strain = gradient - np.eye(3) * np.trace(gradient) / 3
    assert np.linalg.norm(strain) == pytest.approx(gamma / 2**0.5, rel=gamma**2 + 1e-9)


def test_a_cubic_crystal_shows_both_shear_moduli_to_monoclinic_shear():
    rng = np.random.default_rng(0)
    along, across = [], []  # (C11 - C12) / 2 belongs to differences of the diagonal, C44 to the rest
    for _ in range(50):
        strain = deform.monoclinic(0.02, rng) - np.eye(3)
        along.append(np.ptp(np.diag(strain)))
        across.append(abs(strain - np.diag(np.diag(strain))).max())
    assert max(along) > 0.018 > 0.004 > min(along)
    assert max(across) > 0.009 > 0.002 > min(across)


@pytest.mark.parametrize("kind", ["sqs_rattle_small", "sqs_rattle_large"])
def test_rattles_have_the_standard_deviation_of_their_name(kind):
    for atoms in made(kind):
        sigma = float(atoms.info[NAME].rsplit("rattle")[-1])
        moved = atoms.positions - crystal().positions
        assert np.std(moved) == pytest.approx(sigma, rel=0.25)  # 96 numbers: 3.5 standard errors
        assert np.all(atoms.cell.array == crystal().cell.array)
    many = np.concatenate(
        [
            deform.rattled(crystal(), 0.1, np.random.default_rng(seed)).positions - crystal().positions
            for seed in range(200)
        ]
    )
    assert np.std(many) == pytest.approx(0.1, rel=0.02)
    assert np.mean(many**4) / np.std(many) ** 4 == pytest.approx(3, abs=0.15)  # Gaussian


def test_mixtures_are_strained_within_half_of_the_largest_strain_and_rattled():
    mixtures = made("sqs_strain_rattle")
    assert len(mixtures) == 2
    for atoms in mixtures:
        assert 0.95 <= atoms.get_volume() / crystal().get_volume() <= 1.05
        moved = atoms.positions - atoms.cell.cartesian_positions(crystal().get_scaled_positions())
        assert 0.03 < np.std(moved) < 0.25


def test_children_know_their_parent_and_their_root():
    family = generate_from_structures([crystal()], "al3mg.cif")
    assert family[0].info == {NAME: "al3mg", CONFIG_TYPE: "structure", PARENTS: "", ROOT: "al3mg"}
    for atoms in family[1:]:
        assert atoms.info[PARENTS] == atoms.info[ROOT] == "al3mg"
        assert atoms.info[NAME].startswith("al3mg-")
    assert len({atoms.info[NAME] for atoms in family}) == len(family)


def test_seeds_decide_and_neighbours_do_not():
    alone, among_others = made("sqs_rattle_large"), generate_from_structures([crystal()], "al3mg.cif")
    by_name = {atoms.info[NAME]: atoms for atoms in among_others}
    assert all(atoms == by_name[atoms.info[NAME]] for atoms in alone)
    assert all(atoms != other for atoms, other in zip(alone, made("sqs_rattle_large", seed=1), strict=True))


def test_moving_a_single_atom_moves_the_whole_crystal():
    one = generate_from_structures([bulk("Al", "fcc", 4.05)], "al.cif")
    assert not [atoms for atoms in one if "rattle" in atoms.info[CONFIG_TYPE]]
    assert [atoms for atoms in one if atoms.info[CONFIG_TYPE] == "sqs_strain"]
