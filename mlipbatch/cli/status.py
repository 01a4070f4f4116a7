"""`mlipbatch status`: what the daemon last saw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError


def status(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PROJECT]", help="Here, or your list of projects, unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show how far the campaign is."""
    seen = [_read(project) for project in _projects(path)]
    if as_json:
        common.result_json(seen[0] if len(seen) == 1 else seen)
        return
    for one in seen:
        common.result(_text(one))


def _projects(path: Path | None) -> list[Any]:
    from mlipbatch.store.project import Project, find_project
    from mlipbatch.store.registry import known_projects

    try:
        return [find_project(path or Path())]
    except InputError:
        known = [Project(root) for root in known_projects()]
        if path is not None or not known:
            raise
        return known


def _read(project: Any) -> dict[str, Any]:
    from mlipbatch.store.control import read_pause
    from mlipbatch.store.lease import elsewhere, is_locked, silent_s

    try:
        seen = dict(json.loads(project.status.read_text()))
    except (OSError, ValueError):
        from mlipbatch.engine.index import Index
        from mlipbatch.engine.snapshot import counted, doing

        index = Index(project.jobs)
        index.load()
        seen = {
            **counted(project, index),
            "doing": doing(index),
            "updated": None,
            "paused": "",
            "finished": False,
            "seconds_left": None,
        }
    pause = read_pause(project)  # a daemon that does not live cannot tell of it
    served = is_locked(project)
    return {
        **seen,
        "paused": seen["paused"] or (pause.sentence if pause else ""),
        "served": served,
        "served_by": elsewhere(project) if served else "",  # empty: a process of this machine, which lives
        "heartbeat_age_s": silent_s(project),
    }


def _text(seen: dict[str, Any]) -> str:
    served = "a daemon serves it" if seen["served"] else "no daemon serves it"
    if seen["served_by"]:
        served = f"served by {seen['served_by']}, last heartbeat {_ago(seen['heartbeat_age_s'])}"
    if not seen["served"] and not seen["finished"]:
        served += ": start one with `mlipbatch daemon`"
    lines = [f"{seen['project']}  {seen['path']}", f"  {seen['doing']}"]
    if seen["paused"]:
        lines.append(f"  paused: {seen['paused']}")
    if seen.get("scheduler_silent"):
        lines.append(f"  {seen['scheduler_silent']}; nothing changes until it does")
    lines += [f"  {job} can never run, says the scheduler: {why}" for job, why in seen.get("stuck", {}).items()]
    lines.append(f"  {served}" + (f"; last look {seen['updated']}" if seen["updated"] else ""))
    if seen["seconds_left"]:
        lines.append(f"  about {max(1, round(seen['seconds_left'] / 60))} min left")
    for name, states in seen["stages"].items():
        lines.append(f"    {name:24s} " + "  ".join(f"{count} {state}" for state, count in states.items()))
    lines += [f"  {job} is set aside: {reason}" for job, reason in seen["aside"].items()]
    if seen["failed"]:
        lines.append(
            f"  failed: {', '.join(seen['failed'][:5])}{' ...' if len(seen['failed']) > 5 else ''}; ask `mlipbatch why`"
        )
    return "\n".join(lines)


def _ago(age_s: float | None) -> str:
    if age_s is None:
        return "unknown"
    return f"{age_s:.0f} s ago" if age_s < 120 else f"{age_s / 60:.0f} min ago"
