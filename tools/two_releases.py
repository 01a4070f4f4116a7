"""The same structures labelled by two releases of pw.x, through `mlipbatch label`; prints a Markdown table of the differences.

    python tools/two_releases.py FOLDER COMMAND [COMMAND]

COMMAND is `dft.command`: `pw.x`, or "/path/to/python -m qepy --pw.x" for the release inside the package qepy. With one command
the other is `pw.x`. Needs Debian's quantum-espresso-data; minutes of CPU. Ends with 1 where a label is missing or differs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write
from ase.units import GPa

from mlipbatch.core import frames
from mlipbatch.store.durable import read_frames

PSEUDO = "/usr/share/espresso/pseudo"
TIGHT = 1e-10  # Ry an atom
ENERGY, FORCE, STRESS = 0.1, 1.0, 0.01  # meV an atom, meV/A, GPa: what labels may differ by


@dataclass(frozen=True)
class Group:
    """Structures of one input.yaml."""

    files: dict[str, str]  # pseudopotential of each element
    ecutwfc: float  # Ry
    ecutrho: float  # Ry
    structures: dict[str, Atoms]
    spacing: float = 0.35  # 1/A, with 2 pi
    more: dict[str, Any] = field(default_factory=dict)  # of `dft`


def rattled(atoms: Atoms, strain: float = 0.0, shear: float = 0.0) -> Atoms:
    """Atoms off their sites in a cell that is none of the crystal's."""
    deformation = np.eye(3) * (1 + strain) + shear * np.eye(3, k=1)
    atoms.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    atoms.rattle(0.06, seed=7)
    atoms.set_initial_magnetic_moments(None)
    return atoms


def groups() -> dict[str, Group]:
    """Metals, an alloy, a vacancy, a semiconductor, spins and a molecule."""
    mixed = bulk("Al", a=4.05, cubic=True)
    mixed.symbols[3] = "Mg"
    vacancy = bulk("Al", a=4.0, cubic=True) * (2, 1, 1)
    del vacancy[0]
    iron_nickel = bulk("Fe", a=2.83, cubic=True)
    iron_nickel.symbols[1] = "Ni"
    water = molecule("H2O", cell=[7.0, 7.5, 8.0], pbc=True)
    water.center()
    return {
        "al_mg": Group({"Al": "Al.pz-vbc.UPF", "Mg": "Mg.pz-n-vbc.UPF"}, 16, 64, {
            "Al4": rattled(bulk("Al", a=4.0, cubic=True)),
            "Al7, a vacancy": rattled(vacancy, 0.02),
            "Mg2, strained": rattled(bulk("Mg"), 0.03, 0.05),
            "Al3Mg": rattled(mixed, -0.02),
        }),
        "si": Group({"Si": "Si.pz-vbc.UPF"}, 18, 72, {
            "Si2, sheared": rattled(bulk("Si"), shear=0.05),
            "Si8": rattled(bulk("Si", cubic=True)),
        }),
        "fe_ni": Group({"Fe": "Fe.pbe-nd-rrkjus.UPF", "Ni": "Ni.pbe-nd-rrkjus.UPF"}, 25, 200, {
            "Fe2, spin": rattled(bulk("Fe", a=2.83, cubic=True)),
            "FeNi, spin": rattled(iron_nickel, 0.01),
        }, 0.6, {"nspin": 2}),
        "water": Group({"H": "H.pz-vbc.UPF", "O": "O.pz-rrkjus.UPF"}, 30, 200, {"H2O in a box": rattled(water)}, 2.0),
    }  # fmt: skip


def settings(group: Group, command: str) -> dict[str, Any]:
    """The input.yaml of a group."""
    elements = list(group.files)
    return {
        "project_name": "releases",
        "target_system": {
            "elements": elements,
            "composition": {element: 1 / len(elements) for element in elements},
            "crystal_structure": "diamond" if elements == ["Si"] else "fcc",
        },
        "simulation_goal": {"type": "elastic", "temperature_range": [300, 600]},
        "resources": {"dft_code": "quantum_espresso", "parallel_cores": 1, "gpu_enabled": False},
        "dft": {
            "command": command,
            "pseudo_dir": PSEUDO,
            "pseudopotentials": group.files,
            "ecutwfc": group.ecutwfc,
            "ecutrho": group.ecutrho,
            "kpoints_spacing": group.spacing,
            "conv_thr": TIGHT,
            **group.more,
        },
        "jobs": {"dft_cores": 1, "dft_walltime": 900},
    }


def label(group: Group, command: str, folder: Path) -> dict[str, Atoms]:
    """Labels of a group by name, in `folder`, which must not exist."""
    folder.mkdir(parents=True)
    structures = list(group.structures.values())
    for number, atoms in enumerate(structures):
        atoms.info[frames.NAME] = f"s{number}"
    write(folder / "in.extxyz", structures)
    (folder / "input.yaml").write_text(yaml.safe_dump(settings(group, command)))
    words = ["label", "in.extxyz", "--config", "input.yaml", "-o", "out.extxyz", "--cores", "1"]
    environment = {**os.environ, "MLIPBATCH_LOCAL_POOL": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    with (folder / "log").open("w") as log:
        subprocess.run(
            [sys.executable, "-m", "mlipbatch", *words],
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    made = {atoms.info[frames.NAME]: atoms for atoms in read_frames(folder / "out.extxyz")}
    return {name: made[atoms.info[frames.NAME]] for name, atoms in group.structures.items()}


def differences(one: Atoms, other: Atoms) -> tuple[float, float, float]:
    """meV an atom; the largest of forces, meV/A; and of the stress, GPa."""
    energy = 1000 * abs(one.info[frames.REF_ENERGY] - other.info[frames.REF_ENERGY]) / len(one)
    force = 1000 * np.abs(one.arrays[frames.REF_FORCES] - other.arrays[frames.REF_FORCES]).max()
    stress = np.abs(np.subtract(one.info[frames.REF_STRESS], other.info[frames.REF_STRESS])).max() / GPa
    return float(energy), float(force), float(stress)


def rows(folder: Path, commands: list[str]) -> Iterator[tuple[str, Atoms, Atoms]]:
    """Each structure with its two labels."""
    for key, group in groups().items():
        one, other = (label(group, command, folder / f"{key}-{number}") for number, command in enumerate(commands))
        yield from ((name, one[name], other[name]) for name in group.structures)


def main(words: list[str]) -> int:
    """Print the table; 1 where labels differ."""
    wrong = 0
    print("| structure | releases | rungs | steps | energy, eV | differs by, meV/atom | forces, meV/A | stress, GPa |")
    print("|---|---|---|---|---|---|---|---|")
    for name, one, other in rows(Path(words[0]).resolve(), ["pw.x", *words[1:]][-2:]):
        energy, force, stress = differences(one, other)
        wrong += energy > ENERGY or force > FORCE or stress > STRESS
        both = (
            " / ".join(str(atoms.info[key]) for atoms in (one, other))
            for key in ("dft_version", "rung", "dft_iterations")
        )
        cells = (name, *both, f"{one.info[frames.REF_ENERGY]:.5f}", f"{energy:.5f}", f"{force:.4f}", f"{stress:.5f}")
        print(f"| {' | '.join(cells)} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
