"""`mlipbatch daemon`: move everything that was submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common

CoresOption = Annotated[
    int | None, typer.Option("--cores", min=1, help="Cores of this machine to use; all unless given.")
]
SiteOption = Annotated[
    str,
    typer.Option("--site", help="Cluster to use (a name or a file), whatever input.yaml says; `local`: this machine."),
]
IntervalOption = Annotated[
    float | None,
    typer.Option("--interval", min=0.1, help="Seconds between passes when nothing moves; the site's unless given."),
]


def daemon(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Projects; your list of them unless given.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One pass, then end (for cron).")] = False,
    interval: IntervalOption = None,
    cores: CoresOption = None,
    site: SiteOption = "",
) -> None:
    """Move jobs from PENDING to DONE until stopped; run it in tmux. Any kill is a normal stop: start it again and it goes on."""
    from mlipbatch.engine.daemon import Daemon
    from mlipbatch.engine.place import Places
    from mlipbatch.store.lease import Locked
    from mlipbatch.store.project import Project, find_project
    from mlipbatch.store.registry import known_projects

    named = [find_project(path) for path in paths or []]
    places = Places(cores, interval, site)
    words = {places(project).words for project in named} or {"the site that each names, or this machine"}
    common.say(
        f"serving {', '.join(p.name for p in named) or 'your list of projects'} on {', '.join(sorted(words))}; ctrl-c stops"
    )
    service = Daemon(places)
    try:
        service.serve(lambda: named or [Project(path) for path in known_projects()], once=once, watch=Reporter())
    except Locked as error:
        common.say(str(error))
        raise typer.Exit(common.LOCKED) from None


class Reporter:
    """Says on stderr what each project is doing, when that changes."""

    def __init__(self) -> None:
        self._last: dict[object, object] = {}

    def __call__(self, seen: dict[str, object]) -> None:
        """A project's status came."""
        if seen and self._last.get(seen["path"]) != seen["doing"]:
            self._last[seen["path"]] = seen["doing"]
            common.say(f"{seen['project']}  {seen['doing']}")
