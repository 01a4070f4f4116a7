"""What PBS printed is read as it was meant, and what is not whole is no information."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlipbatch.core.state import QueueState
from mlipbatch.schedulers import pbs_parse
from mlipbatch.schedulers.base import NoInformation, QueueEntry
from mlipbatch.schedulers.pbs_states import ENDINGS, QSUB, STATES, Flavour

from .transcripts import answer, recorded

PRO, TORQUE = Flavour.PRO, Flavour.TORQUE


def entries(text: str) -> dict[str, QueueEntry]:
    return {name: pbs_parse.entry(name, job, PRO) for name, job in pbs_parse.jobs_in_json(text).items()}


def only(file: str, number: int = 0) -> dict[str, QueueEntry]:
    return entries(recorded(f"pbs/{file}.txt")[number][1].stdout)


def test_a_queue_of_running_waiting_and_hopeless_jobs() -> None:
    jobs = only("qstat_running_json")
    assert {name: job.state for name, job in jobs.items()} == {
        "71.vm": QueueState.RUNNING,
        "72[].vm": QueueState.RUNNING,
        "73.vm": QueueState.QUEUED,
        "74.vm": QueueState.STUCK,
    }
    assert jobs["71.vm"].elapsed_s == 0
    assert jobs["71.vm"].token == "mb-long"
    assert jobs["71.vm"].submitted == "2026-11-24T00:20:43"
    assert jobs["74.vm"].reason.startswith("Can Never Run: Insufficient amount of resource: ncpus")


def test_json_and_text_say_the_same() -> None:
    flat = pbs_parse.jobs_in_json(recorded("pbs/qstat_running_json.txt")[0][1].stdout)
    text = pbs_parse.jobs_in_text(recorded("pbs/qstat_running_text.txt")[0][1].stdout)
    assert list(text) == list(flat)
    wanted = ("Job_Name", "job_state", "ctime", "resources_used.walltime", "substate", "Resource_List.select")
    for name, job in flat.items():
        assert {key: job.get(key) for key in wanted} == {key: text[name].get(key) for key in wanted}
        assert pbs_parse.entry(name, text[name], PRO).state is pbs_parse.entry(name, job, PRO).state


def test_how_jobs_ended() -> None:
    assert only("cancel", 2)["73.vm"].state is QueueState.CANCELLED  # Exit_status 0, substate 91
    assert only("qstat_finished_json")["69.vm"].state is QueueState.ENDED
    ends = [job for number in range(2) for job in only("more_ends", number).items()]
    assert {name: job.state for name, job in ends} == {
        "228.vm": QueueState.TIMED_OUT,  # Exit_status -29
        "229.vm": QueueState.NODE_FAILED,  # MoM killed, -r n: Exit_status -20
        "230.vm": QueueState.QUEUED,  # MoM killed, -r y: back in the queue
        "231.vm": QueueState.QUEUED,
    }


def test_tasks_of_an_array_stand_beside_it() -> None:
    jobs = only("more_array_json")
    assert {name: job.state for name, job in jobs.items()} == {
        "2[].vm": QueueState.RUNNING,
        "2[0].vm": QueueState.ENDED,
        "2[1].vm": QueueState.ENDED,
        "2[2].vm": QueueState.RUNNING,
    }
    assert {job.token for job in jobs.values()} == {"mb-aaaaaaaa2"}


def test_a_strange_environment_hides_no_job() -> None:
    assert only("more_strange_json")["1.vm"].token == "mb-aaaaaaaa1"
    text = pbs_parse.jobs_in_text(recorded("pbs/more_strange_text.txt")[0][1].stdout)
    assert pbs_parse.entry("1.vm", text["1.vm"], PRO).state is QueueState.RUNNING


def test_json_of_old_releases_is_mended() -> None:
    text = recorded("pbs/old_json.txt")[0][1].stdout
    with pytest.raises(ValueError, match="line"):
        json.loads(text, strict=False)
    job = entries(text)["1.vm"]
    assert (job.state, job.token, job.submitted) == (QueueState.RUNNING, "0123", "2026-11-25T18:43:08")


def test_torque_prints_text() -> None:
    done = recorded("pbs/torque_text.txt")[0][1]
    jobs = {one: pbs_parse.entry(one, job, TORQUE) for one, job in pbs_parse.jobs_in_text(done.stdout).items()}
    assert {name: job.state for name, job in jobs.items()} == {
        "179.host": QueueState.TIMED_OUT,  # exit_status -11
        "180[0].host": QueueState.RUNNING,
        "180[1].host": QueueState.QUEUED,
    }
    assert jobs["179.host"].elapsed_s == 607
    assert {job.token for job in jobs.values()} == {"mb-0123456aa", "mb-0123456bb"}
    assert pbs_parse.not_there(done.stderr) == {"181.host", "181"}


@given(cut=st.integers(0, 7000))
def test_an_answer_that_was_cut_off_is_no_information(cut: int) -> None:
    text = recorded("pbs/qstat_running_json.txt")[0][1].stdout
    if cut >= len(text.rstrip()):
        assert len(entries(text[:cut])) == 4
    else:
        with pytest.raises(NoInformation):
            entries(text[:cut])


@given(text=st.text(max_size=300))
def test_garbage_is_no_information(text: str) -> None:
    with pytest.raises(NoInformation):
        pbs_parse.jobs_in_json(text)
    if text.strip() and not re.search(r"Job Id:", text):
        with pytest.raises(NoInformation):
            pbs_parse.jobs_in_text(text)


def test_a_job_twice_or_without_state_is_no_information() -> None:
    text = recorded("pbs/qstat_running_json.txt")[0][1].stdout
    with pytest.raises(NoInformation, match="broken JSON: a job stands twice"):
        pbs_parse.jobs_in_json(text.replace('"73.vm":', '"71.vm":'))
    with pytest.raises(NoInformation, match="without its state"):
        entries(text.replace('"job_state":	"R",', ""))
    with pytest.raises(NoInformation, match="twice"):
        pbs_parse.jobs_in_text("Job Id: 1.vm\n    job_state = Q\n\nJob Id: 1.vm\n    job_state = R\n")


def test_a_server_that_is_down_has_no_jobs_and_says_so() -> None:
    done = answer("pbs/server_down.txt", "timeout 60 qstat -f -F json")
    assert (
        pbs_parse.jobs_in_json(done.stdout) == {}
    )  # valid JSON without Jobs: its exit code and stderr have to be looked at
    assert done.code == 255
    with pytest.raises(NoInformation, match="refused"):
        pbs_parse.not_there(done.stderr)


def test_ids() -> None:
    assert [pbs_parse.job_id(done.stdout) for _, done in recorded("pbs/submit.txt")] == [
        "69.vm",
        "70.vm",
        "71.vm",
        "72[].vm",
        "73.vm",
        "74.vm",
    ]
    for odd in ("", "69.vm\n70.vm", "qsub: waiting for job 3.vm", "Your job 3 has been submitted", "12 34"):
        with pytest.raises(ValueError, match="no job id"):
            pbs_parse.job_id(odd)
    assert pbs_parse.array_of("72[3].vm") == "72[].vm"
    assert pbs_parse.job_ids(recorded("pbs/more_qselect.txt")[0][1].stdout) == ["1.vm", "2[].vm", "3.vm"]
    with pytest.raises(NoInformation, match="no job id"):
        pbs_parse.job_ids("1.vm\nConnection refused\n")


def test_every_word_is_in_its_table() -> None:
    assert set("BEFHMQRSTUWX") <= STATES.keys()  # qstat(1B)
    assert all(status < 0 or status == 271 for table in ENDINGS.values() for status in table)
    said = {
        done.code for name in ("submit_errors", "more_limit", "more_name") for _, done in recorded(f"pbs/{name}.txt")
    }
    assert said - {0} <= QSUB.keys()
    assert QSUB[38].now
    assert not QSUB[170].now
    word = pbs_parse.entry("1.vm", {"job_state": "Z", "ctime": "later"}, PRO)
    assert (word.state, word.submitted) == (QueueState.UNKNOWN, "later")
