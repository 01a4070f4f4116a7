"""Files in: input.yaml as its user wrote it, or the config.yaml of a project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlipbatch.config.elements import LATTICES
from mlipbatch.config.expansion import expand
from mlipbatch.config.located import Located, read_yaml
from mlipbatch.config.model import Config
from mlipbatch.config.render import render_config_yaml
from mlipbatch.config.wrong import WrongValue

# keys that may hold a path
PATHS = (
    ("target_system", "crystal_structure"),
    ("dft", "pseudo_dir"),
    ("dft", "pseudopotential_table"),
    ("resources", "site"),
)


def load_input(path: Path | str) -> tuple[dict[str, Any], Located]:
    """Plain data of an input file, its relative paths made absolute (from the file's own folder), and the places of its keys.

    Raises InputError (file, line, column) if it is not readable YAML.
    """
    located = read_yaml(Path(path))
    for section, key in PATHS:
        inner = located.data.get(section)
        if isinstance(inner, dict) and isinstance(inner.get(key), str):
            inner[key] = _absolute(inner[key], Path(path).absolute().parent)
    return located.data, located


def _absolute(text: str, folder: Path) -> str:
    """`text` as an absolute path if it leads to something from `folder`; else as it is: a name, or a mistake to be told."""
    if not text or text in LATTICES or "\0" in text:
        return text
    try:
        candidate = folder / Path(text).expanduser()
        return str(candidate) if candidate.exists() else text
    except (OSError, RuntimeError, ValueError):  # a name too long; a home that is not known
        return text


def load_expanded(
    path: Path | str, *, labels: bool = True, check: Callable[[Config], None] = lambda _config: None
) -> tuple[Config, dict[str, str]]:
    """`expand` of a file: configuration and reasons; `check` may raise WrongValue too.

    Raises InputError with file, line and column.
    """
    raw, located = load_input(path)
    try:
        config, reasons = expand(raw, labels=labels)
        check(config)
    except WrongValue as error:
        raise located.error(error.message, error.path, key=error.key) from error
    return config, reasons


def render_input(path: Path | str) -> str:
    """The config.yaml of an input file. Raises InputError for all that keeps a campaign from starting."""
    return render_config_yaml(*load_expanded(path))


def load_config(path: Path | str, *, labels: bool = False) -> Config:
    """Configuration of an input.yaml or config.yaml. With `labels` pseudopotentials have to be there (see `expand`)."""
    return load_expanded(path, labels=labels)[0]
