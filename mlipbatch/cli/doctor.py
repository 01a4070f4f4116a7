"""`mlipbatch doctor`: what is installed and configured, what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from mlipbatch.cli import common

if TYPE_CHECKING:
    from mlipbatch.stages.doctor import Finding

GREEN, RED, YELLOW = 32, 31, 33


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Import every package and run a small SCF too (a minute).")
    ] = False,
) -> None:
    """Show what is installed and configured, what is missing, and how to get it."""
    from mlipbatch.stages.doctor import examine, ready

    findings = examine(deep=deep)
    well = ready(findings)
    if as_json:
        common.result_json({"ready": well, "findings": [finding.as_dict() for finding in findings]})
    else:
        common.result(_table(findings, colour=common.colour()))
        common.result(_verdict(findings))
    raise typer.Exit(common.OK if well else common.FAILED)


def _verdict(findings: Sequence[Finding]) -> str:
    lacking = [finding.name for finding in findings if finding.necessary and not finding.well]
    return f"not ready: {', '.join(lacking)} (see above)" if lacking else "ready: the loop can run on this machine"


def _table(findings: Sequence[Finding], *, colour: bool) -> str:
    width = max(len(finding.name) for finding in findings)
    groups = groupby(sorted(findings, key=lambda finding: finding.group), key=lambda finding: finding.group)
    return "\n".join(line for group, rows in groups for line in _group(group, list(rows), width, colour=colour))


def _group(name: str, rows: list[Finding], width: int, *, colour: bool) -> list[str]:
    return [name, *(line for row in rows for line in _row(row, width, colour=colour)), ""]


def _row(finding: Finding, width: int, *, colour: bool) -> list[str]:
    word, code = _state(finding)
    mark = f"\033[{code}m{word:<8}\033[0m" if colour else f"{word:<8}"
    what = "  ".join(part for part in (finding.problem or finding.version, finding.where) if part)
    lines = [f"  {mark}{finding.name:<{width}}  {what or finding.purpose}"]
    below = " " * (width + 12)
    if what:
        lines.append(f"{below}{finding.purpose}")
    if finding.remedy:
        lines.append(f"{below}get it: {finding.remedy}")
    return lines


def _state(finding: Finding) -> tuple[str, int]:
    if finding.well:
        return "ok", GREEN
    if finding.necessary:
        return ("BROKEN" if finding.found else "MISSING"), RED
    return ("no" if finding.found else "-"), YELLOW
