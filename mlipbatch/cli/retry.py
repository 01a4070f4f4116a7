"""`mlipbatch retry`: put failed jobs back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def retry(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Job folders, ids, or folders of them.")],
    done_too: Annotated[bool, typer.Option("--done", help="Also jobs that are DONE.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Put FAILED jobs back to PENDING; their ladder starts afresh, their old attempts stay."""
    from mlipbatch.cli.wish import wish
    from mlipbatch.core.state import JobState

    wish(
        "retry",
        paths,
        {JobState.FAILED, JobState.DONE} if done_too else {JobState.FAILED},
        dry_run=dry_run,
        as_json=as_json,
    )
