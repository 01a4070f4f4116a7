"""`mlipbatch select`: the most diverse of many, by farthest point sampling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlipbatch.cli import common
from mlipbatch.cli.structure_files import ProgressLine, check_output, read_structures
from mlipbatch.config.errors import InputError

if TYPE_CHECKING:
    from mlipbatch.config.model import SelectionConfig


def select(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Structures, or an .npy array of shape (n, d).")],
    number: Annotated[int, typer.Option("-k", help="How many to choose.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help='Chosen structures; for an array JSON: {"picks": [...]}.')
    ],
    database: Annotated[
        Path | None,
        typer.Option(help="What is known already, of the same kind as IN: the first choice is farthest from it."),
    ] = None,
    start: Annotated[
        int | None, typer.Option(help="Index of the first choice, without a database.  [default: 0]")
    ] = None,
    at_most: Annotated[
        bool, typer.Option("--at-most", help="Choose all where there are fewer than k; without it, an error.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="input.yaml or config.yaml with the descriptors.")] = None,
) -> None:
    """Choose k of them, each the farthest from all chosen before it. Isolated atoms and references come along uncounted."""
    check_output(output, source, database, config)
    if start is not None and database is not None:
        raise InputError(
            "--start and --database exclude each other: with a database the first choice is the farthest from it"
        )
    if source.suffix == ".npy":
        _select_rows(source, number, output, database, start or 0, at_most)
    else:
        _select_structures(source, number, output, database, start, at_most, _descriptors(config))


def _select_rows(source: Path, number: int, output: Path, database: Path | None, start: int, at_most: bool) -> None:
    from mlipbatch.selection import farthest_points
    from mlipbatch.store.durable import write_text

    points = _array(source)
    count = min(number, len(points)) if at_most else number
    known = None if database is None else _array(database)
    picks = _blaming(source, lambda: farthest_points(points, count, database=known, start=start))
    write_text(output, json.dumps({"picks": picks}) + "\n")
    common.result(f"chose {len(picks)} of {len(points)} rows")


def _select_structures(
    source: Path,
    number: int,
    output: Path,
    database: Path | None,
    start: int | None,
    at_most: bool,
    config: SelectionConfig,
) -> None:
    from mlipbatch.selection.choose import choose, is_reference
    from mlipbatch.store.durable import write_frames

    frames = read_structures(source)
    known = [] if database is None else read_structures(database)
    references = sum(map(is_reference, frames))
    count = min(number, len(frames) - references) if at_most else number
    chosen = _blaming(
        source,
        lambda: choose(frames, count, config, database=known, start=start, progress=ProgressLine("fingerprints")),
    )
    write_frames(output, chosen)
    common.result(
        f"chose {count} of {len(frames) - references} structures"
        + (f" and kept {references} references" if references else "")
    )


def _array(path: Path) -> Any:
    """A table on disk, mapped, not read."""
    import numpy as np

    if not path.is_file():
        raise InputError("no such file", file=str(path))
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"not an .npy array of numbers ({str(error).splitlines()[0]})", file=str(path)) from error


def _blaming(source: Path, work: Any) -> Any:
    """Run `work`; what it finds wrong with its input is said of the file."""
    try:
        return work()
    except InputError as error:
        raise InputError(error.message, file=error.file or str(source), line=error.line, column=error.column) from error


def _descriptors(config: Path | None) -> SelectionConfig:
    from mlipbatch.selection.defaults import DEFAULT_SELECTION

    if config is None:
        return DEFAULT_SELECTION
    from mlipbatch.config import load_config

    return load_config(config).selection
