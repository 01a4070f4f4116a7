"""Recorded answers of schedulers: `$ COMMAND`, `# rc N`, `# stdout`, `# stderr`."""

from __future__ import annotations

import re
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
