from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import typer
from ase.calculators.emt import EMT
from typer.testing import CliRunner

from mlipbatch.cli.report import report
from mlipbatch.config.errors import InputError
from mlipbatch.stages import report_parity
from mlipbatch.stages.report import write_report
from mlipbatch.store.durable import read_frames
from tests.report import campaign


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    project = campaign.finished_project(tmp_path_factory.mktemp("finished"))
    return project, write_report(project, campaign.load)


@pytest.fixture
def own(finished, tmp_path):
    """A copy to break."""
    return type(finished[0])(shutil.copytree(finished[0].root, tmp_path / "Cu3Al", symlinks=True))


class Page(HTMLParser):
    """Balance of tags, what is loaded from elsewhere, and all text."""

    VOID = ("meta", "br", "link", "img", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.loaded, self.words, self.svgs = [], [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.svgs += tag == "svg"
        self.loaded += [value for key, value in attrs if key in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_what_outside_programs_read_is_there(finished):
    numbers = json.loads(finished[1].json.read_text())
    assert numbers["labels"] == 51
    assert numbers["labels_by_config_type"] == {
        "active_learning_gen1": 4, "eos_reference": 9, "isolated_atom": 2, "sqs": 4, "sqs_rattle": 16, "sqs_strain": 16,
    }  # fmt: skip
    assert numbers["masked_labels"] == 4
    assert numbers["generations"] == 2
    assert numbers["potential"] == str(finished[0].root / "potentials" / "gen001")
    assert numbers["wall_s"] == 590
    assert numbers["missing"] == {}
    assert numbers["verdict"]["state"] == "good"


def test_held_out_errors_are_those_of_the_held_out_labels(finished):
    project, written = finished
    energies, forces = [], []
    for atoms in read_frames(project.data / "test.extxyz"):
        guess = atoms.copy()
        guess.calc = campaign.Stretched(1.0008)
        energies.append((guess.get_potential_energy() - atoms.info["REF_energy"]) / len(atoms))
        forces.append((guess.get_forces() - atoms.arrays["REF_forces"]).ravel())
    assert written.numbers["energy_rmse_mev_per_atom"] == pytest.approx(
        1000 * np.sqrt(np.mean(np.square(energies))), rel=1e-5
    )
    rmse = 1000 * np.sqrt(np.mean(np.concatenate(forces) ** 2))
    assert written.numbers["force_rmse_mev_per_a"] == pytest.approx(rmse, rel=1e-5)


def test_crystal_errors_are_those_the_potential_was_given(finished):
    numbers = finished[1].numbers
    assert numbers["lattice_constant_rel_error"] == pytest.approx(0.0008, rel=0.02)
    assert numbers["bulk_modulus_rel_error"] == pytest.approx(1.0008**3 - 1, abs=0.003)
    curve = numbers["eos"][0]
    assert (
        curve["lattice_constant_rel_error"] < 0
    )  # with its sign there: the crystal is stretched, so it wants to be smaller
    assert len(curve["volumes_a3_per_atom"]) == len(curve["dft"]["energies_ev_per_atom"]) == 9


def test_every_generation_is_measured_by_the_same_held_out_labels(finished):
    curve = finished[1].numbers["learning_curve"]
    assert [point["generation"] for point in curve] == [0, 1]
    assert [point["training_labels"] for point in curve] == [29, 33]
    assert [point["labels"] for point in curve] == [9, 9]
    assert curve[0]["energy_rmse_mev_per_atom"] > 3 * curve[1]["energy_rmse_mev_per_atom"]
    assert curve[1]["force_rmse_mev_per_a"] == finished[1].numbers["force_rmse_mev_per_a"]


def test_buffers_of_cut_boxes_count_nowhere(finished):
    project, written = finished
    box = read_frames(project.jobs / "gen001/scf/cut-900K-2/result.extxyz")[0]
    guess = box.copy()
    guess.calc = campaign.Stretched(1.0008)
    core = box.arrays["force_mask"] > 0
    after = 1000 * np.sqrt(np.mean((guess.get_forces() - box.arrays["REF_forces"])[core] ** 2))
    row = written.numbers["active_learning"][2]
    assert (row["name"], row["core_atoms"], row["atoms"], row["gamma"]) == ("cut-900K-2", core.sum(), 32, 4.4)
    assert row["force_rmse_after_mev_per_a"] == pytest.approx(after, rel=1e-5)
    assert row["force_rmse_before_mev_per_a"] > row["force_rmse_after_mev_per_a"]
    kinds = {kind["config_type"]: kind for kind in written.numbers["errors_by_config_type"]}
    assert kinds["active_learning_gen1"]["energy_rmse_mev_per_atom"] is None


def test_recovered_and_given_up_labels_say_how_and_why(finished):
    numbers = finished[1].numbers
    assert numbers["recovered"] == [
        {
            "job": "gen000/scf/sqs-0-v+0.04",
            "attempts": 2,
            "failures": ["electronic_convergence_not_reached"],
            "rung": "softer_mixing",
        }
    ]
    assert [(row["job"], "nothing is left" in row["reason"]) for row in numbers["given_up"]] == [
        ("gen000/scf/hopeless", True)
    ]
    stages = {(row["generation"], row["kind"]): row for row in numbers["timeline"]}
    assert stages["gen001", "explore"] == {
        "generation": "gen001", "kind": "explore", "from_s": 430.0, "to_s": 497.0, "done": 2, "failed": 0, "open": 0,
    }  # fmt: skip
    assert (stages["gen000", "scf"]["done"], stages["gen000", "scf"]["failed"]) == (47, 1)


def test_gamma_is_summed_over_the_walks_of_a_generation(finished):
    gamma = finished[1].numbers["gamma"]
    assert (gamma["low"], gamma["high"]) == (2, 10)
    assert sum(gamma["histogram"]["gen001"]["atoms"]) == 25_600
    assert [walk["temperature"] for walk in gamma["walks"]] == [300, 900]


def test_the_page_is_one_file_well_formed_and_asks_nobody_for_anything(finished):
    text = finished[1].html.read_text()
    page = Page(text)
    assert page.open == []
    assert page.loaded == []
    assert not re.search(r"https?:|@import|url\(", text)
    assert len(text) < 500_000
    assert page.svgs == 8
    assert "nan" not in " ".join(re.findall(r' d="([^"]*)"', text)).lower()


def test_text_from_files_stays_text(finished):
    text = finished[1].html.read_text()
    assert "&lt;b&gt;beta&lt;/b&gt; &amp; local-TF" in text
    assert "<b>beta" not in text


def test_a_point_tells_its_structure(finished):
    text = finished[1].html.read_text()
    assert 'data-tip="sqs-2-r0.25\nsqs_rattle, 4 atoms, held out\nerror' in text
    assert 'data-tip="cut-900K-0\nactive_learning_gen1, 32 atoms, active learning\nforce error' in text


def test_a_project_that_was_just_submitted_says_what_is_not_there_yet(tmp_path):
    written = write_report(campaign.new_project(tmp_path), campaign.load)
    numbers = json.loads(written.json.read_text())
    assert numbers["verdict"]["state"] == "open"
    for key in (
        "potential",
        "energy_rmse_mev_per_atom",
        "force_rmse_mev_per_a",
        "lattice_constant_rel_error",
        "wall_s",
    ):
        assert numbers[key] is None
        assert numbers["missing"][key]
    page = Page(written.html.read_text())
    assert page.svgs == 0
    assert "nothing was trained yet" in page.words


def test_a_potential_that_cannot_be_read_takes_only_its_own_numbers_along(own):
    (own.potential(0) / "potential.json").unlink()  # generation 0 is then no potential; generation 1 is refused
    numbers = write_report(own, refuse).numbers
    assert numbers["labels"] == 51
    assert numbers["energy_rmse_mev_per_atom"] is None
    assert numbers["missing"]["energy_rmse_mev_per_atom"] == "gen001 knows no Al"
    assert numbers["missing"]["bulk_modulus_rel_error"] == "gen001 knows no Al"
    assert numbers["gamma"]["histogram"]


def refuse(folder):
    raise InputError(f"{folder.name} knows no Al")


def test_an_older_potential_that_cannot_be_read_leaves_a_gap(own):
    numbers = write_report(
        own, lambda folder: refuse(folder) if folder.name == "gen000" else campaign.load(folder)
    ).numbers
    assert numbers["learning_curve"][0]["reason"] == "gen000 knows no Al"
    assert numbers["learning_curve"][0]["force_rmse_mev_per_a"] is None
    assert numbers["learning_curve"][1]["force_rmse_mev_per_a"] < 20


class Mad(EMT):
    """A potential whose energies are no numbers."""

    def get_potential_energy(self, atoms=None, force_consistent=False):
        return float("nan")


def test_no_number_is_written_as_none_with_the_reason(own):
    written = write_report(own, lambda folder: Mad())
    numbers = json.loads(written.json.read_text())
    assert numbers["energy_rmse_mev_per_atom"] is None
    assert "no number" in numbers["missing"]["energy_rmse_mev_per_atom"]
    assert "not a finite number" in numbers["missing"]["bulk_modulus_rel_error"]
    assert Page(written.html.read_text()).open == []


def test_torn_files_and_odd_job_folders_are_named_and_stop_nothing(own):
    (own.explore(1) / "walker-001-900K.walk.json").write_text('{"gamma_hist')
    (own.jobs / "gen000/scf/hopeless/FAILED").unlink()
    own.config.write_text("project_name: [")
    numbers = write_report(own, campaign.load).numbers
    assert "walker-001-900K.walk.json cannot be read" in numbers["missing"]["gamma"]
    assert "hopeless has no state file" in numbers["missing"]["jobs"]
    assert "config.yaml" in numbers["missing"]["config"]
    assert len(numbers["gamma"]["walks"]) == 1
    assert numbers["given_up"] == []


def test_a_bad_potential_is_told_so(own):
    numbers = write_report(own, lambda folder: campaign.Stretched(1.02)).numbers
    assert numbers["verdict"]["state"] == "short"
    missed = "energy error, force error and lattice constant"
    assert numbers["verdict"]["sentence"] == f"Outside its goal: {missed}"


def test_the_command_writes_the_files_and_says_where(tmp_path):
    app = typer.Typer()
    app.command()(report)
    project = campaign.new_project(tmp_path)
    result = CliRunner().invoke(app, [str(project.root)])
    assert result.exit_code == 0
    assert result.stdout == f"{project.root}/reports/report.html\n"
    assert "energy_rmse_mev_per_atom is not known: nothing was trained yet" in result.stderr
    result = CliRunner().invoke(app, [str(project.root), "--json"])
    assert json.loads(result.stdout)["labels"] == 0
    result = CliRunner().invoke(app, [str(tmp_path)])
    assert isinstance(result.exception, InputError)


@pytest.mark.engines
def test_a_real_potential_is_measured_by_default(own):
    folder = own.potential(1)
    shutil.rmtree(folder)
    shutil.copytree(Path(__file__).parents[1] / "data" / "potential_al_cu", folder)
    shutil.rmtree(own.potential(0))
    numbers = write_report(own).numbers
    assert numbers["missing"] == {}
    assert 0 < numbers["lattice_constant_rel_error"] < 0.02  # made from other labels, of the same two metals
    assert numbers["verdict"]["state"] == "short"


def test_a_large_data_set_is_drawn_in_part_and_says_so(own, monkeypatch):
    monkeypatch.setattr(report_parity, "MOST_POINTS", 20)
    written = write_report(own, campaign.load)
    text = written.html.read_text()
    assert "About 20 of 45 are drawn" in text
    assert "About 20 of 699 are drawn" in text
    assert text.count("sqs_rattle, 4 atoms, held out") > 0
    assert written.numbers["labels"] == 51
