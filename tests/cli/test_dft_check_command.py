"""`mlipbatch dft check` with real pw.x, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import read, write
from click.testing import Result
from typer.testing import CliRunner

from mlipbatch.cli.dft import dft
from mlipbatch.config import load_config, render_input
from mlipbatch.config.errors import InputError
from mlipbatch.engine import factory
from mlipbatch.stages import label
from mlipbatch.store.durable import write_frames
from mlipbatch.store.project import create_project
from mlipbatch.training.labels import read_labels

INPUT = """\
project_name: silicon
target_system: {elements: [Si], composition: {Si: 1.0}, crystal_structure: diamond}
simulation_goal: {type: elastic, temperature_range: [300, 600]}
resources: {dft_code: CODE, parallel_cores: 2, gpu_enabled: false}
dft:
"""
LOW = "  pseudopotential_table: debian-lda\n  ecutwfc: 8\n  kpoints_spacing: 0.9\n  degauss: 0.02\n"
ABINIT = (
    "  pseudo_dir: /usr/share/abinit/psp\n  pseudopotentials: {Si: 14si.pspnc}\n  ecutwfc: 8\n  kpoints_spacing: 0.9\n"
)
VALUES = ("--structures", "si.extxyz", "--cutoffs", "14,18", "--spacings", "0.6", "--degauss", "0.01")


def mb(*words: str) -> Result:
    return CliRunner().invoke(dft, ["check", *words], catch_exceptions=False)


def write_input(dft: str, code: str = "quantum_espresso") -> None:
    Path("input.yaml").write_text(INPUT.replace("CODE", code) + dft)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLIPBATCH_LOCAL_POOL", str(tmp_path))
    write_input(LOW)
    pair = [bulk("Si", a=5.4 * scale) for scale in (1.0, 1.03)]
    for atoms in pair:
        atoms.rattle(0.08, seed=3)
    write("si.extxyz", pair)


@pytest.mark.engines
def test_a_low_cutoff_is_found_and_forces_are_the_slopes_of_the_energy() -> None:
    outcome = mb("input.yaml", *VALUES, "--json")
    assert outcome.exit_code == 1  # the campaign's values should be changed
    said = json.loads(outcome.stdout)
    assert said == json.loads(Path("dft-check/check.json").read_text())
    cutoffs, _, degauss = said["scans"]
    assert [row["value"] for row in cutoffs["rows"]] == [8, 14, 18]
    low, middle, reference = cutoffs["rows"]
    assert low["lacking"] == []
    assert low["stress_gpa"] > 3 * middle["stress_gpa"] > 0  # Pulay
    assert low["force_max_mev_per_a"] > 10
    assert reference["force_max_mev_per_a"] == 0
    assert not cutoffs["good"]
    assert "at 8 Ry errors are" in said["recommendation"][0]
    assert {mesh for row in degauss["rows"] for mesh in row["kpoints"]} == {cutoffs_mesh(said, 0.6)}

    slopes = said["finite_differences"]
    assert len(slopes["forces"]) == 2
    assert max(abs(row["label_ev_per_a"]) for row in slopes["forces"]) > 0.2
    assert slopes["force_deviation_mev_per_a"] < 3
    assert slopes["pressure_deviation_gpa"] < 0.05
    assert abs(slopes["pressure_gpa"]) > 1

    (one,) = read("dft-check/jobs/gen000/scf/structure-00000-ecutwfc=14/result.extxyz", ":")
    assert (one.info["dft_ecutwfc"], one.info["dft_ecutrho"]) == (14, 56)
    assert "ecutwfc: 14" in Path("dft-check/jobs/gen000/scf/structure-00000-ecutwfc=14/job.yaml").read_text()
    with pytest.raises(InputError, match="no training data"):
        read_labels([one])

    page = Path("dft-check/check.html").read_text()
    assert page.count("<svg") == 9
    assert said["recommendation"][0].split(":")[0] in page

    made = {path: path.stat().st_mtime_ns for path in Path("dft-check/jobs/gen000/scf").glob("*/result.extxyz")}
    again = mb("input.yaml", *VALUES[:2], "--cutoffs", "8,18,24", *VALUES[4:], "--tolerance", "1000",
               "--force-tolerance", "1e6", "--stress-tolerance", "1e3")  # fmt: skip
    assert again.exit_code == 0
    assert "ecutwfc 8 Ry is fine enough." in again.stdout
    assert {path: path.stat().st_mtime_ns for path in made} == made  # only what is new was calculated
    assert len(list(Path("dft-check/jobs/gen000/scf").iterdir())) == len(made) + 2


def cutoffs_mesh(said: dict, spacing: float) -> str:
    rows = {row["value"]: row for row in said["scans"][1]["rows"]}
    (mesh,) = set(rows[spacing]["kpoints"])
    return mesh


@pytest.mark.engines
@pytest.mark.skipif(shutil.which("abinit") is None, reason="apt-get install abinit abinit-data")
def test_abinit() -> None:
    write_input(ABINIT, "abinit")
    outcome = mb("input.yaml", *VALUES, "--json")
    assert outcome.exit_code == 1
    said = json.loads(outcome.stdout)
    assert [row["lacking"] for scan in said["scans"] for row in scan["rows"]] == [[]] * 7
    assert said["finite_differences"]["force_deviation_mev_per_a"] < 5
    assert said["finite_differences"]["pressure_deviation_gpa"] < 0.1


def test_a_dry_run_says_what_would_be_calculated_and_writes_nothing() -> None:
    before = sorted(Path().rglob("*"))
    outcome = mb("input.yaml", *VALUES, "--dry-run")
    assert outcome.exit_code == 0
    assert outcome.stdout.splitlines()[:4] == [
        "ecutwfc, Ry: 8 14 18",
        "kpoints_spacing, 1/A: 0.9 0.6",
        "degauss, Ry: 0.02 0.01",
        "structure: structure-00000, 2 atoms",
    ]
    assert "18 DFT calculations" in outcome.stdout
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["."], "is not in an mlipbatch project"),
        (["input.yaml", "--cutoffs", "14,many"], "--cutoffs: '14,many' is not a list of positive numbers, such as"),
        (["input.yaml", "--cutoffs", "-14"], "--cutoffs: '-14' is not a list of positive numbers"),
        (["input.yaml", "--structures", "si.extxyz", "--cutoffs", "6"], "--cutoffs: the finest value is the campaign's own"),
        (["input.yaml", "--structures", "none.extxyz"], "none.extxyz: no such file"),
        (["input.yaml", "--structures", "one.extxyz"], "two at the least"),
        (["input.yaml", "--structures", "close.extxyz"], "0.300 A apart"),
        (["input.yaml", "--structures", "si.extxyz", "--spacings", "0.03"], "pw.x has room for"),
        (["input.yaml", "--structures", "si.extxyz", "--out", "no/where"], "there is no folder no; make it first"),
        (["input.yaml", "--tolerance", "0"], "--tolerance: 0 is no tolerance"),
        (["ase.yaml"], "has neither cutoffs nor k-points"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_sentence_and_writes_nothing(words: list[str], sentence: str) -> None:
    pair = read("si.extxyz", ":")
    write("one.extxyz", pair[0])
    pair[1].positions[1] = pair[1].positions[0] + [0.3, 0, 0]
    write("close.extxyz", pair)
    text = INPUT.replace("CODE", "ase") + "  calculator: ase.calculators.emt.EMT\n"
    Path("ase.yaml").write_text(text)
    before = sorted(Path().rglob("*"))
    with pytest.raises(InputError) as error:  # which `main` turns into exit code 2
        mb(*words)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(Path().rglob("*")) == before


def test_in_a_project_its_own_small_structures_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = create_project(Path("silicon"), b"", render_input(Path("input.yaml")))
    own = []
    for place, (kind, repeat) in enumerate([("isolated_atom", 1), ("sqs_strain_rattle", 1), ("sqs_rattle_large", 1),
                                            ("sqs_rattle_large", 3)]):  # fmt: skip
        atoms = bulk("Si", a=5.4 + 0.05 * place).repeat((repeat, 1, 1))
        atoms.info |= {"name": f"own-{place}", "config_type": kind}
        own.append(atoms)
    write_frames(project.candidates(0, "selected"), own)
    monkeypatch.chdir(project.root / "jobs")
    outcome = mb("--dry-run")
    assert [line for line in outcome.stdout.splitlines() if "structure" in line] == [
        "structure: own-1, 2 atoms",
        "structure: own-2, 2 atoms",
    ]


def test_labels_of_a_check_stay_out_of_a_shared_database_and_its_settings_out_of_label() -> None:
    write_input(LOW + "data:\n  database: postgresql://me@server/labels\n")
    frame = read("si.extxyz", "0")
    frame.info |= {"name": "si", "dft_settings": "ecutwfc=30 ecutrho=120"}
    check = factory.open_scan([frame], [frame], Path("input.yaml"), Path("check"))
    assert load_config(check.config).data.database == ""
    (spec,) = label.expected(check, load_config(check.config), 0)
    assert spec.parameters["dft_settings"] == {"ecutwfc": 30, "ecutrho": 120}
    project = factory.open_factory([frame], Path("input.yaml"), Path("labels"))
    (spec,) = label.expected(project, load_config(project.config), 0)
    assert "dft_settings" not in spec.parameters
    other = frame.copy()
    other.info["name"] = "other"
    with pytest.raises(InputError, match="made from another input"):
        factory.open_scan([other], [other], Path("input.yaml"), Path("check"))
