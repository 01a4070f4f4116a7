"""`mlipbatch archive`: what has ended is packed, and everything that looks at jobs still finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlipbatch.config.errors import InputError
from mlipbatch.core.state import JobState
from mlipbatch.stages.report_jobs import read_jobs
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import project_lock
from tests.cli.test_commands import mb, own_list
from tests.engine.conftest import Session, bash, project, session

__all__ = ["own_list", "project", "session"]

BAD = "gen000/generate/bad"


def archive(*words: str) -> str:
    """`mlipbatch archive`; its stdout."""
    from mlipbatch.cli.archive import archive as command

    app = typer.Typer()
    app.command()(command)
    outcome = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


@pytest.fixture
def ended(session: Session) -> Session:
    session.add(bash("bad", "echo out of luck; exit 2"), bash("good", "echo fine"))
    session.finish()
    session.campaign.index.close()
    return session


def told(root: Path) -> tuple[object, ...]:
    """All that a person can ask."""
    jobs = f"{root}/jobs/{BAD}"
    story = json.loads(mb("show", jobs, "--json"))
    status = json.loads(mb("status", str(root), "--json"))
    rows = json.loads(mb("ls", str(root), "--json"))
    return rows, mb("why", jobs), {**story, "archive": None}, status["states"], status["failed"]


def test_packed_jobs_answer_as_before_in_two_files(ended: Session) -> None:
    root = ended.project.root
    before, stories = told(root), read_jobs(ended.project)
    planned = json.loads(archive(str(root), "--dry-run", "--json"))
    (done,) = json.loads(archive(f"{root}/jobs/gen000", "--json"))
    assert planned == [{**done, "bytes_after": None}]
    assert (done["group"], done["jobs"], done["inodes_after"]) == ("gen000/generate", 2, 2)
    assert done["inodes_before"] > 20
    assert {path.suffix for path in (root / "jobs/gen000").iterdir()} == {".archive", ".gz"}
    assert told(root) == before
    assert read_jobs(ended.project) == stories
    assert mb("ls", f"{root}/jobs/gen000/generate", "--state", "failed").split()[2] == BAD


def test_a_daemon_goes_on_with_packed_jobs_and_a_retry_unpacks_its_own(ended: Session) -> None:
    root = ended.project.root
    archive(str(root))
    campaign = ended.start()
    assert {job: entry.state for job, entry in campaign.index.items()} == {
        BAD: JobState.FAILED,
        "gen000/generate/good": JobState.DONE,
    }
    campaign.index.close()
    mb("retry", f"{root}/jobs/{BAD}")
    assert [path.name for path in (root / "jobs/gen000/generate").iterdir()] == ["bad"]
    ended.start()
    ended.until(lambda: ended.state("bad") is JobState.FAILED)
    assert jobfolder.look(ended.folder("bad")).attempts == 2
    assert len(ended.campaign.index) == 2


def test_undo(ended: Session) -> None:
    root = ended.project.root
    before = told(root)
    archive(str(root))
    archive(f"{root}/jobs/gen000/generate", "--undo")
    assert [path.name for path in (root / "jobs/gen000").iterdir()] == ["generate"]
    assert told(root) == before


def test_what_has_not_ended_or_does_not_exist_is_refused(session: Session) -> None:
    session.add(bash("waits", "true"))
    root = str(session.project.root)
    with pytest.raises(InputError, match="nothing to pack in gen000/generate"):
        archive(root)
    with pytest.raises(InputError, match="nothing is packed"):
        archive(root, "--undo")
    with pytest.raises(InputError, match=r"no generation or kind .* there are gen000/generate"):
        archive(f"{root}/jobs/gen007")


def test_a_served_project_is_left_alone(ended: Session) -> None:
    from mlipbatch.cli.archive import archive as command

    app = typer.Typer()
    app.command()(command)
    with project_lock(ended.project):
        outcome = CliRunner().invoke(app, [str(ended.project.root)])
    assert outcome.exit_code == 75
    assert ended.folder("good").is_dir()
