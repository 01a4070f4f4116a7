"""Limits for a screening without a campaign: wide, so that only what is no material at all is thrown away."""

from __future__ import annotations

from mlipbatch.config.model import ScreeningConfig
from mlipbatch.surrogate.models import best_installed


def default_screening() -> ScreeningConfig:
    """MACE-MP-0 where it is installed, else CHGNet."""
    return ScreeningConfig(
        model=best_installed(),
        min_distance_factor=0.5,  # 1.2 A for Al-Al: a rattle of 0.3 A does not reach it
        max_force=50.0,
        max_energy_above_median=5.0,  # about the cohesion of a metal
        volume_per_atom_factor=(0.4, 3.0),
    )
