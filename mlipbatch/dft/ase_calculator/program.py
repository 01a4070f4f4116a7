"""The program of one label job: energy, forces and stress of structures by an ASE calculator, from label.json into results.json.

It is copied into the attempt's folder and run there by any Python that has ASE, so it imports nothing of ours; to repeat a
label, type `python label.py` in that folder. Exit code 0: all labelled; 1: results.json says why not.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
import sys
import threading
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

ASKED, ANSWER = "label.json", "results.json"
NOT_FOUND, ARGUMENTS, FAILED = "calculator_not_found", "calculator_arguments", "calculation_failed"
NOT_CONVERGED, MISSING, NOT_FINITE = "electronic_convergence_not_reached", "results_missing", "results_not_finite"
BEAT_S = 60.0
UNCONVERGED = ("SCFError", "ConvergenceError", "NotConvergedError")  # names of exceptions
UNCONVERGED_WORDS = ("not converge", "did not converge", "convergence not", "failed to converge", "scf cycle")


class Refused(Exception):
    """It ends here: the name of the failure, and a sentence."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name, self.sentence = name, " ".join(sentence.split())
        super().__init__(self.sentence)


def load(path: str) -> Any:
    """The class or function behind an import path such as ase.calculators.emt.EMT. Raises Refused."""
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # noqa: BLE001  whatever a foreign module does when it is imported
        traceback.print_exc()
        raise Refused(NOT_FOUND, f"cannot import {module_name} ({said(error)})") from None
    if not callable(getattr(module, name, None)):
        near = difflib.get_close_matches(name, [other for other in vars(module) if other[0] != "_"], 1)
        raise Refused(NOT_FOUND, f"{module_name} has no {name}" + (f": did you mean {near[0]}?" if near else ""))
    return getattr(module, name)


def create(path: str, arguments: dict[str, Any]) -> Any:
    """The calculator. Raises Refused."""
    factory = load(path)
    try:
        return factory(**arguments)
    except Exception as error:  # noqa: BLE001  whatever a foreign calculator raises
        traceback.print_exc()
        raise Refused(ARGUMENTS, f"{path} cannot be made with these arguments ({said(error)})") from None


def labelled(structure: dict[str, Any], calculator: Any) -> dict[str, Any]:
    """Energy in eV, forces [n_atoms, 3] in eV/A, stress [6] in eV/A^3 (Voigt, ASE's sign). Raises Refused."""
    from ase import Atoms

    atoms = Atoms(
        structure["symbols"], positions=structure["positions"], cell=structure["cell"], pbc=structure["pbc"],
        magmoms=structure.get("magmoms"),
    )  # fmt: skip
    atoms.calc = calculator
    begin = time.monotonic()
    energy, kind = energy_of(atoms)
    forces = asked(atoms, "forces", atoms.get_forces).tolist()
    stress = asked(atoms, "stress", atoms.get_stress).tolist()
    numbers = [energy, *stress, *(component for row in forces for component in row)]
    if not all(abs(number) < float("inf") for number in numbers):
        raise Refused(NOT_FINITE, "energy, forces or stress are not finite")
    moment = (getattr(calculator, "results", None) or {}).get("magmom")
    return {
        "energy": energy, "energy_kind": kind, "forces": forces, "stress": stress, "symbols": structure["symbols"],
        "magnetization": None if moment is None else float(moment), "wall_s": time.monotonic() - begin,
    }  # fmt: skip


def energy_of(atoms: Any) -> tuple[float, str]:
    """The energy that forces are derivatives of, and which one that is: with an electronic temperature the free energy."""
    energy = asked(atoms, "energy", atoms.get_potential_energy)
    free = (getattr(atoms.calc, "results", None) or {}).get("free_energy")
    return (float(energy), "energy") if free is None else (float(free), "free_energy")


def asked(atoms: Any, what: str, get: Any) -> Any:
    """One result. Raises Refused."""
    from ase.calculators.calculator import PropertyNotImplementedError

    name = type(atoms.calc).__name__
    try:
        return get()
    except PropertyNotImplementedError:
        raise Refused(MISSING, f"{name} gives no {what}: a label is energy, forces and stress") from None
    except Exception as error:  # noqa: BLE001  whatever a foreign calculator raises
        traceback.print_exc()
        told = said(error)
        bad = type(error).__name__ in UNCONVERGED or any(word in told.lower() for word in UNCONVERGED_WORDS)
        raise Refused(NOT_CONVERGED if bad else FAILED, f"{name} failed ({told})") from None


def said(error: Exception) -> str:
    """The kind and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:300] if lines else type(error).__name__


def version(path: str) -> str:
    """The package that the calculator is from, with its version, and ASE's."""
    top = path.partition(".")[0]
    names = dict.fromkeys([*metadata.packages_distributions().get(top, [top]), "ase"])
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:  # a module of the user's own, found by PYTHONPATH
            found.append(f"{name} {getattr(sys.modules.get(name), '__version__', 'without version')}")
    return ", ".join(found)


def answer(structure: dict[str, Any], calculator: Any) -> dict[str, Any]:
    """The labels of one structure, or why there are none."""
    try:
        return labelled(structure, calculator)
    except Refused as refused:
        return {"failure": refused.name, "sentence": refused.sentence}


def beat() -> None:
    """A line a minute: this process is alive, though a calculator may say nothing for hours."""
    while True:
        time.sleep(BEAT_S)
        print("still at it", flush=True)


def main() -> int:
    """Label all structures of label.json."""
    threading.Thread(target=beat, daemon=True).start()
    request = json.loads(Path(ASKED).read_text())
    print(f"{request['calculator']} with {json.dumps(request['arguments'])}", flush=True)
    found: dict[str, Any] = {"calculator": request["calculator"], "results": []}
    try:
        calculator = create(request["calculator"], request["arguments"])
        found["version"] = version(request["calculator"])
        for structure in request["structures"]:
            found["results"].append(answer(structure, calculator))
            print(json.dumps(found["results"][-1]), flush=True)
    except Refused as refused:
        found |= {"failure": refused.name, "sentence": refused.sentence}
        print(f"{refused.name}: {refused.sentence}", flush=True)
    with open(f"{ANSWER}.tmp", "w") as handle:  # noqa: PTH123
        json.dump(found, handle)
        handle.flush()
        os.fsync(handle.fileno())
    Path(f"{ANSWER}.tmp").replace(ANSWER)  # whole or not at all
    return int("failure" in found or any("failure" in result for result in found["results"]))


if __name__ == "__main__":
    sys.exit(main())
