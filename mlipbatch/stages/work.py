"""Jobs that are a `mlipbatch` command on files: generate, screen, select, train, explore, cut, report.

The job folder says the very command, so that a person can type it too. What it writes is published (copied to its place in
the project, whole or not at all) once it ended well.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from mlipbatch.core.job import Accept, Again, AttemptPlan, Ending, GiveUp, JobSpec, Resources, Verdict
from mlipbatch.stages.base import Attempt, Job, this_round
from mlipbatch.store.durable import sync_folder, write_bytes

PROJECT = "{project}"  # stands for the project's folder in a command
UP = "../../../../.."  # from an attempt folder to the project's: a project that is moved or copied still works
WRONG_INPUT = 2  # exit code of a command that refused its input: trying again is no cure
ATTEMPTS = 3


def work(
    job: str, commands: Sequence[Sequence[str]], publish: dict[str, str], resources: Resources, **rest: object
) -> JobSpec:
    """A job of commands. `publish` maps files (or folders) it writes to their places in the project."""
    parameters = {"commands": [list(argv) for argv in commands], "publish": publish}
    return JobSpec(job, job.split("/")[1], resources, parameters=parameters, **rest)  # type: ignore[arg-type]


class Work:
    """The kind of all such jobs."""

    def plan(self, job: Job, attempts: Sequence[Attempt]) -> AttemptPlan | GiveUp:
        """The same commands again, whatever happened."""
        number = len(this_round(attempts)) + 1
        lines = " &&\n".join(_line(argv) for argv in job.spec.parameters["commands"])
        return AttemptPlan(
            rung="base",
            why="first try" if number == 1 else f"try {number}: the one before ended early",
            command=lines,
            environment={"OMP_NUM_THREADS": str(job.spec.resources.cores), "MPLBACKEND": "Agg"},
            resources=job.spec.resources,
        )

    def judge(self, job: Job, attempts: Sequence[Attempt], ending: Ending) -> Verdict:
        """Success is exit code 0 and every output there."""
        last = attempts[-1].folder
        missing = [name for name in job.spec.parameters["publish"] if not (last / name).exists()]
        if ending.exit_code == 0 and not missing:
            for name, place in job.spec.parameters["publish"].items():
                publish(last / name, job.project.root / place)
            return Accept(_last_line(last) or "done")
        reason = _reason(last, ending, missing)
        if ending.exit_code == WRONG_INPUT or len(this_round(attempts[:-1])) + 1 >= ATTEMPTS:
            return GiveUp("command_failed", reason)
        return Again("command_failed", reason)


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
    if ending.exit_code is None:
        return "it ended without leaving its exit marker: killed, or its machine went down"
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
