"""Packed jobs: ``jobs/gen000/scf.archive``, a list of jobs, beside ``jobs/gen000/scf.HASH.tar.gz``, their folders.

The list is text: a line of JSON on the whole, then a line a job, sorted: name, state, attempts, where its folder lies in the
tar file (first byte, length), the SHA-256 of that stretch, and the last line of its history. Each stretch is a gzip member of its
own, so one job is read without the others, and `tar xzf` unpacks all. Where a job has a folder, the folder is what counts.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import mmap
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from mlipbatch.core.state import JobState
from mlipbatch.store import jobfolder, listing
from mlipbatch.store.durable import sync_folder, sync_tree

SUFFIX, FORMAT = ".archive", 1


class Damaged(ValueError):
    """An archive that does not hold what its list says."""


@dataclass(frozen=True)
class Packed:
    """A job in an archive."""

    name: str
    state: JobState
    attempts: int
    start: int  # bytes
    length: int  # bytes
    sha256: str
    note: str = ""  # last line of its history, without the time

    @property
    def look(self) -> jobfolder.Look:
        """What its folder would say."""
        return jobfolder.Look(self.state, held=False, attempts=self.attempts)

    def line(self) -> str:
        """As the list has it."""
        return "\t".join(str(field).replace("\t", " ").replace("\n", " ") for field in astuple(self)) + "\n"

    @classmethod
    def read(cls, line: str) -> Packed:
        """Raises Damaged."""
        try:
            name, state, attempts, start, length, sha256, note = line.rstrip("\n").split("\t")
            return cls(name, JobState(state), int(attempts), int(start), int(length), sha256, note)
        except ValueError as error:
            raise Damaged(f"no line of an archive: {line[:80]!r}") from error


def list_of(jobs: Path, group: str) -> Path:
    """Where the list of a group (``GENERATION/KIND``) is, or would be."""
    return jobs / f"{group}{SUFFIX}"


def groups(jobs: Path) -> list[str]:
    """Groups that are packed, wholly or in part."""
    found = (path for name in listing.folders(jobs) for path in (jobs / name).glob(f"*{SUFFIX}"))
    return sorted(f"{path.parent.name}/{path.name.removesuffix(SUFFIX)}" for path in found if path.name[0] != ".")


def stamp(jobs: Path, group: str) -> str:
    """Another one for another archive; empty where there is none."""
    try:
        seen = list_of(jobs, group).stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return f"{seen.st_mtime_ns}.{seen.st_size}"


def header(jobs: Path, group: str) -> dict[str, Any]:
    """The first line of a list. Raises Damaged, FileNotFoundError."""
    path = list_of(jobs, group)
    with path.open(encoding="utf-8") as lines:
        try:
            found = dict(json.loads(next(lines, "")))
        except (ValueError, TypeError) as error:
            raise Damaged(f"{path}: its first line is no JSON") from error
    if found.get("format") != FORMAT or not isinstance(found.get("tar"), str):
        raise Damaged(f"{path}: its format is {found.get('format')!r}, not {FORMAT}")
    return found


def every(jobs: Path, group: str) -> Iterator[Packed]:
    """All jobs of an archive, by name; none where there is no archive."""
    try:
        lines = list_of(jobs, group).open(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return
    with lines:
        next(lines, "")
        yield from map(Packed.read, lines)


def find(jobs: Path, job: str) -> Packed | None:
    """One packed job, by halving the list; None where it is not there."""
    group, _, name = job.rpartition("/")
    try:
        with list_of(jobs, group).open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return _halve(text, name.encode())
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: empty
        return None


def _halve(text: mmap.mmap, name: bytes) -> Packed | None:
    low, high = text.find(b"\n") + 1, len(text)  # always at the beginning of a line
    while low < high:
        start = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = text.find(b"\n", start) + 1 or len(text)
        here = text[start:end].split(b"\t", 1)[0]
        if here == name:
            return Packed.read(text[start:end].decode())
        low, high = (end, high) if here < name else (low, start)
    return None


def stretch(jobs: Path, group: str, one: Packed) -> bytes:
    """A job's part of the tar file, as it was packed. Raises Damaged, FileNotFoundError."""
    path = list_of(jobs, group).with_name(header(jobs, group)["tar"])
    with path.open("rb") as handle:
        handle.seek(one.start)
        data = handle.read(one.length)
    if hashlib.sha256(data).hexdigest() != one.sha256:
        raise Damaged(f"{path}: {one.name} is not what was packed (byte {one.start} and the {one.length} after it)")
    return data


@contextmanager
def members(data: bytes) -> Iterator[tarfile.TarFile]:
    """The files of a stretch; names begin with the job's id."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data) + bytes(2 * tarfile.BLOCKSIZE))) as tar:
        tar.extraction_filter = tarfile.tar_filter  # refuses what would leave the folder
        yield tar


def extract(jobs: Path, job: str, into: Path, only: str = "") -> Path:
    """Unpack a job (or one file of it) below `into`; returns the folder. Raises KeyError, Damaged, FileNotFoundError."""
    one = find(jobs, job)
    if one is None:
        raise KeyError(job)
    with members(stretch(jobs, job.rpartition("/")[0], one)) as tar:
        try:
            wanted = [tar.getmember(f"{job}/{only}")] if only else None
        except KeyError:
            raise FileNotFoundError(f"{jobs / job / only} is not in the archive") from None
        tar.extractall(into, members=wanted)  # noqa: S202  filtered, see `members`
    return into / job


def bring_back(jobs: Path, job: str) -> bool:
    """Give a packed job its folder again, whole or not at all, and durable. False where it has one, or is not packed."""
    folder = jobs / job
    if folder.exists() or find(jobs, job) is None:
        return False
    folder.parent.mkdir(exist_ok=True)
    draft = folder.with_name(f".{folder.name}.back")
    shutil.rmtree(draft, ignore_errors=True)
    made = extract(jobs, job, draft)
    sync_tree(made)
    made.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(draft)
    return True
