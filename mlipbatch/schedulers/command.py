"""The only place that starts processes on the login node: by argv, never through a shell, always with a time limit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NOT_FOUND, TIMED_OUT = 127, 124


@dataclass(frozen=True)
class Completed:
    """How a command ended: 127 where the program does not exist, 124 where it was stopped at its time limit."""

    code: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    hidden: tuple[str, ...] = (),
) -> Completed:
    """Run a command to its end, at most `timeout` seconds.

    `environment` is added to ours, from which what begins with one of `hidden` is taken out.
    """
    ours = {name: value for name, value in os.environ.items() if not (hidden and name.startswith(hidden))}
    try:
        done = subprocess.run(
            list(argv),
            timeout=timeout,
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env={**ours, **(environment or {})},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        return Completed(NOT_FOUND, "", str(error))
    except subprocess.TimeoutExpired:
        return Completed(TIMED_OUT, "", f"no answer within {timeout:g} s")
    return Completed(done.returncode, done.stdout, done.stderr)


def spawn(argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, which outlives ours."""
    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
