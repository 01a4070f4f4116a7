"""A real PostgreSQL (Debian's) on a Unix socket in a temporary folder; it refuses to run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import count
from pathlib import Path

LANGUAGE = ["--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8", "--locale=C.UTF-8"]  # sorts unlike Python


def programs() -> Path | None:
    """Where initdb and pg_ctl are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class Server:
    """Up from `start` to `stop`."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self.bin, self.folder = bin_folder, folder
        self._numbers = count()
        self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self._as:
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "-D", f"{folder}/data", "-U", "mlip", "-A", "trust", "-N", *LANGUAGE)
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self.bin / program), *arguments]
        log = self.folder.with_name(f"{self.folder.name}.log")
        with log.open("a") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False)
        assert done.returncode == 0, log.read_text()

    def start(self) -> None:
        """Wait until it answers."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-o", options, "-l", f"{self.folder}/log", "-w", "start")

    def stop(self) -> None:
        """At once, whoever is connected."""
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")

    def new(self) -> str:
        """The address of an empty database."""
        name = f"labels{next(self._numbers)}"
        self._run("createdb", "-h", str(self.folder), "-U", "mlip", name)
        return f"postgresql://mlip@/{name}?host={self.folder}"
