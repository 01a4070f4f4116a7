"""Rules of `generation`, `screening`, `selection`: SPEC 3 and 4."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mlipbatch.config import elements as known
from mlipbatch.config.heuristics.draft import Draft, Rule, constant
from mlipbatch.config.structure_file import volume_of_file

COARSE = 0.2  # 1/A; above it k-meshes of cells of other shapes differ by more than a potential's error
STEP = 0.1  # to the neighbouring compositions: Fe70Ni30 also gets Fe60Ni40 and Fe80Ni20
PAIRWISE = 3  # elements
TOLERANCE = 1e-9


def covera(draft: Draft) -> tuple[float, str]:
    """c/a of the target: mean over those elements that are hcp themselves, else the ideal one."""
    if draft["target_system.crystal_structure"] != "hcp":
        return round(known.IDEAL_COVERA, 4), "ideal sphere packing; only hcp uses it"
    ratios = {symbol: known.elemental_covera(symbol) for symbol in draft.elements}
    parts = [(draft.composition[symbol], ratio) for symbol, ratio in ratios.items() if ratio is not None]
    weight = sum(share for share, _ in parts)
    if not weight:
        return round(known.IDEAL_COVERA, 4), "ideal sphere packing: no element here is hcp by itself"
    return round(
        sum(share * ratio for share, ratio in parts) / weight, 4
    ), "mean of the elements that are hcp (ase.data)"


def volume(draft: Draft) -> tuple[float, str]:
    """Volume an atom in A^3 at the target: of the structure file, else Vegard's law in volumes."""
    structure = draft["target_system.crystal_structure"]
    if structure not in known.LATTICES:
        return volume_of_file(structure), f"volume an atom of {Path(structure).name}"
    total, origins = 0.0, []
    for symbol, share in draft.composition.items():
        part, origin = known.elemental_volume(symbol)
        total += share * part
        origins.append(origin)
    return total, f"Vegard's law in volumes an atom: {', '.join(origins)} (ase.data, room temperature)"


def lattice_constant(draft: Draft) -> tuple[float, str]:
    """Lattice constant in A; for a structure file that of an fcc lattice with the same volume an atom."""
    structure = draft["target_system.crystal_structure"]
    value, reason = volume(draft)
    if structure not in known.LATTICES:
        return round(
            known.lattice_constant("fcc", value, 1.0), 4
        ), f"fcc lattice with the {reason}; cells come from the file itself"
    return round(known.lattice_constant(structure, value, draft["generation.covera"]), 4), reason


def atomic_volume(draft: Draft) -> float:
    """Volume an atom in A^3, as the lattice constant has it."""
    structure = draft["target_system.crystal_structure"]
    lattice = structure if structure in known.LATTICES else "fcc"
    return known.volume_per_atom(lattice, draft["generation.lattice_constant"], draft["generation.covera"])


def sqs_sizes(draft: Draft) -> tuple[list[int], str]:
    """Two sizes of SPEC's 32 to 96 atoms; small ones where the machine is small."""
    if draft.cores < 8:
        return [8, 16, 32], "small cells: a label of 64 atoms would take hours on fewer than 8 cores"
    return [32, 64], "two sizes between 32 and 96 atoms: random alloys, at a cost that DFT can carry"


def neighbours(composition: dict[str, float], step: float = STEP) -> list[dict[str, float]]:
    """The composition itself and its neighbours: `step` moved from one element to another, at most what there is to move.

    Up to `PAIRWISE` elements that is done for each pair; with more, each element in turn gains or loses, shared by all others.
    """
    moves = _pairs if len(composition) <= PAIRWISE else _each_against_all
    found = [dict(composition)]
    for new in moves(composition, step):
        rounded = {symbol: round(share, 6) for symbol, share in new.items() if share > TOLERANCE}
        if rounded not in found:
            found.append(rounded)
    return found


def _pairs(composition: dict[str, float], step: float) -> Iterator[dict[str, float]]:
    for source, there in composition.items():
        moved = min(step, there)
        for target, here in composition.items():
            if source != target:
                yield {**composition, source: there - moved, target: here + moved}


def _each_against_all(composition: dict[str, float], step: float) -> Iterator[dict[str, float]]:
    for element, share in composition.items():
        for new in (max(0.0, share - step), min(1.0, share + step)):
            scale = (1 - new) / (1 - share)
            yield {symbol: new if symbol == element else other * scale for symbol, other in composition.items()}


def compositions(draft: Draft) -> tuple[list[dict[str, float]], str]:
    """Target and neighbours; the pure elements too where a whole phase diagram is asked for."""
    found = neighbours(draft.composition)
    reason = "the target" if len(found) == 1 else f"the target and its neighbours, {STEP:g} moved between elements"
    if draft.goal == "phase_diagram":
        found += [pure for pure in ({symbol: 1.0} for symbol in draft.elements) if pure not in found]
        reason += ", and the pure elements, between which the diagram lies"
    return found, reason


