"""Every output of tests/data gets the verdict that its README gives it, and nothing cut, spoilt or foreign is ever accepted."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from mlipbatch.dft import code
from mlipbatch.dft.quantum_espresso.diagnose import decide, diagnose_output
from mlipbatch.dft.quantum_espresso.evidence import Evidence
from tests.dft.conftest import DATA

NOT_CONVERGED = "electronic_convergence_not_reached"
with (DATA / "verdicts.csv").open() as lines:
    CASES = {row["output"]: (int(row["exit_code"]), row["verdict"]) for row in csv.DictReader(lines)}
GOOD = sorted(name for name, (_, verdict) in CASES.items() if verdict == "ok")


def text_of(case: str) -> str:
    return (DATA / f"{case}.pwo").read_text()


def verdict_on(text: str, exit_code: int | None = 0) -> str:
    return decide(Evidence(output=text, exit_code=exit_code)).name


def test_no_output_is_left_out() -> None:
    outputs = {
        str(path.relative_to(DATA).with_suffix(""))
        for folder in ("qe_cases", "qe_more", "qe_7.2")
        for path in (DATA / folder).rglob("*.pwo")
    }
    assert outputs == set(CASES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("told", [True, False], ids=["with exit code", "exit code unknown"])
def test_verdict(case: str, told: bool) -> None:
    exit_code, expected = CASES[case]
    verdict = diagnose_output(DATA / f"{case}.pwo", exit_code if told else None)
    assert verdict.name == expected
    assert verdict.ok == (expected == "ok")
    assert "\n" not in verdict.sentence
    assert "\t" not in verdict.sentence


@pytest.mark.parametrize("case", CASES)
def test_an_output_cut_at_any_kib_is_never_accepted(case: str) -> None:
    data = (DATA / f"{case}.pwo").read_bytes()
    for size in range(0, len(data), 1024):
        cut = data[:size].decode("utf-8", "replace")
        assert verdict_on(cut) != "ok", size
        assert verdict_on(cut, None) != "ok", size


@pytest.mark.parametrize("case", GOOD)
@pytest.mark.parametrize(
    "needed",
    [
        r"^!.*\n",
        r".*convergence has been achieved.*\n",
        r".*JOB DONE.*\n",
        r"^     atom +1 type.*\n",
        r"^ *total   stress .*\n",
        r".*estimated scf accuracy.*\n(?=(?:.*\n){,40}.*convergence has been)",
        r".*convergence threshold.*\n",
        r".*number of atoms/cell.*\n",
    ],
)
def test_a_good_output_that_lost_a_line_is_not_accepted(case: str, needed: str) -> None:
    text = text_of(case)
    spoilt = re.sub(needed, "", text, flags=re.MULTILINE)
    assert spoilt != text
    assert verdict_on(spoilt) != "ok"


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (r"convergence has been achieved", "convergence NOT achieved", NOT_CONVERGED),
        (r"(estimated scf accuracy    <) +\S+(?= Ry\n.*smearing)", r"\1 0.00371576", NOT_CONVERGED),
        (r"(atom    1 type  1   force =) +\S+", r"\1 NaN", "results_missing"),
        (r"(atom    1 type  1   force =) +\S+", r"\1 **************", "results_missing"),
        (r"(number of Kohn-Sham states=) +\d+", r"\1 6", "too_few_bands"),
        (r"^!    total energy  .*", "!    total energy = NaN Ry", "results_missing"),
    ],
)
def test_a_good_output_with_one_bad_value(old: str, new: str, name: str) -> None:
    text = text_of("qe_cases/too_few_bands/fix")
    spoilt = re.sub(old, new, text, count=1, flags=re.MULTILINE)
    assert spoilt != text
    assert verdict_on(spoilt) == name


def test_job_done_alone_proves_nothing() -> None:
    text = text_of("qe_cases/spin_nomag/v_b07")
    assert "JOB DONE." in text
    assert verdict_on(text, 0) == NOT_CONVERGED


@pytest.mark.parametrize("exit_code", [1, 2, 46, 137, 143, 255, -9, -11])
def test_a_good_output_of_a_failed_process_is_not_accepted(exit_code: int) -> None:
    assert verdict_on(text_of("qe_cases/walltime/ref"), exit_code) == "exit_code_nonzero"


def test_of_several_runs_in_one_file_the_last_counts() -> None:
    good, bad = text_of("qe_cases/walltime/ref"), text_of("qe_cases/walltime/sigkill")
    assert verdict_on(bad + good) == "ok"
    assert verdict_on(good + bad) == "output_stdout_incomplete"
    assert verdict_on(good + text_of("qe_cases/spin_nomag/v_b07")) == NOT_CONVERGED


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("out_of_walltime", "scheduler_out_of_walltime"),
        ("out_of_memory", "scheduler_out_of_memory"),
        ("node_failure", "scheduler_node_failure"),
        ("preempted", "scheduler_preempted"),
        ("a word that nobody knows", "output_stdout_incomplete"),
    ],
)
def test_what_the_scheduler_said_names_a_killed_run(said: str, name: str) -> None:
    killed = Evidence(output=text_of("qe_cases/walltime/sigkill"), exit_code=None, scheduler=said)
    assert decide(killed).name == name
    finished = Evidence(output=text_of("qe_cases/walltime/ref"), exit_code=0, scheduler=said)
    assert decide(finished).ok


@pytest.mark.parametrize(
    ("errors", "name"),
    [
        (
            "slurmstepd: error: *** STEP 12.0 ON n1 CANCELLED AT 2026-01-01 DUE TO TIME LIMIT ***",
            "scheduler_out_of_walltime",
        ),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=12.0", "scheduler_out_of_memory"),
        ("Error allocating 123456 bytes", "out_of_memory"),
        ("write: No space left on device", "disk_full"),
        (
            "[vm:1] PMIX ERROR: OUT-OF-RESOURCE in file ../../src/mca/common/dstore/dstore_segment.c at line 208\nlater",
            "disk_full",
        ),
    ],
)
def test_standard_error_says_why_a_run_ended(errors: str, name: str) -> None:
    assert decide(Evidence(output=text_of("qe_cases/walltime/sigkill"), errors=errors)).name == name
    assert decide(Evidence(output="", errors=errors, exit_code=1)).name == name  # before pw.x wrote a word


def test_the_scheduler_says_why_a_run_never_began() -> None:
    assert decide(Evidence(output="", exit_code=None, scheduler="out_of_memory")).name == "scheduler_out_of_memory"


def test_a_signal_and_the_last_words_are_in_the_sentence() -> None:
    verdict = decide(Evidence(output="", errors="bash: line 3: pw.x: command not found\n", exit_code=127))
    assert verdict.name == "output_stdout_incomplete"
    assert "exit code 127" in verdict.sentence
    assert "command not found" in verdict.sentence
    killed = decide(Evidence(output=text_of("qe_cases/oom/oomkill"), exit_code=137))
    assert killed.facts["signal"] == 9
    assert "SIGKILL" in killed.sentence


def test_cores_that_diagonalised_together_are_a_fact() -> None:
    assert diagnose_output(DATA / "qe_more/cholesky.pwo", 21).facts["ndiag"] == 4  # 2 x 2
    assert "ndiag" not in diagnose_output(DATA / "qe_cases/close_Fe_1.0/dav.pwo", 46).facts


def test_facts_of_an_unconverged_run() -> None:
    facts = diagnose_output(DATA / "qe_cases/slosh_AlMg20/b01.pwo", 2).facts
    assert facts["iterations"] == 30
    assert facts["accuracy"] == pytest.approx(2.8e-4, rel=0.02)
    assert facts["slope"] == pytest.approx(-0.26, abs=0.01)  # it converged twelve steps later
    assert diagnose_output(DATA / "qe_cases/spin_nomag/v_b07.pwo", 2).facts["slope"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("3 3 3  0 0 0", "4 4 4  0 0 0"),  # 64 points can never be 14 where the cell has two operations at most
        ("3 3 3  0 0 0", "2 2 2  0 0 0"),
        ("K_POINTS automatic\n3 3 3  0 0 0", "K_POINTS gamma"),
        ("ecutwfc          = 15", "ecutwfc          = 30"),
        ("conv_thr         = 1e-09", "conv_thr         = 1e-11"),
        ("nat              = 16", "nat              = 17"),
        ("ibrav            = 0", "ibrav            = 0\n nbnd = 40"),
        ("ibrav            = 0", "ibrav            = 0\n nspin = 2"),
    ],
)
def test_an_output_that_is_not_of_its_input_is_not_accepted(old: str, new: str, tmp_path: Path) -> None:
    asked = (DATA / "qe_cases/walltime/ref.pwi").read_text()
    assert old in asked
    (tmp_path / "pw.out").write_text(text_of("qe_cases/walltime/ref"))
    (tmp_path / "pw.in").write_text(asked)
    assert code("quantum_espresso").diagnose(tmp_path, 0).ok
    (tmp_path / "pw.in").write_text(asked.replace(old, new))
    assert code("quantum_espresso").diagnose(tmp_path, 0).name == "output_of_another_input"


def test_gamma_where_a_mesh_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "run.pwo").write_text(text_of("qe_cases/truncated_input/fail_nokp"))
    assert diagnose_output(tmp_path / "run.pwo").ok  # without its input nothing speaks against it
    asked = (DATA / "qe_cases/truncated_input/fail_nokp.pwi").read_text()
    (tmp_path / "run.pwi").write_text(asked.rstrip("\n") + "\nK_POINTS {automatic}\n 4 4 4 0 0 0\n")
    assert diagnose_output(tmp_path / "run.pwo").name == "output_of_another_input"
    (tmp_path / "run.pwi").write_text(asked.rstrip("\n") + "\nK_POINTS gamma\n")
    assert diagnose_output(tmp_path / "run.pwo").ok


def test_a_crash_file_beside_a_good_output_speaks_against_it(tmp_path: Path) -> None:
    (tmp_path / "pw.out").write_text(text_of("qe_cases/walltime/ref"))
    (tmp_path / "CRASH").write_text((DATA / "qe_cases/close_Fe_1.0/ppcg.CRASH").read_text())
    assert code("quantum_espresso").diagnose(tmp_path, 0).name == "zhegvd_failed"


def test_what_lies_beside_is_read_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "pw.out").write_text(text_of("qe_cases/walltime/ref"))
    (tmp_path / "pw.in").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "pw.err").mkdir()
    assert code("quantum_espresso").diagnose(tmp_path, None).ok


def test_no_output_and_no_file_of_pwx(tmp_path: Path) -> None:
    diagnose = code("quantum_espresso").diagnose
    assert diagnose(tmp_path, None).name == "output_stdout_missing"
    (tmp_path / "pw.out").mkdir()
    assert diagnose(tmp_path, None).name == "output_stdout_read"
    assert diagnose_output(Path(__file__)).name == "output_stdout_parse"
