"""The input of pw.x and what surrounds it in an attempt's folder."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io.espresso import read_espresso_in

from mlipbatch.config.errors import InputError
from mlipbatch.core.frames import CONFIG_TYPE, ISOLATED_ATOM
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft import code
from mlipbatch.dft.kpoints import mesh_of_spacing
from mlipbatch.dft.quantum_espresso.asked import Asked, read_input
from tests.dft.conftest import settings

qe = code("quantum_espresso")
al4 = bulk("Al", "fcc", 4.05, cubic=True)


def asked(atoms: Atoms, step: NextAttempt | None = None, **changes: object) -> Asked:
    prepared = qe.prepare(atoms, settings(**changes), step or NextAttempt(), cores=1, walltime=1000)
    found = read_input(prepared.files["pw.in"])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("atoms", "spacing", "mesh"),
    [
        (al4, 0.15, (11, 11, 11)),
        (al4 * 2, 0.15, (6, 6, 6)),
        (bulk("Si", "diamond", 5.43, cubic=True), 0.15, (8, 8, 8)),
        (al4 * (1, 1, 3), 0.15, (11, 11, 4)),
        (al4 * 20, 0.15, (1, 1, 1)),
        (bulk("Al", "fcc", 4.05), 0.3, (9, 9, 9)),  # |b| = sqrt(3) 2 pi / a: a reciprocal length, not 2 pi over an edge
        (bulk("Mg", "hcp", 3.2, 5.2), 0.3, (8, 8, 5)),
    ],
)
def test_mesh_of_spacing_has_2_pi_in_it(atoms: Atoms, spacing: float, mesh: tuple[int, int, int]) -> None:
    assert mesh_of_spacing(np.asarray(atoms.cell), spacing) == mesh


def test_a_mesh_of_the_structures_own_and_of_the_caller() -> None:
    scan = al4.copy()
    scan.info["kpoints"] = "5 5 5"
    assert asked(scan).mesh == (5, 5, 5)
    scan.info["kpoints"] = np.array([4, 4, 2])
    assert asked(scan).mesh == (4, 4, 2)
    prepared = qe.prepare(scan, settings(), NextAttempt(), cores=1, walltime=100, kpoint_mesh=(3, 3, 3))
    assert prepared.expectation["kpoints"] == [3, 3, 3]
    scan.info["kpoints"] = "4 4"
    with pytest.raises(InputError, match="4 4"):
        asked(scan)


def test_an_isolated_atom_is_done_at_gamma() -> None:
    atom = Atoms("Al", cell=[9, 9.5, 10], pbc=True, info={CONFIG_TYPE: ISOLATED_ATOM})
    assert asked(atom).kpoints == "gamma"


def test_a_static_calculation_that_leaves_something_to_restart_from() -> None:
    keywords = asked(al4).keywords
    wanted = {
        "calculation": "scf", "tprnfor": ".true.", "tstress": ".true.", "disk_io": "low", "outdir": "./out", "prefix": "pwscf",
        "occupations": "smearing", "smearing": "mv", "max_seconds": "900", "mixing_beta": "0.7",
    }  # fmt: skip
    assert {key: keywords[key] for key in wanted} == wanted
    assert asked(al4).number("conv_thr") == pytest.approx(4e-8)  # per atom
    assert "scf_must_converge" not in keywords


def test_the_structure_is_written_to_the_last_digit() -> None:
    atoms = (al4 * (2, 1, 1)).copy()
    atoms.symbols[[0, 3, 5]] = "Mg"
    atoms.rattle(0.1, seed=3)
    atoms.set_cell(atoms.cell @ np.array([[1, 0.01, 0], [0, 1.02, 0.03], [0, 0, 1]]), scale_atoms=True)
    path_text = qe.prepare(atoms, settings(), NextAttempt(), cores=1, walltime=10).files["pw.in"]
    read = read_espresso_in(__import__("io").StringIO(path_text))
    assert read.get_chemical_symbols() == atoms.get_chemical_symbols()  # order kept, species mixed
    assert np.abs(read.positions - atoms.positions).max() < 1e-11
    assert np.abs(np.asarray(read.cell) - np.asarray(atoms.cell)).max() < 1e-11


def test_preparing_does_not_change_what_it_is_given() -> None:
    atoms, dft = al4.copy(), settings(extra={"ELECTRONS": {"mixing_ndim": 12}})
    before = dft.model_dump()
    qe.prepare(atoms, dft, NextAttempt(changes={"mixing_beta": 0.3}), cores=1, walltime=10)
    assert atoms == al4
    assert dft.model_dump() == before


def test_every_species_has_a_starting_magnetization_in_a_spin_polarised_dataset() -> None:
    atoms = al4.copy()
    atoms.symbols[1] = "Fe"
    keywords = asked(atoms, nspin=2, starting_magnetization={"Fe": 0.4}).keywords
    assert (keywords["starting_magnetization(1)"], keywords["starting_magnetization(2)"]) == ("0.0", "0.4")
    assert "starting_magnetization(1)" in asked(al4, nspin=2, starting_magnetization={"Fe": 0.4}).keywords


def test_extra_keywords_and_the_ladders_changes() -> None:
    extra = {"electrons": {"mixing_ndim": 12, "mixing_beta": 0.5}, "SYSTEM": {"input_dft": "PBE", "nosym": True}}
    found = asked(
        al4, NextAttempt("x", {"degauss": 0.04, "mixing_mode": "local-TF", "walltime_factor": 2.0}), extra=extra
    ).keywords
    assert (found["mixing_ndim"], found["mixing_beta"], found["degauss"]) == ("12", "0.5", "0.04")
    assert (found["input_dft"], found["nosym"], found["mixing_mode"]) == ("PBE", ".true.", "local-TF")
    assert "walltime_factor" not in found


def test_a_restart_takes_the_density_of_the_attempt_that_it_names() -> None:
    step = NextAttempt("degauss_back", {"startingpot": "file"}, "why", restart_from=4)
    prepared = qe.prepare(al4, settings(), step, cores=1, walltime=10)
    assert any("../attempt-4/out/pwscf.save/charge-density*" in line for line in prepared.before)
    assert "startingpot = 'file'" in prepared.files["pw.in"]
    assert prepared.reasons["startingpot"] == "file: why"


def test_stale_files_are_deleted_first() -> None:
    first = qe.prepare(al4, settings(), NextAttempt(), cores=1, walltime=10).before[0]
    assert {"pwscf.EXIT", "out/pwscf.EXIT", "CRASH"} <= set(first.split())


@pytest.mark.parametrize(
    ("command", "cores", "launched"),
    [
        ("pw.x", 1, "pw.x"),
        ("pw.x", 4, "mpirun -n 4 pw.x -nk 4 -ndiag 1"),
        ("/opt/qe/bin/pw.x -nk 2", 4, "mpirun -n 4 /opt/qe/bin/pw.x -nk 2"),
        ("srun pw.x", 4, "srun pw.x -nk 4 -ndiag 1"),
        ("srun -n {cores} pw.x", 4, "srun -n 4 pw.x -nk 4 -ndiag 1"),
        ("OMP_NUM_THREADS=1 /usr/bin/mpiexec pw.x", 2, "OMP_NUM_THREADS=1 /usr/bin/mpiexec pw.x -nk 2 -ndiag 1"),
    ],
)
def test_the_launcher(command: str, cores: int, launched: str) -> None:
    prepared = qe.prepare(al4, settings(command=command), NextAttempt(), cores=cores, walltime=10)
    assert prepared.command.splitlines()[0] == f"{launched} -in pw.in > pw.out 2> pw.err"
    assert prepared.environment["GFORTRAN_UNBUFFERED_PRECONNECTED"] == "y"


def test_what_the_output_must_agree_with() -> None:
    atoms = al4.copy()
    atoms.symbols[0] = "Mg"
    expectation = qe.prepare(atoms, settings(kpoints_spacing=0.3), NextAttempt(), cores=1, walltime=10).expectation
    assert (expectation["natoms"], expectation["electrons"], expectation["kpoints"]) == (4, 11.0, [6, 6, 6])


def fe4(moments: list[float] | None = None) -> Atoms:
    atoms = bulk("Fe", "bcc", 2.87, cubic=True) * (2, 1, 1)
    atoms.set_initial_magnetic_moments(moments)  # ASE's bulk has some of its own
    return atoms


SPIN = {"nspin": 2, "starting_magnetization": {"Fe": 0.4}}


def test_sites_start_with_the_structure_s_own_moments() -> None:
    prepared = qe.prepare(fe4([2.4, -2.4, 2.4, 0]), settings(**SPIN), NextAttempt(), cores=1, walltime=10)
    text = prepared.files["pw.in"]
    found = read_input(text)
    assert found is not None
    assert found.keywords["ntyp"] == "3"
    # of 8 valence electrons
    assert [found.keywords[f"starting_magnetization({n})"] for n in (1, 2, 3)] == ["0.3", "-0.3", "0.0"]
    positions = text.split("ATOMIC_POSITIONS")[1].splitlines()[1:5]
    assert [line.split()[0] for line in positions] == ["Fe1", "Fe2", "Fe1", "Fe3"]
    assert text.split("ATOMIC_SPECIES")[1].splitlines()[1:4] == [
        f"Fe{n} 55.84500 Fe.pz-nd-rrkjus.UPF" for n in (1, 2, 3)
    ]
    assert "own moments" in prepared.reasons["starting_magnetization"]


@pytest.mark.parametrize(
    ("moments", "spin", "start", "why"),
    [
        (None, SPIN, ["0.4"], "ferromagnetic"),
        ([0, 0, 0, 0], SPIN, ["0.4"], "ferromagnetic"),  # zeros are what files have that say nothing
        ([2, 2, 2, 2], SPIN, ["0.25"], "own moments"),
        ([99, 99, 99, 99], SPIN, ["1.0"], "own moments"),  # no more than all valence electrons
        ([2, -2, 2, -2], {}, [], "moments are not used"),
    ],
)
def test_moments_and_where_they_come_from(
    moments: list[float] | None, spin: dict[str, object], start: list[str], why: str
) -> None:
    prepared = qe.prepare(fe4(moments), settings(**spin), NextAttempt(), cores=1, walltime=10)
    found = read_input(prepared.files["pw.in"])
    assert found is not None
    assert [value for key, value in found.keywords.items() if key.startswith("starting_magnetization")] == start
    assert why in prepared.reasons["starting_magnetization"]


def test_more_different_moments_than_pw_x_has_room_for() -> None:
    atoms = bulk("Fe", "bcc", 2.87, cubic=True) * (2, 2, 2)
    own = np.linspace(-3, 3, 16)
    atoms.set_initial_magnetic_moments(own)
    found = asked(atoms, **SPIN)
    kinds = int(found.keywords["ntyp"])
    assert 5 <= kinds <= 9
    values = [float(found.keywords[f"starting_magnetization({n + 1})"]) for n in range(kinds)]
    assert max(min(abs(value - moment / 8) for value in values) for moment in own) <= 0.05 + 1e-9  # half a step of 0.1


@pytest.mark.parametrize(
    ("atoms", "spacing", "cores", "pools"),
    [
        (al4, 0.15, 16, 8),  # 1331 points over 96 operations: 14 at least, and 8 divides 16
        (al4, 1.0, 16, 1),  # 2 2 2 may be one point
        (al4 * 20, 0.15, 16, 1),
    ],
)
def test_each_pool_has_a_k_point(atoms: Atoms, spacing: float, cores: int, pools: int) -> None:
    prepared = qe.prepare(atoms, settings(kpoints_spacing=spacing), NextAttempt(), cores=cores, walltime=10)
    assert f" -nk {pools} " in prepared.command
    less = qe.prepare(
        atoms, settings(kpoints_spacing=spacing), NextAttempt("m", {"memory_factor": 4.0}), cores=cores, walltime=10
    )
    assert f" -nk {max(1, pools // 4)} " in less.command


def test_a_rattled_cell_has_no_symmetry_and_more_pools() -> None:
    pytest.importorskip("spglib")
    atoms = al4.copy()
    atoms.rattle(0.1, seed=1)
    prepared = qe.prepare(
        atoms, settings(kpoints_spacing=0.5), NextAttempt(), cores=16, walltime=10
    )  # 4 4 4: 32 points
    assert " -nk 16 -ndiag 1 " in prepared.command


def test_many_bands_are_diagonalised_together() -> None:
    prepared = qe.prepare(al4 * 7, settings(), NextAttempt(), cores=16, walltime=10)  # 4116 electrons, gamma
    assert " -nk 1 -ndiag 16 " in prepared.command
    assert "bands" in prepared.reasons["-ndiag"]


@pytest.mark.parametrize(("command", "flags"), [("pw.x", "-nk 1 -ndiag 1"), ("pw.x -ndiag 4", "-ndiag 4 -ndiag 1")])
def test_the_ladder_may_let_one_core_diagonalise(command: str, flags: str) -> None:
    step = NextAttempt("ndiag1", {"ndiag": 1})
    prepared = qe.prepare(al4 * 7, settings(command=command), step, cores=16, walltime=10)
    assert f"pw.x {flags} -in" in prepared.command  # of two pw.x takes the last
    assert "ndiag" not in prepared.files["pw.in"]


def test_memory_grows_with_the_cell_and_shrinks_with_fewer_pools() -> None:
    small = qe.prepare(al4, settings(), NextAttempt(), cores=1, walltime=10).memory_mb
    large = qe.prepare(
        al4 * 3, settings(ecutwfc=60, ecutrho=480, nspin=2), NextAttempt(), cores=1, walltime=10
    ).memory_mb
    assert small is not None
    assert large is not None
    assert small < 200 < 2000 < large
    pools = [
        qe.prepare(al4, settings(), NextAttempt("m", {"memory_factor": factor}), cores=8, walltime=10).memory_mb or 0
        for factor in (1.0, 4.0)
    ]
    assert 0 < pools[1] < pools[0]


def test_every_choice_has_its_reason() -> None:
    reasons = qe.prepare(al4, settings(), NextAttempt(), cores=4, walltime=10).reasons
    wanted = {
        "K_POINTS",
        "conv_thr",
        "max_seconds",
        "starting_magnetization",
        "-nk",
        "-ndiag",
        "nbnd",
        "memory",
        "outdir",
    }
    assert wanted <= set(reasons)
    atom = Atoms("Al", cell=[9, 9.5, 10], pbc=True, info={CONFIG_TYPE: ISOLATED_ATOM})
    assert "K_POINTS gamma" in qe.prepare(atom, settings(), NextAttempt(), cores=1, walltime=10).reasons["K_POINTS"]
