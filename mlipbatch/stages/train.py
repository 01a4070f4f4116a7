"""Training jobs: a fit like any other work, whose potential becomes the active one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlipbatch.core.job import Accept, Ending, Verdict
from mlipbatch.stages.base import Attempt, Job
from mlipbatch.stages.work import Work
from mlipbatch.store.durable import sync_folder
from mlipbatch.store.project import Project


class Train(Work):
    """`mlipbatch fit`, then `potentials/active` points to what it made."""

    def judge(self, job: Job, attempts: Sequence[Attempt], ending: Ending) -> Verdict:
        """As any work; a success becomes active."""
        verdict = super().judge(job, attempts, ending)
        if isinstance(verdict, Accept):
            activate(job.project, job.spec.generation)
        return verdict


def activate(project: Project, generation: str) -> None:
    """Let ``potentials/active`` point to a generation, in one step; never back to an older one."""
    link = project.active_potential
    if link.is_symlink() and str(link.readlink()) >= generation:
        return
    draft = link.with_name(".active.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(Path(generation))
    draft.replace(link)
    sync_folder(link.parent)
