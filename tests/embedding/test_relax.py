"""Buffers settle at the new boundary; cores do not move."""

from __future__ import annotations

import numpy as np
import pytest
from ase.geometry import find_mic

from mlipbatch.embedding import cut, relax_buffer
from mlipbatch.training.calculator import calculator
from tests.embedding.frames import DEMO, LARGE, POTENTIAL, crystal

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def potential():
    return calculator(POTENTIAL)


def largest_force(box, potential, rows) -> float:
    atoms = box.copy()
    atoms.calc = potential
    return float(np.linalg.norm(atoms.get_forces()[rows], axis=1).max())


def test_the_core_stays_and_the_buffer_is_eased(potential):
    box = cut(crystal(a=4.0, sigma=0.12), 200, DEMO)
    core = box.arrays["force_mask"] == 1
    outermost = int(np.argmax(box.get_distances(0, range(len(box)), mic=True)))
    box.positions[outermost] += [0.5, 0.2, -0.3]  # a bad seam
    settled = relax_buffer(box, potential)
    moved = find_mic(settled.positions - box.positions, box.cell)[1]
    assert moved[core].max() == 0
    assert 0 < moved[~core].max() <= 0.6  # 12 steps of 0.05 A
    assert largest_force(settled, potential, ~core) < 0.8 * largest_force(box, potential, ~core)
    assert settled.calc is None
    assert not settled.constraints


def test_a_good_box_is_left_as_it_is(potential):
    box = cut(crystal(a=4.0, sigma=0.02), 200, DEMO)
    assert largest_force(box, potential, slice(None)) < 0.5
    assert relax_buffer(box, potential).positions == pytest.approx(box.positions)


def test_the_grade_of_the_box_itself_is_kept(potential):
    box = relax_buffer(cut(crystal(a=4.0, sigma=0.12), 200, DEMO), potential)
    again = box.copy()
    again.calc = potential
    again.get_forces()
    assert box.arrays["gamma_box"] == pytest.approx(potential.results["gamma"], abs=1e-9)
    assert "gamma" in box.arrays  # that of the frame


def test_a_core_as_wide_as_the_cutoff_feels_little_of_the_new_boundary(potential):
    frame = crystal(a=4.0, sigma=0.2)
    large = frame.copy()
    large.calc = potential
    forces = large.get_forces().copy()
    gamma = potential.results["gamma"].copy()
    box = relax_buffer(cut(frame, 200, LARGE), potential)
    small = box.copy()
    small.calc = potential
    assert len(box) < len(frame)
    assert box.arrays["gamma_box"][0] == pytest.approx(gamma[200], abs=1e-6)  # all its neighbours are core
    core = box.arrays["force_mask"] == 1
    error = small.get_forces()[core] - forces[box.arrays["original_index"][core]]
    assert np.sqrt((error**2).mean()) < 0.05 * np.sqrt((forces**2).mean())
