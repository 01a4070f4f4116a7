"""Every wrong input: one sentence with its place, exit code 2, nothing written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlipbatch.cli.plan import plan
from mlipbatch.cli.submit import submit
from mlipbatch.config import InputError

CASES = Path(__file__).parent.parent / "data" / "wrong_inputs"
FILES = sorted(path.name for path in CASES.glob("*.yaml"))
EXPECTED = dict(zip(FILES, (CASES / "EXPECTED.txt").read_text().splitlines(), strict=True))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory of its own, and a user who installed nothing."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def refused(command, name: str) -> str:
    """What a command says of an input file; fails if it says nothing."""
    app = typer.Typer()
    app.command()(command)
    outcome = CliRunner().invoke(app, [name])
    assert isinstance(outcome.exception, InputError), outcome.output
    assert outcome.stdout == ""
    return str(outcome.exception)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", [plan, submit], ids=["plan", "submit"])
def test_one_sentence_and_nothing_written(folder, command, name):
    shutil.copy(CASES / name, folder)
    if name == "structure_file_is_yaml.yaml":
        shutil.copy(CASES / "key_typo.yaml", folder)
    before = sorted(folder.rglob("*"))

    sentence = refused(command, name)

    assert sentence == EXPECTED[name]
    assert sentence.isprintable()
    assert sorted(folder.rglob("*")) == before
    assert not (folder.parent / "home").exists()


def test_at_least_twenty_five_cases():
    assert len(FILES) >= 25
    assert len(set(EXPECTED.values())) == len(FILES)


def test_a_missing_file_and_a_folder(folder):
    assert refused(plan, "nowhere.yaml") == "nowhere.yaml: cannot be read: No such file or directory"
    assert refused(plan, ".") == ".: is a folder: name the YAML file in it"


def test_a_huge_file(folder):
    (folder / "huge.yaml").write_text("# nothing\n" * 100_000)
    assert refused(plan, "huge.yaml").startswith("huge.yaml: is larger than 256 kB")


def test_exit_code_two_and_no_traceback(folder):
    """The command as it is installed."""
    import subprocess
    import sys

    shutil.copy(CASES / "key_typo.yaml", folder)
    done = subprocess.run(
        [sys.executable, "-c", "from mlipbatch.cli.main import main; main()", "plan", "key_typo.yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (2, "", EXPECTED["key_typo.yaml"] + "\n")


def test_a_byte_order_mark_is_no_mistake(folder):
    text = (CASES / "key_typo.yaml").read_text().replace("target_sytem", "target_system")
    (folder / "input.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert refused(submit, "input.yaml").startswith("input.yaml:1:1: no pseudopotentials of Fe, Ni: get SSSP")


def test_plan_needs_no_pseudopotentials_but_says_what_submit_will_want(folder):
    text = (CASES / "key_typo.yaml").read_text().replace("target_sytem", "target_system")
    (folder / "input.yaml").write_text(text)
    app = typer.Typer()
    app.command()(plan)
    outcome = CliRunner().invoke(app, ["input.yaml", "--json"])
    assert outcome.exit_code == 0
    assert "`submit` will refuse this: no pseudopotentials of Fe, Ni" in outcome.stderr
