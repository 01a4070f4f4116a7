"""Libraries of pseudopotentials come to this machine: from the web, or from a folder or an archive that was brought along."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mlipbatch.config.errors import InputError
from mlipbatch.config.pseudopotentials import folders, wrong_checksum
from mlipbatch.config.sssp import Library
from mlipbatch.config.table_file import Entry, sssp_entries
from mlipbatch.store.download import NotDownloaded, Progress, download
from mlipbatch.store.durable import sync_tree, write_bytes

MOST_BYTES = 50_000_000  # of one UPF file; SSSP's largest has 4 million
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """What an installation did, or would do."""

    library: str
    folder: Path
    table: Path
    kept: list[str] = field(default_factory=list)  # elements whose file was there and right
    installed: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)  # of these, the ones whose file was there and wrong


def install(
    library: Library, source: Path | None, elements: Sequence[str], *, dry_run: bool, tell: Tell, progress: Progress
) -> Report:
    """Put the files of `elements` (all of the library, if none are named) and its table into the user's own folder.

    They come from `source`, a folder or an archive, or else from the library's address. Every file is held to the md5 of
    the table before any is put in place; a right one that is there already is not touched. Raises InputError with all that
    is wrong; then nothing has changed.
    """
    home = folders()[0]
    table = home / f"{library.stem}.json"
    content = _table(library, source, table, tell, progress)
    entries = sssp_entries(table, json.loads(content))
    chosen = _chosen(library, entries, elements)
    folder = home / library.stem
    states = {symbol: _state(folder, entries[symbol]) for symbol in chosen}
    wanted = {symbol: entries[symbol] for symbol in chosen if states[symbol] != "right"}
    report = Report(
        library.name,
        folder,
        table,
        kept=[symbol for symbol in chosen if symbol not in wanted],
        installed=list(wanted),
        replaced=[symbol for symbol in wanted if states[symbol] == "wrong"],
    )
    if dry_run:
        return report
    home.mkdir(parents=True, exist_ok=True)
    if wanted:
        with tempfile.TemporaryDirectory(prefix=f".{library.stem}-", dir=home) as staging:
            _gather(library, source, wanted, Path(staging), tell, progress)
            folder.mkdir(exist_ok=True)
            for entry in wanted.values():
                (Path(staging) / entry.file).replace(folder / entry.file)
    sync_tree(folder)
    write_bytes(table, content)
    _archive(library).unlink(missing_ok=True)
    return report


def _table(library: Library, source: Path | None, installed: Path, tell: Tell, progress: Progress) -> bytes:
    """The JSON of the release: the one that ships, lies in (or beside) the source, was installed before, or is fetched."""
    name = f"{library.stem}.json"
    near = (
        []
        if source is None
        else [source / name, source.parent / name, *(source.rglob(name) if source.is_dir() else ())]
    )
    found = next((path for path in [library.table, *near, installed] if path is not None and path.is_file()), None)
    if found is not None:
        content: bytes = found.read_bytes()
    elif source is not None:
        raise InputError(
            f"{name} is neither in {source} nor beside it: it has the checksums and cutoffs of {library.name}"
        )
    else:
        with tempfile.TemporaryDirectory(prefix="mlipbatch-") as folder:
            content = _fetched(library, ".json", Path(folder, name), tell, progress).read_bytes()
    if library.table_md5 and _md5(content) != library.table_md5:
        raise InputError(
            f"{found or library.address('.json')} is not the table of {library.name}: its md5 is not {library.table_md5}"
        )
    return content


def _chosen(library: Library, entries: dict[str, Entry], elements: Sequence[str]) -> list[str]:
    unknown = [symbol for symbol in elements if symbol not in entries]
    if unknown:
        raise InputError(f"{library.name} has no {', '.join(unknown)}; it has {', '.join(entries)}")
    return list(dict.fromkeys(elements)) or list(entries)


def _state(folder: Path, entry: Entry) -> str:
    path = folder / entry.file
    if not path.is_file():
        return "absent"
    return "wrong" if wrong_checksum(entry, path) else "right"


def _gather(
    library: Library, source: Path | None, wanted: dict[str, Entry], staging: Path, tell: Tell, progress: Progress
) -> None:
    """All `wanted` files in `staging`, each the right one. Raises InputError that names those that are not."""
    if source is None:
        source = _downloaded(library, tell, progress)
    names = {entry.file: symbol for symbol, entry in wanted.items()}
    wrong: dict[str, str] = {}
    for name, content in _files(source, set(names)):
        entry = wanted[names[name]]
        if (staging / name).exists():
            continue
        if entry.md5 and _md5(content) != entry.md5:
            wrong[name] = "its md5 is another"
            continue
        wrong.pop(name, None)
        (staging / name).write_bytes(content)
    for name in names:
        if name not in wrong and not (staging / name).exists():
            wrong[name] = "is not there"
    if wrong:
        if source == _archive(library):
            source.unlink()
        listed = "; ".join(f"{name} ({names[name]}): {why}" for name, why in wrong.items())
        raise InputError(f"{source} is not {library.name}, nothing was installed: {listed}")


def _downloaded(library: Library, tell: Tell, progress: Progress) -> Path:
    archive = _archive(library)
    if not archive.is_file():
        archive.parent.mkdir(parents=True, exist_ok=True)
        _fetched(library, ".tar.gz", archive, tell, progress)
    if library.archive_md5:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != library.archive_md5:
            archive.unlink()
            raise InputError(
                f"{library.address('.tar.gz')}: what came has md5 {found}, not {library.archive_md5}: run this again"
            )
    return archive


def _archive(library: Library) -> Path:
    """Where a download lies until it is installed; a try that was cut off goes on there."""
    return folders()[0] / ".downloads" / f"{library.stem}.tar.gz"


def _fetched(library: Library, suffix: str, target: Path, tell: Tell, progress: Progress) -> Path:
    url = library.address(suffix)
    tell(f"fetching {url}")
    try:
        download(url, target, progress)
    except NotDownloaded as error:
        raise InputError(
            f"{error}; without network, bring {library.stem}.tar.gz"
            f"{'' if library.table else ' and .json'} in a folder: `mlipbatch pseudos install {library.name} --from FOLDER`"
        ) from error
    return target


def _files(source: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files that are called one of `names`, wherever they lie in a folder, a tar or a zip archive."""
    try:
        if source.is_dir():
            for packed in sorted(source.glob("SSSP*.tar.gz")):
                yield from _tarred(packed, names)
            for path in sorted(source.rglob("*")):
                if path.name in names and path.is_file() and path.stat().st_size <= MOST_BYTES:
                    yield path.name, path.read_bytes()
        elif zipfile.is_zipfile(source):
            yield from _zipped(source, names)
        elif source.is_file() and tarfile.is_tarfile(source):
            yield from _tarred(source, names)
        else:
            raise InputError(f"{source} is neither a folder nor an archive (.tar.gz or .zip)")
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, shutil.Error) as error:
        raise InputError(f"{source} cannot be read to its end ({type(error).__name__}: {error})") from error


def _tarred(source: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(source) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name in names and member.isfile() and member.size <= MOST_BYTES:
                file = archive.extractfile(member)
                if file is not None:
                    yield name, file.read()


def _zipped(source: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename).name
            if name in names and not member.is_dir() and member.file_size <= MOST_BYTES:
                yield name, archive.read(member)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
