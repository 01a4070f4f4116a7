"""`mlipbatch evaluate`: how far a potential is from labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mlipbatch.cli import common

COLUMNS = ("structures", "energy_rmse_mev_per_atom", "energy_mae_mev_per_atom", "force_rmse_mev_per_a", "force_mae_mev_per_a",
  "stress_rmse_gpa", "stress_mae_gpa")  # fmt: skip
HEADER = ("config_type", "structures", "E RMSE", "E MAE", "F RMSE", "F MAE", "S RMSE", "S MAE")


def evaluate(
    potential: Annotated[Path, typer.Argument(help="Folder of a potential, as `mlipbatch fit` makes it.")],
    data: Annotated[Path, typer.Argument(help="Labels (extended XYZ with REF_energy, REF_forces, REF_stress).")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Also write the JSON to this file.")] = None,
) -> None:
    """Errors of POTENTIAL on DATA, by quantity and config_type: energy in meV/atom, force in meV/A, stress in GPa.

    Atoms with force_mask 0 are left out, and the energy and stress of structures that have any.
    """
    from mlipbatch.cli.structure_files import check_output, read_structures
    from mlipbatch.store.durable import write_text
    from mlipbatch.training import evaluate_potential

    if output is not None:
        check_output(output, data)
    errors = evaluate_potential(potential, read_structures(data), file=str(data), progress=common.say)
    if output is not None:
        write_text(output, json.dumps(errors, indent=2) + "\n")
    if as_json:
        common.result_json(errors)
    else:
        common.result(_table(errors))


def _table(errors: dict[str, Any]) -> str:
    rows = [HEADER, *(_row(name, group) for name, group in errors["by_config_type"].items()), _row("all", errors)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return "\n".join("  ".join(_aligned(row, widths)) for row in rows)


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return [row[0].ljust(widths[0]), *numbers]


def _row(name: str, group: dict[str, Any]) -> tuple[str, ...]:
    return (name, *(_cell(group[column]) for column in COLUMNS))


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3g}" if value < 1 else f"{value:.1f}"
