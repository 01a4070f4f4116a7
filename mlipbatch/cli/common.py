"""What every command shares: where output goes, and how an interrupted or a wrong call ends."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

OK, FAILED, WRONG_INPUT, LOCKED, INTERRUPTED = 0, 1, 2, 75, 130


def say(message: str) -> None:
    """Progress and messages: stderr, at once. Nothing stops for a terminal that is gone, or a file on a full disk."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)


def result(text: str) -> None:
    """Results: stdout."""
    print(text, flush=True)


def result_json(value: Any) -> None:
    """A result as JSON, on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False), flush=True)


def colour() -> bool:
    """Colour only on a terminal, and only where NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def size(number: int) -> str:
    """Bytes as people read them: 12.3 MB (10^6)."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number} B"
