"""Every script that is rendered, with awkward values: shellcheck finds nothing, and nothing of a value is run."""

from __future__ import annotations

import resource as resource_limits
import shutil
import subprocess
from pathlib import Path

import pytest

from mlipbatch.config.resources import resource
from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.core.job import AttemptPlan, Resources
from mlipbatch.schedulers import batch
from mlipbatch.schedulers.render import render

AWKWARD = [
    "plain",
    "it's two words",
    'say "hi" $(touch canary) `touch canary`',
    "%j\\ $HOME;touch canary&",
    "été 日本\t#",
]
SCHEDULERS = sorted(path.name for path in resource("templates").glob("*.sh.j2") if path.name[:3] not in ("job", "bat"))


def site(word: str, scheduler: str) -> Site:
    directive = {"slurm": "#SBATCH --comment=x", "pbs": "#PBS -r y"}.get(scheduler, "# x")
    return Site(
        name=word.replace("\t", " "),
        scheduler=scheduler,  # type: ignore[arg-type]
        queues=[Queue(name="q", max_walltime=86400, cores_per_node=8, memory_per_node=16000, header=[directive])],
        gpu_queues=[Queue(name="g", max_walltime=86400, cores_per_node=8, gpus_per_node=4, whole_nodes=True)],
        account="acc-1",
        qos="high",
        header=[directive],
        modules=["qe/7.2"],
        before=["ulimit -s unlimited"],
        environment={"WORD": word.replace("\t", " ")},
        programs={"pacemaker": "/opt/p x"},
        scratch="${TMPDIR:-/tmp}/x",
        limits=Limits(max_array=10),
    )


def rendered(template: str, word: str, folder: Path, resources: Resources) -> list[str]:
    chosen = site(word, template.split(".", maxsplit=1)[0])
    plan = AttemptPlan(
        "base",
        f"because {word}\nand\r more",
        "echo made",
        environment={"MORE": word},
        before=("true",),
        resources=resources,
    )
    job = render(
        template, job="gen000/scf/a", attempt=1, token="mb-x", folder=folder, inbox=folder, plan=plan, site=chosen
    )
    members = [[batch.Member(60, 1, "jobs/gen000/scf/a/attempt-1")] * 2] * 2
    texts = batch.files(
        template, chosen, token="mb-b", folder=folder, project=folder, inbox=folder, tasks=members,
        resources=resources, reserve_s=60,
    )  # fmt: skip
    return [job, texts["batch.sh"]]


@pytest.mark.parametrize("word", AWKWARD)
@pytest.mark.parametrize("template", SCHEDULERS)
def test_shellcheck_finds_nothing(template: str, word: str, tmp_path: Path) -> None:
    """But that a $ in a value is not expanded (SC2016), which is what the quotes are for."""
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here: apt-get install shellcheck")
    scripts = []
    for resources in (Resources(2, 90), Resources(8, 86400, 9000, 2, ("node1", "node2"))):
        for text in rendered(template, word, tmp_path / word, resources):
            scripts.append(tmp_path / f"script{len(scripts)}.sh")
            scripts[-1].write_text(text)
    done = subprocess.run(
        ["shellcheck", "--shell=bash", "--exclude=SC2016", *scripts], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("word", AWKWARD)
def test_no_value_is_run(word: str, tmp_path: Path) -> None:
    folder = tmp_path / word / "attempt-1"
    folder.mkdir(parents=True)
    script, _ = rendered("slurm.sh.j2", word, folder, Resources(2, 90))
    (folder / "job.sh").write_text(
        script.replace("echo made", 'printf "%s|%s" "$WORD" "$MORE" > values').replace("module load", ": ")
    )
    subprocess.run(["bash", str(folder / "job.sh")], cwd=tmp_path, check=True)
    assert list(tmp_path.rglob("canary")) == []
    assert (folder / "values").read_text() == f"{word.replace(chr(9), ' ')}|{word}"
    assert (folder / "exit").read_text() == "0\n"


def test_a_crash_leaves_no_image_of_its_memory(tmp_path: Path) -> None:
    """SLURM hands on the limits of the shell that submits; a core of every rank of pw.x would fill the shared disk."""
    folder = tmp_path / "attempt-1"
    folder.mkdir()
    script, _ = rendered("slurm.sh.j2", "x", folder, Resources(1, 90))
    crash = "ulimit -c > limit; sh -c 'kill -SEGV $$'"
    (folder / "job.sh").write_text(script.replace("echo made", crash).replace("module load", ": "))
    soft, hard = resource_limits.getrlimit(resource_limits.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("this machine allows no core")
    resource_limits.setrlimit(resource_limits.RLIMIT_CORE, (hard, hard))
    try:
        subprocess.run(["bash", str(folder / "job.sh")], cwd=tmp_path, check=False)
    finally:
        resource_limits.setrlimit(resource_limits.RLIMIT_CORE, (soft, hard))
    assert (folder / "limit").read_text() == "0\n"
    assert (folder / "exit").read_text() == "139\n"
    assert list(folder.glob("core*")) == []


def test_the_header_of_a_slurm_job(tmp_path: Path) -> None:
    script, _ = rendered("slurm.sh.j2", "x", tmp_path, Resources(12, 90))
    lines = [line for line in script.splitlines() if line.startswith("#SBATCH")]
    assert lines[0] == "#SBATCH --job-name=mb-x"
    assert "#SBATCH --time=2" in lines  # whole minutes
    assert (
        "#SBATCH --partition=q" not in lines
    )  # twelve cores are more than its node: it is refused when it is submitted
    gpu, _ = rendered("slurm.sh.j2", "x", tmp_path, Resources(4, 90, gpus=2, exclude=("n1", "n2")))
    wanted = [
        "--partition=g",
        "--nodes=1",
        "--ntasks=4",
        "--exclusive",
        "--account=acc-1",
        "--qos=high",
        "--gres=gpu:2",
    ]
    assert [line.split()[1] for line in gpu.splitlines() if line.startswith("#SBATCH")][7:14] == wanted
    plain, _ = rendered("slurm.sh.j2", "x", tmp_path, Resources(2, 90))
    assert "#SBATCH --mem=4000M" in plain  # its share of a node
