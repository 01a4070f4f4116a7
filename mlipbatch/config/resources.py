"""Where `templates/` and `site_configs/` lie: beside the package in a checkout, inside it when it came as a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def resource(folder: str, *parts: str) -> Path:
    """Path of a file or folder that ships with mlipbatch, as in ``resource("templates", "job.sh.j2")``.

    What is inside the package wins: it is there only in an installed wheel. The path may not exist; a caller that looks
    for a user's choice among them lists the folder and says what there is.
    """
    home = PACKAGE if (PACKAGE / folder).is_dir() else PACKAGE.parent
    return home.joinpath(folder, *parts)
