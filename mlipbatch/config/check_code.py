"""What can be wrong between `resources.dft_code` and the keys of `dft`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from mlipbatch.config.model import Config
from mlipbatch.config.text import shown
from mlipbatch.config.wrong import WrongValue

EXAMPLE = "ase.calculators.emt.EMT"
OF_CALCULATOR = ("dft.calculator", "dft.arguments")
OF_ASE = frozenset({*OF_CALCULATOR, "dft.command", "dft.max_attempts"})  # all that is not the calculator's own business


def check_keys(given: Mapping[str, Any]) -> None:
    """WrongValue for a key of `dft` that the code would silently not use. `given`: the user's values by dotted path."""
    code = given["resources.dft_code"]
    for path in given:
        section, _, key = path.partition(".")
        if section != "dft":
            continue
        if code == "ase" and path not in OF_ASE:
            right = "the settings of a calculator are its own arguments, in 'dft.arguments'"
            raise WrongValue(
                (section, key), f"key {path!r} means nothing to dft_code ase: remove it; {right}", key=True
            )
        if code != "ase" and path in OF_CALCULATOR and given[path]:
            right = "remove it, or write `dft_code: ase` under `resources:`"
            raise WrongValue((section, key), f"key {path!r} means nothing to dft_code {code}: {right}", key=True)


def check_calculator(config: Config) -> None:
    """WrongValue where dft_code is ase and no import path of a calculator is there."""
    if config.resources.dft_code != "ase":
        return
    path = config.dft.calculator
    if not path:
        message = f"dft_code ase needs 'dft.calculator', the import path of an ASE calculator, such as {EXAMPLE}"
        raise WrongValue(("resources", "dft_code"), message)
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", path):
        message = f"key 'dft.calculator' is {shown(path)}: write an import path, module and class, such as {EXAMPLE}"
        raise WrongValue(("dft", "calculator"), message)
    try:
        shlex.split(config.dft.command)
    except ValueError as error:
        raise WrongValue(("dft", "command"), f"key 'dft.command' is {shown(config.dft.command)}: {error}") from None
