"""Labels through the real engine with real pw.x: won at once, on a second try, refused, killed, rebuilt from the folders."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.db import connect
from ase.db.row import AtomsRow

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.config.site import LOCAL, Site
from mlipbatch.core import frames
from mlipbatch.core.job import Resources
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.factory import FACTORY
from mlipbatch.schedulers import LocalScheduler
from mlipbatch.schedulers.local import sessions
from mlipbatch.stages import disk, label, timings
from mlipbatch.stages.base import Attempt
from mlipbatch.store import jobfolder
from mlipbatch.store.durable import read_frames, write_frames
from mlipbatch.store.inbox import drop_request
from mlipbatch.store.project import create_project
from tests.engine.conftest import INPUT

pytestmark = pytest.mark.engines

QUICK = {"ecutwfc": 12, "kpoints_spacing": 0.6, "degauss": 0.02}


def al4(name: str = "al4") -> Atoms:
    atoms = bulk("Al", a=4.0, cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.info.update({frames.NAME: name, frames.CONFIG_TYPE: "sqs_rattle_small", frames.ROOT: "al"})
    return atoms


class Factory:
    """A project whose only work is to label some structures."""

    def __init__(
        self, folder: Path, structures: list[Atoms], system: dict[str, object] | None = None, **dft: object
    ) -> None:
        source = folder / "input.yaml"
        raw = yaml.safe_load(INPUT)
        raw["dft"] |= {**QUICK, **dft}
        raw["target_system"] = system or raw["target_system"]
        source.write_text(yaml.safe_dump(raw))
        config, reasons = load_expanded(source)
        self.project, _ = create_project(folder / "p", source.read_bytes(), render_config_yaml(config, reasons))
        write_frames(self.project.candidates(0, "selected"), structures)
        self.campaign = self.start()

    def start(self, site: Site = LOCAL) -> Campaign:
        project, scheduler = self.project, LocalScheduler(2, self.project.id, site)
        self.campaign = Campaign(project, scheduler, 2, FACTORY)
        return self.campaign

    def run(self, limit_s: float = 60.0) -> dict[str, str]:
        end = time.monotonic() + limit_s
        while not self.campaign.finished:
            assert time.monotonic() < end, self.campaign.index.counts()
            if not self.campaign.tick():
                time.sleep(0.05)
        return {f.name: jobfolder.look(f).state.value for f in jobfolder.walk(self.project.jobs)}

    def folder(self, name: str) -> Path:
        return self.project.jobs / "gen000/scf" / name

    def rows(self) -> list[AtomsRow]:
        return list(connect(self.project.data / "mlip.db").select())


@pytest.fixture
def made() -> Iterator[list[Factory]]:
    factories: list[Factory] = []
    yield factories
    for factory in factories:
        for session in sessions(factory.project.id):
            factory.campaign.hands.scheduler.cancel(session.id)


def test_labels_reach_the_database_and_it_can_be_rebuilt(tmp_path: Path, made: list[Factory]) -> None:
    boxed = al4("boxed")
    boxed.set_array(frames.FORCE_MASK, np.array([1.0, 1.0, 0.0, 0.0]))
    boxed.info[frames.GAMMA_MAX] = 3.5
    close = al4("close")
    close.positions[1] = close.positions[0] + [0.3, 0, 0]
    made.append(factory := Factory(tmp_path, [al4(), boxed, close]))
    assert factory.run() == {"al4": "DONE", "boxed": "DONE", "close": "FAILED"}
    assert "0.300 A apart" in (factory.folder("close") / "FAILED").read_text()
    assert not (factory.folder("close") / "attempt-1").exists()  # it never reached pw.x

    rows = {row.name: row for row in factory.rows()}
    result = read_frames(factory.folder("al4") / label.RESULT)[0]
    assert rows["al4"].energy == pytest.approx(result.info[frames.REF_ENERGY], abs=1e-10)
    assert np.allclose(rows["al4"].forces, result.arrays[frames.REF_FORCES])
    assert np.allclose(rows["al4"].stress, result.info[frames.REF_STRESS])
    assert (rows["al4"].attempts, rows["al4"].rung, rows["boxed"].uncertainty_gamma) == (1, "first", 3.5)
    assert rows["boxed"].data.force_mask.tolist() == [1, 1, 0, 0]
    assert not list(factory.folder("al4").glob("attempt-*/out/*"))  # no wavefunctions, no density
    verdict = jobfolder.read_record(factory.folder("al4") / "attempt-1" / "verdict.yaml")
    assert verdict["freed_bytes"] > 100_000
    (cost, _) = timings.read(factory.project)
    assert (cost.size.atoms, cost.size.bands, cost.size.nspin) == (4, 10, 1)
    assert cost.iterations == result.info["dft_iterations"]

    uuids = {row.uuid for row in rows.values()}
    (factory.project.data / "mlip.db").unlink()
    factory.start()
    factory.run()
    assert {row.uuid for row in factory.rows()} == uuids


def test_an_scf_that_ran_out_of_steps_is_tried_again_and_gives_the_same_energy(
    tmp_path: Path, made: list[Factory]
) -> None:
    (tmp_path / "short").mkdir()
    (tmp_path / "long").mkdir()
    made.append(short := Factory(tmp_path / "short", [al4()], electron_maxstep=5, conv_thr=1e-10))
    made.append(long := Factory(tmp_path / "long", [al4()], conv_thr=1e-10))
    assert short.run() == long.run() == {"al4": "DONE"}
    assert (short.rows()[0].attempts, long.rows()[0].attempts) == (2, 1)
    assert short.rows()[0].energy == pytest.approx(long.rows()[0].energy, abs=1e-6)
    assert "did not converge in 5 steps" in (short.folder("al4") / "history.log").read_text()
    first = jobfolder.read_record(short.folder("al4") / "attempt-1" / "verdict.yaml")
    assert (first["decision"], first["name"]) == ("again", "electronic_convergence_not_reached")


def test_on_a_site_with_scratch_a_restart_finds_the_density_and_nothing_is_left(
    tmp_path: Path, made: list[Factory]
) -> None:
    (tmp_path / "p1").mkdir()
    made.append(factory := Factory(tmp_path / "p1", [al4()], electron_maxstep=5, conv_thr=1e-10))
    scratch = tmp_path / "scratch"
    factory.start(LOCAL.model_copy(update={"scratch": str(scratch)}))
    assert factory.run() == {"al4": "DONE"}
    folder = factory.folder("al4")
    assert factory.rows()[0].attempts == 2
    assert "The initial density is read from file" in (folder / "attempt-2" / "pw.out").read_text()
    assert list(scratch.iterdir()) == []
    assert not any((folder / f"attempt-{number}" / "out").is_symlink() for number in (1, 2))
    assert list(folder.rglob("*charge-density*")) == []
    reasons = jobfolder.read_record(folder / "attempt-1" / "attempt.yaml")["reasons"]
    assert {"outdir", "memory", "nbnd", "K_POINTS", "starting_magnetization"} <= set(reasons)


def test_a_link_into_a_scratch_that_is_gone_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    (tmp_path / "kept").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "kept")
    disk.clean([Attempt(1, tmp_path)], ("out", "linked"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_memory_is_asked_for_where_the_cell_needs_more_than_usual() -> None:
    usual = Resources(cores=4, walltime_s=100)
    assert label._enough(usual, 3000, None) == usual
    assert label._enough(usual, 20_000, None).memory_mb == 20_000
    assert label._enough(usual, 20_000, 16_000).memory_mb == 16_000


def test_sloshing_iron_is_won_by_softer_mixing(tmp_path: Path, made: list[Factory]) -> None:
    iron = bulk("Fe", "bcc", a=2.83, cubic=True)
    iron.set_initial_magnetic_moments(None)  # ASE's own would win over the dataset's
    iron.info[frames.NAME] = "iron"
    system = {"elements": ["Fe"], "composition": {"Fe": 1.0}, "crystal_structure": "bcc"}
    hard = {
        "pseudopotential_table": "debian-pbe",
        "ecutwfc": 22,
        "ecutrho": 180,
        "kpoints_spacing": 1.2,
        "conv_thr": 5e-7,
    }
    made.append(factory := Factory(tmp_path, [iron], system, **hard, starting_magnetization={"Fe": 1.0}))
    assert factory.run(120) == {"iron": "DONE"}
    (row,) = factory.rows()
    assert (row.attempts, row.rung) == (2, "beta0.3")
    assert "did not converge in 100 steps" in (factory.folder("iron") / "history.log").read_text()
    inputs = [(factory.folder("iron") / f"attempt-{n}" / "pw.in").read_text() for n in (1, 2)]
    assert [re.search(r"mixing_beta\s*=\s*(\S+)", text)[1] for text in inputs] == ["0.7", "0.3"]  # type: ignore[index]


def test_a_label_job_that_was_killed_runs_again_unchanged(tmp_path: Path, made: list[Factory]) -> None:
    made.append(factory := Factory(tmp_path, [al4()], kpoints_spacing=0.35, ecutwfc=16))
    while not sessions(factory.project.id):
        factory.campaign.tick()
    factory.campaign.hands.scheduler.cancel(sessions(factory.project.id)[0].id)
    assert factory.run() == {"al4": "DONE"}
    attempts = sorted(factory.folder("al4").glob("attempt-*"))
    assert len(attempts) == 2
    assert (attempts[0] / "pw.in").read_text() == (attempts[1] / "pw.in").read_text()


def test_a_label_that_is_made_again_replaces_its_row(tmp_path: Path, made: list[Factory]) -> None:
    made.append(factory := Factory(tmp_path, [al4()]))
    factory.run()
    drop_request(factory.project, "retry", ["gen000/scf/al4"])
    factory.campaign.tick()
    assert factory.rows() == []  # put back: no label until it is won again
    assert factory.run() == {"al4": "DONE"}
    assert [row.attempts for row in factory.rows()] == [2]


def test_done_by_hand_without_a_result_is_made(tmp_path: Path, made: list[Factory]) -> None:
    made.append(factory := Factory(tmp_path, [al4(), al4("torn")]))
    assert factory.run() == {"al4": "DONE", "torn": "DONE"}
    (factory.folder("al4") / label.RESULT).unlink()
    (factory.folder("torn") / label.RESULT).write_text("4\n")
    (factory.project.data / "mlip.db").unlink()
    factory.start()
    assert factory.run() == {"al4": "DONE", "torn": "DONE"}
    assert {row.name: row.attempts for row in factory.rows()} == {"al4": 2, "torn": 2}


def test_forces_are_never_put_on_atoms_that_were_moved_meanwhile(tmp_path: Path, made: list[Factory]) -> None:
    made.append(factory := Factory(tmp_path, [al4()]))
    while not (factory.folder("al4") / "attempt-1" / "started").exists():
        factory.campaign.tick()
    other = al4()
    other.positions[0] += 0.1
    write_frames(factory.folder("al4") / label.STRUCTURE, [other])
    assert factory.run() == {"al4": "FAILED"}
    assert "changed after attempt-1" in (factory.folder("al4") / "FAILED").read_text()


def test_a_torn_database_pauses_and_comes_back(tmp_path: Path, made: list[Factory]) -> None:
    made.append(factory := Factory(tmp_path, [al4()]))
    database = factory.project.data / "mlip.db"
    database.write_bytes(b"no database " * 100)
    factory.campaign.tick()
    assert "made again from the job folders" in factory.campaign.paused
    database.unlink()
    assert factory.run() == {"al4": "DONE"}
    assert len(factory.rows()) == 1
