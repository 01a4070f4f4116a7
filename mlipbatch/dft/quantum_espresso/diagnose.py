"""May the results of a run of pw.x be used? Every rule must agree; the first that does not names the failure."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

from mlipbatch.core.failure import Diagnosis, Fact
from mlipbatch.dft.electrons import slope
from mlipbatch.dft.quantum_espresso import names, relaxation
from mlipbatch.dft.quantum_espresso.agreement import PRINTED, Finding, findings
from mlipbatch.dft.quantum_espresso.evidence import Evidence, gather
from mlipbatch.dft.quantum_espresso.output import START, Run, errors, last_run, read_output

SIGNALS = {
    2: "SIGINT",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    15: "SIGTERM",
    24: "SIGXCPU",
}

# what others than pw.x say of a run's end, on standard error or in the output -> name; first match wins
KILLED = (
    (r"DUE TO TIME LIMIT|walltime [^\n]{,80}exceeded|TERM_RUNLIMIT", names.SCHEDULER["out_of_walltime"]),
    (r"DUE TO NODE FAILURE|NODE_FAIL", names.SCHEDULER["node_failure"]),
    (r"DUE TO PREEMPTION", names.SCHEDULER["preempted"]),
    (r"oom-kill|Out Of Memory|mem(?:ory)? [^\n]{,80}exceeded (?:memory )?limit|TERM_MEMLIMIT", names.SCHEDULER["out_of_memory"]),
    (r"[Ee]rror allocating \d+ bytes|insufficient virtual memory|[Cc]annot allocate memory", names.OUT_OF_MEMORY),
    (r"out of memory|not enough memory|bad_alloc|Allocation would exceed memory limit", names.OUT_OF_MEMORY),
    (r"No space left on device|Disk quota exceeded", names.DISK_FULL),
    (r"PMIX ERROR: OUT-OF-RESOURCE in file \S*dstore\S*", names.DISK_FULL),  # Open MPI's session folder, in TMPDIR
)  # fmt: skip
# what names a death by a signal where nothing else does
SIGNAL = re.compile(
    r"Program received signal SIG\w+|SIGSEGV|[Ss]egmentation fault|SIGTERM|SIGKILL|SIGBUS|SIGFPE|Bus error|KILLED BY SIGNAL: \d+"
    r"|BAD TERMINATION[^\n]*|Signal Received, stopping|CANCELLED AT[^\n]*|exited on signal \d+[^\n]*|MPI_ABORT was invoked[^\n]*"
)


def diagnose_output(output: Path, exit_code: int | None = None, *, scheduler: str | None = None) -> Diagnosis:
    """The verdict on the output file of one run and on what lies beside it. Raises nothing."""
    return decide(gather(output, exit_code, scheduler))


def decide(evidence: Evidence) -> Diagnosis:
    """The verdict, from the evidence alone."""
    if evidence.output is not None:
        evidence = replace(evidence, output=last_run(evidence.output))
    run = read_output(evidence.output or "")
    facts = facts_of(run, evidence)
    for rule in (
        _unreadable,
        _error,
        _killed,
        _not_pwx,
        _stopped,
        _incomplete,
        _relaxation,
        _exit_code,
        _unconverged,
        _results,
        _disagreement,
    ):
        finding = rule(evidence, run)
        if finding:
            name, sentence = finding
            return Diagnosis(False, name, sentence, facts)
    steps = f"{run.iterations} SCF steps"
    return Diagnosis(True, "ok", f"converged in {steps} to {run.accuracy:.1e} Ry", facts)


def facts_of(run: Run, evidence: Evidence) -> dict[str, Fact]:
    """What was seen, where it was seen."""
    found = errors(evidence.output or "") or errors(evidence.crash) or errors(evidence.errors)
    facts: dict[str, Fact] = {
        "version": run.version,
        "iterations": run.iterations,
        "accuracy": run.accuracies[-1] if run.accuracies else None,
        "conv_thr": run.header.get("conv_thr"),
        "slope": slope(run.accuracies),
        "absolute_magnetization": run.absolute_magnetization,
        "wall_s": run.wall_s,
        "exit_code": evidence.exit_code,
        "signal": evidence.signal,
        "ndiag": int(run.header["diagonalizers"]) ** 2 if "diagonalizers" in run.header else None,
        "error": f"{found[0][0]} ({found[0][1]}): {found[0][2]}" if found else None,
    }
    return {
        key: value
        for key, value in facts.items()
        if value is not None and (not isinstance(value, float) or math.isfinite(value))
    }


def _unreadable(evidence: Evidence, _run: Run) -> Finding | None:
    if evidence.unreadable:
        return names.UNREADABLE, f"the output cannot be read: {evidence.unreadable}"
    if evidence.output is None:
        return names.MISSING, _with_last_words("there is no output", evidence)
    return None


def _error(evidence: Evidence, run: Run) -> Finding | None:
    """An `Error in routine`, wherever it stands; of several the first that has a name of its own."""
    for text in (evidence.output or "", evidence.crash, evidence.errors):
        named = [
            (names.name_of_error(routine, message), routine, code, message) for routine, code, message in errors(text)
        ]
        for name, routine, code, message in [found for found in named if found[0] != names.CRASHED] or named:
            return name, f"pw.x stopped in {routine} ({code}): {_one_line(message) or 'no message'}"
    if evidence.crash.strip():
        return names.name_of_error(
            "", evidence.crash
        ), f"a CRASH file lies beside the output: {_one_line(evidence.crash)}"
    if run.job_done:
        return None
    for text in (evidence.output or "", evidence.errors):
        if death := names.name_of_death(text):
            return death[0], f"pw.x stopped: {death[1]}"
    return None


def _killed(evidence: Evidence, run: Run) -> Finding | None:
    """What the system or the scheduler wrote; a run that closed its output was over by then."""
    if run.job_done and evidence.exit_code in (None, 0):
        return None
    output = evidence.output or ""
    texts = (evidence.errors, output) if START in output else (evidence.errors,)
    for pattern, name in KILLED:
        for text in texts:
            if found := re.search(pattern, text):
                return _interrupted(evidence, name), f"the run was ended: {found[0]}"
    return None


def _interrupted(evidence: Evidence, name: str) -> str:
    """aiida-quantumespresso's name for a relaxation that its scheduler ended: it goes on from where it was."""
    ended = name in (names.SCHEDULER["out_of_walltime"], names.SCHEDULER["node_failure"])
    relaxing = ended and relaxation.is_relaxation(evidence.output or "", evidence.asked)
    return names.INTERRUPTED_RELAXATION if relaxing else name


