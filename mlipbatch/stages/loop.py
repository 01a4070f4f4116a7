"""The loop of SPEC 1: which jobs should exist, given those that do and what they left on disk. Computed, never stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlipbatch.config.model import Config
from mlipbatch.core import frames
from mlipbatch.core.job import JobEntry, JobSpec, Resources, generation_name
from mlipbatch.core.state import JobState
from mlipbatch.stages import dataset, label
from mlipbatch.stages.base import Goal, Outcome
from mlipbatch.stages.view import View
from mlipbatch.stages.work import PROJECT, work
from mlipbatch.store.project import Project

CONFIG = f"{PROJECT}/config.yaml"
BEFORE_LABELS, AFTER_LABELS = 1000, 10  # priorities: what labels wait for, and what waits for nobody


def wanted(project: Project, config: Config, entries: Mapping[str, JobEntry]) -> Iterator[JobSpec]:
    """Jobs that should exist and do not."""
    view = View.of(entries)
    for spec in _all(project, config, view):
        if spec.id not in entries:
            yield spec


def outcome(project: Project, config: Config, entries: Mapping[str, JobEntry]) -> Outcome:
    """What to say when all jobs that should exist have ended."""
    view = View.of(entries)
    trained = [generation for generation in range(config.generations) if view.any_done(generation, "train")]
    if trained and _closed(project, config, view, trained[-1]):
        return Outcome(True, f"finished: potentials/{generation_name(trained[-1])}, reports/report.html")
    failed = [entry.id for entry in view.entries.in_state(JobState.FAILED) if entry.kind != label.KIND]
    if failed:
        return Outcome(
            False, f"stopped: {failed[0]} failed; see `mlipbatch why jobs/{failed[0]}`, then `mlipbatch retry` it"
        )
    return Outcome(False, "stopped: no label succeeded; see `mlipbatch ls --state FAILED`")


def _closed(project: Project, config: Config, view: View, generation: int) -> bool:
    """The last generation asked for was trained, or the one after had nothing uncertain; and the report is written."""
    last = generation == config.generations - 1
    after = generation + 1
    known = view.ended(after, "cut") and view.any_done(after, "cut") and not label.number(project, after)
    return (last and view.any_done(generation, "report")) or (known and view.any_done(after, "report"))


def _all(project: Project, config: Config, view: View) -> Iterator[JobSpec]:
    """Jobs that should exist; those of a stretch that is whole need not be named again."""
    closed = 0  # the first generation that was not trained yet: what led to those before is of the past
    while closed < config.generations and view.any_done(closed, "train"):
        yield _report(config, closed)
        closed += 1
    if not closed:
        yield from _cold_start(config, view)
    for generation in range(closed, config.generations):
        if generation > 0:
            yield from _explore(config, view, generation)
        expected, there = label.number(project, generation), view.number(generation, label.KIND)
        if there < expected:
            yield from label.expected(project, config, generation)
        if not expected or there < expected or not view.ended(generation, label.KIND):
            nothing_new = generation > 0 and view.ended(generation, "cut") and not expected
            if nothing_new:  # nothing was uncertain: the potential of the last generation is good
                yield _report(config, generation)
            return
        yield from _train(project, config, view, generation)
        if not view.any_done(generation, "train"):
            return
        yield _report(config, generation)


def _resources(config: Config, *, serial: bool = False) -> Resources:
    """What screening and training ask for; a serial job gains nothing from more than one core."""
    return Resources(1 if serial else config.jobs.work_cores, config.jobs.work_walltime)


def _cold_start(config: Config, view: View) -> Iterator[JobSpec]:
    name, resources = generation_name(0), _resources(config)
    yield work(
        f"{name}/generate/candidates",
        [
            ["mlipbatch", "generate", CONFIG, "-o", "generated.extxyz"],
            ["mlipbatch", "generate", CONFIG, "-o", "walkers.extxyz", "--only", frames.EXPLORATION_CELL],
        ],
        {
            "generated.extxyz": f"candidates/{name}.generated.extxyz",
            "walkers.extxyz": f"candidates/{name}.walkers.extxyz",
        },
        _resources(config, serial=True),
        priority=BEFORE_LABELS,
    )
    if view.any_done(0, "generate"):
        yield work(
            f"{name}/screen/candidates",
            [
                [
                    "mlipbatch",
                    "screen",
                    f"{PROJECT}/candidates/{name}.generated.extxyz",
                    "-o",
                    "kept.extxyz",
                    "--config",
                    CONFIG,
                ]
            ],
            {
                "kept.extxyz": f"candidates/{name}.kept.extxyz",
                "kept.rejected.extxyz": f"candidates/{name}.rejected.extxyz",
            },
            resources,
            priority=BEFORE_LABELS,
            parents=(f"{name}/generate/candidates",),
        )
    if view.any_done(0, "screen"):
        number = str(config.selection.number)
        source = f"{PROJECT}/candidates/{name}.kept.extxyz"
        yield work(
            f"{name}/select/labels",
            [["mlipbatch", "select", source, "-k", number, "--at-most", "-o", "selected.extxyz", "--config", CONFIG]],
            {"selected.extxyz": f"candidates/{name}.selected.extxyz"},
            _resources(config, serial=True),
            priority=BEFORE_LABELS,
            parents=(f"{name}/screen/candidates",),
        )


def _explore(config: Config, view: View, generation: int) -> Iterator[JobSpec]:
    name, before = generation_name(generation), generation_name(generation - 1)
    if not view.any_done(generation - 1, "train"):
        return
    for number, temperature in enumerate(config.exploration.temperatures):
        walker = f"walker-{number:03d}-{temperature:g}K"
        yield work(
            f"{name}/explore/{walker}",
            [
                ["mlipbatch", "explore", f"{PROJECT}/potentials/{before}", f"{PROJECT}/candidates/gen000.walkers.extxyz",
                 "-o", "frames.extxyz", "--config", CONFIG, "--temperature", f"{temperature:g}",
                 "--index", str(number), "--seed", str(config.seed + 1000 * generation + number)],
            ],
            {"frames.extxyz": f"explore/{name}/{walker}.extxyz", "frames.walk.json": f"explore/{name}/{walker}.walk.json"},
            _resources(config, serial=True),
            priority=BEFORE_LABELS,
            parents=(f"{before}/train/potential",),
        )  # fmt: skip
    if not view.ended(generation, "explore"):
        return
    walkers = view.done(generation, "explore")
    if not walkers:
        return
    yield work(
        f"{name}/cut/boxes",
        [
            ["mlipbatch", "cut", *(f"{PROJECT}/explore/{name}/{walker.name}.extxyz" for walker in walkers),
             "--worst", str(config.embedding.boxes), "--potential", f"{PROJECT}/potentials/{before}", "--config", CONFIG,
             "--config-type", f"{frames.ACTIVE_LEARNING}{generation}", "-o", "boxes.extxyz"],
        ],
        {"boxes.extxyz": f"candidates/{name}.selected.extxyz"},
        _resources(config, serial=True),
        priority=BEFORE_LABELS,
        parents=tuple(walker.id for walker in walkers),
    )  # fmt: skip


def _train(project: Project, config: Config, view: View, generation: int) -> Iterator[JobSpec]:
    name = generation_name(generation)
    job = f"{name}/train/potential"
    if job in view.entries:
        return
    train, test = dataset.split(project, config, view, generation)
    argv = ["mlipbatch", "fit", "../train.extxyz", "-o", "potential", "--config", CONFIG, "--seed", str(config.seed)]
    held_out = ["--test", "../test.extxyz"] if test else []
    yield work(
        job,
        [[*argv, *held_out]],
        {"potential": f"potentials/{name}"},
        _resources(config),
        priority=BEFORE_LABELS,
        parents=tuple(entry.id for entry in view.done(generation, label.KIND)),
        files={"train.extxyz": train, **({"test.extxyz": test} if test else {})},
    )


def _report(config: Config, generation: int) -> JobSpec:
    name = generation_name(generation)
    return work(
        f"{name}/report/report",
        [["mlipbatch", "report", PROJECT]],
        {},
        _resources(config, serial=True),
        priority=AFTER_LABELS,
        parents=(f"{name}/train/potential",),
    )


LOOP = Goal(wanted, outcome)
