"""The engine on very many job folders: restart, rebuild, ticks, `status` and memory, beside `find` on the same folders, and
beside what signac-flow and myqueue need to list as many jobs of their own (up to PEERS_UP_TO, where they are installed).

python benchmarks/engine.py --jobs 10000,100000,1000000 --json engine.json

A real project (see engine_tree.py) in a temporary folder, the real loop, and a scheduler that answers at once and has no room.
Every start is a process of its own. Times are the best of --repeats, those of ticks the median. A change is a job that says that
it has started: a marker in the inbox and a file in its attempt become a transition from SUBMITTED to RUNNING. `idle_tick_mean_s`
includes the rounds through all folders that look for edits by hand; `*_of_find` are what restart and rebuild are judged by, and
`floor_100_changes_s` is what the system calls of 100 changes take in a bare loop. As `find` does, ticks find what they read in
memory: the history of a job in the queue is what its daemon wrote last. `tick_100_changes_cold_s` is without fsync, too, but the
histories have to come from the disk before a line is added to them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import engine_peers as peers
import engine_tree as tree

from mlipbatch.config import load_config
from mlipbatch.config.site import LOCAL
from mlipbatch.core.state import QueueState
from mlipbatch.engine import snapshot
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers.base import NotSubmitted, QueueEntry, Room, Snapshot
from mlipbatch.store.cache import PLACE, cache_file
from mlipbatch.store.durable import unsynced
from mlipbatch.store.project import Project

CHANGES, IDLE_TICKS = 100, 200
OWN, DURABLE, COLD, BARE = 5, 2, 1, 2  # rounds of changes; each job changes once
PEERS_UP_TO = 100_000  # jobs: signac wants half an hour to make a million


class Instant:
    """A scheduler whose queue holds the same jobs for ever, and takes no more."""

    name, template, accounting, site = "instant", "local.sh.j2", False, LOCAL

    def __init__(self) -> None:
        jobs = {str(n): QueueEntry(str(n), QueueState.QUEUED, None, tree.token(n)) for n in range(tree.QUEUED)}
        self.answer = Snapshot(jobs, {entry.token: key for key, entry in jobs.items()})

    def submit(self, *_: object) -> str:
        """Never: there is no room."""
        raise NotSubmitted("full")

    def snapshot(self, _known: object) -> Snapshot:
        """At once."""
        return self.answer

    def find(self, _token: str) -> list[QueueEntry]:
        """Nothing is lost here."""
        return []

    def cancel(self, scheduler_id: str, token: str = "") -> None:
        """Nothing is cancelled here."""

    def room(self, _snapshot: Snapshot) -> Room:
        """None."""
        return Room(jobs=0, cores=0)


def serve(project: Project) -> Campaign:
    """As a daemon does; the queue is asked in every tick."""
    return Campaign(project, Instant(), 1, patience=Patience(interval_s=0.0))


def main() -> None:
    options = arguments()
    if options.inside:
        print(json.dumps(INSIDE[options.inside](Project(options.project))))
        return
    report = {}
    for jobs in options.jobs:
        with scratch(options.folder, keep=options.keep) as root:
            report[str(jobs)] = measure(root, jobs, options)
            say(f"{jobs}: {json.dumps(report[str(jobs)])}")
            if options.json:  # a million folders are removed in minutes: what was measured is safe before
                options.json.write_text(json.dumps(report, indent=2) + "\n")
            say(f"{jobs}: {'they stay' if options.keep else 'removing them'}")
    print(json.dumps(report, indent=2))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=lambda text: [int(n) for n in text.split(",")], default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the projects are made, and removed afterwards; a local disk")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave signac-flow and myqueue out")
    parser.add_argument("--keep", action="store_true", help="do not remove them: their file system is thrown away")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    parser.add_argument("--inside", choices=INSIDE, help=argparse.SUPPRESS)
    parser.add_argument("--project", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def measure(root: Path, jobs: int, options: argparse.Namespace) -> dict[str, float]:
    if jobs <= tree.QUEUED + tree.PENDING:
        raise SystemExit(f"--jobs {jobs}: more than {tree.QUEUED + tree.PENDING}, which are in the queue or wait")
    say(f"{jobs}: making the folders below {root}")
    project = tree.make(root, jobs)
    time.sleep(2.5)  # times younger than two seconds are not trusted by the index
    found = {"find_s": best(lambda: find(project), options.repeats + 1)}
    rebuilds = [inside("start", project, fresh=True) for _ in range(options.repeats)]
    starts = [inside("start", project) for _ in range(options.repeats)]
    found["cold_start_s"] = min(start["s"] for start in starts)
    found["rebuild_s"] = min(start["s"] for start in rebuilds)
    ticks = inside("ticks", project)
    found |= {key: value for key, value in ticks.items() if key.endswith("_s")}
    found["status_s"] = best(lambda: status(project), options.repeats)
    found["daemon_rss_mb"] = ticks["rss_mb"]
    found["rebuild_peak_rss_mb"] = max(start["rss_mb"] for start in rebuilds)
    found["cold_start_of_find"] = found["cold_start_s"] / found["find_s"]
    found["rebuild_of_find"] = found["rebuild_s"] / found["find_s"]
    found["tick_100_changes_of_floor"] = found["tick_100_changes_s"] / found["floor_100_changes_s"]
    found |= {"inodes_a_job": tree_inodes(project), "find_here_only_s": best(lambda: find(project, 4), 2)}
    if options.peers and jobs <= PEERS_UP_TO:
        say(f"{jobs}: as many of the peers' own")
        listings = peers.listings(root, jobs)
        found |= {f"{name}_list_s": best(listing, options.repeats) for name, listing in listings.items()}
    return found


@contextmanager
def scratch(parent: Path | None, *, keep: bool) -> Iterator[Path]:
    """A folder that is gone afterwards, with the caches of what is in it."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="mlipbatch-engine-", dir=parent))
    os.environ[PLACE] = str(root / "cache")
    try:
        yield root
    finally:
        if not keep:
            shutil.rmtree(root)


