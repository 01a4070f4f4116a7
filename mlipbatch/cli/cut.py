"""`mlipbatch cut`: periodic boxes around uncertain atoms of large frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from mlipbatch.config.model import Config, EmbeddingConfig

GAMMA_LOW, GAMMA_HIGH = 2.0, 10.0  # where there is no config
CORE_RADIUS, BUFFER, MAX_ATOMS = 5.0, 3.5, 300  # A, A, atoms; likewise


def cut(
    frames: Annotated[list[Path], typer.Argument(help="Large frames (any structure file).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The periodic boxes (extended XYZ).")],
    center: Annotated[int | None, typer.Option(help="Cut around this atom, counted from 0.")] = None,
    index: Annotated[int, typer.Option(help="Which frame of the file, with --center.")] = 0,
    worst: Annotated[
        int | None, typer.Option(help="Cut around the N most uncertain environments of all frames.")
    ] = None,
    potential: Annotated[Path | None, typer.Option(help="Potential that grades atoms and relaxes the buffer.")] = None,
    config: Annotated[Path | None, typer.Option(help="input.yaml or config.yaml: sizes of core and buffer.")] = None,
    config_type: Annotated[str, typer.Option(help="config_type of the boxes.")] = "embedded_box",
) -> None:
    """Cut periodic boxes for DFT out of frames that are too large for it.

    Atoms within r_c of the centre get force_mask 1, those of the buffer 0. With --potential the buffer is relaxed a little.
    """
    if (center is None) == (worst is None):
        raise InputError("give either --center I (one box) or --worst N (the most uncertain ones)")
    if worst is not None and worst < 1:
        raise InputError(f"--worst {worst}: at least 1 is needed")
    whole, embedding = _settings(config)
    structures = _read(frames, may_be_empty=worst is not None)
    calculator = _calculator(potential)
    if center is not None:
        boxes = [_one(frames, structures, index, center, embedding, calculator, config_type)]
    else:
        boxes = _worst(structures, worst or 1, whole, embedding, calculator, config_type)
    from mlipbatch.store.durable import write_frames

    write_frames(output, boxes)
    for box in boxes:
        common.say(f"{box.info['name']}: {len(box)} atoms, {int(box.arrays['force_mask'].sum())} of them core")
    common.result(f"{len(boxes)} boxes in {output}")


def _one(
    files: list[Path],
    structures: list[Atoms],
    index: int,
    center: int,
    config: EmbeddingConfig,
    calculator: Any,
    kind: str,
) -> Atoms:
    if not -len(structures) <= index < len(structures):
        raise InputError(f"--index {index}: there are {len(structures)} frames, counted from 0", file=str(files[0]))
    frame = structures[index]
    if not 0 <= center < len(frame):
        raise InputError(f"--center {center}: the frame has {len(frame)} atoms, counted from 0", file=str(files[0]))
    return _box(_graded([frame], calculator)[0], center, config, calculator, kind)


def _worst(
    structures: list[Atoms], number: int, whole: Config | None, config: EmbeddingConfig, calculator: Any, kind: str
) -> list[Atoms]:
    from mlipbatch.embedding import choose

    low = whole.exploration.gamma_low if whole is not None else GAMMA_LOW
    high = whole.exploration.gamma_high if whole is not None else GAMMA_HIGH
    graded = _graded(structures, calculator)
    choices = choose(graded, number, low, high, apart=config.core_radius)
    if not choices:
        common.say(f"no atom of {len(structures)} frames has gamma between {low:g} and {high:g}: nothing to cut")
    return [_box(graded[choice.frame], choice.atom, config, calculator, kind) for choice in choices]


def _box(frame: Atoms, center: int, config: EmbeddingConfig, calculator: Any, kind: str) -> Atoms:
    from mlipbatch import embedding

    box = embedding.cut(frame, center, config, config_type=kind)
    return box if calculator is None else embedding.relax_buffer(box, calculator)


def _graded(structures: list[Atoms], calculator: Any) -> list[Atoms]:
    """Frames with gamma; computed where a frame has none and there is a potential."""
    for frame in structures:
        if "gamma" not in frame.arrays and calculator is not None:
            bare = frame.copy()
            bare.calc = calculator
            bare.get_potential_energy()
            frame.set_array("gamma", calculator.results["gamma"])
    return structures


def _settings(path: Path | None) -> tuple[Config | None, EmbeddingConfig]:
    from mlipbatch.config.model import EmbeddingConfig

    if path is None:
        return None, EmbeddingConfig(core_radius=CORE_RADIUS, buffer=BUFFER, max_atoms=MAX_ATOMS, boxes=1)
    from mlipbatch.config import load_config

    whole = load_config(path)
    return whole, whole.embedding


def _read(files: list[Path], *, may_be_empty: bool) -> list[Atoms]:
    """All structures of all files; walks that found nothing uncertain leave empty files, which are no mistake with --worst."""
    from mlipbatch.cli.structure_files import read_structures

    return [
        structure
        for file in files
        if not (may_be_empty and file.is_file() and file.stat().st_size == 0)
        for structure in read_structures(file)
    ]


def _calculator(potential: Path | None) -> Any:
    if potential is None:
        return None
    from mlipbatch.core.potential import read_potential
    from mlipbatch.training.calculator import calculator

    read_potential(potential)  # a folder that is none is refused in a sentence
    return calculator(potential)
