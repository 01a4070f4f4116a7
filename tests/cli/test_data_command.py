"""`mlipbatch data`: queries, exports and the hash of a project's labels, in SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ase.io import read
from typer.testing import CliRunner

from mlipbatch.cli.main import app
from mlipbatch.config.errors import InputError
from mlipbatch.stages import dataset
from mlipbatch.stages.report_data import collect
from mlipbatch.store.lease import project_lock
from mlipbatch.store.project import Project
from tests.engine.conftest import project
from tests.postgresql import Server
from tests.store.test_database import done_label

__all__ = ["project"]


def data(*words: str, code: int = 0) -> str:
    outcome = CliRunner().invoke(app, ["data", *words])
    assert outcome.exit_code == code, outcome.output
    return outcome.stdout


def keep_in(project: Project, url: str) -> None:
    text, number = re.subn('  database: ""', f'  database: "{url}"', project.config.read_text())
    assert number == 1
    project.config.write_text(text)


@pytest.fixture(params=["sqlite", "postgresql"])
def labelled(request: pytest.FixtureRequest, project: Project) -> Project:
    if request.param == "postgresql":
        keep_in(project, request.getfixturevalue("new_postgresql")())
    for name in ("a", "7"):  # a name that looks like a number
        done_label(project, name)
    return project


def test_rebuilt_it_is_the_same_and_can_be_asked_and_exported(labelled: Project, tmp_path: Path) -> None:
    at = ("-p", str(labelled.root))
    empty = data("hash", *at)
    first = data("rebuild", *at)
    assert first != empty
    assert data("rebuild", *at) == data("hash", *at) == first
    found = json.loads(data("query", "config_type=test,energy<0", "--json", *at))
    assert sorted((one["name"], one["job"], one["energy"]) for one in found) == [
        ("7", "gen000/scf/7", -1.0),
        ("a", "gen000/scf/a", -1.0),
    ]
    assert "gen000/scf/a" in data("query", "job=gen000/scf/a", *at)
    out = tmp_path / "labels.extxyz"
    assert data("export", "-o", str(out), "Al=4", *at).startswith("2 labels")
    exported, given = read(out, ":"), read(labelled.jobs / "gen000/scf/a/result.extxyz")
    (same,) = [atoms for atoms in exported if atoms.info["job"] == "gen000/scf/a"]
    assert same.info["REF_energy"] == given.info["REF_energy"]
    assert abs(same.arrays["REF_forces"] - given.arrays["REF_forces"]).max() < 1e-8
    assert same.arrays["force_mask"].tolist() == [1, 1, 0, 1]


def test_while_a_daemon_serves_it_nothing_is_made_anew(labelled: Project) -> None:
    with project_lock(labelled):
        data("rebuild", "-p", str(labelled.root), code=75)


def test_a_password_in_the_address_is_refused_and_not_repeated(project: Project) -> None:
    for url in (
        "postgresql://me:secret@host/labels",
        "postgresql://host/labels?password=secret",
        "postgresql://me:secret@host:port/labels",
        "mysql://me:secret@host/labels",
    ):
        before = project.config.read_text()
        keep_in(project, url)
        outcome = CliRunner().invoke(app, ["data", "hash", "-p", str(project.root)])
        assert isinstance(outcome.exception, InputError), url
        assert "data.database" in str(outcome.exception)
        assert "secret" not in str(outcome.exception) + outcome.output
        project.config.write_text(before)


def test_a_report_reads_the_job_folders_while_the_server_is_away(
    project: Project, postgresql: Server, new_postgresql: Callable[[], str]
) -> None:
    keep_in(project, new_postgresql())
    done_label(project, "a")
    postgresql.stop()
    try:
        assert [label.job for label in collect(project).labels] == ["gen000/scf/a"]
    finally:
        postgresql.start()
    assert dataset.rebuild(project, project.data / "mlip.db") == {}
