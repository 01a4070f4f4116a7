"""A Markdown table of what `mlipbatch diagnose` says of every output in tests/data/qe_cases, whole and cut at each KiB.

    python tools/diagnosed_cases.py

What it must say is in tests/data/verdicts.csv, and what the README there says of the case stands beside it. Ends with 1 where an
output is called otherwise, or a part of one is accepted.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mlipbatch.dft.quantum_espresso.diagnose import decide
from mlipbatch.dft.quantum_espresso.evidence import Evidence

DATA = Path(__file__).parent.parent / "tests" / "data"
SET = "qe_cases"
KIB = 1024


@dataclass(frozen=True)
class Row:
    """One output, and what was said of it."""

    output: str  # CASE/VARIANT
    exit_code: int
    expected: str
    said: str  # with the exit code
    said_alone: str  # without
    cuts: int
    accepted: int  # of the cuts
    readme: str

    @property
    def right(self) -> bool:
        """Was it called what it is, and no part of it accepted?"""
        return self.said == self.said_alone == self.expected and not self.accepted

    @property
    def text(self) -> str:
        """Its line in the table."""
        agrees = "yes" if self.right else f"NO: {self.expected}"
        return f"| {self.output} | {self.exit_code} | {self.said} | {agrees} | {self.cuts} | {self.accepted} | {self.readme} |"


def rows() -> list[Row]:
    """All outputs of the set, in order."""
    said = readme()
    with (DATA / "verdicts.csv").open() as lines:
        wanted = [row for row in csv.DictReader(lines) if row["output"].startswith(f"{SET}/")]
    return [_row(row["output"], int(row["exit_code"]), row["verdict"], said) for row in wanted]


def _row(name: str, exit_code: int, expected: str, said: dict[str, str]) -> Row:
    path = DATA / f"{name}.pwo"
    cuts, accepted = cut(path)
    output = name.removeprefix(f"{SET}/")
    words = said.get(output) or f"its case: {said.get(output.split('/')[0], '')}"
    verdict = (verdict_of(path, "--exit-code", str(exit_code)), verdict_of(path))
    return Row(output, exit_code, expected, *verdict, cuts, accepted, words)


def verdict_of(path: Path, *options: str) -> str:
    """The name that the command gives: `ok`, or the failure's."""
    words = [sys.executable, "-m", "mlipbatch", "diagnose", *options, "--", str(path)]
    line = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip().split("\t")
    return line[1] if line[1] == "ok" else line[2]


def cut(path: Path) -> tuple[int, int]:
    """How many cuts there are at whole KiB, and how many of them are accepted, exit code 0 or unknown."""
    data = path.read_bytes()
    parts = [data[:size].decode("utf-8", "replace") for size in range(0, len(data), KIB)]
    accepted = sum(any(decide(Evidence(output=part, exit_code=code)).ok for code in (0, None)) for part in parts)
    return len(parts), accepted


def readme() -> dict[str, str]:
    """What the README says: the signature of CASE/VARIANT, and how CASE was cured."""
    found: dict[str, str] = {}
    for line in (DATA / SET / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 6 and "/" in cells[0]:
            found[cells[0]] = cells[4]
            found.setdefault(cells[0].split("/")[0], cells[5])
    return found


def main() -> int:
    """Print the table; 1 where anything in it is wrong."""
    print("| output | exit code | `diagnose` says | agrees | cuts | accepted | README |\n|---|---|---|---|---|---|---|")
    table = rows()
    for row in table:
        print(row.text)
    print(f"\n{len(table)} outputs, {sum(row.right for row in table)} right; {sum(row.cuts for row in table)} cuts, "
          f"{sum(row.accepted for row in table)} accepted")  # fmt: skip
    return 0 if all(row.right for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
