"""Job scripts from Jinja templates; every value that comes from outside is quoted for the shell."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlipbatch.config.resources import resource
from mlipbatch.config.site import LOCAL, Site
from mlipbatch.config.site_file import environment
from mlipbatch.core.job import AttemptPlan
from mlipbatch.schedulers import pbs_options, slurm_options
from mlipbatch.schedulers.queues import first_fitting


@cache
def templates() -> Environment:
    """The folder of templates; a name that is not given is an error."""
    jinja = Environment(
        loader=FileSystemLoader(resource("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  bash, not HTML: the quote filter stands at every value
    )
    jinja.filters["quote"] = lambda value: shlex.quote(str(value))
    jinja.globals["sbatch_options"] = slurm_options.options
    jinja.globals["qsub_options"] = pbs_options.options
    return jinja


def render(
    template: str,
    *,
    job: str,
    attempt: int,
    token: str,
    folder: Path,
    inbox: Path,
    plan: AttemptPlan,
    site: Site = LOCAL,
) -> str:
    """The job script of one attempt, which runs in `folder` and drops its markers in `inbox`.

    A job that no queue of the site takes gets a header without one: that it is refused is told when it is submitted.
    """
    return (
        templates()
        .get_template(template)
        .render(
            job=job,
            attempt=attempt,
            token=token,
            folder=folder,
            inbox=inbox,
            why=" ".join(plan.why.split()),
            command=plan.command,
            before=plan.before,
            environment=plan.environment,
            resources=plan.resources,
            site=site,
            site_environment=environment(site),
            queue=first_fitting(site, plan.resources),
        )
    )
