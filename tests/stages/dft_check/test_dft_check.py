"""Scans, their judgement and the advice, on energies that are known."""

from __future__ import annotations

import json

import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch.config.errors import InputError
from mlipbatch.core.consistency import mixed
from mlipbatch.stages.dft_check import differences, plan
from mlipbatch.stages.dft_check.judge import Tolerance, judge
from mlipbatch.stages.dft_check.page import render
from mlipbatch.stages.dft_check.plan import CUTOFF, DEGAUSS, SPACING, Calculation
from mlipbatch.stages.dft_check.structures import choose, of_campaign, of_file, small_cells
from mlipbatch.stages.dft_check.summary import as_json, summarise
from mlipbatch.stages.dft_check.text import as_text
from mlipbatch.stages.label import own, settings
from tests.stages.dft_check.model import al4, config_of, results

PAIR = [al4("a"), al4("b", 1.03, seed=1)]
GIVEN = {CUTOFF: [20.0, 30.0, 60.0], SPACING: [0.5, 0.2], DEGAUSS: [0.04, 0.01]}


@pytest.fixture
def config(tmp_path):
    return config_of(tmp_path, ecutwfc=40, ecutrho=320, kpoints_spacing=0.3, degauss=0.02)


def every(config, given=GIVEN) -> tuple[list[plan.Scan], dict[str, Calculation]]:
    scans = plan.scans(config, PAIR, given)
    wanted = plan.calculations(scans, PAIR, config.dft)
    return scans, wanted | {one.name: one for one in differences.calculations(PAIR[0], config.dft)}


def test_usual_values_lie_around_the_campaigns_and_reach_finer_ones(config):
    cutoff, spacing, degauss = plan.scans(config, PAIR, {})
    assert cutoff.values == (24, 28, 32, 36, 40, 48, 56, 64)
    assert spacing.values == (0.6, 0.48, 0.39, 0.3, 0.22, 0.15)
    assert degauss.values == (0.04, 0.03, 0.02, 0.01)
    assert cutoff.settings(64, config.dft) == {"ecutwfc": 64, "ecutrho": 512}
    assert cutoff.settings(40, config.dft) == {}


def test_spacings_that_give_the_same_meshes_are_scanned_once_and_the_campaigns_stays(config):
    _, spacing, _ = plan.scans(config, PAIR, {SPACING: [0.55, 0.54, 0.31, 0.302, 0.299, 0.15]})
    meshes = [tuple(plan.mesh_of_spacing(atoms.cell.array, value) for atoms in PAIR) for value in spacing.values]
    assert len(set(meshes)) == len(meshes)
    assert 0.3 in spacing.values
    assert 0.54 not in spacing.values


def test_smearing_is_scanned_at_the_finest_spacing_and_nothing_is_calculated_twice(config):
    scans, wanted = every(config)
    assert scans[2].settings(0.02, config.dft) == {"kpoints_spacing": 0.2} == scans[1].settings(0.2, config.dft)
    # campaign, 3 cutoffs, 2 spacings, 2 widths at the finest one; 3 components and 2 kinds of strain to both sides
    assert len(wanted) == 2 * (1 + 3 + 2 + 2) + 2 * (3 + 2)


def test_a_calculation_becomes_a_structure_with_its_own_settings_and_no_training_data(config):
    frame = plan.calculation(PAIR[0], {"ecutwfc": 60.0, "ecutrho": 480.0}).frame()
    assert frame.info["name"] == "a-ecutwfc=60"
    assert settings(frame) == {"ecutwfc": 60, "ecutrho": 480}
    changed = own(config.dft, settings(frame))
    assert (changed.ecutwfc, changed.ecutrho, changed.degauss) == (60, 480, 0.02)
    assert own(config.dft, {}) is config.dft
    assert "no training data" in str(mixed([frame.info]))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({CUTOFF: [20.0, 30.0]}, "--cutoffs: the finest value is the campaign's own, 40 Ry; name one above it"),
        ({SPACING: [0.4]}, "--spacings: the finest value is the campaign's own, 0.3 1/A; name one below it"),
        ({CUTOFF: [1000.0]}, "--cutoffs: key 'ecutwfc' is 1000.0: it must be at most 500"),
        ({DEGAUSS: [0.5, 0.01]}, "--degauss: key 'degauss' is 0.5: it must be at most 0.1"),
    ],
)
def test_values_that_cannot_be_scanned(config, given, sentence):
    with pytest.raises(InputError) as error:
        plan.scans(config, PAIR, given)
    assert sentence in str(error.value)


