"""The jobs of a selection that holds structures for which there is no calculation: they are refused, and nothing else stops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch.config import load_config
from mlipbatch.config.scf_cost import PRIOR, Model
from mlipbatch.core import frames
from mlipbatch.stages import label, timings
from mlipbatch.store.durable import read_frames, write_frames
from mlipbatch.store.project import Project
from tests.engine.conftest import project

__all__ = ["project"]  # a fixture


def al4(name: str, **info: str) -> Atoms:
    atoms = bulk("Al", a=4.05, cubic=True)
    atoms.info |= {frames.NAME: name, **info}
    return atoms


def test_no_wall_time_is_forecast_for_what_will_be_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for the symmetry of a position that is no number, spglib kills the process, and with it the daemon."""
    good, bad = al4("good"), al4("bad")
    bad.positions[1, 0] = np.nan
    write_frames(project.candidates(0, "selected"), [good, bad])
    knowing = timings.Learned([])
    knowing.model = Model(PRIOR, scatter=0.2, learned_from=50)
    monkeypatch.setattr(timings, "learned", lambda _project: knowing)
    config = load_config(project.config)
    made = {spec.id: spec.resources.walltime_s for spec in label.expected(project, config, 0)}
    assert made == {"gen000/scf/good": timings.LEAST_S, "gen000/scf/bad": config.jobs.dft_walltime}


@pytest.mark.parametrize("edge", [0.0, float("nan"), float("inf")])
def test_a_curve_has_the_mesh_of_its_smallest_cell_that_is_one(project: Project, edge: float, tmp_path: Path) -> None:
    curve = {frames.CONFIG_TYPE: frames.EOS_REFERENCE, frames.ROOT: "al"}
    small, large, bad = al4("small", **curve), al4("large", **curve), al4("bad", **curve)
    large.set_cell(1.1 * large.cell, scale_atoms=True)
    bad.set_cell([4, 4, edge])
    write_frames(project.candidates(0, "selected"), [small, large, bad])
    meshes = {}
    for spec in label.expected(project, load_config(project.config), 0):
        (tmp_path / "one.extxyz").write_text(spec.files[label.STRUCTURE])
        meshes[spec.id.rpartition("/")[2]] = read_frames(tmp_path / "one.extxyz")[0].info.get(frames.KPOINTS)
    assert [list(meshes[name]) for name in ("small", "large")] == 2 * [[11, 11, 11]]
    assert meshes["bad"] is None
