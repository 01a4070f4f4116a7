"""The recovery ladder of pw.x (SPEC 5): every rung starts from the job's own parameters and changes what it says, nothing else.

Carried along are only a diagonalisation that got past an error which the job's own one raises, as without it no other rung would
come as far as its own cure, and what the job was given of time and memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlipbatch.core.ladder import Attempt, NextAttempt, Parameters, Rung, Value, used
from mlipbatch.dft.machine import may_repeat
from mlipbatch.dft.quantum_espresso import names
from mlipbatch.dft.quantum_espresso.parameters import JOB_FACTORS, NDIAG

HOTTER = 0.02  # Ry added to degauss
CONVERGING = -0.1  # slope of log10(accuracy) a step: above it waiting mostly does not help (aiida-quantumespresso#961)
PLAINLY = -0.2  # at this slope it converges
MOST_EXTENSIONS = 3  # each doubles the wall time
CARRIED = JOB_FACTORS | {"diagonalization", NDIAG}
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
    spoiled = [attempt for attempt in attempts if attempt.rung == last.rung and machine_failed(attempt)]
    if not machine_failed(last) or not may_repeat(spoiled):
        return None
    sentence = f"the same again: {last.failure} says nothing of the input"
    return NextAttempt(last.rung, last.changes, sentence, last.restart_from)


def _more_memory(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    last = attempts[-1]
    factor = float(last.changes.get("memory_factor", 1)) * 2
    if factor > 4:
        return None
    return NextAttempt(last.rung, {**last.changes, "memory_factor": factor}, "more memory", last.restart_from)


def _trend(attempt: Attempt) -> float:
    """Slope of log10(accuracy) a step; 0 where it is not known."""
    slope = attempt.facts.get("slope", 0.0)
    return float(slope) if isinstance(slope, (int, float)) else 0.0


def _more_time(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """More time for an SCF that was converging, or that had no time to show it: killed in its first steps, once only.

    A clean stop leaves the density of its last step to start from; a killed run leaves nothing.
    """
    last = attempts[-1]
    factor = float(last.changes.get("walltime_factor", 1)) * 2
    clean, began = last.failure == names.OUT_OF_WALLTIME, last.facts.get("iterations") not in (None, 0)
    unknown = "slope" not in last.facts and (clean or (began and factor == 2))
    if factor > 2**MOST_EXTENSIONS or not (_trend(last) <= CONVERGING or unknown):
        return None
    changes: dict[str, Value] = {**last.changes, "walltime_factor": factor}
    why = "it had no time to show whether it converges" if unknown else "it was converging"
    if not clean or not began:
        return NextAttempt(last.rung, changes, f"{why}: more time", last.restart_from)
    sentence = f"{why}: more time, from the density of attempt {last.number}"
    return NextAttempt(last.rung, {**changes, "startingpot": "file"}, sentence, last.number)


def _more_steps(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """On from its density, once a rung, for an SCF that was plainly converging when its steps ran out."""
    last = attempts[-1]
    before = [attempt for attempt in attempts if attempt.rung == last.rung and attempt.failure == last.failure]
    if _trend(last) > PLAINLY or len(before) > 1:
        return None
    sentence = f"it was plainly converging: more steps, from the density of attempt {last.number}"
    return NextAttempt(last.rung, {**last.changes, "startingpot": "file"}, sentence, last.number)


def _afresh(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """A restart that died of an error that we do not know may have died of its density."""
    last = attempts[-1]
    if last.restart_from is None or last.rung == DEGAUSS_BACK:
        return None
    changes = {key: value for key, value in last.changes.items() if key != "startingpot"}
    return NextAttempt(last.rung, changes, f"{last.failure} after a restart: from scratch")


def _one_diagonalizes(_base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
    """One core instead of several, whose Cholesky failed: it keeps the diagonalisation (aiida-quantumespresso#880)."""
    last = attempts[-1]
    side = last.facts.get(NDIAG, 1)
    if used(attempts, "ndiag1") or not isinstance(side, int) or side == 1:
        return None
    return NextAttempt("ndiag1", {**last.changes, NDIAG: 1}, f"{last.failure}: one core diagonalises, not {side}")


def _diagonalization(name: str) -> Callable[[Parameters, Sequence[Attempt]], NextAttempt | None]:
    def step(base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
        last = attempts[-1]
        crashed = last.failure in names.DIAGONALIZATION or last.facts.get("signal") in CRASH_SIGNALS
        if not crashed or used(attempts, name) or base["diagonalization"] == name:
            return None
        changes = {**_carried(attempts), "diagonalization": name}
        return NextAttempt(name, changes, f"{last.failure}: another diagonalization")

    return step


def _scf(name: str, change: Callable[[Parameters], dict[str, Value] | None]) -> Rung:
    def step(base: Parameters, attempts: Sequence[Attempt]) -> NextAttempt | None:
        changes = change(base)
        last = attempts[-1]
        slow = last.failure in OUT_OF_TIME and _trend(last) <= CONVERGING  # more time was its cure, and is used up
        if changes is None or slow or used(attempts, name) or used(attempts, DEGAUSS_BACK):
            return None
        return NextAttempt(name, {**_carried(attempts), **changes}, f"{last.failure}: {_said(changes)}")

    return Rung(name, SCF | OUT_OF_TIME, step)


def _carried(attempts: Sequence[Attempt]) -> dict[str, Value]:
    """What a new rung keeps of the last one: its diagonalisation, where the job's own had died, and the job's time and memory."""
    return {key: value for key, value in attempts[-1].changes.items() if key in CARRIED}


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
    Rung("afresh", frozenset({names.CRASHED}), _afresh),
    Rung("more_steps", frozenset({names.NOT_CONVERGED}), _more_steps),
    _scf("beta0.3", _softer(0.3, 1.5)),
    _scf("beta0.1", _softer(0.1, 2.5)),
    _scf("local-TF", _local_tf),
    _scf(DEGAUSS, _hotter),
    Rung("ndiag1", names.DIAGONALIZATION, _one_diagonalizes),
    Rung("cg", names.DIAGONALIZATION | INFRASTRUCTURE, _diagonalization("cg")),
    Rung("paro", names.DIAGONALIZATION | INFRASTRUCTURE, _diagonalization("paro")),
    Rung("repeat", INFRASTRUCTURE, _repeat),
)
