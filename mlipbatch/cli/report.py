"""`mlipbatch report`: the numbers and the plots of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common


def report(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json.")] = False,
) -> None:
    """Write PROJECT/reports/report.html and report.json: errors, equation of state, gamma, what was recovered or given up.

    May be called at any time: what is not known yet is null in report.json, with the reason under `missing`.
    """
    from mlipbatch.stages.report import write_report
    from mlipbatch.store.project import find_project

    written = write_report(find_project(project))
    if as_json:
        common.result_json(written.numbers)
        return
    for key, reason in written.numbers["missing"].items():
        common.say(f"{key} is not known: {reason}")
    common.say(written.numbers["verdict"]["sentence"])
    common.result(str(written.html))
