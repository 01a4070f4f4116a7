"""One line of the doctor's table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """What was looked for, and what there is."""

    group: str  # packages, programs, pseudopotentials, machine
    name: str
    purpose: str
    found: bool
    necessary: bool = False  # the local loop cannot run without it
    version: str = ""
    where: str = ""
    problem: str = ""  # what is wrong with something that is there
    remedy: str = ""  # the command, or the sentence, that gets what is missing

    @property
    def well(self) -> bool:
        """It is there, and nothing is wrong with it."""
        return self.found and not self.problem

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "well": self.well}
