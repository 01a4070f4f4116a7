"""The script of a batch: many jobs in one allocation, or in the tasks of an array."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlipbatch.config.site import Site
from mlipbatch.core.job import Resources
from mlipbatch.schedulers.queues import first_fitting
from mlipbatch.schedulers.render import templates

KILL_AFTER_S = 10  # from SIGTERM to SIGKILL of a member whose time is up
LOOK_S = 10  # between two looks for members that were given up, or killed by the daemon, while they ran


@dataclass(frozen=True)
class Member:
    """One job of a batch."""

    walltime_s: int
    cores: int
    attempt: str  # its folder, relative to the project's

    @property
    def line(self) -> str:
        """As ``members-TASK`` has it."""
        return f"{self.walltime_s}\t{self.cores}\t{self.attempt}\n"


def files(
    template: str,
    site: Site,
    *,
    token: str,
    folder: Path,
    project: Path,
    inbox: Path,
    tasks: Sequence[Sequence[Member]],
    resources: Resources,
    reserve_s: int,
    offers: Path | None = None,
) -> dict[str, str]:
    """``batch.sh`` and the list of members of every task; `template` is the scheduler's own, which has the header.

    `resources` are those of one task; `reserve_s` of its wall time no member is begun any more that would need it. In `offers`
    allocations of one kind put their lists, and take from those of each other; None where they leave each other alone.
    """
    values = {"token": token, "site": site, "queue": first_fitting(site, resources), "resources": resources}
    own = templates().get_template(template)
    header = "".join(own.blocks["header"](own.new_context(values)))
    script = (
        templates()
        .get_template("batch.sh.j2")
        .render(
            **values,
            header=header.rstrip("\n"),
            folder=folder,
            project=project,
            inbox=inbox,
            jobs=sum(map(len, tasks)),
            tasks=len(tasks),
            shared=any(member.cores < resources.cores for task in tasks for member in task),
            reserve_s=reserve_s // 2,
            kill_after_s=KILL_AFTER_S,
            look_s=LOOK_S,
            offers=offers,
        )
    )
    lists = {f"members-{number}": "".join(member.line for member in task) for number, task in enumerate(tasks)}
    return {"batch.sh": script, **lists}


def task_id(scheduler_id: str, task: int, tasks: int) -> str:
    """The id of a task of an array: ``1234_7`` (SLURM), ``1234[7].host`` (PBS); that of a batch that is no array is its own."""
    if tasks < 2:
        return scheduler_id
    return scheduler_id.replace("[]", f"[{task}]") if "[]" in scheduler_id else f"{scheduler_id}_{task}"


def task_of(scheduler_id: str) -> int | None:
    """Which task of an array an id names; None where it names none."""
    found = re.search(r"_(\d+)$|\[(\d+)\]", scheduler_id)
    return int(found[1] or found[2]) if found else None
