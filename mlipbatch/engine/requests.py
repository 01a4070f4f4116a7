"""A person's wishes outside the daemon: carried out under the lock, or dropped into its inbox."""

from __future__ import annotations

from mlipbatch.config import load_config
from mlipbatch.core.job import JobEntry
from mlipbatch.engine import copied
from mlipbatch.engine.act import Hands
from mlipbatch.engine.campaign import apply_request
from mlipbatch.engine.place import Places
from mlipbatch.store import catalogue
from mlipbatch.store.inbox import drop_request
from mlipbatch.store.lease import Fenced, Locked, project_lock
from mlipbatch.store.project import Project


def obey(project: Project, action: str, jobs: list[str]) -> bool:
    """Retry or cancel jobs. True where a daemon was asked to, False where it was done here."""
    try:
        with project_lock(project) as lease:
            copied.settle(project, lease)
            place = Places()(project)
            hands = Hands(project, load_config(project.config), place.scheduler, place.largest, lease)
            for job in jobs:
                apply_request(hands, JobEntry(job, catalogue.look(project.jobs, job).state), action)
    except (Locked, Fenced):
        drop_request(project, action, jobs)
        return True
    return False
