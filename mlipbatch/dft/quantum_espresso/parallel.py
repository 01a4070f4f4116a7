"""How pw.x uses several cores: pools of k-points, and who diagonalises."""

from __future__ import annotations

import math
import re

SERIAL_BANDS = (
    500  # below it one core diagonalises as fast, and a distributed Cholesky cannot fail (aiida-quantumespresso#880)
)


def pools_of(cores: int, points: int, memory_factor: float = 1.0) -> int:
    """As many pools as have a k-point each and divide the cores.

    Fewer for a job that ran out of memory, as each has a density.
    """
    most = max(1, int(min(points, cores) / memory_factor))
    return max(pools for pools in range(1, most + 1) if cores % pools == 0)


def flags(
    command: str, cores: int, pools: int, bands: int | None, *, serial: bool = False
) -> tuple[str, dict[str, str]]:
    """Options of pw.x for this many cores, and their reasons; none where the command has its own, or there is one core.

    `serial` is the ladder's wish that one core diagonalises, whatever else is said: of two `-ndiag` pw.x takes the last.
    """
    if cores == 1:
        return "", {}
    if re.search(r"\s-(nk|npools?|nd|ndiag|northo|nimages?|ni)\b", command):
        return " -ndiag 1" if serial else "", {"parallelisation": "as dft.command has it"}
    side = 1 if serial or bands is None or bands < SERIAL_BANDS else math.isqrt(cores // pools)
    why_serial = (
        f"{bands or 'an unknown number of'} bands: below {SERIAL_BANDS} one core diagonalises as fast and more safely"
    )
    reasons = {
        "-nk": f"{pools} pools of {cores // pools} cores: each has a k-point, and no waves are sent between them",
        "-ndiag": why_serial if side == 1 else f"{bands} bands: {side} x {side} cores diagonalise together",
    }
    return f" -nk {pools} -ndiag {side * side}", reasons
