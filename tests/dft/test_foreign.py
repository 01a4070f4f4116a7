"""Outputs as other people keep them: packed, in other encodings, appended to, with text of others, of other kinds of run."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipbatch.dft.quantum_espresso.asked import read_input
from mlipbatch.dft.quantum_espresso.diagnose import decide, diagnose_output
from mlipbatch.dft.quantum_espresso.evidence import MOST, Evidence, read_text
from mlipbatch.dft.quantum_espresso.output import read_output
from tests.dft.conftest import DATA
from tests.dft.test_diagnose import CASES, GOOD, NOT_CONVERGED, text_of, verdict_on

REFERENCE = text_of("qe_cases/walltime/ref")
quick = settings(max_examples=80, deadline=None)


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".txt", gzip.compress)],
)
def test_packed(suffix: str, pack: object, tmp_path: Path) -> None:
    packed = pack(REFERENCE.encode())  # type: ignore[operator]
    output = tmp_path / f"pw.out{suffix}"
    output.write_bytes(packed)
    assert diagnose_output(output).ok
    for size in range(0, len(packed), 997):
        output.write_bytes(packed[:size])
        assert not diagnose_output(output).ok
    (tmp_path / "CRASH").write_text((DATA / "qe_cases/close_Fe_1.0/ppcg.CRASH").read_text())
    output.write_bytes(packed)
    assert diagnose_output(output).name == "zhegvd_failed"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, newline: str, tmp_path: Path) -> None:
    output = tmp_path / "pw.out"
    output.write_bytes(REFERENCE.replace("\n", newline).encode(encoding))
    assert diagnose_output(output).ok
    output.write_bytes(text_of("qe_cases/spin_nomag/v_b07").replace("\n", newline).encode(encoding))
    assert diagnose_output(output).name == NOT_CONVERGED


def test_the_last_run_is_found_in_the_middle_of_a_huge_file(tmp_path: Path) -> None:
    output = tmp_path / "pw.out"
    cycle = REFERENCE[REFERENCE.index("     iteration #  1") : REFERENCE.index("     iteration #  3")]
    killed = text_of("qe_cases/walltime/sigkill")
    many = cycle * (3 * MOST // len(cycle))
    output.write_text(killed + many + REFERENCE + many)
    assert read_text(output).startswith("Program PWSCF")
    assert len(read_text(output)) <= MOST + 1
    assert diagnose_output(output).name == "output_stdout_incomplete"
    start = REFERENCE.index("     iteration #  1")
    output.write_text(killed + many + REFERENCE[:start] + many + REFERENCE[start:])
    assert diagnose_output(output).ok


OTHER = (
    "\n     Program PHONON v.6.7MaX starts on  1Jan2026 at  1: 1: 1 \n     Error in routine phq_readin (1):\n     no\n"
)
DONE = f"   JOB DONE.\n={78 * '-'}=\n"


def test_another_program_in_the_same_file() -> None:
    assert verdict_on(REFERENCE + OTHER + DONE, None) == "ok"
    cut = REFERENCE[: REFERENCE.index("   JOB DONE.")]
    assert verdict_on(cut + OTHER + DONE, None) == "output_stdout_incomplete"


@quick
@given(first=st.sampled_from(sorted(CASES)), last=st.sampled_from(sorted(CASES)), cut=st.floats(0, 1))
def test_whatever_stands_before_the_last_run(first: str, last: str, cut: float) -> None:
    before, after = text_of(first), text_of(last)
    assert verdict_on(before[: int(cut * len(before))] + after, None) == verdict_on(after, None)
    end = int(cut * (len(after) - 100))
    if "Program PWSCF" in after[:end]:
        assert verdict_on(before + after[:end], None) != "ok"


@quick
@given(
    case=st.sampled_from(GOOD),
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=30),
)
def test_flipped_bytes(case: str, places: list[tuple[float, int]]) -> None:
    data = bytearray((DATA / f"{case}.pwo").read_bytes())
    for place, value in places:
        data[int(place * (len(data) - 1))] = value
    text = data.decode("utf-8", "replace")
    if decide(Evidence(output=text)).ok:
        whole, spoilt = read_output(text_of(case)), read_output(text)
        assert len(spoilt.forces) == len(whole.forces)
        assert spoilt.converged
        assert spoilt.job_done


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (
            "slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
            "scheduler_out_of_walltime",
        ),
        ("=>> PBS: job killed: walltime 3620 exceeded limit 3600", "scheduler_out_of_walltime"),
        (
            "slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE ***",
            "scheduler_node_failure",
        ),
        (
            "slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***",
            "scheduler_preempted",
        ),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=1.0", "scheduler_out_of_memory"),
        ("=>> PBS: job killed: mem 8388608kb exceeded limit 4194304kb", "scheduler_out_of_memory"),
        ("forrtl: severe (41): insufficient virtual memory", "out_of_memory"),
        ("0: ALLOCATE: 8589934592 bytes requested; status = 2(out of memory)", "out_of_memory"),
        ("forrtl: No space left on device", "disk_full"),
        ("Program received signal SIGSEGV: Segmentation fault - invalid memory reference.", "output_stdout_incomplete"),
    ],
)
def test_what_others_write_into_an_output(said: str, name: str) -> None:
    assert verdict_on(text_of("qe_cases/walltime/sigkill") + f"\n{said}\n", None) == name
    assert verdict_on(f"{said}\n{REFERENCE}\n{said}\n", None) == "ok"  # pw.x had closed its output


def test_a_signal_in_the_output_is_in_the_sentence() -> None:
    text = text_of("qe_cases/walltime/sigkill") + "\nProgram received signal SIGSEGV: Segmentation fault\n"
    assert "SIGSEGV" in decide(Evidence(output=text)).sentence


def test_mixed_up_lines_at_the_end() -> None:
    noise = "Note: The following floating-point exceptions are signalling: IEEE_UNDERFLOW_FLAG\n"
    assert verdict_on(re.sub(r"(JOB DONE\.\n)", rf"\1{noise}", REFERENCE)) == "ok"


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (r"force = +(\S+) +(\S+) +(\S+)", r"force =  -1234.12345678-1234.12345678-1234.12345678", "ok"),
        (r"force = +(\S+) +(\S+) +(\S+)", r"force = ******************************************", "results_missing"),
        (r"( +\S+ +\S+ +\S+)( +\S+){3}\n(?=\n\n *Writing)", r"\1    ******************************\n", "ok"),
        (r"^!    total energy  .*", "!    total energy              = ***************** Ry", "results_missing"),
        (r"(estimated scf accuracy    <) .*Ry", r"\1 ***************** Ry", "results_missing"),
    ],
)
def test_numbers_that_do_not_fit_their_columns(old: str, new: str, name: str) -> None:
    spoilt = re.sub(old, new, REFERENCE, flags=re.MULTILINE)
    assert spoilt != REFERENCE
    assert verdict_on(spoilt) == name


def test_the_last_energy_of_a_relaxation_counts_and_not_the_one_before() -> None:
    text = text_of("qe_more/relax")
    last = text.rindex("!    total energy")
    assert (
        verdict_on(text[:last] + "!    total energy              = ***************** Ry" + text[last + 50 :])
        == "results_missing"
    )
    assert verdict_on(text[:last] + text[last + 1 :]) == "results_missing"


def test_a_hybrid_is_converged_when_its_exchange_is() -> None:
    text = text_of("qe_more/hybrid")
    run = read_output(text)
    assert run.energy == float(re.findall(r"^!!\s+total energy\s*=\s*(\S+)", text, re.MULTILINE)[-1])
    assert verdict_on(text.replace("EXX self-consistency reached", "")) == NOT_CONVERGED
    assert verdict_on(text.replace("!!   total", "     total")) == NOT_CONVERGED
    assert verdict_on(
        text.replace("EXX self-consistency reached", "EXX convergence NOT achieved after 100 iterations: stopping")
    ) == (NOT_CONVERGED)


def test_how_a_relaxation_fails() -> None:
    good, loose = text_of("qe_more/relax"), text_of("qe_more/vcrelax_loose")
    history = "     history already reset at previous step: stopping\n"
    here = good.rindex("     bfgs converged")
    assert verdict_on(good[:here] + history + good[here:]) == "ok"  # its forces are small all the same
    large = re.sub(r"(atom    1 type  1   force =) +\S+", r"\1     0.10000000", good)
    assert (
        verdict_on(large.replace("     bfgs converged", history + "     bfgs converged"))
        == "ionic_cycle_bfgs_history_failure"
    )
    final = loose.rindex("convergence has been achieved")
    failed = loose[:final] + "convergence NOT achieved after 100 iterations: stopping" + loose[final + 40 :]
    assert verdict_on(failed) == "ionic_convergence_reached_final_scf_failed"
    both = failed.replace("     bfgs converged", history + "     bfgs converged")
    assert verdict_on(both) == "ionic_cycle_bfgs_history_and_final_scf_failure"


def test_a_relaxation_that_its_scheduler_ended() -> None:
    text = text_of("qe_more/relax")
    cut = text[: text.rindex("     End of self-consistent")]
    assert decide(Evidence(output=cut, scheduler="out_of_walltime")).name == "ionic_interrupted_partial_trajectory"
    assert decide(Evidence(output=cut, scheduler="preempted")).name == "scheduler_preempted"
    assert verdict_on(cut, None) == "output_stdout_incomplete"


def test_an_scf_in_the_middle_that_did_not_converge() -> None:
    text = text_of("qe_more/md")
    spoilt = text.replace("convergence has been achieved in", "convergence NOT achieved after", 1)
    assert verdict_on(spoilt) == NOT_CONVERGED


def test_the_threshold_of_rism_is_another() -> None:
    rism = "     1D-RISM info\n     convergence threshold   =      1.0E-12\n\n     number of atoms/cell"
    assert verdict_on(REFERENCE.replace("     number of atoms/cell", rism, 1)) == "ok"


def test_an_insulator_needs_no_empty_bands() -> None:
    few = text_of("qe_cases/too_few_bands/fail6")
    assert verdict_on(few) == "too_few_bands"
    assert verdict_on(re.sub(r"(\d +)Al(  tau)", r"\1Si\2", few)) == "ok"


def test_a_molecule_needs_no_k_points() -> None:
    text = text_of("qe_cases/truncated_input/fail_nokp")
    asked = read_input((DATA / "qe_cases/truncated_input/fail_nokp.pwi").read_text())
    assert decide(Evidence(output=text, asked=asked)).name == "kpoints_missing"
    box = re.sub(r"(unit-cell volume +=) +\S+", r"\1  9000.0000", text)
    assert decide(Evidence(output=box, asked=asked)).ok
