"""`mlipbatch ls`: the jobs of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common


def ls(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A project, or a folder below its jobs/.")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only jobs in this state.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only jobs of this kind (scf, train ...).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List jobs with their state, attempts and last word."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.config.errors import InputError
    from mlipbatch.core.state import JobState

    if state is not None and state.upper() not in set(JobState):
        raise InputError(f"--state {state!r} is none of {', '.join(JobState)}")
    project = project_at(path)
    root = (path or project.jobs).resolve()
    wanted = state and state.upper()
    rows = [row for row in _rows(project.jobs, root) if wanted in (None, row["state"]) and kind in (None, row["kind"])]
    if as_json:
        common.result_json(rows)
        return
    for row in rows:
        common.result(f"{row['state']:9s} {row['attempts']:2d}  {row['id']:60s}  {row['says']}".rstrip())


def _rows(jobs: Path, root: Path) -> list[dict[str, object]]:
    from mlipbatch.store import jobfolder

    rows: list[dict[str, object]] = []
    for folder in jobfolder.walk(jobs):
        if root not in (jobs.resolve(), jobs.parent.resolve()) and not folder.resolve().is_relative_to(root):
            continue
        try:
            seen = jobfolder.look(folder)
        except jobfolder.Unreadable as error:
            rows.append(
                {
                    "id": "/".join(folder.parts[-3:]),
                    "kind": folder.parts[-2],
                    "state": "?",
                    "attempts": 0,
                    "says": str(error),
                }
            )
            continue
        says = jobfolder.last_note(folder)
        held = "held  " if seen.held else ""
        rows.append({"id": "/".join(folder.parts[-3:]), "kind": folder.parts[-2], "state": seen.state.value,
                     "attempts": seen.attempts, "says": held + says})  # fmt: skip
    return rows
