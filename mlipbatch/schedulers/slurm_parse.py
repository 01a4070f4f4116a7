"""What squeue and sacct print, as queue entries; anything torn or odd is no information."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mlipbatch.schedulers.base import NoInformation, QueueEntry
from mlipbatch.schedulers.slurm_states import queue_state

MARK = "@"  # stands at both ends of a record: a line that was cut off has only one, and a job's name may hold anything
SQUEUE_FORMAT = (
    f"{MARK}%i|%T|%M|%V|%r|%j{MARK}"  # id, state, time used, submit time, reason, name: the user's own text last
)
SACCT_FORMAT = "JobID,State,ElapsedRaw,Submit,JobName"

_RECORD = re.compile(
    r"(?P<id>\d+(_(\d+|\[[^\]]*\]))?(\+\d+)?)\|(?P<state>[A-Z_]+)\|(?P<time>[^|]*)\|(?P<submit>[^|]*)\|(?P<reason>[^|]*)\|"
    r"(?P<name>.*)",
    re.DOTALL,
)
_ACCOUNT = re.compile(
    r"(?P<id>\d+(_(\d+|\[[^\]]*\]))?(\+\d+)?)\|(?P<state>[A-Z_]+[^|]*)\|(?P<time>\d*)\|(?P<submit>[^|]*)\|(?P<name>.*)"
)
_TIME = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")


def queue(text: str) -> list[QueueEntry]:
    """The records of squeue's answer in `SQUEUE_FORMAT`; none is an answer too. Raises NoInformation for a torn or odd one."""
    if not text:
        return []
    if not (text.startswith(MARK) and text.endswith(f"{MARK}\n")):
        raise NoInformation(f"squeue's answer begins or ends oddly: {text[:40]!r} ... {text[-40:]!r}")
    return [_queued(record) for record in text[1:-2].split(f"{MARK}\n{MARK}")]


def _queued(record: str) -> QueueEntry:
    match = _RECORD.fullmatch(record)
    if match is None:
        raise NoInformation(f"squeue's answer has an odd record: {record[:80]!r}")
    state = queue_state(match["state"], match["reason"])
    return QueueEntry(
        match["id"],
        state,
        seconds(match["time"]),
        match["name"],
        f"{match['state']} {match['reason']}",
        match["submit"],
    )


def accounting(text: str) -> list[QueueEntry]:
    """The lines of sacct's answer in `SACCT_FORMAT` (``-P -n -X``). Raises NoInformation for a torn or odd one."""
    if text and not text.endswith("\n"):
        raise NoInformation(f"sacct's answer ends oddly: {text[-40:]!r}")
    return [_accounted(line) for line in text.splitlines()]


def _accounted(line: str) -> QueueEntry:
    match = _ACCOUNT.fullmatch(line)
    if match is None:
        raise NoInformation(f"sacct's answer has an odd line: {line[:80]!r}")
    elapsed = float(match["time"]) if match["time"] else None
    return QueueEntry(match["id"], queue_state(match["state"]), elapsed, match["name"], match["state"], match["submit"])


def submitted_id(text: str) -> str | None:
    """The job id in `sbatch --parsable`'s answer, ``1234`` or ``1234;cluster``; None where it is not clearly there.

    A site's own wrapper may print further lines; a line without its end may be cut off in the middle of a number.
    """
    found = re.findall(r"^(\d+)(?:;\S+)?\n", text, re.MULTILINE)
    return found[0] if len(found) == 1 else None


def seconds(text: str) -> float | None:
    """``[days-][hours:]minutes:seconds`` in s; None for INVALID and the like."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def oldest_first(entries: Iterable[QueueEntry]) -> list[QueueEntry]:
    """By submit time, as SLURM prints it (ISO 8601, so text sorts as time), then by number."""
    return sorted(entries, key=lambda entry: (entry.submitted, *base_and_task(entry.id)))


def base_and_task(scheduler_id: str) -> tuple[int, int]:
    """``1234_7`` -> (1234, 7); -1 for the task of what is none."""
    match = re.match(r"(\d+)(?:_(\d+))?", scheduler_id)
    if match is None:
        return -1, -1
    return int(match[1]), int(match[2]) if match[2] else -1
