"""How long the campaign still takes: as measured here, and until then as the Al-Mg example took on one core."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from mlipbatch.config.model import Config
from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import ENDED
from mlipbatch.stages import label
from mlipbatch.stages.view import View
from mlipbatch.store.database import costs
from mlipbatch.store.project import Project

USUAL_S = {
    "generate": 30.0,
    "screen": 90.0,
    "select": 15.0,
    "train": 60.0,
    "explore": 40.0,
    "cut": 20.0,
    "report": 20.0,
}
USUAL_LABEL_S = 0.1  # times atoms squared
EXPONENT = 2.0  # of the number of atoms, between sizes that were not measured


class Forecast:
    """Seconds a job takes, from the jobs that have ended in this project."""

    def __init__(self, project: Project, config: Config) -> None:
        self.project, self.config = project, config
        self._by_size: dict[int, float] = {}
        self._rows = -1

    def seconds_left(self, entries: Mapping[str, JobEntry], cores: int) -> float:
        """Wall time until the last report, on so many cores."""
        view = View(entries)
        self._learn(len([e for e in entries.values() if e.kind == label.KIND and e.state in ENDED]))
        total = 0.0
        for generation in range(self.config.generations):
            total += self._labels(view, generation) / cores
            total += sum(self._stage(view, generation, kind) for kind in USUAL_S)
        return total

    def _learn(self, ended: int) -> None:
        if ended == self._rows:
            return
        self._rows = ended
        sizes: dict[int, list[float]] = {}
        for atoms, wall_s in costs(self.project.data / "mlip.db"):
            sizes.setdefault(atoms, []).append(wall_s)
        self._by_size = {atoms: median(walls) for atoms, walls in sizes.items()}

    def label_s(self, atoms: int) -> float:
        """One label of so many atoms: as measured, or scaled from the nearest size that was."""
        if not self._by_size:
            return float(USUAL_LABEL_S * atoms**EXPONENT)
        nearest = min(self._by_size, key=lambda size: abs(size - atoms))
        return float(self._by_size[nearest] * (atoms / nearest) ** EXPONENT)

    def _labels(self, view: View, generation: int) -> float:
        specs = label.expected(self.project, self.config, generation)
        if specs or view.ended(generation, "cut"):
            ended = {entry.id for entry in view.of(generation, label.KIND) if entry.state in ENDED}
            return sum(self.label_s(int(spec.parameters["atoms"])) for spec in specs if spec.id not in ended)
        if generation == 0:
            sizes = self.config.generation.sqs_sizes
            return self.config.selection.number * sum(self.label_s(size) for size in sizes) / len(sizes)
        return self.config.embedding.boxes * self.label_s(self.config.embedding.max_atoms)

    def _stage(self, view: View, generation: int, kind: str) -> float:
        cold = kind in {"generate", "screen", "select"}
        if cold != (generation == 0) and kind not in {"train", "report"}:
            return 0.0
        return 0.0 if view.ended(generation, kind) else USUAL_S[kind]
