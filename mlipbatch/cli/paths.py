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
    from mlipbatch.store import catalogue

    there = _nearest(path)
    here = path if there else Path(str(path).removeprefix("jobs/"))
    project = _project_of(path)
    if there is None:
        here = project.jobs / here
    try:
        parts = here.resolve().relative_to(project.jobs.resolve()).parts
    except ValueError:
        raise InputError(f"{path} is no job folder of {project.root}; `mlipbatch ls` lists them") from None
    if len(parts) < 3 or not catalogue.exists(project.jobs, "/".join(parts[:3])):
        raise InputError(f"{path} is no job folder of {project.root}; `mlipbatch ls` lists them")
    return project, "/".join(parts[:3])


def jobs_below(paths: list[Path]) -> tuple[Project, list[str]]:
    """The jobs that `paths` are, or that lie below them (a whole generation or kind)."""
    from mlipbatch.store import catalogue

    project = _project_of(paths[0])
    every = catalogue.ids(project.jobs)
    chosen: list[str] = []
    for path in paths:
        root = (path if _nearest(path) else project.jobs / str(path).removeprefix("jobs/")).resolve()
        below = [job for job in every if (project.jobs.resolve() / job).is_relative_to(root)]
        if not below:
            chosen.append(job_at(path)[1])
        chosen.extend(below)
    return project, list(dict.fromkeys(chosen))


def _project_of(path: Path) -> Project:
    """The project that a path lies in, or, where there is none such, the one here: then it may be an id."""
    there = _nearest(path)
    try:
        return project_at(there)
    except InputError:
        if there:
            raise
        raise InputError(f"{path} is not there, and {Path.cwd()} is not in an mlipbatch project") from None


def _nearest(path: Path) -> Path | None:
    """The path, or of a packed job or kind the folder that its archive lies in; None where neither is there: it may be an id."""
    if path.exists():
        return path
    generations = (above for above in list(path.parents)[:2] if above.parent.name == "jobs" and above.is_dir())
    return next(generations, None)
