"""The site: which cluster jobs go to, what its scheduler says, what is missing."""

from __future__ import annotations

from dataclasses import replace

from mlipbatch.config.errors import InputError
from mlipbatch.config.site import Site
from mlipbatch.config.site_file import chosen_site, user_file
from mlipbatch.schedulers import command, cores_here
from mlipbatch.schedulers.base import NoInformation, Scheduler
from mlipbatch.schedulers.detect import detect
from mlipbatch.schedulers.factory import scheduler_of
from mlipbatch.stages.doctor.finding import Finding
from mlipbatch.stages.doctor.programs import ANSWER_LIMIT_S

VERSION = {"slurm": ("sinfo", "--version"), "pbs": ("qstat", "--version")}
SHOWN = 6  # queues in one line


def look_at_site() -> Finding:
    """The user's own site file, or what was found; a project may name another."""
    own = user_file()
    finding = Finding("machine", "site", "where jobs go unless input.yaml names another", found=True)
    try:
        site = chosen_site()
    except InputError as error:
        return replace(finding, necessary=True, problem="its file is wrong", remedy=str(error), where=str(own))
    if site is not None:
        return replace(finding, version=f"{site.name} ({site.scheduler})", where=str(own))
    found = detect()
    remedy = (
        ""
        if found.scheduler == "local"
        else f"mkdir -p {own.parent}; copy and complete site_configs/slurm.yaml as {own}"
    )
    return replace(finding, version=f"{found.name} ({found.scheduler}), as found here", remedy=remedy)


def look_at_scheduler() -> Finding:
    """Does it answer, and which queues are there?"""
    finding = Finding("machine", "scheduler", "runs the jobs", found=True)
    try:
        site = chosen_site() or detect()
        scheduler = scheduler_of(site, cores_here())
    except (InputError, ImportError) as error:
        return replace(finding, problem=str(error))
    if site.scheduler == "local":
        return replace(finding, version=f"local machine, {cores_here()} cores")
    finding = replace(finding, necessary=True, version=_version(site), where=_queues(scheduler.site))
    return _answers(finding, scheduler)


def _answers(finding: Finding, scheduler: Scheduler) -> Finding:
    try:
        jobs = scheduler.snapshot({}).jobs
    except NoInformation as reason:
        return replace(finding, problem=f"does not answer: {reason}", remedy="ask your cluster's support")
    told = "accounting too" if scheduler.accounting else "no accounting"
    return replace(finding, version=f"{finding.version}; {len(jobs)} jobs of yours listed, {told}")


def _version(site: Site) -> str:
    done = command.run(VERSION[site.scheduler], timeout=ANSWER_LIMIT_S)
    return (done.stdout.strip() or done.stderr.strip() or f"{site.scheduler}, version unknown").splitlines()[0]


def _queues(site: Site) -> str:
    words = [
        f"{queue.name or 'default'} ({queue.cores_per_node} cores, {queue.max_walltime / 3600:g} h)"
        for queue in [*site.queues, *site.gpu_queues]
    ]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return f"queues {', '.join(words[:SHOWN])}{more}" if words else "no queues known: the scheduler's default"
