"""The input check that only the DFT code itself can make: a small run of it, in a process and a folder of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlipbatch import dft
from mlipbatch.config.model import Config
from mlipbatch.schedulers.command import run

LIMIT_S = 300.0  # a foundation model on a slow disk


def check(config: Config) -> None:
    """WrongValue where the campaign's DFT code cannot do what its input wants."""
    code = dft.code(config.resources.dft_code)
    trial = code.trial(config)
    if trial is None:
        return
    with tempfile.TemporaryDirectory(prefix="mlipbatch-trial-") as folder:
        for name, text in trial.files.items():
            (Path(folder) / name).write_text(text)
        wrong = code.complaint(config, Path(folder), _last_words(trial, Path(folder)))
    if wrong is not None:
        raise wrong


def _last_words(trial: dft.Trial, folder: Path) -> str:
    """Run it: the last line of standard error, or why it did not start."""
    try:
        done = run(trial.argv, timeout=LIMIT_S, cwd=folder)
    except OSError as error:  # a folder, or a file that may not be run
        return str(error)
    return " ".join(done.stderr.strip().splitlines()[-1:])
