"""The first and the last lines of job.sh, as a compute node runs them: who may run an attempt, and the markers it leaves."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mlipbatch.store.claim import CLAIM, count_claims, read_claim, slot

TO_ROOT = 4  # project/jobs/gen000/kind/name/attempt-1


def take(attempt: Path, token: str, scheduler_id: str, restarts: int) -> int | None:
    """The number of the claim that this start of the script took; None where it may not run.

    The rule stands on top of templates/job.sh.j2.
    """
    taken = count_claims(attempt)
    for number in range(1, taken + 1):
        held = read_claim(attempt, number)
        if held is None or (held.token, held.scheduler_id) != (token, scheduler_id) or held.restart >= restarts:
            return None
    if (attempt / "revoked").exists() or _exit_code(attempt) == "0":
        return None
    mine = attempt / f".{CLAIM}.simulated"
    try:
        mine.write_text(f"{token} {scheduler_id} {restarts}\n")
        os.link(mine, attempt / slot(taken))
    except OSError:  # the folder is gone, or somebody was faster
        return None
    finally:
        mine.unlink(missing_ok=True)
    (attempt / "exit").unlink(missing_ok=True)
    return taken


def superseded(attempt: Path, taken: int) -> bool:
    """Was the attempt started again, or given up, while this start of its script ran? Then its word counts no more."""
    return (attempt / slot(taken + 1)).exists()


def tell(attempt: Path, token: str, name: str, text: str) -> None:
    """A marker, whole or not at all, and an empty one for the daemon. In a folder that somebody took away: nothing."""
    draft = attempt / f".{name}.tmp"
    with suppress(FileNotFoundError):
        draft.write_text(text + "\n")
        draft.replace(attempt / name)
        (attempt.parents[TO_ROOT] / ".mlipbatch" / "inbox" / f"{token}.{name}").touch()


def _exit_code(attempt: Path) -> str:
    try:
        return (attempt / "exit").read_text().strip()
    except OSError:
        return ""
