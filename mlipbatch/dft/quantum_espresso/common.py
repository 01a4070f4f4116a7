"""What the labels of one campaign have in common, and what any other label must share to be trained on together with them."""

from __future__ import annotations

from collections.abc import Iterable

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.consistency import PSEUDOPOTENTIALS
from mlipbatch.dft import pseudopotentials
from mlipbatch.dft.quantum_espresso.parameters import base_parameters, extra

ENERGY_KIND = "E-TS"  # of pw.x's `!` line: the free energy, whose derivatives forces and stress are


def common(elements: Iterable[str], dft: DFTConfig) -> dict[str, str | int | float]:
    """By the names of `mlipbatch.core.consistency`; `degauss` is the data set's own, whatever an attempt has. Cutoffs in Ry."""
    system = extra(dft).get("system", {})
    elements = list(elements)
    found: dict[str, str | int | float] = {
        "code": "quantum_espresso",
        "functional": str(system.get("input_dft", "")).lower() or pseudopotentials.functional(elements, dft),
        "ecutwfc": float(system.get("ecutwfc", dft.ecutwfc)),
        "ecutrho": float(system.get("ecutrho", dft.ecutrho)),
        "smearing": str(system.get("smearing", dft.smearing)),
        "degauss": float(base_parameters(dft)["degauss"]),
        "nspin": int(system.get("nspin", dft.nspin)),
        "energy_kind": ENERGY_KIND,
        PSEUDOPOTENTIALS: pseudopotentials.named(elements, dft),
    }
    return {key: value for key, value in found.items() if value != ""}
