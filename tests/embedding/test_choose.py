"""The most uncertain atoms, none twice."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from ase import Atoms

from mlipbatch.core.potential import read_potential
from mlipbatch.embedding import choose
from mlipbatch.embedding.novelty import ActiveSet, Projector, active_sets
from mlipbatch.training.calculator import calculator
from tests.embedding.frames import POTENTIAL, crystal

LOW, HIGH = 2.0, 10.0


@cache
def model():
    return calculator(POTENTIAL)


def graded(seed: int, sigma: float = 0.25) -> Atoms:
    frame = crystal(a=4.0, repeat=3, seed=seed, sigma=sigma)
    model().calculate(frame.copy())
    frame.set_array("gamma", model().results["gamma"])
    return frame


def picks(frames: list[Atoms], number: int, low: float = LOW, apart: float = 3.5) -> list[tuple[int, int]]:
    chosen = choose(frames, read_potential(POTENTIAL), number, low, HIGH, apart)
    return [(choice.frame, choice.atom) for choice in chosen]


def test_projections_of_one_atom_give_the_gamma_that_pyace_gives():
    frame = graded(1)
    projector, active = Projector(read_potential(POTENTIAL)), active_sets(read_potential(POTENTIAL))
    for atom in (0, 17, 60):
        projection = projector.project(frame, atom)
        grade = active[frame.symbols[atom]].grades(projection[None, :])[0]
        assert grade == pytest.approx(frame.arrays["gamma"][atom], abs=1e-9)


def test_learning_an_environment_is_swapping_it_into_the_active_set():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(6, 6))
    new = 3 * rng.normal(size=6)
    active = ActiveSet(np.linalg.inv(rows))
    replaced = int(np.abs(new @ np.linalg.inv(rows)).argmax())
    active.learn(new)
    rows[replaced] = new
    assert active.inverse == pytest.approx(np.linalg.inv(rows), abs=1e-9)
    assert active.grades(new[None, :]) == pytest.approx([1.0])  # known now


def test_most_uncertain_first_and_only_between_the_limits():
    frames = [graded(seed) for seed in range(1, 9)]
    tops = sorted(float(frame.arrays["gamma"].max()) for frame in frames)
    low, high = tops[2], tops[-2] + 1e-9
    chosen = choose(frames, read_potential(POTENTIAL), 3, low, high, 3.5)
    assert chosen[0].gamma == pytest.approx(tops[-2])
    assert all(low <= choice.gamma <= high for choice in chosen)
    assert all(frames[one.frame].arrays["gamma"][one.atom] == one.gamma for one in chosen)


def test_the_start_of_a_walk_may_be_as_unknown_as_it_likes():
    frame = graded(1)
    top = float(frame.arrays["gamma"].max())
    low, high = top * 0.98, top * 0.99
    assert choose([frame], read_potential(POTENTIAL), 1, low, high, 3.5) == []
    frame.info["step"] = 0
    (choice,) = choose([frame], read_potential(POTENTIAL), 1, low, high, 3.5)
    assert choice.gamma == pytest.approx(top)


def test_two_of_one_frame_at_most_and_not_neighbours():
    frame = graded(3, sigma=0.35)
    chosen = [atom for _, atom in picks([frame], 10, low=1.2, apart=4.0)]
    assert len(chosen) == 2
    assert frame.get_distance(*chosen, mic=True) >= 4.0


def test_what_is_the_same_a_moment_later_is_not_chosen_again():
    frame = graded(3, sigma=0.35)
    ((_, atom),) = picks([frame], 1, low=1.2)
    later = frame.copy()
    later.rattle(0.002, seed=1)
    model().calculate(later.copy())
    later.set_array("gamma", model().results["gamma"])
    assert later.arrays["gamma"][atom] > 1.2
    assert (1, atom) not in picks([frame, later], 10, low=1.2)


def test_nothing_uncertain_nothing_chosen():
    assert picks([graded(1, sigma=0.02)], 3) == []
    assert picks([], 3) == []
