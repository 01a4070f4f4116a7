"""Job scripts from Jinja templates; every value that comes from outside is quoted for the shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlipbatch.config.resources import resource
from mlipbatch.core.job import AttemptPlan


def render(template: str, *, job: str, attempt: int, token: str, folder: Path, inbox: Path, plan: AttemptPlan) -> str:
    """The job script of one attempt, which runs in `folder` and drops its markers in `inbox`."""
    environment = Environment(
        loader=FileSystemLoader(resource("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  bash, not HTML: the quote filter stands at every value
    )
    environment.filters["quote"] = lambda value: shlex.quote(str(value))
    return environment.get_template(template).render(
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
    )
