"""What a person can do about each failure of pw.x; what the recovery ladder does by itself is in `rungs`."""

from __future__ import annotations

DIAGONALIZATION = "diagonalization = 'cg' or 'paro', or -ndiag 1; look for atoms that are too close"
WALLTIME = "ask for more time, and set max_seconds below it so that pw.x leaves a density to restart from"
MEMORY = "ask for more memory, or fewer pools and processes on a node"
RELAXATION = "no label: run an scf on the structure you want"
INPUT = "mend the input: the message says which line or value"

ADVICE = {
    "electronic_convergence_not_reached": "mixing_beta 0.3 and more electron_maxstep, mixing_mode = 'local-TF', more smearing",
    "computing_cholesky": DIAGONALIZATION,
    "s_matrix_not_positive_definite": DIAGONALIZATION,
    "zhegvd_failed": DIAGONALIZATION,
    "qr_failed": DIAGONALIZATION,
    "eigenvector_convergence": DIAGONALIZATION,
    "diagonalization_too_many_bands_not_converged": DIAGONALIZATION,
    "diagonalization_failed": DIAGONALIZATION,
    "broyden_factorization": "mixing_beta 0.3, or a smaller mixing_ndim",
    "dexx_is_negative": "a smaller conv_thr, or another EXX grid (nqx1, nqx2, nqx3)",
    "charge_is_wrong": "occupations = 'smearing'",
    "symmetry_non_orthogonal_operation": "nosym = .true., or the cell with its symmetry",
    "g_par": "check the k-points and the cell of the Berry phase (lelfield, lberry)",
    "radial_fft_significant_volume_contraction": "a larger cell_factor, or start from the last cell",
    "npools_too_high": "fewer pools (-nk) than k-points",
    "too_few_bands": "a larger nbnd, or none: pw.x takes enough",
    "fixed_occupations": "occupations = 'smearing'",
    "kpoints_missing": "add a K_POINTS card",
    "output_of_another_input": "run the input again, or put the input that belongs to it beside the output",
    "atoms_overlap": "take the structure out, or mend it: two atoms stand at one place",
    "missing_pseudo": "put the pseudopotential where pseudo_dir says",
    "unknown_species": "name every species in ATOMIC_SPECIES",
    "bad_namelist": INPUT,
    "bad_input": INPUT,
    "disk_full": "free space in outdir and in TMPDIR, or disk_io = 'low'",
    "out_of_memory": MEMORY,
    "scheduler_out_of_memory": MEMORY,
    "out_of_walltime": "restart it (restart_mode = 'restart', or startingpot = 'file'), with more time",
    "out_of_walltime_interrupted": WALLTIME,
    "scheduler_out_of_walltime": WALLTIME,
    "scheduler_node_failure": "run it again",
    "scheduler_preempted": "run it again",
    "stopped_by_user": "delete PREFIX.EXIT and run it again",
    "output_stdout_incomplete": "look for its end in the scheduler's log (killed, out of memory, out of time), and run it again",
    "output_stdout_missing": "check the path, and whether the job ran",
    "output_stdout_read": "check the file and its permissions",
    "output_stdout_parse": "check that it is the standard output of pw.x",
    "results_missing": "run it with tprnfor = .true. and tstress = .true., calculation = 'scf'",
    "exit_code_nonzero": "look into the standard error, and run it again",
    "crashed": "look up the message; if it names no cause, run it again",
    "ionic_convergence_reached_except_in_final_scf": RELAXATION,
    "ionic_convergence_reached_final_scf_failed": RELAXATION,
    "ionic_cycle_exceeded_nstep": RELAXATION,
    "ionic_cycle_electronic_convergence_not_reached": RELAXATION,
    "ionic_cycle_bfgs_history_failure": RELAXATION,
    "ionic_cycle_bfgs_history_and_final_scf_failure": RELAXATION,
    "ionic_interrupted_partial_trajectory": RELAXATION,
}


def advice(name: str) -> str:
    """What to do about the failure `name`; nothing for ``ok``."""
    return ADVICE.get(name, "")
