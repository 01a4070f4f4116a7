"""What became of one run of an engine: may its results be used, and if not, why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

DISK_FULL = "disk_full"  # the one failure after which nothing more is sent for a while

Fact: TypeAlias = str | int | float | bool | list[int] | list[float] | None


@dataclass(frozen=True)
class Diagnosis:
    """The verdict on one run.

    `name` is ``ok`` or the failure's name: aiida-quantumespresso's exit code where it has one, in lower case without ``error_``
    (``electronic_convergence_not_reached``). `sentence` is for people. `facts` are what was seen, where it was seen
    (``iterations``; ``slope``, of log10 of the SCF accuracy, a step; ``accuracy``, Ry; ``wall_s``, s; ...).
    """

    ok: bool
    name: str
    sentence: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
