"""The recovery ladder, told as what a job goes through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.failure import Diagnosis
from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt
from mlipbatch.dft import code
from mlipbatch.dft.quantum_espresso.diagnose import diagnose_output
from tests.dft.conftest import DATA, settings

qe = code("quantum_espresso")
NOT_CONVERGED, OUT_OF_TIME = "electronic_convergence_not_reached", "out_of_walltime"
Outcome = str | tuple[str, Mapping[str, Any]]


def played(
    outcomes: list[Outcome], dft: DFTConfig | None = None
) -> tuple[list[NextAttempt], Accept | NextAttempt | GiveUp]:
    """The steps taken when the attempts end like this, and the last verdict; `ok` is a success."""
    dft = dft or settings(max_attempts=12)
    attempts: list[Attempt] = []
    steps: list[NextAttempt] = []
    step: Accept | NextAttempt | GiveUp = qe.next_attempt(dft, [])
    for number, outcome in enumerate(outcomes, start=1):
        assert isinstance(step, NextAttempt)
        name, facts = outcome if isinstance(outcome, tuple) else (outcome, {})
        attempts.append(Attempt.of(number, step, Diagnosis(name == "ok", name, "", facts)))
        steps.append(step)
        step = qe.judge(dft, attempts)
    return steps, step


def rungs(outcomes: list[Outcome], dft: DFTConfig | None = None) -> list[str]:
    return [step.rung for step in played(outcomes, dft)[0]]


def test_the_first_attempt_changes_nothing() -> None:
    first = qe.next_attempt(settings(), [])
    assert first == NextAttempt("first", {}, first.sentence, None)
    _, verdict = played(["ok"])
    assert isinstance(verdict, Accept)
    assert verdict.rung == "first"


def test_not_converged_climbs_the_rungs_in_the_contracts_order() -> None:
    steps, verdict = played([NOT_CONVERGED] * 5)
    assert [step.rung for step in steps] == ["first", "beta0.3", "beta0.1", "local-TF", "degauss"]
    assert [dict(step.changes) for step in steps] == [
        {},
        {"mixing_beta": 0.3, "electron_maxstep": 120},
        {"mixing_beta": 0.1, "electron_maxstep": 200},
        {"mixing_mode": "local-TF"},  # with the job's own beta: piled onto a softer one it needs more steps
        {"degauss": 0.04},
    ]
    assert isinstance(verdict, GiveUp)
    assert "first, beta0.3, beta0.1, local-TF, degauss" in verdict.sentence


@pytest.mark.parametrize(
    ("cured_by", "failures"),
    [("beta0.3", 1), ("beta0.1", 2), ("local-TF", 3)],  # spin_nomag, slosh_AlMg20, slosh_AlMg30
)
def test_a_cure_is_accepted_and_named(cured_by: str, failures: int) -> None:
    _, verdict = played([NOT_CONVERGED] * failures + ["ok"])
    assert isinstance(verdict, Accept)
    assert verdict.rung == cured_by


def test_hotter_electrons_are_no_label_until_brought_back() -> None:  # levelx_Fe
    steps, back = played([NOT_CONVERGED] * 4 + ["ok"])
    assert steps[-1].rung == "degauss"
    assert isinstance(back, NextAttempt)
    assert (back.rung, back.restart_from, dict(back.changes)) == ("degauss_back", 5, {"startingpot": "file"})
    _, accepted = played([NOT_CONVERGED] * 4 + ["ok", "ok"])
    assert isinstance(accepted, Accept)
    assert accepted.rung == "degauss_back"
    _, given_up = played([NOT_CONVERGED] * 4 + ["ok", NOT_CONVERGED])
    assert isinstance(given_up, GiveUp)
    assert "0.04" in given_up.sentence
    assert "kept out of training" in given_up.sentence


def test_what_loses_its_moments_on_the_way_back_is_kept_out() -> None:  # spin_nomag by pw.x 7.2
    def brought_back(hot: float, own: float) -> Accept | NextAttempt | GiveUp:
        ends = [("ok", {"absolute_magnetization": moment}) for moment in (hot, own)]
        return played([NOT_CONVERGED] * 4 + ends)[1]

    fallen = brought_back(7.33, 3.73)
    assert isinstance(fallen, GiveUp)
    assert "7.33" in fallen.sentence
    assert "3.73" in fallen.sentence
    assert isinstance(brought_back(6.88, 7.36), Accept)  # colder electrons have the larger moments
    assert isinstance(brought_back(7.36, 6.88), Accept)
    assert isinstance(brought_back(0.05, 0.0), Accept)  # no moment to lose


def test_hotter_electrons_are_brought_back_even_when_the_attempts_are_used_up() -> None:
    _, back = played([NOT_CONVERGED] * 4 + ["ok"], settings(max_attempts=5))
    assert isinstance(back, NextAttempt)
    assert back.rung == "degauss_back"


@pytest.mark.parametrize(
    "failure",
    [
        "computing_cholesky",
        "s_matrix_not_positive_definite",
        "zhegvd_failed",
        "diagonalization_too_many_bands_not_converged",
    ],
)
def test_diagonalization_goes_david_cg_paro(failure: str) -> None:
    steps, verdict = played([failure] * 3)
    assert [dict(step.changes) for step in steps] == [{}, {"diagonalization": "cg"}, {"diagonalization": "paro"}]
    assert isinstance(verdict, GiveUp)


def test_one_core_diagonalises_before_the_diagonalization_changes() -> None:
    together = ("computing_cholesky", {"ndiag": 4})
    steps, _ = played([together, "s_matrix_not_positive_definite", NOT_CONVERGED, "ok"])
    assert [(step.rung, dict(step.changes)) for step in steps] == [
        ("first", {}),
        ("ndiag1", {"ndiag": 1}),
        ("cg", {"ndiag": 1, "diagonalization": "cg"}),
        ("beta0.3", {"ndiag": 1, "diagonalization": "cg", "mixing_beta": 0.3, "electron_maxstep": 120}),
    ]
    assert rungs([together, together, "ok"]) == ["first", "ndiag1", "cg"]  # once only
    assert rungs([("computing_cholesky", {}), "ok"]) == ["first", "cg"]  # one core did it already


def test_a_segfault_of_cg_goes_on_to_paro() -> None:  # close_Fe_1.0
    first = diagnose_output(DATA / "qe_cases/close_Fe_1.0/dav.pwo", 46)
    second = diagnose_output(DATA / "qe_cases/close_Fe_1.0/cg.pwo", 139)
    attempts = [Attempt.of(1, NextAttempt(), first)]
    step = qe.judge(settings(), attempts)
    assert isinstance(step, NextAttempt)
    attempts.append(Attempt.of(2, step, second))
    after = qe.judge(settings(), attempts)
    assert isinstance(after, NextAttempt)
    assert (step.rung, after.rung) == ("cg", "paro")


def test_another_diagonalization_is_kept_by_the_rungs_after_it_and_nothing_else_is() -> None:
    steps, _ = played(["computing_cholesky", NOT_CONVERGED, NOT_CONVERGED, "ok"])
    assert dict(steps[2].changes) == {"diagonalization": "cg", "mixing_beta": 0.3, "electron_maxstep": 120}
    assert dict(steps[3].changes) == {"diagonalization": "cg", "mixing_beta": 0.1, "electron_maxstep": 200}


@pytest.mark.parametrize(
    ("case", "exit_code", "rung"),
    [
        ("spin_nomag/v_b07", 2, "beta0.3"),
        ("levelx_Fe/dg0002", 2, "beta0.3"),
        ("slosh_AlMg20/b07", 2, "beta0.3"),
        ("close_Fe_1.0/dav", 46, "cg"),
        ("walltime/sigkill", -9, "first"),
        ("walltime/sigterm", 143, "first"),
        ("walltime/exit_restart", 255, "first"),
        ("walltime/exitfile", 2, "first"),
        ("oom/oomkill", 137, "first"),
        ("disk_full/fail_low", 1, "first"),
        ("walltime/max_seconds", 2, "first"),
        ("atoms_overlap/fail", 1, None),
        ("missing_pseudo/fail", 1, None),
        ("bad_namelist/fail", 1, None),
        ("unknown_species/fail", 1, None),
        ("too_few_bands/fail", 1, None),
        ("truncated_input/fail_half", 1, None),
        ("charge_wrong/fail_even_metal", 0, None),
    ],
)
def test_what_comes_after_a_real_failure(case: str, exit_code: int, rung: str | None) -> None:
    diagnosis = diagnose_output(DATA / f"qe_cases/{case}.pwo", exit_code)
    step = qe.judge(settings(), [Attempt.of(1, NextAttempt(), diagnosis)])
    if rung is None:
        assert isinstance(step, GiveUp)
        assert diagnosis.sentence in step.sentence
    else:
        assert isinstance(step, NextAttempt)
        assert step.rung == rung


def test_a_killed_run_is_repeated_twice_and_costs_no_rung() -> None:
    killed = ("output_stdout_incomplete", {"signal": 9})
    steps, verdict = played([killed] * 3)
    assert [(step.rung, dict(step.changes)) for step in steps] == [("first", {})] * 3
    assert isinstance(verdict, GiveUp)
    assert rungs([killed, NOT_CONVERGED, killed, killed, "ok"]) == ["first", "first", "beta0.3", "beta0.3", "beta0.3"]


def test_a_full_disk_is_waited_for_longer_than_any_other_trouble_of_the_machine() -> None:
    assert isinstance(played(["disk_full"] * 8)[1], NextAttempt)
    assert isinstance(played(["disk_full"] * 9)[1], GiveUp)
    mixed = ["disk_full", "output_stdout_incomplete", "disk_full", "output_stdout_incomplete", "disk_full"]
    assert isinstance(played(mixed)[1], NextAttempt)
    assert isinstance(played([*mixed, "output_stdout_incomplete"])[1], GiveUp)


def test_repeats_do_not_count_as_attempts() -> None:
    killed = ("output_stdout_incomplete", {"signal": 15})
    _, verdict = played([killed, killed, NOT_CONVERGED], settings(max_attempts=2))
    assert isinstance(verdict, NextAttempt)
    _, verdict = played([killed, killed, NOT_CONVERGED, NOT_CONVERGED], settings(max_attempts=2))
    assert isinstance(verdict, GiveUp)
    assert "2 attempts" in verdict.sentence


def test_a_converging_scf_gets_more_time_from_its_density() -> None:
    converging = (OUT_OF_TIME, {"slope": -0.3, "iterations": 12})
    steps, verdict = played([converging] * 4)
    assert [step.restart_from for step in steps] == [None, 1, 2, 3]
    assert [step.changes.get("walltime_factor") for step in steps] == [None, 2.0, 4.0, 8.0]
    assert all(step.changes["startingpot"] == "file" for step in steps[1:])
    assert isinstance(verdict, GiveUp)


def test_a_stuck_scf_gets_softer_parameters_instead() -> None:
    steps, _ = played([(OUT_OF_TIME, {"slope": 0.01, "iterations": 60}), "ok"])
    assert steps[1].rung == "beta0.3"
    assert "walltime_factor" not in steps[1].changes


def test_a_zombie_goes_back_with_softer_parameters_unless_it_was_converging() -> None:
    assert rungs([("scheduler_out_of_walltime", {}), "ok"]) == ["first", "beta0.3"]
    steps, _ = played([("scheduler_out_of_walltime", {"slope": -0.4, "iterations": 8}), "ok"])
    assert dict(steps[1].changes) == {"walltime_factor": 2.0}  # killed: there is no density to start from
    assert steps[1].restart_from is None


def test_one_that_stopped_before_it_could_show_a_trend_gets_more_time() -> None:
    steps, _ = played([(OUT_OF_TIME, {"iterations": 1}), "ok"])
    assert steps[1].changes["walltime_factor"] == 2.0


def test_one_that_was_killed_in_its_first_steps_gets_more_time_once() -> None:
    early = ("scheduler_out_of_walltime", {"iterations": 2})  # softer mixing would end at the same wall time
    steps, verdict = played([early, early])
    assert [dict(step.changes) for step in steps] == [{}, {"walltime_factor": 2.0}]
    assert "no time to show" in steps[1].sentence
    assert isinstance(verdict, NextAttempt)
    assert (verdict.rung, verdict.changes["walltime_factor"]) == ("beta0.3", 2.0)


def test_an_extension_of_a_rung_is_still_that_rung() -> None:
    hot = [NOT_CONVERGED] * 4 + [(OUT_OF_TIME, {"slope": -0.5, "iterations": 9}), "ok"]
    steps, back = played(hot)
    assert dict(steps[-1].changes) == {"degauss": 0.04, "walltime_factor": 2.0, "startingpot": "file"}
    assert isinstance(back, NextAttempt)  # still too hot to be a label
    assert (back.rung, back.restart_from) == ("degauss_back", 6)
    assert dict(back.changes) == {"walltime_factor": 2.0, "startingpot": "file"}


def test_out_of_steps_while_plainly_converging_goes_on_from_its_density_once() -> None:
    nearly = (NOT_CONVERGED, {"slope": -0.26, "iterations": 30})  # slosh_AlMg20 with beta 0.1 after 30 of its 42 steps
    steps, verdict = played([NOT_CONVERGED, NOT_CONVERGED, nearly, nearly])
    assert [step.rung for step in steps] == ["first", "beta0.3", "beta0.1", "beta0.1"]
    assert steps[3].restart_from == 3
    assert steps[3].changes["startingpot"] == "file"
    assert isinstance(verdict, NextAttempt)
    assert verdict.rung == "local-TF"
    assert "startingpot" not in verdict.changes


def test_more_memory_twice() -> None:
    steps, verdict = played(["out_of_memory"] * 3)
    assert [step.changes.get("memory_factor") for step in steps] == [None, 2.0, 4.0]
    assert isinstance(verdict, GiveUp)


def test_a_restart_that_crashed_starts_afresh() -> None:
    steps, verdict = played([(OUT_OF_TIME, {"slope": -0.5, "iterations": 9}), "crashed", "crashed"])
    assert steps[2].restart_from is None
    assert "startingpot" not in steps[2].changes
    assert isinstance(verdict, GiveUp)


def test_rungs_that_change_nothing_are_left_out() -> None:
    soft = settings(mixing_beta=0.2, extra={"electrons": {"mixing_mode": "local-TF"}}, max_attempts=12)
    assert rungs([NOT_CONVERGED] * 3, soft) == ["first", "beta0.1", "degauss"]


def test_every_history_ends() -> None:
    """Whatever happens, and again, and again."""
    names = [
        NOT_CONVERGED,
        OUT_OF_TIME,
        "computing_cholesky",
        "output_stdout_incomplete",
        "out_of_memory",
        "crashed",
        "charge_is_wrong",
    ]
    for name in names:
        for facts in ({}, {"slope": -0.5, "iterations": 5}, {"signal": 11}, {"signal": 9}):
            dft = settings(max_attempts=20)
            attempts: list[Attempt] = []
            step: Accept | NextAttempt | GiveUp = qe.next_attempt(dft, [])
            while isinstance(step, NextAttempt):
                assert len(attempts) < 40, (name, facts)
                attempts.append(Attempt.of(len(attempts) + 1, step, Diagnosis(False, name, "", facts)))
                step = qe.judge(dft, attempts)


def test_judging_nothing_and_going_on_from_a_success_are_mistakes() -> None:
    with pytest.raises(ValueError, match="no attempt"):
        qe.judge(settings(), [])
    with pytest.raises(ValueError, match="succeeded"):
        qe.next_attempt(settings(), [Attempt(1)])


def test_globs_name_what_is_thrown_away_and_what_a_restart_needs(tmp_path: Path) -> None:
    save = tmp_path / "out/pwscf.save"
    save.mkdir(parents=True)
    for name in ("charge-density.dat", "data-file-schema.xml", "wfc1.dat"):
        (save / name).touch()
    (tmp_path / "pw.out").touch()
    kept = {path.name for pattern in qe.keep_for_restart for path in tmp_path.glob(pattern)}
    assert kept == {"charge-density.dat", "data-file-schema.xml"}
    assert {path.name for pattern in qe.disposable for path in tmp_path.glob(pattern)} == {"out"}
