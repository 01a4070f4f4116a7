"""Settings for data that comes without a configuration: from the data itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from mlipbatch.config.elements import covalent_radius
from mlipbatch.config.errors import InputError
from mlipbatch.config.model import LossWeights, TrainingConfig
from mlipbatch.core.frames import CONFIG_TYPE, EOS_REFERENCE
from mlipbatch.training.basis import new_basis
from mlipbatch.training.fit import subtract
from mlipbatch.training.labels import Label, read_labels
from mlipbatch.training.linear import assign_folds, fit_linear
from mlipbatch.training.progress import Say, silent
from mlipbatch.training.ridge import score

COMPONENTS_PER_FUNCTION = 15  # force components that a function needs to be determined
FEWEST, MOST = 20, 600  # functions an element
TRIED_WITH = 250  # functions an element while cutoffs are compared: with fewer, short cutoffs look better than they are
TRIED_ON = 5000  # atoms while cutoffs are compared
CUTOFFS = (1.8, 2.0, 2.2, 2.4)  # times the edge of an atom's volume
LOWEST, HIGHEST = 3.5, 7.5  # A
REFINED = 5e5  # atoms times functions up to which pacemaker's steps take minutes, not hours
STEPS = 100


def default_config(train: Sequence[Atoms], *, seed: int = 0, progress: Say = silent) -> TrainingConfig:
    """Functions by the amount of data, cutoff by cross-validation, ZBL by covalent radii; the rest as SPEC 6 has it."""
    labels = read_labels([atoms for atoms in train if atoms.info.get(CONFIG_TYPE) != EOS_REFERENCE])
    elements = sorted({symbol for label in labels for symbol in label.atoms.symbols})
    functions = functions_for(labels, len(elements))
    bond = 2.0 * min(covalent_radius(element) for element in elements)
    size = sum(len(label.atoms) for label in labels) * functions * len(elements)
    config = TrainingConfig(
        cutoff=5.5,
        functions_per_element=functions,
        radial_basis="SBessel",
        weights=LossWeights(energy=1.0, force=100.0, stress=10.0),
        zbl_inner=round(0.5 * bond, 2),
        zbl_outer=round(0.8 * bond, 2),
        test_fraction=0.1,
        refine_steps=STEPS if size <= REFINED else 0,
        pacemaker_command="auto",
    )
    return config.model_copy(update={"cutoff": choose_cutoff(labels, config, seed, progress)})


def functions_for(labels: Sequence[Label], elements: int) -> int:
    """Basis functions an element that so many force components determine."""
    components = 3 * sum(int(label.mask.sum()) for label in labels if not label.isolated)
    return int(np.clip(components / elements / COMPONENTS_PER_FUNCTION, FEWEST, MOST))


def choose_cutoff(labels: Sequence[Label], config: TrainingConfig, seed: int, say: Say) -> float:
    """The cutoff (A) with the lowest cross-validated error, tried with a smaller basis on a part of the data."""
    elements = sorted({symbol for label in labels for symbol in label.atoms.symbols})
    sample = labels[:: 1 + sum(len(label.atoms) for label in labels) // TRIED_ON]
    _, data = subtract(sample, config, elements)
    folds = assign_folds(sample, seed)
    tried = {}
    for cutoff in cutoffs(labels):
        functions = min(config.functions_per_element, TRIED_WITH)
        basis = new_basis(elements, config.model_copy(update={"cutoff": cutoff, "functions_per_element": functions}))
        choice = fit_linear(basis, data, folds, config.weights, say).choice
        if choice.force_rmse is None:
            return cutoff
        tried[cutoff] = score(choice.energy_rmse or 0.0, choice.force_rmse, choice.virial_rmse or 0.0)
        say(f"cutoff {cutoff:g} A: held-out force error {choice.force_rmse * 1e3:.1f} meV/A")
    return min(tried, key=lambda cutoff: tried[cutoff])


def cutoffs(labels: Sequence[Label]) -> list[float]:
    """Cutoffs worth trying (A), from the volume of an atom in the data."""
    volumes = [
        label.atoms.get_volume() / len(label.atoms) for label in labels if label.atoms.pbc.all() and not label.isolated
    ]
    if not volumes:
        raise InputError("no periodic structure in the data to guess a cutoff from: give --config with training.cutoff")
    edge = float(np.median(volumes)) ** (1 / 3)
    middle = [round(2 * factor * edge) / 2 for factor in CUTOFFS]
    return sorted(
        {float(np.clip(cutoff, LOWEST, HIGHEST)) for cutoff in middle}, key=lambda cutoff: abs(cutoff - 2.1 * edge)
    )
