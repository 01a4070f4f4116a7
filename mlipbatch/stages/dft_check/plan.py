"""Which values are scanned, and the calculations that this takes: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import Config, DFTConfig
from mlipbatch.config.translate import wrong_values
from mlipbatch.core import frames
from mlipbatch.dft import mesh_of_spacing
from mlipbatch.stages.label import own

if TYPE_CHECKING:
    from ase import Atoms

CUTOFF, SPACING, DEGAUSS = "ecutwfc", "kpoints_spacing", "degauss"
DENSITY = "ecutrho"  # goes with the cutoff: their ratio is kept
DIGITS = 2  # of values that the user did not write


@dataclass(frozen=True)
class Quantity:
    """A value of `dft` that can be scanned."""

    key: str
    option: str
    unit: str
    factors: tuple[float, ...]  # of the campaign's value: what is scanned unless the user says
    upward: bool = False  # is the larger value the finer one?

    def sorted(self, values: Iterable[float]) -> tuple[float, ...]:
        """Coarse to fine, each once."""
        return tuple(sorted(set(values), reverse=not self.upward))

    def finer(self, one: float, other: float) -> bool:
        """Is `one` finer than `other`?"""
        return one > other if self.upward else one < other


QUANTITIES = (
    Quantity(CUTOFF, "--cutoffs", "Ry", (0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6), upward=True),
    Quantity(SPACING, "--spacings", "1/A", (2.0, 1.6, 1.3, 1.0, 0.75, 0.5)),
    Quantity(DEGAUSS, "--degauss", "Ry", (2.0, 1.5, 1.0, 0.5)),  # half the width wants half the spacing
)


@dataclass(frozen=True)
class Scan:
    """One quantity at several values, all else as the campaign has it but for `beside`."""

    quantity: Quantity
    campaign: float
    values: tuple[float, ...]  # coarse to fine; the campaign's is one of them, and not the last
    beside: Mapping[str, float] = field(default_factory=dict)

    def settings(self, value: float, dft: DFTConfig) -> dict[str, float]:
        """What of `dft` differs from the campaign at this value."""
        changed = {**_at(self.quantity, value, dft), **self.beside}
        return {key: found for key, found in changed.items() if found != getattr(dft, key)}


def _at(quantity: Quantity, value: float, dft: DFTConfig) -> dict[str, float]:
    """A value of a quantity, with what goes along."""
    along = {DENSITY: round(value * dft.ecutrho / dft.ecutwfc, 6)} if quantity.key == CUTOFF else {}
    return {quantity.key: value, **along}


def scans(config: Config, structures: Sequence[Atoms], given: Mapping[str, Sequence[float]]) -> list[Scan]:
    """The three scans. `given` has the user's values by key of `dft`; a key without any gets those around the campaign's.

    The smearing is scanned at the finest k-spacing: narrow smearing needs a denser mesh. Raises InputError for values that `dft`
    cannot have, and where none is finer than the campaign's.
    """
    made: list[Scan] = []
    for quantity in QUANTITIES:
        campaign = float(getattr(config.dft, quantity.key))
        wanted = given.get(quantity.key) or _usual(quantity, config.dft)
        values = quantity.sorted([*wanted, campaign])
        for value in values:
            wrong = _wrong(_at(quantity, value, config.dft), config.dft)
            if wrong:
                raise InputError(f"{quantity.option}: {wrong}")
        if quantity.key == SPACING:
            values = _different_meshes(values, campaign, structures)
        if not quantity.finer(values[-1], campaign):
            raise InputError(
                f"{quantity.option}: the finest value is the campaign's own, {campaign:g} {quantity.unit}; name one "
                f"{'above' if quantity.upward else 'below'} it, as the others are compared with the finest"
            )
        beside = {SPACING: made[1].values[-1]} if quantity.key == DEGAUSS else {}
        made.append(Scan(quantity, campaign, values, beside))
    return made


def _usual(quantity: Quantity, dft: DFTConfig) -> list[float]:
    """Around the campaign's value, as far as `dft` can have them."""
    campaign = float(getattr(dft, quantity.key))
    values = [float(f"{campaign * factor:.{DIGITS}g}") for factor in quantity.factors]
    return [value for value in values if not _wrong(_at(quantity, value, dft), dft)]


def _wrong(changed: Mapping[str, float], dft: DFTConfig) -> str:
    """What is wrong with these values of `dft`; "" where nothing is."""
    try:
        own(dft, changed)
    except ValidationError as error:
        return wrong_values(error)[0].message
    return ""


def _different_meshes(values: Sequence[float], campaign: float, structures: Sequence[Atoms]) -> tuple[float, ...]:
    """Without the spacings that give every structure the mesh of another one: the campaign's own stays, else the coarsest."""
    kept: dict[tuple[object, ...], float] = {}
    for value in values:
        meshes = tuple(mesh_of_spacing(atoms.cell.array, value) for atoms in structures)
        if meshes not in kept or value == campaign:
            kept[meshes] = value
    return tuple(kept.values())


@dataclass(frozen=True)
class Calculation:
    """A label that is wanted: a structure with settings of its own."""

    name: str
    atoms: Atoms
    settings: Mapping[str, float] = field(default_factory=dict)
    mesh: tuple[int, int, int] | None = None  # where the spacing must not say it

    def frame(self) -> Atoms:
        """The structure as the DFT factory takes it."""
        frame = self.atoms.copy()
        frame.info = {
            frames.NAME: self.name,
            frames.CONFIG_TYPE: frames.DFT_CHECK,
            frames.ROOT: str(name_of(self.atoms)),
        }
        if "charge" in self.atoms.info:  # it is refused, and not left out
            frame.info["charge"] = self.atoms.info["charge"]
        if self.settings:
            frame.info[frames.DFT_SETTINGS] = " ".join(f"{key}={value!r}" for key, value in self.settings.items())
        if self.mesh:
            frame.info[frames.KPOINTS] = " ".join(str(points) for points in self.mesh)
        return frame


def name_of(atoms: Atoms) -> str:
    """What a structure is called."""
    return str(atoms.info[frames.NAME])


def calculation(atoms: Atoms, settings: Mapping[str, float]) -> Calculation:
    """A structure with some settings: the same ones have the same name, in whatever scan."""
    words = [f"{key}={value:g}" for key, value in sorted(settings.items()) if key != DENSITY]
    return Calculation("-".join([name_of(atoms), *(words or ["campaign"])]), atoms, dict(settings))


def calculations(scans: Iterable[Scan], structures: Sequence[Atoms], dft: DFTConfig) -> dict[str, Calculation]:
    """All that the scans want, by name."""
    wanted = (
        calculation(atoms, scan.settings(value, dft)) for scan in scans for value in scan.values for atoms in structures
    )
    return {one.name: one for one in wanted}
