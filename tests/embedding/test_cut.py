"""Boxes are what SPEC 7 asks for: periodic, dense, the core as it was, nothing overlapping."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.neighborlist import neighbor_list

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import EmbeddingConfig
from mlipbatch.embedding import cut
from tests.embedding.frames import DEMO, LARGE, crystal, melt


def closest(atoms: Atoms) -> float:
    return float(neighbor_list("d", atoms, 4.0).min())


def environment(atoms: Atoms, center: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (A) and elements of all within `radius` of an atom."""
    i, j, vectors = neighbor_list("ijD", atoms, radius)
    return vectors[i == center], atoms.numbers[j[i == center]]


def core_is_as_in(frame: Atoms, box: Atoms) -> None:
    radius = box.info["core_radius"]
    vectors, elements = environment(box, 0, radius)
    wanted, wanted_elements = environment(frame, int(box.arrays["original_index"][0]), radius)
    assert len(vectors) == len(wanted)
    apart = np.linalg.norm(vectors[:, None] - wanted[None], axis=2)
    assert apart.min(axis=1).max() < 1e-6
    assert (elements == wanted_elements[apart.argmin(axis=1)]).all()
    distance = box.get_distances(0, range(len(box)), mic=True)
    assert (box.arrays["force_mask"] == (distance <= radius)).all()


def test_the_demo_box_is_two_by_two_by_two_cells():
    frame = crystal(sigma=0.0)
    box = cut(frame, 123, DEMO)
    assert box.cell.cellpar() == pytest.approx([8.2, 8.2, 8.2, 90, 90, 90])
    assert len(box) == 32
    assert box.arrays["force_mask"].sum() == 13  # the centre and its first shell
    assert box.pbc.all()
    assert box.info["seam_mismatch"] == pytest.approx(0, abs=1e-6)
    assert box.get_scaled_positions()[0] == pytest.approx([0.5, 0.5, 0.5])
    core_is_as_in(frame, box)


def test_info_and_arrays_tell_where_a_box_comes_from():
    frame = crystal()
    frame.set_array("mlip_forces", np.ones((len(frame), 3)))
    frame.set_array("momenta", np.ones((len(frame), 3)))
    frame.info["mlip_energy"] = -5.0
    box = cut(frame, 123, DEMO, config_type="active_learning_gen1")
    original = box.arrays["original_index"]
    assert original[0] == 123
    assert len(set(original.tolist())) == len(box)
    assert (box.numbers == frame.numbers[original]).all()
    assert box.arrays["gamma"] == pytest.approx(frame.arrays["gamma"][original])
    assert box.info["gamma_max"] == frame.arrays["gamma"][123]
    assert box.info["name"] == "frame-7-atom123"
    assert box.info["parents"] == "frame-7"
    assert box.info["root"] == "sqs-1"
    assert box.info["config_type"] == "active_learning_gen1"
    assert box.info["center"] == 0
    assert (box.info["core_radius"], box.info["buffer"]) == (3.5, pytest.approx(0.6, abs=0.31))
    assert box.info["temperature"] == 900.0
    assert not {"mlip_forces", "momenta"} & set(box.arrays)  # they are the frame's, not the box's
    assert "mlip_energy" not in box.info


@pytest.mark.parametrize("center", [0, 77, 123, 499])
@pytest.mark.parametrize("config", [DEMO, LARGE], ids=["demo", "large"])
def test_hot_crystals_keep_their_number_of_atoms_and_do_not_overlap(center, config):
    frame = crystal(sigma=0.15, seed=center)
    box = cut(frame, center, config)
    assert len(box) / box.get_volume() == pytest.approx(len(frame) / frame.get_volume(), rel=1e-6)
    assert closest(box) > 0.9 * closest(frame)
    core_is_as_in(frame, box)


def test_the_unit_cell_may_be_given_and_need_not_be_the_cubic_one():
    frame = crystal()
    del frame.info["unit_cell"]
    box = cut(frame, 50, DEMO, unit_cell=np.asarray(bulk("Al", a=4.1).cell))
    assert sorted(box.cell.lengths()) == pytest.approx([8.2, 8.2, 8.2])
    assert len(box) == 32


def test_strained_frames_are_cut_as_repeats_of_the_strained_cell():
    frame = crystal(sigma=0.05)
    strain = np.array([[1.03, 0.02, 0.0], [0.0, 0.98, 0.01], [0.0, 0.0, 1.01]])
    frame.set_cell(frame.cell @ strain, scale_atoms=True)
    frame.info["unit_cell"] = np.asarray(frame.info["unit_cell"]) @ strain
    box = cut(frame, 200, DEMO)
    assert len(box) == 32
    assert box.get_volume() == pytest.approx(frame.get_volume() * 32 / len(frame))
    core_is_as_in(frame, box)


