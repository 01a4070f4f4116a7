"""`mlipbatch label`: structures of a file through the DFT factory alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.cli.daemon import CoresOption, SiteOption

if TYPE_CHECKING:
    from mlipbatch.store.project import Project


def label(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Structures (any file that ASE reads).")],
    config: Annotated[Path, typer.Option("--config", help="input.yaml or config.yaml: the DFT settings.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The labels (extended XYZ).")],
    cores: CoresOption = None,
    site: SiteOption = "",
) -> None:
    """Label structures: REF_energy (eV), REF_forces (eV/A), REF_stress (eV/A^3). Stopped or killed, the same command goes on.

    The job folders stay in OUT.jobs; structures that were given up go to OUT.failed.extxyz with their reason.
    Where nothing was labelled OUT is not written. Exit code 0: all were labelled.
    """
    from mlipbatch.cli.structure_files import check_output, read_structures
    from mlipbatch.config import load_config
    from mlipbatch.engine import factory
    from mlipbatch.store.durable import write_frames

    structures = read_structures(source)
    check_output(output, source)
    project = factory.open_factory(structures, config, output.with_name(f"{output.stem}.jobs"))
    serve(project, cores, site)
    found = factory.collect(project, load_config(project.config))
    if found.labels:
        write_frames(output, found.labels)
    write_frames(output.with_name(f"{output.stem}.failed.extxyz"), found.given_up)
    for atoms in found.given_up:
        common.say(f"{atoms.info['name']}: {atoms.info['reason']}")
    made = f"{len(found.labels)} labels in {output}" if found.labels else f"no labels: {output} is not written"
    common.result(f"{made}, {len(found.given_up)} given up")
    if found.waiting:
        common.say(f"stopped before {len(found.waiting)} structures had ended: the same command goes on")
    if found.given_up or found.waiting:
        raise typer.Exit(common.FAILED)


def serve(project: Project, cores: int | None, site: str) -> None:
    """Make the labels of a factory's project here, until none is left to make."""
    from mlipbatch.cli.run import Progress
    from mlipbatch.engine.daemon import Daemon
    from mlipbatch.engine.factory import FACTORY
    from mlipbatch.engine.place import Places
    from mlipbatch.store.lease import Locked

    progress = Progress()
    try:
        service = Daemon(Places(cores, site=site), FACTORY)
        service.serve(lambda: [project], until_finished=True, watch=progress)
    except Locked as error:
        common.say(str(error))
        raise typer.Exit(common.LOCKED) from None
    finally:
        progress.close()
