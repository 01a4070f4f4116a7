"""Writing a potential's folder, which LAMMPS, ASE and the exploration read (`mlipbatch.core.potential` reads it)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ase import data

from mlipbatch.core.potential import Potential
from mlipbatch.store.durable import write_text

REPORT = "report.json"


def write_facts(potential: Potential) -> None:
    """Write potential.json and in.potential."""
    facts = {
        "elements": list(potential.elements),
        "cutoff": potential.cutoff,
        "zbl": {"inner": potential.zbl_inner, "outer": potential.zbl_outer},
        "reference_energies": potential.reference_energies,
        "functions": potential.functions,
    }
    write_text(potential.folder / "potential.json", json.dumps(facts, indent=2) + "\n")
    write_text(potential.lammps_input, lammps_lines(potential))


def lammps_lines(potential: Potential) -> str:
    """The lines of a LAMMPS input that use the potential (ML-PACE and MANYBODY packages; units metal)."""
    yace, asi = potential.yace.name, potential.active_set.name
    names = " ".join(potential.elements)
    overlay = f"pace/extrapolation zbl {potential.zbl_inner:.10g} {potential.zbl_outer:.10g}"
    numbers = [data.atomic_numbers[element] for element in potential.elements]
    pairs = [
        f"pair_coeff {i} {j} zbl {first} {second}"
        for i, first in enumerate(numbers, start=1)
        for j, second in enumerate(numbers[i - 1 :], start=i)
    ]
    lines = [
        f"# atom types: {_types(potential.elements)}; units metal; energies are without the references of potential.json",
        "variable potential index .  # this folder; from elsewhere: lmp -var potential PATH",
        f"pair_style hybrid/overlay {overlay}",
        f"pair_coeff * * pace/extrapolation ${{potential}}/{yace} ${{potential}}/{asi} {names}",
        *pairs,
        "# grade of every atom: fix gamma all pair 10 pace/extrapolation gamma 1",
    ]
    return "\n".join(lines) + "\n"


def _types(elements: Sequence[str]) -> str:
    return ", ".join(f"{number} {element}" for number, element in enumerate(elements, start=1))


def write_basis(potential: Potential, basis: Any) -> None:
    """Write potential.yaml and potential.yace."""
    basis.save(str(potential.yaml))
    basis.to_ACECTildeBasisSet().save_yaml(str(potential.yace))
