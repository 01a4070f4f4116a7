"""Calculators that misbehave, each in a way of its own; found by jobs through PYTHONPATH."""

from __future__ import annotations

import os
import signal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes
from ase.calculators.emt import EMT


class WithoutStress(EMT):
    implemented_properties = ("energy", "forces")


class Unconverged(EMT):
    def calculate(self, *_: object) -> None:
        raise SCFError("no convergence in 50 steps\nand further lines")


class NotFinite(EMT):
    def calculate(self, atoms: Atoms, properties: list[str], changes: list[str]) -> None:
        super().calculate(atoms, properties, changes)
        self.results["forces"] = np.full((len(atoms), 3), np.nan)


class Leaves(EMT):
    """Ends the process under our feet, without an answer."""

    def calculate(self, *_: object) -> None:
        os._exit(7)


class Segfaults(EMT):
    def calculate(self, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(EMT):
    def calculate(self, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Warm(Calculator):
    """A spring on every atom to the origin, and electrons with an entropy: the energy is 2 eV above the free energy."""

    implemented_properties = ("energy", "free_energy", "forces", "stress", "magmom")

    def __init__(self, stiffness: float) -> None:
        super().__init__()
        self.stiffness = stiffness

    def calculate(self, atoms: Atoms, properties: object, changes: object = all_changes) -> None:
        super().calculate(atoms, properties, changes)
        free = 0.5 * self.stiffness * float((atoms.positions**2).sum())
        self.results = {
            "energy": free + 2.0, "free_energy": free, "forces": -self.stiffness * atoms.positions,
            "stress": np.zeros(6), "magmom": 1.5,
        }  # fmt: skip
