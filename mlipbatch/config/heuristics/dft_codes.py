"""Rules of `dft` where the code is not Quantum ESPRESSO: what differs from `heuristics.dft`."""

from __future__ import annotations

from mlipbatch.config.heuristics.draft import Draft, Rule, constant

NOT_USED = "not used: the calculator has its own settings, in dft.arguments"
NORM_CONSERVING = "not used: with norm-conserving pseudopotentials the density has 4 times the cutoff of the waves"


def _ecutrho(draft: Draft) -> tuple[float, str]:
    return 4 * draft["dft.ecutwfc"], NORM_CONSERVING


ASE: dict[str, Rule] = {
    "dft.command": constant(
        "python", "the Python that mlipbatch runs with; else the path of one that has the calculator"
    ),
    "dft.pseudopotential_table": constant("none", NOT_USED),
    "dft.pseudo_dir": constant("", NOT_USED),
    "dft.pseudopotentials": constant({}, NOT_USED),
    "dft.ecutwfc": constant(60.0, NOT_USED),
    "dft.ecutrho": constant(240.0, NOT_USED),
    "dft.kpoints_spacing": constant(0.15, NOT_USED),
    "dft.smearing": constant("mv", NOT_USED),
    "dft.degauss": constant(0.02, NOT_USED),
    "dft.nspin": constant(1, NOT_USED),
    "dft.starting_magnetization": constant({}, NOT_USED),
    "dft.conv_thr": constant(1e-9, NOT_USED),
    "dft.mixing_beta": constant(0.7, NOT_USED),
    "dft.electron_maxstep": constant(100, NOT_USED),
    "dft.extra": constant({}, NOT_USED),
    "dft.max_attempts": constant(
        3, "the same again, after failures of the machine: a calculator has no recovery ladder"
    ),
    "dft.calculator": constant("", "it has to be named"),
    "dft.arguments": constant({}, "the calculator's own defaults"),
}
ABINIT: dict[str, Rule] = {
    "dft.command": constant(
        "abinit", "from PATH or the modules of the site; mpirun is added where a job has several cores"
    ),
    "dft.ecutrho": _ecutrho,
    "dft.mixing_beta": constant(1.0, "ABINIT's default of diemix; the recovery ladder softens it"),
}
RULES: dict[str, dict[str, Rule]] = {"ase": ASE, "abinit": ABINIT}
