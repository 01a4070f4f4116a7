"""Quantum ESPRESSO's pw.x."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.model import Config, DFTConfig
from mlipbatch.config.wrong import WrongValue
from mlipbatch.core.failure import Diagnosis
from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt
from mlipbatch.dft.base import DFTCode, Labels, Mesh, Prepared, Trial
from mlipbatch.dft.quantum_espresso.layout import DISPOSABLE, KEEP_FOR_RESTART, OUTPUT

if TYPE_CHECKING:
    from ase import Atoms


class QuantumEspresso:
    """pw.x behind the seam of `DFTCode`; stateless, each verb in its own file, imported when it is called."""

    name = "quantum_espresso"
    disposable: tuple[str, ...] = DISPOSABLE
    keep_for_restart: tuple[str, ...] = KEEP_FOR_RESTART

    def trial(self, _config: Config) -> Trial | None:
        """None: pseudopotentials and cutoffs say enough."""
        return None

    def complaint(self, _config: Config, _folder: Path, _said: str) -> WrongValue | None:
        """None, as there is no trial."""
        return None

    def check(self, atoms: Atoms, dft: DFTConfig) -> str | None:
        """Why this structure must not be submitted, or None."""
        from mlipbatch.dft.quantum_espresso.check import check

        return check(atoms, dft)

    def prepare(
        self,
        atoms: Atoms,
        dft: DFTConfig,
        step: NextAttempt,
        *,
        cores: int,
        walltime: float,
        kpoint_mesh: Mesh | None = None,
    ) -> Prepared:
        """The files and commands of one attempt; `walltime` in s. Raises InputError for a k-point mesh that is none."""
        from mlipbatch.dft.quantum_espresso.prepare import prepare

        return prepare(atoms, dft, step, cores=cores, walltime=walltime, kpoint_mesh=kpoint_mesh)

    def diagnose(self, folder: Path, exit_code: int | None, *, scheduler: str | None = None) -> Diagnosis:
        """May the results in this attempt's folder be used?"""
        from mlipbatch.dft.quantum_espresso.diagnose import diagnose_output

        return diagnose_output(folder / OUTPUT, exit_code, scheduler=scheduler)

    def read_results(self, folder: Path) -> Labels:
        """The labels of an attempt that was diagnosed as ok; raises ValueError where it was not."""
        from mlipbatch.dft.quantum_espresso.results import read_output_labels

        return read_output_labels(folder / OUTPUT)

    def next_attempt(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> NextAttempt | GiveUp:
        """What to try after these attempts; without any, the first try."""
        from mlipbatch.dft.quantum_espresso.judge import step_after

        return step_after(dft, attempts)

    def judge(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> Accept | NextAttempt | GiveUp:
        """What these attempts, the last of them just diagnosed, come to."""
        from mlipbatch.dft.quantum_espresso.judge import judge

        return judge(dft, attempts)


CODE: DFTCode = QuantumEspresso()
