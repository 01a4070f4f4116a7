"""`mlipbatch submit`: make the project of an input file and queue its work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common

IntoOption = Annotated[Path | None, typer.Option("--into", help="Folder of the project; ./PROJECT_NAME unless given.")]


def submit(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="input.yaml: the material and the goal.")],
    into: IntoOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
) -> None:
    """Make the project folder of INPUT and queue its work for the daemon."""
    from mlipbatch.engine.submit import make_project, read_input

    prepared = read_input(source, into)
    if dry_run:
        common.say(f"would make {prepared.folder}; `mlipbatch plan {source}` shows every value")
        return
    project, new = make_project(prepared)
    common.say(
        f"{'made' if new else 'already there:'} {project.root}; `mlipbatch daemon` moves it, `mlipbatch status` looks at it"
    )
    common.result(str(project.root))
