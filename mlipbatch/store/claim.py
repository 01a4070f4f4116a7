"""Who may run an attempt: its claims, each taken once by link(), by its script or by the daemon that gives it up.

The rule stands on top of ``templates/job.sh.j2``. Nothing here is ever removed or rewritten, so a daemon that was stopped
and went on an hour later can do no harm by it.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlipbatch.store.durable import read_small, sync_folder, write_text

CLAIM, REVOKED = "claim", "revoked"
FURTHER = f"{CLAIM}."  # and a number: the claims after the first
NO_ID = "-"  # in a claim, where the scheduler does not tell a job its id


@dataclass(frozen=True)
class Claim:
    """The last claim of an attempt: of a start of its script, or of the daemon that revoked it."""

    token: str  # REVOKED where the daemon has it
    scheduler_id: str = ""  # as the script knows it; NO_ID where it does not
    restart: int = 0  # how often the scheduler itself had started the job again


def slot(number: int) -> str:
    """Name of the claim that comes after `number` others."""
    return f"{FURTHER}{number}" if number else CLAIM


def read_claim(attempt: Path, taken: int) -> Claim | None:
    """The last of an attempt's `taken` claims; None where there is none, or it cannot be read just now."""
    if not taken:
        return None
    try:
        words = read_small(f"{attempt}/{slot(taken - 1)}").decode(errors="replace").split()
    except OSError:
        return None
    token, scheduler_id, restart, *_ = *words, "", "", ""
    return Claim(token, scheduler_id, int(restart) if restart.isdigit() else 0)


def count_claims(attempt: Path) -> int:
    """How many claims of an attempt are taken."""
    number = 0
    while (attempt / slot(number)).exists():
        number += 1
    return number


def revoke(attempt: Path, seen: int, why: str) -> bool:
    """Take the next claim of an attempt of which `seen` were known to be taken, so that no copy of its script runs from now on.

    False where somebody else took it meanwhile: the attempt runs. Durable when it returns; may be called again after a crash.
    """
    if seen and (last := read_claim(attempt, seen)) is not None and last.token == REVOKED:
        _name_it(attempt, seen - 1)
        return True
    draft = attempt / f".{REVOKED}.{uuid.uuid4().hex[:8]}"
    write_text(draft, f"{REVOKED} {' '.join(why.split())}\n")
    try:
        taken = _link(draft, attempt / slot(seen))
    finally:
        draft.unlink(missing_ok=True)
    if not taken:
        after = read_claim(attempt, seen + 1)
        if after is None or after.token != REVOKED:
            return False
    _name_it(attempt, seen)
    return True


def _link(draft: Path, place: Path) -> bool:
    """Make the link; where the server made it and its answer was lost, the file itself tells."""
    with suppress(FileExistsError):
        os.link(draft, place)
    return place.exists() and place.samefile(draft)


def _name_it(attempt: Path, number: int) -> None:
    """`revoked` beside the claim, for people and for scripts that look for it."""
    with suppress(FileExistsError):
        os.link(attempt / slot(number), attempt / REVOKED)
    sync_folder(attempt)
