"""The files of one attempt's folder."""

from __future__ import annotations

INPUT, OUTPUT, ERRORS, CRASH = "pw.in", "pw.out", "pw.err", "CRASH"
SAVE = "out/pwscf.save"
DENSITY = ("charge-density*", "spin-polarization*", "data-file*.xml", "occup.txt", "paw.txt")  # 6.1 to 7.5
DISPOSABLE = ("out", ".out")  # wavefunctions, Hubbard files, density and XML: an accepted label needs none of them
KEEP_FOR_RESTART = tuple(f"{SAVE}/{pattern}" for pattern in DENSITY)
