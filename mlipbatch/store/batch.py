"""Folders of batches, ``.mlipbatch/batches/TOKEN``: the script, who is in it, the intent, and the id that the scheduler gave.

In ``.mlipbatch/offers/KIND`` lie the lists of members that any allocation of that kind may take from, a link to each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mlipbatch.store.durable import sync_folder, write_text
from mlipbatch.store.project import Project

BATCHES, OFFERS, LIST, TAKEN = "batches", "offers", "members-", "taken-"


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


def offers(project: Project, *kind: object) -> Path:
    """Where allocations of one kind offer their lists. A folder that was copied or moved is of another kind than it was."""
    words = "\0".join(map(str, (project.root.resolve(), *kind)))
    return project.private / OFFERS / hashlib.sha256(words.encode()).hexdigest()[:12]


def offer(project: Project, token: str, where: Path) -> None:
    """Let others take from the lists of a batch that the scheduler has; its own script does the same when it starts."""
    where.mkdir(parents=True, exist_ok=True)
    for path in folder(project, token).glob(f"{LIST}*"):
        with suppress(FileExistsError):
            os.link(path, where / f"{token}-{path.name.removeprefix(LIST)}")


def tokens(project: Project) -> list[str]:
    """Of all batches that have a folder."""
    try:
        return sorted(os.listdir(project.private / BATCHES))  # noqa: PTH208  names are all that is wanted
    except FileNotFoundError:
        return []


def members(project: Project, token: str) -> Iterator[Path]:
    """The attempts of a batch and those that it took from others, relative to the project; a line that is none is left out."""
    here = folder(project, token)
    for path in (*here.glob(f"{LIST}*"), *here.glob(f"{TAKEN}*")):
        for line in path.read_text(errors="replace").splitlines():
            if len(words := line.split("\t")) == 3:
                yield Path(words[2])


def remove(project: Project, token: str) -> None:
    """Take a batch's folder away, and what it offered."""
    for path in (project.private / OFFERS).glob(f"*/{token}-*"):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder(project, token), ignore_errors=True)
