"""From an input file to a project whose first jobs wait."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlipbatch.config import load_config, load_expanded, render_config_yaml
from mlipbatch.config.model import Config
from mlipbatch.engine.index import Index
from mlipbatch.engine.place import check
from mlipbatch.stages import dft_trial, loop
from mlipbatch.store import jobfolder
from mlipbatch.store.lease import Locked, project_lock
from mlipbatch.store.project import Project, create_project
from mlipbatch.store.registry import remember


@dataclass(frozen=True)
class Prepared:
    """An input that was found good: nothing is written yet."""

    config: Config
    folder: Path
    input_bytes: bytes
    config_text: str


def read_input(source: Path, into: Path | None) -> Prepared:
    """Read and check an input file. Raises InputError."""
    config, reasons = load_expanded(source, check=dft_trial.check)
    check(config)
    folder = into or Path(config.project_name)
    return Prepared(config, folder, source.read_bytes(), render_config_yaml(config, reasons))


def make_project(prepared: Prepared) -> tuple[Project, bool]:
    """Make the project and its first jobs, and put it on the user's list. Raises InputError where the folder is taken."""
    project, new = create_project(prepared.folder, prepared.input_bytes, prepared.config_text)
    remember(project.root)
    try:
        with project_lock(project):
            index = Index(project.jobs)
            index.load()
            for spec in loop.wanted(project, load_config(project.config), index):
                jobfolder.create(project.jobs, spec)
    except Locked:
        pass  # a daemon serves it already, and makes them itself
    return project, new
