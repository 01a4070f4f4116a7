"""Generator of the energy-volume curve that the potential is measured against (never trained on)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from mlipbatch.core.frames import EOS_REFERENCE
from mlipbatch.structures import deform, tag
from mlipbatch.structures.cells import cells_of, fractions
from mlipbatch.structures.lattice import Composition, lattice_of, primitive, sites
from mlipbatch.structures.registry import generator
from mlipbatch.structures.scope import Scope

# Nine volumes, more on the side of compression: LDA above all binds tighter than the measured lattice constants of ase.data
VOLUMES = np.linspace(0.88, 1.08, 9)
LARGEST = 8  # atoms
NEAR = 0.051  # largest error of an atomic fraction for the sake of a smaller cell


@generator(EOS_REFERENCE, from_file=False)
def eos_reference(scope: Scope) -> Iterator[Atoms]:
    """nine volumes, -12 % to +8 %, of one small cell at the target composition (test of the potential, not training)"""
    cell = _from_config(scope) if scope.config is not None else min(scope.roots, key=len)
    name = f"eos-{tag.formula(cell.get_chemical_symbols())}"
    tag.root(cell, EOS_REFERENCE, name)
    for ratio in VOLUMES:
        yield tag.child(deform.with_volume(cell, ratio), cell, EOS_REFERENCE, f"vol{ratio:.3f}")


def _from_config(scope: Scope) -> Atoms:
    """The smallest cell near enough to the target, else the nearest."""
    lattice, target = lattice_of(scope.campaign), scope.campaign.target_system.composition
    shape = scope.campaign.generation.cell_shapes
    cell = sites(lattice, target).cell
    unit = len(cell) if shape == "conventional" else len(primitive(cell))
    found: list[tuple[float, int, Atoms]] = []
    for size in range(unit, max(LARGEST, unit) + 1, unit):
        cells = cells_of(lattice, target, size, 1, scope.seed, lambda _message: None, shape=shape)
        found += [(_error(cell, target), size, cell) for cell in cells]
    if not found:  # so dilute that no small cell holds every element: the crystal of those that matter most
        heaviest = max(target, key=target.__getitem__)
        return cells_of(lattice, {heaviest: 1.0}, unit, 1, scope.seed, scope.say, shape=shape)[0]
    near = [entry for entry in found if entry[0] <= NEAR]
    _, _, cell = min(near, key=lambda entry: entry[1]) if near else min(found, key=lambda entry: entry[:2])
    return cell


def _error(cell: Atoms, target: Composition) -> float:
    shares = fractions(cell)
    return max(abs(shares.get(symbol, 0.0) - share) for symbol, share in target.items())
