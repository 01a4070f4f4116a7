"""A potential on disk: the folder that LAMMPS, ASE and the exploration read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase import data

from mlipbatch.config.errors import InputError
from mlipbatch.store.durable import write_text

BASIS, RECURSIVE, ACTIVE_SET = "potential.yaml", "potential.yace", "potential.asi"
LAMMPS, FACTS, REPORT = "in.potential", "potential.json", "report.json"


@dataclass(frozen=True)
class Facts:
    """potential.json: what is needed besides the ACE basis. Total energy = references + ZBL + ACE."""

    elements: list[str]  # LAMMPS types 1, 2, ... in this order: alphabetical
    cutoff: float  # A
    zbl: dict[str, float]  # inner, outer: A
    reference_energies: dict[str, float]  # eV an atom
    functions: int  # of all elements together


def write_facts(folder: Path, facts: Facts) -> None:
    """Write potential.json and in.potential."""
    write_text(folder / FACTS, json.dumps(asdict(facts), indent=2) + "\n")
    write_text(folder / LAMMPS, lammps_lines(facts))


def read_facts(folder: Path) -> Facts:
    """Read potential.json; InputError where `folder` is no potential."""
    path = folder / FACTS
    if not path.is_file():
        raise InputError(f"{folder} is not a potential: it has no {FACTS}; `mlipbatch fit` makes one")
    try:
        return Facts(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        sentence = f"it does not describe a potential ({error}); make it again by `mlipbatch fit`"
        raise InputError(sentence, file=str(path)) from error


def lammps_lines(facts: Facts) -> str:
    """The lines of a LAMMPS input that use the potential (ML-PACE and MANYBODY packages; units metal)."""
    names = " ".join(facts.elements)
    overlay = f"pace/extrapolation zbl {facts.zbl['inner']:.10g} {facts.zbl['outer']:.10g}"
    numbers = [data.atomic_numbers[element] for element in facts.elements]
    pairs = [
        f"pair_coeff {i} {j} zbl {first} {second}"
        for i, first in enumerate(numbers, start=1)
        for j, second in enumerate(numbers[i - 1 :], start=i)
    ]
    lines = [
        f"# atom types: {_types(facts.elements)}; units metal; energies are without the references of {FACTS}",
        f"pair_style hybrid/overlay {overlay}",
        f"pair_coeff * * pace/extrapolation {RECURSIVE} {ACTIVE_SET} {names}",
        *pairs,
        "# grade of every atom: fix gamma all pair 10 pace/extrapolation gamma 1",
    ]
    return "\n".join(lines) + "\n"


def _types(elements: Sequence[str]) -> str:
    return ", ".join(f"{number} {element}" for number, element in enumerate(elements, start=1))


def write_basis(folder: Path, basis: Any) -> None:
    """Write potential.yaml and potential.yace."""
    basis.save(str(folder / BASIS))
    basis.to_ACECTildeBasisSet().save_yaml(str(folder / RECURSIVE))
