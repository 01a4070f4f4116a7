"""What is done about a frame: pure rules."""

from __future__ import annotations

import math

import pytest

from mlipbatch.exploration.decide import Limits, Verdict, Windows, danger, judge, ramp, spacing, trustworthy

LIMITS = Limits(low=2.0, high=10.0, retries=2)


@pytest.mark.parametrize(
    ("gamma", "explosion", "retries", "verdict"),
    [
        (0.3, "", 0, Verdict.GO_ON),
        (1.999, "", 2, Verdict.GO_ON),
        (2.0, "", 0, Verdict.COLLECT),
        (10.0, "", 2, Verdict.COLLECT),
        (10.01, "", 0, Verdict.GO_BACK),
        (10.01, "", 1, Verdict.GO_BACK),
        (10.01, "", 2, Verdict.GIVE_UP),
        (0.3, "an atom moves 3 A in one step", 0, Verdict.GO_BACK),
        (math.nan, "", 0, Verdict.GO_BACK),
        (math.nan, "lost atoms", 2, Verdict.GIVE_UP),
    ],
)
def test_verdicts(gamma, explosion, retries, verdict):
    assert judge(gamma, explosion, LIMITS, retries) is verdict


def test_no_retries_means_that_the_first_danger_ends_the_walk():
    assert judge(11.0, "", Limits(2.0, 10.0, 0), 0) is Verdict.GIVE_UP


def test_a_frame_to_come_back_to_is_well_away_from_danger():
    assert [trustworthy(gamma, LIMITS) for gamma in (0.5, 2.0, 4.9, 5.0, 9.9, math.nan)] == [True] * 3 + [False] * 3
    assert trustworthy(7.0, Limits(low=8.0, high=10.0, retries=1))  # what is known may always be come back to


def test_danger_says_what_it_was():
    assert danger(12.345, "", LIMITS) == "gamma 12.3 is above 10"
    assert danger(math.nan, "lost atoms", LIMITS) == "lost atoms"


def test_walks_are_heated_in_their_first_fifth_and_then_held():
    assert [ramp(share, 300, 800) for share in (0, 0.1, 0.2, 0.6, 1)] == [300, 550, 800, 800, 800]


def test_one_frame_a_stretch_the_most_uncertain_one():
    windows: Windows[str] = Windows(length=50.0)
    for time, gamma in [(0, 2.5), (10, 3.5), (20, 3.0), (49, 2.2), (50, 2.1), (120, 9.0), (130, 9.5)]:
        if windows.wants(time, gamma):
            windows.keep(time, gamma, f"{time} fs")
    assert windows.frames() == ["10 fs", "50 fs", "130 fs"]


def test_long_walks_do_not_fill_the_disk():
    assert spacing(1000.0) == 50.0
    assert spacing(1e6) == 20_000.0  # 50 frames of a nanosecond
