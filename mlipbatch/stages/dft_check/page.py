"""check.html from the numbers; how it looks is the template's, shared with the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mlipbatch import __version__
from mlipbatch.config.resources import resource
from mlipbatch.stages.dft_check.judge import Errors, Judged, Tolerance
from mlipbatch.stages.dft_check.summary import Summary
from mlipbatch.stages.dft_check.text import held
from mlipbatch.stages.numbers import num
from mlipbatch.stages.report_svg import Point, number, padded, plot

Value = Callable[[Errors], float]
SMALLEST = 1e-3  # in each unit: below it a logarithm shows the SCF's own residual


def render(found: Summary, numbers: dict[str, Any]) -> str:
    """The page. Everything in it is escaped, plots' texts included."""
    environment = Environment(
        loader=FileSystemLoader(resource("templates")),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"num": num}
    drawn = [
        {"held": held(one, found.config), "plots": [Markup(svg) for svg in _plots(one, found.tolerance)]}  # noqa: S704  escaped in report_svg
        for one in found.judged
    ]
    return environment.get_template("dft_check.html.j2").render(n=numbers, drawn=drawn, version=__version__)


def _plots(one: Judged, tolerance: Tolerance) -> list[str]:
    drawn: tuple[tuple[str, str, float, Value], ...] = (
        ("energy differences", "meV/atom", tolerance.energy, lambda errors: errors.difference),
        ("forces", "meV/\N{ANGSTROM SIGN}", tolerance.force, lambda errors: errors.force),
        ("stress", "GPa", tolerance.stress, lambda errors: errors.stress),
    )
    return [_plot(one, title, unit, allowed, _points(one, value)) for title, unit, allowed, value in drawn]


def _plot(one: Judged, title: str, unit: str, allowed: float, points: Sequence[Point]) -> str:
    """Largest error at each value, on a logarithmic scale, with the tolerance; the reference's own is zero and left out."""
    if not points:
        return ""
    quantity = one.scan.quantity
    errors = [error for _, error in points]
    picture = plot(padded([*one.scan.values], 0.08), (min(*errors, allowed) / 2, max(*errors, allowed) * 2), y_log=True)
    picture.axes(f"{quantity.key}, {quantity.unit}", f"error of {title}, {unit}")
    at = picture.y(allowed)
    picture.rule((picture.x.start, at), (picture.x.end, at), "goal")
    picture.text(picture.x.end, at - 5, f"tolerance {number(allowed)}", "note end")
    picture.line(points, "line test")
    for x, error in points:
        mine = x == one.scan.campaign
        tip = f"{quantity.key} {x:g} {quantity.unit}{', the campaign' if mine else ''}\n{num(error)} {unit}"
        picture.mark("diamond" if mine else "dot", x, error, "test", tip)
    return picture.render(f"Error of {title} against {quantity.key}")


def _points(one: Judged, value: Value) -> list[Point]:
    rows: Sequence[tuple[float, Errors]] = [
        (row.value, row.errors) for row in one.rows if row.errors is not None and row.value != one.reference
    ]
    return [(x, max(value(errors), SMALLEST)) for x, errors in rows]
