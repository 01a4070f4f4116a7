"""Spglib, where it is installed: nothing depends on its answer but how a job is laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms


def ask(question: Callable[[Any, Any], Any], atoms: Atoms) -> Any:
    """`question` of the module and the crystal as it takes one; None without spglib, or where it finds nothing."""
    try:
        import spglib
    except ImportError:
        return None
    crystal = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    try:
        return question(spglib, crystal)
    except Exception:  # noqa: BLE001  its errors changed their names from release to release
        return None
