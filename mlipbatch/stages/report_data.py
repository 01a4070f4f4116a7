"""What a report is made of, read from a project folder: labels, potentials, walks, candidates. What is not there is empty."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlipbatch.config.errors import InputError
from mlipbatch.core import frames
from mlipbatch.stages import dataset
from mlipbatch.store import database
from mlipbatch.store.durable import count_frames, read_frames
from mlipbatch.store.label_row import plain
from mlipbatch.store.postgresql import Away
from mlipbatch.store.project import Project

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms
    from numpy.typing import NDArray

    from mlipbatch.config.model import Config

TRAIN, TEST, ACTIVE, REFERENCE = "training", "held out", "active learning", "reference"
STEPS = ("generated", "kept", "rejected", "selected")  # of candidates


@dataclass(frozen=True)
class Label:
    """A row of data/mlip.db."""

    name: str
    job: str
    config_type: str
    generation: int
    part: str  # TRAIN, TEST, ACTIVE or REFERENCE
    atoms: Atoms  # bare
    energy: float  # eV, total
    forces: NDArray[np.float64]  # [n_atoms, 3] eV/A
    mask: NDArray[np.bool_]  # [n_atoms], False for the buffer of a cut box
    attempts: int
    rung: str
    gamma: float | None  # of its most uncertain atom when it was cut

    @property
    def masked(self) -> bool:
        """Does it have a buffer: then its energy counts nowhere."""
        return not bool(self.mask.all())

    @property
    def isolated(self) -> bool:
        """Is it the reference of an element, which the potential hits by construction."""
        return self.config_type == frames.ISOLATED_ATOM


@dataclass(frozen=True)
class Walk:
    """One of the walks in a ``*.walk.json`` of an exploration."""

    generation: int
    name: str
    facts: dict[str, Any]

    @property
    def histogram(self) -> tuple[list[float], list[int]]:
        """Lower edges of the bins of gamma and atoms seen in each; empty where it has none."""
        found = self.facts.get("gamma_histogram") or {}
        return list(found.get("from", [])), list(found.get("atoms", []))

    @property
    def series(self) -> tuple[list[float], list[float]]:
        """Time (ps) and largest gamma of every look."""
        found = self.facts.get("series") or {}
        return [time / 1000 for time in found.get("time_fs", [])], list(found.get("gamma_max", []))


@dataclass(frozen=True)
class Collected:
    """All of it."""

    project: Project
    config: Config | None
    labels: list[Label] = field(default_factory=list)
    reference: list[Atoms] = field(default_factory=list)  # of the equation of state, with REF_ENERGY
    potentials: dict[int, Path] = field(default_factory=dict)  # by generation, ascending
    walks: list[Walk] = field(default_factory=list)
    candidates: dict[int, dict[str, int]] = field(default_factory=dict)  # generation -> step -> structures
    problems: dict[str, str] = field(default_factory=dict)  # key of report.json -> why it cannot be told

    def part(self, *parts: str) -> list[Label]:
        """Labels of these parts."""
        return [label for label in self.labels if label.part in parts]

    def before(self, generation: int) -> int:
        """Labels that the potential of `generation` was trained on."""
        return sum(label.generation <= generation for label in self.part(TRAIN, ACTIVE))


def collect(project: Project) -> Collected:
    """Read everything. A file that is torn or odd is named in `problems`, and nothing else stops for it."""
    problems: dict[str, str] = {}
    config = _config(project, problems)
    labels = _labels(project, config)
    return Collected(
        project=project,
        config=config,
        labels=labels,
        reference=_reference(labels),
        potentials=_potentials(project),
        walks=_walks(project, problems),
        candidates=_candidates(project),
        problems=problems,
    )


def _config(project: Project, problems: dict[str, str]) -> Config | None:
    from mlipbatch.config import load_config

    try:
        return load_config(project.config)
    except InputError as error:
        problems["config"] = str(error)
        return None


def _labels(project: Project, config: Config | None) -> list[Label]:
    held_out = _names(project.data / "test.extxyz")
    where = dataset.place(project, config) if config else project.data / "mlip.db"
    try:
        rows = database.rows(where)
    except Away:  # it need not be within reach of a compute node
        with TemporaryDirectory(prefix="mlipbatch-") as folder:
            dataset.rebuild(project, Path(folder) / "mlip.db")
            rows = database.rows(Path(folder) / "mlip.db")
    return [_label(row, held_out) for row in sorted(rows, key=lambda row: int(row.id))]


def _label(row: Any, held_out: set[str]) -> Label:
    import numpy as np

    name, config_type = (
        str(plain(row.get(key, other))) for key, other in (("name", f"row-{row.id}"), ("config_type", "unknown"))
    )
    atoms = row.toatoms()
    atoms.calc = None
    gamma = row.get("uncertainty_gamma")
    return Label(
        name=name,
        job=str(plain(row.get("job", ""))),
        config_type=config_type,
        generation=int(row.get("generation", 0)),
        part=_part(name, config_type, held_out),
        atoms=atoms,
        energy=float(row.energy),
        forces=np.asarray(row.forces, dtype=float),
        mask=np.asarray(row.data.get(frames.FORCE_MASK, np.ones(len(atoms))), dtype=float) > 0,
        attempts=int(row.get("attempts", 1)),
        rung=str(plain(row.get("rung", ""))),
        gamma=None if gamma is None else float(gamma),
    )


def _part(name: str, config_type: str, held_out: set[str]) -> str:
    if config_type == frames.EOS_REFERENCE:
        return REFERENCE
    if name in held_out:
        return TEST
    return ACTIVE if config_type.startswith(frames.ACTIVE_LEARNING) else TRAIN


def _names(path: Path) -> set[str]:
    if not path.exists() or not path.stat().st_size:
        return set()
    return {str(frame.info[frames.NAME]) for frame in read_frames(path) if frames.NAME in frame.info}


def _reference(labels: list[Label]) -> list[Atoms]:
    found = []
    for label in labels:
        if label.part == REFERENCE:
            atoms = label.atoms.copy()
            atoms.info |= {frames.NAME: label.name, frames.REF_ENERGY: label.energy}
            found.append(atoms)
    return found


def _generations(parent: Path) -> dict[int, Path]:
    """Folders (or files) called gen000... below `parent`, by generation."""
    found = sorted(parent.glob("gen[0-9][0-9][0-9]*")) if parent.is_dir() else []
    return {int(path.name[3:6]): path for path in found}


def _potentials(project: Project) -> dict[int, Path]:
    parent = project.active_potential.parent
    return {number: path for number, path in _generations(parent).items() if (path / "potential.json").is_file()}


def _walks(project: Project, problems: dict[str, str]) -> list[Walk]:
    found = []
    for generation, folder in _generations(project.root / "explore").items():
        for path in sorted(folder.glob("*.walk.json")):
            try:
                facts = dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError) as error:
                problems["gamma"] = f"{path.relative_to(project.root)} cannot be read: {error}"
                continue
            name = path.name.removesuffix(".walk.json")
            found += [Walk(generation, name, walk) for walk in facts.get("walks", [])]
    return found


def _candidates(project: Project) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for path in sorted((project.root / "candidates").glob("gen*.extxyz")):
        generation, step = path.name.split(".")[:2]
        if step in STEPS and generation[3:6].isdigit():
            found.setdefault(int(generation[3:6]), {})[step] = count_frames(path)
    return found
