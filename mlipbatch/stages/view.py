"""What is there of each generation: jobs by id, counted as they change and not as they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlipbatch.core.job import JobEntry, generation_name
from mlipbatch.core.state import ENDED, JobState


class Jobs(Mapping[str, JobEntry]):
    """Jobs by id, which can also be counted. A group is ``GENERATION/KIND``."""

    @abstractmethod
    def tally(self, group: str) -> Mapping[JobState, int]:
        """Number of jobs of a group by state."""

    @abstractmethod
    def within(self, group: str, *states: JobState) -> Iterator[JobEntry]:
        """Jobs of a group in one of these states (any, where none is named), by id."""

    @abstractmethod
    def in_state(self, *states: JobState) -> Iterator[JobEntry]:
        """Jobs of all groups in one of these states, by id."""


class Table(Jobs):
    """Jobs that are in memory anyway."""

    def __init__(self, entries: Mapping[str, JobEntry]) -> None:
        self._entries = entries
        self._groups: dict[str, list[JobEntry]] = {}
        for job in sorted(entries):
            self._groups.setdefault(job.rpartition("/")[0], []).append(entries[job])

    def __getitem__(self, job: str) -> JobEntry:
        return self._entries[job]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def tally(self, group: str) -> Mapping[JobState, int]:
        """Counted now."""
        return Counter(entry.state for entry in self._groups.get(group, ()))

    def within(self, group: str, *states: JobState) -> Iterator[JobEntry]:
        """From its group."""
        return (entry for entry in self._groups.get(group, ()) if not states or entry.state in states)

    def in_state(self, *states: JobState) -> Iterator[JobEntry]:
        """From all groups."""
        return (entry for group in self._groups for entry in self.within(group, *states))


@dataclass(frozen=True)
class View:
    """Jobs, with the questions that stages ask."""

    entries: Jobs

    @classmethod
    def of(cls, entries: Mapping[str, JobEntry]) -> View:
        """Of jobs that count themselves, or of any others."""
        return cls(entries if isinstance(entries, Jobs) else Table(entries))

    def done(self, generation: int, kind: str) -> list[JobEntry]:
        """Jobs of a kind in a generation that are DONE, by id."""
        return list(self.entries.within(_group(generation, kind), JobState.DONE))

    def number(self, generation: int, kind: str, *states: JobState) -> int:
        """How many there are in one of these states; in any, where none is named."""
        tally = self.entries.tally(_group(generation, kind))
        return sum(tally.values()) if not states else sum(tally.get(state, 0) for state in states)

    def any_done(self, generation: int, kind: str) -> bool:
        """At least one is DONE."""
        return self.number(generation, kind, JobState.DONE) > 0

    def ended(self, generation: int, kind: str) -> bool:
        """There are some, and all are DONE or FAILED."""
        return 0 < self.number(generation, kind) == self.number(generation, kind, *ENDED)


def _group(generation: int, kind: str) -> str:
    return f"{generation_name(generation)}/{kind}"