def test_finite_differences_find_forces_pressure_and_pulay_stress(config):
    _, wanted = every(config)
    exact = differences.differences(PAIR[0], results(wanted.values()))
    assert exact.force == pytest.approx(0, abs=1e-6)  # meV/A: central differences of a parabola are exact
    assert exact.stress == pytest.approx(0, abs=2e-3)  # GPa: third order in the strain
    assert exact.pulay == pytest.approx(0, abs=1e-9)
    assert {row.component.word for row in exact.forces} == {"atom0x", "atom1y", "atom2z"}

    wrong = differences.differences(PAIR[0], results(wanted.values(), force=lambda _: 0.05))
    assert wrong.force == pytest.approx(50, abs=1e-6)

    def basis(one: Calculation) -> float:
        """Energy falls with the number of plane waves, which grows with the volume at one cutoff."""
        cutoff = one.settings.get("ecutwfc", config.dft.ecutwfc)
        return -0.002 * one.atoms.get_volume() * cutoff**1.5 / config.dft.ecutwfc**1.5  # eV/atom

    pulay = differences.differences(PAIR[0], results(wanted.values(), energy=basis))
    assert pulay.stress == pytest.approx(0, abs=2e-3)
    assert pulay.pulay == pytest.approx(4 * 0.002 * 160.2177, rel=1e-3)  # - dE/dV of it


def test_the_smallest_cutoff_from_which_on_all_is_small(config):
    (scan, *_), wanted = every(config)
    off = {20.0: 0.05, 30.0: 0.02, 40.0: 0.005, 60.0: 0.0}  # eV/A

    def force(one: Calculation) -> float:
        return off.get(one.settings.get("ecutwfc", 40.0), 0.0)

    found = results(wanted.values(), force=force)
    judged = judge(scan, PAIR, config.dft, found, Tolerance())
    assert [row.errors.force for row in judged.rows] == pytest.approx([50, 20, 5, 0])
    assert judged.rows[0].errors.force_rms == pytest.approx(50 / 12**0.5)
    assert (judged.reference, judged.enough, judged.good) == (60, 40, True)
    assert judge(scan, PAIR, config.dft, found, Tolerance(force=30)).enough == 30
    strict = judge(scan, PAIR, config.dft, found, Tolerance(force=1))
    assert (strict.enough, strict.good) == (None, False)
    off[40.0] = 0.015  # now a coarser value looks better than a finer one: luck, and no convergence
    off[20.0] = 0.001
    again = judge(scan, PAIR, config.dft, results(wanted.values(), force=force), Tolerance())
    assert (again.enough, again.good) == (None, False)


def test_a_shift_that_all_structures_share_is_no_error_but_a_difference_is(config):
    (scan, *_), wanted = every(config)

    def shared(one: Calculation) -> float:
        return 0.1 * (60 - one.settings.get("ecutwfc", 40))

    def of_one(one: Calculation) -> float:
        return shared(one) if one.name.startswith("b") else 0.0

    judged = judge(scan, PAIR, config.dft, results(wanted.values(), energy=shared), Tolerance())
    assert judged.campaign.errors.energy == pytest.approx(2000)
    assert judged.campaign.errors.difference == pytest.approx(0, abs=1e-6)
    assert judged.enough == 20
    judged = judge(scan, PAIR, config.dft, results(wanted.values(), energy=of_one), Tolerance())
    assert judged.campaign.errors.difference == pytest.approx(2000)
    assert not judged.good


