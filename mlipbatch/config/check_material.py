"""What can be wrong with the material and the goal, before anything is derived from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlipbatch.config.elements import LATTICES, NAMES, SYMBOLS
from mlipbatch.config.text import did_you_mean, nearest, shown
from mlipbatch.config.wrong import WrongValue

SUM_TOLERANCE = 1e-3
HOTTEST = 20_000  # K

Keys = tuple[str | int, ...]


def check_material(raw: dict[str, Any]) -> None:
    """WrongValue for the first thing wrong in `target_system` or `simulation_goal` of an input whose types are right."""
    target = raw["target_system"]
    _check_elements(target["elements"])
    check_composition(target["composition"], target["elements"], ("target_system", "composition"), all_elements=True)
    _check_structure(target["crystal_structure"], target["elements"])
    _check_temperatures(raw["simulation_goal"]["temperature_range"])


def check_symbol(symbol: str, path: Keys, *, key: bool = False) -> None:
    """WrongValue unless `symbol` is a chemical symbol."""
    if symbol in SYMBOLS:
        return
    by_name = NAMES.get(symbol.lower())
    close = by_name or (symbol.capitalize() if symbol.capitalize() in SYMBOLS else nearest(symbol, SYMBOLS, cutoff=0.5))
    tail = f"did you mean {close!r}?" if close else "write a symbol such as Fe"
    raise WrongValue(path, f"{shown(symbol)} is not a chemical symbol: {tail}", key=key)


def _check_elements(elements: list[str]) -> None:
    for index, symbol in enumerate(elements):
        path = ("target_system", "elements", index)
        check_symbol(symbol, path)
        if symbol in elements[:index]:
            raise WrongValue(path, f"element {symbol} stands twice in 'target_system.elements': remove one")


def check_composition(
    composition: dict[str, float], elements: list[str], path: Keys, *, all_elements: bool = False
) -> None:
    """WrongValue unless these are atomic fractions of `elements` that sum to 1."""
    name = path[-1] if isinstance(path[-1], str) else f"{path[-2]}[{path[-1]}]"
    for symbol in composition:
        if symbol not in elements:
            check_symbol(symbol, (*path, symbol), key=True)
            message = f"{symbol} stands in '{name}' but not in 'target_system.elements' ({', '.join(elements)}): add or remove it"
            raise WrongValue((*path, symbol), message, key=True)
    lacking = [symbol for symbol in elements if symbol not in composition]
    if all_elements and lacking:
        raise WrongValue(
            path,
            f"'{name}' says nothing of {', '.join(lacking)}: give its atomic fraction, or remove it from 'elements'",
        )
    for symbol, share in composition.items():
        if share < 0 or (share == 0 and all_elements):
            raise WrongValue(
                (*path, symbol), f"the fraction of {symbol} in '{name}' is {share:g}: it must be greater than 0"
            )
    _check_sum(composition, str(name), path)


def _check_sum(composition: dict[str, float], name: str, path: Keys) -> None:
    total = sum(composition.values())
    if abs(total - 1) <= SUM_TOLERANCE:
        return
    if abs(total - 100) <= 100 * SUM_TOLERANCE:
        fractions = ", ".join(f"{symbol}: {share / 100:g}" for symbol, share in composition.items())
        raise WrongValue(path, f"'{name}' looks like percent (the sum is {total:g}): write fractions, {{{fractions}}}")
    raise WrongValue(path, f"the fractions of '{name}' sum to {total:g}: they must sum to 1")


def _check_structure(structure: str, elements: list[str]) -> None:
    path = ("target_system", "crystal_structure")
    if structure in LATTICES:
        return
    if not _is_file(structure):
        wanted = f"neither one of {', '.join(LATTICES)} nor a file{did_you_mean(structure, LATTICES)}"
        message = f"key 'target_system.crystal_structure' is {shown(structure)}: {wanted}"
        raise WrongValue(path, message)
    from mlipbatch.config.structure_file import read_structure

    found = sorted(set(read_structure(structure).get_chemical_symbols()))
    foreign = [symbol for symbol in found if symbol not in elements]
    if foreign:
        wanted = f"which 'target_system.elements' ({', '.join(elements)}) does not name"
        message = f"{shown(Path(structure).name)} contains {', '.join(foreign)}, {wanted}"
        raise WrongValue(path, message)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name too long, a NUL byte
        return False


def _check_temperatures(temperatures: list[float]) -> None:
    path = ("simulation_goal", "temperature_range")
    lowest, highest = temperatures
    told = f"key 'simulation_goal.temperature_range' is [{lowest:g}, {highest:g}]"
    if lowest > highest:
        raise WrongValue(path, f"{told}: the lower comes first, [{highest:g}, {lowest:g}] (K)")
    if highest > HOTTEST:
        raise WrongValue((*path, 1), f"{told}: nothing is solid or liquid beyond {HOTTEST} K; write kelvin")
