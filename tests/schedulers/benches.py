"""Schedulers to put a contract to: the local machine, the fake SLURM with its faults, a real slurmctld and slurmd."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from mlipbatch.config.site import Limits, Queue, Site
from mlipbatch.core.job import AttemptPlan, Resources
from mlipbatch.core.state import IN_THE_QUEUE, QueueState
from mlipbatch.schedulers.base import QueueEntry, Scheduler
from mlipbatch.schedulers.local import LocalScheduler, sessions
from mlipbatch.schedulers.render import render
from mlipbatch.schedulers.slurm import SlurmScheduler

FAKE = Path(__file__).parent / "fake_slurm"
SLURM_SH = Path(__file__).parents[2] / "tools" / "slurm.sh"
SLURM_SITE = Site(
    name="loopback",
    scheduler="slurm",
    queues=[Queue(name="debug", max_walltime=86400, cores_per_node=2)],
    limits=Limits(max_queued=1000, max_array=1000),
)


class Bench(Protocol):
    """A scheduler, and the hands of its administrator."""

    scheduler: Scheduler
    batch: bool  # a queue that others stop, fill and requeue; the local machine is none
    minute_s: float  # the smallest wall time that it knows, in real seconds
    shortest_s: int  # and as it is asked for
    patience_s: float  # how long anything here may take at most

    def down(self) -> None:
        """Let its server stop answering."""

    def up(self) -> None:
        """Let it answer again."""

    def restart(self) -> None:
        """Stop and start its server; jobs run on."""

    def full(self) -> None:
        """Let it take no job now."""

    def roomy(self) -> None:
        """Let it take jobs again."""

    def requeue(self, scheduler_id: str) -> None:
        """Stop a running job and let it start again under its id."""

    def bad_site(self) -> Scheduler:
        """The same scheduler with a site file that names a queue which does not exist."""

    def stop(self) -> None:
        """Leave no job behind."""


class LocalBench:
    """This machine, in a pool of its own."""

    batch, minute_s, shortest_s, patience_s = False, 4.0, 4, 60.0

    def __init__(self) -> None:
        self.pool = f"contract-{uuid.uuid4().hex[:8]}"
        self.scheduler: Scheduler = LocalScheduler(2, self.pool)

    def stop(self) -> None:
        for session in sessions(self.pool):
            self.scheduler.cancel(session.id)


class Fake:
    """A fake scheduler in an empty folder: its commands stand before all others on the PATH until `stop`."""

    batch, minute_s, patience_s = True, 4.0, 60.0
    tools: Path  # folder of its commands
    variable: str  # the environment variable that names its folder
    requeueing: str  # what it calls putting a job back

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "faults").mkdir(parents=True)
        self._environment = pytest.MonkeyPatch()  # undone in `stop`: tests of the real one would meet the fake
        settings = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "FAKE_PYTHON": sys.executable,
            self.variable: str(folder),
        }
        for name, value in settings.items():
            self._environment.setenv(name, value)

    def fault(self, name: str, content: object = "") -> None:
        (self.folder / "faults" / name).write_text(str(content))

    def heal(self, *names: str) -> None:
        for name in names:
            (self.folder / "faults" / name).unlink(missing_ok=True)

    def down(self) -> None:
        self.fault("down")

    def up(self) -> None:
        self.heal("down")

    def restart(self) -> None:
        """Nothing is kept in memory, so there is nothing to restart."""

    def full(self) -> None:
        self.fault("limit", 0)

    def roomy(self) -> None:
        self.heal("limit")

    def requeue(self, scheduler_id: str) -> None:
        self._tool(self.requeueing, scheduler_id)

    def stop(self) -> None:
        self._tool("stop")
        self._environment.undo()

    def _tool(self, *words: str) -> None:
        subprocess.run([sys.executable, "-I", "-S", str(self.tools / "fake.py"), *words], check=True)


class FakeBench(Fake):
    """The fake SLURM."""

    shortest_s = 60
    tools, variable, requeueing = FAKE, "FAKE_SLURM", "requeue"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fault("minute", self.minute_s)
        self.scheduler: Scheduler = SlurmScheduler(SLURM_SITE)

    def bad_site(self) -> Scheduler:
        return bad_site()


class SlurmBench:
    """A real slurmctld and slurmd that `tools/slurm.sh` has started."""

    batch, minute_s, shortest_s, patience_s = True, 60.0, 60, 60.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scheduler: Scheduler = SlurmScheduler(SLURM_SITE)

    def down(self) -> None:
        slurm_tool("halt", self.folder)

    def up(self) -> None:
        slurm_tool("resume", self.folder)

    def restart(self) -> None:
        self.down()
        self.up()

    def full(self) -> None:
        self._control("update", "PartitionName=debug", "State=DRAIN")

    def roomy(self) -> None:
        self._control("update", "PartitionName=debug", "State=UP")

    def requeue(self, scheduler_id: str) -> None:
        """SLURM waits for two minutes before it starts such a job again; two seconds are enough for its credentials."""
        self._control("requeue", scheduler_id)
        end = time.monotonic() + self.patience_s
        while self.scheduler.snapshot({}).jobs[scheduler_id].reason != "PENDING BeginTime":
            assert time.monotonic() < end
            time.sleep(0.1)
        self._control("update", f"JobId={scheduler_id}", "StartTime=now+3")

    def bad_site(self) -> Scheduler:
        return bad_site()

    def stop(self) -> None:
        """Cancel what a test that failed left behind."""
        self.roomy()
        subprocess.run(["scancel", "--me", "--quiet", "--state=RUNNING", f"--name={self.leftovers()}"], check=False)

    def leftovers(self) -> str:
        return ",".join(entry.token for entry in self.scheduler.snapshot({}).jobs.values() if entry.token != EARLY)

    @staticmethod
    def _control(*words: str) -> None:
        done = subprocess.run(["scontrol", *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


EARLY = "mb-early"  # a job that waits for its wall time while other tests run


def slurm_tool(verb: str, folder: Path) -> None:
    """`tools/slurm.sh`, which must succeed."""
    done = subprocess.run(["bash", str(SLURM_SH), verb, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def bad_site() -> Scheduler:
    """A partition that nobody has."""
    queue = Queue(name="nosuch", max_walltime=86400, cores_per_node=2)
    return SlurmScheduler(SLURM_SITE.model_copy(update={"queues": [queue]}))


class Job:
    """A job that was handed over: a real job script in its own attempt folder."""

    def __init__(self, bench: Bench, job_folder: Path, command: str, resources: Resources, tasks: int = 0) -> None:
        self.bench, self.resources, self.tasks = bench, resources, tasks
        self.folder = job_folder / "attempt-1"
        self.folder.mkdir(parents=True)
        inbox = job_folder / "inbox"
        inbox.mkdir()
        self.token = f"mb-{uuid.uuid4().hex[:9]}"
        plan = AttemptPlan("base", "a test", command, resources=resources)
        text = render(
            bench.scheduler.template, job="gen000/generate/test", attempt=1, token=self.token, folder=self.folder,
            inbox=inbox, plan=plan, site=bench.scheduler.site,
        )  # fmt: skip
        (self.folder / "job.sh").write_text(text)
        self.id = ""

    def submit(self, scheduler: Scheduler | None = None) -> Job:
        chosen = scheduler or self.bench.scheduler
        self.id = chosen.submit(self.folder / "job.sh", self.token, self.resources, self.tasks)
        return self

    def entry(self) -> QueueEntry | None:
        return self.bench.scheduler.snapshot({self.id: self.folder}).jobs.get(self.id)

    def state(self) -> QueueState | None:
        entry = self.entry()
        return entry.state if entry else None

    def over(self) -> bool:
        return self.state() not in IN_THE_QUEUE

    def exit_code(self) -> int | None:
        path = self.folder / "exit"
        return int(path.read_text()) if path.exists() else None

    def read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def until(self, done: Callable[[], object], patience_s: float | None = None) -> None:
        end = time.monotonic() + (patience_s or self.bench.patience_s)
        while not done():
            assert time.monotonic() < end, f"{self.entry()}; {sorted(p.name for p in self.folder.iterdir())}"
            time.sleep(0.05)

    def running(self) -> Job:
        self.until(lambda: self.state() is QueueState.RUNNING and (self.folder / "started").exists())
        return self


def alive(pid: str) -> bool:
    """Is there such a process, and not only its name?"""
    try:
        return Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, ValueError):
        return False
