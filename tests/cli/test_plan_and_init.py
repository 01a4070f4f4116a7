"""From a few words to an input file, and from there to every value and what it costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from mlipbatch.cli.init import init
from mlipbatch.cli.plan import plan
from mlipbatch.config import InputError, load_config
from mlipbatch.config.cost import estimate, irreducible_kpoints
from mlipbatch.config.partial import leaves
from mlipbatch.config.starter import parse_material

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "al_mg" / "input.yaml"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def run(command, *arguments: str, stdin: str = ""):
    app = typer.Typer()
    app.command()(command)
    outcome = CliRunner().invoke(app, list(arguments), input=stdin)
    if isinstance(outcome.exception, InputError):
        raise outcome.exception
    return outcome


def test_plan_shows_every_value_with_its_reason(folder):
    shown = run(plan, str(EXAMPLE)).stdout
    for path in leaves():
        assert path in shown
    assert "from +-1 % to +-10 %: the equation of state" in shown
    assert "\x1b[" not in shown  # no colour into pipes
    assert list(folder.iterdir()) == []


def test_plan_as_json(folder):
    told = json.loads(run(plan, str(EXAMPLE), "--json").stdout)
    assert list(told["values"]) == list(leaves())
    assert all(set(entry) == {"value", "unit", "reason"} for entry in told["values"].values())
    assert told["values"]["dft.ecutwfc"] == {"value": 16.0, "unit": "Ry", "reason": "given"}
    assert told["dft_calculations"] == sum(group["number"] for group in told["labels"]) > 62
    assert told["days"] > 0


def test_the_example_costs_minutes():
    """Measured: labels of 4, 8 and 16 atoms take 2, 7 and 26 s on one core, the whole loop a quarter of an hour on two."""
    cost = estimate(load_config(EXAMPLE, labels=True))
    by_size = {group.atoms: group.core_seconds for group in cost.labels if group.what == "first generation"}
    for atoms, seconds in ((4, 1.9), (8, 6.7), (16, 26)):
        assert seconds / 3 < by_size[atoms] < 3 * seconds
    assert 5 < cost.days * 1440 < 45


def test_cost_grows_as_it_must():
    config = load_config(EXAMPLE, labels=True)

    def hours(**dft: object) -> float:
        return estimate(config.model_copy(update={"dft": config.dft.model_copy(update=dft)})).core_hours

    assert hours(ecutwfc=32, ecutrho=128) > 2 * hours()
    assert hours(kpoints_spacing=0.15) > 4 * hours()
    assert hours(nspin=2) > 2 * hours()


def test_kpoints_are_counted_as_pw_x_does():
    """Cells without symmetry: pw.x 6.7 found 112 points in a 6x6x6 mesh and 14 in a 3x3x3 one."""
    assert irreducible_kpoints(4.07, 0.3) == 112
    assert irreducible_kpoints(8.0, 0.3) == 14
    assert irreducible_kpoints(100.0, 0.3) == 1


def test_init_without_questions(folder):
    run(init, "alloy", "--material", "Al0.75Mg0.25", "--goal", "elastic", "--cores", "4", "-y")
    config = load_config(folder / "alloy" / "input.yaml")
    assert config.target_system.composition == {"Al": 0.75, "Mg": 0.25}
    assert config.target_system.crystal_structure == "fcc"  # as aluminium
    assert config.resources.parallel_cores == 4
    assert config.project_name == "Al0.75Mg0.25_elastic"
    with pytest.raises(InputError, match=r"alloy/input\.yaml: is there already"):
        run(init, "alloy", "--material", "Si", "-y")


def test_init_asks_three_questions(folder):
    outcome = run(init, stdin="Fe70Ni30\nmelt_quench\n64\n")
    assert outcome.stderr.count(":") >= 3
    written = yaml.safe_load((folder / "input.yaml").read_text())
    assert written["target_system"] == {
        "elements": ["Fe", "Ni"], "composition": {"Fe": 0.7, "Ni": 0.3}, "crystal_structure": "bcc",
    }  # fmt: skip
    assert written["simulation_goal"]["type"] == "melt_quench"
    assert written["resources"]["parallel_cores"] == 64


def test_init_from_a_structure_file(folder):
    from ase.build import bulk
    from ase.io import write

    write(folder / "MgO.cif", bulk("MgO", "rocksalt", a=4.21))
    run(init, "oxide", "--structure", "MgO.cif", "-y")
    config = load_config(folder / "oxide" / "input.yaml")
    assert config.target_system.composition == {"Mg": 0.5, "O": 0.5}
    assert config.target_system.crystal_structure == str(folder / "MgO.cif")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-y"], "no material"),
        (["--material", "aluminium", "-y"], "is no formula"),
        (["--material", "Al0.75Xx0.25", "-y"], "'Xx' is not a chemical symbol"),
        (["--material", "Al1.2.3", "-y"], "material 'Al1.2.3'"),
        (["--material", "Al0", "-y"], "amount of zero"),
        (["--material", "Al", "--goal", "elastik", "-y"], "did you mean 'elastic'"),
        (["--material", "Al", "--structure", "fc", "-y"], "neither one of fcc"),
    ],
)
def test_init_refuses_and_writes_nothing(folder, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        run(init, *arguments)
    assert list(folder.iterdir()) == []


def test_formulas():
    assert parse_material("Al3Mg") == {"Al": 0.75, "Mg": 0.25}
    assert parse_material("Fe70Ni30") == {"Fe": 0.7, "Ni": 0.3}
    assert parse_material("Si") == {"Si": 1.0}
    assert sum(parse_material("CrMnFeCoNi").values()) == pytest.approx(1)


def test_on_a_cluster_the_days_are_those_of_its_queue(folder, monkeypatch):
    """The user's own site file counts; what was taken for granted is said."""
    here = json.loads(run(plan, str(EXAMPLE), "--json").stdout)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "settings"))
    site = folder / "settings" / "mlipbatch" / "site.yaml"
    site.parent.mkdir(parents=True)
    site.write_text("name: our cluster\nscheduler: slurm\nlimits: {max_queued: 50}\n")
    short, long = (json.loads(run(plan, str(EXAMPLE), "--queue-wait", w, "--json").stdout) for w in ("1", "60"))
    assert short["days"] > here["days"]
    assert long["days"] - short["days"] > 8 * 59 / 1440  # each step of the loop waits once
    assert "our cluster" in long["assumptions"][0]
    assert "60 min" in long["assumptions"][1]
    assert here["core_hours"] == long["core_hours"]
