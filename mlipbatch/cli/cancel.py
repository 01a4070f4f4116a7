"""`mlipbatch cancel`: take jobs out of the queue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cancel(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Job folders, ids, or folders of them.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Cancel jobs that wait or run; they become FAILED and say so."""
    from mlipbatch.cli.wish import wish
    from mlipbatch.core.state import JobState

    wish("cancel", paths, {JobState.PENDING, JobState.SUBMITTED, JobState.RUNNING}, dry_run=dry_run, as_json=as_json)
