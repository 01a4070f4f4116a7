"""What a person asks of a project as a whole: a file in ``.mlipbatch``, so from any login node, with and without a daemon."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from mlipbatch.store.durable import write_text
from mlipbatch.store.lease import is_locked, latest
from mlipbatch.store.project import Project

YOU, SCHEDULER, DISK = "you", "the scheduler", "a full disk"


@dataclass(frozen=True)
class Pause:
    """Nothing is submitted; what runs is looked after."""

    why: str
    by: str = YOU
    config: str = ""  # SHA-256 of config.yaml when the scheduler refused a job of it: another config is tried
    until: str = ""  # after a full disk: when it is tried again, UTC

    @property
    def sentence(self) -> str:
        """What `status` says."""
        if self.by == YOU:
            return f"{self.why}; `mlipbatch resume` goes on"
        if self.by == DISK:
            return f"a disk is full ({self.why}); free space and `mlipbatch resume`, else it is tried again at {self.until}"
        return f"the scheduler refused a job: {self.why}; change the configuration, or `mlipbatch resume`"


def read_pause(project: Project) -> Pause | None:
    """The pause of a project, if there is one; an empty or torn file is one too."""
    try:
        raw = yaml.safe_load(_pause(project).read_text())
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, UnicodeDecodeError):
        raw = None
    said = {key: str(value) for key, value in raw.items()} if isinstance(raw, dict) else {}
    return Pause(said.get("why", "by hand"), said.get("by", YOU), said.get("config", ""), said.get("until", ""))


def pause(project: Project, pause: Pause) -> None:
    """Let nothing more be submitted."""
    write_text(_pause(project), yaml.safe_dump(asdict(pause)))


def resume(project: Project) -> bool:
    """Let it go on. False where it was not paused."""
    there = _pause(project).exists()
    _pause(project).unlink(missing_ok=True)
    return there


def config_stamp(project: Project) -> str:
    """SHA-256 of config.yaml."""
    return hashlib.sha256(project.config.read_bytes()).hexdigest()


def ask_to_stop(project: Project) -> int | None:
    """Ask whoever holds the lease to give it back; its generation, or None where nobody does."""
    last = latest(project.private)
    if last is None or not is_locked(project):
        return None
    write_text(_stop(project, last.generation), "asked to stop\n")
    return last.generation


def stop_asked(project: Project, generation: int) -> bool:
    """Was this holder, and not an earlier one, asked to stop?"""
    return _stop(project, generation).exists()


def stop_obeyed(project: Project, generation: int) -> None:
    """Take back the wish, and those to earlier holders that died before they saw them."""
    for path in project.private.glob("stop.*"):
        if path.suffix[1:].isdigit() and int(path.suffix[1:]) <= generation:
            path.unlink(missing_ok=True)


def _pause(project: Project) -> Path:
    return project.private / "pause.yaml"


def _stop(project: Project, generation: int) -> Path:
    return project.private / f"stop.{generation:06d}"
