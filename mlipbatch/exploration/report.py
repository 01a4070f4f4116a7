"""What a walk says of itself, for the file beside its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

GAMMA_BINS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 50.0, 100.0)


@dataclass(frozen=True)
class Sample:
    """One look at a walk."""

    step: int
    time_fs: float
    target: float  # K, the thermostat's
    temperature: float  # K
    potential_energy: float  # eV, with reference energies
    kinetic_energy: float  # eV
    gamma_max: float


@dataclass
class WalkReport:
    """A walk as it went. `frames` are the candidates that were collected, in order of time."""

    name: str
    temperature: float  # K, the target
    seed: int
    atoms: int
    frames: list[Atoms] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)  # a sentence each: where it became dangerous, and what was done
    ended: str = ""  # "finished" or "given up: ..."
    timestep: float = 0.0  # fs, at the end
    steps: int = 0  # of the trajectory that counts
    steps_computed: int = 0  # with those that were thrown away
    seconds: float = 0.0
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(GAMMA_BINS), dtype=np.int64))

    @property
    def finished(self) -> bool:
        """Whether all steps were made."""
        return self.ended == "finished"

    def count(self, gamma: NDArray[np.float64]) -> None:
        """Add the grades [n_atoms] of one look to the histogram; the last bin has no upper end."""
        self.histogram += np.histogram(gamma, bins=[*GAMMA_BINS, np.inf])[0]

    def as_json(self) -> dict[str, Any]:
        """Everything but the frames."""
        return {
            "name": self.name,
            "temperature": self.temperature,
            "seed": self.seed,
            "atoms": self.atoms,
            "ended": self.ended,
            "finished": self.finished,
            "frames": len(self.frames),
            "steps": self.steps,
            "steps_computed": self.steps_computed,
            "steps_per_second": round(self.steps_computed / self.seconds, 2) if self.seconds else None,
            "timestep": self.timestep,
            "retries": self.retries,
            "gamma_max": max((sample.gamma_max for sample in self.samples), default=None),
            "gamma_histogram": {"from": list(GAMMA_BINS), "atoms": self.histogram.tolist()},
            "series": {
                name: [round(getattr(sample, name), 6) for sample in self.samples]
                for name in Sample.__dataclass_fields__
            },
        }
