"""Names of failures: aiida-quantumespresso's, however pw.x comes to say them, and what a person can do about each."""

from __future__ import annotations

import pytest

from mlipbatch.dft.quantum_espresso import names
from mlipbatch.dft.quantum_espresso.advice import ADVICE
from mlipbatch.dft.quantum_espresso.diagnose import decide
from mlipbatch.dft.quantum_espresso.evidence import Evidence
from tests.dft.test_diagnose import CASES, text_of

LINE = " " + 78 * "%" + "\n"
KILLED = text_of("qe_cases/walltime/sigkill")

# exit code of PwCalculation, lower case without error_ -> routine and message of pw.x that aiida-quantumespresso 5 knows it by
DEATHS = {
    "computing_cholesky": ("cdiaghg", "problems computing cholesky"),
    "s_matrix_not_positive_definite": ("cdiaghg", "S matrix not positive definite"),
    "zhegvd_failed": ("ppcg", "zhegvd failed"),
    "qr_failed": ("ppcg", "[Q, R] = qr(X, 0) failed"),
    "eigenvector_convergence": ("rdiaghg", "eigenvectors failed to converge"),
    "diagonalization_too_many_bands_not_converged": ("c_bands", "too many bands are not converged"),
    "dexx_is_negative": ("electrons", "dexx is negative!  Check that exxdiv_treatment is appropriate for the system,"),
    "charge_is_wrong": ("electrons", "charge is wrong"),
    "symmetry_non_orthogonal_operation": ("checkallsym", "not orthogonal operation"),
    "g_par": ("bp_c_phase", "probably because G_par is NOT a reciprocal lattice vector"),
    "radial_fft_significant_volume_contraction": (
        "scale_h",
        "Not enough space allocated for radial FFT: try restarting with a larger cell_factor",
    ),
}
FRAMED_ONLY = {
    "broyden_factorization": ("broyden", "factorization"),
    "npools_too_high": ("divide_et_impera", "some nodes have no k-points"),
}
ELSEWHERE = {  # codes of PwCalculation that other tests show on whole outputs
    "electronic_convergence_not_reached", "out_of_walltime", "out_of_walltime_interrupted",
    "ionic_convergence_reached_except_in_final_scf", "ionic_cycle_exceeded_nstep", "ionic_interrupted_partial_trajectory",
    "ionic_cycle_electronic_convergence_not_reached", "ionic_convergence_reached_final_scf_failed",
    "ionic_cycle_bfgs_history_failure", "ionic_cycle_bfgs_history_and_final_scf_failure",
}  # fmt: skip


def frame(routine: str, message: str, number: object = 1) -> str:
    return f"{LINE}     Error in routine {routine} ({number}):\n     {message}\n{LINE}\n     stopping ...\n"


def crash(routine: str, message: str) -> str:
    return f"\n{LINE}     task #         0\n     from {routine} : error #         1\n     {message}\n{LINE}\n"


@pytest.mark.parametrize("name", [*DEATHS, *FRAMED_ONLY])
def test_a_framed_error_wherever_it_stands(name: str) -> None:
    routine, message = {**DEATHS, **FRAMED_ONLY}[name]
    for evidence in (
        Evidence(output=KILLED + frame(routine, message)),
        Evidence(output=KILLED, crash=crash(routine, message)),
        Evidence(output=KILLED, crash=frame(routine, message)),
        Evidence(output=KILLED, errors=frame(routine, message)),
        Evidence(output="", crash=crash(routine, message)),
        Evidence(output="# lines removed\n" + frame(f" {routine}", message)),
    ):
        verdict = decide(evidence)
        assert verdict.name == name
        assert routine in verdict.sentence


@pytest.mark.parametrize("name", DEATHS)
def test_a_death_without_its_frame(name: str) -> None:
    words = DEATHS[name][1]
    for evidence in (
        Evidence(output=f"{KILLED}\n  {words}\n"),
        Evidence(output=f"# lines removed\n{words}\n"),
        Evidence(output=KILLED, errors=words),
        Evidence(output=KILLED, crash=words),
    ):
        assert decide(evidence).name == name
    assert decide(Evidence(output=text_of("qe_cases/walltime/ref"), errors=words)).ok  # it lived on


@pytest.mark.parametrize(
    ("routine", "number", "message", "name"),
    [
        ("fft scatter", 12, "something that nobody knows", "crashed"),
        ("n_plane_waves", "******", "No plane waves found: running on too many processors?", "crashed"),
        ("diropn", 1, "input/output error", "crashed"),
        ("control_checkin", 1, 'calculation "vc_relax" not allowed', "bad_input"),
        ("card_atomic_positions", 2, "ATOMIC_SPECIES must be present before", "bad_input"),
        ("read_namelists", 1, "could not find namelist &control", "bad_namelist"),
        ("setup", 1, "too few spin up bands", "too_few_bands"),
        ("set_para_diag", 4, "Too few bands for required ndiag", "bad_input"),
        ("cdiaghg", 1, "diagonalization (ZHEGV*) failed", "diagonalization_failed"),
        ("pcegterg", 1, "cannot allocate hl", "out_of_memory"),
        ("readpp", 2, "file ./Si.UPF not found", "missing_pseudo"),
    ],
)
def test_other_errors_say_their_routine(routine: str, number: object, message: str, name: str) -> None:
    verdict = decide(Evidence(output=KILLED + frame(routine, message, number)))
    assert verdict.name == name
    assert routine in verdict.sentence
    assert message in verdict.sentence


def test_of_several_errors_the_one_that_has_a_name() -> None:
    output = KILLED + frame("mp_whatever", "no message") + frame("cdiaghg", "problems computing cholesky", 99)
    assert decide(Evidence(output=output)).name == "computing_cholesky"


def test_a_message_of_two_lines_is_one_line_in_the_sentence() -> None:
    verdict = decide(Evidence(output=KILLED + frame("setup", "first line,\n     second line")))
    assert "first line, second line" in verdict.sentence
    assert "stopping" not in verdict.sentence


def test_every_name_has_an_advice() -> None:
    known = {verdict for _, verdict in CASES.values()} | set(DEATHS) | set(FRAMED_ONLY) | ELSEWHERE
    known |= {name for _, name in names.ERRORS} | set(names.SCHEDULER.values())
    known |= {value for key, value in vars(names).items() if key.isupper() and isinstance(value, str)}
    assert known - {"ok"} == set(ADVICE)
