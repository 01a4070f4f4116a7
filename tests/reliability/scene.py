"""A small project in the middle of a campaign; its jobs are real bash and a pw.x that plays a recorded output, and sign a ledger.

Its jobs go to the local scheduler one by one, or (`scene_batches`) to a fake SLURM in bundles.

It has what there can be: labels that are DONE, one that is to come, jobs that wait, that are held, that were given up, one that
fails once, one whose submission was cut off, one that died with its machine, and a person's request in the inbox.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from ase import Atoms
from ase.io import read

from mlipbatch.config import load_config, load_expanded, render_config_yaml
from mlipbatch.core import frames
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import Patience
from mlipbatch.schedulers import LocalScheduler
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.schedulers.local import sessions
from mlipbatch.stages import label
from mlipbatch.stages.base import Goal, Outcome
from mlipbatch.stages.work import work
from mlipbatch.store import jobfolder
from mlipbatch.store.durable import write_frames
from mlipbatch.store.inbox import drop_request
from mlipbatch.store.project import Project, create_project
from tests.engine.conftest import INPUT

LONG = os.environ.get("MLIPBATCH_FAULTS") == "all"  # `make faults`: all there is, not a sample
FAKE_SLURM = Path(__file__).parents[1] / "schedulers/fake_slurm"
RECORDED = Path(__file__).parents[1] / "data/qe_7.2"
THERE, TO_COME, HELD = ("one", "two"), ("three", "four"), ("kept", "candidates")
RUNS = {"one": 1, "two": 1, "three": 1, "four": 1, "early": 1, "late": 1, "odd": 2, "bad": 6, "cut": 1, "gone": 2}
"""How often each job's program has to run in the whole life of the project: `bad` is given up, retried, and given up again."""
GIVEN_UP = {"bad"}
NOTHING_MORE = Goal(lambda *_: [], lambda *_: Outcome(True, "all ended"))
SIGN = 'echo "$(basename "$(dirname "$PWD")")/$(basename "$PWD")" >> "$LEDGER"'  # one short append: never torn


@dataclass(frozen=True)
class Scene:
    """One copy of the project; its ledger and its pw.x lie beside it."""

    root: Path

    @property
    def project(self) -> Project:
        return Project(self.root / "p")

    @property
    def ledger(self) -> Path:
        return self.root / "ledger"

    @property
    def site(self) -> Path:
        """The file of its site, where it has one of its own."""
        return self.root / "site.yaml"

    @property
    def slurm(self) -> Path:
        """State of its fake SLURM."""
        return self.root / "slurm"

    def environment(self) -> dict[str, str]:
        """For the daemon, and so for its jobs."""
        cache = str(self.root.parent / "cache")
        tools = [self.root / "bin", *([FAKE_SLURM] if self.site.exists() else [])]
        fake = {"FAKE_SLURM": str(self.slurm), "FAKE_PYTHON": sys.executable} if self.site.exists() else {}
        return {
            "PATH": ":".join([*map(str, tools), os.environ["PATH"]]),
            "LEDGER": str(self.ledger),
            "MLIPBATCH_LOCAL_POOL": str(self.root),
            "MLIPBATCH_CACHE": cache,
            **fake,
        }

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """That environment, in this process."""
        kept = {name: os.environ.get(name) for name in self.environment()}
        os.environ.update(self.environment())
        try:
            yield
        finally:
            for name, value in kept.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value

    def runs(self) -> Counter[str]:
        """How often each attempt ran: ``JOB/attempt-N``."""
        return Counter(self.ledger.read_text().split()) if self.ledger.exists() else Counter()

    def states(self) -> dict[str, str]:
        return {folder.name: jobfolder.look(folder).state.value for folder in jobfolder.walk(self.project.jobs)}

    def ended(self) -> bool:
        """Nothing is left to do but what is held."""
        try:
            states = self.states()
        except (FileNotFoundError, jobfolder.Unreadable):  # renamed while we looked
            return False
        return len(states) == len(RUNS) + len(HELD) and all(
            state in {"DONE", "FAILED"} for name, state in states.items() if name not in HELD
        )

    def copy(self, root: Path) -> Scene:
        """The same at another place, as a person would copy it."""
        shutil.copytree(self.root, root)
        return Scene(root)


def job(name: str, script: str, kind: str = "cut") -> JobSpec:
    """A job of bash that publishes what it wrote."""
    line = ["bash", "-c", f"{SIGN}; {script}"]
    return work(f"gen000/{kind}/{name}", [line], {"answer": f"candidates/{name}"}, Resources(1, 60))


