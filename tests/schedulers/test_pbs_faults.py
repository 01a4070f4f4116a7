"""PBS when it is unwell: nothing is lost, nothing is invented, nothing is sent twice. Against the fake that plays the faults."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlipbatch.core.job import Resources
from mlipbatch.core.state import IN_THE_QUEUE, QueueState
from mlipbatch.schedulers import command
from mlipbatch.schedulers.base import NoInformation, NotSubmitted, Refused, UnknownOutcome
from mlipbatch.schedulers.detect import detect
from mlipbatch.schedulers.pbs import PbsScheduler
from mlipbatch.schedulers.pbs_parse import jobs_in_json, jobs_in_text

from .pbs_benches import SITE, FakePbs
from .transcripts import answer, recorded

ONE = Resources(1, 600)


@pytest.fixture
def pbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePbs]:
    made = FakePbs(tmp_path / "fake")
    (tmp_path / "job.sh").write_text("#!/bin/bash\nsleep 300\n")
    monkeypatch.chdir(tmp_path)
    yield made
    made.stop()


def submit(pbs: FakePbs, token: str, tasks: int = 0, resources: Resources = ONE) -> str:
    return pbs.scheduler.submit(Path("job.sh").absolute(), token, resources, tasks)


def test_an_answer_that_was_lost_is_found_by_its_token(pbs: FakePbs) -> None:
    pbs.fault("accept_and_fail", 1)
    with pytest.raises(UnknownOutcome):
        submit(pbs, "mb-lost00001")
    found = pbs.scheduler.find("mb-lost00001")
    assert [entry.token for entry in found] == ["mb-lost00001"]
    pbs.fault("reject_and_fail", 1)
    with pytest.raises(UnknownOutcome):
        submit(pbs, "mb-lost00002")
    assert pbs.scheduler.find("mb-lost00002") == []


def test_words_instead_of_an_id_are_an_unknown_outcome(pbs: FakePbs) -> None:
    pbs.fault("garbage", "welcome to the cluster")
    with pytest.raises(UnknownOutcome, match="welcome to the cluster"):
        submit(pbs, "mb-words0001")
    pbs.heal("garbage")
    assert len(pbs.scheduler.find("mb-words0001")) == 1


def test_odd_and_cut_answers_are_no_information(pbs: FakePbs) -> None:
    known = {submit(pbs, f"mb-cut00000{n}"): Path() for n in range(3)}
    for name, content in (("garbage", "{}"), ("garbage", "PBS: maintenance"), ("cut", 900), ("cut", 0)):
        pbs.fault(name, content)
        with pytest.raises(NoInformation):
            pbs.scheduler.snapshot(known)
        pbs.heal(name)
    assert pbs.scheduler.snapshot(known).jobs.keys() == known.keys()


def test_a_look_is_two_commands_and_asks_for_nobody_elses_jobs(pbs: FakePbs) -> None:
    known = {submit(pbs, "mb-calls0001", tasks=3): Path(), submit(pbs, "mb-calls0002"): Path()}
    pbs.scheduler.snapshot(known)
    before = (pbs.folder / "calls").read_text()
    pbs.scheduler.snapshot(known)
    calls = (pbs.folder / "calls").read_text().removeprefix(before).splitlines()
    assert [line.split()[0] for line in calls] == ["qselect", "qstat"]
    assert calls[1] == f"qstat -x -t -f -F json -E {' '.join(known)}"


def test_unescaped_environments_hide_no_job(pbs: FakePbs) -> None:
    known = {submit(pbs, f"mb-quote000{n}"): Path() for n in range(3)}
    pbs.fault("unescaped")
    assert pbs.scheduler.snapshot(known).jobs.keys() == known.keys()


def test_a_server_without_history_forgets_and_says_so(pbs: FakePbs) -> None:
    pbs.fault("history_off")
    gone, live = submit(pbs, "mb-gone00001"), submit(pbs, "mb-live00001")
    assert not pbs.scheduler.accounting
    pbs.scheduler.cancel(gone, "mb-gone00001")
    jobs = until_gone(pbs, gone, live)
    assert jobs == {live}
    assert pbs.scheduler.find("mb-gone00001") == []


def until_gone(pbs: FakePbs, gone: str, live: str) -> set[str]:
    for _ in range(2000):
        jobs = pbs.scheduler.snapshot({gone: Path(), live: Path()}).jobs
        if gone not in jobs:
            break
    return set(jobs)


def test_finished_jobs_are_asked_for_where_there_is_history(pbs: FakePbs) -> None:
    pbs.fault("ends_as", "-4")
    job = submit(pbs, "mb-mom000001")
    assert pbs.scheduler.accounting
    for _ in range(2000):
        state = pbs.scheduler.snapshot({job: Path()}).jobs[job].state
        if state not in IN_THE_QUEUE:
            break
    assert state is QueueState.NODE_FAILED
    assert pbs.scheduler.snapshot({}).jobs == {}
    assert [entry.state for entry in pbs.scheduler.find("mb-mom000001")] == [QueueState.NODE_FAILED]


def test_an_id_that_came_round_is_left_alone(pbs: FakePbs) -> None:
    pbs.fault("ids", 1)
    old = submit(pbs, "mb-old000001")
    pbs.scheduler.cancel(old, "mb-old000001")
    for _ in range(2000):
        if pbs.scheduler.snapshot({old: Path()}).jobs[old].state is QueueState.CANCELLED:
            break
    new = submit(pbs, "mb-new000001")
    assert new == old
    pbs.scheduler.cancel(old, "mb-old000001")
    assert pbs.scheduler.snapshot({}).jobs[new].state in IN_THE_QUEUE
    pbs.scheduler.cancel("12x4; rm -rf /", "mb-new000001")  # a damaged id is nobody's
    assert pbs.scheduler.snapshot({"12x4; rm -rf /": Path()}).jobs.keys() == {new}


def test_limits_and_strangers(pbs: FakePbs) -> None:
    command.run(["qsub", "-N", "mine", "job.sh"], timeout=60)
    pbs.scheduler = PbsScheduler(SITE.model_copy(update={"limits": SITE.limits.model_copy(update={"max_queued": 5})}))
    submit(pbs, "mb-array0001", tasks=2)
    snapshot = pbs.scheduler.snapshot({})
    assert snapshot.strangers == 1
    assert pbs.scheduler.room(snapshot).jobs == 2
    pbs.fault("limit", 3)
    with pytest.raises(NotSubmitted, match="limit on the number of jobs"):
        submit(pbs, "mb-full00001")
    one_task = submit_after(pbs, "mb-one000001")
    assert "[" not in one_task  # PBS takes no array of one task


def submit_after(pbs: FakePbs, token: str) -> str:
    pbs.heal("limit")
    return submit(pbs, token, tasks=1)


def test_a_job_that_fits_no_machine_is_stuck(pbs: FakePbs) -> None:
    pbs.fault("cpus", 1)
    job = submit(pbs, "mb-large0001", resources=Resources(2, 600))
    for _ in range(2000):
        entry = pbs.scheduler.snapshot({}).jobs[job]
        if entry.state is QueueState.STUCK:
            break
    assert entry.reason.startswith("Can Never Run")


@pytest.mark.parametrize(
    ("said", "site"),
    [("pbs_version = 23.06.06", "generic PBS"), ("Version: 6.1.2", "generic PBS"), ("SGE 8.1.9", "this machine")],
)
def test_which_scheduler_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, site: str) -> None:
    (tmp_path / "qstat").write_text(f'#!/bin/sh\necho "{said}"\n')
    (tmp_path / "qstat").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr("shutil.which", lambda name: None)  # no sbatch
    assert detect().name == site


def test_grid_engine_is_not_taken_for_pbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("qstat", "qsub", "qselect"):
        (tmp_path / name).write_text('#!/bin/sh\necho "error: unknown option \\"--version\\"" >&2; exit 7\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    scheduler = PbsScheduler(SITE)
    with pytest.raises(NotSubmitted, match="does not say that it is PBS"):
        scheduler.submit(tmp_path / "job.sh", "mb-sge000001", ONE)
    with pytest.raises(NoInformation, match="does not say that it is PBS"):
        scheduler.snapshot({"1": tmp_path})


def test_a_script_that_is_not_there_is_refused(pbs: FakePbs) -> None:
    with pytest.raises(Refused, match="could not use the script"):
        pbs.scheduler.submit(Path("nothing.sh").absolute(), "mb-none00001", ONE)


def test_the_fake_prints_what_openpbs_prints(pbs: FakePbs) -> None:
    submit(pbs, "mb-shape0001")
    submit(pbs, "mb-shape0002", tasks=3)
    ids = command.run(["qselect", "-u", os.environ.get("LOGNAME", "root")], timeout=60).stdout.split()
    printed = command.run(["qstat", "-E", "-x", "-t", "-f", "-F", "json", *ids], timeout=60)
    real = next(
        done for line, done in recorded("pbs/more_express.txt") if line.startswith("qstat -E -x -t -f -F json 2")
    )
    assert shape(printed.stdout) <= shape(real.stdout)
    files = ("more_express", "qstat_running_json", "cancel")
    texts = [done.stdout for file in files for _, done in recorded(f"pbs/{file}.txt") if '"Jobs"' in done.stdout]
    names = {name for text in texts for job in jobs_in_json(text).values() for name in job}
    assert {name for job in jobs_in_json(printed.stdout).values() for name in job} <= names
    assert jobs_in_text(command.run(["qstat", "-f", *ids], timeout=60).stdout).keys() == set(ids)
    lost = command.run(["qstat", "-x", "-f", "-F", "json", *ids], timeout=60)  # without -E: the first job only
    assert len(jobs_in_json(lost.stdout)) == len(jobs_in_json(recorded("pbs/more_json_loses.txt")[0][1].stdout)) == 1


def shape(text: str) -> set[str]:
    """Depth and punctuation of each line of JSON, without its words."""
    return {
        line[: len(line) - len(line.lstrip("\t"))] + ("{" if line.endswith("{") else "") for line in text.splitlines()
    }


def test_the_fake_fails_as_openpbs_fails(pbs: FakePbs) -> None:
    for file, line in (
        ("qstat_unknown", "qstat 999999"),
        ("qstat_unknown", "qstat -x -f -F json 999999"),
        ("cancel", "qdel 999999"),
        ("submit_errors", "qsub -q nosuch ok.sh"),
        ("submit_errors", "qsub nosuchfile.sh"),
    ):
        Path("ok.sh").write_text("#!/bin/bash\n")
        real, ours = answer(f"pbs/{file}.txt", line), command.run(line.split(), timeout=60)
        assert (ours.code, ours.stderr.replace("fake", "vm")) == (real.code, real.stderr)
    pbs.fault("history_off")
    real, ours = recorded("pbs/more_history_off.txt")[0][1], command.run(["qselect", "-x", "-u", "me"], timeout=60)
    assert (ours.code, ours.stdout, ours.stderr) == (real.code, real.stdout, real.stderr)
    pbs.fault("down")
    real, ours = (
        answer("pbs/server_down.txt", "timeout 60 qstat -f -F json"),
        command.run(["qstat", "-f", "-F", "json"], timeout=60),
    )
    assert (ours.code, ours.stderr.replace("fake", "vm")) == (real.code, real.stderr)
    assert ours.stdout.count("\n") == real.stdout.count("\n")
