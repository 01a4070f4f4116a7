"""The daemon: a clock, a lock and a heartbeat around `Campaign.tick`. Any kill is a normal stop."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import FrameType

from mlipbatch.config.errors import InputError
from mlipbatch.engine import snapshot
from mlipbatch.engine.campaign import Campaign
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.stages.forecast import Forecast
from mlipbatch.store.lock import Locked, project_lock
from mlipbatch.store.project import Project

log = logging.getLogger("mlipbatch")

HEARTBEAT_S = 30.0  # status.json is written at least this often
Watcher = Callable[[dict[str, object]], None]


class Served:
    """A campaign with what its heartbeat needs."""

    def __init__(self, project: Project, scheduler: Scheduler, cores: int, goal: Goal) -> None:
        self.campaign = Campaign(project, scheduler, cores, goal)
        self.cores = min(cores, self.campaign.hands.config.resources.parallel_cores)
        self.forecast = Forecast(project, self.campaign.hands.config)
        self.seen: dict[str, object] = {}
        self._written = 0.0

    def beat(self) -> int:
        """One tick; status.json follows where something changed, or the heartbeat is due."""
        changed = self.campaign.tick()
        if changed or time.monotonic() - self._written > HEARTBEAT_S:
            self._tell()
            self._written = time.monotonic()
        return changed

    def _tell(self) -> None:
        """A status that cannot be made or written now (disk full) must not stop the daemon: the next one comes soon."""
        try:
            left = self.forecast.seconds_left(self.campaign.index.entries, self.cores)
            self.seen = snapshot.picture(self.campaign, left)
            snapshot.write(self.campaign.project, dict(self.seen))
        except Exception as error:  # noqa: BLE001  what it tells of is paused with its reason by the tick
            self.campaign.log.warning("no status.json: %s", error)


class Daemon:
    """Serves projects until it is told to stop, or until all are finished."""

    def __init__(self, scheduler: Scheduler, cores: int, interval_s: float, goal: Goal = loop.LOOP) -> None:
        self.scheduler, self.cores, self.interval_s, self.goal = scheduler, cores, interval_s, goal
        self.served: dict[str, Served] = {}
        self._wrong: dict[str, str] = {}  # projects that cannot be served, with the reason
        self._stop = False

    def serve(
        self,
        projects: Callable[[], Iterable[Project]],
        *,
        once: bool = False,
        until_finished: bool = False,
        watch: Watcher | None = None,
    ) -> None:
        """Tick until stopped. `projects` is asked again every tick: what was submitted meanwhile is served too.

        Raises Locked or InputError where none of the projects could be locked, or read, on the first pass.
        """
        signal.signal(signal.SIGTERM, self._on_signal)
        with ExitStack() as locks:
            first = True
            while not self._stop:
                self._take(projects(), locks, required=first)
                changed = sum(self._beat(served, watch) for served in self.served.values())
                first = False
                if once or (until_finished and all(served.campaign.finished for served in self.served.values())):
                    return
                if not changed:
                    time.sleep(self.interval_s)

    def _take(self, projects: Iterable[Project], locks: ExitStack, *, required: bool) -> None:
        refused: Locked | InputError | None = None
        for project in projects:
            if str(project.root) in self.served:
                continue
            try:
                with ExitStack() as lock:
                    lock.enter_context(project_lock(project))
                    self.served[str(project.root)] = Served(project, self.scheduler, self.cores, self.goal)
                    locks.push(lock.pop_all())
            except Locked as error:
                refused = error
            except InputError as error:  # a config.yaml edited wrongly: the other projects are served
                refused = error
                if self._wrong.get(str(project.root)) != str(error):
                    log.error("%s is not served: %s", project.root, error)  # noqa: TRY400
                self._wrong[str(project.root)] = str(error)
        if required and refused and not self.served:
            raise refused

    @staticmethod
    def _beat(served: Served, watch: Watcher | None) -> int:
        changed = served.beat()
        if watch:
            watch(served.seen)
        return changed

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True
