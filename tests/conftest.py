"""What tests of several rooms share: a place for caches, and a real SLURM on the loopback device, one a session."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgresql import Server, programs

SLURM_SH = Path(__file__).parent.parent / "tools" / "slurm.sh"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")


@pytest.fixture(scope="session", autouse=True)
def own_cache() -> Iterator[None]:
    """Caches of job folders go where they are removed again, those of subprocesses too; nobody's own are looked at."""
    before = os.environ.get("MLIPBATCH_CACHE")
    with tempfile.TemporaryDirectory(prefix="mlipbatch-tests-") as folder:
        os.environ["MLIPBATCH_CACHE"] = folder
        yield
    if before is None:
        del os.environ["MLIPBATCH_CACHE"]
    else:
        os.environ["MLIPBATCH_CACHE"] = before


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--need-slurm", action="store_true", help="fail, rather than skip, where slurm-wlm and munge are not installed"
    )


@pytest.fixture(scope="session")
def slurm_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a SLURM of one node with three CPUs, which is up; SLURM_CONF has still to be set."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    lacking = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if lacking:
        sentence = f"no {', '.join(lacking)} here: apt-get install slurm-wlm munge"
        if request.config.getoption("--need-slurm"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    folder = tmp_path_factory.mktemp("slurm")
    environment = {**os.environ, "CPUS": "3"}
    up = subprocess.run(
        ["bash", str(SLURM_SH), "up", str(folder)], capture_output=True, text=True, env=environment, check=False
    )
    assert up.returncode == 0, up.stderr
    yield folder
    subprocess.run(["bash", str(SLURM_SH), "down", str(folder)], check=True, capture_output=True)


@pytest.fixture
def slurm(slurm_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That SLURM, for this test's commands."""
    monkeypatch.setenv("SLURM_CONF", str(slurm_folder / "slurm.conf"))
    return slurm_folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server of this session's own."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    pytest.importorskip("ase_db_backends")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # a socket's path has at most 107 characters
        Path(folder).chmod(0o755)
        data = Path(folder) / "server"
        data.mkdir()
        server = Server(found, data)
        yield server
        server.stop()


@pytest.fixture
def new_postgresql(postgresql: Server) -> Callable[[], str]:
    """Makes empty databases, and gives their addresses."""
    return postgresql.new
