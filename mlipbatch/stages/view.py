"""What is there of each generation, read from the index of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlipbatch.core.job import JobEntry, generation_name
from mlipbatch.core.state import ENDED, JobState


@dataclass(frozen=True)
class View:
    """Jobs by id, with the questions that stages ask."""

    entries: Mapping[str, JobEntry]

    def of(self, generation: int, kind: str) -> list[JobEntry]:
        """All jobs of a kind in a generation."""
        prefix = f"{generation_name(generation)}/{kind}/"
        return [entry for job, entry in self.entries.items() if job.startswith(prefix)]

    def done(self, generation: int, kind: str) -> list[JobEntry]:
        """Those that are DONE."""
        return [entry for entry in self.of(generation, kind) if entry.state is JobState.DONE]

    def ended(self, generation: int, kind: str) -> bool:
        """There are some, and all are DONE or FAILED."""
        jobs = self.of(generation, kind)
        return bool(jobs) and all(entry.state in ENDED for entry in jobs)
