"""`mlipbatch fit`: from labels to a potential."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common


def fit(
    train: Annotated[
        Path, typer.Argument(help="Labels to train on (extended XYZ with REF_energy, REF_forces, REF_stress).")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the potential.")],
    seed: Annotated[int, typer.Option(help="Seed of the validation split and of pacemaker.", min=0)] = 0,
    config: Annotated[
        Path | None, typer.Option("--config", help="input.yaml or config.yaml [default: from the data].")
    ] = None,
    test: Annotated[
        Path | None, typer.Option("--test", help="Held-out labels: measured at the end, never chosen by.")
    ] = None,
    start: Annotated[Path | None, typer.Option("--from", help="Potential whose basis is taken over.")] = None,
) -> None:
    """Train a potential on TRAIN: ZBL core, linear ACE in closed form, refined by pacemaker; with its active set for gamma.

    Atoms with force_mask 0 have no weight. OUTPUT gets potential.yaml, potential.yace, potential.asi, in.potential, report.json.
    """
    from mlipbatch.cli.structure_files import read_structures
    from mlipbatch.config import load_config
    from mlipbatch.training import default_config, train_potential
    from mlipbatch.training.fit import check_folder
    from mlipbatch.training.labels import read_labels
    from mlipbatch.training.report import headline

    check_folder(output)
    frames = read_structures(train)
    tested = read_structures(test) if test else None
    read_labels(frames, str(train))
    if test and tested:
        read_labels(tested, str(test))
    settings = load_config(config).training if config else default_config(frames, seed=seed, progress=common.say)
    report = train_potential(frames, settings, output, seed=seed, test=tested, start_from=start, progress=common.say)
    for line in headline(report):
        common.say(line)
    common.result(str(output))
