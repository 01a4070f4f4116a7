"""pacemaker, run as a program in its own environment, refining a closed-form potential: radial functions and coefficients.

Its loss has energies and forces, and no word of stress. Per structure it takes the squared error of the energy per atom, so
`w_energy` grows with the square of the number of atoms here: total energies, as in the closed form.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlipbatch.config.model import LossWeights
from mlipbatch.training.environment import periodic
from mlipbatch.training.labels import Label
from mlipbatch.training.zbl import Prediction

VARIABLE = "MLIPBATCH_PACEMAKER"  # environment variable that names the program
LOG = "output.log"
BATCH = 100  # structures evaluated at a time


class Refined(NamedTuple):
    """What came of it."""

    potential: Path | None  # B-basis yaml; None where there is none
    said: str  # one sentence


def find_pacemaker(command: str) -> list[str] | None:
    """The program as an argument list, or None.

    'auto' is $MLIPBATCH_PACEMAKER, else `.venv-pacemaker` beside this interpreter's environment, else what PATH has.
    """
    if command != "auto":
        return shlex.split(command)
    if os.environ.get(VARIABLE):
        return shlex.split(os.environ[VARIABLE])
    beside = Path(sys.prefix).parent / ".venv-pacemaker" / "bin" / "pacemaker"
    found = str(beside) if beside.is_file() else shutil.which("pacemaker")
    return [found] if found else None


def refine(
    start: Any,
    data: Sequence[tuple[Label, Prediction]],
    weights: LossWeights,
    steps: int,
    *,
    seed: int,
    command: str,
    folder: Path,
) -> Refined:
    """Refine the pyace basis set `start` on labels less their offsets (references and ZBL), in the new folder `folder`."""
    program = find_pacemaker(command)
    if program is None:
        return Refined(None, f"pacemaker was not found (set {VARIABLE} to its path): the closed-form potential stays")
    folder.mkdir()
    start.save(str(folder / "start.yaml"))
    write_data(folder / "data.pckl.gzip", data, start.cutoffmax)
    (folder / "input.yaml").write_text(
        json.dumps(pacemaker_input(data, weights, steps, seed), indent=1)
    )  # JSON is YAML
    try:
        code = _run([*program, "--no-predict", "input.yaml"], folder)
    except OSError as error:
        return Refined(None, f"{program[0]} does not start ({error.strerror}): the closed-form potential stays")
    result = folder / "output_potential.yaml"
    if code or not result.is_file():
        last = _last_line(folder / LOG)
        return Refined(None, f"pacemaker ended with code {code} ({last}): the closed-form potential stays")
    return Refined(result, f"pacemaker refined radial functions and coefficients in up to {steps} BFGS steps")


def _run(arguments: list[str], folder: Path) -> int:
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "Agg", **os.environ}
    with (folder / LOG).open("w") as log:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        return subprocess.run(arguments, cwd=folder, env=environment, check=False, **streams).returncode


def pacemaker_input(
    data: Sequence[tuple[Label, Prediction]], weights: LossWeights, steps: int, seed: int
) -> dict[str, Any]:
    """pacemaker's input: the closed form's loss without stress.

    pacemaker normalises `w_energy` and `w_forces` to a sum of 1 each, and sums squared errors over the components of a force.
    """
    sizes = np.array([len(label.atoms) for label, _ in data if label.energy is not None])
    energy = weights.energy * float(np.mean(sizes**2)) if len(sizes) else 0.0
    force = weights.force / 3.0
    return {
        "seed": seed,
        "potential": "start.yaml",
        "data": {"filename": "data.pckl.gzip"},
        "fit": {
            "loss": {"kappa": force / (force + energy), "L1_coeffs": 0, "L2_coeffs": 0},
            "optimizer": "BFGS",
            "maxiter": steps,
            "trainable_parameters": "ALL",
        },
        "backend": {"evaluator": "tensorpot", "batch_size": BATCH, "display_step": 10},
    }


def write_data(path: Path, data: Sequence[tuple[Label, Prediction]], cutoff: float) -> None:
    """The pickled data frame; masked atoms weigh 0 and have no force, masked boxes weigh 0 and have no energy."""
    import pandas as pd

    frame = pd.DataFrame([_row(label, offset, cutoff) for label, offset in data])
    frame.to_pickle(path, compression="gzip", protocol=4)


def _row(label: Label, offset: Prediction, cutoff: float) -> dict[str, Any]:
    bare = periodic(label.atoms, cutoff)
    bare = type(bare)(bare.numbers, bare.positions, cell=bare.cell, pbc=True)
    size = len(bare)
    return {
        "ase_atoms": bare,
        "energy_corrected": 0.0 if label.energy is None else label.energy - offset.energy,
        "forces": np.where(label.mask[:, None], label.forces - offset.forces, 0.0),
        "w_energy": 0.0 if label.energy is None else float(size**2),
        "w_forces": label.mask.astype(float),
    }


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"
