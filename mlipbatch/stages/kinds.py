"""Every kind of job by its name."""

from __future__ import annotations

from mlipbatch.stages.base import Kind
from mlipbatch.stages.label import KIND, Label
from mlipbatch.stages.train import Train
from mlipbatch.stages.work import Work

KINDS: dict[str, Kind] = {
    "generate": Work(),
    "screen": Work(),
    "select": Work(),
    KIND: Label(),
    "train": Train(),
    "explore": Work(),
    "cut": Work(),
    "report": Work(),
}
