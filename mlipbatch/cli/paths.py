"""From what a person types to projects and jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.errors import InputError

if TYPE_CHECKING:
    from mlipbatch.store.project import Project


def project_at(path: Path | None) -> Project:
    """The project that `path` (here unless given) lies in. Raises InputError."""
    from mlipbatch.store.project import find_project

    return find_project(path or Path())


def job_at(path: Path) -> tuple[Project, str]:
    """The project and the id of the job that `path` is, or lies in. Raises InputError with the nearest that exists."""
    from mlipbatch.store.project import find_project

    here = path if path.exists() else Path(str(path).removeprefix("jobs/"))
    project = find_project(path if path.exists() else Path())
    if not here.exists():
        here = project.jobs / here
    try:
        parts = here.resolve().relative_to(project.jobs.resolve()).parts
    except ValueError:
        raise InputError(f"{path} is no job folder of {project.root}; `mlipbatch ls` lists them") from None
    if len(parts) < 3 or not (project.jobs / Path(*parts[:3])).is_dir():
        raise InputError(f"{path} is no job folder of {project.root}; `mlipbatch ls` lists them")
    return project, "/".join(parts[:3])


def jobs_below(paths: list[Path]) -> tuple[Project, list[str]]:
    """The jobs that `paths` are, or that lie below them (a whole generation or kind)."""
    from mlipbatch.store import jobfolder

    project = project_at(paths[0] if paths[0].exists() else None)
    every = ["/".join(folder.parts[-3:]) for folder in jobfolder.walk(project.jobs)]
    chosen: list[str] = []
    for path in paths:
        root = (path if path.exists() else project.jobs / str(path).removeprefix("jobs/")).resolve()
        below = [job for job in every if (project.jobs.resolve() / job).is_relative_to(root)]
        if not below:
            chosen.append(job_at(path)[1])
        chosen.extend(below)
    return project, list(dict.fromkeys(chosen))
