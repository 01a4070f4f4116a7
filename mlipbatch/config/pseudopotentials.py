"""Tables of pseudopotentials with their cutoffs: our YAML, or the JSON that comes with SSSP."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from mlipbatch.config.errors import InputError
from mlipbatch.config.located import read_yaml
from mlipbatch.config.model import Model, quantity
from mlipbatch.config.resources import resource
from mlipbatch.config.text import did_you_mean, shown

DEFAULT = "sssp-efficiency"


class Entry(Model):
    """One element of a table."""

    file: str = quantity("", "name of the UPF file in the table's folder", pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    ecutwfc: float = quantity("Ry", "recommended cutoff of wavefunctions", gt=0)
    ecutrho: float = quantity("Ry", "recommended cutoff of the density", gt=0)
    sha256: str | None = None
    md5: str | None = None


class Table(Model):
    """Pseudopotentials made for one functional, and the folder in which they were found."""

    name: str
    folder: str = quantity("", "folder that holds the files")
    functional: str
    source: str = quantity("", "where files and cutoffs come from")
    elements: dict[str, Entry]


class _TableFile(Model):
    """site_configs/pseudopotentials/NAME.yaml."""

    folder: str | list[str] = Field(description="folder of the files, or several to look in; relative to the table")
    functional: str
    source: str
    elements: dict[str, Entry]


def folders() -> list[Path]:
    """Where tables are looked for, in this order: the user's own data folder, then what comes with mlipbatch."""
    from platformdirs import user_data_path

    return [user_data_path("mlipbatch") / "pseudopotentials", resource("site_configs", "pseudopotentials")]


def available() -> dict[str, Path]:
    """Tables by name, the user's own first; SSSP's JSON files count as sssp-efficiency and sssp-precision."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
        for path in sorted(folder.rglob("SSSP*.json"), reverse=True):  # the newest release first
            for kind in ("efficiency", "precision"):
                if kind in path.name.lower():
                    found.setdefault(f"sssp-{kind}", path)
    return found


def load_table(name: str) -> Table:
    """The table called `name`, or the file of that path. InputError if there is none, or its files are not on this machine."""
    tables = available()
    path = tables.get(name) or Path(name)
    if not path.is_file():
        known = ", ".join(sorted(tables)) or "none"
        raise InputError(
            f"there is no table of pseudopotentials {shown(name)}{did_you_mean(name, tables)}; "
            f"known here: {known}; or write a path"
        )
    return _read_sssp(path) if path.suffix == ".json" else _read_own(path)


def _read_own(path: Path) -> Table:
    located = read_yaml(path)
    try:
        content = _TableFile.model_validate(located.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise located.error(f"this table of pseudopotentials is wrong: {first['msg']}", first["loc"]) from error
    folders = [content.folder] if isinstance(content.folder, str) else content.folder
    places = [path.parent / Path(folder).expanduser() for folder in folders]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise InputError(
            f"the files of table {path.stem!r} are not on this machine "
            f"(looked in {', '.join(map(str, places))}): {content.source}"
        )
    return Table(
        name=path.stem,
        folder=str(folder),
        functional=content.functional,
        source=content.source,
        elements=content.elements,
    )


def _read_sssp(path: Path) -> Table:
    """SSSP's JSON; its UPF files lie beside it, or in the folder of the same name (as the archive unpacks)."""
    folder = path.with_suffix("") if path.with_suffix("").is_dir() else path.parent
    try:
        rows: dict[str, dict[str, Any]] = json.loads(path.read_text())
        elements = {symbol: _sssp_entry(row) for symbol, row in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"is not a table of SSSP ({type(error).__name__}: {error})", file=str(path)) from error
    functional = "PBEsol" if "pbesol" in path.name.lower() else "PBE"
    return Table(
        name=path.stem, folder=str(folder), functional=functional, source="SSSP, materialscloud.org", elements=elements
    )


def _sssp_entry(row: dict[str, Any]) -> Entry:
    wfc = row.get("cutoff_wfc", row.get("cutoff"))
    rho = row.get("cutoff_rho", row.get("rho_cutoff")) or float(wfc) * float(row.get("dual", 8))  # type: ignore[arg-type]
    return Entry(file=row["filename"], ecutwfc=float(wfc), ecutrho=float(rho), md5=row.get("md5"))  # type: ignore[arg-type]


def check_files(table: Table, elements: list[str]) -> None:
    """Every element is in the table, its file in the folder, and the file the one that the cutoffs were made for."""
    lacking = [symbol for symbol in elements if symbol not in table.elements]
    if lacking:
        have = ", ".join(table.elements)
        raise InputError(f"table {table.name!r} has no pseudopotential of {', '.join(lacking)} (it has {have})")
    for symbol in elements:
        _check_file(table, symbol, table.elements[symbol])


def _check_file(table: Table, symbol: str, entry: Entry) -> None:
    path = Path(table.folder) / entry.file
    if not path.is_file():
        raise InputError(f"{path} of table {table.name!r} ({symbol}) is not there: {table.source}")
    for algorithm in ("sha256", "md5"):
        wanted = getattr(entry, algorithm)
        if wanted and hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest() != wanted:
            raise InputError(
                f"{path} is not the file that the cutoffs of table {table.name!r} were made for ({algorithm} differs)"
            )


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
    head = _head(path)
    if re.search(r'is_paw\s*=\s*"\.?t|pseudo_type\s*=\s*"PAW', head, re.IGNORECASE):
        return "PAW"
    if re.search(
        r'is_ultrasoft\s*=\s*"\.?t|pseudo_type\s*=\s*"(US|USPP)"|^\s*US\s', head, re.IGNORECASE | re.MULTILINE
    ):
        return "US"
    return "NC" if re.search(r'pseudo_type\s*=\s*"(NC|SL)|^\s*NC\s', head, re.MULTILINE) else "US"


def valence(path: Path) -> float | None:
    """Valence electrons of a UPF file, or None."""
    found = re.search(r'z_valence\s*=\s*"\s*([0-9.eE+-]+)|([0-9.]+)\s+Z valence', _head(path))
    return float(found[1] or found[2]) if found else None


def _head(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            return handle.read(100_000).decode("latin-1")
    except OSError:
        return ""
