"""Which site this is: the one that input.yaml names, the user's own file, or none."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from mlipbatch.config.check import check_text
from mlipbatch.config.complaint import complaint
from mlipbatch.config.errors import InputError
from mlipbatch.config.located import read_yaml
from mlipbatch.config.model import Config
from mlipbatch.config.resources import resource
from mlipbatch.config.site import Site, wrong_header
from mlipbatch.config.text import did_you_mean, shown
from mlipbatch.config.wrong import WrongValue

GENERIC = ("local", "slurm", "pbs")  # to start from; their queues are asked of the scheduler


def folders() -> list[Path]:
    """Where site files are looked for by name, in this order: the user's own folder, then what comes with mlipbatch."""
    return [user_file().parent / "sites", resource("site_configs")]


def user_file() -> Path:
    """The file of the user's own cluster, which counts wherever input.yaml names no site."""
    from platformdirs import user_config_path

    return user_config_path("mlipbatch") / "site.yaml"


def available() -> dict[str, Path]:
    """Site files by name, the user's own first."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def load_site(path: Path) -> Site:
    """The site of a file. Raises InputError with file, line and column."""
    located = read_yaml(path)
    try:
        check_text(located.data)
        return _site(located.data)
    except WrongValue as error:
        raise located.error(error.message, error.path, key=error.key) from error


def _site(data: dict[str, object]) -> Site:
    try:
        site = Site.model_validate(data)
    except ValidationError as error:
        raise complaint(error, Site) from error
    wrong = wrong_header(site)
    if wrong is not None:
        raise WrongValue(*wrong)
    return site


def named_site(name: str) -> Path:
    """The file of the site called `name`, or at that path. Raises InputError where there is none."""
    sites = available()
    path = sites.get(name) or Path(name).expanduser()
    if not path.is_file():
        raise InputError(
            f"there is no site {shown(name)}{did_you_mean(name, sites)}; "
            f"known here: {', '.join(sorted(sites))}; or write the path of a site file"
        )
    return path


def chosen_site(name: str = "") -> Site | None:
    """The site of that name, else the user's own; None where there is neither. Raises InputError."""
    if name:
        return load_site(named_site(name))
    return load_site(user_file()) if user_file().is_file() else None


MPI_PROGRAMS = ("pw.x", "abinit")


def on_site(config: Config, site: Site) -> Config:
    """The configuration with the programs of the site: what the user wrote into input.yaml wins over it.

    pw.x and abinit get the site's own command line and launcher. `{cores}` in it is filled in when a job is made.
    """
    command = config.dft.command
    if command in MPI_PROGRAMS:
        command = site.programs.get(command, command)
        if site.launcher and not any(word in command for word in (site.launcher.split()[0], "{cores}")):
            command = f"{site.launcher} {command}"
    return config.model_copy(update={"dft": config.dft.model_copy(update={"command": command})})


def environment(site: Site) -> dict[str, str]:
    """Variables of every job of the site: its own, and where its pacemaker is."""
    pacemaker = site.programs.get("pacemaker")
    return {**({"MLIPBATCH_PACEMAKER": pacemaker} if pacemaker else {}), **site.environment}
