"""What an output of ABINIT 9 says, as far as it got. Nothing here judges."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[EeDd][-+]?\d+)?"
STEP = re.compile(rf"^ ETOT\s*(\d+)\s+({NUMBER})\s+({NUMBER})\s", re.MULTILINE)
SIGMA = re.compile(rf"^  sigma\((\d) (\d)\)=\s*({NUMBER})\s+sigma\((\d) (\d)\)=\s*({NUMBER})\s*$", re.MULTILINE)
CONVERGED = re.compile(r"^ At SCF step\s+\d+, etot is converged", re.MULTILINE)
UNCONVERGED = "was not enough SCF cycles to converge"
COMPLETED = "Calculation completed."
STRESS_HEAD = " Cartesian components of stress tensor (hartree/bohr^3)"
FORCES_HEAD = " cartesian forces (hartree/bohr) at end:\n"
ERROR = re.compile(
    r"^--- !(?:ERROR|BUG)\s*\nsrc_file: *(\S*).*?^message: \|\s*\n(.*?)^\.\.\.", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Run:
    """hartree and bohr, atoms in the input's order."""

    version: str | None = None
    header: dict[str, float] = field(default_factory=dict)  # natom, nkpt, nsppol, ecut, nelect, occopt, tsmear, toldfe
    energies: list[float] = field(default_factory=list)  # after each SCF step
    changes: list[float] = field(default_factory=list)  # of the energy in each SCF step
    energy: float | None = None  # the total free energy, F = E - TS
    forces: list[list[float]] = field(default_factory=list)  # [n_atoms, 3]
    stress: list[float] | None = None  # [6] xx yy zz yz xz xy, positive where the cell wants to shrink, as ASE has it
    symbols: list[str] = field(default_factory=list)
    magnetization: float | None = None  # Bohr magnetons
    converged: bool = False
    unconverged: bool = False
    completed: bool = False
    wall_s: float | None = None


def read_output(text: str) -> Run:
    """All of it. Raises nothing."""
    steps = STEP.findall(text)
    return Run(
        version=_word(r"^\.Version\s+(\S+)\s+of ABINIT", text),
        header=_header(text),
        energies=[number(energy) for _, energy, _ in steps],
        changes=[number(change) for _, _, change in steps],
        energy=_last(rf"^total_energy        : ({NUMBER})\n", text),
        forces=_forces(text),
        stress=_stress(text),
        symbols=_symbols(text),
        magnetization=_last(rf"Total magnetization \(exact up - dn\):\s+({NUMBER})\n", text),
        converged=CONVERGED.search(text) is not None,
        unconverged=UNCONVERGED in text,
        completed=COMPLETED in text,
        wall_s=_last(rf"Overall time at end \(sec\) : cpu=\s*{NUMBER}\s+wall=\s*({NUMBER})", text),
    )


def errors(log: str) -> list[tuple[str, str]]:
    """Source file and message of every `--- !ERROR` and `--- !BUG` in the log."""
    return [(source, " ".join(message.split())) for source, message in ERROR.findall(log)]


def number(text: str) -> float:
    """A number as Fortran writes it."""
    return float(text.lower().replace("d", "e"))


def _header(text: str) -> dict[str, float]:
    """From the document `!DatasetInfo`, and the tolerance from `!BeginCycle`."""
    found: dict[str, float] = {}
    for name in ("natom", "nkpt", "nsppol", "ecut", "nelect", "occopt", "tsmear", "toldfe"):
        value = re.search(rf"[{{ ]{name}:\s+({NUMBER}),", text)
        if value:
            found[name] = number(value[1])
    return found


def _forces(text: str) -> list[list[float]]:
    start = text.rfind(FORCES_HEAD)
    if start < 0:
        return []
    rows = []
    for line in text[start + len(FORCES_HEAD) :].splitlines():
        words = line.split()
        if len(words) != 4 or not all(re.fullmatch(NUMBER, word) for word in words):
            break
        rows.append([number(word) for word in words[1:]])
    return rows


def _stress(text: str) -> list[float] | None:
    start = text.rfind(STRESS_HEAD)
    rows = SIGMA.findall(text[start:])[:3] if start >= 0 else []
    parts = {(row[k], row[k + 1]): number(row[k + 2]) for row in rows for k in (0, 3)}
    wanted = (("1", "1"), ("2", "2"), ("3", "3"), ("3", "2"), ("3", "1"), ("2", "1"))
    return [parts[place] for place in wanted] if all(place in parts for place in wanted) else None


def _symbols(text: str) -> list[str]:
    """Of the atoms, as the summary of results has them beside their reduced coordinates."""
    start = text.rfind("\nxred      :\n")
    rows = text[start + 1 :].splitlines()[1:] if start >= 0 else []
    symbols = []
    for line in rows:
        found = re.fullmatch(r"- \[.*, ([A-Z][a-z]?)\]", line.strip())
        if not found:
            break
        symbols.append(found[1])
    return symbols


def _word(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else None


def _last(pattern: str, text: str) -> float | None:
    found = re.findall(pattern, text, re.MULTILINE)
    return number(found[-1]) if found else None
