"""What an input of pw.x asks for, as far as the output must agree with it. Inputs of others and half inputs are read too."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

CARDS = ("ATOMIC_SPECIES", "ATOMIC_POSITIONS", "K_POINTS", "CELL_PARAMETERS", "OCCUPATIONS", "CONSTRAINTS", "ATOMIC_FORCES",
         "ADDITIONAL_K_POINTS", "ATOMIC_VELOCITIES", "SOLVENTS", "HUBBARD")  # fmt: skip
PAIR = re.compile(r"([A-Za-z_]\w*(?:\s*\([^)]*\))?)\s*=\s*('[^']*'|\"[^\"]*\"|[^\s,!]+)")


@dataclass(frozen=True)
class Asked:
    """An input; None is unknown or not said."""

    keywords: dict[str, str] = field(default_factory=dict)  # of all namelists, in lower case, quotes taken off
    kpoints: str | None = None  # gamma, automatic, tpiba, crystal ...; None where there is no such card
    mesh: tuple[int, int, int] | None = None
    shift: tuple[int, int, int] = (0, 0, 0)

    def number(self, key: str) -> float | None:
        """The keyword as a number; None where it is not there or is none."""
        text = self.keywords.get(key, "").lower().replace("d", "e")
        try:
            value = float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) else None


def read_input(text: str) -> Asked | None:
    """What `text` asks for; None where it is no input of pw.x."""
    lines = [_without_comment(line) for line in text.splitlines()]
    keywords = _keywords(lines)
    if not {"nat", "ecutwfc"} & keywords.keys():
        return None
    card, rows = _kpoints(lines)
    numbers = [int(word) for word in rows[0].split()[:6] if re.fullmatch(r"\d{1,4}", word)] if rows else []
    if card != "automatic" or len(numbers) < 3:
        return Asked(keywords, card)
    shift = (*numbers[3:6], 0, 0, 0)[:3]
    return Asked(keywords, card, (numbers[0], numbers[1], numbers[2]), (shift[0], shift[1], shift[2]))


def _without_comment(line: str) -> str:
    """A Fortran comment begins at a `!` outside quotes; `#` comments out a whole line of a card."""
    if line.lstrip().startswith("#"):
        return ""
    quoted = ""
    for position, letter in enumerate(line):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        elif letter == "!":
            return line[:position]
    return line


def _keywords(lines: list[str]) -> dict[str, str]:
    """key = value of all namelists."""
    found: dict[str, str] = {}
    inside = False
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("&"):
            inside = stripped.lower() != "&end"
        elif stripped == "/":
            inside = False
        elif inside:
            for key, value in PAIR.findall(line):
                found[re.sub(r"\s", "", key).lower()] = value.strip("'\"").strip()
    return found


def _kpoints(lines: list[str]) -> tuple[str | None, list[str]]:
    """The option of the K_POINTS card and the lines after it, as far as the next card."""
    for index, line in enumerate(lines):
        words = re.sub(r"[{}()]", " ", line).split()
        if words and words[0].upper() == "K_POINTS":
            rows = []
            for following in lines[index + 1 :]:
                if following.strip() and following.split()[0].upper() in CARDS:
                    break
                if following.strip():
                    rows.append(following)
            return (words[1].lower() if len(words) > 1 else "tpiba"), rows
    return None, []
