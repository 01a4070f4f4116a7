"""What `make demo` says at its end: the key numbers of reports/report.json, and where everything is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROWS = (  # what, key of report.json, how it is written
    ("labels", "labels", "{}"),
    ("labels with force masks", "masked_labels", "{}"),
    ("generations", "generations", "{}"),
    ("energy RMSE, held out", "energy_rmse_mev_per_atom", "{:.1f} meV/atom"),
    ("force RMSE, held out", "force_rmse_mev_per_a", "{:.0f} meV/A"),
    ("lattice constant against DFT", "lattice_constant_rel_error", "{:+.2%}"),
    ("bulk modulus against DFT", "bulk_modulus_rel_error", "{:+.1%}"),
    ("wall time", "wall_s", "{:.0f} s"),
    ("potential", "potential", "{}"),
)


def numbers(report: dict[str, Any]) -> str:
    """The table, one line a number; a number that could not be had is a dash."""
    return "\n".join(f"  {what:<32}{_written(report.get(key), text)}" for what, key, text in ROWS)


def _written(value: Any, text: str) -> str:
    return "-" if value is None else text.format(value)


def main(folder: Path) -> None:
    """Print the table of a project folder."""
    report = json.loads((folder / "reports" / "report.json").read_text())
    print(f"\n{numbers(report)}\n  {'report':<32}{folder / 'reports' / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