def cell_shapes(draft: Draft) -> tuple[str, str]:
    """Compact cells where k-points are dense; repeats of one cell where they are not: each shape has an error of its own."""
    spacing = draft["dft.kpoints_spacing"]
    if spacing > COARSE:
        return (
            "conventional",
            f"k-meshes {spacing:g} 1/A apart agree only among repeats of one cell (Al: to 30 meV/atom)",
        )
    return "compact", "periodic images as far apart as can be"


def sqs_per_composition(draft: Draft) -> tuple[int, str]:
    """A pure element has one cell of each size; alloys have many."""
    if all(len(composition) == 1 for composition in draft["generation.compositions"]):
        return 1, "a pure element has one cell of each size"
    return 3, "different cells of one composition, so that no single arrangement is learnt by heart"


def candidates(draft: Draft) -> int:
    """Roughly how many structures `generate` will make."""
    distortions = ("volume_strains", "shear_strains", "shear_strains", "rattle_small", "rattle_large")
    variants = 3 + sum(len(draft[f"generation.{name}"]) for name in distortions)  # the cell itself, and two mixtures
    cells = sum(
        1 if len(composition) == 1 else draft["generation.sqs_per_composition"]
        for composition in draft["generation.compositions"]
    )
    return int(cells * len(draft["generation.sqs_sizes"]) * variants)


def model(_draft: Draft) -> tuple[str, str]:
    """MACE-MP-0 where its package and weights are installed, else CHGNet (SPEC 4). Decided without importing torch."""
    if find_spec("mace") is not None and _mace_weights():
        return "mace-mp-0", "mace-torch and its weights are installed"
    return "chgnet", "its weights come in its package; MACE-MP-0 is not installed here"


@cache
def _mace_weights() -> bool:
    cache_folder = Path.home() / ".cache" / "mace"  # where mace.calculators.mace_mp keeps what it downloaded
    return cache_folder.is_dir() and any(
        path.is_file() and path.stat().st_size > 1_000_000 for path in cache_folder.iterdir()
    )


NUMBERS = {1: 150, 2: 250, 3: 400}  # by number of elements


def number(draft: Draft) -> tuple[int, str]:
    """Labels of the first generation: grows with the number of elements, never more than a half of the candidates."""
    wanted = NUMBERS.get(len(draft.elements), 600)
    if draft.goal == "elastic":
        wanted //= 2
    most = max(1, candidates(draft) // 2)
    if wanted > most:
        return most, f"a half of about {2 * most} candidates, of which the other half would teach little new"
    return (
        wanted,
        f"for {len(draft.elements)} element(s) and goal {draft.goal}; the first potential then asks for the rest",
    )


def descriptor_cutoff(draft: Draft) -> tuple[float, str]:
    """As far as the potential sees."""
    return draft["training.cutoff"], "as far as the potential sees"


RULES: dict[str, Rule] = {
    "generation.lattice_constant": lattice_constant,
    "generation.covera": covera,
    "generation.sqs_sizes": sqs_sizes,
    "generation.sqs_per_composition": sqs_per_composition,
    "generation.cell_shapes": cell_shapes,
    "generation.compositions": compositions,
    "generation.volume_strains": constant(
        [-0.10, -0.06, -0.03, -0.01, 0.01, 0.03, 0.06, 0.10], "from +-1 % to +-10 %: the equation of state"
    ),
    "generation.shear_strains": constant([-0.05, -0.02, 0.02, 0.05], "monoclinic and triclinic: C11, C12, C44"),
    "generation.rattle_small": constant([0.01, 0.03, 0.05], "phonons"),
    "generation.rattle_large": constant([0.1, 0.2, 0.3], "anharmonicity, high temperature"),
    "generation.isolated_atoms": constant(
        value=True, reason="energy reference: cohesive energies, and E = 0 far apart"
    ),
    "screening.model": model,
    "screening.min_distance_factor": constant(0.6, "closer pairs are ZBL's business, not DFT's"),
    "screening.max_force": constant(50.0, "more is an accident of generation, not an environment of a simulation"),
    "screening.max_energy_above_median": constant(3.0, "about 10 times the thermal energy of a melt"),
    "screening.volume_per_atom_factor": constant(
        [0.6, 1.8], "beyond all strains made on purpose: collapsed or exploded"
    ),
    "selection.number": number,
    "selection.descriptor": constant("ace", "the space in which the potential itself sees atoms"),
    "selection.descriptor_cutoff": descriptor_cutoff,
    "selection.descriptor_functions": constant(
        100, "tells environments apart, and stays cheap for many thousand structures"
    ),
}
