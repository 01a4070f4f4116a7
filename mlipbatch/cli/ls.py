"""`mlipbatch ls`: the jobs of a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlipbatch.cli import common

if TYPE_CHECKING:
    from mlipbatch.store.project import Project


def ls(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A project, or a folder below its jobs/.")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only jobs in this state.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only jobs of this kind (scf, train ...).")] = None,
    disk: Annotated[bool, typer.Option("--disk", help="With the bytes that each job takes on the disk.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List jobs with their state, attempts and last word."""
    from mlipbatch.config.errors import InputError
    from mlipbatch.core.state import JobState

    if state is not None and state.upper() not in set(JobState):
        raise InputError(f"--state {state!r} is none of {', '.join(JobState)}")
    project, jobs = _chosen(path)
    wanted = state and state.upper()
    rows = [row for row in _rows(project.jobs, jobs) if wanted in (None, row["state"]) and kind in (None, row["kind"])]
    if disk:
        rows = [{**row, "bytes": _bytes(project.jobs / str(row["id"]))} for row in rows]
    if as_json:
        common.result_json(rows)
        return
    for row in rows:
        taken = row.get("bytes")
        size = f"{common.size(taken):>9s}  " if isinstance(taken, int) else ""
        common.result(f"{size}{row['state']:9s} {row['attempts']:2d}  {row['id']:60s}  {row['says']}".rstrip())


def _chosen(path: Path | None) -> tuple[Project, list[str] | None]:
    """The project, and the jobs at or below the path; None: all, and there need not be any."""
    from mlipbatch.cli.paths import jobs_below, project_at

    if path is None or path.is_dir():
        project = project_at(path)
        if path is None or path.resolve() in (project.root.resolve(), project.jobs.resolve()):
            return project, None
    return jobs_below([path])


def _rows(jobs: Path, chosen: list[str] | None) -> list[dict[str, object]]:
    from mlipbatch.store import catalogue, jobfolder

    rows: list[dict[str, object]] = []
    for job in catalogue.ids(jobs) if chosen is None else chosen:
        row: dict[str, object] = {"id": job, "kind": job.split("/")[1]}
        try:
            seen = catalogue.look(jobs, job)
        except jobfolder.Unreadable as error:
            rows.append({**row, "state": "?", "attempts": 0, "says": str(error)})
            continue
        says = ("held  " if seen.held else "") + catalogue.last_note(jobs, job)
        rows.append({**row, "state": seen.state.value, "attempts": seen.attempts, "says": says})
    return rows


def _bytes(folder: Path) -> int:
    """Of a job's folder; 0 for one that is packed."""
    from mlipbatch.stages.disk import used

    return used(folder)
