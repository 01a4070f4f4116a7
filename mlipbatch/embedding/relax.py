"""Let the buffer of a cut box settle at its new boundary, the core held as it was found."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.optimize import FIRE
from numpy.typing import NDArray

from mlipbatch.core import frames as names

LONGEST_STEP = 0.05  # A an atom and step
HOTTEST = 1.5  # times the root mean square force of the core: what the largest force of a buffer as hot may be
RIM = 3.0  # A: buffer atoms deeper inside than this do not feel the seam much, and stay
COOLEST = 0.5  # eV/A: forces this small need no relaxing, however calm the core is


def relax_buffer(box: Atoms, calculator: Any, *, steps: int = 12) -> Atoms:
    """A copy whose buffer (force_mask 0) was relaxed until its forces are those of a frame as hot as the core, which is fixed.

    At most `steps` steps of FIRE, of at most 0.05 A for each atom, and only within 3 A of the boundary: buffers keep the
    temperature of their frame, the seam is mended. `calculator` is an ASE calculator of the potential; where its results have
    `gamma`, the array gamma_box says how uncertain the box is by itself.
    """
    settled = box.copy()
    core = settled.arrays[names.FORCE_MASK] > 0
    free = ~core & (depth(settled) < RIM)
    settled.calc = calculator
    heat = float(np.sqrt((settled.get_forces()[core] ** 2).sum(axis=1).mean()))  # eV/A
    if free.any():
        settled.set_constraint(FixAtoms(mask=~free))
        FIRE(settled, logfile=None, maxstep=LONGEST_STEP).run(fmax=max(COOLEST, HOTTEST * heat), steps=steps)
        settled.set_constraint()
        settled.get_forces()
    gamma = calculator.results.get("gamma")
    settled.calc = None
    if gamma is not None:
        settled.set_array(names.GAMMA_BOX, np.asarray(gamma, dtype=float))
    settled.wrap()
    return settled


def depth(box: Atoms) -> NDArray[np.float64]:
    """Distance [n_atoms] (A) of each atom from the nearest face of its box."""
    inverse = np.linalg.inv(np.asarray(box.cell))
    scaled = box.positions @ inverse % 1.0
    return np.asarray(
        (np.minimum(scaled, 1.0 - scaled) / np.linalg.norm(inverse, axis=0)).min(axis=1), dtype=np.float64
    )
