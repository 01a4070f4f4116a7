"""The ACE basis that is fitted: which functions, which radial basis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import TrainingConfig
from mlipbatch.training.zbl import Array

# pace's `power_order` takes the simplest functions of this shape first, up to the number asked for. Shape tried on Si, Mo, Al-Mg.
RADIAL, ANGULAR = (15, 6, 4, 3, 2), (0, 5, 5, 2, 1)  # largest n and l of each body order
POWERS = (8, 10, 12, 14, 16, 32)  # tried as the largest power, body order + sum of n + sum of l, that is needed
RADIAL_PARAMETERS = {"SBessel": 5.25, "ChebExpCos": 5.25, "ChebPow": 2.0}


def new_basis(elements: Sequence[str], config: TrainingConfig) -> Any:
    """A linear `pyace.ACEBBasisSet` (one density, embedding exponent 1) with all coefficients zero.

    Raises InputError where the number of functions is too small to spread over the pairs of so many elements.
    """
    from pyace import ACEBBasisSet, create_multispecies_basis_config
    from pyace.multispecies_basisextension import create_multispecies_basisblocks_list

    blocks = len(elements) * 2 ** (len(elements) - 1)  # (centre; set of species around it)
    if config.functions_per_element * len(elements) < blocks:
        least = -(-blocks // len(elements))
        raise InputError(
            f"functions_per_element is {config.functions_per_element}, but {len(elements)} elements need {least} or more"
        )
    per_block = config.functions_per_element * len(elements) // blocks
    for power in POWERS:  # the whole shape has 10^5 functions for four elements, nearly all of them cut off again
        specification = _specification(elements, config, power)
        found = create_multispecies_basisblocks_list(specification)
        if min(sum(_power(function) <= power for function in block.funcspecs) for block in found) >= per_block:
            break
    specification["functions"]["number_of_functions_per_element"] = config.functions_per_element
    return ACEBBasisSet(create_multispecies_basis_config(specification))


def _specification(elements: Sequence[str], config: TrainingConfig, power: int) -> dict[str, Any]:
    bond = {
        "radbase": config.radial_basis,
        "radparameters": [RADIAL_PARAMETERS[config.radial_basis]],
        "rcut": config.cutoff,
        "dcut": 0.01,
        "NameOfCutoffFunction": "cos",
        "core-repulsion": [0.0, 1.0],  # none: ZBL is added outside
    }
    return {
        "deltaSplineBins": 0.001,
        "elements": list(elements),
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "fs_parameters": [1, 1], "ndensity": 1}},
        "bonds": {"ALL": bond},
        "functions": {"ALL": _shape(power)},
    }


def _shape(power: int) -> dict[str, list[int]]:
    """The part of the shape that functions up to `power` can reach: one large n among ones, or two equal l."""
    orders = range(1, len(RADIAL) + 1)
    radial = [max(1, min(n, power - 2 * order + 1)) for order, n in zip(orders, RADIAL, strict=True)]
    angular = [max(0, min(most, (power - 2 * order) // 2)) for order, most in zip(orders, ANGULAR, strict=True)]
    return {"nradmax_by_orders": radial, "lmax_by_orders": angular}


def _power(function: Any) -> int:
    return int(len(function.ns) + sum(function.ns) + sum(function.ls))


def load_basis(path: Path) -> Any:
    """The `pyace.ACEBBasisSet` of a potential.yaml."""
    from pyace import ACEBBasisSet

    return ACEBBasisSet(str(path))


def function_counts(basis: Any) -> list[int]:
    """[n_elements] functions centred on each element, in the order of `basis.basis_coeffs`."""
    return [len(single) + len(many) for single, many in zip(basis.basis_rank1, basis.basis, strict=True)]


def roughness(basis: Any) -> Array:
    """[n_functions] how fast each function varies, in the order of `basis.basis_coeffs`: the ridge holds back rough ones more.

    sqrt(sum of n^2 + l^2 over its factors), after the smoothness priors of Witt et al., J. Chem. Phys. 159, 164101 (2023).
    """
    functions = [
        function for single, many in zip(basis.basis_rank1, basis.basis, strict=True) for function in (*single, *many)
    ]
    squares = [sum(n * n + l * l for n, l in zip(f.ns, f.ls, strict=True)) for f in functions]  # noqa: E741  n, l: the field's
    roughness: Array = np.sqrt(np.array(squares, dtype=float))
    return roughness
