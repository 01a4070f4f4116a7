"""Does the output agree with its input, and with physics, where pw.x itself does not mind?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TypeAlias

from mlipbatch.dft.quantum_espresso import names
from mlipbatch.dft.quantum_espresso.asked import Asked
from mlipbatch.dft.quantum_espresso.output import NUMBER, Run, number

Finding: TypeAlias = tuple[str, str]  # name, sentence

NONMETALS = frozenset({
    "H", "He", "B", "C", "N", "O", "F", "Ne",
    "Si", "P", "S", "Cl", "Ar", "Ge", "As", "Se", "Br", "Kr", "Te", "I", "Xe", "At", "Rn",
})  # fmt: skip
DENSE = 1000.0  # bohr^3 an atom: below it metal atoms make a metal and not a gas
FILLED = 3.0  # widths of the smearing below the Fermi energy, where a state is filled
MOST_SYMMETRIES = 48  # of a lattice
PRINTED = 0.06  # relative error of a threshold printed with two digits


def findings(run: Run, asked: Asked | None) -> Iterator[Finding]:
    """What is silently wrong in an output that claims success."""
    yield from _bands(run)
    yield from _fixed_occupations(run, asked)
    if asked is not None and asked.keywords.get("calculation", "scf") == "scf":
        yield from _kpoints(run, asked)
        yield from _numbers(run, asked)


def _bands(run: Run) -> Iterator[Finding]:
    """Too few bands are wrong for certain only in a metal; an insulator with smearing needs none that are empty."""
    bands, electrons = run.header.get("bands"), run.header.get("electrons")
    if bands is None or electrons is None or not run.smearing or not _metal(run):
        return
    if 2 * bands <= electrons + 1e-6:
        yield names.TOO_FEW_BANDS, f"{bands:g} bands for {electrons:g} electrons leave none empty, which smearing needs"
    usual = max(round(0.6 * electrons), round(0.5 * electrons) + 4)  # what pw.x takes itself, with smearing
    filled = run.lowest_top is None or run.fermi is None or run.lowest_top < run.fermi - FILLED * _width(run)
    if bands < usual - 1 and filled:
        yield (
            names.TOO_FEW_BANDS,
            f"{bands:g} bands, fewer than the {usual} that pw.x takes itself, and the highest is filled",
        )


def _metal(run: Run) -> bool:
    """Are all its elements metals, and its atoms not those of a gas?"""
    elements = _elements(run)
    return bool(elements) and _crowded(run) and not elements & NONMETALS


def _elements(run: Run) -> set[str]:
    return {match[0] for label in run.symbols if (match := re.match(r"[A-Z][a-z]?", label))}


def _crowded(run: Run) -> bool:
    return run.header.get("volume", math.inf) < DENSE * run.header.get("natoms", 1)


def _width(run: Run) -> float:
    """Width of the smearing in eV."""
    found = re.search(rf"width \(Ry\)=\s*({NUMBER})", run.smearing or "")
    return number(found[1]) * 13.6057 if found else 0.0


def _fixed_occupations(run: Run, asked: Asked | None) -> Iterator[Finding]:
    """Fixed occupations (nothing stands after the number of k-points) are for insulators."""
    if run.smearing is None or run.smearing:
        return
    if asked is not None and asked.keywords.get("occupations") == "smearing":
        yield names.MISMATCH, "the input asks for smearing, the output has fixed occupations"
    if run.band_gap is not None and run.band_gap <= 0:
        yield (
            names.FIXED_OCCUPATIONS,
            f"fixed occupations, yet the bands overlap by {-run.band_gap:.2f} eV: it is a metal",
        )
    if _metal(run):
        yield (
            names.FIXED_OCCUPATIONS,
            f"fixed occupations on {', '.join(sorted(_elements(run)))}, a metal: wrong without a warning",
        )


def _kpoints(run: Run, asked: Asked) -> Iterator[Finding]:
    if asked.kpoints is None and not _crowded(run):
        return  # a molecule in a box
    if asked.kpoints is None:
        yield names.KPOINTS_MISSING, "the input has no K_POINTS card: pw.x ran at gamma without a word"
        return
    points = run.header.get("kpoints")
    if points is None:
        return
    if asked.number("nspin") == 2 and points % 2 == 0 and run.version and run.version[0] in "45":
        points /= 2  # one for each spin
    if asked.kpoints == "gamma" and points != 1:
        yield names.MISMATCH, f"the input asks for gamma, the output has {points:g} k-points"
    if asked.mesh is not None and not _plausible(int(points), asked, run.header.get("symmetries")):
        mesh = " ".join(str(number) for number in asked.mesh)
        yield names.MISMATCH, f"the input asks for a {mesh} mesh, which cannot be {points:g} k-points"


def _plausible(points: int, asked: Asked, symmetries: float | None) -> bool:
    """Irreducible points of a mesh: at least all of them over the symmetries and time reversal.

    At most all of them, if the mesh is the same in all directions and not shifted. If not, it may be less symmetric than the
    lattice, and pw.x, which folds it by the lattice's operations and unfolds it by those that the crystal lacks, makes more of
    it (a rattled body-centred cell: 281 points of 6 6 5).
    """
    whole = math.prod(asked.mesh or (1, 1, 1))
    fewest = math.ceil(whole / (2 * (symmetries or MOST_SYMMETRIES)))
    if whole > 1 and not any(asked.shift):
        fewest = max(fewest, 2)  # gamma and something else
    even = len(set(asked.mesh or (1,))) == 1 and not any(asked.shift)
    return fewest <= points <= (whole if even else MOST_SYMMETRIES * whole)


def _numbers(run: Run, asked: Asked) -> Iterator[Finding]:
    pairs = (
        ("nat", "natoms", 0.0),
        ("ecutwfc", "ecutwfc", 1e-3),
        ("nbnd", "bands", 0.0),
        ("conv_thr", "conv_thr", PRINTED),
    )
    for key, fact, tolerance in pairs:
        wanted, found = asked.number(key), run.header.get(fact)
        if wanted is not None and found is not None and abs(wanted - found) > tolerance * abs(wanted):
            yield names.MISMATCH, f"the input asks for {key} = {wanted:g}, the output has {found:g}"
    if asked.number("nspin") == 2 and run.magnetization is None:
        yield names.MISMATCH, "the input asks for nspin = 2, the output has no magnetization"
