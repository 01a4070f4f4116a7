"""The ACE basis that is fitted: which functions, which radial basis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import TrainingConfig
from mlipbatch.training.zbl import Array

# pace's `power_order` takes the simplest functions of this shape first, up to the number asked for. Tried on Si, Mo, Al-Mg.
SHAPE = {"nradmax_by_orders": [15, 6, 4, 3, 2], "lmax_by_orders": [0, 5, 5, 2, 1]}
RADIAL_PARAMETERS = {"SBessel": 5.25, "ChebExpCos": 5.25, "ChebPow": 2.0}


def new_basis(elements: Sequence[str], config: TrainingConfig) -> Any:
    """A linear `pyace.ACEBBasisSet` (one density, embedding exponent 1) with all coefficients zero.

    Raises InputError where the number of functions is too small to spread over the pairs of so many elements.
    """
    from pyace import ACEBBasisSet, create_multispecies_basis_config

    blocks = len(elements) * 2 ** (len(elements) - 1)  # (centre; set of species around it)
    if config.functions_per_element * len(elements) < blocks:
        least = -(-blocks // len(elements))
        raise InputError(
            f"functions_per_element is {config.functions_per_element}, but {len(elements)} elements need {least} or more"
        )
    embedding = {"npot": "FinnisSinclairShiftedScaled", "fs_parameters": [1, 1], "ndensity": 1}
    bond = {
        "radbase": config.radial_basis,
        "radparameters": [RADIAL_PARAMETERS[config.radial_basis]],
        "rcut": config.cutoff,
        "dcut": 0.01,
        "NameOfCutoffFunction": "cos",
        "core-repulsion": [0.0, 1.0],  # none: ZBL is added outside
    }
    specification = {
        "deltaSplineBins": 0.001,
        "elements": list(elements),
        "embeddings": {"ALL": embedding},
        "bonds": {"ALL": bond},
        "functions": {"number_of_functions_per_element": config.functions_per_element, "ALL": SHAPE},
    }
    return ACEBBasisSet(create_multispecies_basis_config(specification))


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
