"""This machine as a batch scheduler: job scripts run as sessions of their own, within a budget of cores.

A job lives on when the daemon dies, and is found again by its session; its wall time is kept by coreutils' `timeout`, so that
it ends even with no daemon there. The scheduler's id of a job is ``HOST-SESSION-STARTTIME``: a session number that comes round
again belongs to a process that started at another time, and is left alone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from mlipbatch.config.site import LOCAL, Site
from mlipbatch.core.job import Resources
from mlipbatch.core.state import QueueState
from mlipbatch.schedulers import command
from mlipbatch.schedulers.base import NotSubmitted, QueueEntry, Refused, Room, Snapshot

POOL = "mlipbatch-local"  # argv[0] of our sessions' leaders: those of one pool share the machine's cores
ENDED = "scheduler.exit"  # what `timeout` returned: 124 says that the wall time was up
KILL_AFTER_S = 10
LEADER = (
    f'timeout --signal=TERM --kill-after={KILL_AFTER_S} "$1" bash job.sh > job.log 2>&1; '
    f'code=$?; [ "$code" = 137 ] && [ "$SECONDS" -ge "$1" ] && code=124; '  # it had to be killed: its time was up all the same
    f"echo $code > .{ENDED}.tmp && mv .{ENDED}.tmp {ENDED}"
)


@dataclass(frozen=True)
class Session:
    """One job's session as it is on this machine now."""

    id: str
    token: str
    cores: int
    elapsed_s: float


class LocalScheduler:
    """The local machine, with `cores` to give away."""

    name = "local"
    template = "local.sh.j2"
    accounting = False

    def __init__(self, cores: int, pool: str = POOL, site: Site = LOCAL) -> None:
        self.cores = cores
        self.site = site
        self.pool = pool
        self._children: list[subprocess.Popen[bytes]] = []  # only to reap them

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        """Start the script at once. Raises NotSubmitted where the machine cannot start a process."""
        if tasks:
            raise Refused("the local machine knows no job arrays")
        argv = ["bash", "-c", LEADER, self.pool, str(resources.walltime_s), token, str(resources.cores)]
        try:
            child = command.spawn(argv, cwd=script.parent, environment={})
        except OSError as error:
            raise NotSubmitted(f"this machine starts no process now: {error}") from error
        self._children.append(child)
        return _identity(psutil.Process(child.pid))

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """All sessions of ours on this machine, and how those of `known` that are gone have ended."""
        self._children = [child for child in self._children if child.poll() is None]
        live = sessions(self.pool)
        jobs = {one.id: QueueEntry(one.id, QueueState.RUNNING, one.elapsed_s, one.token) for one in live}
        for scheduler_id, folder in known.items():
            if scheduler_id not in jobs:
                jobs[scheduler_id] = _gone(scheduler_id, folder)
        return Snapshot(jobs, {session.token: session.id for session in live})

    def find(self, token: str) -> list[QueueEntry]:
        """The live session of a token, if there is one; this machine keeps no book of those that ended."""
        live = (session for session in sessions(self.pool) if session.token == token)
        return [QueueEntry(session.id, QueueState.RUNNING, session.elapsed_s, token) for session in live]

    def cancel(self, scheduler_id: str, token: str = "") -> None:  # noqa: ARG002  the start time in the id is enough
        """Kill a job's whole session, strays included; a job of another machine is left alone."""
        host, session, start = _parts(scheduler_id)
        if host != socket.gethostname() or not session.isdigit():
            return
        with suppress(psutil.NoSuchProcess):
            leader = psutil.Process(int(session))
            if _start(leader) != start:
                return
        for process in _members(int(session)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()

    def room(self, snapshot: Snapshot) -> Room:  # noqa: ARG002  counted afresh: other daemons use this machine too
        """Cores not taken by any session of ours, of whichever project."""
        free = self.cores - sum(session.cores for session in sessions(self.pool))
        return Room(jobs=free, cores=free)


def sessions(pool: str = POOL) -> list[Session]:
    """All live sessions of a pool on this machine."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError, ValueError, IndexError):
            argv = process.cmdline()
            if (
                len(argv) > 3
                and argv[3] == pool
                and process.status() != psutil.STATUS_ZOMBIE
                and os.getsid(process.pid) == process.pid
            ):
                found.append(Session(_identity(process), argv[5], int(argv[6]), _elapsed(process)))
    return found


def _gone(scheduler_id: str, folder: Path) -> QueueEntry:
    host, session, start = _parts(scheduler_id)
    if not session.isdigit():
        return QueueEntry(scheduler_id, QueueState.ENDED)  # no id of ours: whatever it was, nobody can find it again
    if host != socket.gethostname():
        return QueueEntry(scheduler_id, QueueState.UNKNOWN)
    strays = _members(int(session))
    leader = next((process for process in strays if process.pid == int(session)), None)
    if (
        leader is not None and _start(leader) == start
    ):  # in its first moments a process has no command line to know it by
        return QueueEntry(scheduler_id, QueueState.RUNNING)
    if strays and leader is None:
        for process in strays:  # the leader was killed, its program lives on: never beside a second attempt
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return QueueEntry(scheduler_id, QueueState.RUNNING)
    return QueueEntry(scheduler_id, QueueState.TIMED_OUT if _timed_out(folder) else QueueState.ENDED)


def _parts(scheduler_id: str) -> tuple[str, str, str]:
    """HOST, SESSION and STARTTIME; empty ones where the id was damaged."""
    start_of, _, start = scheduler_id.rpartition("-")
    host, _, session = start_of.rpartition("-")
    return host, session, start


def _timed_out(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        return int((folder / ENDED).read_text()) == command.TIMED_OUT
    return False


def _members(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _identity(process: psutil.Process) -> str:
    return f"{socket.gethostname()}-{process.pid}-{_start(process)}"


def _elapsed(process: psutil.Process) -> float:
    """Seconds since a process started, by the clock that its start time is in: a time of day that is set kills nobody."""
    started = int(_start(process)) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started) if started else 0.0


def _start(process: psutil.Process) -> str:
    """Start time of a process in clock ticks since boot: unlike a time of day it does not move when the clock is set."""
    try:
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:  # gone between two looks
        return "0"
