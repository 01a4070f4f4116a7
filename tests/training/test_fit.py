"""A session with `fit`: what it writes, what masks do, what a kill leaves behind."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms

from mlipbatch.config.errors import InputError
from mlipbatch.core.split import split_by_root
from mlipbatch.training import evaluate_potential, train_potential
from mlipbatch.training.contest import winner

from .conftest import CONFIG, REFERENCES

FILES = {"potential.yaml", "potential.yace", "potential.asi", "in.potential", "potential.json", "report.json"}


def coefficients(folder):
    from mlipbatch.training.basis import load_basis

    return np.array(load_basis(folder / "potential.yaml").basis_coeffs)


def with_box(labels, force):
    """The labels and a cut box: half of its atoms are buffer, whose reference forces are `force` (eV/A)."""
    box = labels[-1].copy()
    box.info |= {"name": "box", "root": "md", "config_type": "active_learning_gen1"}
    box.arrays["force_mask"] = np.array([1.0, 0.0] * (len(box) // 2))
    box.arrays["REF_forces"][box.arrays["force_mask"] == 0] = force
    return [*labels, box]


def test_held_out_roots_are_predicted_and_everything_is_reported(labels, tmp_path):
    train, test = split_by_root(labels, 0.25, seed=0)
    report = train_potential(train, CONFIG, tmp_path / "p", test=test)
    assert {path.name for path in (tmp_path / "p").iterdir()} == FILES
    assert json.loads((tmp_path / "p" / "report.json").read_text()) == report
    assert report["test"]["energy_rmse_mev_per_atom"] < 20
    assert report["test"]["force_rmse_mev_per_a"] < 0.15 * forces_rms(test)
    assert report["test"]["stress_rmse_gpa"] < 1.0
    assert set(report["test"]["by_config_type"]) == {"sqs", "sqs_strain", "sqs_rattle"}
    assert report["functions"] == 60
    assert report["structures"] == len(train)
    assert report["chosen"] == "closed form"
    assert report["reference_energies_from"] == dict.fromkeys(["Al", "Cu"], "least squares by composition")
    assert sum(part["atoms"] for part in report["gamma"]["bins"]) == sum(map(len, test))
    assert report["seconds"]["total"] > 0
    measured = evaluate_potential(tmp_path / "p", test)
    assert measured["force_rmse_mev_per_a"] == pytest.approx(report["test"]["force_rmse_mev_per_a"])


def forces_rms(frames):
    return 1e3 * np.sqrt(np.mean(np.concatenate([atoms.arrays["REF_forces"].ravel() for atoms in frames]) ** 2))


def test_lammps_lines_name_every_pair(potential):
    lines = (potential / "in.potential").read_text()
    assert "pair_style hybrid/overlay pace/extrapolation zbl 1 2" in lines
    assert [line for line in lines.splitlines() if " zbl " in line and line.startswith("pair_coeff")] == [
        "pair_coeff 1 1 zbl 13 13",
        "pair_coeff 1 2 zbl 13 29",
        "pair_coeff 2 2 zbl 29 29",
    ]


def test_the_recursive_potential_is_the_same(potential, labels):
    from pyace import PyACECalculator

    atoms = labels[-1].copy()
    energies = []
    for name in ("potential.yaml", "potential.yace"):
        atoms.calc = PyACECalculator(str(potential / name))
        energies.append(atoms.get_potential_energy())
    assert energies[0] == pytest.approx(energies[1], abs=1e-6)


def test_the_same_seed_makes_the_same_potential(labels, potential, tmp_path):
    train_potential(labels, CONFIG, tmp_path / "again", seed=1)
    assert (tmp_path / "again" / "potential.yaml").read_bytes() == (potential / "potential.yaml").read_bytes()


def test_the_reference_force_of_a_buffer_atom_changes_nothing(labels, tmp_path):
    train_potential(with_box(labels, 0.0), CONFIG, tmp_path / "still")
    report = train_potential(with_box(labels, 1000.0), CONFIG, tmp_path / "wild")
    for name in ("potential.yaml", "potential.yace", "potential.json"):
        assert (tmp_path / "still" / name).read_bytes() == (tmp_path / "wild" / name).read_bytes()
    with np.load(tmp_path / "still" / "potential.asi") as still, np.load(tmp_path / "wild" / "potential.asi") as wild:
        assert all((still[element] == wild[element]).all() for element in ("Al", "Cu"))
    assert report["masked_structures"] == 1
    assert report["masked_atoms"] == len(labels[-1]) // 2
    assert report["train"]["force_rmse_mev_per_a"] < 100  # nor is it measured against


def test_the_core_of_a_box_counts_and_its_energy_and_stress_do_not(labels, potential, tmp_path):
    plain = with_box(labels, 0.0)
    train_potential(plain, CONFIG, tmp_path / "plain", seed=1)
    assert not np.allclose(coefficients(tmp_path / "plain"), coefficients(potential), rtol=1e-3)
    odd = with_box(labels, 0.0)
    odd[-1].info["REF_energy"] += 500.0
    odd[-1].info["REF_stress"] = np.ones(6)
    train_potential(odd, CONFIG, tmp_path / "odd", seed=1)
    assert (coefficients(tmp_path / "odd") == coefficients(tmp_path / "plain")).all()


def test_buffer_atoms_stay_out_of_the_active_set(labels, tmp_path):
    strange = with_box(labels, 0.0)
    buffer = np.flatnonzero(strange[-1].arrays["force_mask"] == 0)
    strange[-1].positions[buffer[0]] += [0.9, 0.4, 0.2]  # environments that nothing else has, but only as buffer
    strange[-1].arrays["force_mask"][:] = 0.0
    train_potential(strange, CONFIG, tmp_path / "p")
    from mlipbatch import calculator

    box = strange[-1].copy()
    box.calc = calculator(tmp_path / "p")
    box.get_potential_energy()
    assert box.calc.results["gamma"].max() > 2


def test_isolated_atoms_set_the_references(labels, tmp_path):
    atoms = [Atoms(symbol, cell=np.eye(3) * 12, pbc=True) for symbol in REFERENCES]
    for atom, energy in zip(atoms, (-53.0, -96.0), strict=True):
        atom.info = {"config_type": "isolated_atom", "name": f"atom-{atom.symbols}", "REF_energy": energy}
    report = train_potential([*atoms, *labels], CONFIG, tmp_path / "p")
    assert report["reference_energies"] == {"Al": -53.0, "Cu": -96.0}
    assert report["reference_energies_from"]["Al"] == "isolated atom"
    assert report["train"]["by_config_type"]["isolated_atom"]["energy_rmse_mev_per_atom"] < 1e-6


def test_references_of_the_equation_of_state_are_never_learnt(labels, potential, tmp_path):
    eos = labels[0].copy()
    eos.info |= {"config_type": "eos_reference", "REF_energy": 1e6}
    train_potential([*labels, eos], CONFIG, tmp_path / "p", seed=1)
    assert (coefficients(tmp_path / "p") == coefficients(potential)).all()


def test_a_basis_is_taken_over(labels, potential, tmp_path):
    other = CONFIG.model_copy(update={"cutoff": 6.0, "functions_per_element": 10})
    report = train_potential(labels, other, tmp_path / "p", seed=1, start_from=potential)
    assert report["cutoff"] == 5.0
    assert coefficients(tmp_path / "p") == pytest.approx(coefficients(potential), rel=1e-6, abs=1e-6)


def test_a_killed_fit_leaves_no_half_potential_and_the_next_one_works(labels, tmp_path):
    class Killed(BaseException):
        pass

    def die(said):
        if said.startswith("active set"):
            raise Killed

    with pytest.raises(Killed):
        train_potential(labels, CONFIG, tmp_path / "p", progress=die)
    assert not (tmp_path / "p").exists()
    train_potential(labels, CONFIG, tmp_path / "p")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_missing_pacemaker_is_said_and_the_closed_form_stays(labels, tmp_path):
    asked = CONFIG.model_copy(update={"refine_steps": 5, "pacemaker_command": str(tmp_path / "no-such-pacemaker")})
    said = []
    report = train_potential(labels, asked, tmp_path / "p", progress=said.append)
    assert report["chosen"] == "closed form"
    assert "does not start (No such file or directory): the closed-form potential stays" in report["pacemaker"]
    assert any("the closed-form potential stays" in line for line in said)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda a: a.info.pop("REF_energy"), r"structure 1 \(odd\) has no REF_energy"),
        (lambda a: a.arrays.pop("REF_forces"), r"structure 1 \(odd\) has no REF_forces"),
        (lambda a: a.info.update(REF_energy=float("nan")), "REF_energy is nan"),
        (lambda a: a.info.update(REF_stress=[1.0, 2.0]), "6 \\(Voigt\\) or 9 finite numbers"),
        (lambda a: a.arrays.update(force_mask=np.full(len(a), 0.5)), "force_mask must be"),
    ],
)
def test_wrong_labels_are_refused_before_anything_is_written(labels, tmp_path, spoil, sentence):
    odd = labels[1].copy()
    odd.info["name"] = "odd"
    spoil(odd)
    with pytest.raises(InputError, match=sentence):
        train_potential([labels[0], odd], CONFIG, tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_potential_is_not_replaced(labels, tmp_path):
    (tmp_path / "thesis.tex").write_text("my life's work")
    with pytest.raises(InputError, match="is no potential: give another folder"):
        train_potential(labels, CONFIG, tmp_path)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.engines
def test_pacemaker_refines_the_closed_form(labels, tmp_path):
    asked = CONFIG.model_copy(update={"refine_steps": 8})
    report = train_potential(labels, asked, tmp_path / "p", seed=1)
    assert set(report["candidates"]) == {"closed form", "pacemaker", "closed form in pacemaker's radial functions"}
    scores = {name: errors["score"] for name, errors in report["candidates"].items()}
    assert report["chosen"] == winner(scores)
    assert scores["pacemaker"] < 3 * scores["closed form"]  # it went on from there, not from nothing
    assert (tmp_path / "p" / "pacemaker.log").is_file()
    assert "no stress term" in report["notes"][0]


def test_luck_does_not_win():
    assert winner({"closed form": 10.0, "pacemaker": 9.8}) == "closed form"
    assert winner({"closed form": 10.0, "pacemaker": 8.0}) == "pacemaker"
