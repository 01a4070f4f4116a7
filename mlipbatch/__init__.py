"""mlipbatch: from a material and a goal to a tested interatomic potential, on the batch cluster you already have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__version__ = "0.1.0"


def calculator(folder: str | Path) -> Any:
    """ASE calculator of a potential made by `mlipbatch fit`: `atoms.calc = calculator("potentials/active")`.

    Total energies as in the labels (eV), forces (eV/A), stress (eV/A^3, Voigt), and the extrapolation grade of every atom in
    `atoms.calc.results["gamma"]`. Raises `mlipbatch.config.errors.InputError` where the folder holds no potential.
    """
    from importlib import import_module  # not at the top: `mlipbatch --help` answers at once

    return import_module("mlipbatch.training.calculator").calculator(folder)
