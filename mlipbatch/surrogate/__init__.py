"""B: what a foundation model throws away."""

from __future__ import annotations

from mlipbatch.surrogate.cascade import Screened, screen

__all__ = ["Screened", "screen"]
