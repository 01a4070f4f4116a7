"""Held-out sets by parent: whole families of structures, never a child here and its sibling there."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from mlipbatch.core.frames import ACTIVE_LEARNING, CONFIG_TYPE, EOS_REFERENCE, ISOLATED_ATOM, NAME, ROOT


class Frame(Protocol):
    """What is needed of a structure (ase.Atoms has it)."""

    info: dict[str, Any]

    def __len__(self) -> int: ...
    def get_chemical_symbols(self) -> list[str]:  # noqa: D102
        ...


F = TypeVar("F", bound=Frame)
Kind = tuple[int, tuple[tuple[str, float], ...]]  # atoms; atomic fraction of each element


def split_by_root(frames: Sequence[F], fraction: float, seed: int) -> tuple[list[F], list[F]]:
    """Training and test structures: whole roots held out, about `fraction` of the structures, of several sizes and compositions.

    Isolated atoms, boxes of active learning and pure elements' roots stay in training (where there are alloys to hold out);
    `eos_reference` structures are in neither.
    """
    families: dict[str, list[F]] = defaultdict(list)
    for index, frame in enumerate(frames):
        if frame.info.get(CONFIG_TYPE) != EOS_REFERENCE:
            families[root_of(frame.info, index)].append(frame)
    held = held_out_roots(families, fraction, seed)
    train = [frame for root, family in families.items() if root not in held for frame in family]
    return train, [frame for root in families if root in held for frame in families[root]]


def root_of(info: Mapping[str, Any], index: int) -> str:
    """Its root, else its own name, else its number: a structure of unknown origin is its own family."""
    return str(info.get(ROOT) or info.get(NAME) or f"structure-{index}")


def held_out_roots(families: Mapping[str, Sequence[F]], fraction: float, seed: int) -> set[str]:
    """Names of the roots to hold out: round robin over kinds (size, composition), each kind keeping one root in training."""
    wanted = fraction * sum(len(family) for family in families.values())
    return _take(_in_turn(families, seed), families, wanted)


def folds_by_root(frames: Sequence[F], number: int, seed: int) -> list[int | None]:
    """For every structure the fold (0 ... `number` - 1, or fewer) in which it is held out; None for what is always trained on."""
    families: dict[str, list[F]] = defaultdict(list)
    names = [root_of(frame.info, index) for index, frame in enumerate(frames)]
    for root, frame in zip(names, frames, strict=True):
        families[root].append(frame)
    folds = {root: turn % number for turn, root in enumerate(_in_turn(families, seed))}
    return [folds.get(root) for root in names]


def _in_turn(families: Mapping[str, Sequence[F]], seed: int) -> list[str]:
    """The roots that may be held out, kinds mixed: every stretch of it has several sizes and compositions."""
    kinds: dict[Kind, list[str]] = defaultdict(list)
    for root in sorted(root for root in families if not _kept(families[root])):
        kinds[_kind(families[root][0])].append(root)
    alloys = {kind: roots for kind, roots in kinds.items() if len(kind[1]) > 1}
    kinds = alloys or kinds
    order = sorted(kinds, key=str)
    random.Random(seed).shuffle(order)  # noqa: S311  a split, not a secret
    for kind in order:
        random.Random(f"{seed}-{kind}").shuffle(kinds[kind])  # noqa: S311
    return _round_robin([kinds[kind] for kind in order])


def _take(order: Sequence[str], families: Mapping[str, Sequence[F]], wanted: float) -> set[str]:
    """Roots in that order while they bring the number of structures nearer to the one wanted; at least one, never all."""
    held: set[str] = set()
    count = 0
    for root in order[: len(families) - 1]:
        size = len(families[root])
        if not held or abs(count + size - wanted) <= abs(count - wanted):
            held.add(root)
            count += size
    return held


def _round_robin(groups: Sequence[Sequence[str]]) -> list[str]:
    """First those that leave a sibling kind in training, one of each group in turn; the last of every group at the very end."""
    longest = max((len(group) for group in groups), default=0)
    turns = [group[turn] for turn in range(longest) for group in groups if turn < len(group) - 1]
    return turns + [group[-1] for group in groups]


def _kept(family: Sequence[F]) -> bool:
    types = {str(frame.info.get(CONFIG_TYPE, "")) for frame in family}
    return any(name == ISOLATED_ATOM or name.startswith(ACTIVE_LEARNING) for name in types)


def _kind(frame: Frame) -> Kind:
    symbols = frame.get_chemical_symbols()
    fractions = tuple((symbol, round(symbols.count(symbol) / len(symbols), 2)) for symbol in sorted(set(symbols)))
    return len(symbols), fractions
