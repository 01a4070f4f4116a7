"""What a database of labels holds: chosen, exported, and as one number that says whether two hold the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any

from mlipbatch.config.errors import InputError
from mlipbatch.config.text import did_you_mean, shown
from mlipbatch.core import frames
from mlipbatch.core.consistency import PREFIX, PSEUDOPOTENTIALS
from mlipbatch.store import label_row
from mlipbatch.store.label_row import WHERE_KNOWN, plain

if TYPE_CHECKING:
    from ase import Atoms

GAMMA = "uncertainty_gamma"
WORDS = ("rung", *(f"{PREFIX}{key}" for key in ("code", "functional", "smearing", "energy_kind", PSEUDOPOTENTIALS)))
NUMBERS = ("generation", GAMMA, *(key for key in WHERE_KNOWN if key not in {*WORDS, "dft_version", "dft_kpoints"}))
TEXTS = (*label_row.TEXTS, *WORDS)
OWN = (
    "dft_version",
    "dft_kpoints",
    "id",
    "energy",
    "natoms",
    "fmax",
    "smax",
    "volume",
    "mass",
    "charge",
    "pbc",
    "age",
    "ctime",
    "formula",
)  # of either type, and ASE's


def digest(rows: Iterable[Any]) -> str:
    """SHA-256 over rows in the order given (by uuid): structure, energy, forces, stress, mask and all key-value pairs.

    Not in it: what a rebuild changes (ids, times, who wrote it). The same for SQLite and PostgreSQL.
    """
    whole = hashlib.sha256()
    for row in rows:
        held = {
            "pairs": {key: _plain(value) for key, value in sorted(row.key_value_pairs.items()) if key != "project"},
            "data": {key: _plain(value) for key, value in sorted(row.data.items())},
            **{
                key: _plain(row.get(key))
                for key in ("numbers", "positions", "cell", "pbc", "energy", "forces", "stress")
            },
        }
        whole.update(json.dumps(held, sort_keys=True).encode() + b"\n")
    return whole.hexdigest()


def _plain(value: Any) -> Any:
    """Numbers as floats without a sign at zero: databases differ in what they make of 1.0, 1e22 and -0.0."""
    import numpy as np

    if isinstance(value, Real | np.ndarray):
        return (np.asarray(value, dtype=float) + 0.0).tolist()
    return value


def labelled(row: Any) -> Atoms:
    """A row as in extended XYZ: REF_ keys, name, config_type and the rest that is known of it."""
    import numpy as np
    from ase import Atoms

    atoms = Atoms(row.numbers, positions=row.positions, cell=row.cell, pbc=row.pbc)
    pairs = {key: plain(value) for key, value in row.key_value_pairs.items()}
    atoms.info |= pairs | {frames.REF_ENERGY: row.energy, frames.REF_STRESS: np.asarray(row.stress)}
    atoms.arrays[frames.REF_FORCES] = np.asarray(row.forces)
    atoms.arrays[frames.FORCE_MASK] = np.asarray(row.data[frames.FORCE_MASK])
    return atoms


def facts(row: Any) -> dict[str, Any]:
    """A row as a flat table has it: what the queries can ask for."""
    pairs = {key: plain(value) for key, value in row.key_value_pairs.items()}
    own = {"formula": row.formula, "natoms": int(row.natoms), "energy": float(row.energy), "fmax": float(row.fmax)}
    return pairs | own


def selection(text: str) -> list[tuple[Any, str, Any] | str]:
    """ASE's selection, such as `config_type=sqs_strain,energy<0`, as `database.rows` takes it.

    Raises InputError where it cannot be read, or asks for what no label has.
    """
    from ase.data import chemical_symbols
    from ase.db.core import parse_selection

    try:
        keys, comparisons = parse_selection(text)
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"the query {shown(text)} cannot be read ({error}); such as 'config_type=sqs,energy<0'"
        ) from None
    for key in keys:
        _check_key(key)
    chosen: list[tuple[Any, str, Any] | str] = list(keys)
    for key, sign, value in comparisons:
        if isinstance(key, int):  # an element, as its number
            chosen.append((chemical_symbols[key], sign, value))
            continue
        _check_key(key)
        number = isinstance(value, int | float)
        if (key in TEXTS and number) or (key in NUMBERS and not number):
            kind = "text" if key in TEXTS else "a number"
            raise InputError(f"the query compares {key!r}, which is {kind}, with {shown(value)}")
        chosen.append((key, sign, value))
    return chosen


def _check_key(key: str) -> None:
    known = (*TEXTS, *NUMBERS, *OWN)
    if key not in known:
        raise InputError(
            f"labels have no {shown(key)}{did_you_mean(key, known)}; there are {', '.join(known)}, and elements"
        )
