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
    index: Annotated[int, typer.Option(help="Which frame, with --center; counted from 0.")] = 0,
    worst: Annotated[
        int | None, typer.Option(help="Cut around the N most uncertain environments; wants --potential.")
    ] = None,
    potential: Annotated[Path | None, typer.Option(help="Potential that grades atoms and relaxes the buffer.")] = None,
    config: Annotated[Path | None, typer.Option(help="input.yaml or config.yaml: sizes of core and buffer.")] = None,
    config_type: Annotated[str, typer.Option(help="config_type of the boxes.")] = "embedded_box",
) -> None:
    """Cut periodic boxes for DFT out of frames that are too large for it.

    Atoms within r_c of the centre get force_mask 1, those of the buffer 0. With --potential the buffer is relaxed a little.
    """
    from mlipbatch.cli.structure_files import check_output
    from mlipbatch.store.durable import write_frames

    whole = _config(config)
    if center is not None and worst is None:
        frame = _one(frames, index, center)
        check_output(output, *frames)
        boxes = _boxes([(frame, center)], _sizes(whole), _calculator(potential), config_type)
    elif worst is not None and worst > 0 and center is None and potential is not None:
        structures = _all(frames)
        check_output(output, *frames)
        boxes = _worst(structures, worst, whole, potential, config_type)
    else:
        raise InputError(
            "give either --center I (one box) or --worst N (the N most uncertain ones) and --potential DIR"
        )
    write_frames(output, boxes)
    for box in boxes:
        common.say(f"{box.info['name']}: {len(box)} atoms, {int(box.arrays['force_mask'].sum())} of them core")
    common.result(f"{len(boxes)} boxes in {output}")


def _one(files: list[Path], index: int, center: int) -> Atoms:
    from mlipbatch.cli.structure_files import read_structures

    structures = [structure for file in files for structure in read_structures(file)]
    if not -len(structures) <= index < len(structures):
        raise InputError(f"--index {index}: there are {len(structures)} frames, counted from 0", file=str(files[0]))
    frame = structures[index]
    if not 0 <= center < len(frame):
        raise InputError(f"--center {center}: the frame has {len(frame)} atoms, counted from 0", file=str(files[0]))
    frame.info.setdefault("name", files[0].stem)
    return frame


def _all(files: list[Path]) -> list[Atoms]:
    """All structures of all files; walks that found nothing uncertain leave empty files, which are no mistake."""
    from mlipbatch.cli.structure_files import read_structures

    full = [file for file in files if not (file.is_file() and file.stat().st_size == 0)]
    return [structure for file in full for structure in read_structures(file)]


def _worst(structures: list[Atoms], number: int, whole: Config | None, folder: Path, kind: str) -> list[Atoms]:
    from mlipbatch.core.potential import read_potential
    from mlipbatch.embedding import choose

    potential, calculator, sizes = read_potential(folder), _calculator(folder), _sizes(whole)
    low = whole.exploration.gamma_low if whole is not None else GAMMA_LOW
    high = whole.exploration.gamma_high if whole is not None else GAMMA_HIGH
    for frame in structures:
        potential.need_elements(set(frame.symbols), str(frame.info.get("name", "a frame")))
        _grade(frame, calculator)
    choices = choose(structures, potential, number, low, high, apart=sizes.core_radius)
    if not choices:
        common.say(f"no atom of {len(structures)} frames has gamma between {low:g} and {high:g}: nothing to cut")
    return _boxes([(structures[choice.frame], choice.atom) for choice in choices], sizes, calculator, kind)


def _boxes(places: list[tuple[Atoms, int]], sizes: EmbeddingConfig, calculator: Any, kind: str) -> list[Atoms]:
    from mlipbatch import embedding

    boxes = []
    for frame, center in places:
        if calculator is not None:
            _grade(frame, calculator)
        box = embedding.cut(frame, center, sizes, config_type=kind)
        boxes.append(box if calculator is None else embedding.relax_buffer(box, calculator))
    return boxes


def _grade(frame: Atoms, calculator: Any) -> None:
    """Give a frame the array gamma if it has none."""
    if "gamma" not in frame.arrays:
        calculator.calculate(frame.copy())
        frame.set_array("gamma", calculator.results["gamma"])


def _config(path: Path | None) -> Config | None:
    from mlipbatch.config import load_config

    return None if path is None else load_config(path)


def _sizes(whole: Config | None) -> EmbeddingConfig:
    from mlipbatch.config.model import EmbeddingConfig

    if whole is not None:
        return whole.embedding
    return EmbeddingConfig(core_radius=CORE_RADIUS, buffer=BUFFER, max_atoms=MAX_ATOMS, boxes=1)


def _calculator(potential: Path | None) -> Any:
    if potential is None:
        return None
    from mlipbatch.core.potential import read_potential
    from mlipbatch.training.calculator import calculator

    read_potential(potential)  # a folder that is none is refused in a sentence
    return calculator(potential)
