"""Nodes and their cores: who gets which."""

from __future__ import annotations

from math import ceil

from mlipbatch.config.site import Queue


class Nodes:
    """The nodes of one queue, by number. A node that is down has no free cores."""

    def __init__(self, queue: Queue, number: int) -> None:
        self.queue = queue
        self.free = [queue.cores_per_node] * number
        self.down: set[int] = set()

    def take(self, cores: int) -> dict[int, int] | None:
        """Cores by node for a job, first fit; None where there is no room now. Several nodes are given whole."""
        each = self.queue.cores_per_node
        if not self.queue.whole_nodes and cores <= each:
            found = [node for node, free in enumerate(self.free) if free >= cores and node not in self.down][:1]
            share = cores
        else:
            needed = ceil(cores / each)
            found = [node for node, free in enumerate(self.free) if free == each and node not in self.down][:needed]
            share = each
            if len(found) < needed:
                return None
        for node in found:
            self.free[node] -= share
        return dict.fromkeys(found, share) or None

    def give_back(self, taken: dict[int, int]) -> None:
        """A job ended."""
        for node, cores in taken.items():
            self.free[node] += cores
