"""What stands in a pw.x output (6.1 to 7.5): numbers and markers, no judgement. Any text at all may be given."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, field

NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[EeDd][-+]?\d+)?"
START = "Program PWSCF"
CYCLE = "Self-consistent Calculation"
FOLLOWING = re.compile(r"\n     Program \S+ v\.")  # another program that wrote to the same file
HEADER = {
    "natoms": rf"number of atoms/cell\s*=\s*({NUMBER})",
    "electrons": rf"number of electrons\s*=\s*({NUMBER})",
    "bands": rf"number of Kohn-Sham states\s*=\s*({NUMBER})",
    "ecutwfc": rf"kinetic-energy cutoff\s*=\s*({NUMBER})",
    "volume": rf"unit-cell volume\s*=\s*({NUMBER})",  # bohr^3
    "conv_thr": rf"convergence threshold\s*=\s*({NUMBER})[^\S\n]*\n[^\S\n]*mixing beta",  # not that of RISM
    "kpoints": r"number of k points\s*=\s*(\d+)",
    "symmetries": r"(\d{1,4}) Sym\. ?Ops",
    "diagonalizers": r"distributed-memory algorithm \(size of sub-group:\s*(\d{1,5})\*",  # a side of their square
}
ENERGY = re.compile(rf"^(!+)\s+total energy\s*=\s*({NUMBER})\s*Ry", re.MULTILINE)
ANY_ENERGY = re.compile(r"^!+\s+total energy\s*=", re.MULTILINE)
SMEARING = re.compile(rf"smearing contrib\. \(-TS\)\s*=\s*({NUMBER})\s*Ry")
THRESHOLD = re.compile(rf"^ *scf convergence threshold\s*=\s*({NUMBER})[^\S\n]*$", re.MULTILINE)
ACCURACY = re.compile(rf"estimated scf accuracy\s*<\s*({NUMBER})\s*Ry")
CONVERGED = re.compile(r"convergence has been achieved(?: in\s+(\d+) iterations)?")
NOT_ACHIEVED = re.compile(r"convergence NOT achieved(?: after\s+(\d+) iterations)?")
ITERATION = re.compile(r"^ +iteration #\s*(\d{1,9})", re.MULTILINE)
COMPONENT = r" *([-+]?\d*\.\d{8})"  # 14 columns, so that large ones touch
FORCE = re.compile(rf"^ +atom +(\d{{1,9}}) +type +\S+ +force ={COMPONENT * 3} *$", re.MULTILINE)
# Ry/bohr^3 and, in three narrower columns that may be stars, kbar
STRESS = re.compile(rf"total\s+stress\s.*\n((?:(?:[^\S\n]+{NUMBER}){{3}}[^\S\n]+\S+.*\n){{3}})")
MAGNETIZATION = re.compile(rf"^ +(total|absolute) magnetization\s*=\s*({NUMBER})", re.MULTILINE)
SITE = re.compile(rf"^ +\d+ +([A-Za-z]\S*) +tau\(\s*\d+\)\s*=\s*\(\s*{NUMBER}\s+{NUMBER}\s+{NUMBER}\s*\)", re.MULTILINE)
WALL = re.compile(r"^ +PWSCF +:.*CPU\s+(.*?)\s*WALL", re.MULTILINE)
MESSAGE = r"[^\S\n]*\n?((?:(?! *%%%)[^\n]*\n?){0,3})"  # up to three lines
ERROR = re.compile(
    rf"Error in routine[^\S\n]+([^\n(]*?)[^\S\n]*\(\s*(-?\d+|\*+)\s*\):?{MESSAGE}"
    rf"|from[^\S\n]+([^\n:]*?)[^\S\n]*:\s*error\s*#\s*(-?\d+|\*+){MESSAGE}"
)
JOB_DONE = re.compile(
    r"^ *JOB DONE\.[^\n]*\n(?:.*\n){0,20}?=-{70,}=", re.MULTILINE
)  # with the line that closes the file
ENERGIES = re.compile(r"-?\d{1,9}\.\d{4}")
BANDS = re.compile(r"bands \(ev\):[^\S\n]*\n\s*\n((?:[-\d. ]+\n)+)")
EXCHANGE_AGAIN = "now go back to refine exchange calculation"
EXCHANGE_REACHED = "EXX self-consistency reached"
TIMINGS = 100_000  # characters at the end of a run in which the timings stand
UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True)
class Run:
    """The last run in an output, and its last SCF cycle; None is not there."""

    version: str | None = None
    header: dict[str, float] = field(default_factory=dict)  # keys of HEADER
    smearing: str | None = None  # text after the number of k-points; empty where occupations are fixed
    symbols: list[str] = field(default_factory=list)  # species label of each atom
    iterations: int = 0
    accuracies: list[float] = field(default_factory=list)  # Ry, one a step of the last SCF cycle
    energy: float | None = None  # Ry, of the `!` line
    accuracy: float | None = None  # Ry, after it
    smearing_energy: float | None = None  # Ry, -TS, part of the energy
    converged: bool = False
    not_achieved: bool = False  # in any SCF of the run
    hybrid: bool = False  # the SCF stood inside a loop over the exchange
    loosest: float | None = None  # Ry, threshold of the last SCF in that loop
    forces: list[tuple[float, float, float]] = field(default_factory=list)  # Ry/bohr, atoms in order
    stress: list[list[float]] | None = None  # [3, 3] Ry/bohr^3, pw.x's sign: positive when compressed
    magnetization: float | None = None  # Bohr magnetons a cell
    absolute_magnetization: float | None = None
    wall_s: float | None = None
    job_done: bool = False
    markers: tuple[str, ...] = ()
    fermi: float | None = None  # eV
    lowest_top: float | None = None  # eV, highest band at the k-point where it is lowest
    band_gap: float | None = None  # eV, of fixed occupations, where pw.x prints the lowest empty level


MARKERS = {
    "max_seconds": "Maximum CPU time exceeded",
    "exit_file": "Program stopped by user request",
    "nscf": "Band Structure Calculation",
}


def last_run(text: str) -> str:
    """The last run of pw.x in `text`, up to the program that follows it; all of it where there is none."""
    start = text.rfind(START)
    if start < 0:
        return text
    following = FOLLOWING.search(text, start)
    return text[start : following.start()] if following else text[start:]


def read_output(text: str) -> Run:
    """Everything of the last run in `text`; a file that was appended to holds several."""
    run = last_run(text)
    first, start = run.find(CYCLE), run.rfind(CYCLE)
    before, cycle = (run[:first], run[start:]) if start >= 0 else (run, "")
    energy = _last(ENERGY, cycle)
    final = cycle[energy.start() :] if energy else ""
    if len(ANY_ENERGY.findall(final)) > 1:  # the last one is no number
        energy, final = None, ""
    hybrid = EXCHANGE_AGAIN in run
    moments = {kind: number(value) for kind, value in MAGNETIZATION.findall(final[:4000])}
    steps = [int(step) for step in ITERATION.findall(cycle)]
    wall = _last(WALL, run[-TIMINGS:])
    accuracies = [number(value) for value in ACCURACY.findall(cycle)]
    accuracy = ACCURACY.search(final)
    threshold = _last(THRESHOLD, run) if hybrid else None
    contribution = SMEARING.search(final)
    return Run(
        version=_version(run),
        header=_header(before),
        smearing=_smearing(before),
        symbols=list(SITE.findall(before.split("number of k points", 1)[0])),
        iterations=max(steps, default=0),
        accuracies=accuracies,
        energy=number(energy[2]) if energy else None,
        accuracy=number(accuracy[1]) if accuracy else accuracies[-1] if hybrid and energy and accuracies else None,
        smearing_energy=number(contribution[1]) if contribution else None,
        converged=_converged(cycle, final, hybrid),
        not_achieved=NOT_ACHIEVED.search(run) is not None,
        hybrid=hybrid,
        loosest=number(threshold[1]) if threshold else None,
        forces=_forces(final),
        stress=_stress(final),
        magnetization=moments.get("total"),
        absolute_magnetization=moments.get("absolute"),
        wall_s=seconds(wall[1]) if wall else None,
        job_done=_job_done(final if energy else run),
        markers=tuple(name for name, marker in MARKERS.items() if marker in run),
        fermi=_fermi(cycle),
        lowest_top=_lowest_top(cycle),
        band_gap=_gap(final or cycle),
    )


def _job_done(text: str) -> bool:
    """Is the output closed, with no SCF step after that?"""
    return JOB_DONE.search(text, max(text.rfind(" iteration #"), 0)) is not None


def _converged(cycle: str, final: str, hybrid: bool) -> bool:
    """A hybrid functional's energy is final (`!!`) only when the loop over the exchange is over, too."""
    if hybrid:
        return final.startswith("!!") and EXCHANGE_REACHED in final and CONVERGED.search(cycle) is not None
    return CONVERGED.search(final) is not None


