"""What needs no model: atoms far too close, collapsed or torn cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.model import Config
from mlipbatch.surrogate.reasons import Rejection

if TYPE_CHECKING:
    from ase import Atoms

ATOMS_IN_CUBIC_CELL = {"sc": 1, "bcc": 2, "fcc": 4, "diamond": 8}
THIN = 1.0  # A: a cell thinner than this is reduced before neighbours are counted; it may have millions of images


def lattice_volume(config: Config) -> float | None:
    """Volume per atom of the campaign's lattice, A^3; None where the structure comes from a file."""
    generation, structure = config.generation, config.target_system.crystal_structure
    if structure == "hcp":
        return float(np.sqrt(3) / 4 * generation.lattice_constant**3 * generation.covera)
    if structure in ATOMS_IN_CUBIC_CELL:
        return float(generation.lattice_constant**3 / ATOMS_IN_CUBIC_CELL[structure])
    return None


def malformed(frame: Atoms) -> Rejection | None:
    """Structures that are none."""
    if len(frame) == 0:
        return Rejection("malformed", "it has no atoms")
    bad = np.flatnonzero(~np.isfinite(frame.positions).all(axis=1))
    if len(bad):
        return Rejection(
            "malformed", f"the position of atom {bad[0]} is {frame.positions[bad[0]].tolist()}: not finite"
        )
    if not np.isfinite(frame.cell[:]).all():
        return Rejection("malformed", "its cell has entries that are not finite")
    if frame.pbc.any() and frame.cell.rank < frame.pbc.sum():
        return Rejection("malformed", "it is periodic, but its cell has no volume")
    return None


def wrong_volume(frame: Atoms, lattice: float | None, allowed: tuple[float, float]) -> Rejection | None:
    """Volume per atom of a crystal against the lattice's, both A^3."""
    if lattice is None or not frame.pbc.all():
        return None
    volume = abs(float(np.linalg.det(frame.cell[:]))) / len(frame)
    low, high = allowed[0] * lattice, allowed[1] * lattice
    if low <= volume <= high:
        return None
    side = "collapsed" if volume < low else "torn apart"
    sentence = (
        f"{side}: {volume:.2f} A^3 per atom; allowed are {low:.2f} to {high:.2f} around the lattice's {lattice:.2f}"
    )
    return Rejection("wrong_volume", sentence)


def too_close(frame: Atoms, factor: float) -> Rejection | None:
    """The pair (periodic images included) farthest below `factor` times the sum of its covalent radii."""
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list

    radii = factor * covalent_radii[frame.numbers]  # A
    image = _own_image(frame, radii)
    if image is not None:
        return image
    first, second, distance = neighbor_list("ijd", _reduced(frame), list(radii))  # pairs of overlapping spheres only
    if not len(distance):
        return None
    worst = int(np.argmin(distance / (radii[first] + radii[second])))
    return _close_pair(frame, int(first[worst]), int(second[worst]), float(distance[worst]), radii)


def _own_image(frame: Atoms, radii: np.ndarray) -> Rejection | None:
    """A lattice vector so short that an atom is too close to its own image; found without listing the images."""
    if not frame.pbc.any():
        return None
    lengths = np.linalg.norm(_reduced(frame).cell[:][frame.pbc], axis=1)
    widest = int(np.argmax(radii))
    if lengths.min() >= 2 * radii[widest]:
        return None
    return _close_pair(frame, widest, widest, float(lengths.min()), radii)


def _reduced(frame: Atoms) -> Atoms:
    """The same crystal in its most compact cell, where the given one is thin."""
    if not frame.pbc.all() or (1.0 / np.linalg.norm(frame.cell.reciprocal()[:], axis=1)).min() > THIN:
        return frame
    from ase import Atoms
    from ase.geometry import minkowski_reduce

    cell, _ = minkowski_reduce(frame.cell[:])
    return Atoms(frame.numbers, positions=frame.positions, cell=cell, pbc=True)


def _close_pair(frame: Atoms, first: int, second: int, distance: float, radii: np.ndarray) -> Rejection:
    names = frame.get_chemical_symbols()
    pair = f"atom {first} ({names[first]}) and " + (
        "its own image" if first == second else f"atom {second} ({names[second]})"
    )
    return Rejection(
        "too_close", f"{pair} are {distance:.2f} A apart; at least {radii[first] + radii[second]:.2f} is asked for"
    )
