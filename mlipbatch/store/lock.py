"""One writer a project: a lock that is gone when its holder dies, and who holds it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from mlipbatch.store.durable import write_text
from mlipbatch.store.project import Project


class Locked(Exception):
    """Another daemon or command holds the project's lock; the message says which."""


@contextmanager
def project_lock(project: Project, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a project's lock. Raises Locked where another process still has it after `wait_s` seconds."""
    lock = FileLock(project.private / "lock", mode=0o600)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise Locked(f"{project.root} is served by {owner(project)}") from None
    try:
        write_text(
            project.private / "owner.json", json.dumps({"host": socket.gethostname(), "pid": os.getpid()}) + "\n"
        )
        yield
    finally:
        with suppress(FileNotFoundError):
            (project.private / "owner.json").unlink()
        lock.release()


def owner(project: Project) -> str:
    """Who holds the lock, in words."""
    try:
        raw = json.loads((project.private / "owner.json").read_text())
        return f"process {raw['pid']} on {raw['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def is_locked(project: Project) -> bool:
    """Does anybody hold the lock right now?"""
    try:
        with FileLock(project.private / "lock", timeout=0, mode=0o600):
            return False
    except Timeout:
        return True