def errors(text: str) -> list[tuple[str, int, str]]:
    """Every `Error in routine`: (routine, number, message in one line); 0 for a number that did not fit its columns."""
    found = []
    for match in ERROR.finditer(text) if "Error in routine" in text or "error" in text else ():
        routine, code, message = match.group(1, 2, 3) if match[1] is not None else match.group(4, 5, 6)
        found.append((routine.strip(), 0 if "*" in code else int(code[:9]), " ".join(message.split())))
    return found


def seconds(text: str) -> float | None:
    """pw.x's times: ` 1h23m`, `1m 2.30s`, `6.74s`, in s."""
    parts = re.findall(r"(\d{1,9}(?:\.\d{0,9})?)\s*([dhms])", text)
    return sum(float(value) * UNITS[unit] for value, unit in parts) if parts else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


def number(text: str) -> float:
    """A Fortran number."""
    return float(text.replace("D", "e").replace("d", "e"))


def _version(run: str) -> str | None:
    found = re.search(rf"{START} v\.(\S+)", run)
    return found[1] if found else None


def _header(run: str) -> dict[str, float]:
    found = {}
    for key, pattern in HEADER.items():
        match = re.search(pattern, run)
        if match and math.isfinite(number(match[1])):
            found[key] = number(match[1])
    if "No symmetry found" in run:
        found["symmetries"] = 1.0
    return found


