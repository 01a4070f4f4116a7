"""ABINIT, with norm-conserving pseudopotentials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.model import Config, DFTConfig
from mlipbatch.config.wrong import WrongValue
from mlipbatch.core.failure import Diagnosis
from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt
from mlipbatch.dft.abinit.layout import DISPOSABLE
from mlipbatch.dft.base import DFTCode, Labels, Mesh, Prepared, Trial

if TYPE_CHECKING:
    from ase import Atoms


class Abinit:
    """ABINIT behind the seam of `DFTCode`; stateless, each verb in its own file, imported when it is called."""

    name = "abinit"
    disposable: tuple[str, ...] = DISPOSABLE
    keep_for_restart: tuple[str, ...] = ()

    def trial(self, _config: Config) -> Trial | None:
        """None: pseudopotentials and cutoffs say enough."""
        return None

    def complaint(self, _config: Config, _folder: Path, _said: str) -> WrongValue | None:
        """None, as there is no trial."""
        return None

    def check(self, atoms: Atoms, dft: DFTConfig) -> str | None:
        """Why this structure must not be submitted, or None."""
        from mlipbatch.dft.abinit.check import check

        return check(atoms, dft)

    def prepare(
        self,
        atoms: Atoms,
        dft: DFTConfig,
        step: NextAttempt,
        *,
        cores: int,
        walltime: float,  # noqa: ARG002  the job's script ends it: nothing of an SCF is kept to start from
        kpoint_mesh: Mesh | None = None,
    ) -> Prepared:
        """The files and commands of one attempt. Raises InputError for a k-point mesh that is none."""
        from mlipbatch.dft.abinit.prepare import prepare

        return prepare(atoms, dft, step, cores=cores, fixed=kpoint_mesh)

    def diagnose(self, folder: Path, exit_code: int | None, *, scheduler: str | None = None) -> Diagnosis:
        """May the results in this attempt's folder be used?"""
        from mlipbatch.dft.abinit.diagnose import diagnose

        return diagnose(folder, exit_code, scheduler)

    def read_results(self, folder: Path) -> Labels:
        """The labels of an attempt that was diagnosed as ok; raises ValueError where it was not."""
        from mlipbatch.dft.abinit.results import labels

        return labels(folder)

    def next_attempt(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> NextAttempt | GiveUp:
        """What to try after these attempts; without any, the first try."""
        from mlipbatch.dft.abinit.rungs import step_after

        return step_after(dft, attempts)

    def judge(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> Accept | NextAttempt | GiveUp:
        """What these attempts, the last of them just diagnosed, come to."""
        from mlipbatch.dft.abinit.rungs import judge

        return judge(dft, attempts)


CODE: DFTCode = Abinit()
