"""Names of failures: aiida-quantumespresso's where it has one, and how ABINIT says them."""

from __future__ import annotations

import re

NOT_CONVERGED = "electronic_convergence_not_reached"
RESULTS_MISSING = "results_missing"
MISMATCH = "output_of_another_input"
CRASHED = "crashed"

# "source file: message" of ABINIT's `--- !ERROR` or `--- !BUG`, in lower case -> name; first match wins
ERRORS: tuple[tuple[str, str], ...] = (
    (r"no space left|disk quota|i/o error|write error", "disk_full"),
    (r"cannot allocate|allocation|out of memory|insufficient memory|need more memory", "out_of_memory"),
    (r"pseudopotential file|m_pspheads|m_pspini|\bpsp\w* file|pseudos", "missing_pseudo"),
    (r"zhegv|zheev|dsyev|dsygv|cholesky|not positive.definite|info\s*=\s*[1-9]", "diagonalization_failed"),
    (r"m_parser|m_invars|m_chkinp|m_ingeo|m_inkpts|m_intagm|chkinp|input variable|input file", "bad_input"),
    (r"symmetr|m_symfind|m_symtk|chkprimit", "symmetry_non_orthogonal_operation"),
)  # fmt: skip


def name_of_error(source: str, message: str) -> str:
    """The name of an error; `crashed` where the message is none that we know."""
    text = " ".join(f"{source}: {message}".lower().split())
    return next((name for pattern, name in ERRORS if re.search(pattern, text)), CRASHED)
