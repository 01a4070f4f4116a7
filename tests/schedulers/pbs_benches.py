"""PBS servers to put the contract to: the fake with its faults, and a real OpenPBS where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.schedulers.pbs import PbsScheduler

from .benches import Fake

FAKE = Path(__file__).parent / "fake_pbs"
SITE = Site(
    name="loopback",
    scheduler="pbs",
    queues=[Queue(name="workq", max_walltime=86400, cores_per_node=2)],
    limits=Limits(max_queued=1000, max_array=1000),
)


def bad_site() -> Scheduler:
    """A queue that nobody has."""
    queue = Queue(name="nosuch", max_walltime=86400, cores_per_node=2)
    return PbsScheduler(SITE.model_copy(update={"queues": [queue]}))


class FakePbs(Fake):
    """The fake PBS."""

    shortest_s = 4
    tools, variable, requeueing = FAKE, "FAKE_PBS", "qrerun"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.scheduler: Scheduler = PbsScheduler(SITE)

    def bad_site(self) -> Scheduler:
        return bad_site()


class RealPbs:
    """A server of OpenPBS on this machine, of which we are root: queue workq, job history on, flatuid."""

    batch, minute_s, shortest_s, patience_s = True, 60.0, 1, 60.0

    def __init__(self) -> None:
        self.scheduler: Scheduler = PbsScheduler(SITE)

    @staticmethod
    def there() -> bool:
        """Is one running, and may we administrate it?"""
        if shutil.which("qmgr") is None or os.geteuid() != 0:
            return False
        return _run("qmgr", "-c", "list queue workq").returncode == 0

    def down(self) -> None:
        _run("qterm", "-t", "quick")
        _until(lambda: _run("qstat", "-B").returncode != 0)

    def up(self) -> None:
        if _run("qstat", "-B").returncode != 0:
            _run("pbs_server")
        _until(lambda: _run("qstat", "-B").returncode == 0)

    def restart(self) -> None:
        self.down()
        self.up()

    def full(self) -> None:
        _run("qmgr", "-c", "set server max_queued=[u:PBS_GENERIC=0]")

    def roomy(self) -> None:
        _run("qmgr", "-c", "unset server max_queued")

    def requeue(self, scheduler_id: str) -> None:
        _run("qrerun", scheduler_id)

    def bad_site(self) -> Scheduler:
        return bad_site()

    def stop(self) -> None:
        self.roomy()
        live = _run("qselect").stdout.split()
        if live:
            _run("qdel", *live)


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120)


def _until(done: object) -> None:
    end = time.monotonic() + 60
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.2)
