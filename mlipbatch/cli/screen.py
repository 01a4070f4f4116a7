"""`mlipbatch screen`: throw away what is physically impossible."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlipbatch.cli import common
from mlipbatch.cli.structure_files import ProgressLine, check_output, read_structures

if TYPE_CHECKING:
    from mlipbatch.config.model import ScreeningConfig
    from mlipbatch.surrogate import Screened


def screen(
    source: Annotated[Path, typer.Argument(metavar="IN.extxyz", help="Structures.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where kept ones go; rejected ones go to STEM.rejected.extxyz.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="chgnet, mace-mp-0, or module:Class of an ASE calculator.  [default: the config's, or the best installed]"
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="input.yaml or config.yaml with the limits.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Keep structures that could be real, by geometry and a foundation model; say of each other one why not."""
    from mlipbatch.store.durable import write_frames
    from mlipbatch.surrogate import screen as screen_frames

    rejected_file = output.with_name(f"{output.stem}.rejected.extxyz")
    check_output(output, source, config)
    check_output(rejected_file, source, config)
    limits, volume = _limits(config, model)
    structures = read_structures(source)
    screened = screen_frames(structures, limits, ProgressLine(f"screen with {limits.model}"), lattice_volume=volume)
    write_frames(rejected_file, screened.rejected)
    write_frames(output, screened.kept)
    _report(_summary(screened, limits.model), json)
    if not screened.kept:
        common.say(f"nothing was kept: see `reason` in {rejected_file}")
        raise typer.Exit(common.FAILED)


def _limits(config: Path | None, model: str | None) -> tuple[ScreeningConfig, float | None]:
    """The limits, and the lattice's volume per atom (A^3) where it is known."""
    from mlipbatch.surrogate.defaults import default_screening
    from mlipbatch.surrogate.geometry import lattice_volume

    limits, volume = None, None
    if config is not None:
        from mlipbatch.config import load_config

        loaded = load_config(config)
        limits, volume = loaded.screening, lattice_volume(loaded)
    limits = limits or default_screening()
    return (limits.model_copy(update={"model": model}) if model else limits), volume


def _summary(screened: Screened, model: str) -> dict[str, Any]:
    from mlipbatch.core import frames
    from mlipbatch.surrogate.cascade import is_reference
    from mlipbatch.surrogate.reasons import REASON_KIND

    unseen = Counter(str(frame.info[frames.CONFIG_TYPE]) for frame in screened.kept if is_reference(frame))
    return {
        "model": model,
        "structures": len(screened.kept) + len(screened.rejected),
        "kept": len(screened.kept),
        "kept_without_evaluation": dict(unseen),
        "rejected": len(screened.rejected),
        "rejected_by_reason": dict(Counter(frame.info[REASON_KIND] for frame in screened.rejected).most_common()),
    }


def _report(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        common.result_json(summary)
        return
    by_reason = _counts(summary["rejected_by_reason"])
    unseen = _counts(summary["kept_without_evaluation"])
    common.result(
        f"kept {summary['kept']} of {summary['structures']}" + (f" (not evaluated: {unseen})" if unseen else "")
    )
    common.result(f"rejected {summary['rejected']}" + (f": {by_reason}" if by_reason else ""))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.items())
