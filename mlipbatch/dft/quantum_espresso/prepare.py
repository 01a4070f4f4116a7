"""One attempt's folder: input, commands, and what the output must agree with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbatch.config.model import DFTConfig
from mlipbatch.config.scf_cost import Size
from mlipbatch.config.upf import read_upf
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft import kpoints
from mlipbatch.dft.base import Mesh, Prepared
from mlipbatch.dft.electrons import usual_bands
from mlipbatch.dft.parallel import fewest_kpoints, launch
from mlipbatch.dft.quantum_espresso import memory, parallel, scratch, spin
from mlipbatch.dft.quantum_espresso.common import common
from mlipbatch.dft.quantum_espresso.layout import CRASH, DENSITY, ERRORS, INPUT, OUTPUT, SAVE
from mlipbatch.dft.quantum_espresso.parameters import NDIAG, Namelists, namelists
from mlipbatch.dft.quantum_espresso.write import pw_input, species

if TYPE_CHECKING:
    from ase import Atoms

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "GFORTRAN_UNBUFFERED_PRECONNECTED": "y",  # else the last words of a dying pw.x are lost with its buffer
}


def prepare(
    atoms: Atoms, dft: DFTConfig, step: NextAttempt, *, cores: int, walltime: float, kpoint_mesh: Mesh | None = None
) -> Prepared:
    """The attempt that `step` asks for; `walltime` in s. Raises InputError for a k-point mesh that is none."""
    mesh, why_mesh = kpoints.mesh(atoms, dft.kpoints_spacing, kpoint_mesh)
    headers = {symbol: read_upf(Path(dft.pseudo_dir) / dft.pseudopotentials[symbol]) for symbol in species(atoms)}
    valence = {symbol: header.valence for symbol, header in headers.items()}
    kinds = spin.kinds(atoms, dft.nspin, dft.starting_magnetization, valence)
    keys = namelists(dft, kinds, walltime, step.changes)
    expectation = _expectation(atoms, valence, mesh, keys)
    augmented = any(header.kind != "NC" for header in headers.values())
    less = float(step.changes.get("memory_factor", 1.0))
    pools = parallel.pools_of(cores, fewest_kpoints(atoms, mesh), less)
    size = _size(atoms, keys, expectation, mesh, cores=cores, pools=pools, augmented=augmented)
    flags, why_flags = parallel.flags(dft.command, cores, pools, size.bands, serial=NDIAG in step.changes)
    program = f"{launch(dft.command, cores)}{flags} -in {INPUT} > {OUTPUT} 2> {ERRORS}"
    return Prepared(
        files={INPUT: pw_input(atoms, kinds, keys, dft.pseudopotentials, mesh)},
        command=scratch.run(program, keep_density="degauss" in step.changes),
        environment=ENVIRONMENT,
        before=_before(step),
        reasons={
            **_reasons(mesh, why_mesh, keys, dft, walltime),
            "starting_magnetization": kinds.reason,
            **why_flags,
            **size.reasons,
            "outdir": scratch.REASON,
            **{key: f"{value}: {step.sentence}" for key, value in step.changes.items()},
        },
        expectation=expectation,
        common=common(valence, dft),
        memory_mb=size.memory_mb,
        size=None if size.bands is None else _cost(atoms, keys, mesh, size.bands, augmented, cores),
    )


@dataclass(frozen=True)
class _Size:
    """What the calculation takes; None is unknown, as the pseudopotentials do not say how many electrons there are."""

    bands: int | None
    memory_mb: int | None
    reasons: Mapping[str, str]


def _size(
    atoms: Atoms, keys: Namelists, asked: Mapping[str, Any], mesh: Mesh, *, cores: int, pools: int, augmented: bool
) -> _Size:
    if asked["electrons"] is None:
        return _Size(None, None, {})
    given = keys["system"].get("nbnd")
    bands = int(given) if given is not None else usual_bands(asked["electrons"])
    needed = memory.memory_mb(
        volume=float(atoms.get_volume()),
        atoms=len(atoms),
        bands=bands,
        ecutwfc=float(keys["system"]["ecutwfc"]),
        ecutrho=float(keys["system"]["ecutrho"]),
        nspin=asked["nspin"],
        kpoints=math.ceil(math.prod(mesh) / 2),
        gamma=mesh == kpoints.GAMMA,
        augmented=augmented,
        cores=cores,
        pools=pools,
    )
    chosen = "as dft.extra has it" if given is not None else "pw.x's own choice with smearing"
    reasons = {
        "nbnd": f"{bands}: {chosen}, for {asked['electrons']:g} electrons",
        "memory": f"about {needed:.0f} MB on {cores} cores, from the cell's volume, cutoffs, bands and k-points",
    }
    return _Size(bands, math.ceil(needed), reasons)


def _cost(atoms: Atoms, keys: Namelists, mesh: Mesh, bands: int, augmented: bool, cores: int) -> Size:
    """What its time depends on. Wavefunctions are transformed on the grid of four times their cutoff, whatever ecutrho is."""
    volume, cutoff = float(atoms.get_volume()), float(keys["system"]["ecutwfc"])
    gamma = mesh == kpoints.GAMMA
    return Size(
        atoms=len(atoms),
        bands=bands,
        waves=round(memory.plane_waves(volume, cutoff) * (0.5 if gamma else 1.0), 1),
        grid=round(memory.fft_grid(volume, 4 * cutoff), 1),
        kpoints=kpoints.irreducible(atoms, mesh),
        nspin=int(keys["system"].get("nspin", 1)),
        gamma=gamma,
        augmented=augmented,
        cores=cores,
    )


def _before(step: NextAttempt) -> list[str]:
    """A stale EXIT file ends a run in half a second; a stale CRASH file would accuse a good one."""
    lines = [f"rm -f EXIT pwscf.EXIT out/EXIT out/pwscf.EXIT {CRASH}", scratch.PLACE]
    if step.restart_from is None:
        return lines
    source = f"../attempt-{step.restart_from}/{SAVE}"
    copy = f"for file in {' '.join(f'{source}/{pattern}' for pattern in DENSITY)}; do"
    return [*lines, f"mkdir -p {SAVE}", f'{copy} if [ -e "$file" ]; then cp -p "$file" {SAVE}/; fi; done']


def _reasons(mesh: Mesh, why_mesh: str, keys: Namelists, dft: DFTConfig, walltime: float) -> dict[str, str]:
    return {
        "K_POINTS": f"{mesh[0]} {mesh[1]} {mesh[2]}: {why_mesh}{_code(mesh)}",
        "conv_thr": f"{keys['electrons']['conv_thr']} Ry: {dft.conv_thr:g} Ry an atom",
        "max_seconds": f"{keys['control']['max_seconds']} s: a clean stop within the wall time of {walltime:g} s",
    }


def _code(mesh: Mesh) -> str:
    return "; K_POINTS gamma, whose waves are real: half the time and memory" if mesh == kpoints.GAMMA else ""


def _expectation(atoms: Atoms, valence: Mapping[str, float | None], mesh: Mesh, keys: Namelists) -> dict[str, Any]:
    valences = [valence[symbol] for symbol in atoms.get_chemical_symbols()]
    known = [valence for valence in valences if valence is not None]
    charge = float(keys["system"].get("tot_charge", 0.0))
    return {
        "natoms": len(atoms),
        "species": species(atoms),
        "kpoints": list(mesh),
        "nspin": int(keys["system"].get("nspin", 1)),
        "ecutwfc": float(keys["system"]["ecutwfc"]),
        "conv_thr": float(keys["electrons"]["conv_thr"]),
        "electrons": sum(known) - charge if len(known) == len(valences) else None,
    }
