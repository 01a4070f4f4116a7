"""The undistorted cells: one list for each composition and size, each crystal under one root."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Literal

from ase import Atoms

from mlipbatch.structures import tag
from mlipbatch.structures.crystal import fingerprint
from mlipbatch.structures.lattice import Composition, Lattice, lattice_of, primitive, scaled, sites
from mlipbatch.structures.supercells import near_cubic_repeats

if TYPE_CHECKING:
    from mlipbatch.config.model import Config

Say = Callable[[str], None]


class Crystals:
    """Which root each crystal has, as cells come in."""

    def __init__(self) -> None:
        self._roots: dict[Hashable, str] = {}
        self._seen: set[Hashable] = set()

    def is_new(self, atoms: Atoms) -> bool:
        """False for a crystal that was seen in as many atoms."""
        key = (fingerprint(atoms), len(atoms))
        new = key not in self._seen
        self._seen.add(key)
        return new

    def root(self, atoms: Atoms, name: str) -> str:
        """Name of the first cell of this crystal: `name` if it is the first."""
        return self._roots.setdefault(fingerprint(atoms), name)


def undistorted(config: Config, say: Say) -> list[Atoms]:
    """Tagged cells of every composition and size of the configuration, with at most `sqs_per_composition` each.

    A size or composition that cannot be had exactly is rounded to the nearest, and `say` tells.
    """
    lattice, section, crystals = lattice_of(config), config.generation, Crystals()
    pairs = [(composition, size) for composition in section.compositions for size in dict.fromkeys(section.sqs_sizes)]
    found: list[Atoms] = []
    contents: set[str] = set()
    started = time.monotonic()
    for done, (composition, size) in enumerate(pairs, 1):
        cells = cells_of(
            lattice, composition, size, section.sqs_per_composition, config.seed, say, shape=section.cell_shapes
        )
        content = tag.formula(cells[0].get_chemical_symbols()) if cells else ""
        if content and content not in contents:
            contents.add(content)
            found += _tagged([cell for cell in cells if crystals.is_new(cell)], f"sqs-{content}", crystals)
        left = (time.monotonic() - started) / done * (len(pairs) - done)
        say(f"sqs: {done}/{len(pairs)} {content or 'nothing'}, {len(found)} cells so far, about {left:.0f} s left")
    return found


def _tagged(cells: list[Atoms], prefix: str, crystals: Crystals) -> list[Atoms]:
    for number, cell in enumerate(cells, 1):
        name = f"{prefix}-{number}"
        tag.root(cell, "sqs", name, crystals.root(cell, name))
    return cells


def cells_of(
    lattice: Lattice,
    composition: Composition,
    size: int,
    number: int,
    seed: int,
    say: Say,
    *,
    shape: Literal["compact", "conventional"] = "compact",
) -> list[Atoms]:
    """Up to `number` different cells of about `size` atoms at about `composition`, at the volume of their own composition.

    `conventional` cells are near-cubic repeats of the conventional cell: their k-meshes are commensurate with one another.
    """
    from mlipbatch.structures.sqs import special_cells

    place = sites(lattice, composition)
    unit = primitive(place.cell)
    fixed = _repeated(place.cell, size, say) if shape == "conventional" else None
    size = len(fixed) if fixed is not None else size
    n_cells = max(1, round(size / len(unit)))
    if n_cells * len(unit) != size:
        say(
            f"sqs: {size} atoms are not a whole number of primitive cells of {len(unit)} atoms: {n_cells * len(unit)} instead"
        )
    counts = place.counts(unit.repeat((n_cells, 1, 1)))
    wanted = ", ".join(f"{symbol} {share:g}" for symbol, share in composition.items())
    if missing := [symbol for symbol, count in counts.items() if count == 0]:
        say(f"sqs: {n_cells * len(unit)} atoms are too few for {wanted}: no atom of {', '.join(missing)}; skipped")
        return []
    cells = special_cells(unit, place.label, counts, n_cells, number, tag.seed_of(seed, f"{wanted} {size}"), fixed)
    shares = fractions(cells[0])
    if any(abs(shares.get(symbol, 0.0) - share) > 1e-4 for symbol, share in composition.items()):
        say(
            f"sqs: {wanted} in {n_cells * len(unit)} atoms is rounded to {tag.formula(cells[0].get_chemical_symbols())}"
        )
    return [scaled(cell, lattice.volume_at(shares)) for cell in cells]


def _repeated(cell: Atoms, size: int, say: Say) -> Atoms:
    """The conventional cell repeated to `size` atoms, or to the next whole number of cells."""
    repeats = near_cubic_repeats(cell.cell.array, len(cell), size)
    repeated = cell.repeat(repeats)
    if len(repeated) != size:
        say(
            f"sqs: {size} atoms are not a whole number of conventional cells of {len(cell)} atoms: {len(repeated)} instead"
        )
    return repeated


def fractions(atoms: Atoms) -> dict[str, float]:
    """Atomic fraction of each element."""
    symbols = atoms.get_chemical_symbols()
    return {symbol: symbols.count(symbol) / len(symbols) for symbol in sorted(set(symbols))}
