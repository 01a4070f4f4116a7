"""From SPEC 2's example to every value: what SPEC 3 to 8 ask for."""

from __future__ import annotations

import math

import pytest

from mlipbatch.config import InputError, expand
from mlipbatch.config.elements import LATTICES, lattice_constant, volume_per_atom
from mlipbatch.config.heuristics.structures import neighbours
from mlipbatch.config.partial import leaves
from tests.config.material import minimal, table, upf


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


def expanded(tmp_path, **sections):
    sections.setdefault("dft", {}).setdefault("pseudopotential_table", str(table(tmp_path)))
    return expand(minimal(**sections))


def test_the_example_of_the_specification(tmp_path):
    config, reasons = expanded(tmp_path)

    assert config.dft.ecutwfc == 90  # the largest among the elements: Fe's
    assert config.dft.ecutrho == 1080
    assert "Fe's" in reasons["dft.ecutwfc"]
    assert config.dft.pseudopotentials == {"Fe": "Fe.UPF", "Ni": "Ni.UPF"}
    assert config.dft.smearing == "mv"
    assert 0.01 <= config.dft.degauss <= 0.02
    assert config.dft.nspin == 2
    assert set(config.dft.starting_magnetization) == {"Fe", "Ni"}
    assert all(0.2 <= start <= 0.5 for start in config.dft.starting_magnetization.values())
    assert config.dft.kpoints_spacing == 0.15
    assert config.dft.mixing_beta == 0.7
    assert config.jobs.dft_walltime == 4 * 3600
    assert 1e-10 <= config.dft.conv_thr <= 1e-8

    assert {"Fe": 0.6, "Ni": 0.4} in config.generation.compositions
    assert {"Fe": 0.8, "Ni": 0.2} in config.generation.compositions
    assert all(32 <= size <= 96 for size in config.generation.sqs_sizes)
    assert (min(config.generation.volume_strains), max(config.generation.volume_strains)) == (-0.1, 0.1)
    assert min(abs(strain) for strain in config.generation.volume_strains) == 0.01
    assert (config.generation.rattle_small[0], config.generation.rattle_small[-1]) == (0.01, 0.05)
    assert (config.generation.rattle_large[0], config.generation.rattle_large[-1]) == (0.1, 0.3)

    weights = config.training.weights
    assert (weights.energy, weights.force, weights.stress) == (1, 100, 10)
    assert (config.exploration.gamma_low, config.exploration.gamma_high) == (2, 10)
    assert config.embedding.core_radius == 5.0
    assert 3 <= config.embedding.buffer <= 4


def test_every_value_has_a_reason(tmp_path):
    _, reasons = expanded(tmp_path)
    assert list(reasons) == list(leaves())
    assert all(reasons.values())
    assert reasons["target_system.elements"] == "given"


def test_what_is_given_stays_and_others_follow_from_it(tmp_path):
    config, reasons = expanded(tmp_path, training={"cutoff": 6.2}, dft={"ecutwfc": 40}, jobs={"dft_cores": 2}, seed=7)
    assert config.selection.descriptor_cutoff == 6.2
    assert (config.dft.ecutwfc, reasons["dft.ecutwfc"]) == (40, "given")
    assert config.dft.ecutrho == 480  # 12 times, as the table's most demanding element has it
    assert config.seed == 7


def test_a_nonmagnetic_alloy_is_not_spin_polarised():
    raw = minimal(target_system={"elements": ["Al", "Mg"], "composition": {"Al": 0.75, "Mg": 0.25}})
    config, _ = expand(raw, labels=False)
    assert config.dft.nspin == 1
    assert config.dft.starting_magnetization == {}


@pytest.mark.parametrize(
    ("symbol", "lattice", "constant"),
    [("Al", "fcc", 4.05), ("Fe", "bcc", 2.87), ("Mg", "hcp", 3.21), ("Si", "diamond", 5.43), ("Cu", "fcc", 3.61)],
)
def test_lattice_constants_of_elements(symbol, lattice, constant):
    raw = minimal(target_system={"elements": [symbol], "composition": {symbol: 1.0}, "crystal_structure": lattice})
    config, _ = expand(raw, labels=False)
    assert config.generation.lattice_constant == pytest.approx(constant, rel=0.005)
    assert config.generation.compositions == [{symbol: 1.0}]


