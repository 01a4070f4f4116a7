"""Special quasirandom structures with icet: small cells by looking at all of them, larger ones by annealing."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import comb, prod
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipbatch.structures.crystal import fingerprint
from mlipbatch.structures.supercells import compact_shapes, hermite_normal_forms, supercell, tidy

if TYPE_CHECKING:
    from icet import ClusterSpace

# cutoffs in units of the cube root of the volume an atom: in fcc pairs to the fourth shell, triplets to the second
PAIRS, TRIPLETS = 2.3, 1.6
ENUMERABLE = 20_000  # arrangements, before symmetry, that are looked at one by one: about half a second
NEAR_IMAGES = (
    0.8  # cells whose shortest edge is below this part of the longest such come last: atoms next to their own images
)
# icet can reward near shells that are perfectly random; in cells of 8 to 32 atoms that is paid for with far shells that are not
# at all (fcc, 16 atoms at 50 %: 0, 0, 0, -0.33 with it, 0, 0, -0.08, 0 without it)
PERFECT_SHELLS = 0.0
STEPS_PER_ATOM, FEWEST_STEPS, MOST_STEPS = 100, 1000, 5000  # of annealing: 0.2 s for 16 atoms, 2.5 s for 96


def cluster_space(sites: Atoms, label: str, mixed: list[str]) -> ClusterSpace:
    """icet's cluster space of the lattice `sites`, where every atom called `label` may be any of `mixed`."""
    from icet import ClusterSpace

    edge = np.cbrt(sites.get_volume() / len(sites))
    allowed = [mixed if symbol == label else [symbol] for symbol in sites.get_chemical_symbols()]
    return ClusterSpace(sites, [PAIRS * edge, TRIPLETS * edge], allowed)


def random_alloy_vector(space: ClusterSpace, fractions: Mapping[str, float]) -> NDArray[np.float64]:
    """Cluster vector of the infinite random alloy, [n_orbits]: sites are independent, so that the mean of a cluster function
    is the product of its site functions' means (Zunger et al., PRL 65, 353, 1990). `fractions` are those of the mixed sites.
    """
    from ase.data import atomic_numbers

    symbols = sorted(fractions, key=atomic_numbers.__getitem__)  # icet's order

    def mean(component: int) -> float:
        values = (space.evaluate_cluster_function(len(symbols), component, index) for index in range(len(symbols)))
        return float(sum(fractions[symbol] * value for symbol, value in zip(symbols, values, strict=True)))

    orbits = [orbit for orbit in space.as_list if orbit["order"] > 0]
    return np.array([1.0, *(prod(mean(component) for component in orbit["multicomponent_vector"]) for orbit in orbits)])


def special_cells(
    sites: Atoms,
    label: str,
    counts: Mapping[str, int],
    n_cells: int,
    number: int,
    seed: int,
    shape: Atoms | None = None,
) -> list[Atoms]:
    """Up to `number` different cells of `n_cells` primitive cells `sites`, the most random first.

    `counts` says how many of the atoms called `label` each element becomes; with one element, or none (every site is taken
    already), there is only one crystal. All are at the volume of `sites`; `shape` is the only supercell where it is given.
    Deterministic.
    """
    if len(counts) < 2:
        cell = shape.copy() if shape else supercell(sites, compact_shapes(sites.cell.array, n_cells, 1)[0])
        cell.symbols[cell.symbols == label] = next(iter(counts), label)
        return [cell]
    if shape:
        return _annealed(sites, label, counts, [shape], number, seed)
    if _arrangements(n_cells, list(counts.values())) <= ENUMERABLE:
        return _enumerated(sites, label, counts, n_cells)[:number]
    shapes = [supercell(sites, matrix) for matrix in compact_shapes(sites.cell.array, n_cells, number)]
    return _annealed(sites, label, counts, shapes, number, seed)


def _arrangements(n_cells: int, counts: list[int]) -> int:
    ways = prod(comb(sum(counts[: k + 1]), count) for k, count in enumerate(counts))
    return ways if ways > ENUMERABLE else ways * len(hermite_normal_forms(n_cells))


def _fractions(counts: Mapping[str, int]) -> dict[str, float]:
    return {symbol: count / sum(counts.values()) for symbol, count in counts.items()}


def _enumerated(sites: Atoms, label: str, counts: Mapping[str, int], n_cells: int) -> list[Atoms]:
    """All symmetrically distinct cells of that size, those with far images first, then by distance from the random alloy."""
    from icet.tools import enumerate_structures
    from icet.tools.structure_generation import compare_cluster_vectors

    mixed = sorted(counts)
    space = cluster_space(sites, label, mixed)
    target, orbits = random_alloy_vector(space, _fractions(counts)), space.as_list
    allowed = [mixed if symbol == label else [symbol] for symbol in sites.get_chemical_symbols()]
    held = {symbol: count / (n_cells * len(sites)) for symbol, count in counts.items()}
    limits = {symbol: (share, share) for symbol, share in held.items()}

    found = [tidy(cell) for cell in enumerate_structures(sites, [n_cells], allowed, concentration_restrictions=limits)]
    farthest = max(cell.cell.lengths().min() for cell in found)

    def rank(cell: Atoms) -> tuple[bool, float, float]:
        lengths = cell.cell.lengths()
        score = compare_cluster_vectors(
            space.get_cluster_vector(cell), target, orbits, optimality_weight=PERFECT_SHELLS
        )
        return lengths.min() < NEAR_IMAGES * farthest, round(score, 6), round(lengths.max(), 4)

    return sorted(found, key=rank)


def _annealed(
    sites: Atoms, label: str, counts: Mapping[str, int], shapes: Sequence[Atoms], number: int, seed: int
) -> list[Atoms]:
    """Annealed cells in these shapes, each another crystal."""
    from icet.tools.structure_generation import generate_target_structure_from_supercells

    mixed = sorted(counts)
    space = cluster_space(sites, label, mixed)
    target = random_alloy_vector(space, _fractions(counts))
    name = next(sub.symbol for sub in space.get_sublattices(space.primitive_structure) if len(sub.chemical_symbols) > 1)
    steps = min(MOST_STEPS, max(FEWEST_STEPS, STEPS_PER_ATOM * len(shapes[0])))
    found: dict[object, Atoms] = {}
    for attempt in range(2 * number):
        with _own_random_numbers():
            cell = generate_target_structure_from_supercells(
                space,
                [shapes[attempt % len(shapes)]],
                {name: _fractions(counts)},
                target,
                n_steps=steps,
                optimality_weight=PERFECT_SHELLS,
                random_seed=seed + attempt,
            )
        found.setdefault(fingerprint(cell), tidy(cell))
        if len(found) == number:
            break
    return list(found.values())


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """icet seeds Python's global generator: give it back as it was."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
