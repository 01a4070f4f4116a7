"""Virtual days of one campaign: the real engine on a real project folder, and the simulated cluster, in turn."""

from __future__ import annotations

from collections.abc import Callable

from mlipbatch.config.site import Site
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.patience import Patience
from mlipbatch.engine.simulate.clock import Clock
from mlipbatch.engine.simulate.cluster import Cluster
from mlipbatch.engine.simulate.scheduler import SimulatedScheduler
from mlipbatch.engine.simulate.script import Programs
from mlipbatch.engine.simulate.world import World
from mlipbatch.stages import loop
from mlipbatch.stages.base import Goal
from mlipbatch.store.project import Project

LONGEST_NAP_S = 300.0  # while nothing happens in the cluster: what the engine waits for by the clock is not slept over


class Simulation:
    """A project, an engine, a cluster and a clock. `seconds` tells how long the program of a job runs, by the job's id."""

    def __init__(
        self, project: Project, site: Site, world: World, seconds: Callable[[str], float], goal: Goal = loop.LOOP
    ) -> None:
        self.project, self.site, self.goal = project, site, goal
        self.clock = Clock()
        self.cluster = Cluster(site, world, self.clock)
        self.programs = Programs(self.clock, world.mishaps, world.seed, seconds)
        self.scheduler = SimulatedScheduler(self.cluster, self.programs)
        self.ticks = 0
        self.campaign = self.restart()

    def restart(self) -> Campaign:
        """A new engine on the same folder, as after a kill."""
        largest = max(queue.cores_per_node * queue.max_nodes for queue in self.site.queues)
        patience = Patience(interval_s=self.site.interval)
        self.campaign = Campaign(self.project, self.scheduler, largest, self.goal, clock=self.clock, patience=patience)
        return self.campaign

    def tick(self) -> int:
        """One pass of the engine. Returns what it changed."""
        self.cluster.advance()
        self.ticks += 1
        return self.campaign.tick()

    def run(self, done: Callable[[], bool] | None = None, limit_s: float = 1e9) -> float:
        """Tick until `done` (the campaign is finished), or until so much virtual time has passed. Returns the time, s."""
        finished = done or (lambda: self.campaign.finished)
        end = self.clock.now + limit_s
        while not finished() and self.clock.now < end:
            if not self.tick():
                self.clock.now = min(end, self._next_look())
        return self.clock.now

    def _next_look(self) -> float:
        """The daemon looks every `interval`; looks before anything happens are left out, up to a limit."""
        now, soon = self.clock.now, self.cluster.events.next_s
        nap = LONGEST_NAP_S if soon is None else min(LONGEST_NAP_S, soon - now)
        return now + self.site.interval * max(1, -(-nap // self.site.interval))
