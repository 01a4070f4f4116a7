"""status.json: what the daemon last saw of a project. `mlipbatch status` reads it and nothing else."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from heapq import nsmallest
from typing import Any

from mlipbatch.core.state import IN_QUEUE, JobState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.index import Index
from mlipbatch.store.project import Project

LISTED = 20  # names of running and failed jobs that go into the file


def picture(campaign: Campaign, seconds_left: float) -> dict[str, Any]:
    """Everything that `status` shows."""
    done = campaign.finished
    outcome = campaign.goal.outcome(campaign.project, campaign.hands.config, campaign.index.entries) if done else None
    return {
        **counted(campaign.project, campaign.index),
        "updated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "daemon": {"host": socket.gethostname(), "pid": os.getpid(), "generation": campaign.hands.lease.generation},
        "scheduler": campaign.hands.scheduler.name,
        "paused": campaign.paused,
        "scheduler_silent": campaign.queue.unwell,
        "stuck": dict(sorted(campaign.queue.stuck.items())[:LISTED]),
        "finished": done,
        "good": bool(outcome and outcome.good),
        "doing": outcome.sentence if outcome else doing(campaign.index),
        "seconds_left": 0 if done else round(seconds_left),
    }


def counted(project: Project, index: Index) -> dict[str, Any]:
    """The part that the job folders alone tell."""
    states = {state.value: index.number(state) for state in JobState}
    return {
        "project": project.name,
        "path": str(project.root),
        "states": states,
        "stages": index.counts(),
        "running": nsmallest(LISTED, index.queue),
        "failed": index.first(JobState.FAILED, LISTED),
        "aside": dict(sorted(index.aside.items())[:LISTED]),
        "potential": str(project.active_potential.readlink()) if project.active_potential.is_symlink() else None,
    }


def doing(index: Index) -> str:
    """The stage that moves, with its progress: ``gen000 scf: 34 of 71 ended, 2 running``; else the first that waits."""
    stages = [(name, states) for name, states in index.counts().items() if _open(states)]
    moving = [stage for stage in stages if _active(stage[1])] or stages
    if not moving:
        return "nothing is running"
    name, states = moving[-1]
    ended = sum(states.values()) - _open(states)
    failed = f", {states[JobState.FAILED]} failed" if states.get(JobState.FAILED) else ""
    return f"{name.replace('/', ' ')}: {ended} of {sum(states.values())} ended{failed}, {_active(states)} running"


def _active(states: dict[str, int]) -> int:
    return sum(states.get(state, 0) for state in IN_QUEUE)


def _open(states: dict[str, int]) -> int:
    return _active(states) + states.get(JobState.PENDING, 0)


def write(project: Project, seen: dict[str, Any]) -> None:
    """Replace status.json; a snapshot needs no fsync: the next one comes soon."""
    draft = project.root / ".status.json.tmp"
    draft.write_text(json.dumps(seen, indent=1) + "\n")
    draft.replace(project.status)
