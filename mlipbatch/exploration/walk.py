"""A walker: molecular dynamics that looks at gamma, collects what is uncertain and turns back from what is dangerous."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.md.velocitydistribution import Stationary, thermalize_momenta

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import ExplorationConfig
from mlipbatch.core import frames as names
from mlipbatch.core.potential import Potential, read_potential
from mlipbatch.exploration.cells import boxed, enlarged
from mlipbatch.exploration.decide import Limits, Verdict, Windows, danger, judge, ramp, spacing, trustworthy, untouched
from mlipbatch.exploration.evaluator import Evaluator
from mlipbatch.exploration.report import Sample, WalkReport
from mlipbatch.exploration.segment import Conditions, Ensemble, Look, Segment

COLD = 300.0  # K: walks start here, or at their target where that is lower
GAP = 2.0  # A beyond the cutoff between images of what is not periodic
FRAME = "exploration_frame"  # config_type

Progress = Callable[[int], None]  # is told the steps done


@dataclass(frozen=True)
class Place:
    """A frame to come back to."""

    frame: Atoms
    step: int
    time_fs: float


def walk(
    potential: Path, start: Atoms, config: ExplorationConfig, *, temperature: float, seed: int, progress: Progress
) -> WalkReport:
    """Simulate `start` (repeated to `config.atoms`) at `temperature` (K), heated from 300 K in the first fifth of the steps.

    Thermostat: Langevin. Between gamma_low and gamma_high frames are collected; above, or when the simulation explodes, the
    walk goes back to its last good frame (gamma below half of gamma_high) with half the time step, `max_retries` times.
    A start above gamma_high ends the walk and is collected: it was made without the potential. Same seed, same walk.
    Raises InputError for elements that the potential does not know and for a folder that is no potential.
    """
    known = read_potential(potential)
    name = str(start.info.get(names.NAME, "start"))
    known.need_elements(set(start.symbols), name)
    if len(start) == 0:
        raise InputError("the start has no atoms: nothing can move")
    return _Walker(known, start, config, temperature, seed).go(name, progress)


class _Walker:
    """State of a walk: where it is, where it would go back to, and what it has collected."""

    def __init__(
        self, potential: Potential, start: Atoms, config: ExplorationConfig, temperature: float, seed: int
    ) -> None:
        self.potential, self.config = potential, config
        self.temperature, self.seed = temperature, seed
        self.evaluator = Evaluator(potential)
        self.limits = Limits(config.gamma_low, config.gamma_high, config.max_retries)
        cell = boxed(enlarged(start, config.atoms), potential.cutoff + GAP)
        self.good = Place(_warm(cell, min(COLD, temperature), seed), 0, 0.0)
        self.timestep = config.timestep
        self.windows: Windows[Atoms] = Windows(spacing(config.steps * config.timestep))

    def go(self, name: str, progress: Progress) -> WalkReport:
        """Stretch after stretch, each from the last good frame, until the steps are made or it is given up."""
        report = WalkReport(name, self.temperature, self.seed, len(self.good.frame))
        began = time.monotonic()
        while not report.ended:
            self._stretch(report, progress)
        report.seconds = time.monotonic() - began
        report.frames, report.timestep = self.windows.frames(), self.timestep
        return report

    def _stretch(self, report: WalkReport, progress: Progress) -> None:
        """From the last good frame to the end, or to where it becomes dangerous."""
        step, elapsed, total = self.good.step, self.good.time_fs, self.config.steps
        ensemble: Ensemble = "npt" if self.config.ensemble == "npt" or self.config.pressure != 0 else "nvt"
        conditions = Conditions(self.timestep, ensemble, self.config.pressure, self.seed + 7919 * len(report.retries))
        with Segment(self.potential, self.evaluator, self.good.frame, conditions) as segment:
            look = segment.start()
            while self._accept(report, segment, look, step, elapsed):
                if step >= total:
                    report.ended = "finished"
                    return
                count = min(self.config.gamma_every, total - step)
                look = segment.advance(count, self._target(step))
                step, elapsed = step + count, elapsed + count * self.timestep
                report.steps_computed += count
                progress(step)

    def _accept(self, report: WalkReport, segment: Segment, look: Look, step: int, elapsed: float) -> bool:
        """Record the look, collect what is a candidate; False where the stretch ends here."""
        gamma_max = float(look.gamma.max()) if len(look.gamma) else float("nan")
        verdict = judge(gamma_max, look.explosion, self.limits, len(report.retries))
        if verdict in (Verdict.GO_BACK, Verdict.GIVE_UP):
            if untouched(step, look.explosion):
                self.windows.keep(elapsed, gamma_max, self._labelled(segment.snapshot(), look, report, step, elapsed))
            self._turn_back(report, verdict, danger(gamma_max, look.explosion, self.limits), step)
            return False
        report.steps = step
        report.count(look.gamma)
        energies = look.potential_energy, look.kinetic_energy
        report.samples.append(Sample(step, elapsed, self._target(step), look.temperature, *energies, gamma_max))
        if trustworthy(gamma_max, self.limits):
            self.good = Place(segment.snapshot(), step, elapsed)
        if verdict is Verdict.COLLECT and self.windows.wants(elapsed, gamma_max):
            self.windows.keep(elapsed, gamma_max, self._labelled(segment.snapshot(), look, report, step, elapsed))
        return True

    def _turn_back(self, report: WalkReport, verdict: Verdict, why: str, step: int) -> None:
        if verdict is Verdict.GIVE_UP or step == self.good.step:  # a smaller time step does not mend the frame itself
            report.ended = f"given up at step {step}: {why}, after {len(report.retries)} retries"
            return
        self.timestep /= 2
        report.retries.append(f"step {step}: {why}; back to step {self.good.step}, time step {self.timestep:g} fs")
        report.samples = [sample for sample in report.samples if sample.step < self.good.step]

    def _target(self, step: int) -> float:
        return ramp(step / self.config.steps, min(COLD, self.temperature), self.temperature)

    def _labelled(self, frame: Atoms, look: Look, report: WalkReport, step: int, elapsed: float) -> Atoms:
        """The frame as it goes to the file."""
        parent, retry = report.name, f"-r{len(report.retries)}" if report.retries else ""
        frame.set_array(names.GAMMA, look.gamma)
        frame.info |= {
            names.NAME: f"{parent}-{self.temperature:g}K-s{self.seed}{retry}-{step:07d}",
            names.CONFIG_TYPE: FRAME,
            names.PARENTS: parent,
            names.ROOT: frame.info.get(names.ROOT, parent),
            names.TEMPERATURE: self.temperature,
            names.STEP: step,
            names.TIME: elapsed,
            names.GAMMA_MAX: float(look.gamma.max()),
            names.MLIP_ENERGY: look.potential_energy,
        }
        return frame


def _warm(atoms: Atoms, temperature: float, seed: int) -> Atoms:
    """A copy with Maxwell-Boltzmann momenta of `temperature` (K) and, but for a lone atom, no total momentum."""
    warm = atoms.copy()
    thermalize_momenta(warm, temperature, rng=np.random.default_rng(seed))
    if len(warm) > 1:
        Stationary(warm)
    return warm
