"""`mlipbatch generate` as its users call it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write
from typer.testing import CliRunner

from mlipbatch.cli.generate import generate
from mlipbatch.config.errors import InputError
from mlipbatch.core.frames import CONFIG_TYPE, NAME, ROOT
from mlipbatch.store.durable import read_frames

INPUT = """\
project_name: tiny
target_system:
  elements: [Al, Mg]
  composition: {Al: 0.75, Mg: 0.25}
  crystal_structure: fcc
simulation_goal: {type: elastic, temperature_range: [300, 600]}
resources: {dft_code: quantum_espresso, parallel_cores: 2, gpu_enabled: false}
generation:
  sqs_sizes: [4]
  sqs_per_composition: 1
  compositions: [{Al: 0.75, Mg: 0.25}]
"""

app = typer.Typer()
app.command()(generate)


def run(*words: object):
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome


@pytest.fixture
def source(tmp_path) -> Path:
    (tmp_path / "input.yaml").write_text(INPUT)
    return tmp_path / "input.yaml"


def test_an_input_file_becomes_structures_and_a_table(source, tmp_path):
    out = tmp_path / "out.extxyz"
    outcome = run(source, "-o", out)
    assert outcome.exit_code == 0
    frames = read_frames(out)
    lines = outcome.stdout.splitlines()
    assert lines[0].split()[:2] == ["config_type", "structures"]
    assert lines[-1].split()[:2] == ["total", str(len(frames))]
    assert sum(int(line.split()[1]) for line in lines[1:-1]) == len(frames)
    assert "sqs: 1/1" in outcome.stderr
    first = out.read_bytes()
    run(source, "-o", out)
    assert out.read_bytes() == first  # the same input, the same file
    run(source, "-o", out, "--seed", 5)
    assert out.read_bytes() != first


def test_only_what_is_named(source, tmp_path):
    run(source, "-o", tmp_path / "out.extxyz", "--only", "isolated_atom, sqs_strain")
    assert {atoms.info[CONFIG_TYPE] for atoms in read_frames(tmp_path / "out.extxyz")} == {
        "isolated_atom",
        "sqs_strain",
    }


@pytest.mark.parametrize("name", ["al3mg.cif", "al3mg.extxyz", "POSCAR"])
def test_a_structure_file_is_its_own_target(tmp_path, name):
    cell = bulk("Al", "fcc", 4.07, cubic=True)
    cell.symbols[0] = "Mg"
    write(tmp_path / name, cell)
    outcome = run(tmp_path / name, "-o", tmp_path / "out.extxyz")
    frames = read_frames(tmp_path / "out.extxyz")
    assert {"structure", "sqs_strain", "sqs_shear", "sqs_rattle_small", "sqs_rattle_large"} <= {
        a.info[CONFIG_TYPE] for a in frames
    }
    assert "structure " in outcome.stdout
    assert {atoms.get_chemical_formula() for atoms in frames} == {"Al3Mg"}
    assert {atoms.info[ROOT] for atoms in frames} == {name.split(".")[0]}
    assert frames[0].get_volume() == pytest.approx(4.07**3, rel=1e-4)


def test_same_crystals_of_a_file_share_a_root_and_output_may_be_input(tmp_path):
    write(
        tmp_path / "three.extxyz",
        [bulk("Al", "fcc", 4.05), bulk("Al", "fcc", 4.05, cubic=True), bulk("Al", "bcc", 3.2)],
    )
    run(tmp_path / "three.extxyz", "-o", tmp_path / "out.extxyz", "--only", "structure,sqs_strain")
    frames = read_frames(tmp_path / "out.extxyz")
    assert [atoms.info[ROOT] for atoms in frames[:3]] == ["three-1", "three-1", "three-3"]
    run(tmp_path / "out.extxyz", "-o", tmp_path / "again.extxyz", "--only", "structure,sqs_strain")
    again = read_frames(tmp_path / "again.extxyz")
    assert {atoms.info[ROOT] for atoms in again} == {"three-1", "three-3"}
    assert len({atoms.info[NAME] for atoms in again}) == len(again)


def test_the_list_of_generators():
    outcome = run("--list")
    assert outcome.exit_code == 0
    assert {line.split()[0] for line in outcome.stdout.splitlines()} >= {
        "sqs",
        "sqs_strain",
        "eos_reference",
        "exploration_cell",
    }


ALLOY_CIF = """\
data_x
_cell_length_a 3.6
_cell_length_b 3.6
_cell_length_c 3.6
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Fe1 Fe 0 0 0 0.7
Ni1 Ni 0 0 0 0.3
"""

WRONG = {
    "molecule.xyz": (lambda path: write(path, molecule("H2O")), "no periodic cell"),
    "noise.cif": (lambda path: path.write_text("noise, not a crystal"), "ASE cannot read"),
    "empty.extxyz": (lambda path: path.write_text(""), "noise|no structure|cannot read"),
    "alloy.cif": (lambda path: path.write_text(ALLOY_CIF), r"partly occupied sites \(Fe/Ni\)"),
    "nan.extxyz": (lambda path: write(path, Atoms("Al", [[float("nan")] * 3], cell=[4] * 3, pbc=True)), "not finite"),
    "typo.yaml": (lambda path: path.write_text(INPUT.replace("sqs_sizes", "sqs_size")), "sqs_size"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_refused_by_name_and_nothing_is_written(tmp_path, name):
    make, sentence = WRONG[name]
    make(tmp_path / name)
    with pytest.raises(InputError, match=sentence) as caught:
        run(tmp_path / name, "-o", tmp_path / "out.extxyz")
    assert str(caught.value).startswith(str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{source}", "-o", "{out}", "--only", "sqs,rattle"], "'rattle'.*sqs_rattle_small"),
        (["{source}", "-o", "{out}", "--only", ","], "no generator is named"),
        (["{source}"], "-o OUT"),
        (["missing.yaml", "-o", "{out}"], "missing.yaml: there is no such file"),
        (["-o", "{out}"], "needs an input.yaml or a structure file"),
        (["{source}", "-o", "{out}/deeper/out.extxyz"], "mkdir -p"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence(source, tmp_path, words, sentence):
    out = tmp_path / "out.extxyz"
    with pytest.raises(InputError, match=sentence):
        run(*(word.format(source=source, out=out) for word in words))
    assert not out.exists()
