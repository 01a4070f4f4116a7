"""ACE descriptors of atoms: projections on a fixed linear basis (Drautz, Phys. Rev. B 99, 014104 (2019)), by pyace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlipbatch.config.errors import InputError
from mlipbatch.selection.bounds import Floats

if TYPE_CHECKING:
    from ase import Atoms

# pace takes the simplest functions of these shapes first, up to the number asked for. Four elements: lean 4 s, rich minutes.
LEAN = {"nradmax_by_orders": [12, 5, 3], "lmax_by_orders": [0, 5, 4]}
RICH = {"nradmax_by_orders": [15, 6, 4, 3, 2], "lmax_by_orders": [0, 5, 5, 2, 1]}
LEAN_SERVES = 200  # functions an element


class ACEDescriptor:
    """Evaluates the basis for `elements`; the same arguments always make the same basis.

    Raises InputError where python-ace is not installed.
    """

    def __init__(self, elements: Sequence[str], cutoff: float, functions: int) -> None:
        self.elements = sorted(elements)
        self._cutoff = cutoff
        # pyace keeps no hold on what it is given: basis and evaluator must live as long as the calculator
        self._basis = _basis(self.elements, cutoff, functions)
        self._evaluator, self._calculator = _engine(self._basis)
        self.ranks = [  # by element [n_functions]: how many neighbours a function joins (1: pairs, 2: triplets, ...)
            np.array([function.rank for function in [*single, *many]])
            for single, many in zip(self._basis.basis_rank1, self._basis.basis, strict=True)
        ]

    def project(self, frame: Atoms) -> list[Floats]:
        """By element, in the order of `elements`: projections [n_atoms of it, n_functions of it]."""
        from pyace.atomicenvironment import aseatoms_to_atomicenvironment

        environment = aseatoms_to_atomicenvironment(
            _all_or_nothing_periodic(frame, self._cutoff), self._cutoff, self._basis.elements_to_index_map
        )
        self._calculator.compute(environment, compute_projections=True)
        rows = self._calculator.projections
        symbols = np.array(frame.get_chemical_symbols())
        return [
            np.array([rows[atom] for atom in np.flatnonzero(symbols == element)], dtype=np.float64).reshape(
                -1, len(ranks)
            )
            for element, ranks in zip(self.elements, self.ranks, strict=True)
        ]


def _basis(elements: Sequence[str], cutoff: float, functions: int) -> Any:
    try:
        from pyace import ACEBBasisSet, create_multispecies_basis_config
    except ImportError as error:
        raise InputError(
            f"python-ace: {error}; pip install 'mlipbatch[training]', or run `mlipbatch doctor`"
        ) from error
    specification = {
        "deltaSplineBins": 0.001,
        "elements": list(elements),
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "fs_parameters": [1, 1], "ndensity": 1}},
        "bonds": {
            "ALL": {
                "radbase": "SBessel",
                "radparameters": [5.25],
                "rcut": cutoff,
                "dcut": 0.01,
                "NameOfCutoffFunction": "cos",
                "core-repulsion": [0.0, 1.0],
            }
        },
        "functions": {
            "number_of_functions_per_element": _enough(functions, len(elements)),
            "ALL": LEAN if functions <= LEAN_SERVES else RICH,
        },
    }
    return ACEBBasisSet(create_multispecies_basis_config(specification))


def _enough(functions: int, n_elements: int) -> int:
    """At least one function for every set of species around a centre: pace divides the number among them."""
    return max(functions, 1 << (n_elements - 1))


def _engine(basis: Any) -> tuple[Any, Any]:
    from pyace.calculator import ACECalculator
    from pyace.evaluator import ACEBEvaluator

    evaluator = ACEBEvaluator(basis)
    return evaluator, ACECalculator(evaluator)


def _all_or_nothing_periodic(frame: Atoms, cutoff: float) -> Atoms:
    """pyace knows crystals and clusters; what is periodic in some directions gets vacuum along the others."""
    if frame.pbc.all() or not frame.pbc.any():
        return frame
    boxed = frame.copy()
    boxed.center(vacuum=cutoff, axis=np.flatnonzero(~frame.pbc))
    boxed.pbc = True
    return boxed
