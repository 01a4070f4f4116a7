"""The database of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase.build import bulk

from mlipbatch.store import database


def row(job: str) -> database.Row:
    atoms = bulk("Al", cubic=True)
    atoms.info |= {"name": job, "config_type": "test", "REF_energy": -1.0, "REF_stress": np.zeros(6)}
    atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    return database.Row(f"uuid-{job}", job, atoms, 0)


def test_a_label_that_is_there_is_not_added_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "mlip.db"
    database.add(path, [row("gen000/scf/a")])
    database.add(path, [row("gen000/scf/a"), row("gen000/scf/b")])  # as one that looked before the other added its own
    assert list(database.jobs(path)) == ["gen000/scf/a", "gen000/scf/b"]
