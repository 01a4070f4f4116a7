"""Tables of pseudopotentials with their cutoffs: which there are on this machine, and whether their files are the right ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from mlipbatch.config.errors import InputError
from mlipbatch.config.resources import resource
from mlipbatch.config.sssp import libraries, names_of
from mlipbatch.config.table_file import Entry, Table, read_table
from mlipbatch.config.text import did_you_mean, shown
from mlipbatch.config.upf import FAMILIES, Upf, read_upf

DEFAULT = "sssp-efficiency"
LIGHT = 18  # atomic number: up to argon it matters little whether the atom was scalar-relativistic


def folders() -> list[Path]:
    """Where tables are looked for, in this order: the user's own data folder, then what comes with mlipbatch."""
    from platformdirs import user_data_path

    return [user_data_path("mlipbatch") / "pseudopotentials", resource("site_configs", "pseudopotentials")]


def available() -> dict[str, Path]:
    """Tables by name, the user's own first. SSSP's JSON files are called sssp-efficiency-1.3 and, the newest, sssp-efficiency."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
        for path in sorted(folder.rglob("SSSP*.json"), key=_release, reverse=True):  # the newest release first
            for name in names_of(path.stem):
                found.setdefault(name, path)
    return found


def _release(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.stem)]


def load_table(name: str) -> Table:
    """The table called `name`, or the file (or folder) of that path. InputError if there is none, or it cannot be used."""
    tables = available()
    path = tables.get(name) or Path(name).expanduser()
    if not path.exists() or (path.is_dir() and not re.search(r"[/.]", name)):
        raise InputError(_no_table(name, tables))
    return read_table(path)


def _no_table(name: str, tables: dict[str, Path]) -> str:
    if name in libraries() or f"{name}-1.3" in libraries():
        return f"table {name!r} is not installed here: `mlipbatch pseudos install {name}`"
    known = ", ".join(sorted(tables)) or "none"
    return (
        f"there is no table of pseudopotentials {shown(name)}{did_you_mean(name, tables)}; "
        f"known here: {known}; or write a path"
    )


def check_files(table: Table, elements: Iterable[str]) -> None:
    """Every element is in the table, its file in the folder, and all are files that the table's cutoffs were made for."""
    elements = list(elements)
    lacking = [symbol for symbol in elements if symbol not in table.elements]
    if lacking:
        have = ", ".join(table.elements)
        raise InputError(f"table {table.name!r} has no pseudopotential of {', '.join(lacking)} (it has {have})")
    for symbol in elements:
        wrong = wrong_file(table, symbol)
        if wrong:
            raise InputError(wrong)
    unlike = mismatch({symbol: header(table, symbol) for symbol in elements})
    if unlike:
        raise InputError(f"table {table.name!r}: {unlike}")


def wrong_file(table: Table, symbol: str) -> str | None:
    """What is wrong with the file of one element; None where it is there and the right one."""
    entry, path = table.elements[symbol], Path(table.folder) / table.elements[symbol].file
    if not path.is_file():
        return f"{path} of table {table.name!r} ({symbol}) is not there: {_remedy(table, symbol)}"
    algorithm = wrong_checksum(entry, path)
    if algorithm:
        return f"{path} is not the file that the cutoffs of table {table.name!r} were made for ({algorithm} differs)"
    upf = read_upf(path)
    if upf.element not in (None, symbol):
        return f"{path} of table {table.name!r} says that it is for {upf.element}, not for {symbol}"
    family = FAMILIES.get(upf.functional or "", upf.functional)
    if family and table.functional and not _same(family, table.functional):
        return f"{path} was made with {family}, table {table.name!r} is for {table.functional}"
    return None


def wrong_checksum(entry: Entry, path: Path) -> str | None:
    """The kind of checksum that `path` has not as it should; None where none is known or all agree."""
    for algorithm in ("sha256", "md5"):
        wanted = getattr(entry, algorithm)
        if wanted and hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest() != wanted.lower():
            return algorithm
    return None


def _remedy(table: Table, symbol: str) -> str:
    name = next((name for name, one in libraries().items() if one.stem == table.name), None)
    return f"`mlipbatch pseudos install {name} --elements {symbol}`" if name else table.source


def _same(family: str, said: str) -> bool:
    """Does `said`, words of a person ("LDA, Perdew-Zunger"), speak of this family? Words that we do not know prove nothing."""
    words = set(re.findall(r"[a-z0-9]+", said.lower()))
    known = {name.lower() for name in FAMILIES.values()}
    return family.lower() in words or family.lower() not in known or not words & known


def mismatch(headers: dict[str, Upf]) -> str | None:
    """Why these pseudopotentials do not belong together, or None: other functionals, or other relativity.

    Full-relativistic ones are for spin-orbit coupling. Of those without relativity only light atoms go with
    scalar-relativistic ones. What a header does not say is no difference.
    """
    functionals = {symbol: upf.functional for symbol, upf in headers.items() if upf.functional}
    if len(set(functionals.values())) > 1:
        listed = ", ".join(f"{symbol} {FAMILIES.get(name, name)}" for symbol, name in functionals.items())
        return f"the pseudopotentials were made with different functionals: {listed}"
    kinds = {symbol: upf.relativistic for symbol, upf in headers.items() if upf.relativistic}
    full = {symbol for symbol, kind in kinds.items() if kind == "full"}
    without = {symbol for symbol, kind in kinds.items() if kind == "no"}
    heavy = {symbol for symbol in without if _number(symbol) > LIGHT}
    if (full and len(full) < len(kinds)) or (heavy and len(without) < len(kinds)):
        listed = ", ".join(f"{symbol} {RELATIVITY[kind]}" for symbol, kind in kinds.items())
        return f"the pseudopotentials do not agree in relativity: {listed}"
    return None


RELATIVITY = {"no": "non-relativistic", "scalar": "scalar-relativistic", "full": "full-relativistic"}


def _number(symbol: str) -> int:
    from mlipbatch.config.elements import SYMBOLS

    return SYMBOLS.index(symbol) + 1 if symbol in SYMBOLS else 0


def header(table: Table, symbol: str) -> Upf:
    """What the file of one element says of itself."""
    return read_upf(Path(table.folder) / table.elements[symbol].file)


def fitting_tables(elements: list[str]) -> list[str]:
    """Names of the tables on this machine that have all the elements, files included."""
    return [name for name in available() if _fits(name, elements)]


def _fits(name: str, elements: list[str]) -> bool:
    try:
        check_files(load_table(name), elements)
    except InputError:
        return False
    return True


def kind_of(path: Path) -> str:
    """'NC', 'US' or 'PAW', as the head of a UPF file says; 'US' (the demanding case) where it does not say."""
    return (read_upf(path).kind if path.is_file() else None) or "US"


def valence(path: Path) -> float | None:
    """Valence electrons of a UPF file, or None."""
    return read_upf(path).valence if path.is_file() else None
