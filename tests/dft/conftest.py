"""A dataset's configuration, and the outputs of real runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft import code
from mlipbatch.dft.base import Prepared

DATA = Path(__file__).parent.parent / "data"
PSEUDO = "/usr/share/espresso/pseudo"
VALUES: dict[str, Any] = {
    "command": "pw.x", "pseudopotential_table": "debian-lda", "pseudo_dir": PSEUDO,
    "pseudopotentials": {"Al": "Al.pz-vbc.UPF", "Mg": "Mg.pz-n-vbc.UPF", "Si": "Si.pz-vbc.UPF", "Fe": "Fe.pz-nd-rrkjus.UPF"},
    "ecutwfc": 16, "ecutrho": 64, "kpoints_spacing": 0.15, "smearing": "mv", "degauss": 0.02, "nspin": 1,
    "starting_magnetization": {}, "conv_thr": 1e-8, "mixing_beta": 0.7, "electron_maxstep": 80, "extra": {}, "max_attempts": 8,
}  # fmt: skip


def settings(**changes: Any) -> DFTConfig:
    """The dataset's configuration with some values of its own."""
    return DFTConfig(**{**VALUES, **changes})


@pytest.fixture
def dft() -> DFTConfig:
    """An LDA dataset of Al, Mg, Si, Fe."""
    return settings()


Runner = Callable[..., tuple[Prepared, int]]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Run one attempt with the real pw.x in attempt-N, as a job's script does."""

    def attempt(
        atoms: Atoms, dft: DFTConfig, number: int = 1, step: NextAttempt | None = None, **job: Any
    ) -> tuple[Path, int]:
        folder = tmp_path / f"attempt-{number}"
        folder.mkdir()
        job = {"cores": 1, "walltime": 300, **job}
        prepared = code("quantum_espresso").prepare(atoms, dft, step or NextAttempt(), **job)
        for name, text in prepared.files.items():
            (folder / name).write_text(text)
        script = "\n".join([*prepared.before, prepared.command])
        environment = {**os.environ, **prepared.environment}
        return folder, subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=False).returncode

    return attempt
