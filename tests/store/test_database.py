"""The database of labels, in SQLite and in a real PostgreSQL alike."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from mlipbatch.config.errors import InputError
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import JobState
from mlipbatch.stages import label
from mlipbatch.stages.contents import digest, labelled, selection
from mlipbatch.store import database, jobfolder
from mlipbatch.store.durable import write_frames
from mlipbatch.store.label_row import Row
from mlipbatch.store.postgresql import Away, Shared
from mlipbatch.store.project import Project

PROJECT = "0123456789abcdef0123456789abcdef"
Fresh = Callable[[], database.Place]


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    """Makes empty places of the same project."""
    if request.param == "sqlite":
        names = iter(range(9))
        return lambda: tmp_path / f"data{next(names)}" / "mlip.db"
    new = request.getfixturevalue("new_postgresql")
    return lambda: Shared(new(), PROJECT)


@pytest.fixture
def place(fresh: Fresh) -> database.Place:
    """An empty one."""
    return fresh()


def row(job: str, energy: float = -1.0, project: str = PROJECT) -> Row:
    atoms = bulk("Al", cubic=True)
    atoms.rattle(0.1, seed=sum(map(ord, job)))
    atoms.info |= {"name": job[-1:], "config_type": "test", "attempts": 2, "rung": "start", "dft_wall_s": 12.5}
    atoms.info |= {"REF_energy": energy, "REF_stress": np.linspace(-0.1, 1e-17, 6), "gamma_max": 1e22}
    atoms.arrays["REF_forces"] = np.full((len(atoms), 3), -0.0) + atoms.positions / 3e9
    atoms.arrays["force_mask"] = np.array([1.0, 1.0, 0.0, 1.0])
    return Row(project, job, atoms)


def done_label(project: Project, name: str) -> None:
    """A job folder with a label in it."""
    job = f"gen000/scf/{name}"
    jobfolder.create(project.jobs, JobSpec(job, "scf", Resources()))
    write_frames(project.jobs / job / label.RESULT, [row(job).atoms])
    (project.jobs / job / JobState.PENDING).rename(project.jobs / job / JobState.DONE)


A, B, UPPER = "gen000/scf/a", "gen000/scf/b", "gen000/scf/B"


def test_a_label_that_is_there_is_not_added_again(place: database.Place) -> None:
    database.add(place, [row(A)])
    database.add(place, [row(A), row(B)])  # as one that looked before the other added its own
    assert list(database.jobs(place)) == [A, B]


def test_jobs_are_sorted_as_python_sorts_whatever_the_language_of_the_server(place: database.Place) -> None:
    jobs = ["gen000/scf/a_1", "gen000/scf/a-2", UPPER, A, "gen000/scf/a.3"]
    database.add(place, [row(job) for job in jobs])
    assert list(database.jobs(place)) == sorted(jobs)


def test_what_was_taken_out_is_gone(place: database.Place) -> None:
    assert database.rows(place) == []
    assert database.among(place, [A]) == set()
    database.add(place, [row(A), row(B)])
    database.remove(place, {A})
    assert database.among(place, [A, B]) == {B}
    database.clear(place)
    assert list(database.jobs(place)) == []


def test_made_anew_in_another_order_it_has_the_same_hash_and_any_change_another(fresh: Fresh) -> None:
    place, other = fresh(), fresh()
    database.add(place, [row(A), row(B)])
    before = digest(database.rows(place))
    database.clear(place)
    database.add(place, [row(B)])
    database.add(place, [row(A)])
    assert digest(database.rows(place)) == before
    changed = row(B, energy=np.nextafter(-1.0, 0.0))
    database.add(other, [row(A), changed])
    assert digest(database.rows(other)) != before


def test_both_databases_give_the_same_hash(tmp_path: Path, new_postgresql: Callable[[], str]) -> None:
    places = [tmp_path / "mlip.db", Shared(new_postgresql(), PROJECT)]
    for place in places:
        database.add(place, [row(A), row(B, -2.0)])
    assert len({digest(database.rows(place)) for place in places}) == 1


def test_a_label_comes_back_as_it_went_in(place: database.Place) -> None:
    given = row(A).atoms
    database.add(place, [row(A)])
    found = labelled(database.rows(place)[0])
    for name in ("positions", "REF_forces", "force_mask", "numbers"):
        assert np.array_equal(found.arrays[name], given.arrays[name]), name
    assert np.array_equal(found.info["REF_stress"], given.info["REF_stress"])
    assert (found.info["REF_energy"], found.info["uncertainty_gamma"]) == (-1.0, 1e22)
    assert found.info["uuid"] == row(A).uuid
    assert found.pbc.all()
    assert database.costs(place, 5) == [(4, 12.5)]


@pytest.mark.parametrize(
    ("query", "jobs"),
    [
        ("", [A, B]),
        ("energy<-1.5", [B]),
        ("config_type=test,energy>-1.5", [A]),
        ("job=gen000/scf/b", [B]),
        ("generation=0,attempts>=2,uncertainty_gamma>1e21", [A, B]),
        ("Al=4", [A, B]),
        ("Mg>0", []),
        ("name!=a", [B]),
        ("rung", [A, B]),
    ],
)
def test_queries(place: database.Place, query: str, jobs: list[str]) -> None:
    database.add(place, [row(A), row(B, -2.0)])
    assert sorted(found.job for found in database.rows(place, selection(query))) == jobs


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("config_typ=test", "did you mean 'config_type'"),
        ("energy<low", "must be a number"),
        ("config_type=5", "which is text"),
        ("generation=first", "which is a number"),
        ("x' OR '1'='1", "labels have no"),
        ("a=b=c", "cannot be read"),
        ("x' OR 1 --=1", "labels have no"),
    ],
)
def test_a_wrong_query_is_told(query: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        selection(query)


def test_projects_in_one_database_leave_each_other_alone(new_postgresql: Callable[[], str]) -> None:
    mine = Shared(new_postgresql(), PROJECT)
    theirs = replace(mine, project="f" * 32)
    database.add(mine, [row(A), row(B)])
    database.add(theirs, [row(A, -7.0, theirs.project)])
    before = digest(database.rows(theirs))
    assert list(database.jobs(theirs)) == [A]
    database.remove(mine, {A})
    assert list(database.jobs(mine)) == [B]
    database.clear(mine)
    assert database.rows(mine) == []
    assert database.costs(mine, 5) == []
    assert digest(database.rows(theirs)) == before
    assert [found.energy for found in database.rows(theirs)] == [-7.0]


WRITER = """
import sys
sys.path.insert(0, ".")
from tests.store.test_database import row, database, Shared
place = Shared(sys.argv[1], sys.argv[2])
for number in range(20):
    database.add(place, [row(f"gen000/scf/{number}", -float(number), place.project)])
"""


def test_many_that_add_at_the_same_time_add_each_label_once_and_its_own_columns(
    new_postgresql: Callable[[], str],
) -> None:
    url, projects = new_postgresql(), [PROJECT, PROJECT, "f" * 32]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, project]) for project in projects]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for project in set(projects):
        rows = database.rows(Shared(url, project))
        assert sorted((found.job, found.energy) for found in rows) == sorted(
            (f"gen000/scf/{number}", -float(number)) for number in range(20)
        )
        assert len(list(database.jobs(Shared(url, project)))) == 20  # from the tables that queries use


def test_a_server_that_is_away_is_said_and_takes_labels_when_it_is_back(
    postgresql: object, new_postgresql: Callable[[], str]
) -> None:
    place = Shared(new_postgresql(), PROJECT)
    database.add(place, [row(A)])
    postgresql.stop()  # type: ignore[attr-defined]
    try:
        with pytest.raises(Away, match="the PostgreSQL database of labels"):
            database.add(place, [row(B)])
    finally:
        postgresql.start()  # type: ignore[attr-defined]
    database.add(place, [row(B)])
    assert list(database.jobs(place)) == [A, B]
