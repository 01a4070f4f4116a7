"""What is known of the elements without heavy imports, and what ASE's tables say."""

from __future__ import annotations

from math import sqrt

# fmt: off
SYMBOLS = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K",
    "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb",
    "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs",
    "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta",
    "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa",
    "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt",
    "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
]
NAMES = {
    "hydrogen": "H", "lithium": "Li", "boron": "B", "carbon": "C", "nitrogen": "N", "oxygen": "O",
    "sodium": "Na", "magnesium": "Mg", "aluminium": "Al", "aluminum": "Al", "silicon": "Si", "titanium": "Ti",
    "vanadium": "V", "chromium": "Cr", "manganese": "Mn", "iron": "Fe", "cobalt": "Co", "nickel": "Ni",
    "copper": "Cu", "zinc": "Zn", "gallium": "Ga", "germanium": "Ge", "zirconium": "Zr", "niobium": "Nb",
    "molybdenum": "Mo", "silver": "Ag", "tin": "Sn", "tantalum": "Ta", "tungsten": "W", "platinum": "Pt",
    "gold": "Au", "lead": "Pb", "uranium": "U", "calcium": "Ca", "potassium": "K", "palladium": "Pd",
}
# start values (fraction of the valence electrons polarised), within SPEC's 0.2 to 0.5; larger where the free moment is larger
MOMENTS = {
    "V": 0.2, "Cr": 0.3, "Mn": 0.5, "Fe": 0.4, "Co": 0.3, "Ni": 0.2,
    **dict.fromkeys(["Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb"], 0.5),
    **dict.fromkeys(["U", "Np", "Pu", "Am", "Cm"], 0.3),
}
# A^3 an atom of those whose solid is none of the simple lattices: their crystal's own density at room temperature (molecular
# crystals: where they freeze), except H, N, O and F: what they take up in hydrides, nitrides, oxides and fluorides
VOLUMES = {
    "H": 2.9, "He": 20.0, "B": 7.3, "N": 6.0, "O": 8.0, "F": 10.0, "P": 19.0, "S": 25.8, "Cl": 28.9, "Mn": 12.2, "Ga": 19.6,
    "As": 21.5, "Br": 32.6, "In": 26.1, "Sn": 27.0, "Sb": 30.2, "I": 42.6, "Pm": 33.6, "Sm": 33.2, "Hg": 23.1, "Bi": 35.4,
    "Ra": 68.2, "Pa": 25.0, "U": 20.8, "Np": 19.2, "Pu": 20.0, "Am": 29.3, "Cm": 30.0,
}
# fmt: on

LATTICES = ("fcc", "bcc", "hcp", "sc", "diamond")
IDEAL_COVERA = sqrt(8 / 3)

# atoms in the cubic cell of edge a
CUBIC_ATOMS = {"fcc": 4, "bcc": 2, "sc": 1, "diamond": 8}


def volume_per_atom(lattice: str, a: float, covera: float) -> float:
    """Volume an atom in A^3 of a lattice with constant `a` in A (hcp: a^3 c/a sqrt(3) / 4)."""
    if lattice == "hcp":
        return a**3 * covera * sqrt(3) / 4
    return a**3 / CUBIC_ATOMS[lattice]


def lattice_constant(lattice: str, volume: float, covera: float) -> float:
    """Inverse of `volume_per_atom`: A from A^3 an atom."""
    if lattice == "hcp":
        return float((volume * 4 / (covera * sqrt(3))) ** (1 / 3))
    return float((volume * CUBIC_ATOMS[lattice]) ** (1 / 3))


def covalent_radius(symbol: str) -> float:
    """Covalent radius in A (Cordero et al. 2008, as in ase.data)."""
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[symbol]])


def mass(symbol: str) -> float:
    """Atomic mass in u."""
    from ase.data import atomic_masses, atomic_numbers

    return float(atomic_masses[atomic_numbers[symbol]])


def elemental_volume(symbol: str) -> tuple[float, str]:
    """Volume an atom of the element's own solid in A^3 and where from: its lattice in ase.data, `VOLUMES`, its covalent radius.

    The last is for elements that no experiment has weighed: packed as in fcc at the distance of two covalent radii.
    """
    from ase.data import atomic_numbers, reference_states

    state = reference_states[atomic_numbers[symbol]] or {}
    lattice, a = state.get("symmetry"), state.get("a")
    if lattice in LATTICES and a:
        return volume_per_atom(lattice, a, state.get("c/a", IDEAL_COVERA)), f"{symbol} {lattice} {a:g} A"
    if symbol in VOLUMES:
        return VOLUMES[symbol], f"{symbol} {VOLUMES[symbol]:g} A^3"
    return (2 * covalent_radius(symbol)) ** 3 / sqrt(2), f"{symbol} from its covalent radius"


def elemental_covera(symbol: str) -> float | None:
    """c/a of an element that is hcp, else None."""
    from ase.data import atomic_numbers, reference_states

    state = reference_states[atomic_numbers[symbol]] or {}
    return float(state["c/a"]) if state.get("symmetry") == "hcp" and "c/a" in state else None
