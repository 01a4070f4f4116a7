"""What there is of pseudopotentials on this machine, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlipbatch.config.errors import InputError
from mlipbatch.config.pseudopotentials import RELATIVITY, available, load_table, mismatch, wrong_file
from mlipbatch.config.sssp import libraries
from mlipbatch.config.table_file import FORMATS, Table, read_table
from mlipbatch.config.upf import FAMILIES, Upf, is_whole, read_upf


def present(table: Table) -> list[str]:
    """Elements whose file is in the table's folder."""
    return [symbol for symbol, entry in table.elements.items() if (Path(table.folder) / entry.file).is_file()]


def overview() -> list[dict[str, Any]]:
    """A row for every library that can be installed and every other table that is here."""
    rows = {name: _row(name) for name in available()}
    for name, library in libraries().items():
        rows.setdefault(name, _empty(name, library.functional))
    return [rows[name] for name in sorted(rows)]


def _empty(name: str, functional: str = "", problem: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "functional": functional,
        "folder": "",
        "of": 0,
        "elements": [],
        "wrong": [],
        "problem": problem,
    }


def _row(name: str) -> dict[str, Any]:
    try:
        table = load_table(name)
    except InputError as error:
        return _empty(name, problem=str(error))
    here = present(table)
    wrong = [symbol for symbol in here if wrong_file(table, symbol)]
    return {
        **_empty(name, table.functional),
        "folder": table.folder,
        "of": len(table.elements),
        "elements": [symbol for symbol in here if symbol not in wrong],
        "wrong": wrong,
    }


def examine(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The UPF files of a folder or of a table, each with what it says and what is wrong; and what is wrong with all together."""
    if not path.exists():
        raise InputError(f"{path} is not there: name a folder of UPF files, or a table")
    table = _table_of(path)
    folder = Path(table.folder) if table else path
    entries = {entry.file: symbol for symbol, entry in table.elements.items()} if table else {}
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file() and entry.suffix.lower() == ".upf")
    if not names:
        raise InputError(f"{folder} has no UPF files")
    files = [_file(folder / name, table, entries.get(name)) for name in names]
    problems = (
        [f"{symbol}: {name} is not there" for name, symbol in entries.items() if name not in names] if table else []
    )
    if table:
        unlike = mismatch({symbol: read_upf(folder / name) for name, symbol in entries.items() if name in names})
        problems += [unlike] if unlike else []
    return files, problems


def _table_of(path: Path) -> Table | None:
    if path.is_file():
        return read_table(path)
    beside = path.with_name(f"{path.name}.json")  # as SSSP is installed
    if beside.is_file():
        return read_table(beside)
    inside = any(one.suffix in FORMATS for one in path.iterdir())
    return read_table(path) if inside else None


def _file(path: Path, table: Table | None, symbol: str | None) -> dict[str, Any]:
    upf = read_upf(path)
    problem = wrong_file(table, symbol) if table and symbol else None
    if problem is None and not is_whole(path):
        problem = "it is cut off: its last tag is missing" if upf.element else "it is no UPF file"
    return {"file": path.name, "element": upf.element, "said": _said(upf), "problem": problem or ""}


def _said(upf: Upf) -> str:
    parts = (
        upf.element,
        FAMILIES.get(upf.functional or "", upf.functional),
        RELATIVITY.get(upf.relativistic or ""),
        upf.kind,
        f"{upf.valence:g} electrons" if upf.valence else None,
    )
    return " ".join(part for part in parts if part)
