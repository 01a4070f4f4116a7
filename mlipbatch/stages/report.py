"""The report of a project: reports/report.json, every number; reports/report.html, the same to look at, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlipbatch.stages.report_data import collect
from mlipbatch.stages.report_errors import Loader
from mlipbatch.stages.report_numbers import find
from mlipbatch.stages.report_page import render
from mlipbatch.store.durable import write_text
from mlipbatch.store.project import Project


@dataclass(frozen=True)
class Written:
    """What was written, and where."""

    numbers: dict[str, Any]
    json: Path
    html: Path


def write_report(project: Project, load: Loader | None = None) -> Written:
    """Write both files. What is not there yet is null in the one, and said in the other.

    `load` makes an ASE calculator of a potential's folder (default: `mlipbatch.training.calculator.calculator`); where it raises
    InputError, everything that needs a potential is missing, with that reason.
    """
    data = collect(project)
    findings = find(data, load or _calculator)
    folder = project.root / "reports"
    folder.mkdir(exist_ok=True)
    written = Written(findings.numbers, folder / "report.json", folder / "report.html")
    page = render(data, findings)
    write_text(written.html, page)
    write_text(written.json, json.dumps(findings.numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return written


def _calculator(folder: Path) -> Any:
    from mlipbatch.training.calculator import calculator

    return calculator(folder)
