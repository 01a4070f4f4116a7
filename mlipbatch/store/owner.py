"""Which process holds a lease, so that another can tell whether it is still there. Clocks of two machines are never compared."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

STAT_STATE, STAT_START = (
    0,
    19,
)  # fields of /proc/PID/stat after the name: state, start time in ticks since boot (man 5 proc)


@dataclass(frozen=True)
class Owner:
    """A process as no other is: a process number comes round again, its start time with it does not."""

    host: str
    boot: str  # of the machine, and the container's process numbers if there is one
    pid: int
    start: str  # ticks since boot

    @property
    def words(self) -> str:
        """For people."""
        return f"process {self.pid} on {self.host}"


@lru_cache(maxsize=1)
def _here() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return socket.gethostname(), f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115  no path, a name
    except OSError:
        import psutil

        return socket.gethostname(), str(psutil.boot_time())


def myself() -> Owner:
    """This process."""
    host, boot = _here()
    return Owner(host, boot, os.getpid(), _stat(os.getpid())[1])


def here(owner: Owner) -> bool:
    """Is it a process of this machine since it was booted, so that we can look?"""
    return (owner.host, owner.boot) == _here()


def running(owner: Owner) -> bool:
    """Is a process of this machine still there, and not merely as a zombie?"""
    state, start = _stat(owner.pid)
    return bool(state) and state not in "ZX" and start == owner.start


def stopped(owner: Owner) -> bool:
    """Was it suspended (SIGSTOP, ctrl-z)?"""
    state, start = _stat(owner.pid)
    return start == owner.start and state in {"T", "t"}


def _stat(pid: int) -> tuple[str, str]:
    """State and start time of a process; empty where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[STAT_STATE], fields[STAT_START]
    except OSError:
        return ("", "") if Path("/proc/self/stat").exists() else _stat_elsewhere(pid)


def _stat_elsewhere(pid: int) -> tuple[str, str]:
    """The same where there is no /proc."""
    import psutil

    try:
        process = psutil.Process(pid)
        return ("Z" if process.status() == psutil.STATUS_ZOMBIE else "S"), str(process.create_time())
    except psutil.Error:
        return "", ""
