"""`mlipbatch run`: submit and daemon in the foreground, with live progress, until the potential is there."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.cli.daemon import CoresOption, IntervalOption, SiteOption
from mlipbatch.cli.submit import IntoOption

LINE_EVERY_S = 15.0  # where stderr is no terminal


def run(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="input.yaml: the material and the goal.")],
    into: IntoOption = None,
    cores: CoresOption = None,
    interval: IntervalOption = None,
    site: SiteOption = "",
) -> None:
    """Submit INPUT and serve it here until its potential is there. Stopped or killed, the same command goes on."""
    from mlipbatch.engine.daemon import Daemon
    from mlipbatch.engine.place import Places
    from mlipbatch.engine.submit import make_project, read_input
    from mlipbatch.store.lease import Locked

    project, new = make_project(read_input(source, into))
    places = Places(cores, interval, site)
    words = places(project).words
    common.say(
        f"{'made' if new else 'going on with'} {project.root} on {words}; stop it when you like, it goes on from there"
    )
    progress = Progress()
    try:
        Daemon(places).serve(lambda: [project], until_finished=True, watch=progress)
    except Locked as error:
        common.say(str(error))
        raise typer.Exit(common.LOCKED) from None
    finally:
        progress.close()
    if not progress.good:
        raise typer.Exit(common.FAILED)
    common.result(str(project.active_potential.resolve()))


class Progress:
    """One line that rewrites itself on a terminal; elsewhere a line whenever a stage ends, and every 15 s."""

    def __init__(self) -> None:
        self.good = False
        self._begin = self._last = time.monotonic()
        self._stage = ""
        self._forecast: tuple[object, float] = (None, 0.0)  # when it was made, and when all would be over
        self._open = False

    def __call__(self, seen: dict[str, object]) -> None:
        """The project's status came."""
        if not seen:
            return
        self.good = bool(seen["good"])
        doing = str(seen["paused"] and f"paused: {seen['paused']}") if seen["paused"] else str(seen["doing"])
        line = f"{_clock(time.monotonic() - self._begin)}  {doing}{self._left(seen)}"
        stage = doing.split(":")[0]
        if stage != self._stage:
            self.close()
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            self._open = True
        elif stage != self._stage or time.monotonic() - self._last > LINE_EVERY_S:
            common.say(line)
            self._last = time.monotonic()
        self._stage = stage

    def _left(self, seen: dict[str, object]) -> str:
        """The forecast, counted down since it was made."""
        if seen["finished"] or not isinstance(seen["seconds_left"], int):
            return ""
        if seen["updated"] != self._forecast[0]:
            self._forecast = (seen["updated"], time.monotonic() + seen["seconds_left"])
        left = self._forecast[1] - time.monotonic()
        return f"  (about {max(1, round(left / 60))} min left)"

    def close(self) -> None:
        """Leave the line that rewrites itself."""
        if self._open:
            print(file=sys.stderr)
            self._open = False


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
