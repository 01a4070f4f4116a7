"""Mixed structures through the DFT factory, with real pw.x: what became labels, what was recovered, what it cost.

    python benchmarks/factory.py --local [--slurm] [--number 200 --absurd 0.1 --seed 0 --cores 2 --folder FOLDER --json FILE]

Al-Mg, Si, Fe with spin and water (factory_structures.py), a share of them absurd on purpose, go through `mlipbatch label`, a
command a family, since a label has one functional. `--local`: on this machine's local scheduler; `--slurm`: on a real slurmctld
and slurmd on the loopback device (tools/slurm.sh); with both, one after the other, and the energies are compared. Every label is
checked against its output once more, by patterns of this benchmark's own; 1 is returned where one does not hold, where an absurd
structure came as far as pw.x, or where the two places disagree. In an existing FOLDER the same command goes on.

Needs pw.x and Debian's quantum-espresso-data. Disk is what the folders take, sampled every half second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ase.io import write
from factory_figures import Outcome, disagreement, figures, frames, read_outcomes, wrong_labels
from factory_structures import FAMILIES, PSEUDO, Family, structures

TOOL = Path(__file__).parent.parent / "tools" / "slurm.sh"
PLACES = ("local", "slurm")
AGREE_MEV = 0.1  # a cell, that two runs of one calculation may differ by


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--local", action="store_true", help="on the local scheduler")
    parser.add_argument("--slurm", action="store_true", help="on a real SLURM on the loopback device")
    parser.add_argument("--number", type=int, default=200, help="structures (200)")
    parser.add_argument("--absurd", type=float, default=0.1, help="share of them that is absurd (0.1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time (2)")
    parser.add_argument("--folder", type=Path, help="where the work is kept (a temporary folder, removed afterwards)")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    places = [place for place in PLACES if getattr(options, place)]
    if not places:
        parser.error("--local, --slurm or both")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).resolve()
        report, outcomes = {}, {}
        for place in places:
            report[place], outcomes[place] = measure(place, folder / place, options)
            keep(report, options.json)
        if len(places) == 2:
            report["disagreement"] = disagreement(*outcomes.values())
            keep(report, options.json)
    print(json.dumps(report, indent=1))
    return 0 if right(report) else 1


def keep(report: dict[str, Any], path: Path | None) -> None:
    """Write what there is so far: the second place takes as long as the first."""
    if path:
        path.write_text(json.dumps(report, indent=1) + "\n")


def right(report: dict[str, Any]) -> bool:
    """Is every label one, did nothing absurd reach pw.x, and do the places agree?"""
    apart = report.get("disagreement", {})
    places = [report[place] for place in PLACES if place in report]
    return (
        all(not place["wrong"] and not place["absurd that reached pw.x"] for place in places)
        and not apart.get("labelled by one only")
        and apart.get("largest_difference_mev", 0.0) < AGREE_MEV
    )


def measure(place: str, folder: Path, options: argparse.Namespace) -> tuple[dict[str, Any], list[Outcome]]:
    """The figures of one place, and the outcomes behind them."""
    folder.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    begun = time.time()
    with scheduler(place, folder, options.cores) as environment, Disk(folder) as disk:
        for name, made in structures(options.number, options.absurd, options.seed).items():
            one = folder / name
            one.mkdir(exist_ok=True)
            if not (one / "in.extxyz").exists():
                write(one / "in.extxyz", made)
                (one / "input.yaml").write_text(yaml.safe_dump(settings(FAMILIES[name])))
            label(one, folder / "site.yaml", options.cores, environment)
            labels, given_up = (frames(one / file) for file in ("out.extxyz", "out.failed.extxyz"))
            outcomes += read_outcomes(name, one / "out.jobs" / "jobs", labels, given_up)
            say(f"{place}: {name}: {len(labels)} labels, {len(given_up)} given up, after {time.time() - begun:.0f} s")
    families = {name: figures([one for one in outcomes if one.family == name]) for name in FAMILIES}
    found = {
        **figures(outcomes),
        "wrong": wrong_labels(outcomes),
        "wall_s": round(time.time() - begun, 1),
        "disk_peak_mb": round(disk.peak / 1e6, 1),
        "disk_left_mb": round(disk.now() / 1e6, 1),
        "load_average": os.getloadavg(),
    }
    return {**found, "families": families}, outcomes


def settings(family: Family) -> dict[str, Any]:
    """The input.yaml of a family."""
    elements = list(family.pseudopotentials)
    return {
        "project_name": "mixed",
        "target_system": {
            "elements": elements,
            "composition": {element: 1 / len(elements) for element in elements},
            "crystal_structure": family.crystal,
        },
        "simulation_goal": {"type": "elastic", "temperature_range": [300, 600]},
        "resources": {"dft_code": "quantum_espresso", "parallel_cores": 2, "gpu_enabled": False},
        "dft": {"pseudo_dir": PSEUDO, "pseudopotentials": family.pseudopotentials, **family.dft},
        "jobs": {"dft_cores": 1, "dft_walltime": 900},
    }


def label(folder: Path, site: Path, cores: int, environment: dict[str, str]) -> None:
    """`mlipbatch label`, which exits with 1 where structures were given up; its words go into `log`."""
    words = [
        "label",
        "in.extxyz",
        "--config",
        "input.yaml",
        "-o",
        "out.extxyz",
        "--site",
        str(site),
        "--cores",
        str(cores),
    ]
    with (folder / "log").open("a") as log:
        status = subprocess.run(
            [sys.executable, "-m", "mlipbatch", *words],
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False,
        ).returncode  # fmt: skip
    if status not in (0, 1):
        raise SystemExit(f"{folder}: mlipbatch label ended with {status}\n{(folder / 'log').read_text()[-2000:]}")


@contextmanager
def scheduler(place: str, folder: Path, cores: int) -> Iterator[dict[str, str]]:
    """The environment of `mlipbatch label` there; `site.yaml` in the folder describes the place."""
    environment = {
        **os.environ,
        "MLIPBATCH_LOCAL_POOL": str(folder),
        "MLIPBATCH_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    site: dict[str, Any] = {"name": f"benchmark, {place}", "scheduler": place, "interval": 0.5}
    if place == "slurm":
        site |= {"queues": [{"name": "debug", "max_walltime": 86400, "cores_per_node": cores}]}
        site |= {"limits": {"max_queued": 100, "max_array": 1000}}
    (folder / "site.yaml").write_text(yaml.safe_dump(site))
    if place == "local":
        yield environment
        return
    cluster = folder / "cluster"
    subprocess.run([TOOL, "up", cluster], check=True, stdout=sys.stderr, env={**environment, "CPUS": str(cores)})
    try:
        yield {**environment, "SLURM_CONF": str(cluster / "slurm.conf")}
    finally:
        subprocess.run([TOOL, "down", cluster], check=True, stdout=sys.stderr, env=environment)


class Disk:
    """The most that a folder took on its disk, looked at in a thread."""

    def __init__(self, folder: Path, every_s: float = 0.5) -> None:
        self.folder, self.every_s, self.peak = folder, every_s, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Disk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def now(self) -> int:
        """Bytes allocated now; what vanishes meanwhile counts nothing."""
        return sum(allocated(entry) for entry in self.folder.iterdir())

    def _watch(self) -> None:
        while not self._over.wait(self.every_s):
            self.peak = max(self.peak, self.now())


def allocated(path: str | os.PathLike[str]) -> int:
    try:
        own = os.lstat(path).st_blocks * 512
        with os.scandir(path) as entries:
            return own + sum(
                allocated(entry.path) if entry.is_dir(follow_symlinks=False) else size(entry) for entry in entries
            )
    except NotADirectoryError:
        return own
    except OSError:
        return 0


def size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
