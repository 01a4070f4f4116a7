"""What the attempts of one label come to."""

from __future__ import annotations

from collections.abc import Sequence

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt, next_attempt, tried
from mlipbatch.dft.quantum_espresso.parameters import base_parameters
from mlipbatch.dft.quantum_espresso.rungs import DEGAUSS_BACK, RUNGS, machine_failed

LOST = 0.25  # of the absolute magnetization, that no colder electrons lose: smearing lowers moments
LEAST = 0.1  # Bohr magnetons a cell, below which a moment is none


def judge(dft: DFTConfig, attempts: Sequence[Attempt]) -> Accept | NextAttempt | GiveUp:
    """Accept the last attempt, go on, or give up. Raises ValueError where there is no attempt yet.

    A success with another `degauss` than the dataset's is no label yet: its density starts one more, at the dataset's own. That
    one is no label where it fell into another magnetic state than the hotter electrons had (spin_nomag by pw.x 7.2: 3.7
    instead of 7.3 Bohr magnetons, and 118 meV an atom too high).
    """
    if not attempts:
        raise ValueError("there is no attempt to judge")
    last = attempts[-1]
    if last.failure is not None:
        return step_after(dft, attempts)
    own = own_degauss(dft)
    if float(last.changes.get("degauss", own)) != own:
        return _back(last, own)
    fallen = _fallen(attempts)
    if fallen:
        return GiveUp(fallen)
    return Accept(last.rung, last.sentence or "converged")


def step_after(dft: DFTConfig, attempts: Sequence[Attempt]) -> NextAttempt | GiveUp:
    """The next try after these, or the first one; `max_attempts` counts those that the machine did not spoil."""
    step = next_attempt(RUNGS, base_parameters(dft), attempts)
    if not attempts:
        return step
    last = attempts[-1]
    if isinstance(step, GiveUp):
        return GiveUp(_hot_only(attempts, dft) or step.sentence)
    counted = sum(not machine_failed(attempt) for attempt in attempts)
    if counted >= dft.max_attempts and not machine_failed(last):
        return GiveUp(
            f"{last.sentence or last.failure}: {counted} attempts were tried ({tried(attempts)}), no more are allowed"
        )
    return step


def own_degauss(dft: DFTConfig) -> float:
    """The width of smearing that every label of this dataset has, Ry."""
    return float(base_parameters(dft)["degauss"])


def _back(hot: Attempt, own: float) -> NextAttempt:
    changes = {key: value for key, value in hot.changes.items() if key != "degauss"}
    sentence = f"converged at degauss {hot.changes['degauss']} Ry: from its density back to the dataset's {own:g} Ry"
    return NextAttempt(DEGAUSS_BACK, {**changes, "startingpot": "file"}, sentence, hot.number)


def _fallen(attempts: Sequence[Attempt]) -> str | None:
    """The sentence for a label that lost its moments on the way back from hotter electrons."""
    hot = next(
        (attempt for attempt in reversed(attempts) if attempt.failure is None and "degauss" in attempt.changes), None
    )
    if hot is None or attempts[-1].rung != DEGAUSS_BACK:
        return None
    before, after = (_moment(attempt) for attempt in (hot, attempts[-1]))
    if before is None or after is None or before - after < max(LEAST, LOST * before):
        return None
    return (
        f"from {before:.2f} Bohr magnetons at degauss {hot.changes['degauss']} Ry it fell to {after:.2f} at the dataset's own: "
        "another magnetic state, kept out of training"
    )


def _moment(attempt: Attempt) -> float | None:
    """Absolute magnetization, Bohr magnetons a cell; None without spin."""
    moment = attempt.facts.get("absolute_magnetization")
    return float(moment) if isinstance(moment, (int, float)) else None


def _hot_only(attempts: Sequence[Attempt], dft: DFTConfig) -> str | None:
    """The sentence for a label that only hotter electrons gave."""
    hot = [attempt for attempt in attempts if attempt.failure is None and "degauss" in attempt.changes]
    if not hot or attempts[-1].rung != DEGAUSS_BACK:
        return None
    return (
        f"converges at degauss {hot[-1].changes['degauss']} Ry and not at the dataset's {own_degauss(dft):g} Ry "
        f"({attempts[-1].sentence or attempts[-1].failure}): kept out of training"
    )
