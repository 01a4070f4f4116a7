"""`mlipbatch plan`: what will be done, why, and what it costs. Nothing is written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlipbatch.cli import common

if TYPE_CHECKING:
    from rich.table import Table

    from mlipbatch.config.cost import Cost
    from mlipbatch.config.scf_cost import Model
    from mlipbatch.engine.simulate.estimate import Estimate

WIDE = 160  # columns where there is no terminal to ask


def plan(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="input.yaml, or a project's config.yaml.")],
    queue_wait: Annotated[
        float, typer.Option("--queue-wait", min=0.0, help="Minutes that a job waits in the queue of your cluster.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show every derived value with its reason, the number of DFT calculations, and what they cost. Writes nothing."""
    from mlipbatch.config import load_expanded, need_pseudopotentials
    from mlipbatch.config.cost import estimate
    from mlipbatch.config.errors import InputError
    from mlipbatch.engine.place import site_called
    from mlipbatch.engine.simulate.estimate import campaign
    from mlipbatch.stages import dft_trial

    config, reasons = load_expanded(source, labels=False, check=dft_trial.check)
    try:
        need_pseudopotentials(config)
    except InputError as error:
        common.say(f"{source}: `submit` will refuse this: {error.message}")
    values, cost = _values(config.model_dump(mode="json"), reasons), estimate(config, _model(source))
    time = campaign(config, cost, site_called(config.resources.site), queue_wait * 60)
    if as_json:
        common.result_json(_as_json(values, cost, time))
    else:
        _show(values, cost, time)


def _model(source: Path) -> Model | None:
    """What the finished jobs say of the project whose config.yaml (or input.yaml) this is; None where it is no project's."""
    from mlipbatch.stages.timings import learned
    from mlipbatch.store.project import Project

    project = Project(source.resolve().parent)
    return learned(project).model if (project.private / "id").is_file() else None


def _values(data: dict[str, Any], reasons: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Value, unit and reason by dotted path, in the order of config.yaml."""
    from mlipbatch.config.partial import leaves, unit

    found = {}
    for path, info in leaves().items():
        value: Any = data
        for part in path.split("."):
            value = value[part]
        found[path] = {"value": value, "unit": unit(info), "reason": reasons[path]}
    return found


def _as_json(values: dict[str, dict[str, Any]], cost: Cost, time: Estimate) -> dict[str, Any]:
    return {
        "dft_calculations": cost.dft_calculations,
        "core_hours": round(cost.core_hours, 3),
        "days": round(time.days, 4),
        "learned_from": cost.learned_from,
        "assumptions": list(time.assumptions),
        "labels": [
            {"what": group.what, "number": group.number, "atoms": group.atoms, "kpoints": group.kpoints,
             "core_seconds": round(group.core_seconds, 1)}
            for group in cost.labels
        ],
        "values": values,
    }  # fmt: skip


def _show(values: dict[str, dict[str, Any]], cost: Cost, time: Estimate) -> None:
    from rich.console import Console

    colour = common.colour()
    width = None if sys.stdout.isatty() else WIDE
    console = Console(file=sys.stdout, no_color=not colour, width=width, highlight=False)
    console.print(_value_table(values))
    console.print(_label_table(cost))
    console.print(
        f"{cost.dft_calculations} DFT calculations; about {_amount(cost.core_hours)} core hours and {_duration(time.days)} "
        f"in all ({_trust(cost)})",
        markup=False,
    )
    console.print(f"taken for granted: {'; '.join(time.assumptions)}", markup=False)


def _trust(cost: Cost) -> str:
    if cost.learned_from:
        return f"after {cost.learned_from} finished DFT calculations of this project"
    return "rough: a factor of two or three either way"


def _value_table(values: dict[str, dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from mlipbatch.config.render import flow

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, options in (("value", {}), ("", {"max_width": 40}), ("unit", {}), ("reason", {})):
        table.add_column(heading, overflow="fold", **options)  # type: ignore[arg-type]
    section = ""
    for path, entry in values.items():
        around = path.split(".")[0] if "." in path else ""
        if around != section:
            table.add_row()
            section = around
        table.add_row(Text(path), Text(flow(entry["value"])), Text(entry["unit"]), Text(entry["reason"]))
    table.add_row()
    return table


def _label_table(cost: Cost) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("DFT calculations")
    for heading in ("number", "atoms", "k-points", "each, core time", "together, core hours"):
        table.add_column(heading, justify="right")
    for group in cost.labels:
        hours = group.number * group.core_seconds / 3600
        each = _duration(group.core_seconds / 86400)
        table.add_row(group.what, str(group.number), str(group.atoms), str(group.kpoints), each, _amount(hours))
    table.add_row("all else", "", "", "", "", _amount(cost.other_core_hours))
    return table


def _amount(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def _duration(days: float) -> str:
    """2.3 days, 5.1 h, 12 min or 30 s, whichever reads best."""
    for unit, size in (("days", 1.0), ("h", 24.0), ("min", 1440.0)):
        if days * size >= 2:
            return f"{_amount(days * size)} {unit}"
    return f"{_amount(days * 86400)} s"
