"""The scene whose jobs go to a fake SLURM in bundles: real bash runs the batch.sh that the daemon wrote.

Its daemon died in the moment when it submitted one bundle; of another, whose node went down, one member had ended and one ran.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import yaml

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.core.job import Resources
from mlipbatch.core.state import IN_THE_QUEUE
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers.slurm import SlurmScheduler
from tests.reliability.scene import ANSWER, GONE, Scene, add, begin, end, job, labels, make_project, serve, wait_for

QUEUE = Queue(name="debug", max_walltime=86400, cores_per_node=2, whole_nodes=True)
SITE = Site(name="batches", scheduler="slurm", queues=[QUEUE], limits=Limits(max_queued=2))
BUILDING = Patience(interval_s=0.05)
SERVING = Patience(
    interval_s=0.05, lost_s=1.0, unknown_s=1.0, backoff_s=0.1, longest_s=0.5
)  # a point costs a few seconds


class _Cut(SlurmScheduler):
    """Dies in the very moment when it submits a bundle."""

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        raise KeyboardInterrupt


def build(root: Path) -> Scene:
    """The project, from its first job to the moment when its daemon died."""
    scene, project, slurm = Scene(root), make_project(root), SlurmScheduler(SITE)
    scene.site.write_text(yaml.safe_dump(SITE.model_dump()))
    (scene.slurm / "faults").mkdir(parents=True)
    with scene.surroundings():
        begin(scene, slurm, BUILDING)
        add(project, job("cut", ANSWER), job("late", ANSWER))
        with suppress(KeyboardInterrupt):
            serve(project, _Cut(SITE), lambda: False, BUILDING)
        add(project, job("gone", GONE), *labels(project, "three"))
        serve(project, slurm, lambda: scene.states()["gone"] == "SUBMITTED", BUILDING)
        wait_for(project, "cut/gone", "started")
        wait_for(project, "scf/three", "scheduler.exit")
        (scene.slurm / "faults/ends_as").write_text("NODE_FAIL")
        while any(entry.state in IN_THE_QUEUE for entry in slurm.snapshot({}).jobs.values()):
            time.sleep(0.02)
        (scene.slurm / "faults/ends_as").unlink()
    end(project)
    return scene


def bundled(scene: Scene) -> int:
    """How many members all bundles of its life had."""
    return sum(len(path.read_text().splitlines()) for path in scene.project.private.glob("batches/*/members-*"))
