"""E: periodic boxes cut around uncertain atoms."""

from __future__ import annotations

from mlipbatch.embedding.choose import Choice, choose
from mlipbatch.embedding.cut import cut
from mlipbatch.embedding.relax import relax_buffer

__all__ = ["Choice", "choose", "cut", "relax_buffer"]
