"""Generators that distort the undistorted cells: strain, shear, rattle (SPEC 3).

Every cell gets every strain, every shear (monoclinic and triclinic in turn) and every size of rattle once, and two mixtures: in
all (1 + volume_strains + shear_strains + rattle_small + rattle_large + 2) structures a cell, of whatever size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from ase import Atoms

from mlipbatch.core.frames import NAME
from mlipbatch.structures import deform, tag
from mlipbatch.structures.registry import generator
from mlipbatch.structures.scope import Scope

MIXTURES = 2  # strained and rattled copies of every cell
SHEARS = (("mono", deform.monoclinic), ("tri", deform.triclinic))


@generator("sqs_strain")
def strain(scope: Scope) -> Iterator[Atoms]:
    """isotropic volume changes of every cell (equation of state)"""
    for cell in scope.roots:
        for change in _distinct(scope.distortions.volume_strains):
            yield tag.child(deform.with_volume(cell, 1 + change), cell, "sqs_strain", f"vol{1 + change:.6g}")


@generator("sqs_shear")
def shear(scope: Scope) -> Iterator[Atoms]:
    """monoclinic or triclinic shear of every cell at its volume (C11, C12, C44)"""
    for place, cell in enumerate(scope.roots):
        for turn, gamma in enumerate(_distinct(scope.distortions.shear_strains)):
            kind, gradient = SHEARS[
                (place + turn) % len(SHEARS)
            ]  # in turn within a cell, and from one cell to the next
            suffix = f"{kind}{gamma:.6g}"
            rng = tag.random_numbers(scope.seed, f"{cell.info[NAME]}-{suffix}")
            yield tag.child(deform.deformed(cell, gradient(gamma, rng)), cell, "sqs_shear", suffix)


@generator("sqs_rattle_small")
def rattle_small(scope: Scope) -> Iterator[Atoms]:
    """small Gaussian displacements (phonons)"""
    return _rattles(scope, "sqs_rattle_small", scope.distortions.rattle_small)


@generator("sqs_rattle_large")
def rattle_large(scope: Scope) -> Iterator[Atoms]:
    """large Gaussian displacements (anharmonicity, high temperature)"""
    return _rattles(scope, "sqs_rattle_large", scope.distortions.rattle_large)


@generator("sqs_strain_rattle")
def strain_rattle(scope: Scope) -> Iterator[Atoms]:
    """a random volume change and random displacements at once, as molecular dynamics has them

    Volume changes up to half of the largest asked for; displacements between the largest small and the middle large ones.
    """
    strains, small, large = (
        scope.distortions.volume_strains,
        scope.distortions.rattle_small,
        scope.distortions.rattle_large,
    )
    if not strains or not large:
        return
    lowest = max(small, default=min(large))
    for cell in _movable(scope.roots):
        for number in range(1, MIXTURES + 1):
            rng = tag.random_numbers(scope.seed, f"{cell.info[NAME]}-mix{number}")
            change = rng.uniform(min(0.0, *strains) / 2, max(0.0, *strains) / 2)
            sigma = rng.uniform(lowest, max(lowest, median(large)))
            mixed = deform.rattled(deform.with_volume(cell, 1 + change), sigma, rng)
            yield tag.child(mixed, cell, "sqs_strain_rattle", f"mix{number}-vol{1 + change:.3f}-rattle{sigma:.2f}")


def _rattles(scope: Scope, config_type: str, sigmas: Sequence[float]) -> Iterator[Atoms]:
    for cell in _movable(scope.roots):
        for sigma in _distinct(sigmas):
            suffix = f"rattle{sigma:.6g}"
            rng = tag.random_numbers(scope.seed, f"{cell.info[NAME]}-{suffix}")
            yield tag.child(deform.rattled(cell, sigma, rng), cell, config_type, suffix)


def _movable(cells: Sequence[Atoms]) -> list[Atoms]:
    """Cells of one atom are left out: moving it moves the whole crystal."""
    return [cell for cell in cells if len(cell) > 1]


def _distinct(values: Sequence[float]) -> list[float]:
    """Each value once; zero would only repeat the undistorted cell."""
    return [value for value in dict.fromkeys(values) if abs(value) > 1e-9]
