"""A whole generation, its references, and the large cells of exploration."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write

from mlipbatch.config.errors import InputError
from mlipbatch.core.frames import CONFIG_TYPE, NAME, ROOT, UNIT_CELL
from mlipbatch.store.durable import read_frames, write_frames
from mlipbatch.structures import GENERATORS, generate


def test_the_example_from_cells_to_references(example):
    structures, said = example
    counts = Counter(atoms.info[CONFIG_TYPE] for atoms in structures)
    cells = 15  # 3 of pure Al, 2 at each of the 6 other pairs of composition and size
    assert counts == {
        "sqs": cells,
        "sqs_strain": 8 * cells,
        "sqs_shear": 4 * cells,
        "sqs_rattle_small": 3 * cells,
        "sqs_rattle_large": 3 * cells,
        "sqs_strain_rattle": 2 * cells,
        "isolated_atom": 2,
        "eos_reference": 9,
    }
    names = [atoms.info[NAME] for atoms in structures]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) for name in names)
    # every root is a cell that is there, an atom, or the equation of state's own
    own = {atoms.info[NAME] for atoms in structures if atoms.info[CONFIG_TYPE] in {"sqs", "isolated_atom"}}
    assert {atoms.info[ROOT] for atoms in structures} <= {*own, "eos-Al3Mg"}
    assert "9/9" in "".join(said)
    assert "left" in "".join(said)


def test_the_same_seed_gives_the_same_structures_in_whatever_company(campaign):
    config = campaign(
        {"Al": 0.5, "Mg": 0.5}, sqs_sizes=[4, 16], sqs_per_composition=1, compositions=[{"Al": 0.5, "Mg": 0.5}]
    )
    everything = {atoms.info[NAME]: atoms for atoms in generate(config)}
    part = generate(config, ["eos_reference", "sqs_shear", "sqs_rattle_large"])
    assert len(part) == 9 + 2 * (4 + 3)
    assert all(
        atoms == everything[atoms.info[NAME]] and atoms.info == everything[atoms.info[NAME]].info for atoms in part
    )


def test_another_seed_gives_other_random_numbers(campaign):
    def rattles(seed):
        config = campaign(
            {"Al": 0.5, "Mg": 0.5},
            seed=seed,
            sqs_sizes=[4],
            sqs_per_composition=1,
            compositions=[{"Al": 0.5, "Mg": 0.5}],
        )
        return generate(config, ["sqs_rattle_small"])

    assert rattles(1) == rattles(1)
    assert all(one != other for one, other in zip(rattles(1), rattles(2), strict=True))


def test_equation_of_state_lies_around_the_lattice_constant(campaign):
    frames = generate(campaign({"Fe": 0.7, "Ni": 0.3}, lattice_constant=3.55, sqs_sizes=[32]), ["eos_reference"])
    assert {atoms.get_chemical_formula() for atoms in frames} == {
        "Fe2Ni"
    }  # 0.667: as near as 4 atoms would be, and smaller
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in frames])
    assert volumes / (3.55**3 / 4) == pytest.approx(
        np.linspace(0.88, 1.08, 9), rel=0.003
    )  # 0.003: Vegard from 0.7 to 0.667
    assert len({atoms.info[ROOT] for atoms in frames}) == 1


def test_isolated_atoms_are_alone_and_may_be_left_out(campaign):
    asked = {"sqs_sizes": [1], "compositions": [{"Al": 1.0}]}
    made = generate(campaign({"Al": 1.0}, **asked))
    (atom,) = (atoms for atoms in made if atoms.info[CONFIG_TYPE] == "isolated_atom")
    assert (len(atom), atom.cell.lengths().tolist(), atom.info[ROOT]) == (1, [12.0, 12.0, 12.0], "atom-Al")
    without = generate(campaign({"Al": 1.0}, isolated_atoms=False, **asked))
    assert len(without) == len(made) - 1


@pytest.mark.parametrize(("lattice", "per_cell"), [("fcc", 4), ("hcp", 4), ("bcc", 2), ("diamond", 8)])
def test_large_cells_are_repeats_of_their_unit_cell(campaign, tmp_path, lattice, per_cell):
    walkers = {"atoms": 250, "temperatures": [300, 600, 900]}
    compositions = [{"Ti": 0.5, "Zr": 0.5}, {"Ti": 0.75, "Zr": 0.25}]
    config = campaign({"Ti": 0.5, "Zr": 0.5}, lattice, exploration=walkers, compositions=compositions)
    write_frames(tmp_path / "large.extxyz", generate(config, ["exploration_cell"]))
    large = read_frames(tmp_path / "large.extxyz")  # the unit cell survives the file, rows as rows
    shares = [atoms.get_chemical_symbols().count("Ti") / len(atoms) for atoms in large]
    assert shares == pytest.approx([0.5, 0.75, 0.5], abs=1 / 250)
    assert len({atoms.info[ROOT] for atoms in large}) == 3
    assert large[0].numbers.tolist() != large[2].numbers.tolist()
    for atoms in large:
        unit = np.array(atoms.info[UNIT_CELL])
        repeats = np.round(atoms.cell.lengths() / np.linalg.norm(unit, axis=1))
        assert np.allclose(atoms.cell.array, repeats[:, None] * unit)
        assert len(atoms) == np.prod(repeats) * per_cell >= 250
        assert atoms.cell.lengths().max() < 1.5 * atoms.cell.lengths().min()
        # moved by one unit cell the sites fall on themselves, but for the small displacements
        sites = atoms.copy()
        sites.numbers[:] = 1
        moved = sites.copy()
        moved.positions += unit[0]
        both = sites + moved
        nearest = [
            both.get_distances(i, range(len(sites), len(both)), mic=True).min() for i in range(0, len(sites), 50)
        ]
        assert max(nearest) < 0.02 * 6


def test_a_structure_file_is_a_lattice_whose_other_elements_stay(campaign, tmp_path):
    oxide = bulk("FeO", "rocksalt", 4.3, cubic=True)
    write(tmp_path / "feo.cif", oxide)
    config = campaign(
        {"Fe": 0.25, "Ni": 0.25, "O": 0.5},
        str(tmp_path / "feo.cif"),
        sqs_sizes=[8, 16],
        sqs_per_composition=2,
        compositions=[{"Fe": 0.25, "Ni": 0.25, "O": 0.5}, {"Fe": 0.5, "O": 0.5}],
    )
    cells = generate(config, ["sqs"])
    from ase.neighborlist import neighbor_list

    for atoms in cells:
        first, second = neighbor_list("ij", atoms, 0.6 * (atoms.get_volume() / len(atoms) * 8) ** (1 / 3))
        symbols = np.array(atoms.get_chemical_symbols())
        assert np.all((symbols[first] == "O") != (symbols[second] == "O"))  # metals touch oxygen only
    mixed = [atoms for atoms in cells if "Ni" in atoms.get_chemical_symbols()]
    assert {atoms.get_chemical_formula() for atoms in mixed} == {"Fe2Ni2O4", "Fe4Ni4O8"}
    assert all(atoms.get_volume() / len(atoms) == pytest.approx(4.3**3 / 8, rel=1e-4) for atoms in mixed)
    pure = [atoms for atoms in cells if atoms not in mixed]
    assert [len(atoms) for atoms in pure] == [8, 16]  # FeO as in the file: one crystal
    assert len({atoms.info[ROOT] for atoms in pure}) == 1


def test_an_ordered_file_keeps_its_order_at_its_own_composition(campaign, tmp_path):
    ordered = bulk("Fe", "fcc", 3.6, cubic=True)
    ordered.symbols[2:] = "Ni"
    write(tmp_path / "POSCAR", ordered, format="vasp")
    config = campaign({"Fe": 0.5, "Ni": 0.5}, str(tmp_path / "POSCAR"), sqs_sizes=[4], sqs_per_composition=2)
    first = generate(config, ["sqs"])[0]
    from mlipbatch.structures.crystal import fingerprint

    assert fingerprint(first) == fingerprint(read(tmp_path / "POSCAR"))


def test_names_that_no_generator_has_are_refused(al_mg):
    with pytest.raises(InputError, match=r"'sqs_sheer'.*sqs_shear"):
        generate(al_mg, ["sqs", "sqs_sheer"])
    with pytest.raises(InputError, match="'structure' needs a structure file"):
        generate(al_mg, ["structure"])


def test_every_generator_says_in_a_line_what_it_makes():
    assert all(one.summary and one.name for one in GENERATORS.values())
