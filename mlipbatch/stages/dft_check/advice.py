"""The recommendation, in one or two sentences a scan: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlipbatch.stages.dft_check.differences import Differences
from mlipbatch.stages.dft_check.judge import Judged, Tolerance
from mlipbatch.stages.dft_check.plan import CUTOFF, DEGAUSS, DENSITY, SPACING
from mlipbatch.stages.numbers import num


@dataclass(frozen=True)
class Advice:
    """`change`: keys of `dft` that should get another value; `good` where the campaign may go on as it is."""

    good: bool
    sentences: tuple[str, ...]
    change: dict[str, float]


def advise(judged: Sequence[Judged], differences: Differences, dual: float, tolerance: Tolerance) -> Advice:
    """From all scans and finite differences; `dual` is ecutrho / ecutwfc of the campaign."""
    change: dict[str, float] = {}
    for one in judged:
        if not one.good and one.enough is not None and one.campaign.errors is not None:
            change[one.scan.quantity.key] = one.enough
    if CUTOFF in change:
        change[DENSITY] = round(change[CUTOFF] * dual, 6)
    sentences = [_sentence(one, change.get(DENSITY), tolerance) for one in judged]
    if DEGAUSS in change:
        sentences.append(f"Narrower smearing needs denser k-points: check {SPACING} again with it.")
    agrees, said = _of_differences(differences, tolerance)
    good = all(one.good for one in judged) and agrees
    return Advice(good, (*sentences, *said), change)


def _sentence(one: Judged, density: float | None, tolerance: Tolerance) -> str:
    quantity, mine, errors = one.scan.quantity, one.scan.campaign, one.campaign.errors
    named = f"{quantity.key} {mine:g} {quantity.unit}"
    if one.good and one.enough is not None:
        return f"{named} is fine enough{'' if one.enough == mine else f' ({one.enough:g} would do)'}."
    if errors is None:
        return f"{named} cannot be judged: it has no labels of all structures."
    if one.reference == mine:
        return f"{named} cannot be judged: nothing finer has labels of all structures."
    off = errors.too_large(tolerance)
    why = f"at {mine:g} {quantity.unit} errors are {', '.join(off)}" if off else "a value finer than it is off by more"
    if one.enough is None:
        further = "larger" if quantity.upward else "smaller"
        rest = f"nor is any other but perhaps {one.reference:g}"
        return f"{named} is not fine enough ({why}), {rest}: go on with {further} {quantity.option}."
    verb = "Raise" if quantity.upward else "Lower"
    beside = f" ({DENSITY} {density:g} Ry)" if quantity.key == CUTOFF and density else ""
    return f"{verb} {quantity.key} from {mine:g} to {one.enough:g} {quantity.unit}{beside}: {why}."


def _of_differences(found: Differences, tolerance: Tolerance) -> tuple[bool, list[str]]:
    """Do forces and pressure agree with the energy's slopes, and the sentences that say so."""
    if found.force is None or found.stress is None:
        return False, [f"Forces and energies cannot be compared: no labels of {', '.join(found.lacking)}."]
    agrees = found.force <= tolerance.force and found.stress <= tolerance.stress
    how = "agree" if agrees else "do NOT agree"
    off = f"off by {num(found.force, 2)} meV/A and {num(found.stress, 2)} GPa"
    pulay = "" if found.pulay is None else f" (Pulay stress, in energies at one cutoff only: {found.pulay:+.2g} GPa)"
    return agrees, [f"Forces and pressure {how} with finite differences of the energy: {off}{pulay}."]