def _smearing(run: str) -> str | None:
    found = re.search(r"number of k points\s*=\s*\d+[^\S\n]*(.*)\n", run)
    return found[1].strip() if found else None


def _forces(final: str) -> list[tuple[float, float, float]]:
    """The first block after the header, atoms 1, 2, ...; contributions that follow at high verbosity are left alone."""
    start = final.rfind("Forces acting on atoms")
    found: list[tuple[float, float, float]] = []
    for match in FORCE.finditer(final, max(start, 0)) if start >= 0 else ():
        if int(match[1]) != len(found) + 1:
            break
        found.append((number(match[2]), number(match[3]), number(match[4])))
    return found


def _stress(final: str) -> list[list[float]] | None:
    found = _last(STRESS, final)
    if not found:
        return None
    rows = [[number(value) for value in row.split()[:3]] for row in found[1].splitlines() if row.strip()]
    return rows if len(rows) == 3 else None


def _fermi(cycle: str) -> float | None:
    found = re.search(rf"the Fermi energy is\s+({NUMBER}) ev", cycle)
    return number(found[1]) if found else None


def _lowest_top(cycle: str) -> float | None:
    """Bands are printed in columns of nine that may touch, four decimals each; none are printed for 100 k-points and more."""
    end = cycle.rfind("End of self-consistent calculation")
    tops = [
        max(float(value) for value in values)
        for block in BANDS.findall(cycle[max(end, 0) :])
        if (values := ENERGIES.findall(block))
    ]
    return min(tops, default=None)


def _gap(final: str) -> float | None:
    found = re.search(rf"highest occupied, lowest unoccupied level \(ev\):\s*({NUMBER})\s+({NUMBER})", final)
    return number(found[2]) - number(found[1]) if found else None
