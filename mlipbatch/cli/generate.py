"""`mlipbatch generate`: structures from an input.yaml or from a structure file, without any engine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlipbatch.cli.common import result, say
from mlipbatch.config.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

YAML = (".yaml", ".yml")


def generate(
    source: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="input.yaml, config.yaml, or a structure file.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Extended XYZ file to write.")] = None,
    only: Annotated[str | None, typer.Option(help="Names of generators, separated by commas; see --list.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of every random choice, instead of the input's.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the generators and stop.")] = False,
) -> None:
    """Make structures: SQS cells strained, sheared and rattled; a structure file's own crystals likewise."""
    if list_:
        result(_listing())
        return
    if source is None:
        raise InputError("generate needs an input.yaml or a structure file: mlipbatch generate INPUT -o OUT.extxyz")
    if output is None:
        raise InputError(f"generate needs a file to write: mlipbatch generate {source} -o OUT.extxyz")
    if not source.is_file():
        raise InputError("there is no such file", file=str(source))
    if not output.parent.is_dir():
        raise InputError(f"the folder of {output} does not exist: make it first, with mkdir -p {output.parent}")
    names = None if only is None else [name.strip() for name in only.split(",") if name.strip()]
    started = time.monotonic()
    structures = _from_config(source, names, seed) if source.suffix.lower() in YAML else _from_file(source, names, seed)
    _write(output, structures)
    say(f"{len(structures)} structures in {time.monotonic() - started:.1f} s: {output}")


def _listing() -> str:
    from mlipbatch.structures import GENERATORS

    marks = {
        (True, True): "",
        (True, False): "input.yaml",
        (False, True): "structure file",
        (False, False): "only when named",
    }
    return "\n".join(
        f"{one.name:<18} {marks[one.from_config, one.from_file]:<16} {one.summary}" for one in GENERATORS.values()
    )


def _from_config(source: Path, names: list[str] | None, seed: int | None) -> list[Atoms]:
    from mlipbatch.config import load_config
    from mlipbatch.structures import generate as make

    config = load_config(source)
    return make(config if seed is None else config.model_copy(update={"seed": seed}), names, say)


def _from_file(source: Path, names: list[str] | None, seed: int | None) -> list[Atoms]:
    from mlipbatch.structures import generate_from_structures
    from mlipbatch.structures.given import read

    return generate_from_structures(read(source), str(source), seed=seed or 0, only=names, progress=say)


def _write(output: Path, structures: list[Atoms]) -> None:
    from mlipbatch.store.durable import write_frames
    from mlipbatch.structures.summary import text

    write_frames(output, structures)
    result(text(structures))
