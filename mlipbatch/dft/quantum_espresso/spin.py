"""The kinds of atoms that pw.x is told of: the elements, or several of one element that start with different moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.dft.structures import MOMENTS

if TYPE_CHECKING:
    from ase import Atoms

MOST_KINDS = 9  # pw.x has room for 10 (ntypx), and a label has room for one digit
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # fractions of the valence: how finely moments are told apart


@dataclass(frozen=True)
class Kinds:
    """The species of an input; a label is an element, or an element with a digit."""

    labels: list[str]  # of each atom
    symbols: dict[str, str]  # element of each label, in the order of the card
    start: dict[str, float]  # starting_magnetization of each label; empty without spin
    reason: str


def kinds(atoms: Atoms, nspin: int, start: Mapping[str, float], valence: Mapping[str, float | None]) -> Kinds:
    """Kinds by the structure's own moments where it has them, else by element, ferromagnetic.

    `start` is the campaign's fraction of the valence electrons by element, `valence` the electrons of each pseudopotential.
    """
    symbols: list[str] = atoms.get_chemical_symbols()
    own = moments(atoms)
    elements = list(dict.fromkeys(symbols))
    if nspin == 1:
        said = "; the structure's moments are not used" if own is not None else ""
        return Kinds(symbols, {symbol: symbol for symbol in elements}, {}, f"not spin-polarised{said}")
    if own is None or None in [valence[symbol] for symbol in elements]:
        told = {
            symbol: start.get(symbol, 0.0) for symbol in elements
        }  # all of them: 0 is a value, missing everywhere an error
        return Kinds(symbols, {symbol: symbol for symbol in elements}, told, "ferromagnetic, by element")
    electrons = np.array([valence[symbol] for symbol in symbols], dtype=float)
    return _split(symbols, np.clip(own / electrons, -1.0, 1.0))


def moments(atoms: Atoms) -> np.ndarray | None:
    """[n_atoms] Bohr magnetons of the structure's own; None where it has none, or only zeros (which say nothing)."""
    if not atoms.has(MOMENTS):
        return None
    found = np.asarray(atoms.get_array(MOMENTS), dtype=float)
    return found if found.shape == (len(atoms),) and np.isfinite(found).all() and found.any() else None


def _split(symbols: list[str], fractions: np.ndarray) -> Kinds:
    """Atoms of one element whose fractions differ become kinds of their own, told apart as finely as there is room for."""
    for step in STEPS:
        rounded = [
            (symbol, round(float(step * round(value / step)), 4))
            for symbol, value in zip(symbols, fractions, strict=True)
        ]
        groups = list(dict.fromkeys(rounded))
        if len(groups) <= MOST_KINDS:
            break
    names: dict[tuple[str, float], str] = {}
    for symbol, value in groups:
        alike = [group for group in groups if group[0] == symbol]
        names[symbol, value] = symbol if len(alike) == 1 else f"{symbol}{alike.index((symbol, value)) + 1}"
    start = {names[group]: group[1] for group in groups}
    reason = f"the structure's own moments, to {step:g} of the valence electrons"
    return Kinds([names[group] for group in rounded], {names[group]: group[0] for group in groups}, start, reason)
