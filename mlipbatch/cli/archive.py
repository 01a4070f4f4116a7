"""`mlipbatch archive`: pack what has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError


def archive(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="A project, or generations or kinds below its jobs/."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be packed, change nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Unpack again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Pack the job folders of finished generations and kinds into one tar file each; their jobs stay readable.

    Packed: two files in place of twenty and more a job. `ls`, `show`, `why`, `report` and `retry` work on.
    """
    from mlipbatch.store.lease import Locked, project_lock

    project, groups = _chosen(paths or [Path()])
    try:
        with project_lock(project):
            rows = (
                _undo(project.jobs, groups, dry_run=dry_run) if undo else _pack(project.jobs, groups, dry_run=dry_run)
            )
    except Locked as error:
        common.say(f"{error}; `mlipbatch stop` it while jobs are packed")
        raise typer.Exit(common.LOCKED) from None
    if as_json:
        common.result_json(rows)
        return
    for row in rows:
        common.result("  ".join(f"{key} {value}" for key, value in row.items() if value is not None))


def _chosen(paths: list[Path]):  # type: ignore[no-untyped-def]
    """The project, and those of its groups that lie at or below the paths."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.store import archive as packed
    from mlipbatch.store import listing

    project = project_at(next(path for path in (paths[0], *paths[0].parents) if path.exists()))
    every = sorted({*listing.groups(project.jobs), *packed.groups(project.jobs)})
    chosen: list[str] = []
    for path in paths:
        roots = {path.resolve(), (project.jobs / str(path).removeprefix("jobs/")).resolve()}
        whole = bool(roots & {project.root.resolve(), project.jobs.resolve()})
        below = [group for group in every if whole or roots & {one.resolve() for one in _up(project.jobs, group)}]
        if not below:
            raise InputError(
                f"{path} is no generation or kind of {project.root}; there are {', '.join(every) or 'none'}"
            )
        chosen += below
    return project, list(dict.fromkeys(chosen))


def _up(jobs: Path, group: str) -> tuple[Path, Path]:
    return jobs / group, (jobs / group).parent


def _pack(jobs: Path, groups: list[str], *, dry_run: bool) -> list[dict[str, object]]:
    from mlipbatch.store import listing, packing

    rows: list[dict[str, object]] = []
    for group in groups:
        try:
            if not listing.folders(jobs / group):
                packing.tidy(jobs, group)
                continue
            report = packing.plan(jobs, group) if dry_run else packing.pack(jobs, group)
        except packing.NotFinished as reason:
            common.say(f"{group} is left as it is: {reason}")
            continue
        rows.append(dict(report.__dict__))
    if not rows:
        raise InputError(f"nothing to pack in {', '.join(groups)}")
    return rows


def _undo(jobs: Path, groups: list[str], *, dry_run: bool) -> list[dict[str, object]]:
    from mlipbatch.store import archive as packed
    from mlipbatch.store import packing

    there = [group for group in groups if group in packed.groups(jobs)]
    if not there:
        raise InputError(f"nothing is packed in {', '.join(groups)}")
    if dry_run:
        return [{"group": group, "jobs": sum(1 for _ in packed.every(jobs, group))} for group in there]
    return [{"group": group, "jobs": packing.unpack(jobs, group)} for group in there]
