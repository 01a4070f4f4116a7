"""Any model that ASE can call: MACE-MP-0 by name, others by `module:Class`."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlipbatch.config.errors import InputError
from mlipbatch.surrogate.base import Evaluation, Refusal

if TYPE_CHECKING:
    from ase import Atoms

# What calculators raise for a structure they cannot do (ASE's CalculatorError is a RuntimeError)
FAILURES = (ArithmeticError, LookupError, RuntimeError, ValueError)


class CalculatorSurrogate:
    """One structure at a time through an ASE calculator."""

    def __init__(self, name: str, calculator: Any) -> None:
        self.name = name
        self._calculator = calculator

    def evaluate(self, frames: Sequence[Atoms]) -> Iterator[Evaluation | Refusal]:
        """See `Surrogate`."""
        return (self._one(frame) for frame in frames)

    def _one(self, frame: Atoms) -> Evaluation | Refusal:
        work = frame.copy()
        work.calc = self._calculator
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                energy, forces = float(work.get_potential_energy()), np.array(work.get_forces(), dtype=np.float64)
        except FAILURES as error:
            return Refusal(f"{type(error).__name__}: {error}".splitlines()[0])
        return Evaluation(energy, forces)


def imported(name: str) -> CalculatorSurrogate:
    """`module:Class`, called without arguments.

    Raises InputError where the module or the class is not there, or cannot be made without arguments.
    """
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
        factory = getattr(module, class_name)
    except ImportError as error:
        raise InputError(
            f"model {name!r}: cannot import {module_name} ({error}); install it, or set PYTHONPATH"
        ) from error
    except AttributeError as error:
        raise InputError(f"model {name!r}: {module_name} has no {class_name}") from error
    try:
        return CalculatorSurrogate(name, factory())
    except (TypeError, *FAILURES, OSError) as error:
        raise InputError(f"model {name!r}: {class_name}() failed ({type(error).__name__}: {error})") from error