@pytest.mark.parametrize(
    ("unit", "repeat"),
    [
        (bulk("Fe", cubic=True, a=2.87), (7, 7, 7)),
        (bulk("Mg", a=3.2, c=5.2), (8, 8, 6)),
        (bulk("Si", cubic=True), (4, 4, 4)),
        (bulk("NaCl", "rocksalt", a=5.64), (6, 6, 6)),
    ],
    ids=["bcc", "hcp", "diamond", "rocksalt"],
)
def test_other_crystals(unit, repeat):
    frame = unit * repeat
    frame.rattle(0.05, seed=1)
    box = cut(frame, 11, LARGE, unit_cell=np.asarray(unit.cell))
    assert len(box) <= LARGE.max_atoms
    assert len(box) / box.get_volume() == pytest.approx(len(frame) / frame.get_volume(), rel=1e-6)
    assert closest(box) > 0.9 * closest(frame)
    core_is_as_in(frame, box)


def test_a_crystal_is_recognised_without_its_unit_cell():
    frame = crystal(sigma=0.05)
    del frame.info["unit_cell"]
    box = cut(frame, 123, DEMO)
    assert box.cell.lengths() == pytest.approx([8.2, 8.2, 8.2], rel=0.02)
    assert len(box) == 32


@pytest.mark.parametrize("center", [3, 150])
@pytest.mark.parametrize("crystalline", [False, True], ids=["no cell", "the cell it once had"])
def test_liquids_stay_dense_and_nothing_overlaps(center, crystalline):
    frame = melt()
    if crystalline:
        frame.info["unit_cell"] = np.eye(3) * 3.8
    box = cut(frame, center, LARGE.model_copy(update={"max_atoms": 150}))
    assert len(box) / box.get_volume() == pytest.approx(len(frame) / frame.get_volume(), rel=0.06)
    assert closest(box) > 0.9 * closest(frame)
    core_is_as_in(frame, box)


def test_where_boxes_would_be_too_large_the_buffer_shrinks_first_then_the_core():
    frame = crystal(sigma=0.05)
    used = [cut(frame, 9, LARGE.model_copy(update={"max_atoms": limit})) for limit in (400, 110, 40, 20)]
    assert [len(box) <= limit for box, limit in zip(used, (400, 110, 40, 20), strict=True)] == [True] * 4
    sizes = [(box.info["core_radius"], box.info["buffer"]) for box in used]
    assert sizes[0][0] == sizes[1][0] == 5.0
    assert sizes[0][1] > sizes[1][1] > 0
    assert sizes[2][0] < 5.0
    assert sizes[2][1] == sizes[3][1] == 0
    assert sizes[3][0] < sizes[2][0]
    for box in used:
        core_is_as_in(frame, box)


def test_a_limit_that_no_box_meets_is_refused():
    with pytest.raises(InputError, match=r"no box of at most 5 atoms .* raise embedding.max_atoms"):
        cut(crystal(), 9, LARGE.model_copy(update={"max_atoms": 5}))


def test_a_frame_hardly_larger_than_the_box_is_taken_whole():
    frame = crystal(repeat=2)
    box = cut(frame, 5, DEMO)
    assert len(box) == len(frame)
    assert box.info["seam_mismatch"] == pytest.approx(0, abs=1e-6)
    assert sorted(box.arrays["original_index"].tolist()) == list(range(len(frame)))


@pytest.mark.parametrize("known", [True, False], ids=["cell known", "cell unknown"])
def test_surfaces_keep_their_vacuum(known):
    slab = fcc111("Al", (8, 8, 6), a=4.05, vacuum=12, orthogonal=True)
    slab.pbc = True
    slab.rattle(0.05, seed=3)
    unit = np.diag([4.05 / np.sqrt(2), 4.05 * np.sqrt(1.5), 4.05 * np.sqrt(3)])
    top = int(slab.positions[:, 2].argmax())
    box = cut(slab, top, LARGE.model_copy(update={"max_atoms": 250}), unit_cell=unit if known else None)
    i = neighbor_list("i", box, 3.3)
    assert np.bincount(i, minlength=len(box))[0] == 9  # an atom of a (111) surface, not of the bulk
    heights = np.sort(box.positions[:, 2] % box.cell[2, 2])
    assert np.diff([*heights, heights[0] + box.cell[2, 2]]).max() > 7.0  # the vacuum
    core_is_as_in(slab, box)


def test_molecules_keep_their_vacuum_too():
    frame = molecule("CH3CH2OH")
    box = cut(frame, 2, EmbeddingConfig(core_radius=2.0, buffer=3.0, max_atoms=50, boxes=1))
    assert len(box) == len(frame)
    assert len(neighbor_list("i", box, 2.0)) == len(neighbor_list("i", frame, 2.0))


@pytest.mark.parametrize("center", [-1, 500, 10_000])
def test_a_centre_that_is_not_there_is_refused(center):
    with pytest.raises(InputError, match=f"--center {center}: the frame has 500 atoms, counted from 0"):
        cut(crystal(), center, DEMO)
