"""Recorded answers of schedulers: `$ COMMAND`, `# rc N`, `# stdout`, `# stderr`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mlipbatch.schedulers.command import Completed

FOLDER = Path(__file__).parent.parent / "data" / "transcripts"
ANSWER = re.compile(r"^\$ (.*)\n# rc (\d+)\n# stdout\n((?:.*\n)*?)# stderr\n((?:(?!\$ ).*\n?)*)", re.MULTILINE)


def recorded(name: str) -> list[tuple[str, Completed]]:
    """The commands of a file, each with what it answered."""
    text = (FOLDER / name).read_text()
    return [(line, Completed(int(rc), out, err)) for line, rc, out, err in ANSWER.findall(text)]


def answer(name: str, command: str) -> Completed:
    """What that command answered."""
    return dict(recorded(name))[command]


@dataclass(frozen=True)
class Said:
    command: str
    code: int
    stdout: str
    stderr: str


def transcript(name: str) -> list[Said]:
    """All commands of a file, such as ``slurm/squeue.txt``."""
    return [Said(line, done.code, done.stdout, done.stderr) for line, done in recorded(name)]
