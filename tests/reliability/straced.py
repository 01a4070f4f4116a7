"""A daemon under strace: the syscalls that write are counted, and any of them can be made the last one, or fail.

The daemon is `mlipbatch daemon` itself, in a fork of this process: the imports are there already, and strace, which is attached
before its first line, counts nothing but the daemon's own work.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.scene import Scene
from tests.reliability.scene_batches import SERVING

WRITING = (
    *(
        "openat",
        "creat",
        "write",
        "pwrite64",
        "writev",
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
    ),
    *("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "ftruncate", "truncate", "fsync", "fdatasync", "utimensat"),
    *("chmod", "fchmod", "fchmodat", "vfork", "clone", "clone3"),
)
AVAILABLE = shutil.which("strace") is not None
CALL = re.compile(r"^(?:(?P<thread>\d+) +)?(?P<name>\w+)\((?P<rest>.*)")
OPENED_TO_READ = re.compile(r"O_RDONLY")


@dataclass(frozen=True)
class Point:
    """The `when`-th call of one syscall in the daemon's life."""

    syscall: str
    when: int

    def __str__(self) -> str:
        return f"{self.syscall} {self.when}"


def fork_daemon(scene: Scene, cores: int = 2, out: Path | None = None) -> int:
    """A daemon that stops itself before its first line, for strace to attach; what it says goes to `out`. Returns its process."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, os.WUNTRACED)
        return pid
    code = 70
    try:
        os.setsid()
        os.environ.update(scene.environment())
        said = os.open(out or scene.root / "daemon.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(said, stream)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)  # not the test runner's
        for logger in logging.Logger.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.handlers.clear()  # they write into the log of the project that this one is a copy of
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # a stop that comes before it serves
        os.kill(os.getpid(), signal.SIGSTOP)
        code = _serve(scene, cores)
    finally:
        os._exit(code)


def _serve(scene: Scene, cores: int) -> int:
    import typer

    from mlipbatch.cli.daemon import daemon
    from mlipbatch.engine import daemon as engine

    site = str(scene.site) if scene.site.exists() else ""
    if site:
        engine.patience = lambda *_: SERVING  # type: ignore[assignment]  a scheduler's minutes are seconds here
    try:
        daemon([scene.project.root], once=False, interval=0.02, cores=cores, site=site)
    except typer.Exit as end:
        return end.exit_code
    except BaseException:  # noqa: BLE001  what a user would see as a traceback
        import traceback

        traceback.print_exc()
        return 1
    return 0


def attach(pid: int, log: Path, *injections: str, threads: bool) -> subprocess.Popen[str]:
    """strace on a stopped daemon; returns when it has it, and lets it go."""
    inject = [word for one in injections for word in ("-e", f"inject={one}")]
    follow = ["-f", "-b", "execve"] if threads else []  # the daemon's threads, and not the jobs that it starts
    argv = [
        "strace",
        *follow,
        "-y",
        "-s",
        "0",
        "-p",
        str(pid),
        "-o",
        str(log),
        "-e",
        f"trace={','.join(WRITING)}",
        *inject,
    ]
    tracer = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    said = tracer.stderr.readline() if tracer.stderr else ""
    if "attached" not in said:
        os.kill(pid, signal.SIGKILL)
        raise RuntimeError(f"strace does not attach: {said}")
    os.kill(pid, signal.SIGCONT)
    return tracer


def serve(
    scene: Scene, *injections: str, until: Callable[[], bool], limit_s: float = 60.0, threads: bool = True
) -> int:
    """A daemon from its start to `until`, then stopped; under strace where there is something to inject. Returns its exit code.

    A daemon that dies before returns minus the signal's number. Raises TimeoutError where neither comes.
    """
    pid = fork_daemon(scene)
    tracer = attach(pid, scene.root / "strace.log", *injections, threads=threads) if injections else None
    if tracer is None:
        os.kill(pid, signal.SIGCONT)
    try:
        return wait(pid, until, limit_s)
    finally:
        if tracer:
            tracer.wait()
            if tracer.stderr:
                tracer.stderr.close()


def wait(pid: int, until: Callable[[], bool], limit_s: float = 60.0) -> int:
    """Let a daemon run to `until`, then stop it. Returns its exit code. Raises TimeoutError."""
    end, asked = time.monotonic() + limit_s, False
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if not asked and until():
            os.kill(pid, signal.SIGTERM)
            asked = True
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"the daemon did not come to an end within {limit_s:g} s")
        time.sleep(0.01)


def points(scene: Scene, *, threads: bool = True) -> list[Point]:
    """Every call of an undisturbed life that writes below the scene's folder, or starts a process.

    strace counts the calls of each thread by itself: a point of several threads is the first that comes to it.
    """
    serve(scene, "sync:error=EIO", until=scene.ended, threads=threads)  # nothing calls sync: the calls are only counted
    return list(dict.fromkeys(_points(scene.root / "strace.log", str(scene.root))))


def _points(log: Path, root: str) -> Iterator[Point]:
    counted: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        call = CALL.match(line)
        if call is None:
            continue
        name, rest, own = call["name"], call["rest"], (call["thread"] or "", call["name"])
        counted[own] += 1
        reads = name == "openat" and OPENED_TO_READ.search(rest)
        starts = name in {"vfork", "clone", "clone3"}
        if starts or (root in rest and not reads):
            yield Point(name, counted[own])


def last_call(scene: Scene) -> str:
    """What the daemon was at when it was killed."""
    lines = (scene.root / "strace.log").read_text(errors="replace").splitlines()
    return bare(next((line for line in reversed(lines) if CALL.match(line)), ""))


def bare(line: str) -> str:
    """A line of strace without its thread."""
    return line.lstrip("0123456789").strip()
