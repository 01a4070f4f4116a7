"""Packing the finished jobs of a group, and unpacking them. Killed anywhere nothing is lost, and the next call finishes.

The list of jobs is what makes an archive: until it has its name the folders are untouched, and from then on they are not needed.
The tar file is called by its contents, so the list that is there always names the tar file that it was made with.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mlipbatch.core.state import ENDED
from mlipbatch.store import archive, jobfolder, listing
from mlipbatch.store.archive import Damaged, Packed
from mlipbatch.store.durable import sync_folder, write_text

LEVEL = 6  # of gzip


class NotFinished(Exception):
    """Jobs that have not ended, or cannot be read, are not packed; the message names the first."""


@dataclass(frozen=True)
class Report:
    """What packing a group did, or would do. Inodes are files and folders."""

    group: str
    jobs: int
    inodes_before: int
    inodes_after: int
    bytes_before: int
    bytes_after: int | None  # None where nothing was done


def plan(jobs: Path, group: str) -> Report:
    """What would be packed. Raises NotFinished."""
    names = _ended(jobs / group)
    inodes, size = 0, 0
    for name in names:
        for path in (jobs / group / name, *(jobs / group / name).rglob("*")):
            inodes, size = inodes + 1, size + path.lstat().st_size
    return Report(group, len(names), inodes + 1, 2, size, None)


def pack(jobs: Path, group: str) -> Report:
    """Pack the folders of a group, whose jobs have all ended. Raises NotFinished; Damaged where it reads back otherwise."""
    tidy(jobs, group)
    planned = plan(jobs, group)
    names = _ended(jobs / group)
    if names:
        _write(jobs, group, names, planned)
        _put_away(jobs, group, names)
    tidy(jobs, group)
    tar = jobs / group.partition("/")[0] / archive.header(jobs, group)["tar"]
    return Report(
        **{**planned.__dict__, "bytes_after": tar.stat().st_size + archive.list_of(jobs, group).stat().st_size}
    )


def unpack(jobs: Path, group: str) -> int:
    """Give every packed job its folder again, and remove the archive. Returns how many got one."""
    tidy(jobs, group)
    made = sum(archive.bring_back(jobs, f"{group}/{one.name}") for one in list(archive.every(jobs, group)))
    archive.list_of(jobs, group).unlink(missing_ok=True)
    sync_folder(archive.list_of(jobs, group).parent)
    tidy(jobs, group)
    return made


def tidy(jobs: Path, group: str) -> None:
    """Finish what was cut off: drafts and tar files that no list names, and folders that are in the archive already."""
    parent, kind = (jobs / group).parent, (jobs / group).name
    put_away = _put_away_at(jobs, group)
    listed = archive.list_of(jobs, group).exists()
    if put_away.exists() and not listed:  # somebody took the archive away: these are all there is
        (jobs / group).mkdir(exist_ok=True)
        for name in listing.folders(put_away):
            (put_away / name).rename(jobs / group / name)
    shutil.rmtree(put_away, ignore_errors=True)
    named = archive.header(jobs, group)["tar"] if listed else ""
    kind = re.escape(kind)
    pattern = re.compile(rf"{kind}\.[0-9a-f]{{12}}\.tar\.gz|\.{kind}\.(tar\.gz|archive\.\d+)\.tmp")
    for path in [path for path in parent.iterdir() if pattern.fullmatch(path.name) and path.name != named]:
        path.unlink()
    for draft in (jobs / group).glob(".*.back") if (jobs / group).is_dir() else ():
        shutil.rmtree(draft)
    if listed and (jobs / group).is_dir() and not os.listdir(jobs / group):  # noqa: PTH208
        (jobs / group).rmdir()


def _ended(folder: Path) -> list[str]:
    """Names of the jobs in a folder, all of which have ended."""
    try:
        names = [name for name in sorted(listing.names(folder)) if (folder / name).is_dir()]
    except FileNotFoundError:
        return []
    for name in names:
        try:
            state = jobfolder.look(folder / name).state
        except jobfolder.Unreadable as reason:
            raise NotFinished(str(reason)) from None
        if state not in ENDED:
            raise NotFinished(f"{folder / name} is {state}: only what has ended is packed")
    return names


def _write(jobs: Path, group: str, names: list[str], planned: Report) -> None:
    """The tar file and its list, read back and compared, both durable: from the list's rename on the archive is what counts."""
    parent, kind = (jobs / group).parent, (jobs / group).name
    draft = parent / f".{kind}.tar.gz.tmp"
    with draft.open("wb") as handle:
        packed = list(_blocks(jobs, group, names, handle))
        handle.write(gzip.compress(bytes(2 * tarfile.BLOCKSIZE), mtime=0))  # the end of a tar file
        handle.flush()
        os.fsync(handle.fileno())
    _verify(jobs, group, draft, packed, set(names))
    stamp = hashlib.sha256("".join(one.sha256 for one in packed).encode()).hexdigest()[:12]
    tar = parent / f"{kind}.{stamp}.tar.gz"
    draft.rename(tar)
    sync_folder(parent)
    about = {"format": archive.FORMAT, "tar": tar.name, "jobs": len(packed), "inodes": planned.inodes_before}
    write_text(archive.list_of(jobs, group), json.dumps(about) + "\n" + "".join(one.line() for one in packed))


