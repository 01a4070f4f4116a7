"""The files of a check: check.json, every number; check.html, the same to look at, in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlipbatch.stages.dft_check.page import render
from mlipbatch.stages.dft_check.summary import Summary, as_json
from mlipbatch.store.durable import write_text

NUMBERS, PAGE = "check.json", "check.html"


def write(folder: Path, found: Summary) -> dict[str, Any]:
    """Write both into `folder`; the numbers are returned."""
    numbers = as_json(found)
    write_text(folder / PAGE, render(found, numbers))
    write_text(folder / NUMBERS, json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return numbers
