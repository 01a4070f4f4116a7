"""The keywords of pw.x that a campaign's configuration stands for, by namelist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.ladder import Parameters, Value
from mlipbatch.dft.quantum_espresso.spin import Kinds

Namelists: TypeAlias = dict[str, dict[str, Value]]

# keyword that the ladder changes -> its namelist
LADDER_KEYWORDS = {
    "mixing_beta": "electrons",
    "mixing_mode": "electrons",
    "electron_maxstep": "electrons",
    "diagonalization": "electrons",
    "startingpot": "electrons",
    "degauss": "system",
}
JOB_FACTORS = frozenset({"walltime_factor", "memory_factor"})  # changes of the job's resources, not of its input
NDIAG = "ndiag"  # the one change that is an option of pw.x's command

# keywords that `dft.extra` must leave alone, with the reason
OURS = {
    "calculation": "labels are static: calculation is scf",
    "prefix": "the density is looked for under pwscf",
    "outdir": "every attempt writes into its own folder",
    "wfcdir": "every attempt writes into its own folder",
    "disk_io": "a restart needs the charge density, and disk_io='low' keeps it",
    "restart_mode": "a restart reads the charge density only (startingpot)",
    "tprnfor": "labels need forces",
    "tstress": "labels need stress",
    "max_seconds": "it follows from the wall time of the job",
    "scf_must_converge": "with .false. pw.x calls an unconverged SCF converged",
    "ibrav": "the cell is written out",
    "nat": "it follows from the structure",
    "ntyp": "it follows from the structure",
}


def extra(dft: DFTConfig) -> Namelists:
    """`dft.extra` with names in lower case."""
    return {name.lower(): {key.lower(): value for key, value in keys.items()} for name, keys in dft.extra.items()}


def base_parameters(dft: DFTConfig) -> Parameters:
    """What the ladder starts from: the keywords that it may change, as the first attempt has them."""
    base: dict[str, Value] = {
        "mixing_beta": dft.mixing_beta,
        "mixing_mode": "plain",
        "electron_maxstep": dft.electron_maxstep,
        "diagonalization": "david",
        "startingpot": "atomic",
        "degauss": dft.degauss,
    }
    given = extra(dft)
    return {key: given.get(LADDER_KEYWORDS[key], {}).get(key, value) for key, value in base.items()}


def namelists(dft: DFTConfig, kinds: Kinds, walltime: float, changes: Parameters) -> Namelists:
    """All namelists of one attempt; `walltime` in s.

    `max_seconds` is nine tenths of the wall time: pw.x then stops by itself and leaves a density to start again from.
    """
    natoms = len(kinds.labels)
    found: Namelists = {
        "control": {
            "calculation": "scf",
            "prefix": "pwscf",
            "outdir": "./out",
            "pseudo_dir": dft.pseudo_dir,
            "disk_io": "low",
            "tprnfor": True,
            "tstress": True,
            "max_seconds": max(1, int(0.9 * walltime)),
        },
        "system": {
            "ibrav": 0,
            "nat": natoms,
            "ntyp": len(kinds.symbols),
            "ecutwfc": dft.ecutwfc,
            "ecutrho": dft.ecutrho,
            "occupations": "smearing",
            "smearing": dft.smearing,
            "degauss": dft.degauss,
        },
        "electrons": {
            "conv_thr": dft.conv_thr * natoms,
            "mixing_beta": dft.mixing_beta,
            "electron_maxstep": dft.electron_maxstep,
        },
    }
    if dft.nspin == 2:
        found["system"]["nspin"] = 2
        for index, label in enumerate(kinds.symbols, start=1):
            found["system"][f"starting_magnetization({index})"] = kinds.start[label]
    _merge(found, extra(dft))
    _merge(found, _by_namelist(changes))
    return found


def _by_namelist(changes: Parameters) -> Namelists:
    sorted_out: Namelists = {}
    for key, value in changes.items():
        if key in LADDER_KEYWORDS:
            sorted_out.setdefault(LADDER_KEYWORDS[key], {})[key] = value
    return sorted_out


def _merge(into: Namelists, more: Mapping[str, Mapping[str, Value]]) -> None:
    for name, keys in more.items():
        into.setdefault(name, {}).update(keys)
