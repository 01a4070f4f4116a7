"""A project folder that was copied or moved: whose jobs are those in the queue?

A moved project takes its jobs along. A copy of one whose original is still there does not: they run there, and their results
land there. The copy becomes a project of its own; what was in the queue waits in it, held, until its user has it run twice.
"""

from __future__ import annotations

import json
import logging
import uuid
from pathlib import Path

from mlipbatch.core.state import IN_QUEUE, JobState
from mlipbatch.engine import observe
from mlipbatch.store import claim, jobfolder
from mlipbatch.store.durable import write_text
from mlipbatch.store.lease import Lease
from mlipbatch.store.project import Project

log = logging.getLogger("mlipbatch")


def settle(project: Project, lease: Lease) -> None:
    """Find out whether this folder is a copy, leave the original's jobs alone if so, and write down where it is now."""
    before, now = _read(project), _here(project)
    if before == now:
        return
    if before and _is_copy_of(project, before):
        log.warning("%s is a copy of %s: jobs in the queue are the original's", project.root, before["path"])
        _let_go(project, lease, str(before["path"]))
        lease.check()
        write_text(project.private / "id", json.dumps({"id": uuid.uuid4().hex, "format": 1}) + "\n")
    lease.check()
    write_text(_file(project), json.dumps(now) + "\n")


def _is_copy_of(project: Project, before: dict[str, object]) -> bool:
    """Is the folder that it was in still there, and the same project?"""
    original = Project(Path(str(before["path"])))
    try:
        if before["folder"] == _here(project)["folder"] or original.private.samefile(project.private):
            return False  # moved, or the same folder by another path
        return original.id == project.id and _here(original)["folder"] == before["folder"]
    except OSError:
        return False  # gone: moved here


def _let_go(project: Project, lease: Lease, original: str) -> None:
    why = f"copied while it was in the queue for {original}; remove HOLD to run it here too"
    for folder in jobfolder.walk(project.jobs):
        try:
            state = jobfolder.look(folder).state
            attempt = jobfolder.attempt_folder(folder, jobfolder.look(folder).attempts)
        except jobfolder.Unreadable:
            continue
        seen = observe.evidence(attempt)
        if state not in IN_QUEUE or seen.exit_code is not None:
            continue
        lease.check()
        if seen.token:
            write_text(attempt / observe.ELSEWHERE, original + "\n")
            claim.revoke(attempt, seen.claims, why)
        write_text(folder / jobfolder.HOLD, why + "\n")
        jobfolder.move(folder, state, JobState.PENDING, why)


def _file(project: Project) -> Path:
    return project.private / "place.json"


def _here(project: Project) -> dict[str, object]:
    """Path, and inode of `.mlipbatch`: a copy has another, a folder that was moved keeps it as long as it stays on its disk."""
    return {"path": str(project.root.resolve()), "folder": project.private.stat().st_ino}


def _read(project: Project) -> dict[str, object]:
    try:
        raw = json.loads(_file(project).read_text())
        return {"path": raw["path"], "folder": raw["folder"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
