"""`mlipbatch doctor`: what is installed and configured, what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from mlipbatch.stages.doctor import machine, packages, programs, site, trial
from mlipbatch.stages.doctor.finding import Finding

__all__ = ["Finding", "examine", "ready"]

AT_A_TIME = 4  # checks mostly wait for a program's answer


def examine(*, deep: bool = False) -> list[Finding]:
    """Look at everything, in the order of the table; with `deep` import every package and run a small SCF too."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = list(pool.map(lambda check: check(), _checks(deep=deep)))
    return [finding for answer in answers for finding in (answer if isinstance(answer, list) else [answer])]


def ready(findings: list[Finding]) -> bool:
    """Can the local loop run?"""
    return all(finding.well for finding in findings if finding.necessary)


def _checks(*, deep: bool) -> list[Callable[[], Finding | list[Finding]]]:
    checks: list[Callable[[], Finding | list[Finding]]] = [machine.look_at_python]
    checks += [partial(packages.look, package, deep=deep) for package in packages.PACKAGES]
    checks += [partial(programs.look, program) for program in programs.PROGRAMS]
    checks += [partial(programs.look_for_pacemaker, deep=deep), programs.look_for_lammps, machine.look_for_tables]
    checks += [site.look_at_site, site.look_at_scheduler, machine.look_at_data_folder, machine.look_for_gpu]
    return [*checks, trial.run_scf] if deep else checks
