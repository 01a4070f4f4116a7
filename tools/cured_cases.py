"""The cases of tests/data/qe_cases that can be cured, run for real through `mlipbatch label`; prints a Markdown table of them.

    python tools/cured_cases.py FOLDER [CASE ...] [--command "/path/to/python -m qepy --pw.x"]

Each case is labelled in FOLDER/CASE with the parameters of its failing input, on this machine's local scheduler, and its energy
compared with what the case's converged output says. Needs pw.x and Debian's quantum-espresso-data; minutes of CPU. Of
the trouble of machines `killed` sends pw.x a SIGKILL, `walltime_kill` starts it so late that the job's wall time ends it,
`disk_full` fills the disk of its scratch while it runs, so that it cannot write its density, and `disk_full_start` leaves MPI no
room to start it; there is room again after the first attempt (both on a tmpfs: root only).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from ase.io import read, write

from mlipbatch.dft.quantum_espresso.asked import Asked, read_input
from mlipbatch.dft.quantum_espresso.results import RYDBERG, read_output_labels
from mlipbatch.dft.quantum_espresso.write import species
from mlipbatch.store.durable import read_frames

CASES = Path(__file__).parent.parent / "tests" / "data" / "qe_cases"
PSEUDO = "/usr/share/espresso/pseudo"
TOLERANCE = 0.1  # meV an atom
ATTEMPTS = "out.jobs/jobs/gen000/scf/case"
KILLED_AFTER = 2.0  # s of pw.x
LATE = "sh -c 'sleep 8; exec pw.x \"$@\"' pw.x"  # max_seconds counts from pw.x's start, the wall time from the job's
Trouble = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """An input that fails, what it must come to, and the trouble that is made meanwhile."""

    source: str  # input, by its name in qe_cases
    converged: str | None  # output with the right energy; None: it must be given up
    changes: dict[str, Any] = field(default_factory=dict)  # of `dft`
    walltime: int = 600  # s
    scratch_kb: int = 0  # size of the scratch; 0: none of its own
    trouble: Trouble | None = None
    distance: float = 0.0  # A between the first two atoms; 0: as the input has it


@dataclass(frozen=True)
class Outcome:
    """What came of a case; energies in eV a cell."""

    case: str
    rungs: list[str]
    failures: list[str]  # of the attempts that failed
    energy: float | None
    difference: float | None  # meV an atom
    reason: str
    wall_s: float

    @property
    def row(self) -> str:
        """Its line in the table."""
        energy = "-" if self.energy is None else f"{self.energy / RYDBERG:.8f}"
        apart = "-" if self.difference is None else f"{self.difference:.4f}"
        steps, failures = (", ".join(names) or "none" for names in (self.rungs, dict.fromkeys(self.failures)))
        cells = (self.case, len(self.rungs), steps, failures, energy, apart, f"{self.wall_s:.0f}", self.reason)
        return f"| {' | '.join(map(str, cells))} |"


def kill_once(folder: Path) -> None:
    """SIGKILL for the first pw.x that runs in `folder`, once it has run a while."""
    while True:
        for process in psutil.process_iter():
            try:
                mine = process.name() == "pw.x" and Path(process.cwd()).is_relative_to(folder)
                if mine and time.time() - process.create_time() > KILLED_AFTER:
                    process.kill()
                    return
            except psutil.Error:
                continue
        time.sleep(0.2)


def fill_disk(folder: Path) -> None:
    """No room in the scratch from the first SCF step on, until the attempt has failed for want of it."""
    _wait_for(folder, "pw.out", "iteration #  1")
    filler = folder / "scratch" / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as handle:
        while True:
            handle.write(bytes(4096))
    _wait_for(folder, "verdict.yaml", "")
    filler.unlink()


def more_disk(folder: Path) -> None:
    """Room in the scratch, once an attempt has failed for want of it."""
    _wait_for(folder, "verdict.yaml", "")
    subprocess.run(["mount", "-o", "remount,size=100m", str(folder / "scratch")], check=True)


def _wait_for(folder: Path, name: str, words: str) -> None:
    """Until the first attempt has this file with these words."""
    path = folder / ATTEMPTS / "attempt-1" / name
    while not (path.exists() and words in path.read_text()):
        time.sleep(0.1)


TABLE = {
    "spin_nomag": Case("spin_nomag/v_b07", "spin_nomag/v_b03"),
    "slosh_AlMg20": Case("slosh_AlMg20/b07", "slosh_AlMg20/b01_100_forces"),
    "slosh_AlMg30": Case("slosh_AlMg30/b07", "slosh_AlMg30/tf07_forces"),
    "close_Fe_1.0": Case("close_Fe_1.0/dav", "close_Fe_1.0/paro"),
    "close_Fe_0.9": Case("close_Fe_1.0/dav", None, distance=0.9),
    "hot_Fe": Case(
        "levelx_Fe/dg0002", "../qe_more/levelx", {"degauss": 0.004, "mixing_beta": 0.1, "electron_maxstep": 20}
    ),
    "levelx_Fe": Case("levelx_Fe/dg0002", None),
    "walltime": Case("walltime/ref", "walltime/ref", walltime=10),
    "walltime_kill": Case("walltime/ref", "walltime/ref", {"command": LATE}, walltime=15),
    "killed": Case("walltime/ref", "walltime/ref", trouble=kill_once),
    "disk_full": Case("walltime/ref", "walltime/ref", scratch_kb=40_000, trouble=fill_disk),
    "disk_full_start": Case("walltime/ref", "walltime/ref", scratch_kb=200, trouble=more_disk),
    "charge_wrong": Case("walltime/ref", None, {"extra": {"system": {"occupations": "fixed"}}}),
    "too_few_bands": Case("walltime/ref", None, {"extra": {"system": {"nbnd": 24}}}),
}


def settings(case: Case, asked: Asked, atoms: Any, command: str) -> dict[str, Any]:
    """The input.yaml of a case: the parameters of its failing input."""
    elements = species(atoms)
    functional = "pbe-nd-rrkjus" if "spin" in case.source or "close" in case.source else "pz-nd-rrkjus"
    files = {"Al": "Al.pz-vbc.UPF", "Mg": "Mg.pz-n-vbc.UPF", "Fe": f"Fe.{functional}.UPF"}
    cutoff = asked.number("ecutwfc") or 0.0
    nspin = int(asked.number("nspin") or 1)
    dft = {
        "command": command,
        "pseudo_dir": PSEUDO,
        "pseudopotentials": {element: files[element] for element in elements},
        "ecutwfc": cutoff,
        "ecutrho": asked.number("ecutrho") or 4 * cutoff,
        "smearing": asked.keywords["smearing"],
        "degauss": asked.number("degauss"),
        "nspin": nspin,
        "starting_magnetization": dict.fromkeys(elements, 1.0) if nspin == 2 else {},
        "conv_thr": (asked.number("conv_thr") or 0.0) / len(atoms),
        "mixing_beta": asked.number("mixing_beta"),
        "electron_maxstep": int(asked.number("electron_maxstep") or 100),
        **case.changes,
    }
    return {
        "project_name": "case",
        "target_system": {
            "elements": elements,
            "composition": {element: 1 / len(elements) for element in elements},
            "crystal_structure": "bcc" if elements == ["Fe"] else "fcc",
        },
        "simulation_goal": {"type": "elastic", "temperature_range": [300, 600]},
        "resources": {"dft_code": "quantum_espresso", "parallel_cores": 1, "gpu_enabled": False},
        "dft": dft,
        "jobs": {"dft_cores": 1, "dft_walltime": case.walltime},
    }


def run(name: str, case: Case, folder: Path, command: str = "pw.x") -> Outcome:
    """Label the case in `folder`, which must not exist."""
    folder.mkdir(parents=True)
    text = (CASES / f"{case.source}.pwi").read_text()
    asked = read_input(text)
    if asked is None or asked.mesh is None:
        raise ValueError(f"{case.source}.pwi is no input with a mesh")
    atoms = read(CASES / f"{case.source}.pwi", format="espresso-in")
    atoms.set_initial_magnetic_moments(None)
    atoms.info |= {"name": "case", "kpoints": " ".join(str(points) for points in asked.mesh)}
    if case.distance:
        atoms.set_distance(0, 1, case.distance, fix=0)
    write(folder / "in.extxyz", atoms)
    (folder / "input.yaml").write_text(yaml.safe_dump(settings(case, asked, atoms, command)))
    scratch = folder / "scratch"
    if case.scratch_kb:
        _site(folder, scratch)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={case.scratch_kb}k", "none", str(scratch)], check=True)
    begun = time.monotonic()
    try:
        if case.trouble:
            threading.Thread(target=case.trouble, args=(folder,), daemon=True).start()
        words = ["label", "in.extxyz", "--config", "input.yaml", "-o", "out.extxyz", "--cores", "1"]
        environment = {**os.environ, "MLIPBATCH_LOCAL_POOL": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
        with (folder / "log").open("w") as log:
            subprocess.run(
                [sys.executable, "-m", "mlipbatch", *words],
                cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
    finally:
        if case.scratch_kb:
            subprocess.run(["umount", "--lazy", str(scratch)], check=True)
    return _outcome(name, case, folder, time.monotonic() - begun)


def _site(folder: Path, scratch: Path) -> None:
    scratch.mkdir()
    (folder / "config" / "mlipbatch").mkdir(parents=True)
    site = {"name": "a small disk", "scheduler": "local", "interval": 0.3, "scratch": str(scratch)}
    (folder / "config" / "mlipbatch" / "site.yaml").write_text(yaml.safe_dump(site))


def _outcome(name: str, case: Case, folder: Path, wall_s: float) -> Outcome:
    attempts = sorted(folder.glob(f"{ATTEMPTS}/attempt-*"), key=lambda path: int(path.name[8:]))
    rungs = [str(yaml.safe_load((path / "attempt.yaml").read_text())["rung"]) for path in attempts]
    verdicts = [yaml.safe_load((path / "verdict.yaml").read_text()) for path in attempts]
    failures = [str(verdict["diagnosis"]["name"]) for verdict in verdicts if not verdict["diagnosis"]["ok"]]
    labels, given_up = (_frames(folder / file) for file in ("out.extxyz", "out.failed.extxyz"))
    if not labels:  # given up, or the input itself was refused
        reason = given_up[0].info["reason"] if given_up else (folder / "log").read_text().strip().splitlines()[-1]
        return Outcome(name, rungs, failures, None, None, str(reason), wall_s)
    energy = float(labels[0].info["REF_energy"])
    apart = None
    if case.converged:
        right = read_output_labels(CASES / f"{case.converged}.pwo").energy
        apart = 1000 * abs(energy - right) / len(labels[0])
    return Outcome(name, rungs, failures, energy, apart, "labelled", wall_s)


def _frames(path: Path) -> list[Any]:
    return read_frames(path) if path.exists() and path.stat().st_size else []


def right(outcome: Outcome, case: Case) -> bool:
    """Is it as the case must come out?"""
    if case.converged is None:
        return outcome.energy is None
    return outcome.difference is not None and outcome.difference < TOLERANCE


def main(words: list[str]) -> int:
    """Run the cases named, or all; 1 where one does not come out as it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", nargs="*", metavar="CASE", default=list(TABLE))
    parser.add_argument("--command", default="pw.x", help="dft.command")
    asked = parser.parse_args(words)
    wrong = 0
    print(
        "| case | attempts | rungs | failures | energy, Ry | off by, meV/atom | wall, s | |\n|---|---|---|---|---|---|---|---|"
    )
    for name in asked.cases:
        folder = asked.folder.resolve() / name
        outcome = run(name, TABLE[name], folder, asked.command)
        (folder / "outcome.json").write_text(json.dumps(outcome.__dict__))
        wrong += not right(outcome, TABLE[name])
        print(outcome.row, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
