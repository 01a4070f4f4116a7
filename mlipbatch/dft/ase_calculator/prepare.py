"""One attempt's folder: the question (label.json), the program that answers it (label.py), and how it is run."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbatch.config.model import DFTConfig
from mlipbatch.dft.ase_calculator import program
from mlipbatch.dft.base import Prepared
from mlipbatch.dft.structures import MOMENTS

if TYPE_CHECKING:
    from ase import Atoms

PROGRAM, OUTPUT, ERRORS = "label.py", "label.out", "label.err"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def prepare(atoms: Atoms, dft: DFTConfig, cores: int) -> Prepared:
    """The attempt; one process, with as many threads as the job has cores."""
    return Prepared(
        files=files(dft, [structure(atoms)]),
        command=f"{shlex.join(python(dft))} {PROGRAM} > {OUTPUT} 2> {ERRORS}",
        environment=dict.fromkeys(THREADS, str(cores)),
        before=[f"rm -f {program.ANSWER}"],  # of a start before this one
        reasons={
            "calculator": f"{dft.calculator} with {json.dumps(dft.arguments)}: as input.yaml has it",
            "command": f"{dft.command}: to repeat the label, run {PROGRAM} in this folder",
        },
        expectation={"natoms": len(atoms), "species": list(dict.fromkeys(atoms.get_chemical_symbols()))},
        common={"code": "ase", "functional": f"{dft.calculator} {json.dumps(dft.arguments, sort_keys=True)}"},
    )


def python(dft: DFTConfig) -> list[str]:
    """The words that start the Python which has the calculator."""
    return [sys.executable] if dft.command == "python" else shlex.split(dft.command)


def files(dft: DFTConfig, structures: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Question and program."""
    question = {"calculator": dft.calculator, "arguments": dft.arguments, "structures": structures}
    return {program.ASKED: json.dumps(question, indent=1) + "\n", PROGRAM: Path(program.__file__).read_text()}


def structure(atoms: Atoms) -> dict[str, Any]:
    """A structure as label.json has it, to the last digit: positions [n_atoms, 3] and cell [3, 3] in A."""
    found = {
        "symbols": atoms.get_chemical_symbols(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": [bool(periodic) for periodic in atoms.pbc],
    }
    return found | ({"magmoms": atoms.get_array(MOMENTS).tolist()} if atoms.has(MOMENTS) else {})
