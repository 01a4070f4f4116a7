"""The header of ABINIT's own formats of pseudopotentials (pspnc, fhi, hgh, psp8, ...): three lines, whatever the format.

comment
zatom zion pspdat
pspcod pspxc lmax lloc mmax r2well
"""

from __future__ import annotations

import re

from mlipbatch.config.elements import SYMBOLS

NORM_CONSERVING = frozenset({1, 2, 3, 4, 5, 6, 8, 10})  # pspcod
PAW = frozenset({7, 17})
FUNCTIONALS = {  # pspxc (ABINIT's ixc; negative: two numbers of libxc) -> pw.x's name
    1: "sla+pw+nogx+nogc",  # Teter's form of Perdew-Wang
    2: "sla+pz+nogx+nogc",
    7: "sla+pw+nogx+nogc",
    -1012: "sla+pw+nogx+nogc",
    11: "sla+pw+pbx+pbc",
    -101130: "sla+pw+pbx+pbc",
    -116133: "sla+pw+psx+psc",
}
LINES = re.compile(
    r"\A(?P<title>[^\n]*)\n\s*(?P<zatom>\d+(?:\.\d*)?)\s+(?P<zion>\d+(?:\.\d*)?)\s+\d+[^\n]*\n"
    r"\s*(?P<code>\d+)\s+(?P<xc>-?\d+)\s+\d+\s+-?\d+\s+\d+"
)


def read_header(text: str) -> tuple[str, float, str, str, float | None] | None:
    """Element, valence, functional, kind and core radius (bohr, where the title has it); None where it is no such file."""
    found = LINES.match(text)
    number = round(float(found["zatom"])) if found else 0
    if found is None or not 1 <= number <= len(SYMBOLS):
        return None
    code, xc = int(found["code"]), int(found["xc"])
    kind = "NC" if code in NORM_CONSERVING else "PAW" if code in PAW else f"pspcod {code}"
    radii = re.search(r"r_core=((?:\s+\d+\.\d+)+)", found["title"])
    core = min(float(radius) for radius in radii[1].split()) if radii else None
    return SYMBOLS[number - 1], float(found["zion"]), FUNCTIONALS.get(xc, f"abinit ixc {xc}"), kind, core
