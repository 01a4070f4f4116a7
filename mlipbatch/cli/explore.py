"""`mlipbatch explore`: molecular dynamics with a potential, looking for what it does not know."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError


def explore(
    potential: Annotated[Path, typer.Argument(help="Folder of a potential, as `mlipbatch fit` makes it.")],
    start: Annotated[Path, typer.Argument(help="File with the structure to start from.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Uncertain frames (extended XYZ).")],
    config: Annotated[Path, typer.Option("--config", help="input.yaml or config.yaml.")],
    temperature: Annotated[
        float | None, typer.Option(help="Only this temperature (K) [default: all of the config].")
    ] = None,
    index: Annotated[int, typer.Option(help="Which structure of START.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Seed of velocities and thermostat [default: the config's].")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a walk [default: the config's].")] = None,
) -> None:
    """Simulate START with POTENTIAL; collect frames whose extrapolation grade gamma says that DFT should see them.

    One walk for each temperature. Beside OUTPUT a file STEM.walk.json tells how each walk went.
    """
    from mlipbatch.config import load_config
    from mlipbatch.exploration import walk
    from mlipbatch.store.durable import read_frames, write_frames, write_text

    whole = load_config(config)
    _refuse(start, temperature, steps)
    section = whole.exploration if steps is None else whole.exploration.model_copy(update={"steps": steps})
    structures = read_frames(start)
    if not -len(structures) <= index < len(structures):
        raise InputError(f"--index {index}: the file has {len(structures)} structures, counted from 0", file=str(start))
    structure = structures[index]
    structure.info.setdefault("name", start.stem)
    reports = []
    for number, kelvin in enumerate([temperature] if temperature is not None else section.temperatures):
        chosen = (whole.seed if seed is None else seed) + number
        report = walk(
            potential,
            structure,
            section,
            temperature=kelvin,
            seed=chosen,
            progress=_progress(f"{kelvin:g} K", section.steps),
        )
        for retry in report.retries:
            common.say(f"{kelvin:g} K: {retry}")
        common.say(f"{kelvin:g} K: {report.ended}; {len(report.frames)} frames collected")
        reports.append(report)
    write_frames(output, [frame for report in reports for frame in report.frames])
    write_text(output.with_name(f"{output.stem}.walk.json"), _as_text([report.as_json() for report in reports]))
    common.result(f"{sum(len(report.frames) for report in reports)} frames in {output}")


def _refuse(start: Path, temperature: float | None, steps: int | None) -> None:
    if not start.is_file():
        raise InputError(f"{start} does not exist: give the file of the structure to start from")
    if temperature is not None and not 0 < temperature < 1e5:
        raise InputError(f"--temperature {temperature:g} is no temperature: give kelvins above 0")
    if steps is not None and steps < 1:
        raise InputError(f"--steps {steps}: at least 1 is needed")


def _progress(what: str, total: int, every: float = 5.0) -> Callable[[int], None]:
    """Prints a line every `every` seconds, with the time that is left."""
    began = last = time.monotonic()

    def show(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done and now - last >= every:
            last = now
            common.say(f"{what}: step {done} of {total}, {(now - began) / done * (total - done):.0f} s left")

    return show


def _as_text(walks: list[dict[str, object]]) -> str:
    import json

    return json.dumps({"walks": walks}, indent=1) + "\n"
