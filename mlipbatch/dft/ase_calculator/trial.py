"""The input check: the calculator labels a small cell of the campaign's elements, and each element alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.elements import LATTICES
from mlipbatch.config.model import Config
from mlipbatch.config.wrong import WrongValue
from mlipbatch.dft.ase_calculator import answer, program
from mlipbatch.dft.ase_calculator.prepare import PROGRAM, files, python, structure
from mlipbatch.dft.base import Trial

if TYPE_CHECKING:
    from ase import Atoms

# name of a failure -> the key that it speaks of
KEYS = {
    program.NOT_FOUND: ("dft", "calculator"),
    program.MISSING: ("dft", "calculator"),
    program.ARGUMENTS: ("dft", "arguments"),
}


def trial(config: Config) -> Trial:
    """All elements in one cell first, then one cell of each."""
    elements = config.target_system.elements
    cells = [_cell(config, elements), *(_cell(config, [symbol]) for symbol in elements)]
    return Trial(files(config.dft, [structure(atoms) for atoms in cells]), [*python(config.dft), PROGRAM])


def complaint(config: Config, folder: Path, said: str) -> WrongValue | None:
    """What is wrong, by the key that has to change; `said` is the last line of standard error."""
    found = answer.read(folder / program.ANSWER)
    if found is None:
        return WrongValue(("dft", "command"), f"`{config.dft.command} {PROGRAM}` gave no answer ({said or 'silence'})")
    if "failure" in found:
        return WrongValue(KEYS[found["failure"]], f"'dft.calculator' is {config.dft.calculator!r}: {found['sentence']}")
    together, *alone = answer.results(found)
    if together.get("failure", program.NOT_CONVERGED) == program.NOT_CONVERGED:
        return None  # an SCF that does not converge on one cell says nothing of others
    told, elements = f"'dft.calculator' is {config.dft.calculator!r}", config.target_system.elements
    if together["failure"] == program.MISSING:
        return WrongValue(KEYS[program.MISSING], f"{told}: {together['sentence']}")
    refused = {symbol: one["sentence"] for symbol, one in zip(elements, alone, strict=True) if "failure" in one}
    for symbol, sentence in refused.items():
        if len(refused) < len(elements) or re.search(rf"\b{symbol}\b", sentence):
            path = ("target_system", "elements", elements.index(symbol))
            return WrongValue(path, f"element {symbol} is refused by {config.dft.calculator}: {sentence}")
    return WrongValue(
        KEYS[program.NOT_FOUND], f"{told}: {together['sentence']}, on a small cell of {', '.join(elements)}"
    )


def _cell(config: Config, elements: list[str]) -> Atoms:
    """The campaign's lattice with one atom of each element, in a row; fcc where its crystal is a file."""
    from ase.build import bulk

    lattice = config.target_system.crystal_structure
    generation = config.generation
    name = lattice if lattice in LATTICES else "fcc"
    ratio = {"covera": generation.covera} if name == "hcp" else {}
    primitive = bulk(elements[0], name, a=generation.lattice_constant, **ratio)
    cell = primitive.repeat((len(elements), 1, 1))
    cell.symbols = [elements[index // len(primitive)] for index in range(len(cell))]
    return cell
