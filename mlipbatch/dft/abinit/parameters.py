"""The keywords of ABINIT that a campaign's configuration stands for."""

from __future__ import annotations

from mlipbatch.config.model import DFTConfig
from mlipbatch.core.ladder import Parameters, Value
from mlipbatch.dft.abinit.units import RYDBERGS

SECTION = "abinit"  # of dft.extra
OCCOPT = {"mv": 4, "gauss": 7, "mp": 6, "fd": 3}  # kind of smearing
JOB_FACTORS = frozenset({"walltime_factor", "memory_factor"})  # changes of the job's resources, not of its input


def extra(dft: DFTConfig) -> dict[str, Value]:
    """`dft.extra` with names in lower case."""
    return {key.lower(): value for key, value in dft.extra.get(SECTION, {}).items()}


def base_parameters(dft: DFTConfig) -> Parameters:
    """What the ladder starts from: 7 is Pulay mixing of the potential, ABINIT's default."""
    return {"diemix": dft.mixing_beta, "nstep": dft.electron_maxstep, "iscf": extra(dft).get("iscf", 7)}


def keywords(dft: DFTConfig, natoms: int, bands: int, changes: Parameters) -> dict[str, Value]:
    """All but structure and k-points; hartree where the campaign says Ry."""
    found: dict[str, Value] = {
        "ecut": dft.ecutwfc / RYDBERGS,
        "nband": bands,
        "occopt": OCCOPT[dft.smearing],
        "tsmear": dft.degauss / RYDBERGS,
        "nsppol": dft.nspin,
        "toldfe": dft.conv_thr * natoms / RYDBERGS,
        "ntime": 0,
        "optforces": 1,
        "optstress": 1,
        "chkprim": 0,
        "chksymbreak": 0,
        "chksymtnons": 0,  # two atoms always have an inversion between them, wherever they are: no reason to stop
        "prtwf": 0,
        "prtden": 0,
        "prteig": 0,
        "prtebands": 0,
    }
    own = {key: value for key, value in changes.items() if key not in JOB_FACTORS}
    return {**found, **base_parameters(dft), **extra(dft), **own}
