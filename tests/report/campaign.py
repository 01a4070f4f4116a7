"""A small finished campaign on disk, labelled by EMT in place of DFT: Cu3Al, two generations, recoveries and failures."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.config.errors import InputError
from mlipbatch.core import frames
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.store import database, jobfolder
from mlipbatch.store.durable import write_frames
from mlipbatch.store.label_row import Row
from mlipbatch.store.project import Project, create_project

INPUT = """\
project_name: Cu3Al
target_system:
  elements: [Cu, Al]
  composition: {Cu: 0.75, Al: 0.25}
  crystal_structure: fcc
simulation_goal:
  type: melt_quench
  temperature_range: [300, 900]
resources:
  dft_code: quantum_espresso
  parallel_cores: 2
  gpu_enabled: false
"""
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
BINS = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 50.0, 100.0]


class Stretched(Calculator):
    """EMT of the crystal stretched by `factor`: a potential that is wrong by a known amount, forces consistent with energies."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        other = self.atoms.copy()
        other.set_cell(other.cell * self.factor, scale_atoms=True)
        other.calc = EMT()
        self.results = {"energy": other.get_potential_energy(), "forces": self.factor * other.get_forces()}
        if self.atoms.cell.rank == 3:
            self.results["stress"] = other.get_stress() * self.factor**3


def load(folder: Path) -> Stretched:
    """The potential that the fixture put there."""
    path = folder / "potential.json"
    if not path.is_file():
        raise InputError(f"{folder} is not a potential")
    return Stretched(json.loads(path.read_text())["factor"])


def new_project(parent: Path) -> Project:
    """A project that was just submitted."""
    source = parent / "input.yaml"
    source.write_text(INPUT)
    config = render_config_yaml(*load_expanded(source, labels=False))
    return create_project(parent / "Cu3Al", INPUT.encode(), config)[0]


def finished_project(parent: Path) -> Project:
    """A project after two generations."""
    project = new_project(parent)
    first, later = cold_start(), boxes()
    for generation, labels, begin in ((0, first, 60), (1, later, 520)):
        for number, atoms in enumerate(labels):
            label_job(project, f"gen{generation:03d}/scf/{atoms.info['name']}", atoms, begin + 4 * number)
    hopeless = f"gen000/scf/{first[-1].info['name']}"
    (project.jobs / hopeless / "DONE").unlink()
    reason = "nothing is left to try after first, softer_mixing <b>beta</b> & local-TF"
    (project.jobs / hopeless / "FAILED").write_text(f"{reason}\nattempt-1: first\n")
    kept = first[:-1]
    rows = [(f"gen000/scf/{a.info['name']}", a) for a in kept] + [(f"gen001/scf/{a.info['name']}", a) for a in later]
    database.add(project.data / "mlip.db", [Row(project.id, *row) for row in rows])
    test = [a for a in kept if a.info["root"] == "sqs-2"]
    write_frames(project.data / "test.extxyz", test)
    recovered_job(project, f"gen000/scf/{kept[3].info['name']}")
    for generation, factor in ((0, 1.004), (1, 1.0008)):
        potential(project, generation, factor)
    project.active_potential.symlink_to("gen001")
    walks(project)
    candidates(project, kept)
    for generation, kind, name, begin, end in (
        (0, "generate", "candidates", 1, 14), (0, "screen", "candidates", 15, 40), (0, "select", "labels", 41, 55),
        (0, "train", "potential", 400, 428), (1, "explore", "walker-000-300K", 430, 480),
        (1, "explore", "walker-001-900K", 430, 497), (1, "cut", "boxes", 498, 512), (1, "train", "potential", 560, 590),
    ):  # fmt: skip
        job(project, f"gen{generation:03d}/{kind}/{name}", begin, end)
    return project


def cold_start() -> list[Atoms]:
    """Four families of Cu3Al and Cu with strains and rattles, single atoms, and the reference of the equation of state."""
    found = []
    for family in range(4):
        root = f"sqs-{family}"
        cell = crystal(family, pure=family == 3)
        found.append(labelled(cell, f"{root}-ideal", "sqs", root))
        for strain in (-0.08, -0.04, 0.04, 0.08):
            found.append(labelled(scaled(cell, strain), f"{root}-v{strain:+.2f}", "sqs_strain", root))
        for seed, sigma in enumerate((0.03, 0.08, 0.15, 0.25)):
            found.append(labelled(rattled(cell, sigma, seed), f"{root}-r{sigma:.2f}", "sqs_rattle", root))
    for strain in np.linspace(-0.1, 0.1, 9):
        found.append(labelled(scaled(crystal(9), strain), f"eos-{strain:+.3f}", frames.EOS_REFERENCE, "eos"))
    for symbol in ("Cu", "Al"):
        found.append(
            labelled(Atoms(symbol, cell=[9, 9, 9], pbc=True), f"atom-{symbol}", frames.ISOLATED_ATOM, f"atom-{symbol}")
        )
    return [*found, labelled(rattled(crystal(5), 0.3, 9), "hopeless", "sqs_rattle", "sqs-5")]


