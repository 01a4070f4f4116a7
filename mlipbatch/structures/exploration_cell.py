"""Generator of the large cells that molecular dynamics starts from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import numpy as np
from ase import Atoms

from mlipbatch.core.frames import EXPLORATION_CELL, UNIT_CELL
from mlipbatch.structures import deform, tag
from mlipbatch.structures.cells import fractions
from mlipbatch.structures.lattice import Composition, Lattice, lattice_of, scaled, sites
from mlipbatch.structures.registry import generator
from mlipbatch.structures.scope import Scope
from mlipbatch.structures.supercells import near_cubic_repeats

DISPLACEMENT = 0.02  # A: enough to leave the saddle point that a perfect crystal may be


@generator(EXPLORATION_CELL, from_config=False, from_file=False, needs="config")
def exploration_cell(scope: Scope) -> Iterator[Atoms]:
    """a large cell for each walker, randomly occupied, target composition first and the others in turn

    `info["unit_cell"]` [3, 3] A is the customary cell of the crystal, of which the large one is a repeat.
    """
    config, lattice = scope.campaign, lattice_of(scope.campaign)
    target = config.target_system.composition
    others = [composition for composition in config.generation.compositions if not _same(composition, target)]
    turns = cycle([target, *others])
    for number, composition in zip(range(1, len(config.exploration.temperatures) + 1), turns, strict=False):
        yield _walker(lattice, composition, config.exploration.atoms, number, scope.seed)


def _walker(lattice: Lattice, composition: Composition, atoms: int, number: int, seed: int) -> Atoms:
    place = sites(lattice, composition)
    repeats = near_cubic_repeats(place.cell.cell.array, len(place.cell), atoms)
    large = place.cell.repeat(repeats)
    rng = tag.random_numbers(seed, f"{EXPLORATION_CELL}-{number}")
    free = np.flatnonzero(large.symbols == place.label)
    if place.mixed:
        counts = place.counts(large)
        large.symbols[free] = rng.permutation(
            [symbol for symbol, count in sorted(counts.items()) for _ in range(count)]
        )
    large = deform.rattled(scaled(large, lattice.volume_at(fractions(large))), DISPLACEMENT, rng)
    tag.root(large, EXPLORATION_CELL, f"explore-{tag.formula(large.get_chemical_symbols())}-{number}")
    large.info[UNIT_CELL] = large.cell.array / np.array(repeats)[:, None]
    return large


def _same(one: Composition, other: Composition) -> bool:
    return all(abs(one.get(symbol, 0.0) - other.get(symbol, 0.0)) < 1e-6 for symbol in {*one, *other})
