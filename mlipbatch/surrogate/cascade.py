"""The cascade: cheap checks first, so that the model sees only what could be real (SPEC 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlipbatch.config.errors import InputError
from mlipbatch.config.model import ScreeningConfig
from mlipbatch.core import frames as names
from mlipbatch.surrogate import filters, geometry
from mlipbatch.surrogate.base import (
    SURROGATE_ENERGY,
    SURROGATE_FORCES,
    SURROGATE_MODEL,
    Evaluation,
    Progress,
    Refusal,
    Surrogate,
)
from mlipbatch.surrogate.models import load
from mlipbatch.surrogate.reasons import Rejection

if TYPE_CHECKING:
    from ase import Atoms

NOT_EVALUATED = (names.ISOLATED_ATOM, names.EOS_REFERENCE)  # references: labelled whatever a model thinks of them
MADE_CLOSE = "dimer"  # config_types that begin so are close on purpose: they teach the repulsive wall


class Screened(NamedTuple):
    """Copies of the frames, in their order; each rejected one says why in info["reason"] and info["reason_kind"]."""

    kept: list[Atoms]
    rejected: list[Atoms]


def _quiet(_done: int, _total: int) -> None:
    return


def screen(
    frames: Sequence[Atoms],
    config: ScreeningConfig,
    progress: Progress = _quiet,
    *,
    lattice_volume: float | None = None,
    model: Callable[[str], Surrogate] = load,
) -> Screened:
    """Throw away what is physically impossible.

    Geometry first: finite numbers; volume per atom against that of the structure's root, if the root is among `frames`, else
    against `lattice_volume` (A^3), if known; distances against covalent radii. Then the model: forces, then energy per atom
    against the median of the same composition. References (NOT_EVALUATED) are kept as they are; dimers are evaluated, and thrown
    away only for numbers that are not finite. What the model saw carries `surrogate_energy` (eV, total) and
    `surrogate_forces` (eV/A). `progress` gets the structures evaluated so far and their total.
    Raises InputError where the model is not installed, or can evaluate none of the structures.
    """
    found = [frame.copy() for frame in frames]
    doubtful = {index: frame for index, frame in enumerate(found) if not is_reference(frame)}
    volumes = _root_volumes(found)
    rejections: dict[int, Rejection] = {}
    for index, frame in doubtful.items():
        volume = volumes.get(str(frame.info.get(names.ROOT, "")), lattice_volume)
        rejection = _geometry(frame, config, volume)
        if rejection:
            rejections[index] = rejection
    rejections |= _model({i: f for i, f in doubtful.items() if i not in rejections}, config, progress, model)
    return Screened(
        [frame for index, frame in enumerate(found) if index not in rejections],
        [rejections[index].on(frame) for index, frame in enumerate(found) if index in rejections],
    )


def is_reference(frame: Atoms) -> bool:
    """Is it kept without being evaluated?"""
    return frame.info.get(names.CONFIG_TYPE) in NOT_EVALUATED


def _made_close(frame: Atoms) -> bool:
    return str(frame.info.get(names.CONFIG_TYPE, "")).startswith(MADE_CLOSE)


def _root_volumes(frames: Sequence[Atoms]) -> dict[str, float]:
    """Volume per atom of the periodic roots, A^3, by name."""
    return {
        str(frame.info[names.NAME]): frame.get_volume() / len(frame)
        for frame in frames
        if frame.info.get(names.NAME) == frame.info.get(names.ROOT, "") and frame.pbc.all() and len(frame)
    }


def _geometry(frame: Atoms, config: ScreeningConfig, volume: float | None) -> Rejection | None:
    rejection = geometry.malformed(frame)
    if rejection or _made_close(frame):
        return rejection
    return geometry.wrong_volume(frame, volume, config.volume_per_atom_factor) or geometry.too_close(
        frame, config.min_distance_factor
    )


def _model(
    frames: Mapping[int, Atoms], config: ScreeningConfig, progress: Progress, model: Callable[[str], Surrogate]
) -> dict[int, Rejection]:
    """Evaluate, write the answers onto the frames, and judge them."""
    if not frames:
        return {}
    surrogate = model(config.model)
    answers: dict[int, Evaluation | Refusal] = {}
    for index, answer in zip(frames, surrogate.evaluate(list(frames.values())), strict=True):
        answers[index] = answer
        progress(len(answers), len(frames))
    evaluations = {index: answer for index, answer in answers.items() if isinstance(answer, Evaluation)}
    refusals = {index: answer for index, answer in answers.items() if isinstance(answer, Refusal)}
    if not evaluations:
        why = next(iter(refusals.values())).why
        raise InputError(f"{surrogate.name} can evaluate none of {len(frames)} structures; of the first it says: {why}")
    for index, evaluation in evaluations.items():
        _carry(frames[index], evaluation, surrogate.name)
    return _judge(frames, evaluations, refusals, config, surrogate.name)


def _carry(frame: Atoms, evaluation: Evaluation, model: str) -> None:
    frame.info[SURROGATE_ENERGY] = evaluation.energy
    frame.info[SURROGATE_MODEL] = model
    frame.arrays[SURROGATE_FORCES] = evaluation.forces


def _judge(
    frames: Mapping[int, Atoms],
    evaluations: Mapping[int, Evaluation],
    refusals: Mapping[int, Refusal],
    config: ScreeningConfig,
    model: str,
) -> dict[int, Rejection]:
    ordinary = {index: frame for index, frame in frames.items() if not _made_close(frame)}
    rejections = {
        index: Rejection("not_evaluated", f"{model} cannot evaluate it: {refusals[index].why}")
        for index in ordinary
        if index in refusals
    }
    for index, evaluation in evaluations.items():
        exploded = filters.exploded(evaluation, config.max_force if index in ordinary else float("inf"))
        if exploded:
            rejections[index] = exploded
    calm = {index: frame for index, frame in ordinary.items() if index not in rejections}
    return rejections | filters.too_high(calm, evaluations, config)
