"""Projects and job folders: made whole or not at all, told apart by what is on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlipbatch.config.errors import InputError
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.core.state import TRANSITIONS, JobState
from mlipbatch.store import jobfolder
from mlipbatch.store.durable import write_text
from mlipbatch.store.lease import Locked, is_locked, project_lock
from mlipbatch.store.project import create_project, find_project


def spec(name: str = "a") -> JobSpec:
    return JobSpec(
        f"gen000/scf/{name}",
        "scf",
        Resources(2, 60),
        priority=3,
        parameters={"x": [1, 2]},
        files={"structure.extxyz": "text"},
    )


def test_the_same_input_is_the_same_project_and_another_is_refused(tmp_path: Path) -> None:
    project, new = create_project(tmp_path / "p", b"input", "config")
    again, new_again = create_project(tmp_path / "p", b"input", "config")
    assert (new, new_again) == (True, False)
    assert project.id == again.id
    with pytest.raises(InputError, match="made from another input"):
        create_project(tmp_path / "p", b"other", "config")
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "thesis.tex").touch()
    with pytest.raises(InputError, match="not an mlipbatch project"):
        create_project(tmp_path / "q", b"input", "config")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "q"]


def test_a_project_is_found_from_anywhere_inside(tmp_path: Path) -> None:
    project, _ = create_project(tmp_path / "p", b"input", "config")
    jobfolder.create(project.jobs, spec())
    assert find_project(project.jobs / "gen000/scf/a").root == project.root
    with pytest.raises(InputError, match="mlipbatch submit"):
        find_project(tmp_path)


def test_private_folder_is_private(tmp_path: Path) -> None:
    project, _ = create_project(tmp_path / "p", b"input", "config")
    assert project.private.stat().st_mode & 0o077 == 0


def test_a_job_is_created_once_and_reads_back_as_it_was(tmp_path: Path) -> None:
    assert jobfolder.create(tmp_path, spec())
    assert not jobfolder.create(tmp_path, spec())
    folder = tmp_path / "gen000/scf/a"
    assert sorted(path.name for path in folder.iterdir()) == ["PENDING", "history.log", "job.yaml", "structure.extxyz"]
    read = jobfolder.read_spec(folder)
    assert (read.resources, read.priority, read.parameters) == (Resources(2, 60), 3, {"x": [1, 2]})


def test_a_draft_left_by_a_kill_is_no_job_and_is_replaced(tmp_path: Path) -> None:
    draft = tmp_path / "gen000/scf/.a.tmp"
    draft.mkdir(parents=True)
    (draft / "job.yaml").write_text("half")
    assert jobfolder.walk(tmp_path) == []
    assert jobfolder.create(tmp_path, spec())
    assert [path.name for path in jobfolder.walk(tmp_path)] == ["a"]


@pytest.mark.parametrize("before", JobState)
@pytest.mark.parametrize("after", JobState)
def test_only_transitions_of_the_table_happen(tmp_path: Path, before: JobState, after: JobState) -> None:
    (tmp_path / before).touch()
    if after in TRANSITIONS[before]:
        jobfolder.move(tmp_path, before, after, "why")
        assert jobfolder.look(tmp_path).state is after
    else:
        with pytest.raises(ValueError, match="no transition"):
            jobfolder.move(tmp_path, before, after, "why")
        assert jobfolder.look(tmp_path).state is before


def test_a_job_that_somebody_else_moved_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / JobState.DONE).write_text("by another daemon")
    with pytest.raises(jobfolder.Moved, match="no longer PENDING"):
        jobfolder.move(tmp_path, JobState.PENDING, JobState.SUBMITTED, "why")
    assert [path.name for path in tmp_path.iterdir()] == ["DONE"]


def test_a_state_file_left_by_a_hand_edit_goes_with_the_next_move(tmp_path: Path) -> None:
    (tmp_path / JobState.FAILED).touch()
    os.utime(tmp_path / JobState.FAILED, (1, 1))
    (tmp_path / JobState.PENDING).touch()  # copied, not renamed: the newer counts
    assert jobfolder.look(tmp_path).state is JobState.PENDING
    jobfolder.move(tmp_path, JobState.PENDING, JobState.SUBMITTED, "why")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SUBMITTED", "history.log"]


@pytest.mark.parametrize("edit", ["cores: four", "cores: 0", "walltime_s: 0", "walltime_s: 4h"])
def test_resources_that_are_no_numbers_set_a_job_aside(tmp_path: Path, edit: str) -> None:
    jobfolder.create(tmp_path, spec())
    path = tmp_path / "gen000/scf/a/job.yaml"
    key = edit.split(":", maxsplit=1)[0]
    path.write_text("\n".join(f"  {edit}" if key in line else line for line in path.read_text().splitlines()))
    with pytest.raises(jobfolder.Unreadable, match=key):
        jobfolder.entry(path.parent)


def test_without_a_state_file_a_folder_is_unreadable_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(jobfolder.Unreadable, match="make an empty file PENDING"):
        jobfolder.look(tmp_path)


@pytest.mark.parametrize("name", ["../../etc", "a b", "", "$(rm)", "-rf", "a/b", "ä"])
def test_an_id_that_could_leave_the_folder_or_needs_quoting_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="job id"):
        spec(name)


def test_one_lock_a_project_gone_with_its_holder(tmp_path: Path) -> None:
    project, _ = create_project(tmp_path / "p", b"input", "config")
    with project_lock(project):
        assert is_locked(project)
        with pytest.raises(Locked, match="process"), project_lock(project):
            pass
    assert not is_locked(project)
    write_text(project.private / "lock", "")  # left over by a kill: a file alone is no lock
    with project_lock(project):
        pass


def test_a_full_disk_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlipbatch.store.durable.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
