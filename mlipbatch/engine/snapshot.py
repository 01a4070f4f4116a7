"""status.json: what the daemon last saw of a project. `mlipbatch status` reads it and nothing else."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from typing import Any

from mlipbatch.core.state import IN_QUEUE, JobState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.index import Index
from mlipbatch.stages import loop
from mlipbatch.store.project import Project

LISTED = 20  # names of running and failed jobs that go into the file


def picture(campaign: Campaign, seconds_left: float) -> dict[str, Any]:
    """Everything that `status` shows."""
    done = campaign.finished
    outcome = loop.outcome(campaign.project, campaign.hands.config, campaign.index.entries) if done else None
    return {
        **counted(campaign.project, campaign.index),
        "updated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "daemon": {"host": socket.gethostname(), "pid": os.getpid()},
        "scheduler": campaign.hands.scheduler.name,
        "paused": campaign.paused,
        "finished": done,
        "good": bool(outcome and outcome.good),
        "doing": outcome.sentence if outcome else doing(campaign.index),
        "seconds_left": 0 if done else round(seconds_left),
    }


def counted(project: Project, index: Index) -> dict[str, Any]:
    """The part that the job folders alone tell."""
    states = {state.value: len(index.in_state(state)) for state in JobState}
    return {
        "project": project.name,
        "path": str(project.root),
        "states": states,
        "stages": index.counts(),
        "running": sorted(entry.id for entry in index.in_state(*IN_QUEUE))[:LISTED],
        "failed": sorted(entry.id for entry in index.in_state(JobState.FAILED))[:LISTED],
        "aside": dict(sorted(index.aside.items())[:LISTED]),
        "potential": str(project.active_potential.readlink()) if project.active_potential.is_symlink() else None,
    }


def doing(index: Index) -> str:
    """The stage that is open, with its progress: ``gen000 scf 34 of 71 done, 2 running``."""
    for name, states in index.counts().items():
        total = sum(states.values())
        ended = states.get(JobState.DONE, 0) + states.get(JobState.FAILED, 0)
        if ended < total:
            active = states.get(JobState.RUNNING, 0) + states.get(JobState.SUBMITTED, 0)
            failed = f", {states[JobState.FAILED]} failed" if states.get(JobState.FAILED) else ""
            return f"{name.replace('/', ' ')}: {ended} of {total} ended{failed}, {active} running"
    return "nothing is running"


def write(project: Project, seen: dict[str, Any]) -> None:
    """Replace status.json; a snapshot needs no fsync: the next one comes soon."""
    draft = project.root / ".status.json.tmp"
    draft.write_text(json.dumps(seen, indent=1) + "\n")
    draft.replace(project.status)
