"""Everything that lies beside an output and says how the run ended. What is not there is unknown, and unknown is no evidence."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from mlipbatch.dft.quantum_espresso.asked import Asked, read_input
from mlipbatch.dft.quantum_espresso.output import START


class Readable(Protocol):
    """A file that gives bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


def _gzip(raw: IO[bytes]) -> Readable:
    return gzip.GzipFile(fileobj=raw)


MOST = 16 * 2**20  # characters; of a longer run the beginning and the end are kept
HEAD = 2 * 2**20
CHUNK = 4 * 2**20  # bytes read at a time
PACKED: dict[bytes, Callable[[IO[bytes]], Readable]] = {  # by the first bytes of the file
    b"\x1f\x8b": _gzip,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)  # what a packed file that was cut raises
UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}  # PowerShell's redirection writes it
INPUT_SUFFIXES = (".pwi", ".in")


@dataclass(frozen=True)
class Evidence:
    """One run, as its files and its shell tell it."""

    output: str | None  # the last run in the output file; None where there is no such file
    errors: str = ""  # standard error
    crash: str = ""  # the CRASH file
    asked: Asked | None = None  # the input
    exit_code: int | None = None
    scheduler: str | None = None  # out_of_walltime, out_of_memory, node_failure, preempted
    unreadable: str | None = None  # why the output could not be read

    @property
    def signal(self) -> int | None:
        """The signal that ended the run, as the shell (128 + n) or Python (-n) says it."""
        code = self.exit_code
        if code is None or -64 <= code < 0:
            return -code if code else None
        return code - 128 if 128 < code <= 128 + 64 else None


def gather(output: Path, exit_code: int | None = None, scheduler: str | None = None) -> Evidence:
    """The evidence on `output`: beside it STEM.pwi or STEM.in, STEM.err, and STEM.CRASH or CRASH.

    The output may be packed (gzip, bzip2, xz) and in UTF-16.
    """
    unreadable = None
    text: str | None = None
    try:
        text = read_text(output)
    except FileNotFoundError:
        pass
    except OSError as error:
        unreadable = error.strerror or str(error)
    output = output.with_suffix("") if output.suffix in PACKED_SUFFIXES else output
    inputs = (_beside(output.with_suffix(suffix)) for suffix in INPUT_SUFFIXES if output.suffix != suffix)
    asked = next((found for found in map(read_input, inputs) if found is not None), None)
    crash = _beside(output.with_suffix(".CRASH")) or _beside(output.with_name("CRASH"))
    errors = _beside(output.with_suffix(".err")) if output.suffix != ".err" else ""
    return Evidence(text, errors, crash, asked, exit_code, scheduler, unreadable)


def read_text(path: Path) -> str:
    """A file as text, whatever its bytes are; of many runs of pw.x the last, of a huge one the beginning and the end.

    Raises OSError.
    """
    with path.open("rb") as raw:
        text = ""
        for piece in _pieces(raw):
            text += piece
            start = text.rfind(START, max(len(text) - len(piece) - len(START), 1))
            if start > 0:
                text = text[start:]
            if len(text) > 2 * MOST:
                text = _ends(text)
    return _ends(text).replace("\r\n", "\n").replace("\r", "\n")


def _ends(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:HEAD]}\n{text[HEAD - MOST :]}"


def _pieces(raw: io.BufferedReader) -> Iterator[str]:
    """The text of a file, packed or not, piece by piece; what comes before the break of a packed file that is broken."""
    start = raw.peek(8)[:8]
    unpack = next((opener for magic, opener in PACKED.items() if start.startswith(magic)), None)
    handle: Readable = unpack(raw) if unpack else raw
    decoder: codecs.IncrementalDecoder | None = None
    while True:
        try:
            data = handle.read(CHUNK)
        except BROKEN:
            return
        if decoder is None:
            decoder = codecs.getincrementaldecoder(_encoding(data))("replace")
        yield decoder.decode(data, final=not data)
        if not data:
            return


def _encoding(data: bytes) -> str:
    """UTF-16 where there is a mark of it, or a zero in almost every second byte; else UTF-8."""
    sample = data[:400]
    for number, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(sample) >= 20 and sample[number::2].count(0) > 0.8 * len(sample) / 2 and any(sample):
            return encoding
    return UTF_16.get(data[:2], "utf-8")


def _beside(path: Path) -> str:
    try:
        return read_text(path)
    except OSError:
        return ""
