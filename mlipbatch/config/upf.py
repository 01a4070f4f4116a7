"""What a pseudopotential file says of itself: the few header values that an input must agree with."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from mlipbatch.config import psp

MOST_RADIUS = 5.0  # bohr; converters write 10 for a radius that they do not know
HEADER_BYTES = 200_000  # PP_INFO, with its input inside, comes before the header

# what pw.x makes of the short names of functionals (funct.f90: exchange-correlation-gradient exchange-gradient correlation)
SHORT_NAMES = {
    "pz": "sla+pz+nogx+nogc",
    "lda": "sla+pz+nogx+nogc",
    "pw": "sla+pw+nogx+nogc",
    "pbe": "sla+pw+pbx+pbc",
    "pbesol": "sla+pw+psx+psc",
    "revpbe": "sla+pw+revx+pbc",
    "pw91": "sla+pw+ggx+ggc",
    "bp": "b88+p86",
    "blyp": "sla+lyp+b88+blyp",
    "tpss": "sla+pw+tpss+tpss",
    "scan": "scan",
}
KINDS = {"NC": "NC", "SL": "NC", "1/R": "NC", "US": "US", "USPP": "US", "PAW": "PAW"}
FAMILIES = {  # what people call functionals, by pw.x's name
    "sla+pz+nogx+nogc": "LDA",
    "sla+pw+nogx+nogc": "LDA",
    "sla+pw+pbx+pbc": "PBE",
    "sla+pw+psx+psc": "PBEsol",
}


@dataclass(frozen=True)
class Upf:
    """The header of a UPF file, or of one of ABINIT's formats; None is unknown (formats older than UPF)."""

    element: str | None = None
    valence: float | None = None  # electrons
    functional: str | None = None  # pw.x's four-part name in lower case
    relativistic: str | None = None  # no, scalar or full
    kind: str | None = None  # NC, US or PAW
    core_radius: float | None = None  # bohr: within it no pseudo-wavefunction is the true one
    abinit: bool = False  # of ABINIT's own formats, which pw.x does not read


def read_upf(path: Path) -> Upf:
    """The header of `path`; all unknown where the format is. Raises OSError where it cannot be read."""
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)


def is_whole(path: Path) -> bool:
    """Does the file end with a closing tag: of its root in version 2, of its last section in version 1?"""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - 2000))
        tail = handle.read().decode("latin-1").rstrip()
    return re.search(r"</\w+>$", tail) is not None


@lru_cache(maxsize=256)
def _read(path: Path, _modified: int, _size: int) -> Upf:
    with path.open("rb") as handle:
        text = handle.read(HEADER_BYTES).decode("utf-8", "replace")
    header = re.search(r"<PP_HEADER(.*?)(/>|</PP_HEADER>|\Z)", text, re.DOTALL)
    if header is None:
        own = psp.read_header(text)
        return Upf() if own is None else Upf(*own[:3], kind=own[3], core_radius=own[4], abinit=True)
    found = _version_2(header[1]) if "=" in header[1] else _version_1(header[1])
    said = text[: header.start()]  # PP_INFO, for people; version 1 says nowhere else how relativistic it is
    return replace(found, relativistic=found.relativistic or _relativistic(said), core_radius=_core_radius(said))


def _version_2(header: str) -> Upf:
    """UPF 2: attributes."""
    values = {key.lower(): value.strip() for key, value in re.findall(r"(\w+)\s*=\s*[\"']([^\"']*)[\"']", header)}
    return Upf(
        values.get("element"),
        _number(values.get("z_valence", "")),
        _functional(values.get("functional", "")),
        {"nonrelativistic": "no"}.get(spelt := values.get("relativistic", "").lower(), spelt) or None,
        KINDS.get(values.get("pseudo_type", "").upper()),
    )


def _version_1(header: str) -> Upf:
    """UPF 1: `VALUE   name of it`, a line each."""

    def before(label: str) -> str:
        found = re.search(rf"^(.*?)\s+{label}", header, re.MULTILINE)
        return found[1].strip() if found else ""

    functional = before("Exchange-Correlation functional").split()[:4]
    kind = re.search(r"^\s*(NC|US|PAW)\b", header, re.MULTILINE)
    return Upf(
        before("Element") or None,
        _number(before("Z valence")),
        _functional(" ".join(functional)),
        kind=kind[1] if kind else None,
    )


def _relativistic(said: str) -> str | None:
    """From a sentence such as `The Pseudo was generated with a Scalar-Relativistic Calculation`."""
    found = re.search(r"(non|scalar|full|fully)-relativistic", said, re.IGNORECASE)
    return {"non": "no", "fully": "full"}.get(found[1].lower(), found[1].lower()) if found else None


def _core_radius(said: str) -> float | None:
    """The smallest Rcut of the valence states, in bohr: `3D  3  2  7.00  2.000  2.200  0.000`. Zeros and tens are unknown."""
    rows = re.findall(r"^\s*\d[A-Za-z]\s+-?\d+\s+\d+\s+-?[\d.]+\s+([\d.]+)\s+[\d.]+\s+\S+\s*$", said, re.MULTILINE)
    radii = [radius for text in rows if (radius := _number(text)) and 0 < radius < MOST_RADIUS]
    return min(radii, default=None)


def _number(text: str) -> float | None:
    try:
        return float(text.lower().replace("d", "e"))
    except ValueError:
        return None


def _functional(text: str) -> str | None:
    """One spelling for each functional: `SLA PW PBE PBE`, `sla+pw+pbx+pbc` and `PBE` are the same."""
    parts = re.split(r"[\s+-]+", text.strip().lower())
    parts = [part for part in parts if part]
    if not parts:
        return None
    if len(parts) == 1:
        return SHORT_NAMES.get(parts[0], parts[0])
    if len(parts) == 4:
        exchange = {"pbe": "pbx", "pbesol": "psx"}.get(parts[2], parts[2])
        correlation = {"pbe": "pbc", "pbesol": "psc"}.get(parts[3], parts[3])
        return "+".join([*parts[:2], exchange, correlation])
    return "+".join(parts)
