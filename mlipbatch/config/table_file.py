"""Tables of pseudopotentials as files: our YAML, a CSV, or the JSON that comes with SSSP."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from mlipbatch.config.errors import InputError
from mlipbatch.config.located import Located, read_yaml
from mlipbatch.config.model import Model, quantity
from mlipbatch.config.text import shown

FORMATS = (".yaml", ".yml", ".json", ".csv")
COLUMNS = {"element", "file", "ecutwfc", "ecutrho"}


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
    functional: str = quantity("", "what it says of the functional; empty where it says nothing")
    source: str = quantity("", "where files and cutoffs come from")
    elements: dict[str, Entry]


class _TableFile(Model):
    """A table in YAML or, with the same keys, in JSON."""

    folder: str | list[str] = Field(
        description="folder of the files, or several to look in; relative to the table", default="."
    )
    functional: str = ""
    source: str = "a table of your own"
    elements: dict[str, Entry]


def read_table(path: Path) -> Table:
    """The table in `path`, a file or a folder that holds one. InputError for what is none, or whose files are elsewhere."""
    if path.is_dir():
        path = _only_table(path)
    if path.suffix == ".csv":
        return _read_csv(path)
    return _read_json(path) if path.suffix == ".json" else _from_keys(read_yaml(path), path)


def _only_table(folder: Path) -> Path:
    found = sorted(path for path in folder.iterdir() if path.suffix in FORMATS and path.is_file())
    if len(found) != 1:
        raise InputError(
            f"{folder} has {len(found) or 'no'} tables ({', '.join(path.name for path in found) or 'of yaml, json, csv'}): "
            "name the one that has file and cutoffs of each element"
        )
    return found[0]


def _from_keys(located: Located, path: Path) -> Table:
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


def _read_csv(path: Path) -> Table:
    """Columns element, file, ecutwfc, ecutrho (Ry), and md5 or sha256; the files lie beside it."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, skipinitialspace=True, strict=True)
        try:
            rows = [(reader.line_num, row) for row in reader]
            header = set(reader.fieldnames or ())
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"is no table with commas ({error})", file=str(path)) from error
    lacking = COLUMNS - header
    if lacking:
        said = f"has no column {', '.join(sorted(lacking))}: the first line is element,file,ecutwfc,ecutrho"
        raise InputError(said, file=str(path), line=1)
    elements: dict[str, Entry] = {}
    for line, row in rows:
        symbol = row["element"]
        if symbol in elements:
            raise InputError(f"{symbol} stands twice in this table", file=str(path), line=line)
        elements[symbol] = _csv_entry(path, line, row)
    return Table(
        name=path.stem, folder=str(path.parent), functional="", source="a table of your own", elements=elements
    )


def _csv_entry(path: Path, line: int, row: dict[str, Any]) -> Entry:
    try:
        values = {key: row[key] for key in COLUMNS - {"element"}} | {
            key: row.get(key) or None for key in ("md5", "sha256")
        }
        return Entry(**{**values, "ecutwfc": float(values["ecutwfc"]), "ecutrho": float(values["ecutrho"])})
    except (ValidationError, ValueError, TypeError) as error:
        what = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(f"this row of {shown(row['element'])} is wrong: {what}", file=str(path), line=line) from error


def _read_json(path: Path) -> Table:
    """SSSP's JSON, or our keys. SSSP's UPF files lie beside it, or in the folder of the same name."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is not a table of SSSP ({type(error).__name__}: {error})", file=str(path)) from error
    if isinstance(data, dict) and isinstance(data.get("elements"), dict):
        return _from_keys(Located(str(path), data), path)
    folder = path.with_suffix("") if path.with_suffix("").is_dir() else path.parent
    return Table(
        name=path.stem,
        folder=str(folder),
        functional=_functional_of(path.stem),
        source="SSSP, materialscloud.org/sssp",
        elements=sssp_entries(path, data),
    )


def sssp_entries(path: Path, data: Any) -> dict[str, Entry]:
    """The elements of SSSP's JSON; InputError where `data`, the content of `path`, is none."""
    try:
        return {symbol: _sssp_entry(row) for symbol, row in data.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"is not a table of SSSP ({type(error).__name__}: {error})", file=str(path)) from error


def _functional_of(stem: str) -> str:
    """SSSP says it in the name of the file; other names say nothing."""
    words = stem.lower().split("_")
    return "PBEsol" if "pbesol" in words else "PBE" if "pbe" in words or words[0] == "sssp" else ""


def _sssp_entry(row: dict[str, Any]) -> Entry:
    wfc = row.get("cutoff_wfc", row.get("cutoff"))
    rho = row.get("cutoff_rho", row.get("rho_cutoff")) or float(wfc) * float(row.get("dual", 8))  # type: ignore[arg-type]
    return Entry(file=row["filename"], ecutwfc=float(wfc), ecutrho=float(rho), md5=row.get("md5"))  # type: ignore[arg-type]
