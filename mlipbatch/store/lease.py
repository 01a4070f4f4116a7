"""One writer a project: a lease with a generation number, and the fence that keeps a daemon out which no longer has it.

``.mlipbatch/lease.000007`` is the lease of generation 7; the highest number counts. It is taken by link(), which is atomic on
NFS too, and never taken away: who takes over makes the next one. So a daemon that was stopped, and goes on an hour later, sees
that there is a newer one and stops without writing. ``.mlipbatch/beat`` holds a counter that moves while the holder lives.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mlipbatch.store import owner as owners
from mlipbatch.store.durable import sync_folder, write_text
from mlipbatch.store.owner import Owner
from mlipbatch.store.project import Project

STILL_S = 300.0  # a counter that stood still so long, by the taker's own clock: its holder is gone
BEAT_S = 10.0  # the counter is moved at least so often while the holder works
PREFIX = "lease."
Clock = Callable[[], float]


class Locked(Exception):
    """Another daemon or command holds the project's lease; the message says which."""

    def __init__(self, message: str, *, undecided: bool = False) -> None:
        super().__init__(message)
        self.undecided = undecided  # its counter was not seen to move yet: it may be dead, look again


class Fenced(BaseException):
    """Somebody took the lease over while this process stood still: it must stop, and write nothing more.

    As with a KeyboardInterrupt, nobody on the way may take it for a fault of a job.
    """


@dataclass(frozen=True)
class Record:
    """What a lease file says."""

    generation: int
    owner: Owner | None  # None: given back, or it cannot be read
    folder: int  # inode of `.mlipbatch`: a copy brings the original's lease along, which means nothing there
    path: str = ""  # where it was then: some network file systems number their files anew on every host
    released: bool = False


class Watch:
    """How long the counter of one project's lease has stood still, by our own monotonic clock."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.moved = False  # it moved while we looked: somebody lives
        self._last: tuple[int, str] | None = None
        self._since = 0.0

    def still_s(self, private: Path, generation: int) -> float:
        """Look at the counter; seconds since we first saw it as it is."""
        seen = (generation, _beat_of(private))
        if seen != self._last:
            self.moved = self._last is not None and self._last[0] == generation
            self._last, self._since = seen, self.clock()
        return self.clock() - self._since


class Lease:
    """A project's lease, held."""

    def __init__(self, private: Path, generation: int, clock: Clock = time.monotonic) -> None:
        self.private, self.generation, self.clock = private, generation, clock
        self._count = 0
        self._beaten = -BEAT_S

    def check(self) -> None:
        """Call before anything is written, sent or cancelled. Raises Fenced where somebody else has the project now."""
        own, next_one = (_path(self.private, self.generation + more) for more in (0, 1))
        if next_one.exists() or not own.exists():
            raise Fenced(f"{self.private.parent} was taken over while this process stood still; it stops")
        if self.clock() - self._beaten >= BEAT_S:
            self.beat()

    def beat(self) -> None:
        """Move the counter. Not synced: only that it moves matters; on a full disk the file's time moves."""
        self._count += 1
        self._beaten = self.clock()
        place = self.private / "beat"
        draft = self.private / f".beat.{self.generation}"
        try:
            draft.write_text(f"{self.generation} {self._count}\n")
            draft.replace(place)
        except OSError:
            with suppress(OSError):
                os.utime(place)

    def release(self) -> None:
        """Give it back, unless it is lost already; the number stays, so that the next one is higher."""
        with suppress(Fenced, OSError):
            self.check()
            record = {"released": True, **_place(self.private)}
            write_text(_path(self.private, self.generation), json.dumps(record) + "\n")


class Unfenced(Lease):
    """For who needs no lease: nobody else knows of the project."""

    def __init__(self) -> None:
        super().__init__(Path(), 0)

    def check(self) -> None:
        """Always ours."""


@contextmanager
def project_lock(project: Project, watch: Watch | None = None, clock: Clock = time.monotonic) -> Iterator[Lease]:
    """Hold a project's lease. Raises Locked where another process has it."""
    lease = acquire(project, watch or Watch(clock), clock)
    try:
        yield lease
    finally:
        lease.release()


def acquire(project: Project, watch: Watch, clock: Clock = time.monotonic) -> Lease:
    """Take a project's lease. Raises Locked; `watch` remembers between calls how long its holder has been silent."""
    private = project.private
    while True:
        last = latest(private)
        if last is not None:
            _refuse_if_held(project, last, watch)
        generation = (last.generation if last else 0) + 1
        if _take(private, generation):
            _clear(private, generation)
            lease = Lease(private, generation, clock)
            lease.beat()
            return lease