def _blocks(jobs: Path, group: str, names: list[str], out: IO[bytes]) -> Iterator[Packed]:
    """Write a stretch a job: of its folder, or, where it has none, as an archive that is there already has it."""
    old, fresh = {one.name: one for one in archive.every(jobs, group)}, set(names)
    for name in sorted({*old, *fresh}):
        start = out.tell()
        if name in fresh:
            data, seen = _stretch(jobs, f"{group}/{name}"), jobfolder.look(jobs / group / name)
            note, state, attempts = jobfolder.last_note(jobs / group / name), seen.state, seen.attempts
        else:
            data, note = archive.stretch(jobs, group, old[name]), old[name].note
            state, attempts = old[name].state, old[name].attempts
        out.write(data)
        yield Packed(name, state, attempts, start, len(data), hashlib.sha256(data).hexdigest(), note)


def _stretch(jobs: Path, job: str) -> bytes:
    """A job's folder as a gzip member; without the end of a tar file, so that the next can follow."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=LEVEL, mtime=0) as out:
        tarfile.TarFile(fileobj=out, mode="w", format=tarfile.PAX_FORMAT).add(jobs / job, arcname=job)
    return buffer.getvalue()


def _verify(jobs: Path, group: str, draft: Path, packed: list[Packed], fresh: set[str]) -> None:
    """Read the draft back from the disk, and compare every file with the one that it was made of."""
    with draft.open("rb") as handle:
        with suppress(AttributeError, OSError):  # from the disk, not from memory, where the system lets us ask for it
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for one in packed:
            data = handle.read(one.length)
            if hashlib.sha256(data).hexdigest() != one.sha256:
                raise Damaged(f"{draft}: {one.name} reads back as something else; nothing was removed")
            if one.name in fresh:
                _compare(jobs, f"{group}/{one.name}", data)


def _compare(jobs: Path, job: str, data: bytes) -> None:
    folder = jobs / job
    there = {path.relative_to(jobs).as_posix() for path in (folder, *folder.rglob("*"))}
    with archive.members(data) as tar:
        if set(tar.getnames()) != there:
            raise Damaged(f"{folder} changed while it was packed; nothing was removed")
        for member in tar:
            path = jobs / member.name
            same = member.issym() or not member.isreg() or tar.extractfile(member).read() == path.read_bytes()  # type: ignore[union-attr]
            if not same:
                raise Damaged(f"{path} changed while it was packed; nothing was removed")


def _put_away_at(jobs: Path, group: str) -> Path:
    return (jobs / group).with_name(f".{(jobs / group).name}.packed")


def _put_away(jobs: Path, group: str, names: list[str]) -> None:
    """The folders leave by a rename each, and are removed where nobody looks for jobs."""
    away = _put_away_at(jobs, group)
    away.mkdir(exist_ok=True)
    for name in names:
        (jobs / group / name).rename(away / name)
    sync_folder(jobs / group)
    shutil.rmtree(away)
