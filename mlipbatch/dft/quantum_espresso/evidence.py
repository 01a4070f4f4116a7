"""Everything that lies beside an output and says how the run ended. What is not there is unknown, and unknown is no evidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlipbatch.dft.quantum_espresso.asked import Asked, read_input
from mlipbatch.dft.quantum_espresso.output import START

MOST_BYTES = 16 * 2**20  # of a larger file the beginning and the end are read
HEAD_BYTES = 2 * 2**20
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
    """The evidence on `output`: beside it STEM.pwi or STEM.in, STEM.err, and STEM.CRASH or CRASH."""
    unreadable = None
    text: str | None = None
    try:
        text = last_run(read_text(output))
    except FileNotFoundError:
        pass
    except OSError as error:
        unreadable = error.strerror or str(error)
    inputs = (_beside(output.with_suffix(suffix)) for suffix in INPUT_SUFFIXES if output.suffix != suffix)
    asked = next((found for found in map(read_input, inputs) if found is not None), None)
    crash = _beside(output.with_suffix(".CRASH")) or _beside(output.with_name("CRASH"))
    errors = _beside(output.with_suffix(".err")) if output.suffix != ".err" else ""
    return Evidence(text, errors, crash, asked, exit_code, scheduler, unreadable)


def read_text(path: Path) -> str:
    """A file as text, whatever its bytes are; of a huge one the beginning and the end. Raises OSError."""
    with path.open("rb") as handle:
        size = path.stat().st_size
        if size <= MOST_BYTES:
            data = handle.read(MOST_BYTES + 1)
        else:
            data = handle.read(HEAD_BYTES) + b"\n"
            handle.seek(size - (MOST_BYTES - HEAD_BYTES))
            data += handle.read(MOST_BYTES)
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def last_run(text: str) -> str:
    """A file that was appended to holds several runs: the last one counts."""
    return text[max(text.rfind(START), 0) :]


def _beside(path: Path) -> str:
    try:
        return read_text(path)
    except OSError:
        return ""
