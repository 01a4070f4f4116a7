"""What the labels of one campaign have in common, and what any other label must share to be trained on together with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.consistency import PSEUDOPOTENTIALS
from mlipbatch.core.ladder import Value
from mlipbatch.dft import pseudopotentials
from mlipbatch.dft.abinit.parameters import OCCOPT
from mlipbatch.dft.abinit.units import RYDBERGS

ENERGY_KIND = "E-TS"  # of ABINIT's etotal with smearing
SMEARING = {number: name for name, number in OCCOPT.items()}


def common(elements: Iterable[str], dft: DFTConfig, keys: Mapping[str, Value]) -> dict[str, Value]:
    """By the names of `mlipbatch.core.consistency`, from the `keywords` of an attempt. Cutoff and width in Ry."""
    elements = list(elements)
    occupations = keys["occopt"]
    return {
        "code": "abinit",
        "functional": str(keys.get("ixc", "")) or pseudopotentials.functional(elements, dft),
        "ecutwfc": _rydbergs(keys["ecut"]),
        "smearing": SMEARING.get(int(occupations), f"occopt {occupations}"),
        "degauss": _rydbergs(keys["tsmear"]),
        "nspin": keys["nsppol"],
        "energy_kind": ENERGY_KIND,
        PSEUDOPOTENTIALS: pseudopotentials.named(elements, dft),
    }


def _rydbergs(hartree: Value) -> float:
    return round(float(hartree) * RYDBERGS, 9)
