"""Rules of `dft`: SPEC 5."""

from __future__ import annotations

from pathlib import Path

from mlipbatch.config.elements import MOMENTS
from mlipbatch.config.heuristics import dft_codes
from mlipbatch.config.heuristics.draft import Draft, Rule, constant
from mlipbatch.config.pseudopotentials import kind_of

NO_TABLE = "no table of pseudopotentials is installed here (`mlipbatch plan` says how to get one)"
DUAL = {"NC": 4, "US": 8, "PAW": 8}


def pseudopotential_table(draft: Draft) -> tuple[str, str]:
    """SSSP efficiency where it is installed."""
    if draft.table is None:
        if "dft.pseudopotentials" in draft.given:
            return "none", "files and cutoffs are given one by one"
        return "none", NO_TABLE
    return "sssp-efficiency", f"the field's default; found as {draft.table.name} in {draft.table.folder}"


def pseudo_dir(draft: Draft) -> tuple[str, str]:
    """The table's folder."""
    return (
        (str(draft.table.folder), f"where table {draft.table.name} found its files") if draft.table else ("", NO_TABLE)
    )


def pseudopotentials(draft: Draft) -> tuple[dict[str, str], str]:
    """The table's file of each element."""
    if draft.table is None:
        return {}, NO_TABLE
    files = {symbol: draft.table.elements[symbol].file for symbol in draft.elements}
    return files, f"table {draft.table.name} ({draft.table.functional})"


def ecutwfc(draft: Draft) -> tuple[float, str]:
    """The largest cutoff among the elements, in Ry."""
    if draft.table is None:
        return 60.0, f"a careful guess: {NO_TABLE}"
    cutoffs = {symbol: draft.table.elements[symbol].ecutwfc for symbol in draft.elements}
    symbol = max(cutoffs, key=cutoffs.__getitem__)
    return cutoffs[symbol], f"largest recommended cutoff among the elements: {symbol}'s, in table {draft.table.name}"


def ecutrho(draft: Draft) -> tuple[float, str]:
    """The table's largest, and never below what the kinds of pseudopotential need times `ecutwfc`."""
    if draft.table is not None and "dft.ecutwfc" not in draft.given:
        cutoffs = {symbol: draft.table.elements[symbol].ecutrho for symbol in draft.elements}
        symbol = max(cutoffs, key=cutoffs.__getitem__)
        return cutoffs[
            symbol
        ], f"largest recommended cutoff among the elements: {symbol}'s, in table {draft.table.name}"
    folder = Path(draft["dft.pseudo_dir"])
    duals = {symbol: _dual(draft, symbol, folder / file) for symbol, file in draft["dft.pseudopotentials"].items()}
    dual = max(duals.values(), default=8.0)
    return round(
        dual * draft["dft.ecutwfc"], 6
    ), f"{dual:g} times ecutwfc, as the most demanding of the pseudopotentials needs"


def _dual(draft: Draft, symbol: str, path: Path) -> float:
    """ecutrho / ecutwfc of the element's table entry, else what its kind needs."""
    if draft.table is not None and symbol in draft.table.elements and "dft.pseudopotentials" not in draft.given:
        entry = draft.table.elements[symbol]
        return max(4.0, entry.ecutrho / entry.ecutwfc)
    return float(DUAL[kind_of(path)])


def _magnetic(draft: Draft) -> list[str]:
    return [symbol for symbol in draft.elements if symbol in MOMENTS]


def nspin(draft: Draft) -> tuple[int, str]:
    """2 with an element that carries a moment."""
    magnetic = _magnetic(draft)
    if magnetic:
        return 2, f"{', '.join(magnetic)} may carry a magnetic moment"
    return 1, f"none of {', '.join(draft.elements)} carries a magnetic moment in the solid"


def starting_magnetization(draft: Draft) -> tuple[dict[str, float], str]:
    """Ferromagnetic start, 0.2 to 0.5."""
    if draft["dft.nspin"] == 1:
        return {}, "not spin-polarised"
    start = {symbol: MOMENTS[symbol] for symbol in _magnetic(draft)} or dict.fromkeys(draft.elements, 0.3)
    return start, "ferromagnetic start of 0.2 to 0.5, so that it does not fall to the non-magnetic solution"


def degauss(draft: Draft) -> tuple[float, str]:
    """SPEC's 0.01 to 0.02 Ry; moments want the smaller half."""
    if draft["dft.nspin"] == 2:
        return 0.015, "within 0.01 to 0.02 Ry: moments are washed out by more"
    return 0.02, "within 0.01 to 0.02 Ry: distorted metals converge most steadily with the upper end"


PW_X: dict[str, Rule] = {
    "dft.command": constant(
        "pw.x", "from PATH or the modules of the site; mpirun is added where a job has several cores"
    ),
    "dft.pseudopotential_table": pseudopotential_table,
    "dft.pseudo_dir": pseudo_dir,
    "dft.pseudopotentials": pseudopotentials,
    "dft.ecutwfc": ecutwfc,
    "dft.ecutrho": ecutrho,
    "dft.kpoints_spacing": constant(
        0.15, "the field's default for metals (aiida-quantumespresso's kpoints_distance); Al4 gets 11x11x11"
    ),
    "dft.smearing": constant("mv", "Marzari-Vanderbilt: forces barely depend on the width"),
    "dft.degauss": degauss,
    "dft.nspin": nspin,
    "dft.starting_magnetization": starting_magnetization,
    "dft.conv_thr": constant(1e-9, "forces converged far below the potential's own error"),
    "dft.mixing_beta": constant(0.7, "pw.x's default; the recovery ladder softens it"),
    "dft.electron_maxstep": constant(100, "pw.x's default; a plainly converging run gets more"),
    "dft.extra": constant({}, "nothing further"),
    "dft.max_attempts": constant(8, "each rung of the recovery ladder once, and the way back from hotter electrons"),
    "dft.calculator": constant("", "dft_code is not ase"),
    "dft.arguments": constant({}, "dft_code is not ase"),
}


def _by_code(path: str, rule: Rule) -> Rule:
    """What the campaign's code has a rule of its own for, that rule."""
    return lambda draft: dft_codes.RULES.get(draft["resources.dft_code"], {}).get(path, rule)(draft)


RULES: dict[str, Rule] = {path: _by_code(path, rule) for path, rule in PW_X.items()}
