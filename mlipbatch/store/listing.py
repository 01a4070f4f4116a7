"""Looking at very many job folders: names and times, never the inside of a file."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from mlipbatch.core.job import SAFE
from mlipbatch.store import jobfolder

A = TypeVar("A")
B = TypeVar("B")

RACY_NS = 2_000_000_000  # a folder changed so shortly before it was read may have been changed again within the same time stamp
UNSETTLED, GONE, PACKED = 0, -1, -2  # times that no folder has
SLOW_S, THREADS, SAMPLE = (
    2e-4,
    16,
    64,
)  # a look that takes longer than this travelled over a network: then many at a time
VERY_MANY, PROCESSES, CHUNK = 100_000, 4, 2000  # to start a process costs as much as to look at 10,000 folders


def folders(parent: Path) -> list[str]:
    """Names of the folders in `parent`, sorted; hidden ones (drafts) are left out; none where it does not exist."""
    try:
        with os.scandir(parent) as entries:
            shown = (entry for entry in entries if not entry.name.startswith(".") and _is_text(entry.name))
            return sorted(entry.name for entry in shown if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def groups(jobs: Path) -> list[str]:
    """``GENERATION/KIND`` of every folder of jobs."""
    return [f"{generation}/{kind}" for generation in folders(jobs) for kind in folders(jobs / generation)]


def names(group: Path) -> list[str]:
    """Names in a folder of jobs, unsorted; hidden ones, and those that are no text, are left out. Not all need be folders."""
    return shown(os.listdir(group))


def shown(every: Iterable[str]) -> list[str]:
    """Those of the names in a folder of jobs that `names` gives."""
    return [name for name in every if not name.startswith(".") and _is_text(name)]


def _is_text(name: str) -> bool:
    """Python keeps the bytes of a name that is not UTF-8 as lone surrogates, which no table takes."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)


def settled(mtime_ns: int) -> int:
    """A time that may be compared later, or UNSETTLED."""
    return mtime_ns if mtime_ns < time.time_ns() - RACY_NS else UNSETTLED


def mtime(path: Path) -> int:
    """When names in a folder last changed (ns), or GONE."""
    try:
        return os.stat(path).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return GONE


def mtimes(group: Path, wanted: Iterable[str]) -> Iterator[int]:
    """`mtime` of these folders in `group`, one system call each."""
    handle = os.open(group, os.O_RDONLY | os.O_DIRECTORY)

    def one(name: str) -> int:
        try:
            return os.stat(name, dir_fd=handle, follow_symlinks=False).st_mtime_ns
        except FileNotFoundError:
            return GONE

    try:
        yield from each(one, wanted)
    finally:
        os.close(handle)


def read(folder: str) -> tuple[int, jobfolder.Look | str] | None:
    """Time and state of one job folder, in this order: who changes it meanwhile is seen the next time.

    In place of the state the reason why it has none; None where this is no folder, or a hidden one.
    """
    try:
        seen = os.lstat(folder)
        if not stat.S_ISDIR(seen.st_mode):
            return None
        when = settled(seen.st_mtime_ns)
        if not SAFE.match(folder.rpartition("/")[2]):
            return when, f"{folder}: its name is not of letters, digits and . _ = + -"
        return when, jobfolder.understand(folder, os.listdir(folder))
    except jobfolder.Unreadable as reason:
        return when, str(reason)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        return UNSETTLED, str(error)


def each(look: Callable[[A], B], items: Iterable[A], number: int = 0) -> Iterator[B]:
    """`look` at every item, in order: one after the other on a disk of this machine, many at a time over a network.

    `number` of items, where it is known and `look` is a function of a module: very many are shared among processes.
    """
    rest = iter(items)
    first = list(islice(rest, SAMPLE))
    begun = time.perf_counter()
    seen = [look(item) for item in first]
    if first and time.perf_counter() - begun > SLOW_S * len(first):
        return chain(seen, _in_threads(look, rest))
    return chain(seen, _in_processes(look, rest) if number >= VERY_MANY else map(look, rest))


def _in_threads(look: Callable[[A], B], items: Iterator[A]) -> Iterator[B]:
    with ThreadPoolExecutor(THREADS) as threads:
        while chunk := list(islice(items, 100 * THREADS)):
            yield from threads.map(look, chunk)


def _in_processes(look: Callable[[A], B], items: Iterator[A]) -> Iterator[B]:
    """On a disk of this machine half of a look is Python. Where no process can be started, in this one."""
    chunk: list[A] = []
    try:
        with ProcessPoolExecutor(min(PROCESSES, os.cpu_count() or 1), get_context("spawn")) as processes:
            while chunk := list(islice(items, VERY_MANY)):
                yield from list(processes.map(look, chunk, chunksize=CHUNK))
    except (OSError, BrokenExecutor):
        yield from map(look, chain(chunk, items))