def _not_pwx(evidence: Evidence, run: Run) -> Finding | None:
    text = evidence.output or ""
    if not text.strip():
        return _stopped(evidence, run) or (names.INCOMPLETE, _with_last_words("the output is empty", evidence))
    if START not in text:
        return names.NOT_PWX, _with_last_words("this is no output of pw.x", evidence)
    return None


def _stopped(evidence: Evidence, run: Run) -> Finding | None:
    if "max_seconds" in run.markers:
        name = names.OUT_OF_WALLTIME if run.job_done else names.WALLTIME_INTERRUPTED
        return name, f"pw.x stopped at max_seconds after {run.iterations} SCF steps"
    if run.not_achieved:
        trend = slope(run.accuracies)
        last = f", accuracy {run.accuracies[-1]:.1e} Ry" if run.accuracies else ""
        falling = f", log10 of it {trend:+.2f} a step" if trend is not None else ""
        found = relaxation.finding(evidence.output or "", run, evidence.asked)
        name, what = found or (names.NOT_CONVERGED, "the SCF did not converge")
        return name, f"{what} in {run.iterations} steps{last}{falling}"
    if "exit_file" in run.markers:
        return names.STOPPED, "pw.x stopped because it found an EXIT file"
    if evidence.scheduler in names.SCHEDULER and not (run.job_done and evidence.exit_code == 0):
        name = _interrupted(evidence, names.SCHEDULER[evidence.scheduler])
        return name, f"the scheduler ended the job: {evidence.scheduler.replace('_', ' ')}"
    return None


def _incomplete(evidence: Evidence, run: Run) -> Finding | None:
    if run.job_done:
        return None
    where = f"in SCF step {run.iterations}" if run.iterations else "before the first SCF step"
    if run.energy is not None:
        where = "after the SCF"
    found = SIGNAL.search(evidence.output or "")
    what = f"the output breaks off {where}" + (f" ({_one_line(found[0])})" if found else "")
    return names.INCOMPLETE, _with_last_words(what, evidence)


def _relaxation(evidence: Evidence, run: Run) -> Finding | None:
    return relaxation.finding(evidence.output or "", run, evidence.asked)


def _exit_code(evidence: Evidence, _run: Run) -> Finding | None:
    if evidence.exit_code in (None, 0):
        return None
    return names.EXIT_CODE, _with_last_words("the output looks complete, but pw.x failed", evidence)


def _unconverged(_evidence: Evidence, run: Run) -> Finding | None:
    threshold = run.header.get("conv_thr")
    if threshold is not None and run.loosest is not None:
        threshold = max(threshold, run.loosest)
    if run.energy is None and "nscf" in run.markers:
        return names.RESULTS_MISSING, "a band structure (nscf, bands) has no total energy: no label"
    if run.energy is None:
        return names.RESULTS_MISSING, "the output has no final (!) energy"
    if not run.converged:
        return names.NOT_CONVERGED, "the output does not say that convergence was achieved"
    if run.accuracy is None or threshold is None:
        return names.RESULTS_MISSING, "the output has no accuracy of the SCF, or no threshold for it"
    if not run.accuracy <= threshold * (1 + PRINTED):
        return names.NOT_CONVERGED, f"the accuracy reached is {run.accuracy:.1e} Ry, {threshold:.1e} Ry was asked for"
    return None


def _results(_evidence: Evidence, run: Run) -> Finding | None:
    natoms = int(run.header.get("natoms", 0))
    if not natoms or len(run.forces) != natoms:
        return names.RESULTS_MISSING, f"the output has forces of {len(run.forces)} atoms of {natoms}"
    if run.stress is None:
        return names.RESULTS_MISSING, "the output has no stress"
    numbers = [run.energy or 0.0, *(value for row in (*run.forces, *run.stress) for value in row)]
    if not all(math.isfinite(value) for value in numbers):
        return names.RESULTS_MISSING, "a result is not finite"
    return None


def _disagreement(evidence: Evidence, run: Run) -> Finding | None:
    return next(findings(run, evidence.asked), None)


def _with_last_words(what: str, evidence: Evidence) -> str:
    """`what`, with the exit code or signal, and the last line on standard error."""
    how = ""
    if evidence.signal is not None:
        how = f", killed by {SIGNALS.get(evidence.signal, f'signal {evidence.signal}')}"
    elif evidence.exit_code not in (None, 0):
        how = f", exit code {evidence.exit_code}"
    words = _one_line(evidence.errors.strip().splitlines()[-1]) if evidence.errors.strip() else ""
    return f"{what}{how}" + (f": {words}" if words.strip("- ") else "")


def _one_line(text: str) -> str:
    """Text of others in a sentence of ours: one line, printable, not long."""
    flat = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in flat)[:200]
