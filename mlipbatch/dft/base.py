"""The seam of a DFT code: everything that a stage asks of it, and what it answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlipbatch.config.model import Config, DFTConfig
from mlipbatch.config.scf_cost import Size
from mlipbatch.config.wrong import WrongValue
from mlipbatch.core.failure import Diagnosis
from mlipbatch.core.ladder import Accept, Attempt, GiveUp, NextAttempt

if TYPE_CHECKING:
    from ase import Atoms

Mesh = tuple[int, int, int]


@dataclass(frozen=True)
class Prepared:
    """One attempt, ready to be written into its folder and run there."""

    files: Mapping[str, str]  # name in the attempt's folder -> text
    command: str  # bash line that is run in that folder; its exit status is the attempt's
    environment: Mapping[str, str]  # exported before anything else
    before: Sequence[str]  # bash lines that are run before `command`
    reasons: Mapping[str, str]  # quantity -> why it has its value
    expectation: Mapping[str, Any]  # what the output must agree with: natoms, kpoints, nspin, conv_thr (Ry), electrons
    common: Mapping[str, Any] = field(default_factory=dict)  # what labels of one data set share (core.consistency)
    memory_mb: int | None = None  # about what all ranks need together; None where it is not known
    size: Size | None = None  # what its time depends on; None where that is not known


@dataclass(frozen=True)
class Labels:
    """The results of one static calculation, atoms in the structure's own order."""

    energy: float  # eV, total energy F = E - TS, the one that forces and stress are derivatives of
    forces: list[list[float]]  # [n_atoms, 3] eV/A
    stress: list[float]  # [6] eV/A^3, Voigt xx yy zz yz xz xy, ASE's sign (negative when the cell wants to expand)
    symbols: list[str]  # [n_atoms]
    magnetization: float | None  # Bohr magnetons a cell, total; None without spin
    absolute_magnetization: float | None  # Bohr magnetons a cell
    iterations: int | None  # SCF steps; None where the code does not say
    accuracy: float | None  # Ry, estimated by the code at the last step; None where it does not say
    wall_s: float | None  # s
    kpoints: int | None  # irreducible ones; None where there are none to speak of
    version: str  # of the code
    smearing_energy: float | None = None  # eV, -TS, which is part of `energy`
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """A run that shows, before anything is submitted, whether the code can do what the campaign wants of it."""

    files: Mapping[str, str]  # name in a folder of its own -> text
    argv: Sequence[str]  # run in that folder


class DFTCode(Protocol):
    """A DFT code. Everything is a pure function but for reading the folder that it is given."""

    name: str
    disposable: tuple[str, ...]  # globs in an attempt's folder, deleted when the label is accepted
    keep_for_restart: tuple[str, ...]  # globs among them that a restart from this attempt needs

    def trial(self, config: Config) -> Trial | None:
        """What to run once for a campaign before it is submitted; None where its files say enough."""

    def complaint(self, config: Config, folder: Path, said: str) -> WrongValue | None:
        """What the trial in `folder`, whose last words were `said`, shows to be wrong with the campaign's input, or None."""

    def check(self, atoms: Atoms, dft: DFTConfig) -> str | None:
        """Why this structure must not be submitted, or None."""

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
        """The files and commands of one attempt; `walltime` in s, the step's walltime_factor already in it."""

    def diagnose(self, folder: Path, exit_code: int | None, *, scheduler: str | None = None) -> Diagnosis:
        """May the results in this attempt's folder be used?

        `exit_code` as the shell has it (128 + n for signal n) or as Python has it (-n), None where it is not known. `scheduler`
        is what the scheduler said of the end, where it said something: out_of_walltime, out_of_memory, node_failure, preempted.
        """

    def read_results(self, folder: Path) -> Labels:
        """The labels of an attempt that was diagnosed as ok; raises ValueError where it was not."""

    def next_attempt(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> NextAttempt | GiveUp:
        """What to try after these attempts; without any, the first try."""

    def judge(self, dft: DFTConfig, attempts: Sequence[Attempt]) -> Accept | NextAttempt | GiveUp:
        """What these attempts, the last of them just diagnosed, come to."""
