"""How long a project still takes: as measured here, and until then as the Al-Mg example took on one core."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import inf
from statistics import median

from mlipbatch.config.model import Config
from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import ENDED
from mlipbatch.stages import dataset, label
from mlipbatch.stages.view import View
from mlipbatch.store.database import costs
from mlipbatch.store.postgresql import Away
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
EVERY_S = 30.0
LEARNED_FROM = 5000  # newest labels
EXPONENT = 2.0  # of the number of atoms, between sizes that were not measured


class Forecast:
    """Seconds a job takes, from the jobs that have ended in this project."""

    def __init__(self, project: Project, config: Config, *, labels_alone: bool = False) -> None:
        self.project, self.config, self.labels_alone = project, config, labels_alone
        self._by_size: dict[int, float] = {}
        self._made, self._left_s = -inf, 0.0

    def seconds_left(self, entries: Mapping[str, JobEntry], cores: int) -> float:
        """Wall time until all is done, on so many cores; made anew at most once in a heartbeat, and counted down between."""
        now = time.monotonic()
        if now - self._made > EVERY_S:
            view = View.of(entries)
            self._learn()
            self._left_s, self._made = self._all(view, cores), now
        return max(0.0, self._left_s - (now - self._made))

    def _all(self, view: View, cores: int) -> float:
        if self.labels_alone:
            return self._labels(view, 0) / cores
        total = 0.0
        for generation in range(self.config.generations):
            total += self._labels(view, generation) / cores
            total += sum(self._stage(view, generation, kind) for kind in USUAL_S)
        return total

    def _learn(self) -> None:
        sizes: dict[int, list[float]] = {}
        try:
            for atoms, wall_s in costs(dataset.place(self.project, self.config), LEARNED_FROM):
                sizes.setdefault(atoms, []).append(wall_s)
        except Away:
            return  # what was learned before still holds
        self._by_size = {atoms: median(walls) for atoms, walls in sizes.items()}

    def label_s(self, atoms: int) -> float:
        """One label of so many atoms: as measured, or scaled from the nearest size that was."""
        if not self._by_size:
            return float(USUAL_LABEL_S * atoms**EXPONENT)
        nearest = min(self._by_size, key=lambda size: abs(size - atoms))
        return float(self._by_size[nearest] * (atoms / nearest) ** EXPONENT)

    def _labels(self, view: View, generation: int) -> float:
        sizes = label.sizes(self.project, generation)
        if sizes or view.ended(generation, "cut"):
            return self._remaining(sizes, view.number(generation, label.KIND, *ENDED))
        if generation == 0:
            cells = self.config.generation.sqs_sizes
            return self.config.selection.number * sum(self.label_s(size) for size in cells) / len(cells)
        return self.config.embedding.boxes * self.label_s(self.config.embedding.max_atoms)

    def _remaining(self, sizes: Mapping[int, int], ended: int) -> float:
        """Without those that have ended, which are the largest: they go first."""
        total = 0.0
        for atoms, number in sorted(sizes.items(), reverse=True):
            skipped = min(number, ended)
            ended -= skipped
            total += (number - skipped) * self.label_s(atoms)
        return total

    def _stage(self, view: View, generation: int, kind: str) -> float:
        cold = kind in {"generate", "screen", "select"}
        if cold != (generation == 0) and kind not in {"train", "report"}:
            return 0.0
        return 0.0 if view.ended(generation, kind) else USUAL_S[kind]
