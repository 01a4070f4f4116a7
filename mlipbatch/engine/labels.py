"""Keeps the database of labels up to the job folders. A server that is away is asked again later, and nothing waits for it."""

from __future__ import annotations

import logging

from mlipbatch.config.model import Config
from mlipbatch.engine.index import Index
from mlipbatch.engine.patience import Backoff, Clock
from mlipbatch.stages import dataset
from mlipbatch.store.postgresql import Away
from mlipbatch.store.project import Project

FIRST_S, LONGEST_S = 15.0, 300.0  # between two tries


class Labels:
    """Told of jobs that changed; after the server was away it compares all of them."""

    def __init__(self, project: Project, log: logging.Logger, clock: Clock) -> None:
        self.project, self.log = project, log
        self.trouble = ""  # why no labels are added
        self._backoff = Backoff(clock, FIRST_S, LONGEST_S, project.id)

    @property
    def due(self) -> bool:
        """Is it time to try again what failed?"""
        return bool(self.trouble) and self._backoff.ready

    def follow(self, config: Config, index: Index, untold: set[str] | None) -> dict[str, str]:
        """Bring the database up to these jobs (None: to all). Returns DONE labels with nothing to read, with the reason."""
        where = dataset.place(self.project, config)
        heard = [index[job] for job in sorted(untold or ()) if job in index]
        if self.trouble and not self._backoff.ready:
            return dataset.unreadable(self.project, heard)
        try:
            changed = list(dataset.outdated(where, index)) if untold is None or self.trouble else heard
            empty = dataset.sync(self.project, where, changed)
        except Away as reason:
            self._backoff.failed()
            if not self.trouble:
                self.log.warning("%s", reason)
            self.trouble = f"no labels are added to the database (they are safe in their job folders): {reason}"
            return dataset.unreadable(self.project, heard)
        if self.trouble:
            self.log.info("the database of labels answers again")
            self.trouble = ""
            self._backoff.succeeded()
        return empty
