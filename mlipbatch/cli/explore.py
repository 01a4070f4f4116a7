"""`mlipbatch explore`: molecular dynamics with a potential, looking for what it does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from mlipbatch.config.model import ExplorationConfig
    from mlipbatch.exploration import WalkReport


def explore(
    potential: Annotated[Path, typer.Argument(help="Folder of a potential, as `mlipbatch fit` makes it.")],
    start: Annotated[Path, typer.Argument(help="File with the structure to start from.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Uncertain frames (extended XYZ).")],
    config: Annotated[Path, typer.Option("--config", help="input.yaml or config.yaml.")],
    temperature: Annotated[float | None, typer.Option(help="K; only this one  [default: all of the config].")] = None,
    index: Annotated[int, typer.Option(help="Which structure of START, counted from 0.")] = 0,
    seed: Annotated[
        int | None, typer.Option(help="Seed of velocities and thermostat  [default: the config's].")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a walk  [default: the config's].")] = None,
) -> None:
    """Simulate START with POTENTIAL; collect frames whose extrapolation grade gamma says that DFT should see them.

    One walk for each temperature. Beside OUTPUT a file STEM.walk.json tells how each walk went.
    """
    from mlipbatch.cli.structure_files import check_output
    from mlipbatch.config import load_config
    from mlipbatch.store.durable import write_frames, write_text

    if temperature is not None and not 0 < temperature < 1e5:
        raise InputError(f"--temperature {temperature:g} is no temperature: give kelvins above 0")
    if steps is not None and steps < 1:
        raise InputError(f"--steps {steps}: at least 1 is needed")
    whole = load_config(config)
    section = whole.exploration if steps is None else whole.exploration.model_copy(update={"steps": steps})
    structure = _structure(start, index)
    check_output(output, start)
    temperatures = section.temperatures if temperature is None else [temperature]
    first = whole.seed if seed is None else seed
    reports = [_walk(potential, structure, section, kelvin, first + n) for n, kelvin in enumerate(temperatures)]
    write_frames(output, [frame for report in reports for frame in report.frames])
    walks = json.dumps({"walks": [report.as_json() for report in reports]}, indent=1)
    write_text(output.with_name(f"{output.stem}.walk.json"), walks + "\n")
    common.result(f"{sum(len(report.frames) for report in reports)} frames in {output}")


def _structure(start: Path, index: int) -> Atoms:
    from mlipbatch.cli.structure_files import read_structures

    structures = read_structures(start)
    if not -len(structures) <= index < len(structures):
        raise InputError(f"--index {index}: the file has {len(structures)} structures, counted from 0", file=str(start))
    structure = structures[index]
    structure.info.setdefault("name", start.stem)
    return structure


def _walk(potential: Path, structure: Atoms, config: ExplorationConfig, kelvin: float, seed: int) -> WalkReport:
    from mlipbatch.cli.structure_files import ProgressLine
    from mlipbatch.exploration import walk

    line = ProgressLine(f"{kelvin:g} K, steps")
    report = walk(
        potential, structure, config, temperature=kelvin, seed=seed, progress=lambda done: line(done, config.steps)
    )
    for retry in report.retries:
        common.say(f"{kelvin:g} K: {retry}")
    common.say(f"{kelvin:g} K: {report.ended}; {len(report.frames)} frames collected")
    return report