def test_values_without_labels_are_no_reference_and_pass_nothing(config):
    (scan, *_), wanted = every(config)
    found = results(wanted.values())
    without = {name: one for name, one in found.items() if name != "b-ecutwfc=60"}
    judged = judge(scan, PAIR, config.dft, without, Tolerance())
    assert (judged.reference, judged.good) == (40, False)  # nothing finer than the campaign's is left
    assert judged.row(60).lacking == ("b-ecutwfc=60",)
    assert judged.row(60).errors is None
    without = {name: one for name, one in found.items() if name != "a-ecutwfc=30"}
    assert judge(scan, PAIR, config.dft, without, Tolerance()).enough == 40
    assert judge(scan, PAIR, config.dft, {}, Tolerance()).reference is None


def summary(config, found, tolerance=Tolerance()):  # noqa: B008  it is frozen
    return summarise(config, PAIR, every(config)[0], found, tolerance)


def test_advice_keeps_what_is_fine_and_changes_what_is_not(config):
    _, wanted = every(config)
    good = summary(config, results(wanted.values()))
    assert good.advice.good
    assert good.advice.change == {}
    assert good.advice.sentences[:3] == (
        "ecutwfc 40 Ry is fine enough (20 would do).",
        "kpoints_spacing 0.3 1/A is fine enough (0.5 would do).",
        "degauss 0.02 Ry is fine enough (0.04 would do).",
    )
    assert "agree with finite differences" in good.advice.sentences[3]

    given = {**GIVEN, CUTOFF: [20.0, 50.0, 60.0]}
    _, wanted = every(config, given)
    found = results(wanted.values(), force=lambda one: 0.02 * (one.settings.get("ecutwfc", 40) < 50))
    bad = summarise(config, PAIR, every(config, given)[0], found, Tolerance())
    assert not bad.advice.good
    assert bad.advice.change == {"ecutwfc": 50, "ecutrho": 400}
    assert bad.advice.sentences[0] == (
        "Raise ecutwfc from 40 to 50 Ry (ecutrho 400 Ry): at 40 Ry errors are 20 meV/A in forces."
    )
    assert "do NOT agree" in bad.advice.sentences[3]  # of these forces, which are no derivatives


def test_advice_where_even_the_value_beside_the_finest_is_off(config):
    _, wanted = every(config)
    found = results(wanted.values(), force=lambda one: one.settings.get("degauss", 0.02))
    said = summary(config, found).advice
    assert said.sentences[2] == (
        "degauss 0.02 Ry is not fine enough (at 0.02 Ry errors are 10 meV/A in forces), nor is any other but perhaps 0.01: "
        "go on with smaller --degauss."
    )
    assert said.change == {}


def test_a_narrower_smearing_is_to_be_checked_again_with_its_k_points(config):
    given = {**GIVEN, DEGAUSS: [0.04, 0.01, 0.005]}
    _, wanted = every(config, given)
    found = results(
        wanted.values(), energy=lambda one: (one.name[0] == "b") * (one.settings.get("degauss", 0.02) > 0.01)
    )
    said = summarise(config, PAIR, every(config, given)[0], found, Tolerance()).advice
    assert said.change == {"degauss": 0.01}
    assert said.sentences[2:4] == (
        "Lower degauss from 0.02 to 0.01 Ry: at 0.02 Ry errors are 1,000 meV/atom in energy differences.",
        "Narrower smearing needs denser k-points: check kpoints_spacing again with it.",
    )


