"""What is refused before it costs a job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch.dft import code
from tests.dft.conftest import settings

check = code("quantum_espresso").check
al4 = bulk("Al", "fcc", 4.05, cubic=True)


def moved(atom: int, place: tuple[float, float, float]) -> Atoms:
    atoms = al4.copy()
    atoms.positions[atom] = place
    return atoms


def atoms_like(symbols: str, **changes: object) -> Atoms:
    values = {"positions": [[0, 0, 0]], "cell": [4, 4, 4], "pbc": True, **changes}
    return Atoms(symbols, **values)


def test_a_good_structure_passes() -> None:
    assert check(al4, settings()) is None
    assert check(moved(1, (0, 0, 0.8)), settings()) is None  # close, and what DFT is asked about


@pytest.mark.parametrize(
    ("atoms", "said"),
    [
        (atoms_like("Cu"), "no pseudopotential for Cu"),
        (moved(1, (0, 0, 0.3)), "0.300 A apart"),
        (moved(1, (0, 0, 4.05 - 0.2)), "0.200 A apart"),  # across the boundary
        (atoms_like("Al", cell=[4, 4, 0.3]), "apart"),  # an atom and its own image
        (moved(1, (float("nan"), 0, 0)), "not finite"),
        (atoms_like("Al", pbc=[True, True, False]), "True True False"),
        (atoms_like("Al", cell=[0, 0, 0]), "volume"),
        (atoms_like("Al", cell=[[4, 0, 0], [8, 0, 0], [0, 0, 4]]), "volume"),
        (atoms_like("Al", cell=[4, 4, np.inf]), "finite"),
        (Atoms(cell=[4, 4, 4], pbc=True), "0 atoms"),
        (al4 * 7, "1372 atoms"),
        (atoms_like("Al", info={"config_type": "isolated_atom"}), "edge of 4.00 A"),
        (
            Atoms("Al2", positions=[[0, 0, 0], [0, 0, 3]], cell=[9, 9, 9], info={"config_type": "isolated_atom"}),
            "2 atoms",
        ),
    ],
)
def test_a_bad_structure_is_refused_with_its_value(atoms: Atoms, said: str) -> None:
    refusal = check(atoms, settings())
    assert refusal is not None
    assert said in refusal


def test_an_isolated_atom_needs_a_box_and_no_more() -> None:
    assert check(atoms_like("Al", cell=[9, 9, 9], pbc=False, info={"config_type": "isolated_atom"}), settings()) is None


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"Al": "Al.nosuch.UPF"}, "Al.nosuch.UPF"),
        ({"Al": "Mg.pz-n-vbc.UPF"}, "for Mg"),
        ({"Al": "Al.pz-vbc.UPF", "Fe": "Fe.pbe-nd-rrkjus.UPF"}, "different functionals"),
    ],
)
def test_pseudopotentials_that_do_not_fit(files: dict[str, str], said: str) -> None:
    atoms = al4.copy()
    if "Fe" in files:
        atoms.symbols[0] = "Fe"
    refusal = check(atoms, settings(pseudopotentials=files))
    assert refusal is not None
    assert said in refusal


def test_a_functional_given_by_hand_is_taken_for_all() -> None:
    atoms = al4.copy()
    atoms.symbols[0] = "Fe"
    mixed = {"Al": "Al.pz-vbc.UPF", "Fe": "Fe.pbe-nd-rrkjus.UPF"}
    assert check(atoms, settings(pseudopotentials=mixed, extra={"system": {"input_dft": "PBE"}})) is None


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"electrons": {"scf_must_converge": False}}, "scf_must_converge"),
        ({"CONTROL": {"Calculation": "relax"}}, "static"),
        ({"control": {"disk_io": "none"}}, "disk_io"),
        ({"system": {"occupations": "fixed"}}, "'fixed'"),
        ({"ions": {"ion_dynamics": "bfgs"}}, "&ions"),
    ],
)
def test_keywords_that_would_spoil_the_labels(extra: dict[str, dict[str, object]], said: str) -> None:
    refusal = check(al4, settings(extra=extra))
    assert refusal is not None
    assert said in refusal


def test_headers_of_every_kind_of_file_are_read_or_unknown(tmp_path: Path) -> None:
    (tmp_path / "Al.old").write_bytes(b"\x00\xff" * 1000)
    settings_here = settings(pseudo_dir=str(tmp_path), pseudopotentials={"Al": "Al.old"})
    assert check(al4, settings_here) is None  # older formats say nothing of themselves
