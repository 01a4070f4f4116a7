"""data/mlip.db: an ASE database with one row a label. It can be rebuilt from the job folders at any time.

Columns of SPEC 9: energy, forces, stress (ASE's own), uuid, config_type, uncertainty_gamma (key-value pairs), force_mask (data),
and where a label came from: name, root, job, generation, attempts, rung.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbatch.core import frames
from mlipbatch.core.consistency import ALIKE, PREFIX, PSEUDOPOTENTIALS

if TYPE_CHECKING:
    from ase import Atoms

SCALARS = (
    "attempts",
    "rung",
    "dft_version",
    "dft_iterations",
    "dft_accuracy_ry",
    "dft_kpoints",
    "dft_wall_s",
    "dft_magnetization",
    "dft_absolute_magnetization",
    "dft_smearing_ev",
    *(f"{PREFIX}{key}" for key in (*ALIKE, PSEUDOPOTENTIALS)),
)
JOB = "key = 'job'"
OF_JOB = f"SELECT id FROM text_key_values WHERE {JOB} AND value = ?"  # noqa: S608


@dataclass(frozen=True)
class Row:
    """A label on its way into the database; `atoms` carries its REF_ labels."""

    uuid: str
    job: str
    atoms: Atoms
    generation: int


@contextmanager
def _connect(path: Path) -> Iterator[Any]:
    """Raises OSError where the disk is full, the file is torn, or another process keeps it."""
    from ase.db import connect

    try:
        # the project's lock is the only one: ASE's own hangs when left over
        with connect(path, type="db", use_lock_file=False) as database:
            yield database
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: sqlite3.Error) -> OSError:
    return OSError(f"{path}: {error}; it can be deleted: it is made again from the job folders")


@contextmanager
def _tables(path: Path) -> Iterator[sqlite3.Connection]:
    """ASE's own tables (its format 9), for what it answers only by reading every row whole. Raises OSError as `_connect`."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def jobs(path: Path) -> Iterator[str]:
    """The jobs whose labels are there, sorted."""
    if not path.exists():
        return
    with _tables(path) as tables:
        for (job,) in tables.execute(f"SELECT value FROM text_key_values WHERE {JOB} ORDER BY value"):  # noqa: S608
            yield str(job)


def among(path: Path, wanted: Sequence[str]) -> set[str]:
    """Those of these jobs whose labels are there."""
    if not wanted or not path.exists():
        return set()
    with _tables(path) as tables:
        return {job for job in wanted if tables.execute(OF_JOB, (job,)).fetchone()}


def remove(path: Path, unwanted: set[str]) -> None:
    """Take the labels of these jobs out."""
    with _tables(path) as tables:
        rows = [row for job in unwanted for (row,) in tables.execute(OF_JOB, (job,))]
    with _connect(path) as database:
        database.delete(rows)


def add(path: Path, rows: Sequence[Row]) -> None:
    """Add labels, all or none; those that are there are left: a daemon that was followed while it stood still adds none twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _connect(path) as database:
        with database.managed_connection() as tables:  # which makes them
            tables.execute("BEGIN IMMEDIATE")  # nobody else adds any from here on
        for row in [row for row in rows if not tables.execute(OF_JOB, (row.job,)).fetchone()]:
            database.write(_bare(row.atoms), key_value_pairs=_pairs(row), data=_data(row.atoms))
    with _tables(path) as tables:
        tables.execute("CREATE INDEX IF NOT EXISTS mlipbatch_jobs ON text_key_values (key, value)")


def _bare(atoms: Atoms) -> Atoms:
    """The structure with its labels as a calculator's results, which is where ASE's columns take them from."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    bare.calc = SinglePointCalculator(
        bare,
        energy=atoms.info[frames.REF_ENERGY],
        forces=atoms.arrays[frames.REF_FORCES],
        stress=atoms.info[frames.REF_STRESS],
    )
    return bare


def _pairs(row: Row) -> dict[str, Any]:
    info = row.atoms.info
    pairs = {
        "uuid": row.uuid,
        "job": row.job,
        "generation": row.generation,
        "name": str(info[frames.NAME]),
        "config_type": str(info.get(frames.CONFIG_TYPE, "unknown")),
        "root": str(info.get(frames.ROOT, info[frames.NAME])),
        **{key: info[key] for key in SCALARS if key in info},
    }
    if frames.GAMMA_MAX in info:
        pairs["uncertainty_gamma"] = float(info[frames.GAMMA_MAX])
    # ase.db refuses texts that look like numbers
    return {key: f"{value} " if isinstance(value, str) and _is_number(value) else value for key, value in pairs.items()}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _data(atoms: Atoms) -> dict[str, Any]:
    import numpy as np

    mask = atoms.arrays.get(frames.FORCE_MASK, np.ones(len(atoms)))
    return {"force_mask": np.asarray(mask, float), "parents": str(atoms.info.get(frames.PARENTS, ""))}


def costs(path: Path, newest: int) -> list[tuple[int, float]]:
    """Number of atoms and wall time (s) of the newest labels."""
    if not path.exists():
        return []
    with _tables(path) as tables:
        found = tables.execute(
            "SELECT natoms, value FROM number_key_values AS numbers JOIN systems ON systems.id = numbers.id"
            " WHERE key = 'dft_wall_s' ORDER BY numbers.id DESC LIMIT ?",
            (newest,),
        )
        return [(int(atoms), float(wall_s)) for atoms, wall_s in found]
