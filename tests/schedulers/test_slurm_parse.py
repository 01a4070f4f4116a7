"""What SLURM prints, read: recorded answers, and those answers cut, torn and garbled."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlipbatch.core.state import QueueState
from mlipbatch.schedulers.base import NoInformation
from mlipbatch.schedulers.slurm_answers import meaning, sentence
from mlipbatch.schedulers.slurm_parse import accounting, base_and_task, oldest_first, queue, seconds, submitted_id
from mlipbatch.schedulers.slurm_states import STATES, queue_state

from .transcripts import transcript

EMPTY, BUSY, LATER = (said.stdout for said in transcript("slurm/squeue.txt"))


def test_a_recorded_queue() -> None:
    jobs = {entry.token: entry for entry in queue(BUSY)}
    assert len(queue(BUSY)) == 10
    states = {token: entry.state for token, entry in jobs.items()}
    assert states == {
        "mb-ok": QueueState.ENDED,
        "mb-array": QueueState.ENDED,
        "mb-bad": QueueState.ENDED,
        "mb-never": QueueState.STUCK,
        "mb-held": QueueState.QUEUED,
        "mb-long": QueueState.RUNNING,
        "a name|with @\nall of it": QueueState.RUNNING,  # somebody's own job must not hide ours
    }
    assert (jobs["mb-long"].elapsed_s, jobs["mb-long"].id) == (3.0, "3")
    assert jobs["mb-bad"].reason == "FAILED NonZeroExitCode"
    assert [entry.id for entry in oldest_first(queue(BUSY)) if entry.token == "mb-array"] == [
        "4_0",
        "4_1",
        "4_2",
        "4_3",
    ]
    assert next(entry for entry in queue(LATER) if entry.token == "mb-long").state is QueueState.CANCELLED
    assert queue(EMPTY) == []


def test_a_queue_that_was_cut_anywhere_is_no_information_or_whole_records_short() -> None:
    """Only a cut exactly behind a record cannot be told by the text: squeue's exit code tells it."""
    for length in range(1, len(BUSY)):
        look_at_a_cut_one(length)


def look_at_a_cut_one(length: int) -> None:
    cut = BUSY[:length]
    if cut.endswith("@\n") and BUSY[length:].startswith("@"):
        assert queue(cut) == queue(BUSY)[: len(queue(cut))]
        return
    try:
        found = queue(cut)
    except NoInformation:
        return
    assert cut.endswith("a name|with @\n")  # a name that imitates the end of a record
    assert [entry.id for entry in found] == [entry.id for entry in queue(BUSY)]


@pytest.mark.parametrize("text", ["garbage\n", "@\n", "@@\n", "@1|RUNNING@\n", "@x|RUNNING|0:01|t|None|a@\n", "\n"])
def test_what_is_no_queue(text: str) -> None:
    with pytest.raises(NoInformation):
        queue(text)


@given(st.text(max_size=200))
def test_no_text_makes_the_readers_fail_otherwise(text: str) -> None:
    for reader in (queue, accounting):
        with suppress(NoInformation):
            reader(text)
    seconds(text)
    submitted_id(text)
    base_and_task(text)


def test_accounting_with_names_that_hold_the_separator() -> None:
    lines = "7|CANCELLED by 1000|12|2026-11-25T10:00:00|mb-a\n8_3|OUT_OF_MEMORY|5|2026-11-25T10:00:00|odd|name\n9|RUNNING||x|b\n"
    first, second, third = accounting(lines)
    assert (first.state, first.elapsed_s) == (QueueState.CANCELLED, 12.0)
    assert (second.state, second.token) == (QueueState.OUT_OF_MEMORY, "odd|name")
    assert third.elapsed_s is None
    for torn in (lines[:-1], "7|COMPLETED\n", "slurm_persist error\n"):
        with pytest.raises(NoInformation):
            accounting(torn)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1234\n", "1234"),
        ("1234;cluster\n", "1234"),
        ("Welcome to our cluster 7\n1234\n", "1234"),
        ("12", None),  # the line has no end: perhaps it was 1234
        ("12\n34\n", None),
        ("Submitted batch job 1234\n", None),
        ("", None),
    ],
)
def test_only_a_clean_id_is_one(text: str, found: str | None) -> None:
    assert submitted_id(text) == found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0:03", 3), ("59:59", 3599), ("1:02:03", 3723), ("2-00:00:01", 172801), ("INVALID", None), ("infinite", None)],
)
def test_times(text: str, wanted: float | None) -> None:
    assert seconds(text) == wanted


WANTED = {
    "--partition=nosuch": "never",
    "--array=0-99999": "never",
    "--mem=999999999": "never",
    "--time=nonsense": "never",
    "--gres=gpu:9": "never",
    "nosuchfile.sh": "never",
    "sbatch --parsable ok.sh": "later",  # the partition was drained; the controller was down
    "-J mb-four": "later",  # MaxJobCount
}


def test_recorded_refusals() -> None:
    refused = [s for name in ("sbatch", "down", "max_job_count") for s in transcript(f"slurm/{name}.txt") if s.code]
    refused = [said for said in refused if said.command.startswith("sbatch")]
    assert len(refused) == 9
    for said in refused:
        wanted = next(verdict for words, verdict in WANTED.items() if words in said.command)
        assert meaning(said.stderr) == wanted, said
        assert sentence(said.stderr)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("Batch job submission failed: Socket timed out on send/recv operation", "unknown"),
        ("Slurm temporarily unable to accept job, sleeping and retrying\nSocket timed out on send/recv operation", "unknown"),
        ("Unable to contact slurm controller (send failure)", "unknown"),
        ("Protocol authentication error", "unknown"),
        ("a sentence that nobody knows", "unknown"),
        ("", "unknown"),
        ("error: QOSMaxSubmitJobPerUserLimit\nerror: Job violates accounting/QOS policy (job submit limit, ...)", "later"),
        ("error: AssocMaxSubmitJobLimit", "later"),
        ("error: QOSMaxWallDurationPerJobLimit\nerror: Job violates accounting/QOS policy", "never"),
        ("error: QOSMaxCpuPerJobLimit\nerror: Job violates accounting/QOS policy", "never"),
        ("Invalid account or account/partition combination specified", "never"),
        ("Requested time limit is invalid (missing or exceeds some limit)", "never"),
    ],
)  # fmt: skip
def test_what_sbatch_means(said: str, wanted: str) -> None:
    assert meaning(said) == wanted


def test_words_for_states() -> None:
    assert queue_state("NOBODY_KNOWS_THIS") is QueueState.UNKNOWN
    assert queue_state("") is QueueState.UNKNOWN
    assert queue_state("CANCELLED by 1000") is QueueState.CANCELLED
    assert queue_state("PENDING", "QOSMaxCpuPerJobLimit") is QueueState.STUCK
    assert queue_state("PENDING", "QOSMaxJobsPerUserLimit") is QueueState.QUEUED
    assert queue_state("RUNNING", "BadConstraints") is QueueState.RUNNING
    assert len(STATES) == 24  # all of the manual's