def test_lattice_constants_of_alloys_lie_between():
    config, _ = expand(minimal(), labels=False)
    assert 3.52 < config.generation.lattice_constant < 3.65  # fcc Ni; fcc Fe with the volume of bcc Fe
    for lattice in LATTICES:
        volume = volume_per_atom(lattice, 3.7, 1.6)
        assert lattice_constant(lattice, volume, 1.6) == pytest.approx(3.7)


def test_fcc_and_hcp_pack_the_same():
    nearest = 2.5
    ideal = math.sqrt(8 / 3)
    assert volume_per_atom("hcp", nearest, ideal) == pytest.approx(volume_per_atom("fcc", nearest * math.sqrt(2), 1))


def test_neighbours_are_compositions():
    for composition in (
        {"A": 1.0},
        {"A": 0.95, "B": 0.05},
        {"A": 0.5, "B": 0.3, "C": 0.2},
        dict.fromkeys("ABCDE", 0.2),
    ):
        found = neighbours(composition)
        assert found[0] == composition
        assert all(sum(one.values()) == pytest.approx(1, abs=1e-5) for one in found)
        assert all(share > 0 for one in found for share in one.values())
    assert neighbours({"A": 0.95, "B": 0.05}) == [{"A": 0.95, "B": 0.05}, {"A": 0.85, "B": 0.15}, {"A": 1.0}]


def test_a_phase_diagram_has_its_ends():
    config, _ = expand(minimal(simulation_goal={"type": "phase_diagram"}), labels=False)
    assert {"Fe": 1.0} in config.generation.compositions
    assert {"Ni": 1.0} in config.generation.compositions


def test_a_structure_file_gives_the_volume(tmp_path):
    from ase.build import bulk
    from ase.io import write

    path = tmp_path / "b2.cif"
    write(path, bulk("NiAl", "cesiumchloride", a=2.88))
    target = {"elements": ["Ni", "Al"], "composition": {"Ni": 0.5, "Al": 0.5}, "crystal_structure": str(path)}
    config, _ = expand(minimal(target_system=target), labels=False)
    assert volume_per_atom("fcc", config.generation.lattice_constant, 1) == pytest.approx(2.88**3 / 2, rel=1e-3)
    target = {"elements": ["Ni"], "composition": {"Ni": 1.0}, "crystal_structure": str(path)}
    with pytest.raises(InputError, match=r"b2.cif' contains Al, which 'target_system.elements' \(Ni\) does not name"):
        expand(minimal(target_system=target), labels=False)


def test_small_machines_get_small_work():
    small, _ = expand(minimal(resources={"parallel_cores": 2}), labels=False)
    large, _ = expand(minimal(resources={"parallel_cores": 256}), labels=False)
    assert small.jobs.dft_cores == 1
    assert small.jobs.work_cores <= 2
    assert large.jobs.dft_cores == 32
    assert max(small.generation.sqs_sizes) <= min(large.generation.sqs_sizes)
    assert small.embedding.max_atoms < large.embedding.max_atoms


def test_hydrogen_has_a_short_time_step():
    target = {"elements": ["Pd", "H"], "composition": {"Pd": 0.5, "H": 0.5}}
    config, _ = expand(minimal(target_system=target), labels=False)
    assert config.exploration.timestep == 0.5
    assert config.training.zbl_outer < 0.62 * 2


def test_pseudopotentials_one_by_one(tmp_path):
    files = {"Fe": upf(tmp_path, "Fe.UPF", "NC"), "Ni": upf(tmp_path, "Ni.UPF", "US")}
    dft = {"pseudo_dir": str(tmp_path), "pseudopotentials": files, "ecutwfc": 50}
    config, reasons = expand(minimal(dft=dft))
    assert config.dft.ecutrho == 400  # ultrasoft
    assert config.dft.pseudopotential_table == "none"
    assert reasons["dft.pseudopotential_table"] == "files and cutoffs are given one by one"
    with pytest.raises(InputError, match=r"Gone\.UPF is not there"):
        expand(minimal(dft={**dft, "pseudopotentials": {**files, "Ni": "Gone.UPF"}}))


def test_a_derived_value_that_leaves_its_limits_is_told():
    with pytest.raises(InputError, match=r"'training\.zbl_outer' is 39 and 'training\.cutoff' is 5"):
        expand(minimal(training={"zbl_inner": 30}), labels=False)
