"""The recovery ladder of pw.x (SPEC 5): every rung starts from the job's own parameters and changes what it says, nothing else.

One thing is carried along: a diagonalisation that got past an error which the job's own one raises, as without it no other
rung would come as far as its own cure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlipbatch.core.ladder import Attempt, NextAttempt, Parameters, Rung, Value, used
from mlipbatch.dft.quantum_espresso import names

HOTTER = 0.02  # Ry added to degauss
CONVERGING = -0.1  # slope of log10(accuracy) a step: above it waiting mostly does not help (aiida-quantumespresso#961)
PLAINLY = -0.2  # at this slope it converges
MOST_REPEATS = 2  # of one rung, unchanged, when the machine and not the calculation failed
MOST_EXTENSIONS = 3  # each doubles the wall time
DEGAUSS, DEGAUSS_BACK = "degauss", "degauss_back"

SCF = frozenset({names.NOT_CONVERGED, names.CHARGE, "broyden_factorization", "dexx_is_negative"})
OUT_OF_TIME = frozenset({names.OUT_OF_WALLTIME, "out_of_walltime_interrupted", names.SCHEDULER["out_of_walltime"]})
OUT_OF_MEMORY = frozenset({names.OUT_OF_MEMORY, names.SCHEDULER["out_of_memory"]})
INFRASTRUCTURE = frozenset({
    names.INCOMPLETE, names.MISSING, names.UNREADABLE, names.NOT_PWX, names.STOPPED, names.EXIT_CODE, names.DISK_FULL,
    names.SCHEDULER["node_failure"], names.SCHEDULER["preempted"],
})  # fmt: skip
CRASH_SIGNALS = frozenset({4, 6, 7, 8, 11})  # the program's own doing, unlike 9 and 15


def machine_failed(attempt: Attempt) -> bool:
    """Did the machine fail? A crash of the program by a signal of its own is a failure of the calculation."""
    return attempt.failure in INFRASTRUCTURE and attempt.facts.get("signal") not in CRASH_SIGNALS


def _repeat(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    last = attempts[-1]
    before = [attempt for attempt in attempts if attempt.rung == last.rung and machine_failed(attempt)]
    if not machine_failed(last) or len(before) > MOST_REPEATS:
        return None
    return NextAttempt(
        last.rung, last.changes, f"the same again, as {last.failure} says nothing of the input", last.restart_from
    )


def _more_memory(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    last = attempts[-1]
    factor = float(last.changes.get("memory_factor", 1)) * 2
    if factor > 4:
        return None
    return NextAttempt(last.rung, {**last.changes, "memory_factor": factor}, "more memory", last.restart_from)


def _more_time(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """More time for an SCF that was converging, or that had no time to show it and stopped by itself.

    A clean stop leaves the density of its last step to start from; a killed run leaves nothing.
    """
    last = attempts[-1]
    trend = last.facts.get("slope")
    factor = float(last.changes.get("walltime_factor", 1)) * 2
    clean = last.failure == names.OUT_OF_WALLTIME
    converging = isinstance(trend, float) and trend <= CONVERGING
    if factor > 2**MOST_EXTENSIONS or not (converging or (trend is None and clean)):
        return None
    restart = clean and int(last.facts.get("iterations") or 0) > 0  # type: ignore[arg-type]
    changes = {**last.changes, "walltime_factor": factor}
    if not restart:
        return NextAttempt(last.rung, changes, "it was converging: more time", last.restart_from)
    changes["startingpot"] = "file"
    return NextAttempt(
        last.rung, changes, f"it was converging: more time, from the density of attempt {last.number}", last.number
    )


def _more_steps(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """Twice the steps, once a rung, for an SCF that was plainly converging when its steps ran out."""
    last = attempts[-1]
    trend, steps = last.facts.get("slope"), last.facts.get("iterations")
    before = [attempt for attempt in attempts if attempt.rung == last.rung and attempt.failure == last.failure]
    if not isinstance(trend, float) or not isinstance(steps, int) or trend > PLAINLY or len(before) > 1:
        return None
    return NextAttempt(
        last.rung, {**last.changes, "electron_maxstep": 2 * steps}, "plainly converging: more steps", last.restart_from
    )


def _diagonalization(name: str) -> Callable[[Parameters, Sequence[Attempt]], NextAttempt | None]:
    def step(base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
        last = attempts[-1]
        crashed = last.failure in names.DIAGONALIZATION or last.facts.get("signal") in CRASH_SIGNALS
        if not crashed or used(attempts, name) or base["diagonalization"] == name:
            return None
        return NextAttempt(name, {"diagonalization": name}, f"{last.failure}: another diagonalization")

    return step


def _scf(name: str, change: Callable[[Parameters], dict[str, Value] | None]) -> Rung:
    def step(base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
        changes = change(base)
        if changes is None or used(attempts, name) or used(attempts, DEGAUSS_BACK):
            return None
        return NextAttempt(
            name, {**_diagonalization_needed(attempts), **changes}, f"{attempts[-1].failure}: {_said(changes)}"
        )

    return Rung(name, SCF | OUT_OF_TIME, step)


def _diagonalization_needed(attempts: Sequence[Attempt]) -> dict[str, Value]:
    """The diagonalisation of the last rung, where an earlier attempt died in another one."""
    last = attempts[-1].changes.get("diagonalization")
    return {"diagonalization": last} if last is not None else {}


def _said(changes: Parameters) -> str:
    return ", ".join(f"{key} {value}" for key, value in changes.items())


def _softer(beta: float, longer: float) -> Callable[[Parameters], dict[str, Value] | None]:
    """Softer mixing, and the larger number of steps that it needs."""

    def change(base: Parameters) -> dict[str, Value] | None:
        if float(base["mixing_beta"]) <= beta:
            return None
        return {"mixing_beta": beta, "electron_maxstep": round(int(base["electron_maxstep"]) * longer)}

    return change


def _local_tf(base: Parameters) -> dict[str, Value] | None:
    return None if base["mixing_mode"] == "local-TF" else {"mixing_mode": "local-TF"}


def _hotter(base: Parameters) -> dict[str, Value] | None:
    return {"degauss": round(float(base["degauss"]) + HOTTER, 6)}


RUNGS = (
    Rung("more_time", OUT_OF_TIME, _more_time),
    Rung("more_memory", OUT_OF_MEMORY, _more_memory),
    Rung("more_steps", frozenset({names.NOT_CONVERGED}), _more_steps),
    _scf("beta0.3", _softer(0.3, 1.5)),
    _scf("beta0.1", _softer(0.1, 2.5)),
    _scf("local-TF", _local_tf),
    _scf(DEGAUSS, _hotter),
    Rung("cg", names.DIAGONALIZATION | INFRASTRUCTURE, _diagonalization("cg")),
    Rung("paro", names.DIAGONALIZATION | INFRASTRUCTURE, _diagonalization("paro")),
    Rung("repeat", INFRASTRUCTURE, _repeat),
)
