"""Odd names and values: quoted or refused, in every script that is rendered; a canary tells what was run that should not be."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipbatch.config.errors import InputError
from mlipbatch.config.site import LOCAL
from mlipbatch.config.site_file import chosen_site
from mlipbatch.core.job import AttemptPlan, JobSpec, Resources
from mlipbatch.core.state import JobState
from mlipbatch.schedulers.render import render
from mlipbatch.stages.work import _line
from tests.engine.conftest import Session, bash
from tests.reliability.scene import LONG, make_project

CANARY = "/tmp/mlipbatch-canary"
ATTACKS = [
    f"$(touch {CANARY})", f"`touch {CANARY}`", f"; touch {CANARY} ;", f"\ntouch {CANARY}\n", f"'; touch {CANARY}; '",
    f'"; touch {CANARY}; "', f"\n#SBATCH --wrap='touch {CANARY}'\n", f"|| touch {CANARY}", f"&& touch {CANARY}",
    f"${{IFS}}touch${{IFS}}{CANARY}", "%j", "{{ token }}", "{% raw %}", "\\", "~", "*", "!!", "\t", "\r", "-rf", "#",
    "\u2028", "é", "'", '"', "$HOME", "<(touch x)", " ",
]  # fmt: skip
HOSTILE = st.lists(
    st.sampled_from(ATTACKS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), max_size=4
).map("".join)
NAMES = HOSTILE.map(lambda text: text.replace("/", "_").replace("\0", "")[:60]).filter(
    lambda text: text not in {"", ".", ".."}
)
few = settings(max_examples=1000 if LONG else 25, deadline=None)


def script(template: str, folder: Path, inbox: Path, plan: AttemptPlan) -> Path:
    path = folder / "job.sh"
    path.write_text(
        render(template, job="gen000/cut/a", attempt=1, token="mb-123456789", folder=folder, inbox=inbox, plan=plan)
    )
    return path


@few
@given(folder=NAMES, why=HOSTILE, value=HOSTILE, words=st.lists(HOSTILE, max_size=3))
@pytest.mark.parametrize("template", ["local.sh.j2", "slurm.sh.j2"])
def test_no_name_and_no_value_runs_anything(template: str, folder: str, why: str, value: str, words: list[str]) -> None:
    Path(CANARY).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as root:
        attempt, inbox = Path(root) / folder / "attempt-1", Path(root) / f"{folder} inbox"
        attempt.mkdir(parents=True)
        inbox.mkdir()
        command = f'printf "%s" "$VALUE" > value\n{_line(["true", *words])}'
        plan = AttemptPlan("base", why, command, environment={"VALUE": value}, resources=Resources())
        job = script(template, attempt, inbox, plan)
        ended = subprocess.run(["bash", str(job)], cwd="/", capture_output=True, timeout=20, check=False)
        assert not Path(CANARY).exists()
        assert ended.returncode == 0, (ended.stderr, job.read_text())
        assert (attempt / "value").read_bytes().decode() == value
        assert (attempt / "exit").read_text() == "0\n"
        assert {path.name for path in inbox.iterdir()} == {"mb-123456789.started", "mb-123456789.exit"}


@pytest.mark.parametrize("text", [attack for attack in ATTACKS if not attack.isalnum() and attack != "-rf"])
def test_a_job_cannot_be_called_that(text: str) -> None:
    with pytest.raises(ValueError, match="is not GENERATION/KIND/NAME"):
        JobSpec(f"gen000/scf/{text}", "scf", Resources())


@pytest.mark.parametrize("key", ["account", "qos", "scratch"])
@pytest.mark.parametrize(
    "attack", [f"x\n#SBATCH --wrap='touch {CANARY}'", f"x; touch {CANARY}", f"$(touch {CANARY})", "x y"]
)
def test_a_site_cannot_put_commands_where_names_belong(tmp_path: Path, key: str, attack: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump({"name": "x", "scheduler": "slurm", key: attack}))
    with pytest.raises(InputError, match=key):
        chosen_site(str(path))


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed: apt-get install shellcheck"
)
@pytest.mark.parametrize("template", ["local.sh.j2", "slurm.sh.j2"])
@pytest.mark.parametrize("attack", ["plain", f"a b'c\"d $(touch {CANARY})"])
def test_shellcheck_has_nothing_to_say(tmp_path: Path, template: str, attack: str) -> None:
    folder = tmp_path / attack.replace("/", "_")
    folder.mkdir()
    site = LOCAL.model_copy(
        update={
            "environment": {"A": attack},
            "modules": ["gcc/12"],
            "scratch": "/scratch/$USER",
            "before": ["ulimit -s 9"],
        }
    )
    plan = AttemptPlan("base", attack, _line(["pw.x", attack]), environment={"B": attack}, resources=Resources(4, 600))
    text = render(
        template, job="gen000/scf/a", attempt=1, token="mb-1", folder=folder, inbox=folder, plan=plan, site=site
    )
    (folder / "job.sh").write_text(text)
    quoted = "SC2016"  # "expressions don't expand in single quotes": that is what they are for
    argv = ["shellcheck", "-s", "bash", "-e", quoted, str(folder / "job.sh")]
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_a_project_in_an_odd_place_works_as_anywhere(tmp_path: Path) -> None:
    place = tmp_path / "a b'c\"d $(touch x) é\n;&"
    place.mkdir()
    session = Session(make_project(place / "%j {{x}}"))
    session.add(bash("ok", "echo 42 > answer", publish={"answer": "candidates/answer"}))
    assert session.finish() == {"ok": JobState.DONE}
    session.kill_all()
