"""The recovery ladder of ABINIT: every rung starts from the job's own parameters and changes what it says, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.ladder import (
    Accept,
    Attempt,
    GiveUp,
    NextAttempt,
    Parameters,
    Rung,
    Value,
    next_attempt,
    tried,
    used,
)
from mlipbatch.dft import machine
from mlipbatch.dft.abinit.names import NOT_CONVERGED
from mlipbatch.dft.abinit.parameters import JOB_FACTORS, base_parameters

PLAINLY = -0.2  # slope of log10 of the energy's change a step: at this one it converges
SCF = frozenset({NOT_CONVERGED, machine.OUT_OF_WALLTIME})
DENSITY_MIXING = 17  # iscf: Pulay mixing of the density


def _more_steps(base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """Three times the steps, once a rung, for an SCF that was plainly converging when its steps ran out."""
    last = attempts[-1]
    before = [attempt for attempt in attempts if attempt.rung == last.rung and attempt.failure == last.failure]
    trend = last.facts.get("slope")
    if len(before) > 1 or not isinstance(trend, float) or trend > PLAINLY:
        return None
    steps = 3 * int(last.changes.get("nstep", base["nstep"]))
    return NextAttempt(last.rung, {**last.changes, "nstep": steps}, "it was plainly converging: more steps")


def _scf(name: str, change: Callable[[Parameters], dict[str, Value] | None]) -> Rung:
    def step(base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
        changes, last = change(base), attempts[-1]
        if changes is None or used(attempts, name):
            return None
        kept = {key: value for key, value in last.changes.items() if key in JOB_FACTORS}
        said = ", ".join(f"{key} {value}" for key, value in changes.items())
        return NextAttempt(name, {**kept, **changes}, f"{last.failure}: {said}")

    return Rung(name, SCF, step)


def _softer(diemix: float, longer: float) -> Callable[[Parameters], dict[str, Value] | None]:
    """Softer mixing, and the larger number of steps that it needs."""

    def change(base: Parameters) -> dict[str, Value] | None:
        if float(base["diemix"]) <= diemix:
            return None
        return {"diemix": diemix, "nstep": round(int(base["nstep"]) * longer)}

    return change


def _other_mixing(base: Parameters) -> dict[str, Value] | None:
    if base["iscf"] == DENSITY_MIXING:
        return None
    return {"iscf": DENSITY_MIXING, "diemix": min(0.5, float(base["diemix"])), "nstep": 2 * int(base["nstep"])}


RUNGS = (
    machine.MORE_TIME,
    machine.MORE_MEMORY,
    Rung("more_steps", frozenset({NOT_CONVERGED}), _more_steps),
    _scf("diemix0.5", _softer(0.5, 1.5)),
    _scf("diemix0.2", _softer(0.2, 2.5)),
    _scf("iscf17", _other_mixing),
    machine.REPEAT,
)


def step_after(dft: DFTConfig, attempts: Sequence[Attempt]) -> NextAttempt | GiveUp:
    """The next try after these, or the first one; `max_attempts` counts those that the machine did not spoil."""
    step = next_attempt(RUNGS, base_parameters(dft), attempts)
    counted = sum(attempt.failure not in machine.MACHINE for attempt in attempts)
    if isinstance(step, GiveUp) or counted < dft.max_attempts or attempts[-1].failure in machine.MACHINE:
        return step
    last = attempts[-1]
    return GiveUp(
        f"{last.sentence or last.failure}: {counted} attempts were tried ({tried(attempts)}), no more are allowed"
    )


def judge(dft: DFTConfig, attempts: Sequence[Attempt]) -> Accept | NextAttempt | GiveUp:
    """What these attempts, the last of them just diagnosed, come to."""
    last = attempts[-1]
    return Accept(last.rung, last.sentence) if last.failure is None else step_after(dft, attempts)
