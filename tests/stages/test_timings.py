"""Wall times from finished jobs: what is learned, and what is asked for."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from mlipbatch.config.scf_cost import PRIOR, Model, Size
from mlipbatch.core.job import JobSpec, Most, Resources
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.core.state import JobState
from mlipbatch.stages import timings
from mlipbatch.stages.base import Attempt
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project
from tests.engine.conftest import project

__all__ = ["project"]  # a fixture

SMALL = Size(atoms=8, bands=18, waves=700, grid=10_000, kpoints=14)
HUGE = replace(SMALL, atoms=256, bands=500, waves=20_000, grid=300_000, kpoints=14)
OWN = Resources(1, 4 * 3600)
FIRST, ANY = NextAttempt(), Most()
KNOWING = Model(PRIOR, scatter=0.2, learned_from=50)


def asked(size: Size | None, model: Model = KNOWING, step: NextAttempt = FIRST, most: Most = ANY, **own: int) -> int:
    return timings.wall_time(replace(OWN, **own), most, step, size, model)[0]  # type: ignore[arg-type]


def test_without_data_the_wall_time_is_the_job_s_own() -> None:
    for learned_from in (0, timings.ENOUGH - 1):
        assert (
            asked(SMALL, Model(learned_from=learned_from)) == asked(HUGE, Model(learned_from=learned_from)) == 4 * 3600
        )
    assert asked(None) == 4 * 3600


def test_with_data_it_follows_the_forecast_with_a_margin() -> None:
    assert asked(SMALL) == timings.LEAST_S
    middle = replace(SMALL, kpoints=3000)
    assert 2 * KNOWING.seconds(middle) <= asked(middle) < 4 * 3600
    assert KNOWING.seconds(HUGE) > 4 * 3600  # certain to be killed with its own
    assert asked(HUGE) >= 1.5 * KNOWING.seconds(HUGE)
    assert asked(HUGE, most=Most(walltime_s=5 * 3600)) == 5 * 3600
    assert asked(SMALL, walltime_s=120) == 120  # who asks for so little has a reason


def test_any_other_attempt_keeps_its_own() -> None:
    for step in (
        NextAttempt("beta0.1", {"mixing_beta": 0.1}),
        NextAttempt(changes={"walltime_factor": 2.0}),
        NextAttempt(restart_from=1),
    ):
        assert asked(SMALL, step=step) == 4 * 3600


def test_the_model_is_made_again_from_the_job_folders(project: Project) -> None:
    size = asdict(SMALL)
    for number, state in enumerate([JobState.DONE] * 6 + [JobState.FAILED]):
        jobfolder.create(project.jobs, JobSpec(f"gen000/scf/cell-{number}", "scf", OWN))
        folder = project.jobs / f"gen000/scf/cell-{number}"
        (folder / "attempt-1").mkdir()
        attempt = Attempt(1, folder / "attempt-1", {"size": size, "step": asdict(NextAttempt())})
        cost = timings.measured(attempt, 30.0 + number, 12, 13)
        jobfolder.write_record(folder / "attempt-1/verdict.yaml", {"decision": "accept", timings.COST: cost})
        for before, after in ((JobState.PENDING, JobState.SUBMITTED), (JobState.SUBMITTED, state)):
            jobfolder.move(folder, before, after, "as the test has it")
    (project.jobs / "gen000/scf/cell-3/attempt-1/verdict.yaml").write_text("cost: {size: 7}\n")  # changed by hand
    found = timings.read(project)
    assert sorted(one.wall_s for one in found) == [30.0, 31.0, 32.0, 34.0, 35.0]
    assert {one.size for one in found} == {replace(SMALL, kpoints=13)}  # as many as pw.x found
    assert timings.learned(project).model == timings.Learned(found).model
    assert timings.learned(project).model.learned_from == 5


def test_a_record_that_makes_no_sense_teaches_nothing() -> None:
    good = {"size": asdict(SMALL), "wall_s": 3.0, "iterations": 9, "usual": True}
    assert timings.timing({timings.COST: good}) is not None
    for wrong in (
        {"bands": 0},
        {"grid": 1},
        {"waves": "many"},
        {"kpoints": float("nan"), "grid": float("inf")},
        {"cores": -1},
    ):
        assert timings.timing({timings.COST: {**good, "size": {**asdict(SMALL), **wrong}}}) is None
    for wrong in ({"wall_s": "long"}, {"wall_s": float("nan")}, {"size": None}):
        assert timings.timing({timings.COST: {**good, **wrong}}) is None


def test_what_is_heard_counts_as_what_is_read(tmp_path: Path) -> None:
    heard = timings.Learned([])
    attempt = Attempt(1, tmp_path, {"size": asdict(SMALL)})
    for number in range(12):
        record = {timings.COST: timings.measured(attempt, 20.0 + number, 12, 14)}
        heard.hear(timings.timing(record))
    assert heard.model.seconds(SMALL) == timings.Learned(heard.timings).model.seconds(SMALL)
    assert timings.measured(attempt, None, 12, 14) is None
    assert timings.measured(Attempt(1, tmp_path), 20.0, 12, 14) is None
