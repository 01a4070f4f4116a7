"""Jobs that are a `mlipbatch` command on files: generate, screen, select, train, explore, cut, report.

The job folder says the very command, so that a person can type it too. What it writes is published (copied to its place in
the project, whole or not at all) once it ended well.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlipbatch.core import endings
from mlipbatch.core.job import Accept, Again, AttemptPlan, Ending, GiveUp, JobSpec, Resources, Verdict
from mlipbatch.core.state import QueueState
from mlipbatch.stages.base import Attempt, Job, counted, this_round, verdicts
from mlipbatch.store.durable import sync_folder, write_bytes

PROJECT = "{project}"  # stands for the project's folder in a command
UP = "../../../../.."  # from an attempt folder to the project's: a project that is moved or copied still works
WRONG_INPUT = 2  # exit code of a command that refused its input: trying again is no cure
ATTEMPTS = 3  # that count; what the machine spoiled has a cap of its own
OUT_OF_TIME, OUT_OF_MEMORY = "out_of_walltime", "out_of_memory"
FAILURES = {QueueState.TIMED_OUT: OUT_OF_TIME, QueueState.OUT_OF_MEMORY: OUT_OF_MEMORY}


def work(
    job: str, commands: Sequence[Sequence[str]], publish: dict[str, str], resources: Resources, **rest: object
) -> JobSpec:
    """A job of commands. `publish` maps files (or folders) it writes to their places in the project."""
    parameters = {"commands": [list(argv) for argv in commands], "publish": publish}
    return JobSpec(job, job.split("/")[1], resources, parameters=parameters, **rest)  # type: ignore[arg-type]


class Work:
    """The kind of all such jobs."""

    def plan(self, job: Job, attempts: Sequence[Attempt]) -> AttemptPlan | GiveUp:
        """The same commands again, whatever happened; with more time or memory where that ran out."""
        lines = " &&\n".join(_line(argv) for argv in job.spec.parameters["commands"])
        failures = [str(attempt.verdict.get("name")) for attempt in counted(attempts)]
        excluded = endings.excluded([attempt.verdict for attempt in attempts])
        return AttemptPlan(
            rung="base",
            why=_why(this_round(attempts)),
            command=lines,
            environment={"OMP_NUM_THREADS": str(job.spec.resources.cores), "MPLBACKEND": "Agg"},
            resources=replace(job.spec.resources, exclude=excluded).grown(
                job.most, walltime=2.0 ** failures.count(OUT_OF_TIME), memory=2.0 ** failures.count(OUT_OF_MEMORY)
            ),
        )

    def judge(self, job: Job, attempts: Sequence[Attempt], ending: Ending) -> Verdict:
        """Success is exit code 0 and every output there."""
        last = attempts[-1].folder
        missing = [name for name in job.spec.parameters["publish"] if not (last / name).exists()]
        if ending.exit_code == 0 and not missing:
            for name, place in job.spec.parameters["publish"].items():
                publish(last / name, job.project.root / place)
            return Accept(_last_line(last) or "done")
        spoiled = endings.outside(ending, verdicts(attempts[:-1]), vanished=True)
        if spoiled:
            return spoiled
        name, reason = FAILURES.get(ending.how, "command_failed"), _reason(last, ending, missing)
        if ending.exit_code == WRONG_INPUT or len(counted(attempts[:-1])) + 1 >= ATTEMPTS:
            return GiveUp(name, reason)
        return Again(name, reason)


def _why(attempts: Sequence[Attempt]) -> str:
    if not attempts:
        return "first try"
    return f"try {len(attempts) + 1}: {attempts[-1].verdict.get('sentence', 'the one before ended early')}"


def publish(source: Path, place: Path) -> None:
    """Copy a file or a folder to `place`, which then holds all of it or what it held before."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        write_bytes(place, source.read_bytes())
        return
    draft, old = place.with_name(f".{place.name}.new"), place.with_name(f".{place.name}.old")
    for leftover in (draft, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, draft)
    if place.exists():
        place.rename(old)
    draft.rename(place)
    sync_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def _line(argv: Sequence[str]) -> str:
    words = [word.replace(PROJECT, UP) for word in argv]
    program = [sys.executable, "-m", "mlipbatch"] if words[0] == "mlipbatch" else [words[0]]
    return " ".join(shlex.quote(word) for word in [*program, *words[1:]])


def _reason(folder: Path, ending: Ending, missing: Sequence[str]) -> str:
    if ending.timed_out:
        return "its wall time was up"
    if ending.how is QueueState.OUT_OF_MEMORY:
        return "it had too little memory"
    if ending.exit_code is None:
        return endings.VANISHED[1]
    if ending.exit_code == 0:
        return f"it ended well but did not write {', '.join(missing)}"
    return f"exit code {ending.exit_code}: {_last_line(folder) or 'it printed nothing'}"


def _last_line(folder: Path) -> str:
    try:
        with (folder / "job.log").open("rb") as handle:
            handle.seek(max(0, handle.seek(0, 2) - 4096))
            lines = handle.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
