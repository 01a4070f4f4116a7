"""What generators work from: an input.yaml's configuration, or the structures of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlipbatch.structures.cells import undistorted

if TYPE_CHECKING:
    from ase import Atoms

    from mlipbatch.config.model import Config


@dataclass(frozen=True)
class Distortions:
    """Sizes of strains (dimensionless) and rattles (A); the fields are those of `GenerationConfig`."""

    volume_strains: Sequence[float]
    shear_strains: Sequence[float]
    rattle_small: Sequence[float]
    rattle_large: Sequence[float]


@dataclass(frozen=True)
class Scope:
    """Everything that a generator may ask for. `given` are the cells of a structure file, tagged; None with an input.yaml."""

    seed: int
    distortions: Distortions
    say: Callable[[str], None]
    config: Config | None = None
    given: Sequence[Atoms] | None = None

    @cached_property
    def roots(self) -> list[Atoms]:
        """The undistorted cells, tagged; made when first asked for. Not to be changed."""
        if self.given is not None:
            return list(self.given)
        return undistorted(self.campaign, self.say)

    @property
    def campaign(self) -> Config:
        """The configuration, for generators that need one (the registry refuses them without)."""
        if self.config is None:
            raise RuntimeError(
                "this generator works from an input.yaml only, and should be registered with needs='config'"
            )
        return self.config

    @cached_property
    def elements(self) -> list[str]:
        """Chemical symbols of the material, in alphabetical order."""
        if self.config is not None:
            return sorted(self.config.target_system.elements)
        return sorted({symbol for cell in self.roots for symbol in cell.get_chemical_symbols()})
