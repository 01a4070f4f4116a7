"""Many points of one fault: through a pool of processes, with their progress, and with what came of them as figures in a file.

    MLIPBATCH_FAULTS_JSON=faults.json MLIPBATCH_FAULTS_WORKERS=2 ...

The figures of docs/reliability.md are those of one run of `make faults`, which sets both. Without them a sweep runs in this
process, one point after the other.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

WORKERS = int(os.environ.get("MLIPBATCH_FAULTS_WORKERS", "1"))
FILE = os.environ.get("MLIPBATCH_FAULTS_JSON", "")
TELL_S = 30.0
KINDS = {
    "torn": (" torn", "is no record"),
    "lost": (" gone or changed", "changed"),
    "doubled": ("times", "beside", "ran after"),
}

Point = tuple[Any, ...]


def each(what: str, deed: Callable[..., Any], points: Sequence[Point]) -> list[Any]:
    """What `deed` returns for each of these arguments, in their order. It and they can be pickled; each has its folder."""
    began, results, told = time.monotonic(), [None] * len(points), time.monotonic()
    if WORKERS < 2:
        return [deed(*point) for point in points]
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        places = {pool.submit(deed, *point): place for place, point in enumerate(points)}
        for done, future in enumerate(as_completed(places), 1):
            results[places[future]] = future.result()
            if time.monotonic() - told > TELL_S or done == len(points):
                told = time.monotonic()
                left = (told - began) / done * (len(points) - done)
                print(
                    f"\n{what}: {done} of {len(points)}, about {left / 60:.0f} min left",
                    file=sys.__stderr__,
                    flush=True,
                )
    return results


def sweep(what: str, judge: Callable[..., list[str]], points: Sequence[Point]) -> list[tuple[Point, list[str]]]:
    """The points of which `judge` finds something wrong, with its sentences; all of them are counted under the fault's name."""
    began = time.monotonic()
    found = each(what, _judged, [(judge, *point) for point in points])
    wrong = [(point, sentences) for point, sentences in zip(points, found, strict=True) if sentences]
    record(
        what,
        began,
        points=len(points),
        **by_kind([sentence for _, some in wrong for sentence in some]),
        wrong=len(wrong),
    )
    return wrong


def _judged(judge: Callable[..., list[str]], *point: object) -> list[str]:
    """A point that ends with an exception is wrong by that."""
    try:
        return judge(*point)
    except Exception:  # noqa: BLE001  whatever it is, it is what went wrong at this point, and is told
        return [traceback.format_exc()]


def by_kind(sentences: Sequence[str]) -> dict[str, int]:
    """How many of what the checks say are of something torn, lost or doubled."""
    return {kind: sum(any(word in line for word in words) for line in sentences) for kind, words in KINDS.items()}


def record(what: str, began: float, **numbers: object) -> None:
    """Add a fault's figures to the file, where one was asked for; `began`: of the monotonic clock."""
    if FILE:
        path = Path(FILE)
        before = json.loads(path.read_text()) if path.exists() else {}
        now = {what: {**numbers, "seconds": round(time.monotonic() - began)}}
        path.write_text(json.dumps(before | now, indent=1) + "\n")
