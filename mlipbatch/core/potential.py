"""A potential: the folder that training writes and that everything else reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mlipbatch.config.errors import InputError


@dataclass(frozen=True)
class Potential:
    """Total energy = sum of reference energies + E_ZBL + E_ACE."""

    folder: Path
    elements: tuple[str, ...]  # LAMMPS' type order
    cutoff: float  # A
    zbl_inner: float  # A
    zbl_outer: float  # A
    reference_energies: dict[str, float]  # eV, the isolated atoms
    functions: int  # basis functions of all elements together

    @property
    def yaml(self) -> Path:
        """The B-basis that pyace evaluates, gamma included."""
        return self.folder / "potential.yaml"

    @property
    def yace(self) -> Path:
        """The same potential for `pair_style pace`."""
        return self.folder / "potential.yace"

    @property
    def active_set(self) -> Path:
        """The inverted active set, from which gamma is computed."""
        return self.folder / "potential.asi"

    @property
    def lammps_input(self) -> Path:
        """The `pair_style` and `pair_coeff` lines, ZBL included."""
        return self.folder / "in.potential"

    def need_elements(self, symbols: set[str], what: str) -> None:
        """Raise InputError where `symbols` has an element that this potential was not trained on; `what` names the structure."""
        unknown = sorted(symbols - set(self.elements))
        if unknown:
            known = ", ".join(self.elements)
            raise InputError(f"{what} has {', '.join(unknown)}, but the potential in {self.folder} knows only {known}")


def read_potential(folder: Path) -> Potential:
    """Read FOLDER/potential.json; InputError where the folder is no complete potential."""
    facts = folder / "potential.json"
    needed = ("potential.json", "potential.yaml", "potential.asi")
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} is no potential: it has no {', '.join(missing)} (`mlipbatch fit` makes such a folder)"
        )
    try:
        values = json.loads(facts.read_text(encoding="utf-8"))
        return Potential(
            folder=folder,
            elements=tuple(values["elements"]),
            cutoff=float(values["cutoff"]),
            zbl_inner=float(values["zbl"]["inner"]),
            zbl_outer=float(values["zbl"]["outer"]),
            reference_energies={symbol: float(energy) for symbol, energy in values["reference_energies"].items()},
            functions=int(values["functions"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"not the description of a potential ({error!r}); `mlipbatch fit` writes it", file=str(facts)
        ) from None
