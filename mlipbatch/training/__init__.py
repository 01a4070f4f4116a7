"""D: from labels to a potential (SPEC 6): ZBL baseline, linear ACE in closed form, pacemaker, active set, errors."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlipbatch.training.calculator import calculator as calculator
    from mlipbatch.training.defaults import default_config as default_config
    from mlipbatch.training.evaluate import evaluate_potential as evaluate_potential
    from mlipbatch.training.fit import fit as train_potential

# name -> (module, name there); loaded when first asked for
_HOMES = {
    "calculator": ("calculator", "calculator"),
    "default_config": ("defaults", "default_config"),
    "evaluate_potential": ("evaluate", "evaluate_potential"),
    "train_potential": ("fit", "fit"),
}

__all__ = ["calculator", "default_config", "evaluate_potential", "train_potential"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), there)
