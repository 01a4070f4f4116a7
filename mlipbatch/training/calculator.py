"""The potential as an ASE calculator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from mlipbatch.training.model import load_model


class MlipbatchCalculator(Calculator):  # type: ignore[misc]  # ASE is untyped
    """Total energy as in the labels (references and ZBL included), forces, stress, and `results["gamma"]`.

    `energy` eV; `forces` [n_atoms, 3] eV/A; `stress` [6] eV/A^3 in ASE's sign and Voigt order, for periodic cells;
    `gamma` [n_atoms], the extrapolation grade: below 2 known, 2 to 10 worth a label, above 10 not to be trusted.
    Cells may be smaller than the cutoff.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress", "gamma"]

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(**options)
        self.model = load_model(folder)

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = tuple(all_changes)
    ) -> None:
        """Fill `results` with everything at once: that costs the same."""
        super().calculate(atoms, properties, system_changes)
        prediction, gamma = self.model.predict(self.atoms)
        self.results = {
            "energy": prediction.energy,
            "free_energy": prediction.energy,
            "forces": prediction.forces,
            "gamma": gamma,
        }
        if self.atoms.cell.rank == 3:
            self.results["stress"] = prediction.virial / self.atoms.get_volume()


def calculator(folder: str | Path) -> MlipbatchCalculator:
    """ASE calculator of the potential in `folder` (`mlipbatch fit` makes it); InputError where there is none."""
    return MlipbatchCalculator(Path(folder))
