"""What every structure carries about itself, and the random numbers that belong to its name."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable
from itertools import count

import numpy as np
from ase import Atoms

from mlipbatch.core.frames import CONFIG_TYPE, NAME, PARENTS, ROOT

LONGEST = 40  # characters of a given name: what its children add still makes names that folders can have


def formula(symbols: Iterable[str]) -> str:
    """Al12Mg4: elements in alphabetical order, counts of one left out."""
    return "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in sorted(Counter(symbols).items()))


def safe(text: str) -> str:
    """The text with all but letters, digits, dot, underscore and hyphen replaced, and cut: safe in a shell and as a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:LONGEST] or "structure"


def unused(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken; it is taken from now on."""
    new = next(new for number in count(1) if (new := f"{name}-{number}" if number > 1 else name) not in taken)
    taken.add(new)
    return new


def random_numbers(seed: int, name: str) -> np.random.Generator:
    """The generator of one structure: the same whether or not others are made beside it."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def seed_of(seed: int, text: str) -> int:
    """A seed for programs that want a whole number of their own."""
    return int(random_numbers(seed, text).integers(2**31))


def root(atoms: Atoms, config_type: str, name: str, same_crystal_as: str | None = None) -> Atoms:
    """Tag an undistorted structure; it is its own root, or shares that of the same crystal."""
    atoms.info = {NAME: name, CONFIG_TYPE: config_type, PARENTS: "", ROOT: same_crystal_as or name}
    return atoms


def child(atoms: Atoms, parent: Atoms, config_type: str, suffix: str) -> Atoms:
    """Tag a distorted copy of `parent`."""
    name = f"{parent.info[NAME]}-{suffix}"
    atoms.info = {NAME: name, CONFIG_TYPE: config_type, PARENTS: parent.info[NAME], ROOT: parent.info[ROOT]}
    return atoms
