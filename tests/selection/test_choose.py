"""Selection of structures: fingerprints tell apart what must be learnt apart, references always come along."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from ase import Atoms
from ase.build import bulk
from typer.testing import CliRunner

from mlipbatch.cli.select import select as command
from mlipbatch.config.errors import InputError
from mlipbatch.selection.ace import ACEDescriptor
from mlipbatch.selection.choose import choose
from mlipbatch.selection.defaults import DEFAULT_SELECTION
from mlipbatch.selection.fingerprint import Scaling, fingerprints
from mlipbatch.store.durable import read_frames, write_frames

CONFIG = DEFAULT_SELECTION.model_copy(update={"descriptor_functions": 40, "descriptor_cutoff": 5.0})

app = typer.Typer()
app.command()(command)


def crystal(
    magnesium: int = 0, strain: float = 0.0, shear: float = 0.0, rattle: float = 0.0, seed: int = 0, **info: str
) -> Atoms:
    cell = bulk("Al", "fcc", a=4.05, cubic=True) * (2, 1, 1)
    cell.symbols[:magnesium] = "Mg"
    deformation = np.eye(3) * (1 + strain)
    deformation[0, 1] = shear
    cell.set_cell(cell.cell @ deformation, scale_atoms=True)
    cell.rattle(rattle, seed=seed)
    cell.info.update({"config_type": "sqs"} | info)
    return cell


def distances(frames: list[Atoms]) -> np.ndarray:
    """From the first to each of the others."""
    descriptor = ACEDescriptor(["Al", "Mg"], CONFIG.descriptor_cutoff, CONFIG.descriptor_functions)
    points = fingerprints(frames, descriptor, Scaling.of(descriptor, frames))
    return np.linalg.norm(points[1:] - points[0], axis=1)


def test_fingerprints_grow_apart_with_strain_shear_rattle_and_composition() -> None:
    strain = [crystal(strain=x) for x in (0.01, 0.03, 0.06)]
    shear = [crystal(shear=x) for x in (0.02, 0.05, 0.1)]
    rattle = [crystal(rattle=x) for x in (0.01, 0.05, 0.2)]
    content = [crystal(magnesium=x) for x in (1, 2, 4)]
    found = distances([crystal(), *strain, *shear, *rattle, *content]).reshape(4, 3)
    assert (np.diff(found[:3], axis=1) > 0).all()
    assert (found[:3, 0] > 0.01).all()
    assert (found[3] > 1.0).all()


def test_rattles_differ_from_one_another_and_not_only_from_the_crystal() -> None:
    rattled = [crystal(rattle=0.1, seed=seed) for seed in range(4)]
    assert (distances(rattled) > 0.05).all()


def test_fingerprints_do_not_depend_on_the_cell_the_order_or_the_place_of_atoms() -> None:
    frame = crystal(magnesium=2, rattle=0.1)
    turned = frame.copy()
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    shuffled = frame[np.random.default_rng(0).permutation(len(frame))]
    shuffled.translate([1.0, 2.0, 3.0])
    assert distances([frame, frame * (1, 2, 1), turned, shuffled, crystal()])[:3] == pytest.approx(0, abs=1e-6)


def test_surfaces_clusters_and_lone_atoms_have_fingerprints_too() -> None:
    slab = crystal()
    slab.center(vacuum=8, axis=2)
    slab.pbc = [True, True, False]
    boxed = slab.copy()
    boxed.pbc = True
    cluster = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 2.8]])
    lone = Atoms("Al", cell=[20, 20, 20], pbc=True)
    found = distances([slab, boxed, cluster, lone])
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert (found[1:] > 0.1).all()


def test_what_is_chosen_is_diverse_and_says_how_far_it_was() -> None:
    frames = [crystal(rattle=0.001, seed=seed, name=f"same-{seed}") for seed in range(10)]
    frames += [
        crystal(strain=0.08, name="strained"),
        crystal(magnesium=4, name="mixed"),
        crystal(rattle=0.3, name="hot"),
    ]
    chosen = choose(frames, 4, CONFIG)
    assert chosen[0].info["name"] == "same-0"
    assert {frame.info["name"] for frame in chosen[1:]} == {"strained", "mixed", "hot"}
    gaps = [frame.info["fps_distance"] for frame in chosen[1:]]
    assert gaps == sorted(gaps, reverse=True)
    assert "fps_distance" not in chosen[0].info
    assert "fps_distance" not in frames[1].info


def test_the_database_is_kept_away_from() -> None:
    frames = [crystal(name="known"), crystal(strain=0.08, name="strained"), crystal(magnesium=4, name="mixed")]
    chosen = choose(frames, 2, CONFIG, database=[crystal(), crystal(magnesium=4)])
    assert chosen[0].info["name"] == "strained"
    assert chosen[1].info["fps_distance"] == pytest.approx(0, abs=1e-6)


def test_references_come_along_uncounted_at_the_end() -> None:
    atom = Atoms("Mg", cell=[15, 15, 15], pbc=True, info={"config_type": "isolated_atom", "name": "atom"})
    frames = [atom, crystal(config_type="eos_reference", name="eos"), crystal(name="a"), crystal(magnesium=1, name="b")]
    assert [frame.info["name"] for frame in choose(frames, 1, CONFIG, start=3)] == ["b", "atom", "eos"]
    with pytest.raises(InputError, match="k = 3: choose between 1 and 2"):
        choose(frames, 3, CONFIG)
    with pytest.raises(InputError, match="start = 0"):
        choose(frames, 1, CONFIG, start=0)


def test_a_structure_with_nan_is_named() -> None:
    torn = crystal(name="torn")
    torn.positions[0, 0] = np.nan
    with pytest.raises(InputError, match=r"input: structure 1 \(torn\) has positions or a cell that are not finite"):
        choose([crystal(), torn], 1, CONFIG)


def invoke(*argv: object) -> str:
    run = CliRunner().invoke(app, [str(argument) for argument in argv])
    if run.exception:
        raise run.exception
    return run.stdout


def test_the_command_on_arrays(tmp_path: Path) -> None:
    table, out = tmp_path / "points.npy", tmp_path / "picks.json"
    np.save(table, np.array([[0.0, 0], [1, 0], [9, 0], [4, 0]]))
    assert invoke(table, "-k", 3, "-o", out) == "chose 3 of 4 rows\n"
    assert json.loads(out.read_text()) == {"picks": [0, 2, 3]}
    invoke(table, "-k", 2, "-o", out, "--start", 2)
    assert json.loads(out.read_text()) == {"picks": [2, 0]}
    np.save(tmp_path / "known.npy", np.array([[8.0, 0], [1, 0]]))
    invoke(table, "-k", 9, "-o", out, "--database", tmp_path / "known.npy", "--at-most")
    assert json.loads(out.read_text()) == {"picks": [3, 0, 2, 1]}


def test_the_command_on_structures(tmp_path: Path) -> None:
    source, known, out = (tmp_path / name for name in ("in.extxyz", "known.extxyz", "out.extxyz"))
    atom = Atoms("Al", cell=[15, 15, 15], pbc=True, info={"config_type": "isolated_atom"})
    write_frames(source, [atom, crystal(name="a"), crystal(magnesium=2, name="b"), crystal(strain=0.05, name="c")])
    write_frames(known, [crystal(), crystal(magnesium=2)])
    assert invoke(source, "-k", 1, "-o", out, "--database", known) == "chose 1 of 3 structures and kept 1 references\n"
    assert [frame.info.get("name") for frame in read_frames(out)] == ["c", None]
    assert read_frames(out)[0].info["fps_distance"] > 0.1


def test_the_command_refuses_in_a_sentence_and_writes_nothing(tmp_path: Path) -> None:
    good, holed, text = tmp_path / "good.npy", tmp_path / "holed.npy", tmp_path / "text.npy"
    out = tmp_path / "out.json"
    np.save(good, np.zeros((4, 2)))
    np.save(holed, np.array([[0, 0], [0, np.nan]]))
    text.write_text("no array")
    for argv, sentence in [
        ((tmp_path / "none.npy", "-k", 1), "none.npy: no such file"),
        ((text, "-k", 1), "text.npy: not an .npy array of numbers"),
        ((holed, "-k", 1), "holed.npy: points: row 1, column 1 is nan; finite numbers only"),
        ((good, "-k", 5), "good.npy: k = 5: choose between 1 and 4"),
        ((good, "-k", 1, "--start", 0, "--database", good), "--start and --database exclude each other"),
    ]:
        with pytest.raises(InputError) as caught:
            invoke(*argv, "-o", out)
        assert sentence in str(caught.value)
        assert not out.exists()
