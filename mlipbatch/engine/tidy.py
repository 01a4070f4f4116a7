"""What a daemon that was killed left half made, cleared away by the next one; nothing is listed for it that was not anyway."""

from __future__ import annotations

from mlipbatch.engine.act import Hands
from mlipbatch.engine.index import Index
from mlipbatch.store import drafts, jobfolder


class Tidy:
    """Clears drafts: once what only the last daemon can have left, and whatever the index comes upon."""

    def __init__(self) -> None:
        self._first = True

    def __call__(self, hands: Hands, index: Index) -> None:
        """Call where the lease was just looked at."""
        if self._first:
            drafts.clear_project(hands.project, hands.lease.generation)
            for job in index.queue:
                drafts.clear_attempt(jobfolder.attempt_folder(hands.project.jobs / job, index.attempts(job)))
            self._first = False
        while index.litter:
            drafts.clear_job(hands.project.jobs / index.litter.pop())
