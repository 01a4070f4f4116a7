"""How far a potential is from its labels: held-out and training errors, by config_type, and along the generations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbatch.config.errors import InputError
from mlipbatch.core.job import generation_name
from mlipbatch.stages.report_data import ACTIVE, TEST, Collected, Label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Loader = Callable[[Path], Any]  # folder of a potential -> ASE calculator


@dataclass(frozen=True)
class Prediction:
    """What a potential says of one label's structure."""

    label: Label
    energy: float  # eV, total
    forces: NDArray[np.float64]  # [n_atoms, 3] eV/A

    @property
    def energy_error(self) -> float:
        """eV/atom."""
        return (self.energy - self.label.energy) / len(self.label.atoms)

    @property
    def finite(self) -> bool:
        """Are all its numbers numbers: a potential far outside of what it knows may say anything."""
        import numpy as np

        return bool(np.isfinite(self.energy) and np.isfinite(self.forces).all())

    @property
    def force_errors(self) -> NDArray[np.float64]:
        """[3 n_core] eV/A, of the atoms whose mask is 1."""
        return (self.forces - self.label.forces)[self.label.mask].ravel()


def predict(labels: Iterable[Label], calculator: Any) -> list[Prediction]:
    """One prediction a label; isolated atoms are left out. Raises InputError for elements that the potential does not know."""
    import numpy as np

    found = []
    for label in labels:
        if label.isolated:
            continue
        atoms = label.atoms.copy()
        atoms.calc = calculator
        energy, forces = float(atoms.get_potential_energy()), np.asarray(atoms.get_forces(), dtype=float)
        found.append(Prediction(label, energy, forces))
    return found


def errors(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Root mean square and mean absolute errors: energies of whole structures, force components of unmasked atoms."""
    import numpy as np

    energies = np.array([1000 * p.energy_error for p in predictions if not p.label.masked])
    forces = 1000 * _joined([p.force_errors for p in predictions])
    size = 1000 * _joined([p.label.forces[p.label.mask].ravel() for p in predictions])
    return {
        "labels": len(predictions),
        "energy_rmse_mev_per_atom": _rms(energies),
        "energy_mae_mev_per_atom": float(np.abs(energies).mean()) if energies.size else None,
        "force_rmse_mev_per_a": _rms(forces),
        "force_mae_mev_per_a": float(np.abs(forces).mean()) if forces.size else None,
        "force_rms_mev_per_a": _rms(size),  # of the labels themselves: how large a force is
    }


def _joined(arrays: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    import numpy as np

    return np.concatenate(arrays) if arrays else np.empty(0)


def _rms(values: NDArray[np.float64]) -> float | None:
    return float((values**2).mean() ** 0.5) if values.size else None


def by_config_type(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """`errors` of every config_type, separately for held-out labels."""
    groups: dict[tuple[str, bool], list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault((prediction.label.config_type, prediction.label.part == TEST), []).append(prediction)
    return [
        {"config_type": kind, "held_out": held_out, **errors(group)}
        for (kind, held_out), group in sorted(groups.items())
    ]


def learning_curve(data: Collected, latest: Sequence[Prediction], load: Loader) -> list[dict[str, Any]]:
    """Errors on the same held-out labels for the potential of every generation. `latest` are the last one's predictions."""
    return [
        {"generation": generation, "training_labels": data.before(generation), **_point(data, generation, latest, load)}
        for generation in data.potentials
    ]


def _point(data: Collected, generation: int, latest: Sequence[Prediction], load: Loader) -> dict[str, Any]:
    try:
        if generation == max(data.potentials):
            predictions = [p for p in latest if p.label.part == TEST]
        else:
            predictions = predict(data.part(TEST), load(data.potentials[generation]))
    except InputError as error:
        return {**errors([]), "reason": str(error)}
    return errors(predictions)


def taught(data: Collected, latest: Sequence[Prediction], load: Loader) -> list[dict[str, Any]]:
    """Every cut box: its gamma, its mask, and the force error on its core before and after it was trained on."""
    after = {p.label.job or p.label.name: p for p in latest}
    before = _before(data, load)
    found = []
    for label in data.part(ACTIVE):
        key = label.job or label.name
        found.append(
            {
                "name": label.name,
                "generation": label.generation,
                "gamma": label.gamma,
                "atoms": len(label.atoms),
                "core_atoms": int(label.mask.sum()),
                "force_rmse_before_mev_per_a": _force_error(before, key),
                "force_rmse_after_mev_per_a": _force_error(after, key),
            }
        )
    return found


def _before(data: Collected, load: Loader) -> dict[str, Prediction]:
    """Predictions of each box by the potential of the generation before it; none where that one cannot be read."""
    found: dict[str, Prediction] = {}
    for generation in sorted({label.generation for label in data.part(ACTIVE)}):
        folder = data.potentials.get(generation - 1)
        boxes = [label for label in data.part(ACTIVE) if label.generation == generation]
        if folder is None:
            continue
        try:
            found |= {p.label.job or p.label.name: p for p in predict(boxes, load(folder))}
        except InputError as error:
            data.problems[f"active_learning {generation_name(generation)}"] = str(error)
    return found


def _force_error(predictions: Mapping[str, Prediction], key: str) -> float | None:
    return _rms(1000 * predictions[key].force_errors) if key in predictions else None
