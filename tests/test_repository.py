"""What people are told in the pages, and what a fresh clone is made from, agrees with the code."""

from __future__ import annotations

import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlipbatch.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name: str) -> dict[str, Version]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(line.split("==")[0]): Version(line.split("==")[1]) for line in lines}


def test_the_page_of_all_keys_is_current() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "input_reference.py"))
    assert (ROOT / "docs" / "input.md").read_text() == tool["page"](), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_files_and_commands_that_exist(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []

    commands = set(re.findall(r"(?:`|\bbin/)mlipbatch ([a-z]+)", text))
    assert commands <= set(COMMANDS)

    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_everything_that_is_installed_is_pinned_within_what_is_asked_for() -> None:
    pinned = pins("constraints.txt")
    asked = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    for requirement in map(Requirement, asked):
        if requirement.name != PROJECT["name"]:
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement} but {version}"


def test_both_environments_have_the_same_pyace_and_pins_name_no_place() -> None:
    assert pins("constraints.txt")["python-ace"] == pins("tools/pacemaker.txt")["python-ace"]
    for name in ("constraints.txt", "tools/pacemaker.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "+cpu" not in text  # which build of torch is the machine's business


@pytest.mark.parametrize("script", ["tools/setup.sh", "tools/pins.sh", "tools/slurm.sh", ".ci/run"])
def test_scripts_are_valid_bash(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    checked = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_demo_numbers_are_readable_even_where_one_is_missing() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "demo_numbers.py"))
    said = tool["numbers"]({"labels": 66, "energy_rmse_mev_per_atom": 4.18, "bulk_modulus_rel_error": None})
    rows = dict(re.split(r" {2,}", line.strip()) for line in said.splitlines())
    assert rows["labels"] == "66"
    assert rows["energy RMSE, held out"] == "4.2 meV/atom"
    assert rows["bulk modulus against DFT"] == "-"
