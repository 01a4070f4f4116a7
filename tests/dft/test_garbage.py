"""Any bytes at all get a verdict, never a traceback, and never a good one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlipbatch.dft.quantum_espresso.asked import read_input
from mlipbatch.dft.quantum_espresso.diagnose import decide, diagnose_output
from mlipbatch.dft.quantum_espresso.evidence import Evidence, read_text
from mlipbatch.dft.quantum_espresso.output import read_output
from tests.dft.conftest import DATA

REFERENCE = (DATA / "qe_cases/walltime/ref.pwo").read_bytes()
CODES = st.one_of(st.none(), st.integers(-300, 300))
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(data=st.binary(max_size=3000), exit_code=CODES)
def test_binary(data: bytes, exit_code: int | None, tmp_path: Path) -> None:
    output = tmp_path / "pw.out"
    output.write_bytes(data)
    output.with_suffix(".in").write_bytes(data)
    output.with_suffix(".err").write_bytes(data[::-1])
    assert not diagnose_output(output, exit_code).ok


@quick
@given(start=st.integers(0, len(REFERENCE)), length=st.integers(1, 4000), filler=st.binary(max_size=50))
def test_a_hole_in_a_good_output(start: int, length: int, filler: bytes) -> None:
    """A hole may leave the results whole (in the timings); then the numbers are still those of the output."""
    spoilt = (REFERENCE[:start] + filler + REFERENCE[start + length :]).decode("utf-8", "replace")
    if decide(Evidence(output=spoilt, exit_code=0)).ok:
        whole, holed = read_output(REFERENCE.decode()), read_output(spoilt)
        assert len(holed.forces) == len(whole.forces)
        assert holed.accuracy is not None
        assert holed.accuracy <= 1e-9


WORDS = st.sampled_from([
    "     Program PWSCF v.9.9 starts", "     Self-consistent Calculation", "!    total energy              =", " -1.0 Ry", "\n",
    "     convergence has been achieved in   3 iterations", "   JOB DONE.\n", "=" + "-" * 78 + "=\n",
    "     Forces acting on atoms", "     estimated scf accuracy    <", "     atom    1 type  1   force =", " 0.1",
    " 1e999", " -",
    "NaN",    " total   stress \n", "     Error in routine x (", "99999999999999", "):", "     number of atoms/cell      =",
    "     scf convergence threshold =", " bands (ev):\n\n", "     number of k points=",
])  # fmt: skip


@quick
@given(words=st.lists(WORDS, max_size=60))
def test_words_of_pwx_in_any_order(words: list[str]) -> None:
    decide(
        Evidence(output="".join(words), errors="".join(words[::-1]), asked=read_input("".join(words)), exit_code=None)
    )


@quick
@given(text=st.text(max_size=300), card=st.sampled_from(["automatic", "{gamma}", "(crystal)", "", "tpiba_b"]))
def test_any_input(text: str, card: str) -> None:
    read_input(f"&SYSTEM\n nat = 1, ecutwfc = 30 ! {text}\n{text}\n/\nK_POINTS {card}\n{text}\n")


def test_a_huge_output_is_read_by_its_ends(tmp_path: Path) -> None:
    output = tmp_path / "pw.out"
    with output.open("wb") as handle:
        middle = REFERENCE.index(b"     iteration #  2")
        handle.write(REFERENCE[:middle])
        handle.seek(200 * 2**20, 1)  # a hole of zeros: no disk, and no sense
        handle.write(b"\n" + REFERENCE[middle:])
    assert len(read_text(output)) < 20 * 2**20
    verdict = diagnose_output(output, 0)
    assert verdict.ok
    assert verdict.facts["wall_s"] == pytest.approx(diagnose_output(DATA / "qe_cases/walltime/ref.pwo").facts["wall_s"])


@pytest.mark.parametrize("word", ["9" * 5000, "1.2.3", "-", ".", "1e999", "NaN", "*****", "", "1d-400", "\n"])
@pytest.mark.parametrize(
    "case", ["qe_cases/walltime/ref", "qe_cases/too_few_bands/fail6", "qe_more/hybrid", "qe_more/vcrelax_loose"]
)
def test_numbers_that_are_none(word: str, case: str) -> None:
    text, asked = (DATA / f"{case}.pwo").read_text(), (DATA / f"{case}.pwi").read_text()
    spoilt, wanted = (re.sub(r"(?<=[=<#]) *[-+\d][-+.\dEe]*", word, each) for each in (text, asked))
    verdict = decide(Evidence(output=spoilt, asked=read_input(wanted)))
    assert not verdict.ok
    json.dumps(dict(verdict.facts), allow_nan=False)
    for field in ("width (Ry)=", "iteration #", "P="):
        one = re.sub(rf"({re.escape(field)}) *\S+", rf"\1 {word}", text)
        decide(Evidence(output=one, asked=read_input(asked)))
