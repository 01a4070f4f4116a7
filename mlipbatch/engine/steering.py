"""What stops a project from sending more (a person, the scheduler, a full disk), and config.yaml, which may change meanwhile."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mlipbatch.config import load_config
from mlipbatch.config.errors import InputError
from mlipbatch.core.failure import DISK_FULL
from mlipbatch.core.job import Accept, Verdict
from mlipbatch.engine.act import Hands
from mlipbatch.engine.patience import Patience
from mlipbatch.store import control


class Steering:
    """Looks at both, once a tick."""

    def __init__(self, hands: Hands, log: logging.Logger, patience: Patience) -> None:
        self.log, self.patience = log, patience
        self._full = 0  # times in a row that a disk was full
        self.trouble = ""  # what is wrong with config.yaml; the one before is used
        self._seen = self._stat(hands)
        self._said = ""

    def follow(self, hands: Hands) -> Hands:
        """The same hands with today's configuration."""
        now = self._stat(hands)
        if now == self._seen:
            return hands
        self._seen = now
        try:
            config = load_config(hands.project.config)
        except (InputError, OSError) as error:
            self.trouble = f"the change of config.yaml is not used: {error}"
            self.log.error("%s", self.trouble)  # noqa: TRY400  the sentence is for the user
            return hands
        self.trouble = ""
        self.log.info("config.yaml was changed and read again")
        return replace(hands, config=config)

    def held_back(self, hands: Hands) -> str:
        """Why nothing may be submitted; empty where it may. A refusal is forgotten when the configuration changes."""
        pause = control.read_pause(hands.project)
        if pause is not None and pause.by == control.SCHEDULER and pause.config != control.config_stamp(hands.project):
            hands.lease.check()
            control.resume(hands.project)
            pause = None
        if pause is not None and pause.by == control.DISK and self._over(pause):
            hands.lease.check()
            control.resume(hands.project)
            pause = None
        sentence = pause.sentence if pause else ""
        if sentence != self._said:
            self.log.info("%s", f"paused: {sentence}" if sentence else "goes on")
            self._said = sentence
        return sentence

    def judged(self, hands: Hands, job: str, verdict: Verdict) -> None:
        """A disk that was full for one job is full for others: nothing more is sent for a while, longer each time."""
        if isinstance(verdict, Accept):
            self._full = 0
        elif verdict.name == DISK_FULL and control.read_pause(hands.project) is None:
            wait = min(self.patience.full_disk_s * 2.0**self._full, self.patience.full_disk_longest_s)
            until = datetime.now(UTC) + timedelta(seconds=wait)
            hands.lease.check()
            control.pause(hands.project, control.Pause(job, control.DISK, until=f"{until:%Y-%m-%dT%H:%M:%SZ}"))
            self._full += 1

    def _over(self, pause: control.Pause) -> bool:
        """Is it time for one more try? Also where its time cannot be right."""
        try:
            left = (datetime.fromisoformat(pause.until) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return True
        return not 0 < left <= self.patience.full_disk_longest_s

    @staticmethod
    def _stat(hands: Hands) -> tuple[int, int]:
        try:
            seen = hands.project.config.stat()
        except OSError:
            return 0, 0
        return seen.st_mtime_ns, seen.st_ino
