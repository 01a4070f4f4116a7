"""Run generators over a configuration or over the structures of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.heuristics.draft import Draft
from mlipbatch.config.heuristics.structures import RULES
from mlipbatch.core.frames import ISOLATED_ATOM, NAME
from mlipbatch.structures import bare, distortions, eos, exploration_cell, tag  # noqa: F401  each registers its generators
from mlipbatch.structures.given import tagged
from mlipbatch.structures.registry import Generator, chosen
from mlipbatch.structures.scope import Distortions, Scope

if TYPE_CHECKING:
    from ase import Atoms

    from mlipbatch.config.model import Config

Say = Callable[[str], None]
FIELDS = ("volume_strains", "shear_strains", "rattle_small", "rattle_large")


def generate(config: Config, only: Sequence[str] | None = None, progress: Say | None = None) -> list[Atoms]:
    """Structures of a campaign, deterministic by `config.seed`; each carries name, config_type, parents and root in its info.

    `only` names generators (default: all but exploration_cell and structure, and isolated_atom as the configuration has it).
    What one generator makes does not depend on which others run. `progress` gets one line of text at a time.
    Raises InputError for a name that no generator has.
    """
    section = config.generation
    asked = Distortions(*(getattr(section, field) for field in FIELDS))
    scope = Scope(config.seed, asked, progress or _silent, config=config)
    generators = chosen(only, has_config=True)
    if only is None and not section.isolated_atoms:
        generators = [one for one in generators if one.name != ISOLATED_ATOM]
    return _run(scope, generators)


def generate_from_structures(
    structures: Sequence[Atoms],
    origin: str,
    *,
    seed: int = 0,
    only: Sequence[str] | None = None,
    progress: Say | None = None,
) -> list[Atoms]:
    """Strained, sheared and rattled copies of given crystals, beside themselves, with the default sizes of distortion.

    `origin`: what to call them (a file's name) where they have no name of their own in `info`. Raises InputError for a structure
    without a periodic cell, or with sites that are only partly occupied.
    """
    rules = Draft({}, RULES, find_table=lambda _draft: None)
    usual = Distortions(*(rules[f"generation.{field}"] for field in FIELDS))
    scope = Scope(seed, usual, progress or _silent, given=tagged(structures, Path(origin).stem, origin))
    return _run(scope, chosen(only, has_config=False))


def _run(scope: Scope, generators: Sequence[Generator]) -> list[Atoms]:
    made: list[Atoms] = []
    taken: set[str] = set()  # a file of distorted structures may be distorted again
    for one in generators:
        new = list(one.make(scope))
        for atoms in new:
            atoms.info[NAME] = tag.unused(atoms.info[NAME], taken)
        scope.say(f"{one.name}: {len(new)} structures")
        made += new
    return made


def _silent(_message: str) -> None:
    """No progress wanted."""
