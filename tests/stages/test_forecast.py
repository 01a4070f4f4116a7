"""How long is left: of a campaign all its stages, of labels alone the labels."""

from __future__ import annotations

import pytest
from ase.build import bulk

from mlipbatch.config import load_config
from mlipbatch.stages import forecast
from mlipbatch.stages.forecast import Forecast
from mlipbatch.store.durable import write_frames
from mlipbatch.store.project import Project
from tests.engine.conftest import project

__all__ = ["project"]  # a fixture


def test_labels_alone_take_as_long_as_labels_do(project: Project) -> None:
    structures = [bulk("Al", cubic=True) for _ in range(10)]
    for number, atoms in enumerate(structures):
        atoms.info["name"] = f"a{number}"
    write_frames(project.candidates(0, "selected"), structures)
    config = load_config(project.config)
    usual = 10 * forecast.USUAL_LABEL_S * 4**2 / 2
    alone = Forecast(project, config, labels_alone=True).seconds_left({}, cores=2)
    assert alone == pytest.approx(usual, abs=0.1)
    assert Forecast(project, config).seconds_left({}, cores=2) > usual + sum(forecast.USUAL_S.values())
