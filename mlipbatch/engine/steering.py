"""What a person may change while a daemon serves the project: the pause, and config.yaml."""

from __future__ import annotations

import logging
from dataclasses import replace

from mlipbatch.config import load_config
from mlipbatch.config.errors import InputError
from mlipbatch.engine.act import Hands
from mlipbatch.store import control


class Steering:
    """Looks at both, once a tick."""

    def __init__(self, hands: Hands, log: logging.Logger) -> None:
        self.log = log
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
        sentence = pause.sentence if pause else ""
        if sentence != self._said:
            self.log.info("%s", f"paused: {sentence}" if sentence else "goes on")
            self._said = sentence
        return sentence

    @staticmethod
    def _stat(hands: Hands) -> tuple[int, int]:
        try:
            seen = hands.project.config.stat()
        except OSError:
            return 0, 0
        return seen.st_mtime_ns, seen.st_ino
