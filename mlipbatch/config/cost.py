"""What a campaign costs, roughly: before anything ran, from sizes alone.

What one static SCF takes is said by scf_cost.py; its coefficients are those of the project's own finished jobs where there are
any. Machines differ by a factor of two, hard cases by more; `status` tells what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi
from pathlib import Path

from mlipbatch.config.elements import LATTICES, volume_per_atom
from mlipbatch.config.model import Config
from mlipbatch.config.pseudopotentials import valence
from mlipbatch.config.scf_cost import Model, Size
from mlipbatch.config.upf import read_upf

SYMMETRY = 0.7  # of the k-points are left on average: strained cells keep some symmetry, rattled ones none
BOHR = 0.529177  # A
EOS_POINTS, EOS_ATOMS = 9, 8  # the energy-volume curve that the potential is measured against
ISOLATED_BOX = 12.0  # A
USUAL_VALENCE = 10.0  # electrons, where a pseudopotential cannot be read
# a label by an ASE calculator: starting Python, and an atom of a foundation model on a CPU; EMT and GFN-xTB are cheaper
CALCULATOR_START_S, CALCULATOR_S_ATOM = 3.0, 0.05
# seconds on one core of everything else: measured on 32- to 256-atom cells
SCREEN_S_ATOM = 0.03  # CHGNet, energy and forces
MD_S_ATOM_STEP = 1e-4  # ACE with gamma
FIT_S_ATOM_FUNCTION = 1e-5  # design matrix
REFINE_S_ATOM_STEP = 5e-4  # pacemaker, one BFGS step


@dataclass(frozen=True)
class Labels:
    """A number of DFT calculations of the same size."""

    what: str
    number: int
    atoms: int
    kpoints: int
    core_seconds: float  # of one


@dataclass(frozen=True)
class Cost:
    """`core_hours` of all work; `days` of wall time on `resources.parallel_cores`."""

    labels: list[Labels]
    other_core_hours: float
    dft_calculations: int
    core_hours: float
    days: float
    speed: float = 1.0  # of a DFT calculation on its cores, times that on one
    learned_from: int = 0  # finished calculations of the project


def estimate(config: Config, model: Model | None = None) -> Cost:
    """The campaign's cost. Within a factor of two or three, until `model` has learned from its jobs."""
    model = model or Model()
    labels = label_groups(config, model)
    dft_hours = sum(group.number * group.core_seconds for group in labels) / 3600
    other = other_hours(config)
    cores = config.jobs.dft_cores
    speed = model.speed(cores)
    efficiency = speed / cores
    dft_days = dft_hours / efficiency / config.resources.parallel_cores / 24
    days = dft_days + other / config.jobs.work_cores / 24
    calculations = sum(group.number for group in labels)
    return Cost(labels, other, calculations, dft_hours / efficiency + other, days, speed, model.learned_from)


def label_groups(config: Config, model: Model) -> list[Labels]:
    """All labels, by what they are for."""
    sizes = config.generation.sqs_sizes
    share, rest = divmod(config.selection.number, len(sizes))
    groups = [
        _group(config, model, "first generation", share + (index < rest), size)
        for index, size in enumerate(sorted(sizes))
    ]
    groups.append(_group(config, model, "energy-volume curve", EOS_POINTS, EOS_ATOMS))
    if config.generation.isolated_atoms:
        isolated = _seconds(config, model, 1, ISOLATED_BOX**3, 1)
        groups.append(Labels("isolated atoms", len(config.target_system.elements), 1, 1, isolated))
    boxes = config.embedding.boxes * (config.generations - 1)
    groups.append(_group(config, model, "active learning", boxes, box_atoms(config)))
    return [group for group in groups if group.number]


def box_atoms(config: Config) -> int:
    """Atoms of a cut box: a cube of edge 2 (r_c + delta), at most `max_atoms`."""
    edge = 2 * (config.embedding.core_radius + config.embedding.buffer)
    return min(config.embedding.max_atoms, ceil(edge**3 / _atomic_volume(config)))


