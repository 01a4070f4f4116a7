from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlipbatch.stages.report_page import duration, num, percent, signed
from mlipbatch.stages.report_plots import gamma_histogram, learning, shown_walks, zone
from mlipbatch.stages.report_svg import Scale, nice_ticks, number, padded, plot
from mlipbatch.store.durable import count_frames, write_frames
from tests.report import campaign


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_within_the_axis(low, width):
    high = low + width
    ticks = nice_ticks(low, high, 5)
    assert 2 <= len(ticks) <= 7
    assert all(low - 1e-6 * width <= tick <= high + 1e-6 * width for tick in ticks)


def test_scales_map_ends_to_ends():
    straight, decades = Scale(-1, 3, 50, 450), Scale(0.1, 10, 300, 0, log=True)
    assert (straight(-1), straight(1), straight(3)) == (50, 250, 450)
    assert [round(decades(value)) for value in (0.1, 1, 10)] == [300, 150, 0]
    assert decades.ticks() == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5, 10])


def test_an_axis_is_never_empty():
    assert padded([3.0])[0] < 3.0 < padded([3.0])[1]
    assert padded([0.0])[0] < 0.0 < padded([0.0])[1]


def test_numbers_as_people_write_them():
    assert [number(v) for v in (0.5, -2.0, 1e-5, 20000.0)] == ["0.5", "\N{MINUS SIGN}2", "1e\N{MINUS SIGN}5", "2e4"]
    assert [num(v) for v in (None, 0, 12, 4.1567, 12345.6, 38.04)] == [
        "\N{EM DASH}",
        "0",
        "12",
        "4.16",
        "12,346",
        "38.0",
    ]
    assert (percent(0.00081), percent(None)) == ("0.081\N{NO-BREAK SPACE}%", "\N{EM DASH}")
    assert (signed(-0.031), signed(0.002)) == ("\N{MINUS SIGN}3.1\N{NO-BREAK SPACE}%", "+0.20\N{NO-BREAK SPACE}%")
    assert [duration(s) for s in (None, 0, 48, 665, 7200, 187200)] == [
        "\N{EM DASH}", "0 s", "48 s", "11 min 5 s", "2 h", "2 d 4 h",
    ]  # fmt: skip


def test_text_in_a_plot_is_escaped():
    picture = plot((0, 1), (0, 1))
    picture.mark("dot", 0.5, 0.5, "test", '<script>"&')
    assert 'data-tip="&lt;script&gt;&quot;&amp;"' in picture.render("a < b")


def test_bars_are_as_high_as_their_shares_and_coloured_by_zone():
    gamma = {
        "low": 2.0,
        "high": 10.0,
        "histogram": {"gen001": {"from": [0.0, 1.0, 2.0, 10.0], "atoms": [900, 90, 9, 1]}},
    }
    bars = re.findall(r'height="([\d.]+)" class="bar (\w+)"', gamma_histogram(gamma))
    assert [css for _, css in bars] == ["known", "known", "candidate", "dangerous"]
    heights = [float(height) for height, _ in bars]
    steps = [high - low for high, low in pairwise(heights)]
    assert steps[0] == pytest.approx(steps[1], abs=0.2)  # a decade each
    assert zone(8.0, gamma) == "candidate"


def test_nothing_to_draw_is_no_plot():
    assert gamma_histogram({"low": 2.0, "high": 10.0, "histogram": {}}) == ""
    assert learning([{"e": None, "training_labels": 3}], "e", "meV", 8.0) == ""


def test_of_many_walks_a_few_are_shown_and_broken_points_left_out():
    walks = [(f"w{i}", [0.0, 1.0, 2.0], [1.0, float("nan"), None]) for i in range(9)]
    shown = shown_walks(walks)
    assert [name for name, _ in shown] == ["w0", "w3", "w6"]
    assert shown[0][1] == [(0.0, 1.0)]


def test_frames_are_counted_without_being_parsed(tmp_path):
    write_frames(tmp_path / "some.extxyz", campaign.boxes())
    (tmp_path / "none.extxyz").write_text("")
    assert count_frames(tmp_path / "some.extxyz") == 4
    assert count_frames(tmp_path / "none.extxyz") == 0
