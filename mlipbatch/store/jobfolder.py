"""Job folders: reading one, making one, moving its state. Only the holder of the project's lease may write."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mlipbatch.core.job import JobEntry, JobSpec, Resources
from mlipbatch.core.state import TRANSITIONS, JobState
from mlipbatch.store import drafts
from mlipbatch.store.durable import (
    Steps,
    append,
    drafting,
    durably,
    is_odd,
    making_folder,
    syncing,
    write_text,
)

HOLD, ATTEMPT = "HOLD", "attempt-"
STATES = {state.value: state for state in JobState}
LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml's, ten times as fast, where PyYAML was built with it
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Unreadable(Exception):
    """A job folder that cannot be understood; it is set aside with this reason, and nothing else stops."""


class Moved(Unreadable):
    """A job that is in another state than its mover believed: it is looked at again, and nothing was changed."""


class Look(NamedTuple):
    """What one listing of a job folder tells. A tuple: a rebuilt index makes one of every job."""

    state: JobState
    held: bool
    attempts: int
    littered: bool = False  # drafts of a daemon that was killed lie in it


def look(folder: Path) -> Look:
    """State (the state file's name), HOLD, and the number of the last attempt. One listing, no file is opened.

    Raises Unreadable where there is no state file. Of two (a hand edit by copying), the newer counts.
    """
    return understand(folder, os.listdir(folder))


def understand(folder: Path | str, names: Collection[str]) -> Look:
    """`look` where the names in the folder are known already."""
    states, attempts, hidden = [], 0, False
    for name in names:  # one pass, most of it by first letters: a million folders are read so
        first = name[0]
        if first == ATTEMPT[0]:
            if name.startswith(ATTEMPT) and name[8:].isdigit():
                attempts = max(attempts, int(name[8:]))
        elif first == ".":
            hidden = True
        elif name in STATES:
            states.append(name)
    if not states:
        raise Unreadable(f"{folder} has no state file; make an empty file PENDING there to have it run")
    if len(states) > 1:
        states.sort(key=lambda name: (os.lstat(f"{folder}/{name}").st_mtime_ns, name))
    return Look(STATES[states[-1]], HOLD in names, attempts, hidden and bool(drafts.among(names)))


def read_spec(folder: Path) -> JobSpec:
    """job.yaml of a job folder. Raises Unreadable."""
    try:
        raw = yaml.load((folder / "job.yaml").read_text(), LOADER)  # noqa: S506  a safe one
        return JobSpec(
            id="/".join(folder.parts[-3:]),
            kind=str(raw["kind"]),
            resources=_resources(**raw["resources"]),
            priority=int(raw["priority"]),
            parents=tuple(raw["parents"]),
            parameters=dict(raw["parameters"]),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{folder}/job.yaml cannot be read: {error}") from error


def _resources(cores: object, walltime_s: object) -> Resources:
    """Whole numbers from 1 on: a wall time of 0 would be none at all."""
    for name, value in (("cores", cores), ("walltime_s", walltime_s)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}, not a number from 1 on")
    return Resources(int(str(cores)), int(str(walltime_s)))


def entry(folder: Path) -> JobEntry:
    """A job as the index keeps it. Raises Unreadable."""
    seen, spec = look(folder), read_spec(folder)
    asked = spec.resources
    return JobEntry(spec.id, seen.state, seen.held, spec.priority, asked.cores, asked.walltime_s, made_at(folder))


def made_at(folder: Path) -> float:
    """When a job was made (s), by the file server's clock. Raises Unreadable."""
    try:
        return (folder / "job.yaml").stat().st_mtime
    except OSError as error:
        raise Unreadable(f"{folder}/job.yaml cannot be read: {error}") from error


def create(jobs: Path, spec: JobSpec) -> bool:
    """Make the folder of a job, whole and PENDING. False where it exists already."""
    return durably(creating(jobs, spec))


def creating(jobs: Path, spec: JobSpec) -> Steps[bool]:
    """`create`, in steps."""
    folder = jobs / spec.id
    if folder.exists():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.tmp")
    if draft.exists():
        shutil.rmtree(draft)
    own = {
        "job.yaml": render_spec(spec),
        "history.log": _line("-> PENDING  created"),
        JobState.PENDING.value: "waits to be submitted\n",
    }
    yield from making_folder(draft, {**spec.files, **own})
    draft.rename(folder)
    yield from syncing(folder.parent)
    return True


def render_spec(spec: JobSpec) -> str:
    """job.yaml as people read it."""
    return _dump(
        {
            "kind": spec.kind,
            "priority": spec.priority,
            "resources": {"cores": spec.resources.cores, "walltime_s": spec.resources.walltime_s},
            "parents": list(spec.parents),
            "parameters": spec.parameters,
        }
    )


def _dump(record: dict[str, Any]) -> str:
    return str(yaml.dump(record, Dumper=DUMPER, sort_keys=False, allow_unicode=True))


def move(folder: Path, before: JobState, after: JobState, why: str, record: str = "") -> None:
    """Rename the state file, durably, and tell the history. Raises ValueError for a transition that is not in the table."""
    durably(moving(folder, before, after, why, record))


def moving(folder: Path, before: JobState, after: JobState, why: str, record: str = "") -> Steps[None]:
    """`move`, in steps: its text is durable before the state file gets its new name.

    Raises Moved where the job is no longer in the state `before`: a person, or another daemon that took over, was faster.
    """
    if after not in TRANSITIONS[before]:
        raise ValueError(f"{folder}: {before} -> {after} is no transition")
    root = str(folder)
    names = set(
        os.listdir(root)
    )  # before the rename: what another daemon makes of the job later is not ours to clear up
    text = yield from drafting(f"{root}/{after}", f"{why}\n{record}".encode())
    try:
        os.rename(f"{root}/{before}", f"{root}/{after}")
    except FileNotFoundError:
        os.unlink(text)
        raise Moved(f"{folder} is no longer {before}") from None
    os.rename(text, f"{root}/{after}")
    for other in (STATES.keys() & names) - {before.value, after.value}:
        os.unlink(f"{root}/{other}")  # left by a hand edit: in a copy of the project its time might be the newer one
    yield from syncing(root)
    note(folder, f"{before} -> {after}  {why}")


def starting(folder: str, before: JobState, why: str) -> Steps[None]:
    """To RUNNING, in steps: one rename. What the state file says (as what it was sent) stays true, and nothing is listed.

    Hundreds start in one tick, and a rename over a file that is there makes some file systems write it out at once.
    Raises Moved where the job is no longer in the state `before`.
    """
    try:
        os.rename(f"{folder}/{before}", f"{folder}/{JobState.RUNNING}")
    except FileNotFoundError:
        raise Moved(f"{folder} is no longer {before}") from None
    yield from syncing(folder)
    note(folder, f"{before} -> {JobState.RUNNING}  {why}")


def note(folder: Path | str, sentence: str) -> None:
    """Append a line to history.log."""
    append(f"{folder}/history.log", _line(" ".join(sentence.split("\n"))))


def _line(sentence: str) -> str:
    return f"{_utc(int(time.time()))}  {sentence}\n"


@lru_cache(maxsize=1)
def _utc(second: int) -> str:
    """A time as all records have it; kept, as hundreds of lines are written in one second."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def attempt_folder(folder: Path, number: int) -> Path:
    """``attempt-N`` of a job folder."""
    return folder / f"attempt-{number}"


def read_record(path: Path) -> dict[str, Any]:
    """A small YAML record (attempt.yaml, verdict.yaml, submit.yaml); empty where there is none, or it is torn or no file."""
    try:
        raw = yaml.load(path.read_text(), LOADER)  # noqa: S506  a safe one
    except (UnicodeDecodeError, yaml.YAMLError):
        return {}
    except OSError as error:
        if not is_odd(error):
            raise
        return {}
    return dict(raw) if isinstance(raw, dict) else {}


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write such a record, durably."""
    write_text(path, _dump(record))


def walk(jobs: Path) -> list[Path]:
    """All job folders below `jobs` (generation, kind, name), sorted; drafts are left out."""
    found: list[Path] = []
    for generation in _folders(jobs):
        for kind in _folders(generation):
            found.extend(_folders(kind))
    return found


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return sorted(
                Path(e.path) for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:
        return []


def last_note(folder: Path) -> str:
    """The last line of history.log without its time; empty where there is none."""
    try:
        lines = (folder / "history.log").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1].split("  ", 1)[-1] if lines else ""
