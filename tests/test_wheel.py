"""What somebody gets who installs the wheel instead of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHOW = "from mlipbatch.config.resources import resource; print(resource('templates', 'local.sh.j2').read_text())"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, which is all that installing a pure wheel does to its modules."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    (wheel,) = folder.glob("mlipbatch-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_templates_and_site_configs_come_along(installed: Path) -> None:
    for folder in ("templates", "site_configs"):
        ours = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert ours
        for path in ours:
            assert (installed / "mlipbatch" / path).read_bytes() == (ROOT / path).read_bytes()


def test_the_wheel_finds_its_own_templates(installed: Path, tmp_path: Path) -> None:
    where = run(installed, tmp_path, "-c", "import mlipbatch; print(mlipbatch.__file__)")
    assert where.stdout.strip() == str(installed / "mlipbatch" / "__init__.py")
    shown = run(installed, tmp_path, "-c", SHOW)
    assert shown.stdout.rstrip("\n") == (ROOT / "templates" / "local.sh.j2").read_text().rstrip("\n")


def test_the_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    from mlipbatch import __version__

    version = run(installed, tmp_path, "-m", "mlipbatch", "--version")
    assert version.stdout == f"mlipbatch {__version__}\n"
    assert (installed / f"mlipbatch-{__version__}.dist-info").is_dir()


def test_neither_tests_nor_tools_are_installed(installed: Path) -> None:
    assert {path.name for path in installed.iterdir()} == {"mlipbatch", next(installed.glob("*.dist-info")).name}
