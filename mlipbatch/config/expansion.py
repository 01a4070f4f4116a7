"""From what the user wrote to every value of a campaign, each with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlipbatch.config.check import check_config, check_text
from mlipbatch.config.check_code import check_keys
from mlipbatch.config.check_material import check_material
from mlipbatch.config.errors import InputError
from mlipbatch.config.heuristics import dft, potential, sampling, structures
from mlipbatch.config.heuristics.draft import Draft, Rule
from mlipbatch.config.model import Config
from mlipbatch.config.partial import leaves, mistakes
from mlipbatch.config.pseudopotentials import (
    DEFAULT,
    available,
    check_files,
    fitting_tables,
    load_table,
    mismatch,
)
from mlipbatch.config.sssp import DEFAULT_LIBRARY
from mlipbatch.config.table_file import Table
from mlipbatch.config.translate import wrong_values
from mlipbatch.config.upf import read_upf
from mlipbatch.config.wrong import WrongValue

RULES: dict[str, Rule] = {**structures.RULES, **dft.RULES, **potential.RULES, **sampling.RULES}
TABLE = ("dft", "pseudopotential_table")


def expand(raw: dict[str, Any], *, labels: bool = True) -> tuple[Config, dict[str, str]]:
    """Every value of the campaign, and the reason for each by dotted path ("given" for the user's own).

    `raw` is the plain data of an input file (paths in it absolute, or relative to the working directory). With `labels` False a
    machine without pseudopotentials is no error: `dft` then holds guesses that no label can be made with.
    Raises WrongValue, an InputError that knows the path of the key it is about.
    """
    error = mistakes(raw)
    if error is not None:
        raise wrong_values(error)[0]
    check_text(raw)
    check_material(raw)
    draft = Draft(_given(raw), RULES, find_table=_find_table)
    if not _complete(draft):
        check_keys(draft.given)
    values = {path: draft[path] for path in leaves()}
    config = _config(values)
    check_config(config)
    if labels:
        need_pseudopotentials(config)
        _check_given_files(config, draft)
    return config, {path: draft.reasons[path] for path in leaves()}


def need_pseudopotentials(config: Config) -> None:
    """WrongValue with the way to get them, where a configuration has no pseudopotentials to label with."""
    if config.dft.pseudopotentials or config.resources.dft_code == "ase":
        return
    elements = config.target_system.elements
    if config.resources.dft_code == "abinit":
        message = (
            f"no pseudopotentials of {', '.join(elements)}: name norm-conserving ones that ABINIT reads (psp8, ...) in "
            "'dft.pseudopotentials', their folder in 'dft.pseudo_dir', or a table of them in 'dft.pseudopotential_table'"
        )
        raise WrongValue(TABLE, message)
    names = fitting_tables(elements)
    found = (
        f"; installed and fitting: `pseudopotential_table: {names[0]}` under `dft:` ({load_table(names[0]).functional})"
        if names
        else ""
    )
    message = (
        f"no pseudopotentials of {', '.join(elements)}: get SSSP efficiency by `mlipbatch pseudos install {DEFAULT_LIBRARY}` "
        f"(where there is no network, with --from FILE), or name a table in 'dft.pseudopotential_table'{found}"
    )
    raise WrongValue(TABLE, message)


def _given(raw: dict[str, Any]) -> dict[str, Any]:
    """The user's values by the dotted paths of `leaves()`."""
    given: dict[str, Any] = {}
    for path in leaves():
        value: Any = raw
        for part in path.split("."):
            value = value.get(part, _ABSENT) if isinstance(value, dict) else _ABSENT
        if value is not _ABSENT:
            given[path] = value
    return given


_ABSENT = object()


def _config(values: dict[str, Any]) -> Config:
    nested: dict[str, Any] = {}
    for path, value in values.items():
        *sections, name = path.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    try:
        return Config.model_validate(nested)
    except ValidationError as error:  # a derived value left its limits because of a given one
        raise wrong_values(error)[0] from error


def _complete(draft: Draft) -> bool:
    """Is it a config.yaml, written by us?"""
    return len(draft.given) == len(leaves())


def _find_table(draft: Draft) -> Table | None:
    """The table named in the input, which must fit; else SSSP where it is installed and fits; else None."""
    name = draft.given.get("dft.pseudopotential_table")
    if name not in (None, "none"):
        try:
            table = load_table(name)
            if "dft.pseudopotentials" not in draft.given:
                check_files(table, draft.elements)
        except InputError as error:
            raise WrongValue(TABLE, str(error)) from error
        return table
    upf = draft["resources.dft_code"] == "quantum_espresso"  # SSSP is for pw.x
    if name is None and upf and DEFAULT in available() and DEFAULT in fitting_tables(draft.elements):
        return load_table(DEFAULT)
    return None


def _check_given_files(config: Config, draft: Draft) -> None:
    """Files that the user named one by one are there and alike. What came from a table was looked at already."""
    if "dft.pseudopotentials" not in draft.given or _complete(draft):
        return  # its files may be visible on other machines only
    for symbol, file in config.dft.pseudopotentials.items():
        path = Path(config.dft.pseudo_dir) / file
        if not path.is_file():
            raise WrongValue(
                ("dft", "pseudopotentials", symbol), f"'dft.pseudopotentials.{symbol}' is {file!r}: {path} is not there"
            )
    if "input_dft" not in config.dft.extra.get("system", {}):
        unlike = mismatch(
            {
                symbol: read_upf(Path(config.dft.pseudo_dir) / file)
                for symbol, file in config.dft.pseudopotentials.items()
            }
        )
        if unlike:
            raise WrongValue(("dft", "pseudopotentials"), f"'dft.pseudopotentials': {unlike}")
