"""A project of any number of jobs for `engine.py`: the folders that a campaign leaves, made quickly.

Up to LINKED_FROM jobs all files of a finished label are there, each one of its own. Above, there are fewer (KEPT), and what
never changes is a hard link to one of a few files: three inodes a job in place of nineteen, two of them its folders.
"""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from ase import Atoms

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.core import frames
from mlipbatch.core.job import JobSpec, Resources
from mlipbatch.store import database, jobfolder
from mlipbatch.store.durable import render_frames
from mlipbatch.store.label_row import Row
from mlipbatch.store.project import Project, create_project

INPUT = """\
project_name: "many"
target_system: {elements: ["Al", "Mg"], composition: {"Al": 0.75, "Mg": 0.25}, crystal_structure: "fcc"}
simulation_goal: {type: "elastic", temperature_range: [300, 600]}
resources: {dft_code: "quantum_espresso", parallel_cores: 1, gpu_enabled: false}
dft: {pseudopotential_table: "debian-lda"}
"""
GROUP = "gen000/scf"
QUEUED, PENDING = 1000, 1000  # of them; the rest has ended, one in twenty FAILED
LINKED_FROM, LINKS = 200_000, 60_000  # ext4 has at most 65,000 links to a file
TEXTS = {  # of a finished label, beside job.yaml and the structure
    "history.log": "2026-01-05T08:00:00Z  -> PENDING  created\n" * 4,
    "result.extxyz": "1\n\nAl 0 0 0\n",
    "claim": "mb-000000000\n",
}
ATTEMPT = {
    "attempt.yaml": "rung: base\nwhy: first try\n", "job.sh": "#!/bin/bash\n", "started": "node 1 2026-01-05T08:00:00Z\n",
    "job.log": "", "pw.in": "&CONTROL\n", "pw.out": "JOB DONE.\n", "pw.err": "", "exit": "0\n",
    "verdict.yaml": "decision: accept\n", "job_id": "1\n",
    "submit.yaml": "token: mb-000000000\nscheduler: instant\nwalltime_s: 3600\n",
}  # fmt: skip
KEPT = {"job.yaml", "history.log", "structure.extxyz", "result.extxyz", "submit.yaml", "exit", "pw.out", "verdict.yaml"}
LEFT_BY_THE_END = {"exit", "verdict.yaml", "started", "pw.out"}


def make(root: Path, jobs: int) -> Project:
    """The project. Its first QUEUED jobs are SUBMITTED under the scheduler id and token of their number."""
    source = root / "input.yaml"
    source.write_text(INPUT)
    config, reasons = load_expanded(source, labels=False)
    project, _ = create_project(root / "many", source.read_bytes(), render_config_yaml(config, reasons))
    for stage in ("generate/candidates", "screen/candidates", "select/labels"):
        _write(project.jobs / f"gen000/{stage}", "DONE", {"job.yaml": "", "history.log": ""}, ATTEMPT)
    (project.jobs / GROUP).mkdir(parents=True)
    _selection(project, jobs)
    linked = _sources(root, jobs) if jobs > LINKED_FROM else None
    with ProcessPoolExecutor() as processes:
        chunks = [range(low, min(low + 5000, jobs)) for low in range(0, jobs, 5000)]
        list(processes.map(partial(_fill, project.jobs / GROUP, linked), chunks))
    _rows(project, jobs)
    return project


def name(number: int) -> str:
    """Of a job."""
    return f"al-mg-{number:07d}"


def token(number: int) -> str:
    """Of a job in the queue."""
    return f"mb-{number:09d}"


def state(number: int) -> str:
    """Of a job."""
    if number < QUEUED + PENDING:
        return "SUBMITTED" if number < QUEUED else "PENDING"
    return "DONE" if number % 20 else "FAILED"


def _spec(number: int) -> JobSpec:
    return JobSpec(f"{GROUP}/{name(number)}", "scf", Resources(1, 3600), priority=number % 7, parameters={"atoms": 1})


def _structure(number: int) -> str:
    atoms = Atoms("Al", cell=[4, 4, 4], pbc=True)
    atoms.info = {frames.NAME: name(number), frames.CONFIG_TYPE: "sqs"}
    return render_frames([atoms])


def _fill(group: Path, linked: Path | None, numbers: range) -> None:
    texts = {"job.yaml": jobfolder.render_spec(_spec(numbers[0])), "structure.extxyz": _structure(numbers[0]), **TEXTS}
    for number in numbers:
        kind, folder = state(number), group / name(number)
        if kind in {"PENDING", "SUBMITTED"}:
            own = {key: text for key, text in texts.items() if key not in {"result.extxyz", "claim"}}
            sent = {key: text for key, text in ATTEMPT.items() if key not in LEFT_BY_THE_END}
            sent |= {"submit.yaml": sent["submit.yaml"].replace("mb-000000000", token(number)), "job_id": f"{number}\n"}
            own["job.yaml"] = jobfolder.render_spec(_spec(number))
            _write(folder, kind, own, sent if kind == "SUBMITTED" else None)
        elif linked is None:
            _write(folder, kind, texts, ATTEMPT)
        else:
            _link(folder, kind, linked / str(number // LINKS), texts)


def _write(folder: Path, kind: str, texts: dict[str, str], attempt: dict[str, str] | None) -> None:
    folder.mkdir(parents=True)
    for key, text in {**texts, kind: "why\n"}.items():
        (folder / key).write_text(text)
    if attempt is not None:
        (folder / "attempt-1").mkdir()
        for key, text in attempt.items():
            (folder / "attempt-1" / key).write_text(text)


def _link(folder: Path, kind: str, source: Path, texts: dict[str, str]) -> None:
    folder.mkdir()
    (folder / "attempt-1").mkdir()
    (folder / kind).write_text("why\n")
    for key in KEPT:
        os.link(f"{source}/{key}", f"{folder}/{key}" if key in texts else f"{folder}/attempt-1/{key}")


def _sources(root: Path, jobs: int) -> Path:
    texts = {"job.yaml": jobfolder.render_spec(_spec(0)), "structure.extxyz": _structure(0), **TEXTS, **ATTEMPT}
    for number in range(jobs // LINKS + 1):
        folder = root / "linked" / str(number)
        folder.mkdir(parents=True)
        for key, text in texts.items():
            (folder / key).write_text(text)
    return root / "linked"


def _selection(project: Project, jobs: int) -> None:
    """What the labels were made of: the stages count it."""
    first = _structure(0)
    with project.candidates(0, "selected").open("w") as handle:
        handle.writelines(first.replace(name(0), name(number)) for number in range(jobs))


def _rows(project: Project, jobs: int) -> None:
    """data/mlip.db with a row for every DONE label; beyond the first only what the engine asks of them: whose they are."""
    import numpy as np

    atoms = Atoms("Al", cell=[4, 4, 4], pbc=True)
    atoms.info = {frames.NAME: "one", frames.REF_ENERGY: 0.0, frames.REF_STRESS: np.zeros(6), "dft_wall_s": 1.0}
    atoms.set_array(frames.REF_FORCES, np.zeros((1, 3)))
    path = project.data / "mlip.db"
    database.add(path, [Row(project.id, f"{GROUP}/first", atoms)])
    done = ((f"{GROUP}/{name(number)}", number + 2) for number in range(jobs) if state(number) == "DONE")
    with closing(sqlite3.connect(path)) as tables:
        tables.executemany("INSERT INTO text_key_values (key, value, id) VALUES ('job', ?, ?)", done)
        tables.commit()
