"""Programs that jobs call, and the batch schedulers' own."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlipbatch.config.resources import PACKAGE
from mlipbatch.schedulers.command import run
from mlipbatch.stages.doctor.finding import Finding

ANSWER_LIMIT_S = 10.0
TENSORFLOW_LIMIT_S = 120.0


@dataclass(frozen=True)
class Program:
    """A program, and how it says its version."""

    name: str
    arguments: Sequence[str]
    version: str  # regular expression with one group, searched in all that it prints
    purpose: str
    necessary: bool = False
    remedy: str = ""


PROGRAMS = (
    # pw.x knows no --version: with an empty input it says which it is, leaves a CRASH file, and ends
    Program(
        "pw.x",
        (),
        r"PWSCF v\.?\s*(\S+)",
        "Quantum ESPRESSO: makes the labels",
        necessary=True,
        remedy="apt-get install quantum-espresso, or load your cluster's module of Quantum ESPRESSO",
    ),
    Program(
        "mpirun",
        ("--version",),
        r"(.*\d.*)",
        "pw.x on several cores",
        remedy="comes with the MPI that pw.x was built with",
    ),
    Program(
        "abinit",
        ("--version",),
        r"(\d\S*)",
        "ABINIT: labels of campaigns with dft_code abinit",
        remedy="apt-get install abinit abinit-data, or load your cluster's module",
    ),
    Program("sbatch", ("--version",), r"slurm\S*\s+(\S+)", "SLURM: submits jobs"),
    # Grid Engine has a qstat and a qsub too: only PBS knows --version
    Program("qstat", ("--version",), r"(?:pbs_version\s*=\s*|PBS\S*\s+)(\S+)", "PBS: says how jobs are"),
)


def which(name: str) -> str | None:
    """Path of a program: PATH, then this interpreter's environment, which need not be activated."""
    return shutil.which(name) or shutil.which(name, path=os.fspath(Path(sys.prefix) / "bin"))


def look(program: Program) -> Finding:
    """Is the program there, and which version does it say it is?"""
    path = which(program.name)
    finding = Finding("programs", program.name, program.purpose, path is not None, program.necessary)
    if path is None:
        return replace(finding, remedy=program.remedy)
    said = _answer([path, *program.arguments])
    match = re.search(program.version, said)
    if match is None and program.name == "qstat":
        return replace(finding, where=path, version="not PBS (Grid Engine has a qstat too)")
    return replace(finding, where=path, version=match[1].strip() if match else "unknown")


def _answer(argv: Sequence[str]) -> str:
    """All that a program prints; it runs in a folder of its own, which is removed."""
    with tempfile.TemporaryDirectory(prefix="mlipbatch-doctor-") as folder:
        done = run(argv, timeout=ANSWER_LIMIT_S, cwd=Path(folder), stdin="")
    return f"{done.stdout}\n{done.stderr}"


def look_for_lammps() -> Finding:
    """A LAMMPS that runs `in.potential` by itself: one with the package ML-PACE."""
    purpose = "LAMMPS with ML-PACE, to run in.potential by itself (mlipbatch's own MD does not need it)"
    remedy = "build LAMMPS from source with `cmake -D PKG_ML-PACE=yes`"
    path = which("lmp")
    if path is None:
        return Finding("programs", "lmp", purpose, found=False, remedy=remedy)
    said = _answer([path, "-h"])
    version = re.search(r"Simulator - (.*)", said)
    finding = Finding("programs", "lmp", purpose, found=True, version=version[1] if version else "unknown", where=path)
    return finding if re.search(r"\bML-PACE\b", said) else replace(finding, problem="has no ML-PACE", remedy=remedy)


def look_for_pacemaker(*, deep: bool) -> Finding:
    """pacemaker with its tensorpot evaluator, which is in an environment of its own."""
    from mlipbatch.training.refine import find_pacemaker

    found = find_pacemaker("auto")
    checkout = (PACKAGE.parent / "tools" / "setup.sh").is_file()
    finding = Finding(
        "programs",
        "pacemaker",
        "refines the closed-form potential (without it that one stays)",
        found is not None,
        where=" ".join(found or ()),
    )
    remedy = (
        f"make -C {PACKAGE.parent} setup" if checkout else "pip install python-ace, tensorflow-cpu and tensorpotential"
    )
    if found is None:
        return replace(finding, remedy=f"{remedy}; or MLIPBATCH_PACEMAKER=/path/to/pacemaker")
    problem, version = _evaluator(Path(found[0]).parent / "python", deep=deep)
    return replace(finding, version=version, problem=problem, remedy=remedy if problem else "")


def _evaluator(python: Path, *, deep: bool) -> tuple[str, str]:
    """What is wrong with the environment of that interpreter, and its versions."""
    if not python.is_file():
        return "", "unknown"
    code = (
        "import importlib.metadata as m, importlib.util as u;"
        "assert u.find_spec('tensorflow'), 'tensorflow is not installed';"
        "print(m.version('python-ace') + ', tensorpotential ' + m.version('tensorpotential'))"
    )
    use = "import tensorpotential, pyace;" if deep else ""
    done = run([str(python), "-c", use + code], timeout=TENSORFLOW_LIMIT_S, environment={"TF_CPP_MIN_LOG_LEVEL": "3"})
    last = (done.stderr if done.code else done.stdout).strip().splitlines()[-1:]
    return (f"its tensorpot evaluator is not usable: {''.join(last)}", "") if done.code else ("", "".join(last))
