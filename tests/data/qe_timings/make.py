"""Makes timings.json: pw.x on small cells, one rank, one after the other. `python make.py FOLDER` (about eight minutes)."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.scf_cost import Model
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft import code
from mlipbatch.dft.quantum_espresso.output import read_output, seconds

PSEUDO = "/usr/share/espresso/pseudo"
LDA = {
    "Al": "Al.pz-vbc.UPF",
    "Mg": "Mg.pz-n-vbc.UPF",
    "Si": "Si.pz-vbc.UPF",
    "H": "H.pz-vbc.UPF",
    "O": "O.pz-van_ak.UPF",
}
PBE = {"Fe": "Fe.pbe-nd-rrkjus.UPF", "Ni": "Ni.pbe-nd-rrkjus.UPF"}
CPU = re.compile(r"^ +PWSCF +:\s*(.*?)\s*CPU", re.MULTILINE)


def settings(ecutwfc: float, spacing: float, *, spin: bool = False, ratio: float = 4) -> DFTConfig:
    return DFTConfig(
        command="pw.x", pseudopotential_table="debian", pseudo_dir=PSEUDO, pseudopotentials=PBE if spin else LDA,
        ecutwfc=ecutwfc, ecutrho=ratio * ecutwfc, kpoints_spacing=spacing, smearing="mv", degauss=0.015 if spin else 0.02,
        nspin=2 if spin else 1, starting_magnetization={"Fe": 0.4, "Ni": 0.3} if spin else {}, conv_thr=1e-8,
        mixing_beta=0.3 if spin else 0.7, electron_maxstep=100, extra={}, max_attempts=8,
    )  # fmt: skip


def aluminium(times: tuple[int, int, int], magnesium: float, seed: int, base: str = "cubic") -> Atoms:
    atoms = bulk("Al", a=4.05, cubic=base == "cubic") * times
    chosen = np.random.default_rng(seed).random(len(atoms)) < magnesium
    atoms.symbols = np.where(chosen, "Mg", "Al").tolist()
    return shaken(atoms, seed)


def shaken(atoms: Atoms, seed: int, sigma: float = 0.06) -> Atoms:
    random = np.random.default_rng(seed)
    atoms.set_initial_magnetic_moments(None)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.03 * random.normal(size=(3, 3))), scale_atoms=True)
    atoms.positions += random.normal(scale=sigma, size=atoms.positions.shape)
    return atoms


def water(edge: float, seed: int) -> Atoms:
    atoms = molecule("H2O", cell=[edge] * 3, pbc=True)
    atoms.rattle(0.05, seed=seed)
    return atoms


def cases() -> list[tuple[str, Atoms, DFTConfig]]:
    found: list[tuple[str, Atoms, DFTConfig]] = []
    for seed, (cut, spacing) in enumerate([(12, 0.5), (16, 0.35), (24, 0.35), (16, 0.22), (30, 0.5)]):
        found.append((f"Al4-{seed}", aluminium((1, 1, 1), 0.0, seed), settings(cut, spacing)))
        found.append((f"AlMg4-{seed}", aluminium((1, 1, 1), 0.4, 50 + seed), settings(cut, spacing)))
    for seed, (cut, spacing) in enumerate([(12, 0.6), (16, 0.4), (24, 0.5), (16, 0.8)]):
        found.append((f"AlMg8-{seed}", aluminium((2, 1, 1), 0.3, 100 + seed), settings(cut, spacing)))
        found.append((f"AlMg16-{seed}", aluminium((2, 2, 1), 0.2, 150 + seed), settings(cut, 1.5 * spacing)))
    for seed, cut in enumerate([12, 16]):
        found.append((f"AlMg32-{seed}", aluminium((2, 2, 2), 0.25, 200 + seed), settings(cut, 1.0)))
    for seed, (cut, spacing) in enumerate([(16, 0.5), (24, 0.3), (30, 0.4)]):
        found.append((f"Si2-{seed}", shaken(bulk("Si", a=5.43), 300 + seed), settings(cut, spacing)))
        found.append((f"Si8-{seed}", shaken(bulk("Si", a=5.43, cubic=True), 350 + seed), settings(cut, 2 * spacing)))
    found.append(("Al4-perfect", bulk("Al", a=4.05, cubic=True), settings(16, 0.2)))
    found.append(("Si8-perfect", bulk("Si", a=5.43, cubic=True), settings(20, 0.3)))
    for seed, (edge, cut) in enumerate([(5.0, 25), (6.5, 30), (7.5, 25)]):
        found.append((f"H2O-{seed}", water(edge, 400 + seed), settings(cut, 2.0)))
    for seed, (spacing, element) in enumerate([(1.2, "Fe"), (0.8, "Fe"), (1.0, "Ni")]):
        cell = bulk("Fe", "bcc", a=2.83, cubic=True) if element == "Fe" else bulk("Ni", "fcc", a=3.52)
        found.append(
            (f"{element}-spin-{seed}", shaken(cell, 500 + seed, 0.03), settings(25, spacing, spin=True, ratio=8))
        )
    return found


def measure(folder: Path, name: str, atoms: Atoms, dft: DFTConfig) -> dict[str, object] | None:
    prepared = code("quantum_espresso").prepare(atoms, dft, NextAttempt(), cores=1, walltime=600)
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    for file, text in prepared.files.items():
        (place / file).write_text(text)
    script = "\n".join([*prepared.before, prepared.command])
    status = subprocess.run(
        ["bash", "-c", script], cwd=place, env={**os.environ, **prepared.environment}, check=False
    ).returncode
    text = (place / "pw.out").read_text()
    subprocess.run(["rm", "-rf", str(place / "out")], check=True)
    run = read_output(text)
    cpu = CPU.search(text)
    if status or cpu is None or prepared.size is None:
        return None
    return {
        "name": name, "atoms": len(atoms), "volume": round(float(atoms.get_volume()), 3),
        "electrons": run.header["electrons"], "bands": int(run.header["bands"]), "ecutwfc": dft.ecutwfc, "ecutrho": dft.ecutrho,
        "kpoints": int(run.header["kpoints"]), "nspin": dft.nspin, "gamma": math.prod(prepared.expectation["kpoints"]) == 1,
        "augmented": prepared.size.augmented,
        "iterations": run.iterations, "cpu_s": seconds(cpu[1]), "wall_s": run.wall_s,
    }  # fmt: skip


def expected_s(case: tuple[str, Atoms, DFTConfig]) -> float:
    size = code("quantum_espresso").prepare(*case[1:], NextAttempt(), cores=1, walltime=100).size
    assert size is not None
    return Model().seconds(size)


def main() -> None:
    """The cheap ones first; those that are in the table already are left out."""
    folder, table = Path(sys.argv[1]), Path(__file__).with_name("timings.json")
    rows = json.loads(table.read_text()) if table.exists() else []
    for name, atoms, dft in sorted(cases(), key=expected_s):
        if name in {row["name"] for row in rows}:
            continue
        row = measure(folder, name, atoms, dft)
        print(name, row and (row["iterations"], row["cpu_s"], row["wall_s"]), flush=True)
        if row is not None:
            rows.append(row)
            table.write_text("[\n" + ",\n".join(json.dumps(one) for one in rows) + "\n]\n")


if __name__ == "__main__":
    main()
