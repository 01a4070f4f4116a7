"""Job folders: reading one, making one, moving its state. Only the holder of the project's lock may write."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from mlipbatch.core.job import JobEntry, JobSpec, Resources
from mlipbatch.core.state import TRANSITIONS, JobState
from mlipbatch.store.durable import sync_folder, write_text

HOLD = "HOLD"
STATES = frozenset(JobState)


class Unreadable(Exception):
    """A job folder that cannot be understood; it is set aside with this reason, and nothing else stops."""


@dataclass(frozen=True)
class Look:
    """What one listing of a job folder tells."""

    state: JobState
    held: bool
    attempts: int


def look(folder: Path) -> Look:
    """State (the state file's name), HOLD, and the number of the last attempt. One listing, no file is opened.

    Raises Unreadable where there is no state file. Of two (a hand edit by copying), the newer counts.
    """
    states: list[os.DirEntry[str]] = []
    held, attempts = False, 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in STATES:
                states.append(entry)
            elif entry.name == HOLD:
                held = True
            elif entry.name.startswith("attempt-") and entry.name[8:].isdigit():
                attempts = max(attempts, int(entry.name[8:]))
    if not states:
        raise Unreadable(f"{folder} has no state file; make an empty file PENDING there to have it run")
    newest = max(states, key=lambda entry: entry.stat().st_mtime_ns)
    return Look(JobState(newest.name), held, attempts)


def read_spec(folder: Path) -> JobSpec:
    """job.yaml of a job folder. Raises Unreadable."""
    try:
        raw = yaml.safe_load((folder / "job.yaml").read_text())
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
    asked, since = spec.resources, (folder / "job.yaml").stat().st_mtime
    return JobEntry(spec.id, seen.state, seen.held, spec.priority, asked.cores, asked.walltime_s, since)


def create(jobs: Path, spec: JobSpec) -> bool:
    """Make the folder of a job, whole and PENDING. False where it exists already."""
    folder = jobs / spec.id
    if folder.exists():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.tmp")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir()
    for name, text in spec.files.items():
        write_text(draft / name, text)
    write_text(draft / "job.yaml", render_spec(spec))
    write_text(draft / "history.log", _line("-> PENDING  created"))
    write_text(draft / JobState.PENDING, "waits to be submitted\n")
    draft.rename(folder)
    sync_folder(folder.parent)
    return True


def render_spec(spec: JobSpec) -> str:
    """job.yaml as people read it."""
    return yaml.safe_dump(
        {
            "kind": spec.kind,
            "priority": spec.priority,
            "resources": {"cores": spec.resources.cores, "walltime_s": spec.resources.walltime_s},
            "parents": list(spec.parents),
            "parameters": spec.parameters,
        },
        sort_keys=False,
        allow_unicode=True,
    )


def move(folder: Path, before: JobState, after: JobState, why: str, record: str = "") -> None:
    """Rename the state file, durably, and tell the history. Raises ValueError for a transition that is not in the table."""
    if after not in TRANSITIONS[before]:
        raise ValueError(f"{folder}: {before} -> {after} is no transition")
    write_text(folder / before, f"{why}\n{record}")
    (folder / before).rename(folder / after)
    for other in STATES - {after}:  # left by a hand edit: in a copy of the project its time might be the newer one
        (folder / other).unlink(missing_ok=True)
    sync_folder(folder)
    note(folder, f"{before} -> {after}  {why}")


def note(folder: Path, sentence: str) -> None:
    """Append a line to history.log."""
    with (folder / "history.log").open("a") as handle:
        handle.write(_line(" ".join(sentence.split("\n"))))


def _line(sentence: str) -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  {sentence}\n"


def attempt_folder(folder: Path, number: int) -> Path:
    """``attempt-N`` of a job folder."""
    return folder / f"attempt-{number}"


def read_record(path: Path) -> dict[str, Any]:
    """A small YAML record (attempt.yaml, verdict.yaml, submit.yaml); empty where there is none or it is torn."""
    try:
        raw = yaml.safe_load(path.read_text())
    except (FileNotFoundError, yaml.YAMLError):
        return {}
    return dict(raw) if isinstance(raw, dict) else {}


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write such a record, durably."""
    write_text(path, yaml.safe_dump(record, sort_keys=False, allow_unicode=True))


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
