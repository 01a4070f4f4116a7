"""Rules of `training`: SPEC 6."""

from __future__ import annotations

from mlipbatch.config.elements import covalent_radius
from mlipbatch.config.heuristics.draft import Draft, Rule, constant
from mlipbatch.config.heuristics.structures import atomic_volume


def cutoff(draft: Draft) -> tuple[float, str]:
    """2.1 times the edge of an atom's volume, in steps of 0.5 A between 5 and 7: 5.0 A for Fe, Mo, Ni; 5.5 A for Al, Si."""
    edge = atomic_volume(draft) ** (1 / 3)
    value = min(7.0, max(5.0, round(2 * 2.1 * edge) / 2))
    return value, f"about 2.1 times the edge of an atom's volume ({edge:.2f} A): third to fourth shell of neighbours"


FUNCTIONS = ((80, 60), (160, 100), (300, 200))  # labels up to -> functions an element


def functions_per_element(draft: Draft) -> tuple[int, str]:
    """As many as the labels can determine (measured on held-out labels)."""
    labels = draft["selection.number"]
    value = next((functions for most, functions in FUNCTIONS if labels <= most), 300)
    return value, f"as many as about {labels} labels determine without learning them by heart"


def _smallest_pair(draft: Draft) -> tuple[str, float]:
    symbol = min(draft.elements, key=covalent_radius)
    return symbol, 2 * covalent_radius(symbol)


def zbl_inner(draft: Draft) -> tuple[float, str]:
    """Half of the shortest covalent bond, in A."""
    symbol, bond = _smallest_pair(draft)
    value = (
        min(round(0.5 * bond, 2), round(0.7 * draft["training.zbl_outer"], 2))
        if _given_outer(draft)
        else round(0.5 * bond, 2)
    )
    return (
        value,
        f"half of two covalent radii of {symbol} ({bond:.2f} A): nuclei repel each other there, whatever the electrons do",
    )


def _given_outer(draft: Draft) -> bool:
    return "training.zbl_outer" in draft.given


def zbl_outer(draft: Draft) -> tuple[float, str]:
    """0.8 of the shortest covalent bond, in A."""
    symbol, bond = _smallest_pair(draft)
    inner = draft.given.get("training.zbl_inner", 0.0)
    value = round(max(0.8 * bond, 1.3 * inner), 2)
    return value, f"0.8 of two covalent radii of {symbol} ({bond:.2f} A): bonds are left to ACE"


RULES: dict[str, Rule] = {
    "training.cutoff": cutoff,
    "training.functions_per_element": functions_per_element,
    "training.radial_basis": constant("SBessel", "lowest held-out errors of the three on Si and Mo"),
    "training.weights.energy": constant(1.0, "to start from; total energies of structures in eV"),
    "training.weights.force": constant(100.0, "to start from; a structure has one energy and 3 N forces"),
    "training.weights.stress": constant(10.0, "to start from; elastic constants"),
    "training.zbl_inner": zbl_inner,
    "training.zbl_outer": zbl_outer,
    "training.test_fraction": constant(
        0.1, "held out by parent structure, so that no near-copy of a tested structure was learnt"
    ),
    "training.refine_steps": constant(100, "pacemaker starts from the closed-form fit and needs few"),
    "training.pacemaker_command": constant("auto", "looked for in mlipbatch's own environments, then on PATH"),
}
