"""ABINIT's units in eV and A: CODATA 2018, as for pw.x."""

from __future__ import annotations

HARTREE = 27.211386245988  # eV
BOHR = 0.529177210903  # A
RYDBERGS = 2.0  # in one hartree
