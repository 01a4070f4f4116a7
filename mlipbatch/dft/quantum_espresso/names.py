"""Names of failures: aiida-quantumespresso's where it has one, and how text, signals and schedulers say them."""

from __future__ import annotations

import re

from mlipbatch.core import failure

NOT_CONVERGED = "electronic_convergence_not_reached"
OUT_OF_WALLTIME = "out_of_walltime"
INCOMPLETE = "output_stdout_incomplete"
MISSING = "output_stdout_missing"
UNREADABLE = "output_stdout_read"
NOT_PWX = "output_stdout_parse"
CHARGE = "charge_is_wrong"
WALLTIME_INTERRUPTED = "out_of_walltime_interrupted"
INTERRUPTED_RELAXATION = "ionic_interrupted_partial_trajectory"
IONIC_EXCEPT_FINAL = "ionic_convergence_reached_except_in_final_scf"
IONIC_STEPS = "ionic_cycle_exceeded_nstep"
IONIC_ELECTRONIC = "ionic_cycle_electronic_convergence_not_reached"
IONIC_FINAL_SCF = "ionic_convergence_reached_final_scf_failed"
BFGS_HISTORY = "ionic_cycle_bfgs_history_failure"
BFGS_HISTORY_FINAL = "ionic_cycle_bfgs_history_and_final_scf_failure"
# ours
RESULTS_MISSING = "results_missing"
DISK_FULL = failure.DISK_FULL
STOPPED = "stopped_by_user"
EXIT_CODE = "exit_code_nonzero"
CRASHED = "crashed"
TOO_FEW_BANDS = "too_few_bands"
FIXED_OCCUPATIONS = "fixed_occupations"
KPOINTS_MISSING = "kpoints_missing"
MISMATCH = "output_of_another_input"
OUT_OF_MEMORY = "out_of_memory"

DIAGONALIZATION = frozenset({
    "computing_cholesky", "s_matrix_not_positive_definite", "zhegvd_failed", "qr_failed", "eigenvector_convergence",
    "diagonalization_too_many_bands_not_converged", "diagonalization_failed",
})  # fmt: skip
SCHEDULER = {
    "out_of_walltime": "scheduler_out_of_walltime",
    "out_of_memory": "scheduler_out_of_memory",
    "node_failure": "scheduler_node_failure",
    "preempted": "scheduler_preempted",
}

# what pw.x says of its own death, with or without the frame of `Error in routine` -> its name; first match wins
DEATHS: tuple[tuple[str, str], ...] = (
    (r"problems computing cholesky", "computing_cholesky"),
    (r"s matrix not positive definite", "s_matrix_not_positive_definite"),
    (r"zhegvd failed|zhegv.? ?failed|dsygv.? failed", "zhegvd_failed"),
    (r"qr\(x, 0\) failed", "qr_failed"),
    (r"too many bands are not converged", "diagonalization_too_many_bands_not_converged"),
    (r"eigenvectors failed to converge", "eigenvector_convergence"),
    (r"dexx is negative", "dexx_is_negative"),
    (r"charge is wrong", CHARGE),
    (r"not orthogonal operation", "symmetry_non_orthogonal_operation"),
    (r"g_par is not a reciprocal lattice vector", "g_par"),
    (r"not enough space allocated for radial fft", "radial_fft_significant_volume_contraction"),
)  # fmt: skip

# what an error message says -> its name, first match wins; "routine: message" in lower case is searched
ERRORS: tuple[tuple[str, str], ...] = (
    *DEATHS,
    (r"^broyden:", "broyden_factorization"),
    (r"some nodes have no k-points|npools? too high", "npools_too_high"),
    (r"history already reset at previous step", BFGS_HISTORY),
    (r"maximum cpu time exceeded", OUT_OF_WALLTIME),
    (r"too few (bands|spin (up|dw|down) bands)(?! for)", TOO_FEW_BANDS),
    (r"fixed occupations and lsda need", FIXED_OCCUPATIONS),
    (r"atoms #.*overlap|^check_atoms:", "atoms_overlap"),
    (r"^readpp:|^read_?upf\w*:|^read_pseudo\w*:|upf.* not found|pseudo.* not found", "missing_pseudo"),
    (r"species .* nonexistent|atomic_positions.*nonexistent", "unknown_species"),
    (r"bad line in namelist|^read_namelists:", "bad_namelist"),
    (r"no space left|disk quota|error writing|^write_rhog:|^davcio:|error while writing", DISK_FULL),
    (r"error allocating|cannot allocate|insufficient virtual memory|allocation.* failed|out of memory|not enough memory",
     OUT_OF_MEMORY),
    (r"^(read_\w+|\w*checkin|card_\w+|iosys|setup|set_\w+|input|check_\w+|readfile|latgen|recips|cell_base\w*|init_\w+|xclib\w*):",
     "bad_input"),
    (r"^[cr]diaghg|^rotate_wfc|^[pc]*[cr]egterg|^rotate_xpsi|^ppcg|^paro|diag", "diagonalization_failed"),
)  # fmt: skip


def name_of_error(routine: str, message: str) -> str:
    """The name of an `Error in routine`; `crashed` where the message is none that we know."""
    text = " ".join(f"{routine}: {message}".lower().split())
    return next((name for pattern, name in ERRORS if re.search(pattern, text)), CRASHED)


def name_of_death(text: str) -> tuple[str, str] | None:
    """The name of what pw.x says of its own death in a text without the frame of `Error in routine`, and its words."""
    lowered = text.lower()
    for pattern, name in DEATHS:
        if found := re.search(pattern, lowered):
            return name, found[0]
    return None
