"""A job told from its folder alone, for `show` and `why`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlipbatch.core import frames
from mlipbatch.core.state import JobState
from mlipbatch.stages.base import Attempt, read_attempts
from mlipbatch.store import archive, catalogue, jobfolder
from mlipbatch.store.control import read_pause
from mlipbatch.store.lease import is_locked
from mlipbatch.store.project import Project


def tell(project: Project, job: str) -> dict[str, Any]:
    """Everything that a person may want to know of a job."""
    with catalogue.opened(project.jobs, job) as folder:
        return _tell(project, job, folder)


def _tell(project: Project, job: str, folder: Path) -> dict[str, Any]:
    seen, spec = jobfolder.look(folder), jobfolder.read_spec(folder)
    here = project.jobs / job
    return {
        "id": job,
        "folder": str(here),
        "archive": None if folder == here else str(archive.list_of(project.jobs, job.rpartition("/")[0])),
        "state": seen.state.value,
        "held": seen.held,
        "cores": spec.resources.cores,
        "walltime_s": spec.resources.walltime_s,
        "parents": list(spec.parents),
        "parameters": spec.parameters,
        "attempts": [_attempt(attempt) for attempt in read_attempts(folder)],
        "result": _result(folder),
        "history": (folder / "history.log").read_text().splitlines() if (folder / "history.log").exists() else [],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    verdict = attempt.verdict
    return {
        "number": attempt.number,
        "rung": attempt.record.get("rung", "?"),
        "why": attempt.record.get("why", ""),
        "changes": attempt.record.get("step", {}).get("changes", {}),
        "failure": verdict.get("name"),
        "outcome": verdict.get("sentence", "still open"),
    }


def _result(folder: Path) -> dict[str, Any]:
    path = folder / "result.extxyz"
    if not path.exists():
        return {}
    from mlipbatch.store.durable import read_frames

    atoms = read_frames(path)[0]
    largest = float(abs(atoms.arrays[frames.REF_FORCES]).max())
    return {"energy_ev": float(atoms.info[frames.REF_ENERGY]), "largest_force_ev_per_a": round(largest, 4)}


def reason(project: Project, story: dict[str, Any]) -> list[str]:
    """Why the job is where it is, and what would move it."""
    job, attempts = story["id"], story["attempts"]
    last = story["history"][-1].split("  ", 1)[-1] if story["history"] else "its history is empty"
    match JobState(story["state"]):
        case JobState.DONE:
            return [f"{job} is DONE: {last}"]
        case JobState.FAILED:
            tried = [f"  attempt-{a['number']} ({a['rung']}): {a['outcome']}" for a in attempts]
            return [
                f"{job} FAILED: {last}",
                *tried,
                f"`mlipbatch retry {story['folder']}` tries it again from the first rung",
            ]
        case JobState.PENDING:
            return [f"{job} is PENDING: {_waits(project, story, last)}"]
        case _:
            return [
                f"{job} is {story['state']}: {last}",
                f"  attempt-{attempts[-1]['number']}: {attempts[-1]['why']}" if attempts else "",
            ]


def _waits(project: Project, story: dict[str, Any], last: str) -> str:
    if story["held"]:
        return f"somebody put a file HOLD beside it; remove {story['folder']}/HOLD to let it run"
    pause = read_pause(project)
    if pause is not None:
        return f"the project is paused: {pause.sentence}"
    if not is_locked(project):
        return "no daemon serves this project; start one with `mlipbatch daemon`"
    return f"it waits for {story['cores']} free cores behind jobs of higher priority ({last})"
