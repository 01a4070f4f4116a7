"""B: the most diverse structures, by farthest point sampling."""

from __future__ import annotations

from mlipbatch.selection.farthest import Picks, farthest_points, sample

__all__ = ["Picks", "farthest_points", "sample"]
