"""Recorded commands of real schedulers: what was typed, exit code, stdout, stderr."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "data" / "transcripts"


@dataclass(frozen=True)
class Said:
    command: str
    code: int
    stdout: str
    stderr: str


def transcript(name: str) -> list[Said]:
    """All commands of a file, such as ``slurm/squeue.txt``."""
    text = (FOLDER / name).read_text()
    found = re.findall(
        r"^\$ ([^\n]*)\n# rc (\d+)\n# stdout\n(.*?)# stderr\n(.*?)(?=^\$ |\Z)", text, re.MULTILINE | re.DOTALL
    )
    return [Said(command, int(code), stdout, stderr) for command, code, stdout, stderr in found]
