"""The quick ones of the cases that `tools/cured_cases.py` runs, through `mlipbatch label` and real pw.x."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engines

TOOL = Path(__file__).parent.parent.parent / "tools" / "cured_cases.py"
QUICK = ["spin_nomag", "hot_Fe", "close_Fe_1.0", "close_Fe_0.9", "charge_wrong", "too_few_bands"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("cases")
    run = subprocess.run([sys.executable, str(TOOL), str(folder), *QUICK], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return {name: json.loads((folder / name / "outcome.json").read_text()) for name in QUICK}


def test_each_is_cured_by_its_rung_to_a_tenth_of_a_mev(outcomes: dict[str, dict[str, Any]]) -> None:
    assert outcomes["spin_nomag"]["rungs"] == ["first", "beta0.3"]
    assert outcomes["close_Fe_1.0"]["rungs"] == ["first", "cg", "paro"]
    assert all(outcomes[name]["difference"] < 0.1 for name in ("spin_nomag", "close_Fe_1.0"))


def test_what_only_hotter_electrons_converge_is_brought_back_to_its_own_degauss(
    outcomes: dict[str, dict[str, Any]],
) -> None:
    hot = outcomes["hot_Fe"]
    assert hot["rungs"][:4] == ["first", "local-TF", "degauss", "degauss_back"]
    assert set(hot["rungs"][4:]) <= {"degauss_back"}  # more steps, from the density
    assert hot["difference"] < 0.1


def test_what_must_not_run_never_does_and_says_why(outcomes: dict[str, dict[str, Any]]) -> None:
    refused = {name: outcomes[name] for name in ("close_Fe_0.9", "charge_wrong", "too_few_bands")}
    assert all(outcome["rungs"] == [] and outcome["energy"] is None for outcome in refused.values())
    assert "ZBL is the truth" in refused["close_Fe_0.9"]["reason"]
    assert "'occupations' cannot be set" in refused["charge_wrong"]["reason"]
    assert "too few bands" in refused["too_few_bands"]["reason"]
