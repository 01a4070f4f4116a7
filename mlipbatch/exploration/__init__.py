"""E: molecular dynamics with gamma on every atom."""

from __future__ import annotations

from mlipbatch.exploration.report import WalkReport
from mlipbatch.exploration.walk import walk

__all__ = ["WalkReport", "walk"]
