"""Exact farthest point sampling against fpsample and scikit-matter, and against the floor of one pass over memory a pick.

python benchmarks/selection.py --points 100000 --dim 200 --picks 500 --json selection.json
python benchmarks/selection.py --descriptors DESCRIPTORS.npy --picks 500

Times are the best of --repeats runs in this process, after one small run that loads the libraries; `peak_rss_mb` is read before
peers are loaded and includes the points themselves (and what making them took).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbatch.selection import farthest_points

Points = NDArray[Any]


def main() -> None:
    options = arguments()
    points = np.load(options.descriptors) if options.descriptors else SETS[options.kind](options.points, options.dim)
    picks = options.picks
    farthest_points(points[:500], min(len(points), 10))
    mlipbatch_s, chosen = timed(lambda: farthest_points(points, picks), options.repeats)
    report: dict[str, Any] = {
        "points": len(points), "dim": points.shape[1], "picks": picks, "dtype": str(points.dtype),
        "threads": os.environ.get("OMP_NUM_THREADS", f"unset, {os.cpu_count()} cores"), "repeats": options.repeats,
        "mlipbatch_s": mlipbatch_s,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "one_pass_floor_s": picks * one_pass(points.size),
        "identical_picks": chosen == plain(points, picks) if options.check else None,
    }  # fmt: skip
    for name, peer in PEERS.items() if options.peers else ():
        report[f"{name}_s"], theirs = timed(peer(points, picks), options.repeats)
        report[f"{name}_same_picks"] = int(sum(a == b for a, b in zip(chosen, theirs, strict=True)))
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=200)
    parser.add_argument("--picks", type=int, default=500)
    parser.add_argument(
        "--kind", choices=SETS, default="gauss", help="of the points made where --descriptors is not given"
    )
    parser.add_argument("--descriptors", type=Path, help=".npy of shape (n, d), instead of points made here")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave fpsample and scikit-matter out")
    parser.add_argument(
        "--no-check", dest="check", action="store_false", help="do not compare with plain sampling (slow)"
    )
    parser.add_argument("--json", type=Path, help="write the report there, too")
    return parser.parse_args()


def gauss(n: int, dim: int) -> Points:
    """The hardest: every point is far from every other."""
    return np.random.default_rng(0).standard_normal((n, dim))


def structured(n: int, dim: int) -> Points:
    """As descriptors are: 300 clusters of 12 intrinsic dimensions and of very different widths."""
    rng = np.random.default_rng(0)
    centres, axes = rng.standard_normal((300, dim)), rng.standard_normal((12, dim))
    widths = 0.3 * rng.lognormal(-1, 1, (n, 1))
    return centres[rng.integers(0, 300, n)] + rng.standard_normal((n, 12)) @ axes * widths


SETS = {"gauss": gauss, "structured": structured}


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, list[int]]:
    best, found = float("inf"), []
    for _ in range(repeats):
        begun = time.perf_counter()
        found = [int(index) for index in work()]
        best = min(best, time.perf_counter() - begun)
    return best, found


def one_pass(numbers: int) -> float:
    """Seconds to read so many single-precision numbers once: what one pick costs at least where every point is looked at."""
    block = np.ones(numbers, dtype=np.float32)
    return timed(lambda: [block @ block], 5)[0]


def plain(points: Points, k: int) -> list[int]:
    """The definition: float64, from index 0, ties to the lowest index."""
    table = np.ascontiguousarray(points, dtype=np.float64)
    nearest, picks = np.full(len(table), np.inf), [0]
    while len(picks) < k:
        for low in range(0, len(table), 4096):
            part = slice(low, low + 4096)
            distances = ((table[part] - table[picks[-1]]) ** 2).sum(axis=1)
            nearest[part] = np.minimum(nearest[part], distances)
        nearest[picks[-1]] = -np.inf
        picks.append(int(np.argmax(nearest)))
    return picks


def fpsample_peer(points: Points, k: int) -> Callable[[], Any]:
    import fpsample

    fpsample.fps_sampling(points[:500], 5, start_idx=0)
    return lambda: fpsample.fps_sampling(points, k, start_idx=0)


def skmatter_peer(points: Points, k: int) -> Callable[[], Any]:
    from skmatter.sample_selection import FPS

    FPS(initialize=0, n_to_select=5).fit(points[:500])
    return lambda: FPS(initialize=0, n_to_select=k).fit(points).selected_idx_


PEERS = {"fpsample": fpsample_peer, "skmatter": skmatter_peer}

if __name__ == "__main__":
    main()
