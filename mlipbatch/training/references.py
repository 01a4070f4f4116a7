"""The energy of each element that is subtracted before the fit and added back by the calculator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlipbatch.training.labels import Label
from mlipbatch.training.zbl import Array


class References(NamedTuple):
    """Reference energies and where each one is from."""

    energies: dict[str, float]  # eV an atom
    sources: dict[str, str]  # "isolated atom" or "least squares by composition"


def reference_energies(labels: Sequence[Label], baseline: Sequence[float], elements: Sequence[str]) -> References:
    """From isolated-atom labels where the data has them, else by least squares over compositions.

    `baseline` [n_labels] is the ZBL energy (eV) of each structure, which is no part of the references.
    """
    energies = {label.atoms.symbols[0]: label.energy for label in labels if label.isolated and label.energy is not None}
    unknown = [element for element in elements if element not in energies]
    whole = [
        (label, zbl)
        for label, zbl in zip(labels, baseline, strict=True)
        if label.energy is not None and not label.isolated
    ]
    if unknown and whole:
        counts = np.array([composition(label, elements) for label, _ in whole])
        known = np.array([energies.get(element, 0.0) for element in elements])
        rest = np.array([float(label.energy or 0.0) - zbl for label, zbl in whole]) - counts @ known
        columns = [elements.index(element) for element in unknown]
        size = counts.sum(axis=1)  # equations per atom, so that large cells do not rule
        solution = np.linalg.lstsq(counts[:, columns] / size[:, None], rest / size, rcond=None)[0]
        energies.update(dict(zip(unknown, solution, strict=True)))
    sources = {
        element: "isolated atom" if element not in unknown else "least squares by composition" for element in elements
    }
    return References({element: float(energies.get(element, 0.0)) for element in elements}, sources)


def composition(label: Label, elements: Sequence[str]) -> Array:
    """[n_elements] atoms of each element."""
    symbols = label.atoms.get_chemical_symbols()
    return np.array([symbols.count(element) for element in elements], dtype=float)
