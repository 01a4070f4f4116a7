"""`mlipbatch init`: a first input.yaml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where input.yaml goes.")] = Path(),
    material: Annotated[
        str | None, typer.Option("--material", help="Formula, such as Al0.75Mg0.25 or Fe70Ni30.")
    ] = None,
    structure: Annotated[
        str | None, typer.Option("--structure", help="fcc, bcc, hcp, sc, diamond, or a structure file.")
    ] = None,
    goal: Annotated[
        str | None, typer.Option("--goal", help="elastic, diffusion, melt_quench or phase_diagram.")
    ] = None,
    cores: Annotated[int | None, typer.Option("--cores", min=1, help="Cores that the campaign may use.")] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Jobs may ask for a GPU.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Ask nothing; take what is usual.")] = False,
) -> None:
    """Write a commented input.yaml into DIR, asking for the material, the goal and the machine."""
    from mlipbatch.config import expand
    from mlipbatch.config.located import parse_yaml
    from mlipbatch.config.starter import Wish, starter
    from mlipbatch.store.durable import write_text

    target = folder / "input.yaml"
    if target.exists():
        raise InputError("is there already: remove it, or name another folder", file=str(target))
    composition, lattice = _material(material, structure, ask=not yes)
    wish = Wish(composition, lattice, _goal(goal, ask=not yes), _cores(cores, ask=not yes), gpu)
    text = starter(wish)
    expand(parse_yaml(text.encode(), str(target)).data, labels=False)  # whatever is wrong with the answers is said now
    folder.mkdir(parents=True, exist_ok=True)
    write_text(target, text)
    common.say(f"wrote {target}; `mlipbatch plan {target}` shows what follows from it")
    common.result(str(target))


def _material(text: str | None, structure: str | None, *, ask: bool) -> tuple[dict[str, float], str]:
    from mlipbatch.config.elements import LATTICES
    from mlipbatch.config.starter import parse_material, usual_structure

    if structure is not None and structure not in LATTICES and Path(structure).is_file():
        return _composition_of(structure), str(Path(structure).absolute())
    if text is None and ask:
        text = typer.prompt("Material (a formula, such as Al0.75Mg0.25)", err=True)
    if text is None:
        raise InputError("no material: write --material Al0.75Mg0.25, or --structure FILE")
    composition = parse_material(text)
    return composition, structure or usual_structure(composition)


def _composition_of(path: str) -> dict[str, float]:
    from collections import Counter

    from mlipbatch.config.structure_file import read_structure

    counts = Counter(read_structure(path).get_chemical_symbols())
    return {symbol: round(count / counts.total(), 6) for symbol, count in counts.items()}


def _goal(goal: str | None, *, ask: bool) -> str:
    from mlipbatch.config.starter import GOALS
    from mlipbatch.config.text import nearest, shown

    if goal is None:
        goal = typer.prompt(f"Goal ({', '.join(GOALS)})", default="elastic", err=True) if ask else "elastic"
    if goal not in GOALS:
        guess = nearest(goal, GOALS)
        tail = f"did you mean {guess!r}?" if guess else f"write one of {', '.join(GOALS)}"
        raise InputError(f"goal {shown(goal)} is none: {tail}")
    return goal


def _cores(cores: int | None, *, ask: bool) -> int:
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores is not None:
        return cores
    return int(typer.prompt("Cores that may be used at a time", default=here, type=int, err=True)) if ask else here
