"""Numbers as people read them."""

from __future__ import annotations

NONE = "\N{EM DASH}"
NOTHING = 1e-6  # in every unit used here


def num(value: float | None, digits: int = 3) -> str:
    """So many significant digits, thousands apart; a dash for what is not there."""
    if value is None:
        return NONE
    if abs(value) < NOTHING:
        return "0"
    if isinstance(value, int) or (value and abs(value) >= 10**digits):
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".rstrip(".")
