"""The report's plots, each a function from numbers to an SVG; "" where there is nothing to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mlipbatch.properties.eos import EquationOfState
from mlipbatch.stages.report_svg import Plot, Point, number, padded, plot

CURVE_POINTS = 80
SHOWN_GENERATIONS = 3  # of histograms, side by side
SHOWN_WALKS = 4  # as many as there are colours

Walked = tuple[str, list[Point]]  # a walk's name, and its points: ps, gamma


def learning(curve: Sequence[Mapping[str, Any]], key: str, unit: str, limit: float) -> str:
    """Error on held-out labels against the number of labels trained on; the goal as a dashed line."""
    found = [point for point in curve if point[key] is not None]
    if not found:
        return ""
    counts, values = [point["training_labels"] for point in found], [point[key] for point in found]
    picture = plot(padded([*counts, max(counts) + 1], 0.12), (0.0, 1.22 * max(*values, limit)))
    picture.axes("labels trained on", f"held-out error, {unit}", _spread(counts))
    _limit(picture, limit, f"goal {number(limit)}")
    picture.line(zip(counts, values, strict=True), "line test")
    for point, count, value in zip(found, counts, values, strict=True):
        tip = f"generation {point['generation']}: {value:.2f} {unit}\n{count} labels trained on, {point['labels']} held out"
        picture.mark("diamond", count, value, "test", tip)
        if len(found) <= 8:
            picture.text(picture.x(count), picture.y(value) - 11, f"{value:.3g}", "value mid")
    return picture.render(
        f"Held-out error in {unit} by number of labels: {', '.join(f'{value:.3g}' for value in values)}"
    )


def _spread(counts: Sequence[int]) -> list[float]:
    """Ticks at the counts themselves, as long as they do not touch."""
    room = max((max(counts) - min(counts)) / 9, 1)
    ticks: list[float] = []
    for count in sorted(set(counts)):
        if not ticks or count - ticks[-1] >= room:
            ticks.append(count)
    return ticks


def _limit(picture: Plot, value: float, text: str) -> None:
    at = picture.y(value)
    picture.rule((picture.x.start, at), (picture.x.end, at), "goal")
    picture.text(picture.x.end, at - 5, text, "note end")


def equation_of_state(curve: Mapping[str, Any]) -> str:
    """Energies of DFT and potential at the same volumes, with the curves fitted to them; zero is DFT's minimum."""
    volumes, dft, mine = curve["volumes_a3_per_atom"], curve["dft"], curve["potential"]
    if None in mine["energies_ev_per_atom"]:
        return ""
    zero = dft["energy_ev_per_atom"]
    zero = min(dft["energies_ev_per_atom"]) if zero is None else zero
    both = {
        name: [1000 * (e - zero) for e in side["energies_ev_per_atom"]] for name, side in (("dft", dft), ("mlip", mine))
    }
    picture = plot(padded(volumes), padded([*both["dft"], *both["mlip"]], 0.1))
    picture.axes("volume, \N{ANGSTROM SIGN}\N{SUPERSCRIPT THREE}/atom", "energy above DFT's minimum, meV/atom")
    fitted = [volumes[index] for index in curve["fitted_points"]]
    for name, side in (("dft", dft), ("mlip", mine)):
        _fit(picture, side, fitted, zero, name)
    for index, volume in enumerate(volumes):
        pale = "" if index in curve["fitted_points"] else " pale"
        values = f"DFT {both['dft'][index]:.1f}, potential {both['mlip'][index]:.1f} meV/atom"
        tip = f"{volume:.3f} \N{ANGSTROM SIGN}\N{SUPERSCRIPT THREE}/atom\n{values}"
        picture.mark("dot", volume, both["dft"][index], f"dft{pale}", tip)
        picture.mark("diamond", volume, both["mlip"][index], f"mlip small{pale}", tip)
    return picture.render(f"Energy against volume of {curve['formula']}: DFT and potential")


def equation_error(curve: Mapping[str, Any]) -> str:
    """Energy of the potential less DFT's, at every volume."""
    volumes, sides = curve["volumes_a3_per_atom"], (curve["potential"], curve["dft"])
    mine, theirs = (side["energies_ev_per_atom"] for side in sides)
    if None in mine:
        return ""
    errors = [1000 * (one - other) for one, other in zip(mine, theirs, strict=True)]
    largest = max(1.3 * max(abs(error) for error in errors), 0.01)
    picture = plot(padded(volumes), (-largest, largest))
    picture.axes("volume, \N{ANGSTROM SIGN}\N{SUPERSCRIPT THREE}/atom", "error of the potential, meV/atom")
    picture.rule((picture.x.start, picture.y(0.0)), (picture.x.end, picture.y(0.0)), "axis")
    picture.line(zip(volumes, errors, strict=True), "line mlip thin")
    for index, (volume, error) in enumerate(zip(volumes, errors, strict=True)):
        pale = "" if index in curve["fitted_points"] else " pale"
        picture.mark(
            "diamond",
            volume,
            error,
            f"mlip{pale}",
            f"{volume:.3f} \N{ANGSTROM SIGN}\N{SUPERSCRIPT THREE}/atom\n{error:+.2f} meV/atom",
        )
    return picture.render(f"Error of the potential's energy against volume of {curve['formula']}")


