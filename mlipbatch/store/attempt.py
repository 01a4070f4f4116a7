"""Attempt folders: made whole, once. What is in one is never rewritten, only markers come to it."""

from __future__ import annotations

import errno
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from mlipbatch.store.durable import durably, making_folder, sync_folder
from mlipbatch.store.jobfolder import Moved, attempt_folder


def create(job: Path, number: int, files: Mapping[str, str]) -> Path:
    """Make ``attempt-N`` of a job folder with these files, durably, by one rename.

    Raises Moved where it is there already: another daemon made it, and this one is out of date. Raises OSError (disk full).
    """
    folder = attempt_folder(job, number)
    draft = job / f".{folder.name}.{uuid.uuid4().hex[:8]}"
    try:
        durably(making_folder(draft, files))
        draft.rename(folder)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise Moved(f"{folder} is there already") from None
        raise
    sync_folder(job)
    return folder
