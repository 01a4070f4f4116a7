"""report.html from the numbers: what to show where, and the sentences that go with it. How it looks is the template's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mlipbatch import __version__
from mlipbatch.config.resources import resource
from mlipbatch.stages import report_parity, report_plots
from mlipbatch.stages.numbers import NONE, num
from mlipbatch.stages.report_data import ACTIVE, REFERENCE, TEST, TRAIN, Collected
from mlipbatch.stages.report_numbers import GOALS, Findings

LIMITS = {goal.key: goal.limit for goal in GOALS}
PARTS = {TRAIN: "train", TEST: "test", ACTIVE: "active", REFERENCE: "reference"}
TITLES = {
    "energy_rmse_mev_per_atom": ("Energy error, held out", "meV/atom"),
    "force_rmse_mev_per_a": ("Force error, held out", "meV/\N{ANGSTROM SIGN}"),
    "lattice_constant_rel_error": ("Lattice constant, error", ""),
    "bulk_modulus_rel_error": ("Bulk modulus, error", ""),
}
CODES = {"quantum_espresso": "Quantum ESPRESSO", "abinit": "ABINIT"}
LISTED = 30  # rows of a table before the rest is left to report.json


def render(data: Collected, findings: Findings) -> str:
    """The page. Everything in it that came from a file is escaped, plots' texts included."""
    environment = Environment(
        loader=FileSystemLoader(resource("templates")),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"num": num, "percent": percent, "duration": duration, "signed": signed}
    return environment.get_template("report.html.j2").render(
        n=findings.numbers,
        plots=_plots(data, findings),
        goals=goals(findings.numbers),
        subtitle=subtitle(data),
        legend=_legends(data),
        counts=_counts(data),
        settings=_settings(data),
        files=_files(data),
        left_out=report_parity.left_out(findings.predictions),
        listed=LISTED,
        version=__version__,
    )


def _plots(data: Collected, findings: Findings) -> dict[str, Any]:
    """Every plot by name, as mark-up; "" where there is nothing to draw."""
    n, predictions = findings.numbers, findings.predictions
    found = {
        "learning_energy": report_plots.learning(
            n["learning_curve"], "energy_rmse_mev_per_atom", "meV/atom", LIMITS["energy_rmse_mev_per_atom"]
        ),
        "learning_force": report_plots.learning(
            n["learning_curve"], "force_rmse_mev_per_a", "meV/\N{ANGSTROM SIGN}", LIMITS["force_rmse_mev_per_a"]
        ),
        "parity_energy": report_parity.energies(predictions, _references(data)),
        "parity_force": report_parity.forces(predictions),
        "gamma": report_plots.gamma_histogram(n["gamma"]),
        "walks": report_plots.gamma_walks(_walks(data), n["gamma"]),
    }
    both = (report_plots.equation_of_state, report_plots.equation_error)
    curves = [[Markup(draw(curve)) for draw in both] for curve in n["eos"]]  # noqa: S704  escaped in report_svg
    return {**{name: Markup(svg) for name, svg in found.items()}, "eos": curves}  # noqa: S704


def _walks(data: Collected) -> list[report_plots.Walked]:
    named = [(f"gen{w.generation:03d} {w.facts.get('temperature') or 0:g} K", *w.series) for w in data.walks]
    return report_plots.shown_walks(named)


def _legends(data: Collected) -> dict[str, list[tuple[str, str]]]:
    """CSS class and name of what is drawn, by plot."""
    return {
        "parts": [(css, f"{name} {len(data.part(name))}") for name, css in PARTS.items() if data.part(name)],
        "eos": [("dft", "DFT"), ("mlip", "potential")],
        "walks": [(f"w{order}", name) for order, (name, _) in enumerate(_walks(data))],
    }


