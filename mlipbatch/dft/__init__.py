"""Static DFT labels: inputs, verdicts on outputs, recovery. `code(name)` gives the implementation of a DFT code."""

from __future__ import annotations

import importlib

from mlipbatch.config.errors import InputError
from mlipbatch.dft.base import DFTCode, Labels, Prepared, Trial
from mlipbatch.dft.kpoints import mesh_of_spacing

__all__ = ["CODES", "DFTCode", "Labels", "Prepared", "Trial", "code", "mesh_of_spacing"]

# name in input.yaml (resources.dft_code) -> module of mlipbatch.dft that has CODE
CODES = {"quantum_espresso": "quantum_espresso", "abinit": "abinit", "ase": "ase_calculator"}


def code(name: str) -> DFTCode:
    """The DFT code called `name` in input.yaml; raises InputError for a name that nobody knows."""
    if name not in CODES:
        raise InputError(f"dft_code: {name!r} is unknown; known are {', '.join(sorted(CODES))}")
    found: DFTCode = importlib.import_module(f"mlipbatch.dft.{CODES[name]}").CODE
    return found
