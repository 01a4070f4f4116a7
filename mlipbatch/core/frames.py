"""Names under which a structure carries what is known of it, in `Atoms.info`, `Atoms.arrays` and extended XYZ alike."""

from __future__ import annotations

# Atoms.info
NAME = "name"  # unique in its file, safe in a shell: sqs-Al12Mg4-0003-rattle0.10-1
CONFIG_TYPE = (
    "config_type"  # where it came from: sqs, sqs_strain, sqs_shear, sqs_rattle, isolated_atom, active_learning_gen1 ...
)
PARENTS = "parents"  # names of its direct parents, comma separated; empty for a root
ROOT = "root"  # name of the undistorted structure it descends from; held-out sets are split by it
GAMMA_MAX = "gamma_max"  # extrapolation grade of the centre when it was cut
KPOINTS = "kpoints"  # k-mesh of the structure's own, "6 6 6", for scans that must not change it
DFT_SETTINGS = (
    "dft_settings"  # values of `dft` in place of the campaign's, "ecutwfc=40 ecutrho=320": convergence scans only
)
REASON = "reason"  # why it was thrown away
UNIT_CELL = "unit_cell"  # [3, 3] A, rows: the crystal's cell in this frame's own axes and strain; boxes are cut as repeats of it

# labels (INTERFACES): total energy eV; forces [n_atoms, 3] eV/A; stress [6] eV/A^3, ASE's sign, Voigt xx yy zz yz xz xy
REF_ENERGY = "REF_energy"
REF_FORCES = "REF_forces"
REF_STRESS = "REF_stress"

# Atoms.arrays
FORCE_MASK = "force_mask"  # [n_atoms] 1.0 core, 0.0 buffer
GAMMA = "gamma"  # [n_atoms] extrapolation grade
ORIGINAL_INDEX = "original_index"  # [n_atoms] index in the frame a box was cut from

# what an exploration frame says of itself: Atoms.info, but for MLIP_FORCES
TEMPERATURE = "temperature"  # K, the thermostat's target
STEP = "step"  # of its walk
TIME = "time_fs"  # fs since its walk began
MLIP_ENERGY = "mlip_energy"  # eV, total, by the potential
MLIP_FORCES = "mlip_forces"  # Atoms.arrays [n_atoms, 3] eV/A, by the potential

# what a cut box says of itself: Atoms.info, but for GAMMA_BOX
CENTER = "center"  # index of the uncertain atom in the box
CORE_RADIUS = "core_radius"  # A, r_c as used
BUFFER = "buffer"  # A, delta as used
SEAM = "seam_mismatch"  # neighbours an atom has more or fewer than in its frame, mean of absolute values
GAMMA_BOX = "gamma_box"  # Atoms.arrays [n_atoms]: the grade in the box itself, after its buffer was relaxed

# config_types with a part of their own to play
ISOLATED_ATOM = "isolated_atom"
EOS_REFERENCE = "eos_reference"  # never trained on: the potential is measured against it
EXPLORATION_CELL = "exploration_cell"
DFT_CHECK = "dft_check"  # of convergence scans, never trained on
ACTIVE_LEARNING = "active_learning_gen"  # + generation
