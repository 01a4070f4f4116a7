"""What was generated, in a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from mlipbatch.core.frames import CONFIG_TYPE

HORIZON = 5.0  # A: pairs farther apart are not looked for


def smallest_distance(atoms: Atoms) -> float:
    """Shortest distance (A) between two atoms or an atom and its image; inf beyond `HORIZON`."""
    from ase.neighborlist import neighbor_list

    distances = neighbor_list("d", atoms, HORIZON)
    return float(np.min(distances, initial=np.inf))


def table(structures: Sequence[Atoms]) -> list[tuple[str, int, float]]:
    """(config_type, number of structures, smallest distance in A) of each type, in order of appearance."""
    groups: dict[str, list[Atoms]] = {}
    for atoms in structures:
        groups.setdefault(atoms.info[CONFIG_TYPE], []).append(atoms)
    return [(kind, len(group), min(map(smallest_distance, group))) for kind, group in groups.items()]


def text(structures: Sequence[Atoms]) -> str:
    """The table as aligned lines, with a heading and a total."""
    rows = table(structures)
    rows.append(("total", len(structures), min((row[2] for row in rows), default=np.inf)))
    lines = [f"{'config_type':<20} {'structures':>10} {'smallest distance (A)':>22}"]
    for kind, number, distance in rows:
        shown = f"{distance:.2f}" if np.isfinite(distance) else f"over {HORIZON:g}"
        lines.append(f"{kind:<20} {number:>10} {shown:>22}")
    return "\n".join(lines)
