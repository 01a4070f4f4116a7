"""`mlipbatch data`: the database of labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlipbatch.cli import common

if TYPE_CHECKING:
    from mlipbatch.store.database import Place
    from mlipbatch.store.project import Project

data = typer.Typer(help="The database of labels: look into it, export it, make it anew.", no_args_is_help=True)
ProjectOption = Annotated[Path, typer.Option("-p", "--project", help="Folder of the project.")]


@data.command("query")
def query(
    selection: Annotated[str, typer.Argument(help="ASE's syntax: 'config_type=sqs_strain,energy<0'.")] = "",
    project: ProjectOption = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List labels: energy (eV) and largest force (eV/A) of those chosen; with --json all that is known of them."""
    from mlipbatch.stages.contents import facts

    found = [facts(row) for row in _rows(_open(project)[1], selection)]
    if as_json:
        common.result_json(found)
        return
    for row in found:
        line = f"{row['energy']:16.6f} {row['fmax']:10.4f}  {row['formula']:16s} {row['config_type']:24s} {row['job']}"
        common.result(line)


@data.command("export")
def export(
    output: Annotated[Path, typer.Option("-o", "--output", help="The labels (extended XYZ).")],
    selection: Annotated[str, typer.Argument(help="ASE's syntax: 'config_type=sqs_strain,energy<0'.")] = "",
    project: ProjectOption = Path(),
) -> None:
    """Write labels as extended XYZ: REF_energy (eV), REF_forces (eV/A), REF_stress (eV/A^3), force_mask, where they came from."""
    from mlipbatch.cli.structure_files import check_output
    from mlipbatch.stages.contents import labelled
    from mlipbatch.store.durable import write_frames

    check_output(output)
    found = _rows(_open(project)[1], selection)
    write_frames(output, [labelled(row) for row in found])
    common.result(f"{len(found)} labels in {output}")


@data.command("hash")
def hash_(project: ProjectOption = Path()) -> None:
    """Print the SHA-256 of the labels: the same for the same labels, wherever and however often the database is made."""
    from mlipbatch.stages.contents import digest

    common.result(digest(_rows(_open(project)[1])))


@data.command("rebuild")
def rebuild(project: ProjectOption = Path()) -> None:
    """Make the database anew from the job folders, and print its hash. Other projects' labels are left alone."""
    from mlipbatch.stages import dataset
    from mlipbatch.stages.contents import digest
    from mlipbatch.store.lease import Locked, project_lock

    place, where = _open(project)
    try:
        with project_lock(place):
            empty = dataset.rebuild(place, where)
    except Locked as error:
        common.say(f"{error}; `mlipbatch stop` it while the database is made anew")
        raise typer.Exit(common.LOCKED) from None
    for job, reason in empty.items():
        common.say(f"{job}: {reason}")
    rows = _rows(where)
    common.say(f"{len(rows)} labels")
    common.result(digest(rows))


def _open(path: Path) -> tuple[Project, Place]:
    from mlipbatch.cli.paths import project_at
    from mlipbatch.config import load_config
    from mlipbatch.stages import dataset

    project = project_at(path)
    return project, dataset.place(project, load_config(project.config))


def _rows(where: Place, text: str = "") -> list[Any]:
    from mlipbatch.stages.contents import selection
    from mlipbatch.store import database

    return database.rows(where, selection(text))
