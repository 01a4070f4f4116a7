"""What must be right before a structure costs a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.pseudopotentials import mismatch
from mlipbatch.config.upf import Upf, is_whole, read_upf
from mlipbatch.dft import kpoints, structures
from mlipbatch.dft.electrons import usual_bands
from mlipbatch.dft.quantum_espresso.memory import BOHR
from mlipbatch.dft.quantum_espresso.parameters import OURS, extra
from mlipbatch.dft.quantum_espresso.write import species

if TYPE_CHECKING:
    from ase import Atoms


def check(atoms: Atoms, dft: DFTConfig) -> str | None:
    """Why this structure must not be submitted, or None; the sentence names the offending value."""
    for rule in RULES:
        refusal = rule(atoms, dft)
        if refusal:
            return refusal
    return None


def _parameters(_atoms: Atoms, dft: DFTConfig) -> str | None:
    for namelist, keys in extra(dft).items():
        if namelist not in ("control", "system", "electrons"):
            return f"dft.extra has &{namelist}, which a static calculation has not: control, system and electrons are the choice"
        for key in keys:
            if key in OURS:
                return f"dft.extra.{namelist}.{key} must not be set: {OURS[key]}"
    occupations = extra(dft).get("system", {}).get("occupations", "smearing")
    if occupations != "smearing":
        return f"dft.extra.system.occupations is {occupations!r}: on a metal anything but smearing is silently wrong"
    if dft.ecutrho < 4 * dft.ecutwfc * (1 - 1e-6):
        return f"ecutrho is {dft.ecutrho:g} Ry: below 4 times ecutwfc ({4 * dft.ecutwfc:g} Ry) the density is cut off"
    return None


def _charge(_atoms: Atoms, dft: DFTConfig) -> str | None:
    return structures.charged("dft.extra.system.tot_charge", extra(dft).get("system", {}).get("tot_charge", 0))


def _structure(atoms: Atoms, _dft: DFTConfig) -> str | None:
    return structures.refusal(atoms)


def _pseudopotentials(atoms: Atoms, dft: DFTConfig) -> str | None:
    for symbol in species(atoms):
        if symbol not in dft.pseudopotentials:
            return (
                f"no pseudopotential for {symbol}: dft.pseudopotentials has {', '.join(dft.pseudopotentials) or 'none'}"
            )
        try:
            upf = _header(symbol, dft)
        except OSError as error:
            return f"the pseudopotential of {symbol} cannot be read: {error.strerror}: {error.filename}"
        if upf.element not in (None, symbol):
            return f"the pseudopotential of {symbol}, {dft.pseudopotentials[symbol]}, says that it is for {upf.element}"
        if upf.abinit:
            return f"the pseudopotential of {symbol}, {dft.pseudopotentials[symbol]}, is of ABINIT's format: pw.x reads UPF"
        if upf.element and not is_whole(Path(dft.pseudo_dir) / dft.pseudopotentials[symbol]):
            return (
                f"the pseudopotential of {symbol}, {dft.pseudopotentials[symbol]}, is cut off: its last tag is missing"
            )
    return None


def _alike(atoms: Atoms, dft: DFTConfig) -> str | None:
    headers = {symbol: _header(symbol, dft) for symbol in species(atoms)}
    if "input_dft" in extra(dft).get("system", {}):  # the user has said which functional all of them stand for
        headers = {symbol: replace(upf, functional=None) for symbol, upf in headers.items()}
    return mismatch(headers)


def _bands(atoms: Atoms, dft: DFTConfig) -> str | None:
    given = extra(dft).get("system", {}).get("nbnd")
    valences = [_header(symbol, dft).valence for symbol in atoms.get_chemical_symbols()]
    electrons = sum(valence for valence in valences if valence is not None)
    if given is None or None in valences:
        return None
    usual = usual_bands(electrons)
    if float(given) >= usual - 1:  # as the diagnosis of the output will have it
        return None
    return (
        f"dft.extra.system.nbnd is {given}: too few bands for {electrons:g} electrons and smearing, silently wrong; "
        f"pw.x takes {usual} itself"
    )


def _mesh(atoms: Atoms, dft: DFTConfig) -> str | None:
    return kpoints.refusal(atoms, dft.kpoints_spacing, "pw.x has room for")


def _moments(atoms: Atoms, dft: DFTConfig) -> str | None:
    return None if dft.nspin == 1 else structures.wrong_moments(atoms)


def _distances(atoms: Atoms, dft: DFTConfig) -> str | None:
    cores = {symbol: BOHR * (_header(symbol, dft).core_radius or 0.0) for symbol in species(atoms)}  # A
    return structures.too_close(atoms, cores)


def _header(symbol: str, dft: DFTConfig) -> Upf:
    return read_upf(Path(dft.pseudo_dir) / dft.pseudopotentials[symbol])


# in this order: a later rule may rely on what an earlier one looked at
RULES = (
    _parameters, _charge, _structure, _mesh, _moments, _pseudopotentials, _alike, _bands, _distances,
)  # fmt: skip
