"""What is refused before it costs a job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch.dft import code
from tests.dft.conftest import PSEUDO, settings

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
        (atoms_like("Al", cell=[60, 60, 60]), "volume is 2.16e+05"),
        (atoms_like("Al", info={"kpoints": "0 4 4"}), "kpoints"),
        (atoms_like("Al", info={"kpoints": "99 99 99"}), "room for 40000"),
        (atoms_like("Al", info={"charge": 1}), "the structure's charge is 1"),
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
        ({"system": {"tot_charge": 0.5}}, "uniform background"),
        ({"system": {"nbnd": 6}}, "too few bands for 12 electrons"),  # half: silently wrong (qe_cases/too_few_bands)
        ({"system": {"nbnd": 8}}, "pw.x takes 10 itself"),
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


def test_enough_bands_and_a_neutral_cell_pass() -> None:
    assert check(al4, settings(extra={"system": {"nbnd": 12, "tot_charge": 0}})) is None


@pytest.mark.parametrize(("apart", "fate"), [(0.9, "inside the core"), (1.0, None)])
def test_cores_of_pseudopotentials_are_zbl_s(apart: float, fate: str | None) -> None:
    """What qe_cases/close_Fe found: at 1.0 A one diagonalisation converges, at 0.9 A none."""
    fe2 = Atoms("Fe2", positions=[[0, 0, 0], [0, 0, apart]], cell=[6, 6, 6], pbc=True)
    refusal = check(fe2, settings(pseudopotentials={"Fe": "Fe.pbe-nd-rrkjus.UPF"}))
    assert (refusal is None) == (fate is None)
    assert fate is None or (fate in (refusal or "") and "ZBL is the truth" in (refusal or ""))


def test_pseudopotentials_of_different_relativity() -> None:
    atoms = al4.copy()
    atoms.symbols[0] = "Fe"
    files = {"Al": "Al.pz-vbc.UPF", "Fe": "Fe.rel-pbe-spn-rrkjus_psl.0.2.1.UPF"}
    extra = {"system": {"input_dft": "PBE"}}
    refusal = check(atoms, settings(pseudopotentials=files, extra=extra))
    assert refusal is not None
    assert "do not agree in relativity" in refusal


def test_a_pseudopotential_that_is_cut_off(tmp_path: Path) -> None:
    whole = Path(PSEUDO, "Al.pz-vbc.UPF").read_text()
    (tmp_path / "Al.UPF").write_text(whole[: len(whole) // 2])
    refusal = check(al4, settings(pseudo_dir=str(tmp_path), pseudopotentials={"Al": "Al.UPF"}))
    assert refusal is not None
    assert "is cut off" in refusal


def test_a_density_that_would_be_cut_off() -> None:
    refusal = check(al4, settings(ecutwfc=30, ecutrho=100))
    assert refusal is not None
    assert "below 4 times ecutwfc (120 Ry)" in refusal


def test_starting_moments_that_are_none() -> None:
    atoms = al4.copy()
    atoms.set_initial_magnetic_moments([1, 2, np.nan, 0])
    assert "moment of atom 2 is not finite" in (check(atoms, settings(nspin=2)) or "")
    assert check(atoms, settings()) is None  # not used
    del atoms.arrays["initial_magmoms"]
    atoms.set_initial_magnetic_moments(np.ones((4, 3)))
    assert "collinear" in (check(atoms, settings(nspin=2)) or "")
