"""Why a structure was thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlipbatch.core import frames

if TYPE_CHECKING:
    from ase import Atoms

REASON_KIND = "reason_kind"  # Atoms.info: the kind of the reason, one word


@dataclass(frozen=True)
class Rejection:
    """A kind for counting, and one sentence with its numbers for people."""

    kind: str
    sentence: str

    def on(self, frame: Atoms) -> Atoms:
        """The frame, saying why it was rejected."""
        frame.info[REASON_KIND] = self.kind
        frame.info[frames.REASON] = self.sentence
        return frame
