"""Jobs of mixed lengths, and a project that holds them: for `makespan.py`."""

from __future__ import annotations

from math import log
from pathlib import Path
from random import Random

from mlipbatch.config import load_expanded, render_config_yaml
from mlipbatch.core.job import Resources
from mlipbatch.stages.work import work
from mlipbatch.store import jobfolder
from mlipbatch.store.project import Project, create_project

INPUT = """\
project_name: "makespan"
target_system: {elements: ["Al"], composition: {"Al": 1.0}, crystal_structure: "fcc"}
simulation_goal: {type: "elastic", temperature_range: [300, 600]}
resources: {dft_code: "quantum_espresso", parallel_cores: CORES, gpu_enabled: false}
dft: {pseudopotential_table: "debian-lda"}
"""
KIND = "gen000/generate"


def lengths(number: int, seed: int, median_s: float, sigma: float, between: tuple[float, float]) -> dict[str, float]:
    """Seconds by name, log-normal, cut at both ends."""
    source = Random(seed)  # noqa: S311  a benchmark
    low, high = between
    return {
        f"job-{n:05d}": round(min(high, max(low, source.lognormvariate(log(median_s), sigma))), 3)
        for n in range(number)
    }


def make_project(folder: Path, jobs: dict[str, tuple[str, int]], cores: int) -> Project:
    """A project with these jobs: a line of bash and a wall time (s) by name; they may use so many cores at a time."""
    folder.mkdir(parents=True)
    source = folder / "input.yaml"
    source.write_text(INPUT.replace("CORES", str(cores)))
    config, reasons = load_expanded(source, labels=False)
    project, _ = create_project(folder / "makespan", source.read_bytes(), render_config_yaml(config, reasons))
    for name, (line, walltime_s) in jobs.items():
        spec = work(f"{KIND}/{name}", [["bash", "-c", line]], {}, Resources(1, walltime_s))
        jobfolder.create(project.jobs, spec)
    return project


def share(work_s: float, slots: int, makespan_s: float) -> float:
    """Of the slots' time, how much went into the jobs' own programs."""
    return round(work_s / (slots * makespan_s), 4)
