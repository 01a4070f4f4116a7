"""One attempt's folder: input, command, and what the output must agree with."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.upf import read_upf
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft import kpoints
from mlipbatch.dft.abinit.common import common
from mlipbatch.dft.abinit.layout import ERRORS, INPUT, LOG, OUTPUT
from mlipbatch.dft.abinit.parameters import keywords
from mlipbatch.dft.abinit.write import abinit_input, species
from mlipbatch.dft.base import Mesh, Prepared
from mlipbatch.dft.electrons import usual_bands
from mlipbatch.dft.parallel import fewest_kpoints, launch
from mlipbatch.dft.structures import MOMENTS

if TYPE_CHECKING:
    from ase import Atoms

ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


def prepare(atoms: Atoms, dft: DFTConfig, step: NextAttempt, *, cores: int, fixed: Mesh | None) -> Prepared:
    """The attempt that `step` asks for. Raises InputError for a k-point mesh that is none."""
    mesh, why_mesh = kpoints.mesh(atoms, dft.kpoints_spacing, fixed)
    valence = {symbol: electrons_of(symbol, dft) for symbol in species(atoms)}
    electrons = sum(valence[symbol] for symbol in atoms.get_chemical_symbols())
    keys = keywords(dft, len(atoms), usual_bands(electrons), step.changes)
    ranks = min(cores, fewest_kpoints(atoms, mesh) * dft.nspin)
    text = abinit_input(
        atoms, keys, mesh, folder=dft.pseudo_dir, files=dft.pseudopotentials, moments=_moments(atoms, dft, valence)
    )
    return Prepared(
        files={INPUT: text},
        command=f"{launch(dft.command, ranks)} {INPUT} > {LOG} 2> {ERRORS}",
        environment=ENVIRONMENT,
        before=[f"rm -f {OUTPUT}*"],  # of a start before this one: ABINIT would write beside it
        reasons={
            "ngkpt": f"{mesh[0]} {mesh[1]} {mesh[2]}: {why_mesh}",
            "toldfe": f"{keys['toldfe']:g} Ha, twice in a row: {dft.conv_thr:g} Ry an atom",
            "nband": f"{keys['nband']}: for {electrons:g} electrons and smearing, as pw.x would take",
            "ranks": f"{ranks} of {cores} cores: each has a k-point and spin of its own",
            **{key: f"{value}: {step.sentence}" for key, value in step.changes.items()},
        },
        expectation={
            "natoms": len(atoms),
            "species": species(atoms),
            "kpoints": list(mesh),
            "nspin": dft.nspin,
            "ecutwfc": dft.ecutwfc,
            "conv_thr": dft.conv_thr * len(atoms),
            "electrons": electrons,
        },
        common=common(valence, dft, keys),
    )


def electrons_of(symbol: str, dft: DFTConfig) -> float:
    """Valence electrons of an element's pseudopotential; nan where its file does not say (which `check` refuses)."""
    valence = read_upf(Path(dft.pseudo_dir) / dft.pseudopotentials[symbol]).valence
    return math.nan if valence is None else valence


def _moments(atoms: Atoms, dft: DFTConfig, valence: dict[str, float]) -> list[float] | None:
    """Where each atom starts, Bohr magnetons: the structure's own moments, else the campaign's fractions of the valence."""
    if dft.nspin == 1:
        return None
    own = np.asarray(atoms.get_array(MOMENTS), dtype=float) if atoms.has(MOMENTS) else np.zeros(len(atoms))
    if own.any():
        return [float(moment) for moment in own]
    return [dft.starting_magnetization.get(symbol, 0.0) * valence[symbol] for symbol in atoms.get_chemical_symbols()]
