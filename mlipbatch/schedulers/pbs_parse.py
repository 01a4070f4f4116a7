"""What qstat and qselect print, as plain values. An answer that is not whole raises NoInformation: no job is invented or lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from mlipbatch.core.state import QueueState
from mlipbatch.schedulers.base import NoInformation, QueueEntry
from mlipbatch.schedulers.pbs_states import ENDINGS, HOPELESS, STATES, TERMINATED, Flavour

ID = re.compile(
    r"\d+(\[\d*\])?(\.[A-Za-z0-9._-]+)?"
)  # 9.vm, an array 11[].vm, its task 11[3].vm; the server may be left out
UNKNOWN = re.compile(r"\w+: (?:Unknown Job Id(?: Error)? (?P<id>\S+)|(?P<over>\S+) Job has finished.*)")
TIME = "%a %b %d %H:%M:%S %Y"  # Tue Nov 24 00:20:43 2026, in the zone of the login node

Attributes = dict[str, str]  # of one job; parts of an attribute as "resources_used.walltime"


def job_id(text: str) -> str:
    """The id in what qsub printed, which is nothing else. Raises ValueError."""
    said = text.strip()
    if not ID.fullmatch(said):
        raise ValueError(f"qsub said {said[:200]!r}, which is no job id")
    return said


def array_of(scheduler_id: str) -> str:
    """The id of the array that a task belongs to; any other id as it is."""
    return re.sub(r"\[\d+\]", "[]", scheduler_id)


def job_ids(text: str) -> list[str]:
    """The ids that qselect printed, one a line. Raises NoInformation where a line is something else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    odd = [line for line in lines if not ID.fullmatch(line)]
    if odd:
        raise NoInformation(f"qselect printed {odd[0][:200]!r}, which is no job id")
    return lines


