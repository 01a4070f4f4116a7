"""What became of a relaxation: its last SCF is as good as a static one, but a relaxation that failed has failed.

The names, and what they are said of, are those of aiida-quantumespresso's parser of pw.x.
"""

from __future__ import annotations

import re

from mlipbatch.dft.quantum_espresso import names
from mlipbatch.dft.quantum_espresso.agreement import Finding
from mlipbatch.dft.quantum_espresso.asked import Asked
from mlipbatch.dft.quantum_espresso.output import NUMBER, Run, number

STEPS = "nstep                     ="  # in the header of relax, vc-relax, md, vc-md
RELAXATION = (
    "BFGS Geometry Optimization",
    "bfgs converged",
    "Damped Dynamics",
    "Damped Cell Dynamics",
    "FIRE minimization",
)
DYNAMICS = ("Entering Dynamics", "Molecular Dynamics Calculation", "Langevin Dynamics")
EXCEEDED = "The maximum number of steps has been reached."
HISTORY = "history already reset at previous step"
FINAL_SCF = "inal scf calculation at the relaxed structure"  # "A final" or "Final", by version
CRITERIA = re.compile(rf"force < *({NUMBER}) *Ry/Bohr(?:, cell < *({NUMBER}) *kbar)?")
PRESSURE = re.compile(rf"P= *({NUMBER})")
FORCE_THRESHOLD = 1e-3  # Ry/bohr, pw.x's own


def is_relaxation(text: str, asked: Asked | None) -> bool:
    """Is this run a relaxation? Before the first ionic step only the input can tell it from dynamics."""
    if asked is not None and "calculation" in asked.keywords:
        return asked.keywords["calculation"].lower() in ("relax", "vc-relax")
    if any(word in text for word in RELAXATION):
        return True
    return STEPS in text and not any(word in text for word in DYNAMICS)


def finding(text: str, run: Run, asked: Asked | None) -> Finding | None:
    """How the relaxation in `text`, the run of `run`, failed; None where it is none, or none that failed."""
    if not is_relaxation(text, asked):
        return None
    final, history = text.find(FINAL_SCF), HISTORY in text
    if run.not_achieved:
        return _electronic(final=final >= 0, history=history)
    if EXCEEDED in text:
        return names.IONIC_STEPS, "the relaxation did not converge in the steps that it was allowed"
    if history and not _converged(text, run):
        return names.BFGS_HISTORY, "the relaxation gave up: BFGS failed twice in a row"
    if final >= 0 and not _final_pressure(text[:final], text[final:]):
        return names.IONIC_EXCEPT_FINAL, "the relaxation converged, but the pressure of its final SCF is too large"
    return None


def _electronic(*, final: bool, history: bool) -> Finding:
    if final and history:
        return names.BFGS_HISTORY_FINAL, "BFGS failed twice in a row, and the final SCF did not converge"
    if final:
        return names.IONIC_FINAL_SCF, "the relaxation converged, its final SCF did not"
    return names.IONIC_ELECTRONIC, "an SCF of the relaxation did not converge"


def _thresholds(text: str) -> tuple[float, float | None]:
    """Of forces, Ry/bohr, and of the pressure, kbar (None where the cell is fixed)."""
    found = CRITERIA.search(text)
    if not found:
        return FORCE_THRESHOLD, None
    return number(found[1]), number(found[2]) if found[2] else None


def _converged(text: str, run: Run) -> bool:
    """Are forces and pressure of the last SCF below their thresholds?"""
    force, pressure = _thresholds(text)
    found = PRESSURE.findall(text)
    small = bool(run.forces) and all(abs(component) <= force for row in run.forces for component in row)
    return small and (pressure is None or (bool(found) and abs(number(found[-1])) <= pressure))


def _final_pressure(before: str, after: str) -> bool:
    """Is the pressure of the final SCF as small as that before it, as far as can be told?

    A target pressure and a constrained cell are the input's matter: where the last SCF before it was not below the threshold
    either, nothing is said.
    """
    _, threshold = _thresholds(before)
    last, final = PRESSURE.findall(before), PRESSURE.findall(after)
    if threshold is None or not last or not final or abs(number(last[-1])) > threshold:
        return True
    return abs(number(final[-1])) <= threshold
