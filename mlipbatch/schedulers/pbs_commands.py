"""PBS's commands, run so that nothing in the user's environment bends them; which PBS it is."""

from __future__ import annotations

import os
import pwd
import re

from mlipbatch.schedulers import command
from mlipbatch.schedulers.base import NoInformation
from mlipbatch.schedulers.command import Completed
from mlipbatch.schedulers.pbs_states import Flavour

QUERY_LIMIT_S = 60.0
SUBMIT_LIMIT_S = 240.0  # qsub waits for a busy server: stopped before that, nobody knows what came of it

# PBS_DPREFIX changes what is a header line, PBS_QSTAT_* hide jobs, and a daemon that runs in a job has that job's variables.
# PBS_DEFAULT, PBS_SERVER and PBS_CONF_FILE stay: they say which server is meant
HIDDEN = (
    "PBS_DPREFIX",
    "PBS_QSTAT_",
    "PBS_O_",
    "PBS_JOB",
    "PBS_NODE",
    "PBS_TASK",
    "PBS_ARRAY",
    "PBS_ENVIRONMENT",
    "PBS_QUEUE",
)
VERSIONS = (
    (r"pbs_version *= *\S+", Flavour.PRO),  # "pbs_version = 23.06.06", older: "pbs_version = PBSPro_19.1.3"
    (r"(?i)^version: *\d", Flavour.TORQUE),  # "Version: 6.1.2", older: "version: 4.2.10"
)


def call(argv: list[str], limit_s: float = QUERY_LIMIT_S, **place: object) -> Completed:
    """Run one of PBS's commands; `place` may be ``cwd``."""
    return command.run(argv, timeout=limit_s, environment={"LC_ALL": "C"}, hidden=HIDDEN, **place)  # type: ignore[arg-type]


def flavour() -> Flavour:
    """Which PBS is installed. Raises NoInformation where it is none: Grid Engine has a qsub and a qstat too."""
    done = call(["qstat", "--version"])
    said = done.stdout + done.stderr
    for pattern, found in VERSIONS:
        if done.code == 0 and re.search(pattern, said, re.MULTILINE):
            return found
    raise NoInformation(f"qstat --version does not say that it is PBS: {complaint(done)}")


def me() -> str:
    """The user's name, by number: $USER could say anything. Raises NoInformation where the machine does not know it now."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError as error:  # the directory service of the login node is down
        raise NoInformation(f"this machine does not know the name of user {os.getuid()}") from error


def complaint(done: Completed) -> str:
    """What a command that failed has said last."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return lines[-1][:200] if lines else f"exit code {done.code}"
