"""Which structures are checked: a few small distorted ones, so that neither forces nor stress are zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import Config
from mlipbatch.core import frames
from mlipbatch.store.durable import read_frames
from mlipbatch.store.project import Project
from mlipbatch.structures.generate import generate
from mlipbatch.structures.lattice import lattice_of

if TYPE_CHECKING:
    from ase import Atoms

SMALL = 16  # atoms: of larger ones a scan costs more than it tells
DISTORTED = ("sqs_strain_rattle", "sqs_rattle_large", "sqs_rattle_small")  # the first has forces and stress for certain
LEFT_OUT = (frames.ISOLATED_ATOM, frames.EOS_REFERENCE)


def of_campaign(config: Config, project: Project | None, number: int, usable: Callable[[Atoms], bool]) -> list[Atoms]:
    """Small ones that the project has chosen for labels; where there are not enough, made from the input's material."""
    if project is not None and project.candidates(0, "selected").is_file():
        found = read_frames(project.candidates(0, "selected"))
        small = choose([atoms for atoms in found if len(atoms) <= SMALL and usable(atoms)], number)
        if len(small) == number:
            return small
    made = choose([atoms for atoms in generate(small_cells(config), DISTORTED) if usable(atoms)], number)
    if len(made) < number:
        raise InputError(
            f"the input gives {len(made)} small distorted structures and the check wants {number}; name others with --structures"
        )
    return made


def choose(structures: Sequence[Atoms], number: int) -> list[Atoms]:
    """The smallest distorted ones, after the first always that whose volume an atom is farthest from all chosen."""
    distorted = [atoms for atoms in structures if len(atoms) > 1 and atoms.info.get(frames.CONFIG_TYPE) in DISTORTED]
    ordered = sorted(distorted, key=lambda atoms: (len(atoms), DISTORTED.index(atoms.info[frames.CONFIG_TYPE])))
    if not ordered:
        return []
    enough = len(ordered[min(number, len(ordered)) - 1])
    pool = [atoms for atoms in ordered if len(atoms) <= enough]
    chosen = [pool.pop(0)]
    while pool and len(chosen) < number:
        farthest = max(pool, key=lambda atoms: min(abs(_volume(atoms) - _volume(one)) for one in chosen))
        pool.remove(farthest)
        chosen.append(farthest)
    return chosen


def _volume(atoms: Atoms) -> float:
    return float(atoms.get_volume()) / len(atoms)


def small_cells(config: Config) -> Config:
    """The campaign with one cell at the target composition, as small as the lattice and every element allow."""
    target = dict(config.target_system.composition)
    unit = len(lattice_of(config).conventional)
    least = max(2.0, *(0.5 / share for share in target.values()))
    size = unit * math.ceil(least / unit)
    section = {"sqs_sizes": [size], "sqs_per_composition": 1, "compositions": [target]}
    return config.model_copy(update={"generation": config.generation.model_copy(update=section)})


def of_file(structures: Sequence[Atoms], number: int | None, origin: str) -> list[Atoms]:
    """Of a user's file: all, or the first `number`. Raises InputError where no energy difference is left."""
    named = [atoms.copy() for atoms in structures]
    for place, atoms in enumerate(named):
        atoms.info.setdefault(frames.NAME, f"structure-{place:05d}")
    usable = [atoms for atoms in named if atoms.info.get(frames.CONFIG_TYPE) not in LEFT_OUT][:number]
    if len(usable) < 2:
        raise InputError(
            f"{origin} has {len(usable)} structures to check: two at the least, as energy differences are what a potential learns"
        )
    names = [str(atoms.info[frames.NAME]) for atoms in usable]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{origin}: two structures are called {twice!r}; give each a name of its own")
    return usable
