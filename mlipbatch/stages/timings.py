"""What the finished DFT jobs of a project took, as their verdicts say, and the cost model after them.

Nothing is kept but what is in the job folders: a process reads the newest verdicts when it first wants to know, and hears of
those that it judges itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlipbatch.config.scf_cost import Model, Size, Timing, learn
from mlipbatch.core.job import Most, Resources
from mlipbatch.core.ladder import FIRST, NextAttempt
from mlipbatch.core.state import JobState
from mlipbatch.stages.base import Attempt
from mlipbatch.store import jobfolder, listing
from mlipbatch.store.project import Project

KIND = "scf"
SIZE, COST = "size", "cost"  # in attempt.yaml what was asked for, in verdict.yaml what it took
NEWEST = 300  # finished jobs that are learned from
LOOKED_AT = 2000  # folders of a generation that are looked into for them
ENOUGH = 5  # finished jobs before a wall time follows them
GROWTH = 1.1  # times as many jobs as the last time: then it is learned anew
LEAST_S = 600  # wall time asked for at the least
STEPS_S = (LEAST_S, 900, 1200, 1800, 2700, 3600, 5400)  # then hours: few different wall times can go as arrays


def measured(
    attempt: Attempt, wall_s: float | None, iterations: int | None, kpoints: int | None
) -> dict[str, Any] | None:
    """What the verdict of an accepted attempt says of its cost; None where its size or time is not known."""
    size = attempt.record.get(SIZE)
    if not size or not wall_s or iterations is None:
        return None
    step = attempt.record.get("step", {})
    usual = step.get("rung", FIRST) == FIRST and step.get("restart_from") is None
    return {
        "wall_s": wall_s,
        "iterations": iterations,
        "usual": usual,
        "size": {**size, "kpoints": kpoints or size["kpoints"]},
    }


def timing(record: Mapping[str, Any]) -> Timing | None:
    """A verdict's cost; None where it has none, or somebody changed it into something else."""
    try:
        cost = record[COST]
        size = Size(**cost["size"])
        wrong = min(size.atoms, size.bands, size.waves, size.kpoints, size.nspin, size.cores, size.grid - 1) <= 0
        found = Timing(size, float(cost["wall_s"]), int(cost["iterations"]), bool(cost["usual"]))
    except (KeyError, TypeError, ValueError):
        return None
    return found if not wrong and math.isfinite(found.wall_s + size.waves + size.grid) else None


def read(project: Project) -> list[Timing]:
    """The newest generations' finished jobs; of what is packed nothing is read."""
    found: list[Timing] = []
    for group in reversed(listing.groups(project.jobs)):
        if group.endswith(f"/{KIND}"):
            for one in _of_group(project.jobs / group):
                found.append(one)
                if len(found) >= NEWEST:
                    return found
    return found


def _of_group(group: Path) -> Iterator[Timing]:
    """Folders spread evenly over the names, so that each sort of structure has its part."""
    names = listing.folders(group)
    for name in names[:: max(1, math.ceil(len(names) / LOOKED_AT))]:
        try:
            seen = jobfolder.look(group / name)
            if seen.state is not JobState.DONE:
                continue
            one = timing(jobfolder.read_record(jobfolder.attempt_folder(group / name, seen.attempts) / "verdict.yaml"))
        except (jobfolder.Unreadable, OSError):
            continue
        if one is not None:
            yield one


class Learned:
    """The cost model of one project, as far as this process has heard."""

    def __init__(self, timings: list[Timing]) -> None:
        self.timings = timings
        self.model = learn(timings)
        self._unlearned = 0  # jobs that the model does not know yet

    def hear(self, one: Timing | None) -> None:
        """One more job has finished."""
        if one is None:
            return
        self.timings = [*self.timings, one][-NEWEST:]
        self._unlearned += 1
        if self._unlearned > (GROWTH - 1) * (len(self.timings) - self._unlearned):
            self.model, self._unlearned = learn(self.timings), 0


_projects: dict[tuple[Path, str], Learned] = {}


def learned(project: Project) -> Learned:
    """Of this project, read when it is first asked for."""
    key = project.root, project.id
    if key not in _projects:
        _projects[key] = Learned(read(project))
    return _projects[key]


def wall_time(resources: Resources, most: Most, step: NextAttempt, size: Size | None, model: Model) -> tuple[int, str]:
    """The wall time (s) of an attempt, and why; the reason is empty where it is that of `resources`, the job's own.

    A first attempt gets what the project's finished jobs say, with its safety. Others keep their own: softer mixing takes more
    steps, a time-out asks for more. Beyond the job's own only where the forecast itself, without safety, comes near it.
    """
    own = resources.walltime_s
    changed = step.rung != FIRST or step.changes or step.restart_from is not None
    if size is None or changed or model.learned_from < ENOUGH or own <= LEAST_S:
        return own, ""
    forecast = model.seconds(size)
    wanted = _rounded(min(model.safe_seconds(size), max(own, 1.5 * forecast)))
    found = min(max(own, wanted) if 1.5 * forecast > own else min(own, wanted), most.walltime_s or wanted)
    if found == own:
        return own, ""
    return (
        found,
        f"{found} s: {forecast:.0f} s are expected after {model.learned_from} finished jobs, and a safety factor",
    )


def _rounded(seconds: float) -> int:
    """Up to the next of few values."""
    return next((step for step in STEPS_S if step >= seconds), 3600 * math.ceil(seconds / 3600))
