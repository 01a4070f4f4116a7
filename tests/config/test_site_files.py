"""The site files that come with mlipbatch: each is valid, says where its facts come from, and gives scripts without a fault."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from mlipbatch.config.site import Queue, Site
from mlipbatch.config.site_file import load_site
from mlipbatch.core.job import AttemptPlan, Resources
from mlipbatch.schedulers.pbs_options import options
from mlipbatch.schedulers.pbs_states import Flavour
from mlipbatch.schedulers.queues import choose
from mlipbatch.schedulers.render import render

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "site_configs").glob("*.yaml"))
MACHINES = [path for path in FILES if path.stem not in {"local", "slurm", "pbs"}]
BODY = "mpirun -np 4 pw.x -in pw.in > pw.out 2> pw.err"


def ids(path: Path) -> str:
    return path.stem


def script(site: Site, resources: Resources, folder: Path) -> str:
    plan = AttemptPlan("base", "a test", BODY, resources=resources)
    return render(
        f"{site.scheduler}.sh.j2", job="gen000/scf/x", attempt=1, token="mb-012345678", folder=folder, inbox=folder,
        plan=plan, site=site,
    )  # fmt: skip


def test_there_are_enough_to_start_from() -> None:
    assert len(MACHINES) >= 8
    assert {load_site(path).scheduler for path in MACHINES} == {"slurm", "pbs"}


@pytest.mark.parametrize("path", MACHINES, ids=ids)
def test_a_machine_says_where_its_facts_come_from(path: Path) -> None:
    site = load_site(path)
    assert re.search(r"looked at 20\d\d-\d\d-\d\d$", site.source)
    assert re.search(r"(page|pages|sections|Guide) ", site.source)
    assert site.queues
    assert site.limits.bundle_walltime <= max(queue.max_walltime for queue in site.queues)


@pytest.mark.parametrize("path", MACHINES, ids=ids)
def test_a_machine_takes_a_small_dft_job(path: Path) -> None:
    site = load_site(path)
    assert choose(site, Resources(8, 3600)) == site.queues[0]
    if site.gpu_queues:
        assert choose(site, Resources(8, 3600, gpus=1)) == site.gpu_queues[0]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("path", FILES, ids=ids)
def test_its_scripts_pass_shellcheck(path: Path, tmp_path: Path) -> None:
    site = load_site(path)
    wishes = [Resources(8, 3600), Resources(16, 7200, memory_mb=30000)]
    wishes += [Resources(8, 3600, gpus=1)] if site.gpu_queues else []
    for number, resources in enumerate(wishes):
        file = tmp_path / f"job-{number}.sh"
        file.write_text(script(site, resources, tmp_path / "two words"))
        checked = subprocess.run(["shellcheck", str(file)], capture_output=True, text=True, check=False)
        assert checked.stdout == ""


@pytest.mark.parametrize("path", [path for path in FILES if load_site(path).scheduler == "pbs"], ids=ids)
def test_the_header_is_what_qsub_is_asked(path: Path, tmp_path: Path) -> None:
    site, resources = load_site(path), Resources(8, 3600)
    queue = choose(site, resources)
    lines = [line for line in script(site, resources, tmp_path).splitlines() if line.startswith("#PBS")]
    asked = [f"#PBS {flag} {value}" for flag, value in options(site, queue, resources)]
    assert lines == ["#PBS -N mb-012345678", *asked, *site.header, *(queue.header if queue else [])]


QUEUE = Queue(name="q", max_walltime=86400, cores_per_node=48, max_nodes=4, memory_per_node=192000)


@pytest.mark.parametrize(
    ("queue", "resources", "flavour", "asked"),
    [
        (None, Resources(4, 90), Flavour.PRO, ["select=1:ncpus=4:mpiprocs=4", "walltime=00:01:30"]),
        (QUEUE, Resources(4, 360000), Flavour.PRO, ["select=1:ncpus=4:mpiprocs=4:mem=16000mb", "walltime=100:00:00"]),
        (QUEUE, Resources(64, 60, 1001), Flavour.PRO,
         ["select=2:ncpus=32:mpiprocs=32:mem=501mb", "place=scatter", "walltime=00:01:00"]),
        (QUEUE.model_copy(update={"whole_nodes": True}), Resources(4, 60, 1001), Flavour.PRO,
         ["select=1:ncpus=48:mpiprocs=4", "place=scatter:excl", "walltime=00:01:00"]),
        (QUEUE, Resources(4, 60, gpus=2), Flavour.PRO,
         ["select=1:ncpus=4:mpiprocs=4:ngpus=2:mem=16000mb", "walltime=00:01:00"]),
        (QUEUE, Resources(64, 60, 1001), Flavour.TORQUE, ["nodes=2:ppn=32", "mem=1001mb", "walltime=00:01:00"]),
    ],
)  # fmt: skip
def test_what_pbs_is_asked_for(queue: Queue | None, resources: Resources, flavour: Flavour, asked: list[str]) -> None:
    pairs = options(Site(name="x", scheduler="pbs", account="me"), queue, resources, flavour)
    assert [value for flag, value in pairs if flag == "-l"] == asked
    assert ("-A", "me") in pairs


def test_arrays_of_pbs() -> None:
    site = Site(name="x", scheduler="pbs")
    flags = dict(options(site, None, Resources(), tasks=3))
    assert (flags["-J"], flags["-o"], flags["-r"]) == ("0-2", "job.^array_index^.log", "y")
    assert "-J" not in dict(options(site, None, Resources(), tasks=1))
    assert dict(options(site, None, Resources(), Flavour.TORQUE, 3))["-t"] == "0-2"


def test_the_page_of_sites_is_current() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "site_reference.py"))
    assert (ROOT / "docs" / "sites.md").read_text() == tool["page"](), "run `make docs`"
