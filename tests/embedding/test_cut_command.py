"""`mlipbatch cut` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from ase import Atoms
from ase.io import read
from typer.testing import CliRunner

from mlipbatch.cli.cut import cut
from mlipbatch.config.errors import InputError
from mlipbatch.store.durable import read_frames, write_frames
from tests.embedding.frames import POTENTIAL, crystal

INPUT = """\
project_name: tiny
target_system:
  elements: [Al, Cu]
  composition: {Al: 0.75, Cu: 0.25}
  crystal_structure: fcc
simulation_goal: {type: elastic, temperature_range: [300, 900]}
resources: {dft_code: quantum_espresso, parallel_cores: 2, gpu_enabled: false}
embedding: {core_radius: 3.5, buffer: 0.6, max_atoms: 40, boxes: 4}
"""


def plain(seed: int) -> Atoms:
    """A frame that nobody has graded."""
    frame = crystal(a=4.0, repeat=4, seed=seed, sigma=0.3)
    del frame.arrays["gamma"]
    return frame


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("input.yaml").write_text(INPUT)
    write_frames(Path("frame.extxyz"), [crystal(seed=1)])
    write_frames(Path("hot.extxyz"), [plain(seed=1)])
    write_frames(Path("more.extxyz"), [plain(seed=2), plain(seed=3)])
    Path("none.extxyz").touch()  # a walk that found nothing uncertain
    return tmp_path


def mlipbatch(*words: object):
    app = typer.Typer()
    app.command()(cut)
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_one_box_around_one_atom(here):
    said = mlipbatch("frame.extxyz", "--center", 42, "-o", "box.extxyz", "--config", "input.yaml")
    assert "1 boxes in box.extxyz" in said.stdout
    (box,) = read_frames(Path("box.extxyz"))
    frame = read("frame.extxyz")
    assert len(box) == 32
    assert box.arrays["original_index"][0] == 42
    assert set(box.arrays["force_mask"]) == {0.0, 1.0}
    assert (box.numbers == frame.numbers[box.arrays["original_index"]]).all()
    assert box.pbc.all()


def test_without_a_config_the_box_has_the_sizes_of_the_manual(here):
    mlipbatch("frame.extxyz", "--center", 42, "-o", "box.extxyz")
    box = read("box.extxyz")
    assert box.info["core_radius"] == 5.0
    assert 100 < len(box) <= 300
    assert box.cell.lengths().min() > 12


@pytest.mark.engines
def test_the_worst_of_all_frames_with_their_buffers_relaxed(here):
    mlipbatch(
        "hot.extxyz", "none.extxyz", "more.extxyz", "--worst", 4, "--potential", POTENTIAL, "--config", "input.yaml",
        "--config-type", "active_learning_gen1", "-o", "boxes.extxyz",
    )  # fmt: skip
    boxes = read("boxes.extxyz", ":")
    assert len(boxes) == 4
    grades = [box.info["gamma_max"] for box in boxes]
    assert grades[0] == max(grades)
    assert all(2.0 <= grade <= 10.0 for grade in grades)
    assert len({box.info["name"] for box in boxes}) == 4
    for box in boxes:
        assert box.info["config_type"] == "active_learning_gen1"
        assert box.info["root"] == "sqs-1"
        assert box.info["gamma_max"] == pytest.approx(box.arrays["gamma"][0], abs=1e-6)
        assert box.arrays["gamma_box"].shape == (32,)


def test_walks_that_found_nothing_give_no_boxes_and_no_error(here):
    said = mlipbatch(
        "none.extxyz", "--worst", 4, "--potential", POTENTIAL, "--config", "input.yaml", "-o", "boxes.extxyz"
    )
    assert "0 boxes in boxes.extxyz" in said.stdout
    assert Path("boxes.extxyz").read_bytes() == b""


def test_the_same_call_writes_the_same_bytes(here):
    for name in ("a", "b"):
        words = ("--worst", 3, "--potential", POTENTIAL, "--config", "input.yaml")
        mlipbatch("more.extxyz", *words, "-o", f"{name}.extxyz")
    assert Path("a.extxyz").stat().st_size > 1000
    assert Path("a.extxyz").read_bytes() == Path("b.extxyz").read_bytes()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["frame.extxyz"], "give either --center I (one box) or --worst N"),
        (["frame.extxyz", "--center", 1, "--worst", 1], "give either --center I (one box) or --worst N"),
        (["frame.extxyz", "--center", 500], "frame.extxyz: --center 500: the frame has 500 atoms, counted from 0"),
        (["frame.extxyz", "--center", -1], "frame.extxyz: --center -1: the frame has 500 atoms, counted from 0"),
        (["frame.extxyz", "--center", 1, "--index", 3], "--index 3: there are 1 frames, counted from 0"),
        (["frame.extxyz", "--worst", 0, "--potential", POTENTIAL], "or --worst N (the N most uncertain ones) and"),
        (["frame.extxyz", "--worst", 4], "or --worst N (the N most uncertain ones) and --potential DIR"),
        (["missing.extxyz", "--worst", 1, "--potential", POTENTIAL], "missing.extxyz: no such file"),
        (["none.extxyz", "--center", 1], "none.extxyz: the file is empty"),
        (["frame.extxyz", "--center", 1, "--potential", "."], ". is no potential: it has no potential.json"),
        (["nickel.extxyz", "--worst", 1, "--potential", POTENTIAL], "frame-7 has Ni, but the potential in"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence(here, words, sentence):
    nickel = crystal(repeat=2)
    nickel.symbols[:] = "Ni"
    write_frames(Path("nickel.extxyz"), [nickel])
    with pytest.raises(InputError) as refusal:
        mlipbatch(*words, "-o", "out.extxyz")
    assert sentence in str(refusal.value)
    assert not Path("out.extxyz").exists()
