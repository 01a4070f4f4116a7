"""Folders of batches, ``.mlipbatch/batches/TOKEN``: the script, who is in it, the intent, and the id that the scheduler gave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlipbatch.store.durable import sync_folder, write_text
from mlipbatch.store.project import Project

BATCHES = "batches"


def folder(project: Project, token: str) -> Path:
    """Where the batch of that token lies."""
    return project.private / BATCHES / token


def create(project: Project, token: str, files: Mapping[str, str]) -> Path:
    """Make a batch's folder with these files, durably; the token is new, so there is none yet."""
    made = folder(project, token)
    made.mkdir(parents=True)
    for name, text in files.items():
        write_text(made / name, text)
    sync_folder(made.parent)
    return made
