"""MACE-MP-0 through mace-torch. Its weights are a download, which compute nodes cannot do: looked for, never fetched."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from pathlib import Path

from mlipbatch.config.errors import InputError
from mlipbatch.surrogate.ase_model import CalculatorSurrogate

# our name -> mace-torch's name, and the file it keeps the download in
MACE_MP = {
    "mace-mp-0": ("medium", "20231203mace128L1_epoch199model"),
    "mace-mp-0-small": ("small", "20231210mace128L0_energy_epoch249model"),
    "mace-mp-0-large": ("large", "MACE_MPtrj_20229model"),
}


def weights(name: str) -> Path:
    """Where mace-torch keeps the weights of `name`, there or not."""
    return Path.home() / ".cache" / "mace" / MACE_MP[name][1]


def installed(name: str = "mace-mp-0") -> bool:
    """Are both mace-torch and the weights of `name` here?"""
    return importlib.util.find_spec("mace") is not None and weights(name).is_file()


def mace_mp(name: str) -> CalculatorSurrogate:
    """A MACE-MP-0 model. Raises InputError, with the cure, where mace-torch or the weights are not installed."""
    size = MACE_MP[name][0]
    if importlib.util.find_spec("mace") is None:
        raise InputError(f"model {name}: mace-torch is not installed: pip install mace-torch, or use --model chgnet")
    if not weights(name).is_file():
        cure = f'python -c "from mace.calculators import mace_mp; mace_mp({size!r})"'
        raise InputError(
            f"model {name}: no weights at {weights(name)}; where there is internet run {cure}, or use --model chgnet"
        )
    from torch.cuda import is_available

    device = "cuda" if is_available() else "cpu"
    with contextlib.redirect_stdout(io.StringIO()):
        calculators = importlib.import_module("mace.calculators")
        calculator = calculators.MACECalculator(model_paths=str(weights(name)), device=device, default_dtype="float32")
    return CalculatorSurrogate(name, calculator)
