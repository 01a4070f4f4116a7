"""The fingerprint of a selection without a campaign."""

from __future__ import annotations

from mlipbatch.config.model import SelectionConfig

DEFAULT_SELECTION = SelectionConfig(number=1, descriptor="ace", descriptor_cutoff=6.0, descriptor_functions=100)
