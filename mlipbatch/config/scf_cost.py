"""What a static SCF takes: a physical form with few coefficients, which every finished job of a project makes better.

    t = start + (iterations + FINAL) n_k n_spin (fft n_b n_r log2 n_r + diag n_b^2 n_g) / cores^sharing    seconds
    iterations = exp(steps + length ln N / 3 + magnetic [n_spin = 2])

with n_b bands, n_g plane waves of the wavefunctions, n_r points of the FFT grid, N atoms. Real waves (K_POINTS gamma) take half
of either term, and have half the plane waves. The logarithms of the coefficients have normal priors (`PRIOR`, fitted to pw.x 6.7,
see tests/data/qe_timings; widths: machines, compilers and pseudopotentials differ); what a project measures comes to them by
maximum a posteriori in log space, with Student's t for the noise: one odd job moves little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FINAL = 2.0  # forces, stress and the first wavefunctions, in iterations
FREEDOM = 4.0  # degrees of freedom of Student's t: how far an outlier is believed
NOISE = 0.2  # of ln t that the same calculation has from run to run: other jobs on the node
SURPRISES = 6.0  # finished jobs that the prior's scatter counts for
SHARPEST = 0.15  # no scatter below it is believed


@dataclass(frozen=True)
class Size:
    """A calculation, as far as its time depends on it."""

    atoms: int
    bands: int
    waves: float  # plane waves of a wavefunction, half of the sphere for real ones
    grid: float  # points of the FFT grid
    kpoints: int  # irreducible ones
    nspin: int = 1
    gamma: bool = False  # real waves
    augmented: bool = False  # ultrasoft or PAW
    cores: int = 1


@dataclass(frozen=True)
class Timing:
    """A finished calculation."""

    size: Size
    wall_s: float
    iterations: int  # SCF steps
    usual: bool = (
        True  # from atomic densities, with the job's own parameters: its number of steps says something of others
    )


@dataclass(frozen=True)
class Coefficients:
    """Natural logarithms of what the formulas name, but for the exponents `length`, `sharing` and the factor `magnetic`."""

    machine: float = math.log(2.6e-9)  # ln fft, s
    matrix: float = math.log(7.0)  # ln (diag / fft)
    start: float = math.log(0.35)  # s: reading files, starting MPI
    augmented: float = 0.7  # ln of the factor of ultrasoft and PAW
    sharing: float = 0.75
    steps: float = math.log(4.4)
    length: float = 1.08
    magnetic: float = 0.9


TIMES = ("machine", "matrix", "start", "augmented", "sharing")
STEPS = ("steps", "length", "magnetic")
PRIOR = Coefficients()
WIDTH = Coefficients(
    machine=0.7, matrix=0.5, start=0.7, augmented=0.4, sharing=0.15, steps=0.3, length=0.25, magnetic=0.3
)
PRIOR_SCATTER = 0.5  # of ln t on a machine, and for pseudopotentials, that nothing is known of


@dataclass(frozen=True)
class Model:
    """Coefficients, how far predictions are off, and from how many jobs that is known."""

    coefficients: Coefficients = PRIOR
    scatter: float = PRIOR_SCATTER  # standard deviation of ln(measured / predicted), outliers counted for little
    worst: float = 1.0  # measured / predicted, of the two in a hundred that took longest
    learned_from: int = 0

    def iterations(self, size: Size) -> float:
        """SCF steps."""
        own = self.coefficients
        return math.exp(own.steps + own.length * math.log(size.atoms) / 3 + own.magnetic * (size.nspin == 2))

    def seconds(self, size: Size, iterations: float | None = None) -> float:
        """Wall time, s; of so many SCF steps, where that is known."""
        steps = self.iterations(size) if iterations is None else iterations
        own = self.coefficients
        return math.exp(own.start) + (steps + FINAL) * _iteration(own, size)

    def safe_seconds(self, size: Size) -> float:
        """Wall time to ask for: three standard deviations more, twice at the least, and more than the worst ones took."""
        return self.seconds(size) * max(2.0, math.exp(3 * self.scatter), 1.2 * self.worst)

    def speed(self, cores: int) -> float:
        """Times faster than on one core."""
        return float(cores**self.coefficients.sharing)


def learn(timings: Sequence[Timing], prior: Coefficients = PRIOR) -> Model:
    """The model after these jobs; the prior where there are none."""
    known = [one for one in timings if one.wall_s > 0 and one.iterations > 0]
    if not known:
        return Model(prior)
    usual = [one for one in known if one.usual]
    own = _fit(prior, STEPS, usual, _steps_off) if usual else prior
    own = _fit(own, TIMES, known, _time_off)
    off = [math.log(one.wall_s / Model(own).seconds(one.size)) for one in usual]
    ratios = sorted(math.exp(one) for one in off)
    worst = ratios[math.ceil(0.98 * len(ratios)) - 1] if ratios else 1.0
    return Model(own, _scatter(off), worst, len(known))


def _iteration(own: Coefficients, size: Size) -> float:
    """Seconds of one SCF step."""
    fft = size.bands * size.grid * math.log2(size.grid)
    matrix = math.exp(own.matrix) * size.bands**2 * size.waves
    factor = (0.5 if size.gamma else 1.0) * math.exp(own.augmented * size.augmented)
    return math.exp(own.machine) * factor * size.kpoints * size.nspin * (fft + matrix) / float(size.cores**own.sharing)


def _steps_off(own: Coefficients, one: Timing) -> float:
    return math.log(one.iterations / Model(own).iterations(one.size))


def _time_off(own: Coefficients, one: Timing) -> float:
    return math.log(one.wall_s / Model(own).seconds(one.size, one.iterations))


Off = Callable[[Coefficients, Timing], float]  # ln(measured / predicted)


def _fit(start: Coefficients, names: Sequence[str], timings: Sequence[Timing], off: Off) -> Coefficients:
    """Maximum a posteriori of some coefficients around `start`, by Gauss-Newton with the weights of Student's t."""
    import numpy as np

    centre = np.array([getattr(start, name) for name in names])
    width = np.array([getattr(WIDTH, name) for name in names])
    theta = centre.copy()
    for _ in range(MOST_STEPS):
        residuals = _residuals(start, names, theta, timings, off)
        slopes = np.column_stack(
            [
                (_residuals(start, names, theta + shift, timings, off) - residuals) / SHIFT
                for shift in SHIFT * np.eye(len(names))
            ]
        )
        weights = (FREEDOM + 1) / (FREEDOM + (residuals / NOISE) ** 2) / NOISE**2
        curvature = slopes.T @ (weights[:, None] * slopes) + np.diag(width**-2)
        step = np.linalg.solve(curvature, -slopes.T @ (weights * residuals) + (centre - theta) / width**2)
        theta = theta + np.clip(step, -1, 1)
        if np.abs(step).max() < CLOSE:
            break
    return _with(start, names, theta)


MOST_STEPS, SHIFT, CLOSE = 30, 1e-4, 1e-4


def _residuals(
    start: Coefficients, names: Sequence[str], theta: np.ndarray, timings: Sequence[Timing], off: Off
) -> np.ndarray:
    """[n_timings] ln(measured / predicted)."""
    import numpy as np

    own = _with(start, names, theta)
    return np.array([off(own, one) for one in timings])


def _with(start: Coefficients, names: Sequence[str], theta: np.ndarray) -> Coefficients:
    return replace(start, **{name: float(value) for name, value in zip(names, theta, strict=True)})


def _scatter(off: Sequence[float]) -> float:
    """Of ln(measured / predicted): the prior's at first, later that of the jobs, outliers counted for little."""
    spread = 0.0
    scale = PRIOR_SCATTER
    for _ in range(10):
        weights = [(FREEDOM + 1) / (FREEDOM + (one / scale) ** 2) for one in off]
        spread = sum(weight * one**2 for weight, one in zip(weights, off, strict=True))
        scale = max(SHARPEST, math.sqrt((SURPRISES * PRIOR_SCATTER**2 + spread) / (SURPRISES + len(off))))
    return scale
