"""The machine: Python, pseudopotentials, the scheduler that jobs go to, where mlipbatch keeps its own files, a GPU."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

from mlipbatch.config.errors import InputError
from mlipbatch.schedulers.command import run
from mlipbatch.stages.doctor.finding import Finding
from mlipbatch.stages.doctor.programs import ANSWER_LIMIT_S, which


def look_at_python() -> Finding:
    """The interpreter that runs this, and therefore every Python job."""
    from mlipbatch import __version__

    version = f"{platform.python_version()}, mlipbatch {__version__}"
    return Finding(
        "machine", "python", "runs mlipbatch and its jobs", found=True, version=version, where=sys.executable
    )


def look_for_tables() -> list[Finding]:
    """Tables of pseudopotentials; one of them with right files is necessary."""
    from mlipbatch.config.pseudopotentials import available
    from mlipbatch.config.sssp import DEFAULT_LIBRARY

    found = [_table(name) for name in available()]
    if not any(name.startswith("sssp") for name in available()):
        purpose = "the recommended tables: UPF files and cutoffs of SSSP"
        remedy = f"mlipbatch pseudos install {DEFAULT_LIBRARY}"
        found.append(Finding("pseudopotentials", "sssp", purpose, found=False, remedy=remedy))
    enough = any(one.well for one in found)
    return [replace(one, necessary=not enough) for one in found]


def _table(name: str) -> Finding:
    from mlipbatch.config.pseudopotentials import load_table, wrong_file
    from mlipbatch.stages.tables import present

    finding = Finding("pseudopotentials", name, "UPF files and their cutoffs", found=True)
    try:
        table = load_table(name)
    except InputError as error:
        return replace(finding, problem="not usable", remedy=str(error))
    here = present(table)
    wrong = next((sentence for symbol in here or table.elements if (sentence := wrong_file(table, symbol))), None)
    if wrong:
        return replace(finding, problem="not usable", remedy=wrong)
    said = ", ".join(here) if len(here) < 8 else f"{len(here)} elements"
    return replace(finding, version=f"{table.functional}; {said}", where=table.folder)


def look_at_data_folder() -> Finding:
    """The folder of the user's own files: the list of projects, tables of pseudopotentials."""
    from platformdirs import user_data_path

    folder = user_data_path("mlipbatch")
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return Finding(
        "machine",
        "data folder",
        "list of your projects, your own tables of pseudopotentials",
        found=True,
        necessary=True,
        where=str(folder),
        problem="" if writable else f"{nearest} is not writable",
        remedy="" if writable else "export XDG_DATA_HOME=/a/folder/that/is/yours",
    )


def look_for_gpu() -> Finding:
    """An NVIDIA GPU; torch must have been built for it."""
    finding = Finding("machine", "GPU", "screening; everything runs without one", found=False)
    program = which("nvidia-smi")
    if program is None:
        return finding
    done = run([program, "--query-gpu=name,memory.total", "--format=csv,noheader"], timeout=ANSWER_LIMIT_S)
    if done.code:
        return finding
    return replace(finding, found=True, version="; ".join(done.stdout.strip().splitlines()), where=str(Path(program)))