def boxes() -> list[Atoms]:
    """Four cut boxes of 32 atoms, whose core is the centre and its first shell."""
    found = []
    for number in range(4):
        atoms = rattled(crystal(number).repeat((2, 2, 2)), 0.22, 40 + number)
        atoms.set_array(frames.FORCE_MASK, (atoms.get_distances(0, range(len(atoms)), mic=True) < 3.2).astype(float))
        atoms.info[frames.GAMMA_MAX] = 2.4 + number
        found.append(labelled(atoms, f"cut-900K-{number}", f"{frames.ACTIVE_LEARNING}1", f"walk-{number}"))
    return found


def crystal(seed: int, *, pure: bool = False) -> Atoms:
    atoms = bulk("Cu", "fcc", a=3.65, cubic=True)
    if not pure:
        atoms.symbols[seed % 4] = "Al"
    return atoms


def scaled(atoms: Atoms, strain: float) -> Atoms:
    other = atoms.copy()
    other.set_cell(atoms.cell * (1 + strain) ** (1 / 3), scale_atoms=True)
    return other


def rattled(atoms: Atoms, sigma: float, seed: int) -> Atoms:
    other = atoms.copy()
    other.positions += np.random.default_rng(seed).normal(0, sigma, other.positions.shape)
    return other


def labelled(atoms: Atoms, name: str, config_type: str, root: str) -> Atoms:
    atoms = atoms.copy()
    atoms.calc = EMT()
    atoms.info |= {
        frames.NAME: name, frames.CONFIG_TYPE: config_type, frames.ROOT: root, "attempts": 1, "rung": "first",
        frames.REF_ENERGY: atoms.get_potential_energy(), frames.REF_STRESS: atoms.get_stress(),
    }  # fmt: skip
    atoms.set_array(frames.REF_FORCES, atoms.get_forces())
    atoms.calc = None
    return atoms


def label_job(project: Project, name: str, atoms: Atoms, begin: int) -> None:
    job(project, name, begin, begin + 5 + len(atoms) // 3)
    write_frames(project.jobs / name / "result.extxyz", [atoms])


def job(project: Project, name: str, begin: int, end: int) -> None:
    """A DONE job whose history says when it was made, sent and done (s after START)."""
    jobfolder.create(project.jobs, JobSpec(name, name.split("/")[1], Resources()))
    folder = project.jobs / name
    (folder / "PENDING").rename(folder / "DONE")
    (folder / "DONE").write_text("attempt-1: done\n")
    (folder / "attempt-1").mkdir()
    steps = ((begin - 1, "-> PENDING  created"), (begin, "PENDING -> SUBMITTED  attempt-1"),
             (begin, "SUBMITTED -> RUNNING  started"), (end, "RUNNING -> DONE  attempt-1: done"))  # fmt: skip
    lines = [f"{START + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ}  {text}\n" for at, text in steps]
    (folder / "history.log").write_text("".join(lines))


def recovered_job(project: Project, name: str) -> None:
    """Give a job a failed first attempt."""
    for number, rung, record in (
        (1, "first", {"decision": "again", "name": "electronic_convergence_not_reached"}),
        (2, "softer_mixing", {"decision": "accept"}),
    ):
        folder = project.jobs / name / f"attempt-{number}"
        folder.mkdir(exist_ok=True)
        jobfolder.write_record(folder / "attempt.yaml", {"rung": rung, "why": "because"})
        jobfolder.write_record(folder / "verdict.yaml", record)


def potential(project: Project, generation: int, factor: float) -> None:
    folder = project.potential(generation)
    folder.mkdir()
    (folder / "potential.json").write_text(
        json.dumps({"factor": factor, "reference_energies": {"Cu": 3.51, "Al": 3.28}})
    )
    (folder / "potential.yace").write_text("")


def walks(project: Project) -> None:
    """Two walks: one calm, one that had to turn back."""
    folder = project.explore(1)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for number, temperature in enumerate((300, 900)):
        times = np.arange(0, 4000, 20.0)
        gamma = np.exp(rng.normal(0.25 + 0.35 * number, 0.22, len(times))) + number * times / 4000
        counts = np.histogram(np.exp(rng.normal(-0.6 + 0.35 * number, 0.55, 12_800)), bins=[*BINS, np.inf])[0]
        facts = {
            "name": "sqs-0", "temperature": temperature, "seed": number, "atoms": 64, "ended": "finished", "finished": True,
            "frames": 3 * number, "steps": 4000, "timestep": 1.0, "gamma_max": float(gamma.max()),
            "retries": ["step 900: gamma 12 is above 10; back to step 880, time step 0.5 fs"] * number,
            "gamma_histogram": {"from": BINS, "atoms": counts.tolist()},
            "series": {"time_fs": times.tolist(), "gamma_max": gamma.tolist()},
        }  # fmt: skip
        (folder / f"walker-{number:03d}-{temperature}K.walk.json").write_text(json.dumps({"walks": [facts]}))


def candidates(project: Project, labels: list[Atoms]) -> None:
    for step, count in (("generated", 3), ("kept", 2), ("rejected", 1), ("selected", 1)):
        write_frames(project.candidates(0, step), labels * count if step != "rejected" else labels[:7])
