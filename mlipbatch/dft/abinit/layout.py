"""The files of one attempt's folder."""

from __future__ import annotations

INPUT, OUTPUT, LOG, ERRORS = "run.abi", "run.abo", "abinit.log", "abinit.err"  # ABINIT names its output after its input
DISPOSABLE = ("runo_*", "run.abo0*", "__ABI_MPIABORTFILE__")  # results as netCDF; outputs of a start before this one
