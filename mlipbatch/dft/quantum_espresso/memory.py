"""Memory and bands of a static SCF, from its cell."""

from __future__ import annotations

import math

BOHR = 0.529177210903  # A, CODATA 2018
COMPLEX = 16  # bytes
RANK_MB = 60.0  # a process of pw.x with nothing in it
WORK = (
    7.0  # copies of the wavefunctions of one k-point: psi, and psi, H psi, S psi of a Davidson basis of twice the bands
)
GRIDS = 12.0  # copies of the grid of the density and spin: density, potentials, their gradients, work space of forces and stress
MIXED = 16.0  # copies of the density in reciprocal space: 8 steps of mixing, in and out
PROJECTORS = 10.0  # an atom
AUGMENTED = 171.0  # pairs of projectors of one ultrasoft or PAW atom with s, p and d, two of each: 18 * 19 / 2


def plane_waves(volume: float, cutoff: float) -> float:
    """Plane waves below `cutoff` (Ry): V k^3 / (6 pi^2); `volume` in A^3."""
    return float(volume / BOHR**3 * cutoff**1.5 / (6 * math.pi**2))


def fft_grid(volume: float, cutoff: float) -> float:
    """Points of the FFT grid: of the box around the sphere of `cutoff` (Ry), 6 / pi times its plane waves; `volume` in A^3."""
    return 6 / math.pi * plane_waves(volume, cutoff)


def memory_mb(
    *,
    volume: float,
    atoms: int,
    bands: int,
    ecutwfc: float,
    ecutrho: float,
    nspin: int,
    kpoints: int,
    gamma: bool,
    augmented: bool,
    cores: int,
    pools: int,
) -> float:
    """Of all ranks together, in MB (10^6 bytes); `volume` in A^3, cutoffs in Ry, `kpoints` irreducible ones.

    With disk_io='low' the wavefunctions of all k-points stay in memory; each pool has grids and densities of its own, and with
    ultrasoft and PAW pseudopotentials (`augmented`) the augmentation charges of one element at a time. Measured with pw.x 6.7 on
    one core (Al32, Fe2 and Fe16 with spin): 1.2 to 1.4 times the largest resident size.
    """
    half = 0.5 if gamma else 1.0
    waves = plane_waves(volume, ecutwfc) * half
    dense = plane_waves(volume, ecutrho)
    kept = waves * bands * nspin * kpoints
    work = pools * waves * (WORK * bands + PROJECTORS * atoms)
    grids = pools * nspin * (GRIDS * 2 * dense + MIXED * dense * half)
    grids += pools * AUGMENTED * dense * half if augmented else 0.0
    return cores * RANK_MB + COMPLEX * (kept + work + grids) / 1e6
