"""The benchmark writes what outside programs read, on folders that are a real project's, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "engine.py"
KEYS = {
    "find_s", "cold_start_s", "rebuild_s", "idle_tick_s", "tick_100_changes_s", "tick_100_changes_durable_s", "status_s",
    "daemon_rss_mb", "signac_flow_list_s", "myqueue_list_s",
}  # fmt: skip


@pytest.mark.engines
def test_report_has_its_keys_and_its_folders_are_gone(tmp_path: Path) -> None:
    folder, report = tmp_path / "folder", tmp_path / "report.json"
    folder.mkdir()
    argv = [sys.executable, str(SCRIPT), "--jobs", "2500", "--repeats", "1", "--json", str(report)]
    subprocess.run([*argv, "--folder", str(folder)], check=True, capture_output=True)
    found = json.loads(report.read_text())
    assert set(found) == {"2500"}
    for row in found.values():
        assert set(row) >= KEYS
        assert all(value > 0 for value in row.values())
    assert not list(folder.iterdir())
