"""The benchmark writes what outside programs read, and its own check of the picks passes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "selection.py"
KEYS = {"mlipbatch_s", "fpsample_s", "skmatter_s", "one_pass_floor_s", "identical_picks", "peak_rss_mb"}


@pytest.mark.engines
def test_report_has_its_keys_and_all_agree(tmp_path: Path) -> None:
    table, report = tmp_path / "descriptors.npy", tmp_path / "report.json"
    np.save(table, np.random.default_rng(3).normal(size=(1500, 12)))
    argv = [sys.executable, str(SCRIPT), "--descriptors", str(table), "--picks", "40", "--json", str(report)]
    subprocess.run(argv, check=True, capture_output=True)
    found = json.loads(report.read_text())
    assert set(found) >= KEYS
    assert found["identical_picks"] is True
    assert found["fpsample_same_picks"] == found["skmatter_same_picks"] == 40
