"""What a grade means for a walk (SPEC 6): pure rules, no simulation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

MOST_FRAMES = 50  # a walk keeps about this many frames at most, however long it is
DECORRELATION = 50.0  # fs: the atoms of a solid or a liquid have mostly forgotten their displacements after this
RAMP = 0.2  # share of a walk in which it is heated

Frame = TypeVar("Frame")


class Verdict(Enum):
    """What to do after a look at the frame."""

    GO_ON = "go on"  # known
    COLLECT = "collect"  # a candidate for DFT; the walk goes on
    GO_BACK = "go back"  # dangerous: from the last good frame with half the time step
    GIVE_UP = "give up"  # dangerous once too often


@dataclass(frozen=True)
class Limits:
    """From `low` to `high` a frame is a candidate; above `high` it is dangerous, and so is an explosion."""

    low: float
    high: float
    retries: int


def judge(gamma_max: float, explosion: str, limits: Limits, retries: int) -> Verdict:
    """The verdict on a frame: largest gamma of its atoms, why it exploded ("" where it did not), retries spent so far."""
    if explosion or not gamma_max <= limits.high:  # written so that NaN is dangerous
        return Verdict.GO_BACK if retries < limits.retries else Verdict.GIVE_UP
    return Verdict.GO_ON if gamma_max < limits.low else Verdict.COLLECT


def trustworthy(gamma_max: float, limits: Limits) -> bool:
    """Whether a frame is good enough to come back to: well away from danger, if not quite known."""
    return gamma_max < max(limits.low, limits.high / 2)


def untouched(step: int, explosion: str) -> bool:
    """Whether a dangerous frame was made without the potential: nothing is wrong with the start itself, it is only unknown."""
    return step == 0 and not explosion


def danger(gamma_max: float, explosion: str, limits: Limits) -> str:
    """Why a frame is dangerous, as a clause."""
    return explosion or f"gamma {gamma_max:.3g} is above {limits.high:g}"


def spacing(total_fs: float) -> float:
    """Length (fs) of the stretches of which one frame each is collected, in a walk of `total_fs`."""
    return max(DECORRELATION, total_fs / MOST_FRAMES)


def ramp(share: float, first: float, last: float) -> float:
    """The thermostat's target (K) when `share` of the walk is done: from `first` to `last` in its first fifth, then held."""
    return first + (last - first) * min(1.0, share / RAMP)


@dataclass
class Windows(Generic[Frame]):
    """Of each stretch of `length` fs the one candidate of largest gamma: spaced in time, never a frame a step."""

    length: float
    held: dict[int, tuple[float, Frame]] = field(default_factory=dict)  # number of the stretch -> gamma, frame

    def wants(self, time_fs: float, gamma_max: float) -> bool:
        """Whether a frame at this time is more uncertain than the one held of its stretch."""
        held = self.held.get(self._number(time_fs))
        return held is None or gamma_max > held[0]

    def keep(self, time_fs: float, gamma_max: float, frame: Frame) -> None:
        """Hold `frame` for its stretch."""
        self.held[self._number(time_fs)] = (gamma_max, frame)

    def frames(self) -> list[Frame]:
        """What is held, in order of time."""
        return [self.held[number][1] for number in sorted(self.held)]

    def _number(self, time_fs: float) -> int:
        return int(time_fs // self.length)
