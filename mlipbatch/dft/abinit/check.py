"""What must be right before a structure costs a job of ABINIT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.pseudopotentials import mismatch
from mlipbatch.config.upf import Upf, read_upf
from mlipbatch.dft import kpoints, structures
from mlipbatch.dft.abinit.parameters import extra
from mlipbatch.dft.abinit.units import BOHR
from mlipbatch.dft.abinit.write import species
from mlipbatch.dft.electrons import usual_bands

if TYPE_CHECKING:
    from ase import Atoms


def check(atoms: Atoms, dft: DFTConfig) -> str | None:
    """Why this structure must not be submitted, or None; the sentence names the offending value."""
    return (
        structures.refusal(atoms)
        or _mesh(atoms, dft)
        or (None if dft.nspin == 1 else structures.wrong_moments(atoms))
        or _pseudopotentials(atoms, dft)
        or _bands(atoms, dft)
        or structures.too_close(atoms, _cores(atoms, dft))
    )


def _mesh(atoms: Atoms, dft: DFTConfig) -> str | None:
    return kpoints.refusal(atoms, dft.kpoints_spacing, "a label has at most")


def _pseudopotentials(atoms: Atoms, dft: DFTConfig) -> str | None:
    if not set(dft.pseudo_dir).isdisjoint("\"'"):
        return f"dft.pseudo_dir is {dft.pseudo_dir!r}: ABINIT cannot read a path with quotes"
    for symbol in species(atoms):
        file = dft.pseudopotentials.get(symbol)
        if file is None:
            return (
                f"no pseudopotential for {symbol}: dft.pseudopotentials has {', '.join(dft.pseudopotentials) or 'none'}"
            )
        try:
            header = _header(symbol, dft)
        except OSError as error:
            return f"the pseudopotential of {symbol} cannot be read: {error.strerror}: {error.filename}"
        if not header.abinit or header.valence is None:
            return f"the pseudopotential of {symbol}, {file}, is of no format that ABINIT reads: psp8, hgh, fhi, pspnc"
        if header.element != symbol:
            return f"the pseudopotential of {symbol}, {file}, says that it is for {header.element}"
        if header.kind != "NC":
            return (
                f"the pseudopotential of {symbol}, {file}, is {header.kind}: labels by ABINIT take norm-conserving ones"
            )
    headers = {symbol: _header(symbol, dft) for symbol in species(atoms)}
    if "ixc" in extra(dft):  # the user has said which functional all of them stand for
        headers = {symbol: replace(header, functional=None) for symbol, header in headers.items()}
    return mismatch(headers)


def _bands(atoms: Atoms, dft: DFTConfig) -> str | None:
    given = extra(dft).get("nband")
    electrons = sum(_header(symbol, dft).valence or 0.0 for symbol in atoms.get_chemical_symbols())
    if given is None or float(given) >= usual_bands(electrons) - 1:
        return None
    return (
        f"dft.extra.abinit.nband is {given}: too few bands for {electrons:g} electrons and smearing, silently wrong; "
        f"{usual_bands(electrons)} are usual"
    )


def _cores(atoms: Atoms, dft: DFTConfig) -> dict[str, float]:
    """Radius of each element's core in A, 0 where its file does not say."""
    return {symbol: BOHR * (_header(symbol, dft).core_radius or 0.0) for symbol in species(atoms)}


def _header(symbol: str, dft: DFTConfig) -> Upf:
    return read_upf(Path(dft.pseudo_dir) / dft.pseudopotentials[symbol])