def goals(numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The key numbers as they stand at the top, each with its goal and a remark."""
    remarks = _remarks(numbers)
    found = []
    for goal in numbers["verdict"]["goals"]:
        title, unit = TITLES[goal["key"]]
        known = goal["value"] is not None
        found.append(
            {
                "title": title,
                "text": (f"{num(goal['value'])} {unit}" if unit else percent(goal["value"])) if known else NONE,
                "limit": f"{goal['limit']:g} {unit}" if unit else f"{100 * goal['limit']:g}\N{NO-BREAK SPACE}%",
                "more": remarks[goal["key"]] if known else "not known yet",
                "met": goal["met"],
            }
        )
    return found


def _remarks(numbers: Mapping[str, Any]) -> dict[str, str]:
    """What makes each number mean something."""
    force, usual = numbers["force_rmse_mev_per_a"] or 0.0, numbers["force_rms_mev_per_a"]
    return {
        "energy_rmse_mev_per_atom": f"over {numbers['held_out_labels']} unseen structures",
        "force_rmse_mev_per_a": f"{percent(force / usual)} of a typical force" if usual else "",
        "lattice_constant_rel_error": _against(numbers, "lattice_constant_a", "\N{ANGSTROM SIGN}", 4),
        "bulk_modulus_rel_error": _against(numbers, "bulk_modulus_gpa", "GPa", 3),
    }


def _against(numbers: Mapping[str, Any], key: str, unit: str, digits: int) -> str:
    """``4.012 A, DFT 4.015 A``; of several compositions only that the worst one is shown."""
    if len(numbers["eos"]) != 1:
        return f"the worst of {len(numbers['eos'])} compositions"
    mine, dft = (numbers["eos"][0][side][key] for side in ("potential", "dft"))
    return f"{num(mine, digits)} {unit}, DFT {num(dft, digits)} {unit}"


def _references(data: Collected) -> dict[str, float]:
    """Energies (eV) of single atoms, as the newest potential has them."""
    if not data.potentials:
        return {}
    try:
        facts = json.loads((data.potentials[max(data.potentials)] / "potential.json").read_text(encoding="utf-8"))
        return {str(symbol): float(energy) for symbol, energy in facts["reference_energies"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def subtitle(data: Collected) -> str:
    """The material and the goal: ``Al0.75Mg0.25, fcc; melt_quench, 300 to 900 K``."""
    if data.config is None:
        return ""
    system, goal = data.config.target_system, data.config.simulation_goal
    low, high = goal.temperature_range
    formula = "".join(f"{symbol}{share:g}" if share != 1 else symbol for symbol, share in system.composition.items())
    return f"{formula}, {Path(system.crystal_structure).name}; {goal.type.replace('_', ' ')}, {low:g} to {high:g} K"


def _counts(data: Collected) -> list[dict[str, Any]]:
    """Labels of each config_type, by part, the largest first."""
    table: dict[str, dict[str, int]] = {}
    for label in data.labels:
        row = table.setdefault(label.config_type, dict.fromkeys(PARTS, 0))
        row[label.part] += 1
    largest = max((sum(row.values()) for row in table.values()), default=1)
    rows = sorted(table.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return [
        {
            "name": name,
            "total": sum(row.values()),
            "bars": [
                {"css": PARTS[part], "name": part, "count": n, "width": 100 * n / largest}
                for part, n in row.items()
                if n
            ],
        }
        for name, row in rows
    ]


def _settings(data: Collected) -> list[tuple[str, str]]:
    """How the labels and the potential were made, for those who judge the numbers."""
    if data.config is None:
        return []
    dft, training = data.config.dft, data.config.training
    weights = training.weights
    fit = [
        ("Potential", f"ACE on ZBL, {training.functions_per_element} functions an element"),
        ("Cutoff radius", f"{training.cutoff:g} \N{ANGSTROM SIGN}"),
        ("Loss weights E : F : S", f"{weights.energy:g} : {weights.force:g} : {weights.stress:g}"),
    ]
    code = data.config.resources.dft_code
    if code == "ase":
        return [("Labels", f"{dft.calculator} with {dft.arguments}"), *fit]
    return [
        ("DFT", CODES.get(code, code)),
        ("Pseudopotentials", ", ".join(dft.pseudopotentials.values()) or dft.pseudopotential_table),
        ("Cutoffs", f"{dft.ecutwfc:g} and {dft.ecutrho:g} Ry"),
        ("k-point spacing", f"{dft.kpoints_spacing:g} 1/\N{ANGSTROM SIGN}"),
        ("Smearing", f"{dft.smearing}, {dft.degauss:g} Ry"),
        ("Spin", "polarised" if dft.nspin == 2 else "unpolarised"),
        *fit,
    ]


def _files(data: Collected) -> Mapping[str, Any]:
    """The newest potential's folder, from the project, and what lies in it."""
    if not data.potentials:
        return {"folder": "", "names": []}
    folder = data.potentials[max(data.potentials)]
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    return {"folder": folder.relative_to(data.project.root).as_posix(), "names": names}


def percent(value: float | None) -> str:
    """A relative number as percent."""
    return NONE if value is None else f"{num(100 * value, 2)}\N{NO-BREAK SPACE}%"


def signed(value: float | None) -> str:
    """A relative error as percent, with its sign."""
    if value is None:
        return NONE
    sign = "+" if value >= 0 else "\N{MINUS SIGN}"
    return f"{sign}{percent(abs(value))}"


def duration(seconds: float | None) -> str:
    """``48 s``, ``11 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds is None:
        return NONE
    for large, small, size, unit in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if seconds >= size:
            whole, rest = divmod(round(seconds / unit), size // unit)
            return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"
    return f"{seconds:.0f} s"