ANSWER = "echo 42 > answer"
SECOND = (
    '[ "$(grep -c "^$(basename "$(dirname "$PWD")")/" "$LEDGER")" -ge 2 ]'  # it ran before; an attempt may not have
)

GONE = f"{SECOND} || sleep 60; {ANSWER}"


def structures() -> list[Atoms]:
    """What the recorded output was computed for, under several names."""
    atoms, found = read(RECORDED / "ok.pwi", format="espresso-in"), []
    for name in (*THERE, *TO_COME, HELD[0]):
        one = atoms.copy()
        one.info = {frames.NAME: name, frames.CONFIG_TYPE: "sqs", frames.ROOT: name, frames.KPOINTS: "3 3 3"}
        found.append(one)
    return found


class _Cut(LocalScheduler):
    """Dies in the very moment when it submits `cut`."""

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        if "/cut/cut/" in str(script):
            raise KeyboardInterrupt
        return super().submit(script, token, resources, tasks)


def build(root: Path) -> Scene:
    """The project, from its first job to the moment when its daemon died."""
    scene = Scene(root)
    project, here = make_project(root), LocalScheduler(2, str(root))
    with scene.surroundings():
        begin(scene, here)
        add(project, job("gone", GONE))
        serve(project, here, lambda: scene.states()["gone"] == "RUNNING")
        for session in sessions(str(root)):
            here.cancel(session.id)
        add(project, job("cut", ANSWER), *labels(project, "three"))
        with suppress(KeyboardInterrupt):
            serve(project, _Cut(2, str(root)), lambda: False)
        wait_for(project, "scf/three", "exit")  # it ended, and nobody has looked yet
    add(project, job("late", ANSWER))
    end(project)
    return scene


def begin(scene: Scene, scheduler: Scheduler, patience: Patience | None = None) -> None:
    """Its first jobs: those that are DONE or were given up, and those that are held."""
    project = scene.project
    add(project, *labels(project, *THERE, HELD[0]))
    add(project, job("early", ANSWER), job("bad", "exit 3"), job("candidates", ANSWER, "generate"))
    for folder in (project.jobs / "gen000/scf" / HELD[0], project.jobs / "gen000/generate" / HELD[1]):
        (folder / jobfolder.HOLD).touch()
    over = (*THERE, "early", "bad")
    serve(project, scheduler, lambda: all(scene.states()[name] in {"DONE", "FAILED"} for name in over), patience)


def end(project: Project) -> None:
    """What came while no daemon was there."""
    add(project, job("odd", f"{SECOND} && {ANSWER}"))
    drop_request(project, "retry", ["gen000/cut/bad"])


def make_project(root: Path, cores: int = 4) -> Project:
    """A project without jobs, with a pw.x beside it that plays the recorded output."""
    root.mkdir(parents=True)
    source, program = root / "input.yaml", root / "bin/pw.x"
    raw = yaml.safe_load(INPUT)
    raw["dft"] |= {"ecutwfc": 16, "conv_thr": 1e-8, "degauss": 0.02}  # what the output was recorded with
    raw["resources"]["parallel_cores"] = cores
    source.write_text(yaml.safe_dump(raw))
    config, reasons = load_expanded(source)
    project, _ = create_project(root / "p", source.read_bytes(), render_config_yaml(config, reasons))
    program.parent.mkdir()
    program.write_text(f"#!/bin/bash\n{SIGN}\ncat {shlex.quote(str(RECORDED / 'ok.pwo'))}\n")
    program.chmod(0o755)
    write_frames(project.candidates(0, "selected"), structures())
    return project


def labels(project: Project, *names: str) -> list[JobSpec]:
    return [spec for spec in label.expected(project, load_config(project.config), 0) if spec.name in names]


def add(project: Project, *specs: JobSpec) -> None:
    for spec in specs:
        jobfolder.create(project.jobs, spec)


def serve(project: Project, scheduler: Scheduler, until: Callable[[], bool], patience: Patience | None = None) -> None:
    campaign = Campaign(project, scheduler, 2, NOTHING_MORE, patience=patience)
    try:
        while not until():
            campaign.tick()
            time.sleep(0.02)
    finally:
        campaign.index.close()


def wait_for(project: Project, name: str, marker: str) -> None:
    """Until an attempt has that marker, seen by no daemon."""
    while not list((project.jobs / "gen000" / name).glob(f"attempt-*/{marker}")):
        time.sleep(0.02)
