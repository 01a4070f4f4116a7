"""A label as a row of the database: its columns, and what they are filled with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlipbatch.core import frames
from mlipbatch.core.consistency import ALIKE, PREFIX, PSEUDOPOTENTIALS

if TYPE_CHECKING:
    from ase import Atoms

TEXTS = ("project", "uuid", "job", "name", "root", "config_type")  # the pairs that every label has
WHERE_KNOWN = (  # pairs of the labels whose code and attempt say so
    "attempts",
    "rung",
    "dft_version",
    "dft_iterations",
    "dft_accuracy_ry",
    "dft_kpoints",
    "dft_wall_s",
    "dft_magnetization",
    "dft_absolute_magnetization",
    "dft_smearing_ev",
    *(f"{PREFIX}{key}" for key in (*ALIKE, PSEUDOPOTENTIALS)),
)


@dataclass(frozen=True)
class Row:
    """A label on its way into the database; `atoms` carries its REF_ labels."""

    project: str
    job: str
    atoms: Atoms

    @property
    def uuid(self) -> str:
        """The same for the same label, however often the database is rebuilt."""
        return uuid_of(self.project, self.job)

    @property
    def generation(self) -> int:
        """It stands in the job's id."""
        return int(self.job[3:6])

    def bare(self) -> Atoms:
        """The structure with its labels as a calculator's results, which is where ASE's columns take them from."""
        from ase import Atoms
        from ase.calculators.singlepoint import SinglePointCalculator

        bare = Atoms(self.atoms.symbols, positions=self.atoms.positions, cell=self.atoms.cell, pbc=self.atoms.pbc)
        bare.calc = SinglePointCalculator(
            bare,
            energy=self.atoms.info[frames.REF_ENERGY],
            forces=self.atoms.arrays[frames.REF_FORCES],
            stress=self.atoms.info[frames.REF_STRESS],
        )
        return bare

    def pairs(self) -> dict[str, Any]:
        """The key-value pairs that queries ask for."""
        info = self.atoms.info
        pairs = {
            "project": project_key(self.project),
            "uuid": self.uuid,
            "job": self.job,
            "generation": self.generation,
            "name": str(info[frames.NAME]),
            "config_type": str(info.get(frames.CONFIG_TYPE, "unknown")),
            "root": str(info.get(frames.ROOT, info[frames.NAME])),
            **{key: info[key] for key in WHERE_KNOWN if key in info},
        }
        if frames.GAMMA_MAX in info:
            pairs["uncertainty_gamma"] = float(info[frames.GAMMA_MAX])
        # ase.db refuses texts that look like numbers
        return {
            key: f"#{value}" if isinstance(value, str) and _is_number(value) else value for key, value in pairs.items()
        }

    def data(self) -> dict[str, Any]:
        """What no query asks for."""
        import numpy as np

        mask = self.atoms.arrays.get(frames.FORCE_MASK, np.ones(len(self.atoms)))
        return {"force_mask": np.asarray(mask, float), "parents": str(self.atoms.info.get(frames.PARENTS, ""))}


def uuid_of(project: str, job: str) -> str:
    """Of the label of a job."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{project}/{job}"))


def project_key(project: str) -> str:
    """A project's id in a form that no reader takes for a number."""
    return f"project-{project}"


def plain(value: Any) -> Any:
    """A pair's value without the mark that keeps a text from looking like a number."""
    return value.strip(" #") if isinstance(value, str) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
