"""Do labels belong into one data set? What their energies depend on must be the same: pure, on what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlipbatch.core import frames

PREFIX = "dft_"
ALIKE = {  # Atoms.info, after PREFIX -> what it is called in a sentence
    "code": "DFT code",
    "functional": "functional",
    "ecutwfc": "plane-wave cutoff (Ry)",
    "ecutrho": "cutoff of the density (Ry)",
    "smearing": "smearing",
    "degauss": "width of the smearing (Ry)",
    "nspin": "nspin",
    "energy_kind": "kind of energy",
}
PSEUDOPOTENTIALS = "pseudopotentials"  # one word an element: Al:FILE:CHECKSUM


def mixed(labels: Iterable[Mapping[str, Any]]) -> str | None:
    """Why these labels, each given as its `Atoms.info`, must not be trained on together; None where nothing speaks against it.

    What a label does not say is no difference: files of others say nothing of it.
    """
    seen: dict[str, tuple[str, str]] = {}  # what -> its value, and the name of the first label that says so
    for number, info in enumerate(labels):
        name = str(info.get(frames.NAME, f"number {number}"))
        if info.get(frames.CONFIG_TYPE) == frames.DFT_CHECK:
            return f"{name} was labelled for `mlipbatch dft check`, which changes settings on purpose: it is no training data"
        for what, value in _said(info):
            before, first = seen.setdefault(what, (value, name))
            if before != value:
                which = f"{before} ({first}) and {value} ({name})"
                return f"labels of different {what}: {which}; their energies do not belong together"
    return None


def _said(info: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, what in ALIKE.items():
        if PREFIX + key in info:
            yield what, _text(info[PREFIX + key])
    for word in str(info.get(PREFIX + PSEUDOPOTENTIALS, "")).split():
        element, _, file = word.partition(":")
        yield f"pseudopotential of {element}", file


def _text(value: Any) -> str:
    """A number as it is written shortest: 16 and 16.0 are the same cutoff."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)