def latest(private: Path) -> Record | None:
    """The lease with the highest number; None where there never was one."""
    numbers = _numbers(private)
    return _read(private, numbers[-1]) if numbers else None


def owner(project: Project) -> str:
    """Who holds the lease, in words."""
    last = latest(project.private)
    return last.owner.words if last and last.owner else "another process"


def is_locked(project: Project) -> bool:
    """Does anybody hold the lease, as far as can be told at one look?"""
    last = latest(project.private)
    if last is None or _void(project.private, last):
        return False
    return last.owner is None or not owners.here(last.owner) or owners.running(last.owner)


def silent_s(project: Project) -> float | None:
    """Seconds since the holder's counter moved last, by the file server's clock alone; nothing is decided by it.

    None where nobody holds the lease, or a file for comparison cannot be made (another's project, full disk).
    """
    if not is_locked(project):
        return None
    try:
        with tempfile.TemporaryFile(dir=project.private) as fresh:
            now = os.fstat(fresh.fileno()).st_mtime
        return max(0.0, now - (project.private / "beat").stat().st_mtime)
    except OSError:
        return None


def elsewhere(project: Project) -> str:
    """The holder in words, where it is on another host, or unknown: whether it lives cannot be seen from here."""
    last = latest(project.private)
    return "" if last and last.owner and owners.here(last.owner) else owner(project)


def _refuse_if_held(project: Project, last: Record, watch: Watch) -> None:
    still = watch.still_s(project.private, last.generation)
    if _void(project.private, last) or still >= STILL_S:
        return
    holder = last.owner
    if holder is not None and owners.here(holder):
        if not owners.running(holder):
            return
        words = f"{project.root} is served by {holder.words}"
        if owners.stopped(holder):
            raise Locked(f"{words}, which was suspended", undecided=True)
        raise Locked(words)
    words = f"{project.root} is served by {holder.words if holder else 'another process'}"
    raise Locked(words, undecided=not watch.moved)


def _void(private: Path, record: Record) -> bool:
    """Given back, or copied here together with the project."""
    if record.released or not record.folder:
        return record.released
    return record.folder != _inode(private) and record.path != str(private.resolve())


def _take(private: Path, generation: int) -> bool:
    """Make the lease of this generation ours; False where somebody was first."""
    draft = private / f".{PREFIX}{uuid.uuid4().hex[:8]}"
    write_text(draft, json.dumps({**asdict(owners.myself()), **_place(private)}) + "\n")
    place = _path(private, generation)
    try:
        with suppress(FileExistsError):
            os.link(draft, place)
        taken = place.exists() and place.samefile(draft)  # the link may have been made and its answer be lost
    finally:
        draft.unlink(missing_ok=True)
    if taken and _numbers(private)[-1] != generation:  # we were slow: others came and went, and cleared up
        place.unlink(missing_ok=True)
        return False
    if taken:
        sync_folder(private)
    return taken


def _clear(private: Path, generation: int) -> None:
    """Remove older leases, the oldest first: who holds one of them sees at any moment that it is not the newest."""
    for number in _numbers(private):
        if number < generation:
            _path(private, number).unlink(missing_ok=True)


def _numbers(private: Path) -> list[int]:
    names = (entry.name.removeprefix(PREFIX) for entry in os.scandir(private) if entry.name.startswith(PREFIX))
    return sorted(int(name) for name in names if name.isdigit())


def _path(private: Path, generation: int) -> Path:
    return private / f"{PREFIX}{generation:06d}"


def _read(private: Path, generation: int) -> Record:
    try:
        raw = json.loads(_path(private, generation).read_text())
        if raw.get("released"):
            return Record(generation, None, int(raw["folder"]), str(raw["path"]), released=True)
        holder = Owner(str(raw["host"]), str(raw["boot"]), int(raw["pid"]), str(raw["start"]))
        return Record(generation, holder, int(raw["folder"]), str(raw["path"]))
    except (OSError, ValueError, KeyError, AttributeError):
        return Record(generation, None, 0)


def _beat_of(private: Path) -> str:
    try:
        return f"{(private / 'beat').stat().st_mtime_ns} {(private / 'beat').read_text()}"
    except OSError:
        return ""


def _place(private: Path) -> dict[str, int | str]:
    return {"folder": _inode(private), "path": str(private.resolve())}


def _inode(folder: Path) -> int:
    return folder.stat().st_ino
