"""The sweep: a daemon killed, or denied, at each syscall that writes; what is left is judged, and a second daemon finishes it.

    .venv/bin/python -m tests.reliability.sweep kill --points 500
    .venv/bin/python -m tests.reliability.sweep deny --points 200 --scene batches

Exit code 1 where anything was lost, torn or doubled. `figures` says how it uses several cores, and where figures go.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.reliability import checks, figures, scene, scene_batches, straced
from tests.reliability.scene import Scene
from tests.reliability.straced import Point

KILLED = -9
ERRORS = ("ENOSPC", "EDQUOT", "EIO", "ESTALE")
MEMORY = Path("/dev/shm")
BUILD = {"alone": scene.build, "batches": scene_batches.build}  # how its jobs go to the queue


@dataclass(frozen=True)
class Outcome:
    """What came of one point."""

    point: str
    hit: str  # the call that was the last one, or that failed
    wrong: list[str] = field(default_factory=list)
    said: str = ""  # the reason the daemon gave for pausing


def kill(template: Scene, folder: Path, point: Point) -> Outcome:
    """SIGKILL in this call; nothing may be lost, torn or doubled, and the next daemon finishes the work."""
    scene = template.copy(folder)
    labels = checks.labels_of(scene)
    code = straced.serve(scene, f"{point.syscall}:signal=SIGKILL:when={point.when}", until=scene.ended)
    hit = straced.last_call(scene) if code == KILLED else ""
    wrong = [] if code in {0, KILLED} else [f"the daemon ended with exit code {code}"]
    wrong += [*checks.at_any_moment(scene, labels)]
    return Outcome(str(point), hit, wrong + _finish(scene, {**labels, **checks.labels_of(scene)}))


def _finish(scene: Scene, labels: dict[str, bytes]) -> list[str]:
    try:
        code = straced.serve(scene, until=scene.ended)
    except TimeoutError:
        return [f"the next daemon did not finish: {scene.states()}"]
    return [*checks.at_the_end(scene, labels), *([f"the next daemon ended with exit code {code}"] if code else [])]


def deny(template: Scene, folder: Path, point: Point, error: str) -> Outcome:
    """This call fails once; the daemon lives, says so, and goes on by itself.

    In its first thread: the others are new in every pass, and the n-th call of each of them would fail for ever.
    """
    scene = template.copy(folder)
    labels = checks.labels_of(scene)
    try:
        code = straced.serve(
            scene, f"{point.syscall}:error={error}:when={point.when}", until=scene.ended, threads=False
        )
    except TimeoutError:
        return Outcome(f"{point} {error}", "", [f"the daemon did not go on by itself: {scene.states()}"])
    hit = next((straced.bare(line) for line in _log(scene) if "(INJECTED)" in line), "")
    if (
        code == 1 and not scene.project.status.exists()
    ):  # at its start, before it served: it says why, and is started again
        return Outcome(f"{point} {error}", hit, _finish(scene, labels), "at its start")
    wrong = checks.at_the_end(scene, labels) + ([f"the daemon ended with exit code {code}"] if code else [])
    paused = [line for line in scene.project.log.read_text().splitlines() if "paused" in line]
    return Outcome(f"{point} {error}", hit, wrong, paused[-1] if paused else "")


def _log(scene: Scene) -> list[str]:
    return (scene.root / "strace.log").read_text(errors="replace").splitlines()


def sample(found: Sequence[Point], number: int, seed: int) -> list[Point]:
    """So many of them, spread evenly over the daemon's life; each with its chance."""
    dice = random.Random(seed)
    step = len(found) / number
    return [found[min(len(found) - 1, int((position + dice.random()) * step))] for position in range(number)]


def sweep(
    what: str, name: str, template: Scene, found: Sequence[Point], number: int, seed: int, folder: Path
) -> list[Outcome]:
    """All points, or so many of them, each in a folder of its own; `name` is the scene's. The figures are recorded."""
    began, chosen = time.monotonic(), sample(found, min(number, len(found)), seed)
    tasks = [(what, template, folder / f"{what}-{name}-{n:04d}", point, n) for n, point in enumerate(chosen)]
    outcomes = figures.each(f"{what}, {name}", try_point, tasks)
    figures.record(f"{what}, {name}", began, **numbers(outcomes), seed=seed, calls=len(found))
    return outcomes


def try_point(what: str, template: Scene, place: Path, point: Point, number: int) -> Outcome:
    """One of them; its folder stays where something went wrong."""
    place.mkdir()
    error = ERRORS[number % len(ERRORS)]
    try:
        outcome = (
            kill(template, place / "scene", point) if what == "kill" else deny(template, place / "scene", point, error)
        )
    except Exception:  # noqa: BLE001  whatever it is, it is what went wrong at this point, and is told
        outcome = Outcome(str(point), "", [traceback.format_exc()])
    if not outcome.wrong:
        shutil.rmtree(place)
    return outcome


def numbers(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What a sweep found, as numbers."""
    hit = [outcome for outcome in outcomes if outcome.hit]
    return {
        "points": len(outcomes),
        "hit": len(hit),
        **figures.by_kind([sentence for outcome in outcomes for sentence in outcome.wrong]),
        "hit_by_syscall": dict(Counter(outcome.hit.split("(")[0] for outcome in hit)),
        "ended_at_start": sum(outcome.said == "at its start" for outcome in outcomes),
        "said_paused": sum("paused" in outcome.said for outcome in outcomes),
        "wrong": [{"point": o.point, "hit": o.hit, "wrong": o.wrong} for o in outcomes if o.wrong],
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("what", choices=("kill", "deny"))
    words.add_argument("--scene", choices=sorted(BUILD), default="alone")
    words.add_argument("--points", type=int, default=500)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mlipbatch-sweep-", dir=MEMORY if MEMORY.is_dir() else None))
    template = BUILD[given.scene](folder / "template")
    found = straced.points(template.copy(folder / "counted"), threads=given.what == "kill")
    result = numbers(sweep(given.what, given.scene, template, found, given.points, given.seed, folder))
    print(json.dumps(result, indent=1))
    if result["wrong"]:
        print(f"folders of what went wrong are in {folder}", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
