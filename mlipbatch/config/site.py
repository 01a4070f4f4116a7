"""Where site files are: those of the user, then those that come with mlipbatch."""

from __future__ import annotations

from pathlib import Path


def shipped_site_configs() -> Path:
    """`site_configs/`: in the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "site_configs"
    return inside if inside.is_dir() else package.parent / "site_configs"


def user_data() -> Path:
    """The user's own folder of data (pseudopotentials, list of projects); MLIPBATCH_DATA_DIR moves it."""
    import os

    moved = os.environ.get("MLIPBATCH_DATA_DIR")
    if moved:
        return Path(moved)
    from platformdirs import user_data_path

    return user_data_path("mlipbatch")


def pseudopotential_folders() -> list[Path]:
    """Where tables of pseudopotentials are looked for, in this order."""
    return [user_data() / "pseudopotentials", shipped_site_configs() / "pseudopotentials"]
