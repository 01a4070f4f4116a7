"""A project's folder: where everything lies, and how one comes into being."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlipbatch.config.errors import InputError
from mlipbatch.core.job import generation_name
from mlipbatch.store.durable import sync_folder, write_text

FOLDERS = ("jobs", "candidates", "data", "potentials", "explore", "reports", ".mlipbatch/inbox")


@dataclass(frozen=True)
class Project:
    """Paths of one project; makes no folder by itself."""

    root: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    @property
    def input(self) -> Path:
        """What the user wrote."""
        return self.root / "input.yaml"

    @property
    def config(self) -> Path:
        """Every value, with its reason."""
        return self.root / "config.yaml"

    @cached_property
    def jobs(self) -> Path:
        """Tree of job folders: generation, kind, name."""
        return self.root / "jobs"

    @property
    def data(self) -> Path:
        """Database and exports."""
        return self.root / "data"

    @cached_property
    def private(self) -> Path:
        """Id, lock and inbox; 0700."""
        return self.root / ".mlipbatch"

    @cached_property
    def inbox(self) -> Path:
        """Markers that jobs and commands drop for the daemon."""
        return self.private / "inbox"

    @property
    def status(self) -> Path:
        """What the daemon last saw."""
        return self.root / "status.json"

    @property
    def log(self) -> Path:
        """The daemon's log."""
        return self.root / "daemon.log"

    @property
    def active_potential(self) -> Path:
        """Link to the potential in use."""
        return self.root / "potentials" / "active"

    @property
    def id(self) -> str:
        """Made once; survives moving the folder."""
        return str(json.loads((self.private / "id").read_text())["id"])

    def candidates(self, generation: int, step: str) -> Path:
        """``candidates/gen000.STEP.extxyz``."""
        return self.root / "candidates" / f"{generation_name(generation)}.{step}.extxyz"

    def potential(self, generation: int) -> Path:
        """``potentials/gen000``."""
        return self.root / "potentials" / generation_name(generation)

    def explore(self, generation: int) -> Path:
        """``explore/gen001``."""
        return self.root / "explore" / generation_name(generation)


def find_project(path: Path) -> Project:
    """The project that `path` is, or lies in. Raises InputError where there is none."""
    start = path.resolve()
    for folder in (start, *start.parents):
        if (folder / ".mlipbatch" / "id").is_file():
            return Project(folder)
    raise InputError(
        f"{path} is not in an mlipbatch project; name a project's folder, or make one with `mlipbatch submit input.yaml`"
    )


def create_project(folder: Path, input_text: bytes, config_text: str) -> tuple[Project, bool]:
    """Make a project, whole or not at all. Returns it, and whether it is new.

    The same input again is the same project. Raises InputError where the folder holds anything else.
    """
    project = Project(folder.absolute())
    if folder.exists() and any(folder.iterdir()):
        return _existing(project, input_text), False
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        for name in FOLDERS:
            (draft / name).mkdir(parents=True)
        (draft / ".mlipbatch").chmod(0o700)
        (draft / "input.yaml").write_bytes(input_text)
        write_text(draft / "config.yaml", config_text)
        write_text(draft / ".mlipbatch" / "id", json.dumps({"id": uuid.uuid4().hex, "format": 1}) + "\n")
        draft.replace(folder)
    finally:
        if draft.exists():
            shutil.rmtree(draft)
    sync_folder(folder.parent)
    return project, True


def _existing(project: Project, input_text: bytes) -> Project:
    if not (project.private / "id").is_file():
        raise InputError(
            f"{project.root} exists and is not an mlipbatch project; choose another place with --into DIR (of `dft check`: --out)"
        )
    if project.input.read_bytes() != input_text:
        raise InputError(
            f"{project.root} is a project made from another input; change project_name, or "
            "choose another place with --into DIR (of `dft check`: --out)"
        )
    return project
