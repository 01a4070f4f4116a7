"""`mlipbatch clean`: take away scratch that was left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common


def clean(
    path: Annotated[Path | None, typer.Argument(metavar="[PROJECT]", help="Here, unless given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what and how much, change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Delete wavefunctions, densities and scratch of DFT jobs that have ended. Inputs, outputs, labels and verdicts stay."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.config import load_config
    from mlipbatch.engine import leftovers

    def shown(place: Path) -> str:
        return str(place.relative_to(project.root) if place.is_relative_to(project.root) else place)

    project = project_at(path)
    config = load_config(project.config)
    found = leftovers.look(project, config)
    removed = found.leftovers if dry_run else leftovers.take_away(project, config, found.leftovers)
    freed = sum(one.bytes for one in removed)
    if as_json:
        rows = [
            {
                "job": one.job,
                "attempt": one.attempt,
                "path": shown(one.path),
                "bytes": one.bytes,
            }
            for one in removed
        ]
        common.result_json(
            {
                "bytes": found.bytes,
                "removed_bytes": freed,
                "removed": rows,
                "refused": found.refused,
                "dry_run": dry_run,
            }
        )
        return
    for one in removed:
        common.result(f"{common.size(one.bytes):>9s}  {shown(one.path)}")
    for attempt, why in found.refused.items():
        common.say(f"jobs/{attempt} is left: {why}")
    verb = "would be removed" if dry_run else "removed"
    common.say(f"{common.size(freed)} of {common.size(found.bytes)} in job folders {verb}")