def _group(config: Config, model: Model, what: str, number: int, atoms: int) -> Labels:
    volume = atoms * _atomic_volume(config)
    kpoints = ceil(SYMMETRY * irreducible_kpoints(volume ** (1 / 3), config.dft.kpoints_spacing))
    return Labels(what, number, atoms, kpoints, _seconds(config, model, atoms, volume, kpoints))


def irreducible_kpoints(edge: float, spacing: float) -> int:
    """k-points of a cube of `edge` A without any symmetry but time reversal; `spacing` in 1/A with 2 pi."""
    mesh = max(1, ceil(2 * pi / edge / spacing))
    own_partners = 1 if mesh % 2 else 8  # k and -k are the same point
    return (mesh**3 + own_partners) // 2


def _seconds(config: Config, model: Model, atoms: int, volume: float, kpoints: int) -> float:
    """Core seconds of one static SCF with forces and stress; `volume` in A^3."""
    if config.resources.dft_code == "ase":
        return CALCULATOR_START_S + CALCULATOR_S_ATOM * atoms
    electrons = atoms * _valence(config)
    gamma = volume ** (1 / 3) * config.dft.kpoints_spacing >= 2 * pi
    size = Size(
        atoms=atoms,
        bands=ceil(max(0.6 * electrons, electrons / 2 + 4)),
        waves=_plane_waves(volume, config.dft.ecutwfc) * (0.5 if gamma else 1.0),
        grid=6 / pi * _plane_waves(volume, 4 * config.dft.ecutwfc),
        kpoints=kpoints,
        nspin=config.dft.nspin,
        gamma=gamma,
        augmented=_augmented(config),
    )
    return model.seconds(size)


def _augmented(config: Config) -> bool:
    """Is a pseudopotential ultrasoft or PAW, as far as they can be read?"""
    files = [Path(config.dft.pseudo_dir) / file for file in config.dft.pseudopotentials.values()]
    return any(read_upf(file).kind in {"US", "PAW"} for file in files if file.is_file())


def _plane_waves(volume: float, cutoff: float) -> float:
    """Number of plane waves in a sphere: V k^3 / (6 pi^2), k^2 = cutoff in Ry; `volume` in A^3."""
    return float(max(16.0, volume / BOHR**3 * cutoff**1.5 / (6 * pi**2)))


def _valence(config: Config) -> float:
    """Valence electrons an atom at the target composition."""
    folder = Path(config.dft.pseudo_dir)
    total = 0.0
    for symbol, share in config.target_system.composition.items():
        file = config.dft.pseudopotentials.get(symbol, "")
        total += share * ((valence(folder / file) if file else None) or USUAL_VALENCE)
    return total


def _atomic_volume(config: Config) -> float:
    structure = config.target_system.crystal_structure
    lattice = structure if structure in LATTICES else "fcc"
    return volume_per_atom(lattice, config.generation.lattice_constant, config.generation.covera)


def other_hours(config: Config) -> float:
    """Core hours of screening, training and exploration."""
    sizes = config.generation.sqs_sizes
    mean_size = sum(sizes) / len(sizes)
    candidates = len(config.generation.compositions) * len(sizes) * config.generation.sqs_per_composition * 25
    screening = candidates * mean_size * SCREEN_S_ATOM
    walkers = len(config.exploration.temperatures) * (config.generations - 1)
    exploring = walkers * config.exploration.steps * config.exploration.atoms * MD_S_ATOM_STEP
    learnt = config.selection.number * mean_size + config.embedding.boxes * box_atoms(config)
    training = learnt * (
        config.training.functions_per_element * FIT_S_ATOM_FUNCTION + config.training.refine_steps * REFINE_S_ATOM_STEP
    )
    return (screening + exploring + config.generations * training) / 3600