def test_what_is_written_says_the_same_everywhere(config):
    _, wanted = every(config)
    found = summary(config, results(wanted.values(), force=lambda one: 1e-3 * one.settings.get("ecutwfc", 40)))
    numbers = as_json(found)
    assert json.loads(json.dumps(numbers)) == numbers
    assert numbers["campaign"] == {"ecutwfc": 40, "kpoints_spacing": 0.3, "degauss": 0.02, "ecutrho": 320}
    assert [row["force_max_mev_per_a"] for row in numbers["scans"][0]["rows"]] == pytest.approx([40, 30, 20, 0])
    assert numbers["scans"][2]["beside"] == {"kpoints_spacing": 0.2}
    assert numbers["scans"][0]["rows"][0]["smearing_mev_per_atom"] == pytest.approx(-1)
    text = as_text(found)
    assert "40*         0          0    20.0    5.77       0    -1.00   2.00  4x4x4" in text
    assert "degauss, Ry; at ecutwfc 40 Ry, kpoints_spacing 0.2 1/A; errors against 0.01" in text
    page = render(found, numbers)
    assert page.count("<svg") == 9
    assert all(sentence in page for sentence in ("fine enough", 'aria-label="Error of forces against ecutwfc"'))
    nothing = summary(config, {})
    assert not nothing.advice.good
    assert "cannot be judged" in as_text(nothing)
    assert "Nothing to compare" in render(nothing, as_json(nothing))


def test_small_distorted_structures_are_chosen_that_differ_in_volume():
    def structure(name: str, kind: str, scale: float, repeat: int = 1) -> Atoms:
        atoms = bulk("Al", a=4.0 * scale, cubic=True).repeat((repeat, 1, 1))
        atoms.info |= {"name": name, "config_type": kind}
        return atoms

    made = [
        structure("cell", "sqs", 1.0),
        structure("large", "sqs_strain_rattle", 1.0, 2),
        structure("rattle", "sqs_rattle_large", 1.01),
        structure("mix1", "sqs_strain_rattle", 1.0),
        structure("mix2", "sqs_strain_rattle", 1.03),
    ]
    assert [atoms.info["name"] for atoms in choose(made, 2)] == ["mix1", "mix2"]
    assert [atoms.info["name"] for atoms in choose(made, 4)] == ["mix1", "mix2", "rattle", "large"]
    assert choose(made[:1], 2) == []


@pytest.mark.engines
def test_structures_are_made_of_the_inputs_material(config):
    assert small_cells(config).generation.sqs_sizes == [4]
    few = config.target_system.model_copy(update={"composition": {"Al": 0.95, "Mg": 0.05}})
    rare = config.model_copy(update={"target_system": few})
    assert small_cells(rare).generation.sqs_sizes == [12]  # half an atom of Mg rounds to one
    made = of_campaign(config, None, 2, lambda _: True)
    assert {atoms.get_chemical_formula() for atoms in made} == {"Al3Mg"}


def test_structures_of_a_file():
    assert [atoms.info["name"] for atoms in of_file([bulk("Al"), bulk("Al")], None, "f")] == [
        "structure-00000",
        "structure-00001",
    ]
    assert len(of_file([bulk("Al")] * 3, 2, "f")) == 2
    with pytest.raises(InputError, match="f has 1 structures to check: two at the least"):
        of_file([bulk("Al")], None, "f")
    with pytest.raises(InputError, match="two structures are called 'a'"):
        of_file([PAIR[0], PAIR[0]], None, "f")


def test_components_take_every_element_first():
    words = [one.word for one in differences.components(["Al", "Al", "Al", "Mg"])]
    assert words == ["atom0x", "atom3y", "atom1z"]
    assert [one.word for one in differences.components(["Si", "Si"])] == ["atom0x", "atom1y"]


def test_plane_waves_stay_the_same_when_the_cutoff_goes_with_the_cell(config):
    strained = [one for one in differences.calculations(PAIR[0], config.dft) if one.name.endswith("-waves")]
    for one in strained:
        stretch = (one.atoms.get_volume() / PAIR[0].get_volume()) ** (1 / 3)
        assert one.settings["ecutwfc"] * stretch**2 == pytest.approx(40)  # |k+G|^2 goes with 1 / stretch^2
        assert one.settings["ecutrho"] * stretch**2 == pytest.approx(320)
        assert one.mesh == plan.mesh_of_spacing(PAIR[0].cell.array, 0.3)
    assert len(strained) == 2
