"""A check as tables and sentences for a terminal: pure."""

from __future__ import annotations

from mlipbatch.config.model import Config
from mlipbatch.stages.dft_check.differences import AXES, STEP, STRAIN, Differences
from mlipbatch.stages.dft_check.judge import Judged, Row
from mlipbatch.stages.dft_check.plan import CUTOFF, DENSITY, QUANTITIES
from mlipbatch.stages.dft_check.summary import Summary
from mlipbatch.stages.numbers import NONE, num

COLUMNS = (  # heading, its unit, width
    ("energy", "meV/atom", 9),
    ("difference", "meV/atom", 11),
    ("force", "meV/A", 8),
    ("rms", "meV/A", 8),
    ("stress", "GPa", 8),
    ("-TS", "meV/atom", 9),
    ("time", "s", 7),
)


def as_text(found: Summary) -> str:
    """Tables and sentences for a terminal."""
    blocks = ["\n".join(_scan_text(one, found)) for one in found.judged]
    blocks.append("\n".join(_difference_text(found.differences)))
    blocks.append("\n".join(found.advice.sentences))
    return "\n\n".join(blocks)


def held(one: Judged, config: Config) -> str:
    """What the other quantities are in a scan: ``kpoints_spacing 0.28 1/A, degauss 0.02 Ry``."""
    values = {quantity.key: getattr(config.dft, quantity.key) for quantity in QUANTITIES} | dict(one.scan.beside)
    others = [quantity for quantity in QUANTITIES if quantity.key != one.scan.quantity.key]
    return ", ".join(f"{quantity.key} {values[quantity.key]:g} {quantity.unit}" for quantity in others)


def _scan_text(one: Judged, found: Summary) -> list[str]:
    quantity = one.scan.quantity
    dual = found.config.dft.ecutrho / found.config.dft.ecutwfc
    ratio = f", {DENSITY} {dual:g} times as much" if quantity.key == CUTOFF else ""
    reference = "nothing: no value has all its labels" if one.reference is None else f"{one.reference:g}"
    lines = [f"{quantity.key}, {quantity.unit}{ratio}; at {held(one, found.config)}; errors against {reference}"]
    headings, units = ("".join(f"{column[part]:>{column[2]}}" for column in COLUMNS) for part in (0, 1))
    lines += [f"{'':10}{headings}  k-points", f"{'':10}{units}"]
    lines += [_row_text(row, one) for row in one.rows]
    return lines


def _row_text(row: Row, one: Judged) -> str:
    mark = "*" if row.value == one.scan.campaign else " "
    errors = row.errors
    if row.lacking:
        return f"{row.value:>8g}{mark}  no label of {', '.join(row.lacking)}"
    values = (
        [None] * 5
        if errors is None
        else [errors.energy, errors.difference, errors.force, errors.force_rms, errors.stress]
    )
    cells = [*(num(value) for value in values), num(row.smearing), num(row.seconds)]
    moved = f"  moment {errors.moment:+.2f}/atom" if errors and errors.moment and errors.moment > 0.005 else ""
    padded = "".join(f"{cell:>{column[2]}}" for cell, column in zip(cells, COLUMNS, strict=True))
    return f"{row.value:>8g}{mark} {padded}  {' '.join(dict.fromkeys(row.kpoints))}{moved}"


def _difference_text(found: Differences) -> list[str]:
    lines = [f"finite differences, {found.structure}: {STEP:g} A and {100 * STRAIN:g} %   label    slope of the energy"]
    for row in found.forces:
        what = f"force on atom {row.component.atom}, {AXES[row.component.axis]}, eV/A"
        lines.append(f"  {what:<44}{row.label:>10.4f}{row.slope:>10.4f}")
    if found.pressure is not None:
        for words, slope in (("same plane waves", found.slope_waves), ("same cutoff", found.slope_cutoff)):
            value = NONE if slope is None else f"{slope:.3f}"
            lines.append(f"  {f'pressure, {words}, GPa':<44}{found.pressure:>10.3f}{value:>10}")
    return lines
