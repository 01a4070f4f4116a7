"""Farthest point sampling is exact: the very picks of plain float64 sampling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mlipbatch.config.errors import InputError
from mlipbatch.selection import farthest, farthest_points, sample
from mlipbatch.selection.ace import ACEDescriptor


def plain(points: NDArray[Any], k: int, database: NDArray[Any] | None = None, start: int = 0) -> list[int]:
    """The definition, in float64, a pass over all points for every pick."""
    table = np.ascontiguousarray(points, dtype=np.float64)
    nearest = np.full(len(table), np.inf)
    for known in () if database is None else database:
        nearest = np.minimum(nearest, ((table - known) ** 2).sum(axis=1))
    picks = [start if database is None else int(np.argmax(nearest))]
    while len(picks) < k:
        nearest = np.minimum(nearest, ((table - table[picks[-1]]) ** 2).sum(axis=1))
        nearest[picks[-1]] = -np.inf
        picks.append(int(np.argmax(nearest)))
    return picks


def gauss(rng: np.random.Generator) -> NDArray[Any]:
    return rng.normal(size=(4000, 30))


def clusters(rng: np.random.Generator) -> NDArray[Any]:
    """Twelve clusters far apart, each a tenth as wide as the one before."""
    return np.concatenate([rng.normal(size=(300, 8)) * 10.0**-i + 100 * rng.normal(size=8) for i in range(12)])


def structured(rng: np.random.Generator) -> NDArray[Any]:
    """A curved sheet in many dimensions, single precision, far from the origin."""
    flat = rng.uniform(size=(3000, 3))
    return (np.tanh(flat @ rng.normal(size=(3, 40)) * 3) + 50).astype(np.float32)


def grid(rng: np.random.Generator) -> NDArray[Any]:
    """Integers: everything ties with everything."""
    return rng.integers(0, 3, size=(3000, 6))


def doubled(rng: np.random.Generator) -> NDArray[Any]:
    return np.repeat(rng.normal(size=(60, 5)), 20, axis=0)[rng.permutation(1200)]


def outlier(rng: np.random.Generator) -> NDArray[Any]:
    return np.concatenate([rng.normal(size=(1500, 4)), [[1e7, 0, 0, 0]]])


def near_ties(rng: np.random.Generator) -> NDArray[Any]:
    """Points of a circle, moved by a few units in the last place: no single-precision or product form tells them apart."""
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + rng.integers(-4, 5, size=(2000, 1)) * 2.0**-52)


SETS = [gauss, clusters, structured, grid, doubled, outlier, near_ties]


@pytest.mark.parametrize("make", SETS)
@pytest.mark.parametrize("with_database", [False, True])
def test_picks_are_those_of_plain_sampling(make: Any, with_database: bool) -> None:
    rng = np.random.default_rng(7)
    points = make(rng)
    database = points[rng.choice(len(points), 150)] + 0.01 if with_database else None
    assert farthest_points(points, 400, database=database) == plain(points, 400, database)


def test_picks_are_those_of_plain_sampling_on_ace_descriptors() -> None:
    descriptor = ACEDescriptor(["Al", "Mg"], 5.0, 60)
    rows = []
    for seed in range(40):
        cell = bulk("Al", "fcc", a=4.05, cubic=True) * (2, 2, 1)
        cell.symbols[: 2 * (seed % 4)] = "Mg"
        cell.rattle(0.3 * (seed % 5) / 5, seed=seed)  # every fifth a perfect crystal: hundreds of equal atoms
        rows.append(descriptor.project(cell)[0])
    points = np.concatenate(rows)
    assert farthest_points(points, 300) == plain(points, 300)
    assert farthest_points(points[200:], 100, database=points[:200]) == plain(points[200:], 100, points[:200])


@settings(max_examples=150, deadline=None)
@given(
    points=arrays(
        np.float64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.sampled_from([0, 0.1, 0.3, 1, 1e8])
    ),
    data=st.data(),
)
def test_any_small_set_with_all_its_ties(points: NDArray[Any], data: st.DataObject) -> None:
    k, start = data.draw(st.integers(1, len(points))), data.draw(st.integers(0, len(points) - 1))
    known = points[: data.draw(st.integers(0, len(points)))] + data.draw(st.sampled_from([0.0, 0.1]))
    assert farthest_points(points, k, start=start) == plain(points, k, start=start)
    if len(known):
        assert farthest_points(points, k, database=known) == plain(points, k, known)


def test_bounds_hold_when_the_pool_must_be_filled_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farthest, "POOL_MIN", 3)
    points = np.random.default_rng(1).normal(size=(500, 3))
    assert farthest_points(points, 500) == plain(points, 500)


def test_distances_fall_and_are_those_to_the_chosen() -> None:
    points = np.array([[0.0], [1.0], [10.0], [4.0]])
    picks = sample(points, 4)
    assert picks.indices == [0, 2, 3, 1]
    assert picks.distances == [np.inf, 10.0, 4.0, 1.0]


def test_all_points_alike_are_chosen_in_their_order() -> None:
    assert farthest_points(np.ones((5, 2)), 5, start=3) == [3, 0, 1, 2, 4]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, bool])
def test_every_real_dtype(dtype: Any) -> None:
    points = np.random.default_rng(0).integers(0, 100, size=(300, 4)).astype(dtype)
    assert farthest_points(points, 50) == plain(points, 50)


def test_memory_mapped_and_strided_tables(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(3000, 10)).astype(np.float32)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    assert farthest_points(mapped, 60) == plain(points, 60)
    assert farthest_points(np.asfortranarray(points)[::2], 60) == plain(points[::2], 60)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_row(bad: float) -> None:
    points = np.zeros((5000, 3))
    points[4321, 1] = bad
    with pytest.raises(InputError, match="points: row 4321, column 1 is"):
        farthest_points(points, 2)
    with pytest.raises(InputError, match="database: row 4321, column 1 is"):
        farthest_points(np.zeros((3, 3)), 2, database=points)
    with pytest.raises(InputError, match="overflow"):
        farthest_points(np.array([[-1e200], [1e200]]), 2)


@pytest.mark.parametrize(
    ("points", "k", "rest", "sentence"),
    [
        (np.zeros((3, 2)), 4, {}, "k = 4: choose between 1 and 3"),
        (np.zeros((3, 2)), 0, {}, "k = 0"),
        (np.zeros((3, 2)), 1, {"start": 3}, "start = 3: must be between 0 and 2"),
        (np.zeros(3), 1, {}, r"shape \(3,\); expected \(n, d\)"),
        (np.zeros((0, 2)), 1, {}, "shape"),
        (np.zeros((3, 2), dtype=complex), 1, {}, "complex128; expected real numbers"),
        (np.zeros((3, 2)), 1, {"database": np.zeros((3, 4))}, "the database has 4 columns, the points have 2"),
    ],
)
def test_wrong_use(points: NDArray[Any], k: int, rest: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        farthest_points(points, k, **rest)
