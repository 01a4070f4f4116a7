"""Labelled structures, checked and brought into the form that the fit uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from mlipbatch.config.errors import InputError
from mlipbatch.core import frames as keys
from mlipbatch.core.consistency import mixed
from mlipbatch.training.zbl import Array


@dataclass(frozen=True)
class Label:
    """One labelled structure. What carries no weight in the fit (SPEC 7) is None or has mask False."""

    atoms: Atoms
    name: str
    config_type: str
    energy: float | None  # eV, total; None where the mask holds a 0, or where there is none
    forces: Array  # [n_atoms, 3] eV/A
    mask: Any  # [n_atoms] bool: False for the buffer of a cut box
    virial: Array | None  # [6] eV, stress times volume, ASE's sign and Voigt order; None like `energy`

    @property
    def masked(self) -> bool:
        """Does it have a buffer."""
        return not bool(self.mask.all())

    @property
    def isolated(self) -> bool:
        """Is it the energy reference of an element."""
        return self.config_type == keys.ISOLATED_ATOM and len(self.atoms) == 1


def read_labels(frames: Sequence[Atoms], file: str | None = None) -> list[Label]:
    """All `frames` as labels.

    Raises InputError naming the structure that lacks `REF_energy` or `REF_forces`, or whose labels have a wrong shape or are not
    finite, or two labels that were not made alike (functional, cutoffs, degauss). `REF_stress` and `force_mask` may be absent;
    a lone isolated atom needs no forces.
    """
    if not frames:
        raise InputError("there is no structure in it: labels are needed", file=file)
    unlike = mixed(atoms.info for atoms in frames)
    if unlike:
        raise InputError(unlike, file=file)
    return [_label(atoms, index, file) for index, atoms in enumerate(frames)]


def _label(atoms: Atoms, index: int, file: str | None) -> Label:
    name = str(atoms.info.get(keys.NAME, f"structure-{index}"))
    where = f"structure {index} ({name})"
    config_type = str(atoms.info.get(keys.CONFIG_TYPE, "unknown"))
    mask = _mask(atoms, where, file)
    whole = bool(mask.all())
    lone = config_type == keys.ISOLATED_ATOM and len(atoms) == 1
    return Label(
        atoms=atoms,
        name=name,
        config_type=config_type,
        energy=_energy(atoms, where, file) if whole else None,
        forces=np.zeros((1, 3)) if lone else _forces(atoms, where, file),
        mask=mask,
        virial=_virial(atoms, where, file) if whole and not lone else None,
    )


def _energy(atoms: Atoms, where: str, file: str | None) -> float:
    if keys.REF_ENERGY not in atoms.info:
        raise InputError(
            f"{where} has no {keys.REF_ENERGY}: put the total energy in eV into its comment line", file=file
        )
    value = atoms.info[keys.REF_ENERGY]
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise InputError(f"{where}: {keys.REF_ENERGY} is {value!r}, but must be one finite number in eV", file=file)
    return float(value)


def _forces(atoms: Atoms, where: str, file: str | None) -> Array:
    if keys.REF_FORCES not in atoms.arrays:
        raise InputError(f"{where} has no {keys.REF_FORCES}: put the forces in eV/A into its columns", file=file)
    forces = np.asarray(atoms.arrays[keys.REF_FORCES], dtype=float)
    if forces.shape != (len(atoms), 3) or not np.isfinite(forces).all():
        raise InputError(f"{where}: {keys.REF_FORCES} must be three finite numbers an atom, in eV/A", file=file)
    return forces


def _virial(atoms: Atoms, where: str, file: str | None) -> Array | None:
    if keys.REF_STRESS not in atoms.info:
        return None
    stress = np.asarray(atoms.info[keys.REF_STRESS], dtype=float)
    if stress.size not in (6, 9) or not np.isfinite(stress).all():
        raise InputError(f"{where}: {keys.REF_STRESS} must be 6 (Voigt) or 9 finite numbers in eV/A^3", file=file)
    if atoms.cell.rank < 3:
        raise InputError(f"{where} has {keys.REF_STRESS} but no cell: give Lattice, or leave the stress out", file=file)
    voigt = full_3x3_to_voigt_6_stress(stress.reshape(3, 3)) if stress.size == 9 else stress.reshape(6)
    return np.asarray(voigt * atoms.get_volume())


def _mask(atoms: Atoms, where: str, file: str | None) -> Any:
    values = np.asarray(atoms.arrays.get(keys.FORCE_MASK, np.ones(len(atoms))))
    if values.shape != (len(atoms),) or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"{where}: {keys.FORCE_MASK} must be one number an atom, 1 for the core and 0 for the buffer", file=file
        )
    return values.astype(bool)
