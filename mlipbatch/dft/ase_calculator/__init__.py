"""Labels by any ASE calculator: EMT, GFN-xTB through tblite, MACE as a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.model import Config, DFTConfig
from mlipbatch.config.wrong import WrongValue
from mlipbatch.core.failure import Diagnosis
from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt, next_attempt
from mlipbatch.dft import machine
from mlipbatch.dft.base import DFTCode, Labels, Mesh, Prepared, Trial

if TYPE_CHECKING:
    from ase import Atoms

RUNGS = (machine.REPEAT,)  # a calculator fails again as it failed, whatever the second attempt


class AseCalculator:
    """An ASE calculator behind the seam of `DFTCode`, run by a Python of its own in the attempt's folder."""

    name = "ase"
    disposable: tuple[str, ...] = ()
    keep_for_restart: tuple[str, ...] = ()

    def trial(self, config: Config) -> Trial | None:
        """One label of a small cell, and one of each element alone."""
        from mlipbatch.dft.ase_calculator.trial import trial

        return trial(config)

    def complaint(self, config: Config, folder: Path, said: str) -> WrongValue | None:
        """What of the calculator, its arguments or the elements the trial shows to be wrong."""
        from mlipbatch.dft.ase_calculator.trial import complaint

        return complaint(config, folder, said)

    def check(self, atoms: Atoms, dft: DFTConfig) -> str | None:  # noqa: ARG002  the seam's
        """Why this structure must not be submitted, or None."""
        from mlipbatch.dft import structures

        return structures.refusal(atoms) or structures.too_close(atoms, {})

    def prepare(
        self,
        atoms: Atoms,
        dft: DFTConfig,
        step: NextAttempt,  # noqa: ARG002  nothing changes from attempt to attempt
        *,
        cores: int,
        walltime: float,  # noqa: ARG002  the job's script ends it
        kpoint_mesh: Mesh | None = None,  # noqa: ARG002  the calculator's own business
    ) -> Prepared:
        """The files and command of one attempt."""
        from mlipbatch.dft.ase_calculator.prepare import prepare

        return prepare(atoms, dft, cores)

    def diagnose(self, folder: Path, exit_code: int | None, *, scheduler: str | None = None) -> Diagnosis:
        """May the results in this attempt's folder be used?"""
        from mlipbatch.dft.ase_calculator.answer import diagnose

        return diagnose(folder, exit_code, scheduler)

    def read_results(self, folder: Path) -> Labels:
        """The labels of an attempt that was diagnosed as ok; raises ValueError where it was not."""
        from mlipbatch.dft.ase_calculator.answer import labels

        return labels(folder)

    def next_attempt(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> NextAttempt | GiveUp:  # noqa: ARG002
        """The first try; after a failure of the machine the same again, after any other none."""
        return next_attempt(RUNGS, {}, attempts)

    def judge(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> Accept | NextAttempt | GiveUp:
        """What these attempts, the last of them just diagnosed, come to."""
        last = attempts[-1]
        return Accept(last.rung, last.sentence) if last.failure is None else self.next_attempt(dft, attempts)


CODE: DFTCode = AseCalculator()
