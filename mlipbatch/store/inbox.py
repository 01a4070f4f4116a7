"""What jobs and commands drop for the daemon: one new file each, tmp then rename, never rewritten."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from mlipbatch.store.durable import is_odd, write_text
from mlipbatch.store.project import Project


@dataclass(frozen=True)
class Request:
    """A person's wish: what to do with which jobs."""

    action: str  # retry | cancel
    jobs: tuple[str, ...]
    path: Path


def drop_request(project: Project, action: str, jobs: list[str]) -> None:
    """Ask the daemon for something."""
    write_text(project.inbox / f"request-{uuid.uuid4().hex}", yaml.safe_dump({"action": action, "jobs": jobs}))


def _request(path: Path) -> Request:
    """One wish; one that cannot be understood asks for nothing, and goes the way of the others."""
    try:
        raw = yaml.safe_load(path.read_text())
        return Request(str(raw["action"]), tuple(str(job) for job in raw["jobs"]), path)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, OSError) as error:
        if isinstance(error, OSError) and not is_odd(error):
            raise
        return Request("nothing", (), path)


def read_inbox(project: Project) -> tuple[list[Request], list[str]]:
    """Requests, and the markers that jobs left (``TOKEN.started``, ``TOKEN.exit``): news, never proof."""
    requests: list[Request] = []
    markers: list[str] = []
    with os.scandir(project.inbox) as entries:
        found = (entry for entry in entries if not entry.name.startswith("."))
        names = sorted(entry.name for entry in found if not entry.is_dir(follow_symlinks=False))  # a folder is let lie
    for name in names:
        if name.startswith("request-"):
            requests.append(_request(project.inbox / name))
        else:
            markers.append(name)
    return requests, markers


def clear(project: Project, markers: Sequence[str]) -> None:
    """Take markers away that were heard."""
    if not markers:
        return
    folder = os.open(project.inbox, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for name in markers:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    finally:
        os.close(folder)
