"""Screening as a session: good crystals stay, impossible ones leave with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from ase import Atoms
from ase.build import bulk
from typer.testing import CliRunner

from mlipbatch.cli.screen import screen as command
from mlipbatch.config.errors import InputError
from mlipbatch.config.model import ScreeningConfig
from mlipbatch.store.durable import read_frames, write_frames
from mlipbatch.surrogate import screen
from mlipbatch.surrogate.chgnet import CHGNetSurrogate, batches
from mlipbatch.surrogate.filters import composition
from mlipbatch.surrogate.models import load

LIMITS = ScreeningConfig(
    model="chgnet",
    min_distance_factor=0.5,
    max_force=30.0,
    max_energy_above_median=3.0,
    volume_per_atom_factor=(0.5, 2.0),
)
EMT = LIMITS.model_copy(update={"model": "ase.calculators.emt:EMT"})

app = typer.Typer()
app.command()(command)


def aluminium(rattle: float = 0.0, strain: float = 0.0, magnesium: int = 0, **info: str) -> Atoms:
    cell = bulk("Al", "fcc", a=4.05 * (1 + strain), cubic=True)
    cell.symbols[:magnesium] = "Mg"
    cell.rattle(rattle, seed=1)
    cell.info.update({"config_type": "sqs"} | info)
    return cell


def close() -> Atoms:
    cell = aluminium(name="close")
    cell.positions[1] = cell.positions[0] + [0.0, 0.0, 0.6]
    return cell


@pytest.mark.engines
def test_chgnet_keeps_crystals_and_says_why_others_go() -> None:
    frames = [
        aluminium(),
        aluminium(rattle=0.1),
        aluminium(magnesium=1),
        aluminium(strain=0.03, magnesium=1),
        close(),
        aluminium(strain=0.5, name="exploded"),
    ]
    kept, rejected = screen(frames, LIMITS, lattice_volume=4.05**3 / 4)
    assert len(kept) == 4
    assert [frame.info["name"] for frame in rejected] == ["close", "exploded"]
    assert rejected[0].info["reason"] == "atom 0 (Al) and atom 1 (Al) are 0.60 A apart; at least 1.21 is asked for"
    assert rejected[1].info["reason"].startswith("torn apart: 56.05 A^3 per atom; allowed are 8.30 to 33.22")
    assert kept[0].info["surrogate_energy"] / 4 == pytest.approx(
        -3.7, abs=0.1
    )  # PBE cohesion of Al in the Materials Project
    assert kept[0].arrays["surrogate_forces"] == pytest.approx(np.zeros((4, 3)), abs=1e-3)  # by symmetry
    assert np.abs(kept[1].arrays["surrogate_forces"]).max() > 0.1
    assert "surrogate_energy" not in frames[0].info  # the caller's frames stay as they were


@pytest.mark.engines
def test_chgnet_surrogate_agrees_with_its_own_calculator_wherever_atoms_lie() -> None:
    from chgnet.model import CHGNetCalculator

    frame = aluminium(rattle=0.1, magnesium=1)
    moved = frame.copy()
    moved.positions[2] += moved.cell[0] - moved.cell[1]  # outside of the cell: the same crystal
    frame.calc = CHGNetCalculator(use_device="cpu")
    for answer in CHGNetSurrogate().evaluate([frame, moved]):
        assert answer.energy == pytest.approx(frame.get_potential_energy(), abs=1e-4)
        assert answer.forces == pytest.approx(frame.get_forces(), abs=1e-4)


@pytest.mark.engines
def test_what_chgnet_cannot_see_is_set_aside_and_the_rest_goes_on() -> None:
    lone = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 9.0]], cell=[18, 18, 18], pbc=True, info={"config_type": "sqs"})
    kept, rejected = screen([lone, aluminium()], LIMITS)
    assert len(kept) == 1
    assert rejected[0].info["reason"] == "chgnet 0.3.0 cannot evaluate it: an atom has no neighbour within 6 A"


def test_any_ase_calculator_by_import_path() -> None:
    kept, rejected = screen([aluminium(), aluminium(rattle=0.05), close()], EMT)
    assert len(kept) == 2
    assert len(rejected) == 1
    assert kept[0].info["surrogate_model"] == "ase.calculators.emt:EMT"


def test_exploded_forces_and_energies_above_the_median_of_the_same_composition() -> None:
    # Cu and Au lie far apart in energy, which is nobody's fault: medians are by composition
    copper, gold = bulk("Cu", cubic=True), bulk("Au", cubic=True)
    squeezed = gold.copy()
    squeezed.set_cell(gold.cell * 0.8, scale_atoms=True)
    pushed = copper.copy()
    pushed.positions[0] += [0.9, 0.9, 0.0]
    frames = [copper, copper * (2, 1, 1), pushed, gold, gold, squeezed]
    strict = EMT.model_copy(update={"max_energy_above_median": 0.5, "max_force": 20.0, "min_distance_factor": 0.3})
    _, rejected = screen(frames, strict)
    reasons = [(frame.info["reason_kind"], frame.info["reason"]) for frame in rejected]
    assert [kind for kind, _ in reasons] == ["exploded_forces", "high_energy"]
    assert "eV/A, on atom" in reasons[0][1]
    assert "the median of 3 Au; allowed are 0.5" in reasons[1][1]


def test_dimers_are_not_thrown_away_for_being_close() -> None:
    dimer = Atoms(
        "Al2", positions=[[0, 0, 0], [0, 0, 0.8]], cell=[15, 15, 15], pbc=True, info={"config_type": "dimer_scan"}
    )
    same = dimer.copy()
    same.info["config_type"] = "nms_300k"
    kept, rejected = screen([dimer, same, aluminium()], EMT)
    assert [frame.info["config_type"] for frame in kept] == ["dimer_scan", "sqs"]
    assert rejected[0].info["reason_kind"] == "too_close"


def test_references_are_kept_without_being_evaluated() -> None:
    atom = Atoms("Al", cell=[15, 15, 15], pbc=True, info={"config_type": "isolated_atom"})
    kept, rejected = screen([atom, aluminium(strain=0.3, config_type="eos_reference")], EMT)
    assert len(kept) == 2
    assert not rejected
    assert all("surrogate_energy" not in frame.info for frame in kept)


def test_volume_is_held_against_the_root_before_the_lattice() -> None:
    root = aluminium(name="big", root="big", strain=0.26)  # twice the lattice's volume
    child = aluminium(name="child", root="big", strain=0.25)
    stray = aluminium(name="stray", root="unknown", strain=0.3)
    kept, rejected = screen([root, child, stray], EMT, lattice_volume=4.05**3 / 4)
    assert [frame.info["name"] for frame in kept] == ["big", "child"]
    assert [frame.info["name"] for frame in rejected] == ["stray"]


@pytest.mark.parametrize("height", [1e-3, 0.0])
def test_a_collapsed_cell_is_found_at_once(height: float) -> None:
    flat = Atoms("Al2", positions=[[0, 0, 0], [2, 2, 0]], cell=[4, 4, height], pbc=True)
    skew = Atoms("Al", cell=[[4, 0, 0], [4 + 0.9, 0.3, 0], [0, 0, 4]], pbc=True)
    _, rejected = screen([flat, skew, aluminium()], EMT)
    assert len(rejected) == 2
    assert "atom 0 (Al) and its own image are 0.95 A apart" in rejected[1].info["reason"]


def test_numbers_that_are_none_are_set_aside() -> None:
    torn = aluminium()
    torn.positions[2, 1] = np.nan
    _, rejected = screen([torn, Atoms(), aluminium()], EMT)
    assert "the position of atom 2" in rejected[0].info["reason"]
    assert rejected[1].info["reason"] == "it has no atoms"


def test_a_model_that_can_do_nothing_is_an_error_and_not_a_rejection_of_everything() -> None:
    with pytest.raises(InputError, match=r"can evaluate none of 1 structures.*No EMT-potential for Mg"):
        screen([aluminium(magnesium=4)], EMT)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gap", "model 'gap' is not known: use chgnet, mace-mp-0"),
        ("nowhere.to:Be", "cannot import nowhere.to"),
        ("ase.calculators.emt:Emt", "ase.calculators.emt has no Emt"),
        ("ase.calculators.mixing:SumCalculator", r"SumCalculator\(\) failed"),
        ("mace-mp-0", "use --model chgnet"),
    ],
)
def test_models_that_are_not_there(name: str, sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no weights there
    with pytest.raises(InputError, match=sentence):
        load(name)


def test_composition_does_not_depend_on_the_size_of_the_cell() -> None:
    assert composition(aluminium(magnesium=1)) == composition(aluminium(magnesium=1) * (2, 2, 1)) == "Al3Mg"


def test_batches_hold_every_frame_once_in_order() -> None:
    frames = [aluminium() * (n, 1, 1) for n in (1, 2, 9, 1, 1)]
    assert [[len(frame) for frame in batch] for batch in batches(frames, 16)] == [[4, 8], [36], [4, 4]]


def test_the_command_writes_both_files_and_a_summary(tmp_path: Path) -> None:
    write_frames(tmp_path / "in.extxyz", [aluminium(), aluminium(rattle=0.1, name="a"), close()])
    run = CliRunner().invoke(
        app, [f"{tmp_path}/in.extxyz", "-o", f"{tmp_path}/kept.extxyz", "--model", "ase.calculators.emt:EMT", "--json"]
    )
    assert run.exit_code == 0
    assert json.loads(run.stdout)["rejected_by_reason"] == {"too_close": 1}
    kept, rejected = read_frames(tmp_path / "kept.extxyz"), read_frames(tmp_path / "kept.rejected.extxyz")
    assert kept[1].info["name"] == "a"
    assert kept[1].arrays["surrogate_forces"].shape == (4, 3)
    assert isinstance(kept[1].info["surrogate_energy"], float)
    assert rejected[0].info["reason"].endswith("at least 1.21 is asked for")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no such file"),
        ("", "the file is empty"),
        ("4\nProperties=species:S:1:pos:R:3\nAl 0 0 0\n", "not readable as structures"),
        ("a story\n", "not readable as structures"),
    ],
)
def test_wrong_files_are_refused_in_a_sentence_and_nothing_is_written(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    source = tmp_path / "in.extxyz"
    if text is not None:
        source.write_text(text)
    run = CliRunner().invoke(app, [str(source), "-o", f"{tmp_path}/out.extxyz", "--model", "ase.calculators.emt:EMT"])
    assert isinstance(run.exception, InputError)
    assert str(run.exception).startswith(f"{source}: ")
    assert sentence in str(run.exception)
    assert not list(tmp_path.glob("out*"))


def test_all_rejected_is_a_failure_that_leaves_the_reasons(tmp_path: Path) -> None:
    write_frames(tmp_path / "in.extxyz", [close()])
    run = CliRunner().invoke(
        app, [f"{tmp_path}/in.extxyz", "-o", f"{tmp_path}/out.extxyz", "--model", "ase.calculators.emt:EMT"]
    )
    assert run.exit_code == 1
    assert len(read_frames(tmp_path / "out.rejected.extxyz")) == 1