def not_there(stderr: str) -> set[str]:
    """The ids that qstat does not have, with and without their server. Raises NoInformation where it complains of more."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    found = [UNKNOWN.fullmatch(line) for line in lines]
    if not all(found):
        raise NoInformation(f"qstat: {lines[found.index(None)][:200]}")
    ids = {match["id"] or match["over"] for match in found if match}
    return ids | {one.split(".")[0] for one in ids}


def jobs_in_json(text: str) -> dict[str, Attributes]:
    """Jobs of ``qstat -f -F json``. Raises NoInformation unless it is whole.

    Some releases do not escape what stands in a job's environment, or leave a name that looks like a number without quotes.
    Then the environment is cut out, which nobody asks for here, and bare words get their quotes.
    """
    try:
        answer = _loads(text)
    except ValueError:
        try:
            answer = _loads(_mended(text))
        except ValueError as error:
            raise NoInformation(f"qstat printed broken JSON: {error}") from error
    jobs = answer.get("Jobs", {}) if isinstance(answer, dict) else None
    if not isinstance(jobs, dict) or "pbs_version" not in answer:
        raise NoInformation("qstat printed JSON that is not its own")
    return {scheduler_id: _flat(job) for scheduler_id, job in jobs.items()}


def _loads(text: str) -> Any:
    return json.loads(
        text, strict=False, object_pairs_hook=_no_job_twice
    )  # strict: newlines stand bare in old releases


def _no_job_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs if ID.fullmatch(key)]
    if len(set(keys)) < len(keys):
        raise ValueError("a job stands twice in it")
    return dict(pairs)


def _mended(text: str) -> str:
    kept, closing = [], ""
    for line in text.splitlines():
        if closing:
            closing = "" if line.rstrip(", \t") == closing else closing
        elif opening := re.match(r'(\s*)"(Variable_List|Submit_arguments)":\s*(.*)', line):
            closing = opening[1] + "}" if opening[3].startswith("{") else ""
        else:
            kept.append(_quoted(line))
    return re.sub(r",(\s*})", r"\1", "\n".join(kept))  # the comma before what was cut


def _quoted(line: str) -> str:
    bare = re.fullmatch(r'(\s*"[^"]+":\s*)([^\s"{\[][^"]*?)(,?)\s*', line)
    if not bare:
        return line
    try:
        json.loads(bare[2])
    except ValueError:
        return bare[1] + json.dumps(bare[2]) + bare[3]
    return line


def _flat(job: Any) -> Attributes:
    flat: Attributes = {}
    for name, value in job.items() if isinstance(job, dict) else ():
        parts = value.items() if isinstance(value, dict) else ()
        flat |= {f"{name}.{part}": str(inner) for part, inner in parts} if parts else {name: str(value)}
    return flat


def jobs_in_text(text: str) -> dict[str, Attributes]:
    """Jobs of ``qstat -f``, as Torque prints them and PBS Professional as well. Raises NoInformation where it is no such text.

    Values are folded: what does not begin with four spaces and ``NAME =`` goes on with the value before.
    """
    jobs: dict[str, Attributes] = {}
    job: Attributes | None = None
    name = ""
    for line in text.splitlines():
        if opening := re.fullmatch(r"Job Id: *(\S+)\s*", line):
            if opening[1] in jobs:
                raise NoInformation(f"qstat printed job {opening[1]} twice")
            job, name = jobs.setdefault(opening[1], {}), ""
        elif job is not None and (pair := re.fullmatch(r" {4}([A-Za-z][\w.]*) = (.*)", line)):
            name = pair[1]
            job[name] = pair[2]
        elif job is not None and name:
            job[name] += line.strip()
        elif line.strip():
            raise NoInformation(f"qstat printed {line.strip()[:200]!r}")
    return jobs


def entry(scheduler_id: str, job: Attributes, flavour: Flavour) -> QueueEntry:
    """One job. Raises NoInformation where its state is missing, as in an answer that was cut off."""
    if "job_state" not in job:
        raise NoInformation(f"qstat printed job {scheduler_id} without its state")
    return QueueEntry(
        id=scheduler_id,
        state=_state(job, flavour),
        elapsed_s=seconds(job.get("resources_used.walltime", "")),
        token=_token(scheduler_id, job.get("Job_Name", ""), flavour),
        reason=job.get("comment", "") or job["job_state"],
        submitted=_sortable(job.get("ctime", "")),
    )


def _token(scheduler_id: str, name: str, flavour: Flavour) -> str:
    """Torque puts the number of an array's task behind its name."""
    task = re.search(r"\[(\d+)\]", scheduler_id)
    return name.removesuffix(f"-{task[1]}") if task and flavour is Flavour.TORQUE else name


def _state(job: Attributes, flavour: Flavour) -> QueueState:
    state = STATES.get(job["job_state"], QueueState.UNKNOWN)
    if state is QueueState.QUEUED and job.get("comment", "").lower().startswith(HOPELESS):
        return QueueState.STUCK
    if state is not QueueState.ENDED:
        return state
    status = job.get("Exit_status", job.get("exit_status", ""))  # PBS Professional and Torque spell it so
    how = ENDINGS[flavour].get(int(status)) if re.fullmatch(r"-?\d+", status) else None
    if how is None and job.get("substate") == TERMINATED:
        return QueueState.CANCELLED
    return how or QueueState.ENDED


def seconds(clock: str) -> float | None:
    """Seconds of ``HH:MM:SS``, or None where it is something else."""
    parts = re.fullmatch(r"(\d+):(\d\d):(\d\d)", clock)
    return float(int(parts[1]) * 3600 + int(parts[2]) * 60 + int(parts[3])) if parts else None


def _sortable(time: str) -> str:
    """``Tue Nov 24 00:20:43 2026`` as ``2026-11-24T00:20:43``, so that the older of two is the smaller; else as it is."""
    try:
        return datetime.strptime(time, TIME).isoformat()  # noqa: DTZ007  compared with its own kind only
    except ValueError:
        return time


def oldest_first(entries: Iterable[QueueEntry]) -> list[QueueEntry]:
    """By the time they came into the queue, then by their running number."""
    return sorted(entries, key=lambda one: (one.submitted, int(re.match(r"\d*", one.id)[0] or 0)))  # type: ignore[index]
