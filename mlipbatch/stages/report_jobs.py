"""What the job folders tell a report: how long things took, what was recovered, what was given up and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlipbatch.core.state import ENDED, JobState
from mlipbatch.stages.base import read_attempts
from mlipbatch.stages.label import KIND
from mlipbatch.store import catalogue, jobfolder
from mlipbatch.store.project import Project

AT_WORK = (JobState.SUBMITTED, JobState.RUNNING)


@dataclass(frozen=True)
class JobStory:
    """One job, as its folder has it. Times are seconds since the epoch."""

    id: str
    state: JobState
    reason: str  # first line of the state file
    attempts: int
    first: float | None  # first line of its history
    begun: float | None  # first sent to the scheduler
    last: float | None  # last line of its history

    @property
    def generation(self) -> str:
        """``gen000``."""
        return self.id.split("/")[0]

    @property
    def kind(self) -> str:
        """``scf``, ``train`` ..."""
        return self.id.split("/")[1]

    @property
    def name(self) -> str:
        """Last part of the id."""
        return self.id.split("/")[2]


def read_jobs(project: Project) -> tuple[list[JobStory], str]:
    """All jobs, and a sentence on folders that cannot be understood ("" where there is none)."""
    stories, odd = [], []
    for job in catalogue.ids(project.jobs):
        try:
            with catalogue.opened(project.jobs, job) as folder:
                stories.append(_story(job, folder))
        except (jobfolder.Unreadable, OSError) as error:
            odd.append(str(error))
    return stories, "; ".join(odd)


def _story(job: str, folder: Path) -> JobStory:
    seen = jobfolder.look(folder)
    history = _history(folder)
    begun = next((time for time, text in history if text.partition(" -> ")[2].startswith(AT_WORK)), None)
    return JobStory(
        id=job,
        state=seen.state,
        reason=(folder / seen.state).read_text(encoding="utf-8", errors="replace").partition("\n")[0],
        attempts=seen.attempts,
        first=history[0][0] if history else None,
        begun=begun,
        last=history[-1][0] if history else None,
    )


def _history(folder: Path) -> list[tuple[float, str]]:
    """Time and text of every line of history.log that has a time."""
    path = folder / "history.log"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    found = []
    for line in lines:
        stamp, _, text = line.partition("  ")
        try:
            found.append((datetime.fromisoformat(stamp).timestamp(), text))
        except ValueError:
            continue
    return found


def wall_seconds(jobs: Iterable[JobStory]) -> float | None:
    """From the first line of any history to the last; None where there is none."""
    times = [time for job in jobs for time in (job.first, job.last) if time is not None]
    return max(times) - min(times) if times else None


def timeline(jobs: Sequence[JobStory]) -> list[dict[str, Any]]:
    """A row for each kind of job of each generation: when (s since the first line of any history), how many, how they ended."""
    start = min((job.first for job in jobs if job.first is not None), default=0.0)
    rows: dict[tuple[str, str], list[JobStory]] = {}
    for job in jobs:
        if job.begun is not None:
            rows.setdefault((job.generation, job.kind), []).append(job)
    found = [_row(key, row, start) for key, row in rows.items()]
    return sorted(found, key=lambda row: (float(row["from_s"]), float(row["to_s"])))


def _row(key: tuple[str, str], jobs: Sequence[JobStory], start: float) -> dict[str, Any]:
    return {
        "generation": key[0],
        "kind": key[1],
        "from_s": min(job.begun for job in jobs if job.begun is not None) - start,
        "to_s": max(job.last for job in jobs if job.last is not None) - start,
        "done": sum(job.state is JobState.DONE for job in jobs),
        "failed": sum(job.state is JobState.FAILED for job in jobs),
        "open": sum(job.state not in ENDED for job in jobs),
    }


def recovered(project: Project, jobs: Iterable[JobStory]) -> list[dict[str, Any]]:
    """Labels that needed more than one attempt: what went wrong, and the rung that won."""
    found = []
    for job in jobs:
        if job.kind == KIND and job.state is JobState.DONE and job.attempts > 1:
            with catalogue.opened(project.jobs, job.id) as folder:
                attempts = read_attempts(folder)
            failures = [str(a.verdict.get("name")) for a in attempts if a.verdict.get("decision") != "accept"]
            rung = str(attempts[-1].record.get("rung", "unknown"))
            found.append({"job": job.id, "attempts": job.attempts, "failures": failures, "rung": rung})
    return found


def failed(jobs: Iterable[JobStory], *, labels: bool) -> list[dict[str, Any]]:
    """Jobs that were given up, with the reason: labels, or all other jobs."""
    return [
        {"job": job.id, "attempts": job.attempts, "reason": job.reason or "its state file does not say why"}
        for job in jobs
        if job.state is JobState.FAILED and (job.kind == KIND) is labels
    ]
