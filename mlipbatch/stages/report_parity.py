"""Parity plots: what the potential says against what DFT says, with the error underneath."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from mlipbatch.stages.report_data import ACTIVE, REFERENCE, TEST, TRAIN
from mlipbatch.stages.report_errors import Prediction
from mlipbatch.stages.report_svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Plot, Scale, padded

MOST_POINTS = 5000  # about, drawn of one plot: the file stays small, and the eye sees no more
STYLES = {
    TRAIN: ("dot", "train"),
    REFERENCE: ("dot", "reference"),
    ACTIVE: ("triangle", "active"),
    TEST: ("diamond", "test"),
}
UPPER, GAP, STRIP = 300.0, 14.0, 70.0  # heights: the parity plot, between the two, the errors


def energies(predictions: Sequence[Prediction], references: Mapping[str, float]) -> str:
    """Energies of whole structures, less `references` (eV) of their atoms: other scales than binding would hide all errors."""
    whole = _sampled([p for p in predictions if not p.label.masked], MOST_POINTS)
    if not whole:
        return ""
    shift = [sum(references.get(s, 0.0) for s in p.label.atoms.get_chemical_symbols()) for p in whole]
    points = [
        ((p.label.energy - e) / len(p.label.atoms), (p.energy - e) / len(p.label.atoms))
        for p, e in zip(whole, shift, strict=True)
    ]
    upper, lower = _frames([v for point in points for v in point], [1000 * p.energy_error for p in whole])
    _axes(upper, lower, "DFT energy, eV/atom", "potential, eV/atom", "error, meV")
    for part, (shape, css) in STYLES.items():
        for prediction, (x, y) in zip(whole, points, strict=True):
            if prediction.label.part == part:
                tip = f"{_who(prediction)}\nerror {1000 * prediction.energy_error:+.2f} meV/atom"
                upper.mark(shape, x, y, css, tip)
                lower.mark(shape, x, 1000 * prediction.energy_error, f"{css} small", tip)
    return _render(upper, lower, "Energies by the potential against DFT")


def forces(predictions: Sequence[Prediction]) -> str:
    """Force components of unmasked atoms; each structure is one mark-up element that names itself."""
    count = _components(predictions)
    if not count:
        return ""
    kept = _sampled(predictions, max(1, round(len(predictions) * min(1.0, MOST_POINTS / count))))
    values = {
        id(p): list(zip(p.label.forces[p.label.mask].ravel(), p.forces[p.label.mask].ravel(), strict=True))
        for p in kept
    }
    flat = [float(v) for points in values.values() for point in points for v in point]
    upper, lower = _frames(flat, [1000 * float(e) for p in kept for e in p.force_errors])
    _axes(
        upper,
        lower,
        "DFT force component, eV/\N{ANGSTROM SIGN}",
        "potential, eV/\N{ANGSTROM SIGN}",
        "error, meV/\N{ANGSTROM SIGN}",
    )
    for part, (_, css) in STYLES.items():
        for prediction in kept:
            if prediction.label.part == part:
                rmse = 1000 * float((prediction.force_errors**2).mean() ** 0.5)
                tip = f"{_who(prediction)}\nforce error {rmse:.1f} meV/\N{ANGSTROM SIGN}"
                upper.dots(values[id(prediction)], css, tip)
                lower.dots(((x, 1000 * (y - x)) for x, y in values[id(prediction)]), f"{css} small", tip)
    return _render(upper, lower, "Force components by the potential against DFT")


def left_out(predictions: Sequence[Prediction]) -> tuple[str, str]:
    """Notes on what the plots of energies and of forces leave out; empty where they show all."""
    return _note(sum(not p.label.masked for p in predictions)), _note(_components(predictions))


def _note(count: int) -> str:
    return f" About {MOST_POINTS:,} of {count:,} are drawn, held-out labels first." if count > MOST_POINTS else ""


def _components(predictions: Sequence[Prediction]) -> int:
    return sum(3 * int(p.label.mask.sum()) for p in predictions)


def _sampled(predictions: Sequence[Prediction], most: int) -> list[Prediction]:
    """At most so many: all held-out and active-learning labels as far as they fit, then a fixed random choice of the others."""
    if len(predictions) <= most:
        return list(predictions)
    first = [p for p in predictions if p.label.part in (TEST, ACTIVE)]
    rest = [p for p in predictions if p.label.part not in (TEST, ACTIVE)]
    for group in (first, rest):
        random.Random(0).shuffle(group)  # noqa: S311  which points are drawn, not a secret
    return [*first, *rest][:most]


def _who(prediction: Prediction) -> str:
    label = prediction.label
    return f"{label.name}\n{label.config_type}, {len(label.atoms)} atoms, {label.part}"


def _frames(values: Sequence[float], errors: Sequence[float]) -> tuple[Plot, Plot]:
    """The square plot and the strip below it, on one drawing."""
    ends = padded(values)
    largest = max(max(abs(error) for error in errors) * 1.15, 1e-6)
    height = UPPER + GAP + STRIP + BOTTOM
    across = Scale(*ends, LEFT, WIDTH - RIGHT)
    upper = Plot(across, Scale(*ends, UPPER, TOP), height=height)
    return upper, Plot(across, Scale(-largest, largest, UPPER + GAP + STRIP, UPPER + GAP), height=height)


def _axes(upper: Plot, lower: Plot, x_label: str, y_label: str, error_label: str) -> None:
    upper.axes("", y_label, [])
    upper.line([(end, end) for end in (upper.x.low, upper.x.high)], "diagonal")
    lower.axes(x_label, error_label, rows=4)


def _render(upper: Plot, lower: Plot, title: str) -> str:
    upper.parts.extend(lower.parts)
    return upper.render(title)
