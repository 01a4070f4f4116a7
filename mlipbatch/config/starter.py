"""A first input.yaml, commented, from a few words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlipbatch.config.check_material import check_symbol
from mlipbatch.config.elements import LATTICES
from mlipbatch.config.errors import InputError
from mlipbatch.config.render import flow
from mlipbatch.config.text import shown
from mlipbatch.config.wrong import WrongValue

# goal -> (what it is for, temperatures in K to start from)
GOALS = {
    "elastic": ("elastic constants, equation of state", (300, 600)),
    "diffusion": ("diffusion coefficients", (300, 1200)),
    "melt_quench": ("liquid and glass", (300, 2000)),
    "phase_diagram": ("melting and phases", (300, 2000)),
}


@dataclass(frozen=True)
class Wish:
    """What a campaign needs to be told."""

    composition: dict[str, float]  # atomic fractions
    structure: str  # a lattice, or the path of a file
    goal: str
    cores: int
    gpu: bool = False


def parse_material(text: str) -> dict[str, float]:
    """'Al0.75Mg0.25', 'Al3Mg', 'Fe70Ni30' or 'Si' to atomic fractions (rounded to 6 digits, summing to 1). Raises InputError."""
    if not re.fullmatch(r"\s*([A-Z][a-z]?[0-9.]*\s*)+", text):
        raise InputError(
            f"material {shown(text)} is no formula: write symbols and amounts, such as Al0.75Mg0.25 or Fe70Ni30"
        )
    amounts: dict[str, float] = {}
    for symbol, amount in re.findall(r"([A-Z][a-z]?)([0-9.]*)", text):
        try:
            check_symbol(symbol, ())
            amounts[symbol] = amounts.get(symbol, 0.0) + (float(amount) if amount else 1.0)
        except (WrongValue, ValueError) as error:
            raise InputError(f"material {shown(text)}: {error if str(error) else shown(amount)}") from error
    total = sum(amounts.values())
    if min(amounts.values()) <= 0:
        raise InputError(f"material {shown(text)} has an amount of zero: leave that element out")
    return {symbol: round(amount / total, 6) for symbol, amount in amounts.items()}


def usual_structure(composition: dict[str, float]) -> str:
    """Lattice of the most abundant element's own solid, fcc where that is no simple lattice."""
    from ase.data import atomic_numbers, reference_states

    symbol = max(composition, key=composition.__getitem__)
    state = reference_states[atomic_numbers[symbol]] or {}
    lattice = state.get("symmetry")
    return str(lattice) if lattice in LATTICES else "fcc"


def starter(wish: Wish) -> str:
    """Text of an input.yaml with the required sections, and comments that say what could follow."""
    elements = list(wish.composition)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", "".join(f"{symbol}{share:g}" for symbol, share in wish.composition.items()))[
        :40
    ]
    lowest, highest = GOALS[wish.goal][1]
    composition = flow(wish.composition)
    return TEXT.format(
        name=f"{name}_{wish.goal}", elements=flow(elements), composition=composition, structure=flow(wish.structure),
        goal=wish.goal, goals=" | ".join(GOALS), lowest=lowest, highest=highest, cores=wish.cores, gpu=flow(wish.gpu),
    )  # fmt: skip


TEXT = """\
# What to make, and what for. All else is derived: `mlipbatch plan input.yaml` shows every value with its reason.

project_name: {name} # names the folder

target_system:
  elements: {elements}
  composition: {composition} # atomic fractions, summing to 1
  crystal_structure: {structure} # fcc, bcc, hcp, sc, diamond, or the path of a structure file

simulation_goal:
  type: {goal} # {goals}
  temperature_range: [{lowest}, {highest}] # K

resources:
  dft_code: quantum_espresso
  parallel_cores: {cores} # used at a time
  gpu_enabled: {gpu}

# Any derived value can be set here instead, for example:
#
# dft:
#   pseudopotential_table: sssp-precision-1.3 # a name, or a path; sssp-efficiency where it is installed
#   kpoints_spacing: 0.2 # 1/A, 2 pi included
# selection:
#   number: 100 # structures labelled in the first generation
# generations: 3
"""