def _fit(picture: Plot, side: Mapping[str, Any], volumes: Sequence[float], zero: float, css: str) -> None:
    if side["volume_a3_per_atom"] is None:
        return
    equation = EquationOfState(
        volume=side["volume_a3_per_atom"],
        energy=side["energy_ev_per_atom"],
        bulk_modulus=side["bulk_modulus_gpa"],
        derivative=side["bulk_modulus_derivative"],
        rms=0.0,
    )
    step = (max(volumes) - min(volumes)) / CURVE_POINTS
    at = [min(volumes) + step * index for index in range(CURVE_POINTS + 1)]
    picture.line(((v, 1000 * (e - zero)) for v, e in zip(at, equation.energies(at), strict=True)), f"line {css}")


def gamma_histogram(gamma: Mapping[str, Any]) -> str:
    """Share of atoms in each bin of gamma, for the latest generations; zones between the thresholds are named."""
    histograms = dict(sorted(gamma["histogram"].items())[-SHOWN_GENERATIONS:])
    shares = {name: _shares(found["atoms"]) for name, found in histograms.items() if sum(found["atoms"])}
    if not shares:
        return ""
    edges = next(iter(histograms.values()))["from"]
    smallest = min(share for found in shares.values() for share in found if share)
    picture = plot((0.0, float(len(edges))), (10.0 ** math.floor(math.log10(smallest)) / 2, 300.0), y_log=True)
    _zones(picture, edges, gamma)
    picture.axes("extrapolation grade \N{GREEK SMALL LETTER GAMMA} of an atom", "share of atoms, %", [])
    for place, edge in enumerate(edges):
        if place % 2 == 0 or edge in (gamma["low"], gamma["high"]):
            picture.text(picture.x(place), picture.y.start + 18, number(edge), "tick mid")
    for order, (name, found) in enumerate(shares.items()):
        _bars(picture, edges, found, gamma, (order, len(shares)), (name, histograms[name]["atoms"]))
    return picture.render("Histogram of the extrapolation grade, by generation")


def _shares(atoms: Sequence[int]) -> list[float]:
    return [100 * count / sum(atoms) for count in atoms]


def _place(edges: Sequence[float], value: float) -> float:
    """Where a value of gamma lies on an axis on which every bin is as wide as the next."""
    for index, (low, high) in enumerate(pairwise(edges)):
        if value <= high:
            return index + (value - low) / (high - low)
    return float(len(edges) - 1)


def _zones(picture: Plot, edges: Sequence[float], gamma: Mapping[str, Any]) -> None:
    low, high = _place(edges, gamma["low"]), _place(edges, gamma["high"])
    zones = (("known", 0.0, low), ("candidate", low, high), ("dangerous", high, float(len(edges))))
    for name, start, end in zones:
        across = (picture.x(start), picture.x(end))
        picture.box(across, (picture.y.end, picture.y.start), f"zone {name}")
        picture.text(sum(across) / 2, picture.y.end + 15, name, "note mid")


def _bars(
    picture: Plot,
    edges: Sequence[float],
    shares: Sequence[float],
    gamma: Mapping[str, Any],
    place: tuple[int, int],
    of: tuple[str, Sequence[int]],
) -> None:
    """One generation's bars; the latest generation in full colour."""
    (order, count), (name, atoms) = place, of
    width, pale = 0.84 / count, "" if order == count - 1 else " pale"
    for index, share in enumerate(shares):
        if not share:
            continue
        upper = f"to {number(edges[index + 1])}" if index + 1 < len(edges) else "and more"
        tip = f"{name}, \N{GREEK SMALL LETTER GAMMA} {number(edges[index])} {upper}\n{atoms[index]:,} atoms, {share:.3g} %"
        left = index + 0.08 + width * order
        across = (picture.x(left), picture.x(left + width))
        picture.box(across, (picture.y(share), picture.y.start), f"bar {zone(edges[index], gamma)}{pale}", tip)


def zone(edge: float, gamma: Mapping[str, Any]) -> str:
    """What a bin from `edge` upwards is: known, candidate or dangerous."""
    if edge < gamma["low"]:
        return "known"
    return "candidate" if edge < gamma["high"] else "dangerous"


def gamma_walks(walks: Sequence[Walked], gamma: Mapping[str, Any]) -> str:
    """Largest gamma of every look, along `shown_walks`."""
    if not walks:
        return ""
    values = [value for _, points in walks for _, value in points]
    low, high = min(*values, gamma["low"] / 2), max(*values, gamma["high"])
    longest = max(time for _, points in walks for time, _ in points) or 1.0
    picture = plot((0.0, longest), (low * 0.8, high * 1.3), y_log=True)
    picture.axes("time, ps", "largest \N{GREEK SMALL LETTER GAMMA} in the cell")
    for order, (name, points) in enumerate(walks):
        tip = f"{name}\nlargest \N{GREEK SMALL LETTER GAMMA} {max(value for _, value in points):.2f}"
        picture.line(points, f"line walk w{order}", tip)
    _limit(picture, gamma["low"], f"candidate from {number(gamma['low'])}")
    _limit(picture, gamma["high"], f"dangerous from {number(gamma['high'])}")
    return picture.render("Largest extrapolation grade along the walks")


def shown_walks(walks: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> list[Walked]:
    """Of walks (name, times in ps, gammas) a few, evenly chosen, that have something to show."""
    found = [(name, _pairs(times, values)) for name, times, values in walks]
    graded = [(name, points) for name, points in found if points]
    return graded[:: max(1, math.ceil(len(graded) / SHOWN_WALKS))]


def _pairs(times: Sequence[float], values: Sequence[float]) -> list[Point]:
    return [(t, v) for t, v in zip(times, values, strict=False) if v is not None and math.isfinite(v) and v > 0]
