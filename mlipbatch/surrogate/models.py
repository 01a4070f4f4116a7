"""The table of models by name."""

from __future__ import annotations

from collections.abc import Callable

from mlipbatch.config.errors import InputError
from mlipbatch.surrogate.base import Surrogate
from mlipbatch.surrogate.mace import MACE_MP, installed, mace_mp


def _chgnet(name: str) -> Surrogate:
    from mlipbatch.surrogate.chgnet import CHGNetSurrogate

    try:
        return CHGNetSurrogate()
    except ImportError as error:
        raise InputError(
            f"model {name}: {error}; pip install 'mlipbatch[surrogate]', or run `mlipbatch doctor`"
        ) from error


MODELS: dict[str, Callable[[str], Surrogate]] = {"chgnet": _chgnet, **dict.fromkeys(MACE_MP, mace_mp)}


def load(name: str) -> Surrogate:
    """The model called `name`: a row of MODELS, or `module:Class` of an ASE calculator.

    Raises InputError for an unknown name, a package that is not installed, weights that are not there.
    """
    if name in MODELS:
        return MODELS[name](name)
    if ":" in name:
        from mlipbatch.surrogate.ase_model import imported

        return imported(name)
    raise InputError(f"model {name!r} is not known: use {', '.join(MODELS)}, or module:Class of an ASE calculator")


def best_installed() -> str:
    """MACE-MP-0 wherever its weights are installed, else CHGNet, whose weights ship in its package."""
    return "mace-mp-0" if installed() else "chgnet"
