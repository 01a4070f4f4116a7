"""Let the buffer of a cut box settle at its new boundary, the core held as it was found."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.optimize import FIRE

from mlipbatch.core import frames as names

LONGEST_STEP = 0.05  # A an atom and step
HOTTEST = 1.5  # times the root mean square force of the core: what the largest force of a buffer as hot may be
COOLEST = 0.5  # eV/A: forces this small need no relaxing, however calm the core is


def relax_buffer(box: Atoms, calculator: Any, *, steps: int = 12) -> Atoms:
    """A copy whose buffer (force_mask 0) was relaxed until its forces are those of a frame as hot as the core, which is fixed.

    At most `steps` steps of FIRE, of at most 0.05 A for each atom: buffers keep the temperature of their frame, only the seam is
    mended. `calculator` is an ASE calculator of the potential; where its results have `gamma`, info and the array gamma_box say
    how uncertain the box is by itself.
    """
    settled = box.copy()
    core = settled.arrays[names.FORCE_MASK] > 0
    settled.calc = calculator
    heat = float(np.sqrt((settled.get_forces()[core] ** 2).sum(axis=1).mean()))  # eV/A
    if not core.all():
        settled.set_constraint(FixAtoms(mask=core))
        FIRE(settled, logfile=None, maxstep=LONGEST_STEP).run(fmax=max(COOLEST, HOTTEST * heat), steps=steps)
        settled.set_constraint()
        settled.get_forces()
    gamma = calculator.results.get("gamma")
    settled.calc = None
    if gamma is not None:
        settled.set_array(names.GAMMA_BOX, np.asarray(gamma, dtype=float))
    settled.wrap()
    return settled
