"""results.json: may it be used, and what is in it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mlipbatch.core.failure import Diagnosis, Fact
from mlipbatch.dft import machine
from mlipbatch.dft.ase_calculator import program
from mlipbatch.dft.ase_calculator.prepare import ERRORS
from mlipbatch.dft.base import Labels

MISMATCH = "output_of_another_input"
LAST_BYTES = 4000


def diagnose(folder: Path, exit_code: int | None, scheduler: str | None) -> Diagnosis:
    """The verdict on one attempt. Raises nothing."""
    answer = read(folder / program.ANSWER)
    if answer is None:
        return Diagnosis(False, *machine.unfinished(exit_code, scheduler, last_words(folder)), _facts({}, exit_code))
    facts = _facts(answer, exit_code)
    failed = next((one for one in (answer, *results(answer)) if "failure" in one), None)
    if failed is not None:
        return Diagnosis(False, str(failed["failure"]), str(failed.get("sentence", "")), facts)
    if exit_code not in (0, None):
        return Diagnosis(False, *machine.unfinished(exit_code, scheduler, last_words(folder)), facts)
    wrong = _wrong(answer, read(folder / program.ASKED) or {})
    if wrong is not None:
        return Diagnosis(False, *wrong, facts)
    return Diagnosis(True, "ok", f"labelled by {answer['calculator']}", facts)


def labels(folder: Path) -> Labels:
    """The labels of an attempt; raises ValueError, with the verdict, where it must not become a label."""
    verdict = diagnose(folder, None, None)
    answer = read(folder / program.ANSWER)
    if not verdict.ok or answer is None:
        raise ValueError(f"{folder}: {verdict.name}: {verdict.sentence}")
    found = results(answer)[0]
    return Labels(
        energy=found["energy"],
        forces=found["forces"],
        stress=found["stress"],
        symbols=found["symbols"],
        magnetization=found.get("magnetization"),
        absolute_magnetization=None,
        iterations=None,
        accuracy=None,
        wall_s=found.get("wall_s"),
        kpoints=None,
        version=f"{answer['calculator']}: {answer.get('version', 'unknown')}",
        facts={"energy_kind": found.get("energy_kind")},
    )


def read(path: Path) -> dict[str, Any] | None:
    """A whole JSON object, or None."""
    try:
        found = json.loads(path.read_text(errors="replace"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers for each structure, as far as they are what they should be."""
    found = answer.get("results")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def last_words(folder: Path) -> str:
    """The last line on standard error: of a traceback the one that says what happened."""
    try:
        text = (folder / ERRORS).read_bytes()[-LAST_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _wrong(answer: dict[str, Any], question: dict[str, Any]) -> tuple[str, str] | None:
    """Why the answer is none to the question, or lacks something."""
    found, asked = results(answer), question.get("structures")
    if len(found) != 1 or not isinstance(asked, list) or len(asked) != 1:
        return program.MISSING, "there is no answer for the one structure that was asked for"
    if answer.get("calculator") != question.get("calculator") or found[0].get("symbols") != asked[0].get("symbols"):
        return MISMATCH, f"the answer is not for these atoms and {question.get('calculator')}"
    energy, forces, stress = (found[0].get(name) for name in ("energy", "forces", "stress"))
    rows = forces if isinstance(forces, list) else []
    if not (len(rows) == len(asked[0]["symbols"]) and all(_numbers(row, 3) for row in rows)):
        return program.MISSING, "there are no forces on all atoms"
    if not _numbers([energy], 1) or not _numbers(stress, 6):
        return program.MISSING, "there is no energy, or no stress"
    return None


def _numbers(values: object, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, (int, float)) and math.isfinite(value) for value in values)
    )


def _facts(answer: dict[str, Any], exit_code: int | None) -> dict[str, Fact]:
    facts: dict[str, Fact] = {} if exit_code is None else {"exit_code": exit_code}
    version = answer.get("version")
    return {**facts, "version": version} if isinstance(version, str) else facts