def find(project: Project, depth: int = 99) -> None:
    """The whole project; a depth of 4 spares find the attempts' folders, which it cannot know."""
    argv = ["find", str(project.root), "-maxdepth", str(depth), "-name", "PENDING"]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def status(project: Project) -> None:
    argv = [sys.executable, "-m", "mlipbatch", "status", str(project.root)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def best(work: Callable[[], None], repeats: int) -> float:
    return min(seconds(work) for _ in range(repeats))


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def tree_inodes(project: Project) -> float:
    """Of a finished job."""
    folder = project.jobs / tree.GROUP / tree.name(tree.QUEUED + tree.PENDING)
    paths = [folder, *folder.rglob("*")]
    return sum(1 if path.is_dir() else 1 / path.stat().st_nlink for path in paths)


def inside(what: str, project: Project, *, fresh: bool = False) -> dict[str, float]:
    """Measure in a process of its own; `fresh`: without the cache."""
    place = cache_file(project)
    if fresh and place is not None:
        place.unlink(missing_ok=True)
    argv = [sys.executable, __file__, "--inside", what, "--project", str(project.root)]
    return dict(json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout))


def start(project: Project) -> dict[str, float]:
    """A daemon's start, after its libraries are loaded: everything verified, or read."""
    load_config(project.config)
    begun = time.perf_counter()
    campaign = serve(project)
    took = time.perf_counter() - begun
    campaign.index.close()
    return {"s": took, "rss_mb": peak_mb()}


def ticks(project: Project) -> dict[str, float]:
    """A daemon's life after a restart: what ticks cost, and the memory at the end of it."""
    campaign = serve(project)
    first = seconds(campaign.tick)
    campaign.tick()
    idle = [seconds(campaign.tick) for _ in range(IDLE_TICKS)]
    numbers = iter(range((OWN + DURABLE + COLD + BARE) * CHANGES))
    warm(project)
    own = [changed(campaign, numbers, unsynced()) for _ in range(OWN)]
    durable = [changed(campaign, numbers, nullcontext()) for _ in range(DURABLE)]
    cold = [changed(campaign, numbers, unsynced(), dropped=True) for _ in range(COLD)]
    snapshot.write(project, snapshot.picture(campaign, 0.0))
    if campaign.paused:
        raise SystemExit(campaign.paused)
    campaign.index.close()
    bare = [floor(project, numbers) for _ in range(BARE)]
    return {
        "first_tick_s": first,
        "idle_tick_s": statistics.median(idle),
        "idle_tick_mean_s": statistics.fmean(idle),
        "tick_100_changes_s": statistics.median(own),
        "tick_100_changes_durable_s": statistics.median(durable),
        "tick_100_changes_cold_s": statistics.median(cold),
        "floor_100_changes_s": statistics.median(bare),
        "rss_mb": peak_mb(),
    }


def warm(project: Project) -> None:
    """Have the histories of the jobs in the queue in memory."""
    for number in range(tree.QUEUED):
        (project.jobs / tree.GROUP / tree.name(number) / "history.log").read_bytes()


def changed(campaign: Campaign, numbers: Iterator[int], how: Any, *, dropped: bool = False) -> float:
    chosen = begin(campaign.project, numbers)
    if dropped:
        drop(campaign.project, chosen)
    with how:
        took = seconds(campaign.tick)
    campaign.tick()
    return took


def begin(project: Project, numbers: Iterator[int]) -> list[int]:
    """The next jobs say that they have started."""
    chosen = [next(numbers) for _ in range(CHANGES)]
    for number in chosen:
        (project.jobs / tree.GROUP / tree.name(number) / "attempt-1" / "started").write_text("here\n")
        (project.inbox / f"{tree.token(number)}.started").touch()
    return chosen


def drop(project: Project, chosen: list[int]) -> None:
    """Have their histories on the disk only."""
    for number in chosen:
        handle = os.open(project.jobs / tree.GROUP / tree.name(number) / "history.log", os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def floor(project: Project, numbers: Iterator[int]) -> float:
    """The system calls alone that as many starts cannot do without, in a bare loop on the same folders."""
    chosen = begin(project, numbers)
    inbox, group = str(project.inbox), f"{project.jobs}/{tree.GROUP}"
    begun = time.perf_counter()
    os.listdir(inbox)  # noqa: PTH208  pathlib costs more than the calls
    for number in chosen:
        job = f"{group}/{tree.name(number)}"
        os.access(f"{job}/attempt-1/started", os.F_OK)
        os.rename(f"{job}/SUBMITTED", f"{job}/RUNNING")  # noqa: PTH104
        history = os.open(f"{job}/history.log", os.O_WRONLY | os.O_APPEND)
        os.write(history, b"2026-01-05T08:00:00Z  SUBMITTED -> RUNNING  started as 1\n")
        os.close(history)
        os.unlink(f"{inbox}/{tree.token(number)}.started")  # noqa: PTH108
    return time.perf_counter() - begun


def peak_mb() -> float:
    """Of this program: `getrusage` of a new process begins with the memory of the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


INSIDE = {"start": start, "ticks": ticks}

if __name__ == "__main__":
    main()
