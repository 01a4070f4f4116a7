"""The daemon: a clock, a lease and a heartbeat around `Campaign.tick`. Any kill is a normal stop."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import FrameType

from mlipbatch.config.errors import InputError
from mlipbatch.engine import copied, snapshot
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import patience
from mlipbatch.engine.place import Placing
from mlipbatch.engine.retries import Retries, may_pass
from mlipbatch.schedulers.base import Scheduler
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.stages.forecast import Forecast
from mlipbatch.store import control
from mlipbatch.store.lease import BEAT_S, Fenced, Lease, Locked, Watch, project_lock
from mlipbatch.store.project import Project

log = logging.getLogger("mlipbatch")

IDLE_S = 2.0  # between passes while there is nothing to serve
HEARTBEAT_S = 30.0  # status.json is written at least this often
Watcher = Callable[[dict[str, object]], None]


class Served:
    """A campaign with what its heartbeat needs."""

    def __init__(
        self,
        project: Project,
        scheduler: Scheduler,
        cores: int,
        goal: Goal,
        lease: Lease | None = None,
        interval_s: float = 0.0,
    ) -> None:
        wait = patience(scheduler.name, interval_s)
        self.campaign = Campaign(project, scheduler, cores, goal, lease, patience=wait)
        self.lease = self.campaign.hands.lease
        self.cores = min(cores, self.campaign.hands.config.resources.parallel_cores)
        self.forecast = Forecast(project, self.campaign.hands.config, labels_alone=self.campaign.goal.labels_alone)
        self.seen: dict[str, object] = {}
        self._written = 0.0

    def beat(self) -> int:
        """One tick; status.json follows where something changed, or the heartbeat is due. Raises Fenced."""
        changed = self.campaign.tick()
        if changed or time.monotonic() - self._written > HEARTBEAT_S:
            self._tell()
            self._written = time.monotonic()
        return changed

    def _tell(self) -> None:
        """A status that cannot be made or written now (disk full) must not stop the daemon: the next one comes soon."""
        try:
            self.lease.check()
            left = self.forecast.seconds_left(self.campaign.index.entries, self.cores)
            self.seen = snapshot.picture(self.campaign, left)
            snapshot.write(self.campaign.project, dict(self.seen))
        except Exception as error:  # noqa: BLE001  what it tells of is paused with its reason by the tick
            self.campaign.log.warning("no status.json: %s", error)


class Daemon:
    """Serves projects until it is told to stop, or until all are finished."""

    def __init__(self, places: Placing, goal: Goal = loop.LOOP) -> None:
        self.places, self.goal = places, goal
        self.interval_s = IDLE_S
        self.served: dict[str, Served] = {}
        self._leases: dict[str, ExitStack] = {}
        self._watches: dict[str, Watch] = {}  # of leases that others hold: one that stands still is taken over
        self._retries = Retries()
        self._left: set[str] = set()  # projects that this daemon was asked to leave, or that were taken from it
        self._wrong: dict[str, str] = {}  # projects that cannot be served, with the reason
        self._fenced = ""
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

        Raises Locked or InputError where none of the projects could be had, or read, or all were taken over by others.
        """
        signal.signal(signal.SIGTERM, self._on_signal)
        try:
            while not self._stop:
                waits = self._take(self._listed(projects), once=once)
                changed = sum(self._beat(root, served, watch) for root, served in list(self.served.items()))
                over = once or (until_finished and all(one.campaign.finished for one in self.served.values()))
                if not self.served and self._fenced:
                    raise Locked(self._fenced)
                if not waits and (over or (self._left and not self.served)):
                    return
                if not changed:
                    self._sleep()
        finally:
            for root in list(self._leases):
                self._leave(root)

    def _listed(self, projects: Callable[[], Iterable[Project]]) -> list[Project]:
        """The projects to serve; where the list cannot be read now, those that are served already."""
        try:
            return list(projects())
        except OSError as error:
            if not self.served:
                raise
            self._complain("", f"the list of projects cannot be read: {error}")
            return []

    def _take(self, projects: Iterable[Project], *, once: bool) -> bool:
        """Serve those that are not served yet. True where none is, and some may be later.

        Their holder may be dead, or the disk is full; `once`: the latter is not waited for.
        """
        refused: Locked | InputError | OSError | None = None
        waits = False
        for project in projects:
            root = str(project.root)
            if root in self.served or root in self._left:
                continue
            if not self._retries.due(root):
                waits = True
                continue
            try:
                self._serve(project)
            except Locked as error:
                refused, waits = error, waits or error.undecided
                self._complain(root, f"{error}; waiting to see whether it still moves" if error.undecided else "")
            except Fenced as fenced:
                self._taken_away(root, fenced)
            except InputError as error:  # a config.yaml edited wrongly: the other projects are served
                refused = error
                self._complain(root, f"{root} is not served: {error}")
            except OSError as error:
                refused = error
                again = may_pass(error) and not once
                waits |= again
                if again:
                    self._retries.later(root)
                words = f"{error.strerror}; waiting until it can be" if again else str(error)
                self._complain(root, f"{root} is not served: {words}")
        if refused and not waits and not self.served and not self._left:
            raise refused
        return waits and not self.served

    def _serve(self, project: Project) -> None:
        root = str(project.root)
        with ExitStack() as stack:
            lease = stack.enter_context(project_lock(project, self._watches.setdefault(root, Watch())))
            copied.settle(project, lease)
            place = self.places(project)
            self.interval_s = min(self.interval_s, place.interval_s)
            self.served[root] = Served(project, place.scheduler, place.largest, self.goal, lease, place.interval_s)
            self._leases[root] = stack.pop_all()
        self._wrong.pop(root, None)

    def _complain(self, root: str, sentence: str) -> None:
        if sentence and self._wrong.get(root) != sentence:
            log.error("%s", sentence)
            self._wrong[root] = sentence

    def _beat(self, root: str, served: Served, watch: Watcher | None) -> int:
        try:
            if control.stop_asked(served.campaign.project, served.lease.generation):
                control.stop_obeyed(served.campaign.project, served.lease.generation)
                self._leave(root)
                return 0
            changed = served.beat()
        except Fenced as fenced:
            self._taken_away(root, fenced)
            return 0
        if watch:
            watch(served.seen)
        return changed

    def _taken_away(self, root: str, fenced: Fenced) -> None:
        log.error("%s", fenced)
        self._fenced = str(fenced)
        self._leave(root)

    def _leave(self, root: str) -> None:
        self._left.add(root)
        served = self.served.pop(root, None)
        if lease := self._leases.pop(root, None):
            lease.close()
        if served:
            served.campaign.close()

    def _sleep(self) -> None:
        """Wait for the next look; the leases' counters move on meanwhile."""
        until = time.monotonic() + self.interval_s
        while not self._stop and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, BEAT_S))
            for root, served in list(self.served.items()):
                try:
                    served.lease.check()
                except Fenced:
                    self._beat(root, served, None)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True
