"""The releases of SSSP (Standard Solid-State Pseudopotentials): their names, and what ships of them.

The facts, with their sources, are in site_configs/sssp/libraries.yaml.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from mlipbatch.config.errors import InputError
from mlipbatch.config.located import read_yaml
from mlipbatch.config.model import Model, quantity
from mlipbatch.config.resources import resource
from mlipbatch.config.text import did_you_mean, shown

DEFAULT_LIBRARY = "sssp-efficiency-1.3"


class Library(Model):
    """One release on the Materials Cloud Archive: STEM.tar.gz and STEM.json."""

    name: str
    url: str = quantity("", "address of a file, with {file} where its name stands")
    stem: str = quantity("", "SSSP_1.3.0_PBE_efficiency", pattern=r"^SSSP_[0-9.]+_(PBE|PBEsol)_(efficiency|precision)$")
    table_md5: str | None = None
    archive_md5: str | None = None
    archive_bytes: int | None = None

    @property
    def functional(self) -> str:
        """PBE or PBEsol."""
        return self.stem.split("_")[2]

    @property
    def table(self) -> Path | None:
        """The table that ships with mlipbatch; None where it has to be fetched with the files."""
        path = resource("site_configs", "sssp", f"{self.stem}.json")
        return path if path.is_file() else None

    def address(self, suffix: str) -> str:
        """URL of the release's `.json` or `.tar.gz`."""
        return self.url.replace("{file}", f"{self.stem}{suffix}")


@cache
def libraries() -> dict[str, Library]:
    """All known releases by name, the newest first."""
    data = read_yaml(resource("site_configs", "sssp", "libraries.yaml")).data
    return {name: Library(name=name, url=data["url"], **values) for name, values in data["libraries"].items()}


def library(name: str) -> Library:
    """The release called `name`: sssp-efficiency-1.3, SSSP_1.3.0_PBE_efficiency, or without a version the newest. InputError."""
    known = libraries()
    asked = name.lower()
    for key, one in known.items():
        if asked in (key, one.stem.lower(), _unversioned(key), key.replace(_version(key), one.stem.split("_")[1])):
            return one
    raise InputError(
        f"there is no library of pseudopotentials {shown(name)}{did_you_mean(name, known)}; known: {', '.join(known)}"
    )


def names_of(stem: str) -> list[str]:
    """What a table STEM.json is called: with its version, and without."""
    words = stem.lower().split("_")
    kind = next((word for word in ("efficiency", "precision") if word in words), None)
    if kind is None:
        return []
    end = "-pbesol" if "pbesol" in words else ""
    version = re.search(r"_(\d+\.\d+)", stem)
    return [*([f"sssp-{kind}-{version[1]}{end}"] if version else []), f"sssp-{kind}{end}"]


def _version(name: str) -> str:
    return name.split("-")[2]


def _unversioned(name: str) -> str:
    return name.replace(f"-{_version(name)}", "")
