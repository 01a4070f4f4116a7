"""The listings of signac-flow and myqueue, for `engine.py`: as many jobs, each job a folder of its own, as their users have them.

Both are made and asked through their own packages and commands. myqueue keeps its jobs in a database and looks at no folder:
its time is that of reading the table and printing the overview.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

ACTIVE = 2000  # as many wait or run as in the project beside it
FLOW = """\
from flow import FlowProject


class Project(FlowProject):
    pass


@Project.post.isfile("DONE")
@Project.operation
def label(job):
    pass


if __name__ == "__main__":
    Project().main()
"""
Listing = Callable[[], None]


def listings(root: Path, jobs: int) -> dict[str, Listing]:
    """How to list so many jobs, by name of the peer; those that are not installed are left out."""
    makers = {"signac_flow": ("flow", _signac_flow), "myqueue": ("myqueue", _myqueue)}
    return {
        name: make(root / name, jobs) for name, (package, make) in makers.items() if importlib.util.find_spec(package)
    }


def _signac_flow(folder: Path, jobs: int) -> Listing:
    """`python project.py status` of a project with one operation, whose post-condition is a file."""
    import signac

    folder.mkdir()
    signac.init_project(folder)
    (folder / "project.py").write_text(FLOW)
    with ProcessPoolExecutor() as processes:
        chunks = [range(low, min(low + 5000, jobs)) for low in range(0, jobs, 5000)]
        list(processes.map(partial(_signac_jobs, folder), chunks))
    own = {**os.environ, "SIGNAC_FLOW_ENVIRONMENT": "StandardEnvironment"}  # none of its time goes to a scheduler
    return partial(_quietly, [sys.executable, "project.py", "status", "--hide-progress"], folder, own)


def _signac_jobs(folder: Path, numbers: range) -> None:
    import signac

    project = signac.get_project(folder)
    for number in numbers:
        job = project.open_job({"number": number}).init()
        if number >= ACTIVE:
            Path(job.fn("DONE")).touch()


def _myqueue(folder: Path, jobs: int) -> Listing:
    """`mq ls` of everything."""
    from myqueue.config import Configuration
    from myqueue.queue import Queue
    from myqueue.states import State
    from myqueue.task import create_task

    (folder / ".myqueue").mkdir(parents=True)
    (folder / ".myqueue" / "config.py").write_text("config = {'scheduler': 'local'}\n")
    tasks = []
    for number in range(jobs):
        place = folder / f"job-{number:07d}"
        place.mkdir()
        task = create_task("true", tmax="1h", cores=1, folder=str(place))
        task.id, task.state = number + 1, State.queued if number < ACTIVE else State.done
        tasks.append(task)
    with Queue(Configuration("local", home=folder)) as queue:
        queue.add(*tasks)
    return partial(_quietly, [sys.executable, "-m", "myqueue", "ls"], folder, dict(os.environ))


def _quietly(argv: list[str], folder: Path, environment: dict[str, str]) -> None:
    subprocess.run(argv, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
