"""The user's list of projects: what `mlipbatch daemon` serves when it is given no path."""

from __future__ import annotations

from pathlib import Path

from mlipbatch.store.durable import write_text


def _file() -> Path:
    from platformdirs import user_data_path

    return user_data_path("mlipbatch") / "projects.txt"


def known_projects() -> list[Path]:
    """Folders of the list that still are projects, in the order they were submitted."""
    try:
        lines = _file().read_text().splitlines()
    except FileNotFoundError:
        return []
    return [Path(line) for line in lines if line and (Path(line) / ".mlipbatch" / "id").is_file()]


def remember(root: Path) -> None:
    """Put a project on the list; once is enough."""
    projects = known_projects()
    if root.resolve() in [project.resolve() for project in projects]:
        return
    _file().parent.mkdir(parents=True, exist_ok=True)
    write_text(_file(), "".join(f"{project}\n" for project in [*projects, root.resolve()]))
