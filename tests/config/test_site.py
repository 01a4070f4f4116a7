"""Site files: what they may hold, who wins, and how they reach the jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipbatch.config import load_expanded
from mlipbatch.config.errors import InputError
from mlipbatch.config.site import LOCAL, Queue, Site
from mlipbatch.config.site_file import available, chosen_site, environment, load_site, named_site, on_site
from mlipbatch.core.job import Resources
from mlipbatch.engine import place
from mlipbatch.schedulers import detect
from mlipbatch.schedulers.base import Refused
from mlipbatch.schedulers.queues import choose

GOOD = """\
name: test
scheduler: slurm
queues:
  - {name: short, max_walltime: 3600, cores_per_node: 64}
  - {name: long, max_walltime: 86400, cores_per_node: 64, max_nodes: 4, memory_per_node: 100000}
gpu_queues:
  - {name: gpu, max_walltime: 86400, cores_per_node: 32, gpus_per_node: 4}
launcher: srun --ntasks={cores}
programs: {pw.x: /opt/qe/pw.x -nk 2, pacemaker: /opt/pacemaker}
environment: {WORD: "a b"}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "mlipbatch").mkdir(parents=True)
    return tmp_path / "home" / "mlipbatch"


def written(folder: Path, text: str, name: str = "site.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("change", "line", "column", "sentence"),
    [
        ("scheduler: slurm -> scheduler: slrm", 2, 12, "did you mean 'slurm'?"),
        ("launcher: srun -> launchr: srun", 8, 1, "'launchr' is not known (did you mean 'launcher'?)"),
        ("name: short -> name: 'sh ort'", 4, 12, "characters that are not allowed"),
        ("max_walltime: 3600 -> max_walltime: 3", 4, 33, "greater than or equal to 60"),
        ("max_walltime: 3600,  -> ", 3, 1, "'queues[0].max_walltime' is missing: longest wall time"),
        ('"a b" -> "a\\nb"', 10, 21, "line breaks"),
        ("WORD: -> 'WO RD':", 10, 15, "plain name as the key"),
        ("name: test -> name: test\nheader: ['rm -rf /']", 2, 10, "begins with #SBATCH"),
        ('name: test -> name: test\naccount: "a b"', 2, 10, "characters that are not allowed"),
        ("name: test -> name: test\nscratch: '$(rm -rf /)'", 2, 10, "characters that are not allowed"),
        ("name: test -> name: test\nmodules: ['qe; rm']", 2, 11, "characters that are not allowed"),
    ],
)
def test_a_wrong_site_file_is_refused_with_its_place(
    tmp_path: Path, change: str, line: int, column: int, sentence: str
) -> None:
    before, after = change.split(" -> ")
    assert before in GOOD
    path = written(tmp_path, GOOD.replace(before, after, 1))
    with pytest.raises(InputError) as caught:
        load_site(path)
    assert str(caught.value).startswith(f"{path}:{line}:{column}: "), caught.value
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", sorted(available()))
def test_every_site_that_is_shipped_can_be_read(name: str) -> None:
    assert load_site(named_site(name)).source


def test_who_wins(home: Path, tmp_path: Path) -> None:
    assert chosen_site() is None
    written(home, GOOD)
    assert chosen_site().name == "test"  # type: ignore[union-attr]
    assert chosen_site("local").scheduler == "local"  # type: ignore[union-attr]
    own = written(tmp_path, GOOD.replace("name: test", "name: other"), "other.yaml")
    assert chosen_site(str(own)).name == "other"  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"no site 'slrm' \(did you mean 'slurm'\?\)"):
        chosen_site("slrm")


def test_a_site_that_input_yaml_names_may_lie_beside_it(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "mine.yaml")
    source = tmp_path / "input.yaml"
    source.write_text(INPUT.replace("parallel_cores: 4", "parallel_cores: 4\n  site: mine.yaml"))
    config, reasons = load_expanded(source, labels=False)
    assert (config.resources.site, reasons["resources.site"]) == (str(tmp_path / "mine.yaml"), "given")
    assert place.check(config).name == "test"


INPUT = """\
project_name: "tiny"
target_system: {elements: ["Al"], composition: {"Al": 1.0}, crystal_structure: "fcc"}
simulation_goal: {type: "elastic", temperature_range: [300, 600]}
resources:
  dft_code: "quantum_espresso"
  parallel_cores: 4
  gpu_enabled: false
"""


def test_jobs_that_fit_no_queue_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("86400", "7200"), "mine.yaml")
    source = tmp_path / "input.yaml"
    source.write_text(INPUT.replace("parallel_cores: 4", "parallel_cores: 4\n  site: mine.yaml"))
    config, _ = load_expanded(source, labels=False)
    with pytest.raises(InputError, match=r"dft_walltime ask for .* no queue of site test takes it"):
        place.check(config)


def test_the_first_queue_that_takes_a_job_gets_it(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, GOOD))
    assert [choose(site, Resources(4, s)).name for s in (60, 3600, 3601)] == ["short", "short", "long"]  # type: ignore[union-attr]
    assert choose(site, Resources(200, 60)).name == "long"  # type: ignore[union-attr]
    assert choose(site, Resources(1, 60, gpus=4)).name == "gpu"  # type: ignore[union-attr]
    for wrong in (Resources(257, 60), Resources(1, 86401), Resources(65, 60, 200001), Resources(1, 60, gpus=5)):
        with pytest.raises(Refused):
            choose(site, wrong)


def test_programs_launcher_and_environment_reach_the_jobs(tmp_path: Path) -> None:
    site = load_site(written(tmp_path, GOOD))
    source = tmp_path / "input.yaml"
    source.write_text(INPUT)
    config, _ = load_expanded(source, labels=False)
    assert on_site(config, site).dft.command == "srun --ntasks={cores} /opt/qe/pw.x -nk 2"
    assert on_site(config, LOCAL).dft.command == "pw.x"
    own = config.model_copy(update={"dft": config.dft.model_copy(update={"command": "mpirun my_pw.x"})})
    assert on_site(own, site).dft.command == "mpirun my_pw.x"  # the user's own words win
    assert environment(site) == {"MLIPBATCH_PACEMAKER": "/opt/pacemaker", "WORD": "a b"}


def test_partitions_as_sinfo_has_them() -> None:
    row = detect.partition(["gpu*", "up", "2-00:00:00", "64+", "257000+", "12", "gpu:a100:4(S:0-1)"])
    assert row == Queue(
        name="gpu", max_walltime=172800, cores_per_node=64, max_nodes=12, memory_per_node=231300, gpus_per_node=4
    )
    assert detect.partition(["debug", "up", "infinite", "2", "1", "1", "(null)"]).memory_per_node is None


def test_inside_a_job_its_own_cores_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert detect.detect() == LOCAL


@pytest.mark.engines
@pytest.mark.slurm
def test_slurm_is_found_with_its_partitions_and_one_that_is_down_is_still_slurm(slurm: Path) -> None:
    found = detect.completed(detect.detect())
    assert found.scheduler == "slurm"
    assert [(queue.name, queue.cores_per_node, queue.max_nodes) for queue in found.queues] == [("debug", 3, 1)]
    assert detect.completed(Site(name="x", scheduler="slurm", queues=[found.queues[0]])).queues == [found.queues[0]]
