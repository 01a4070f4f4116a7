"""Every value that a campaign is made of: pydantic models, unknown keys refused, each field with its unit.

A user writes the first four sections of `Config` (SPEC 2); `mlipbatch.config.expand` derives all the others, each with its
reason, and lets the same file override any of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

SAFE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def quantity(unit: str, description: str, **limits: Any) -> Any:
    """A field with its unit and its meaning; `limits` are pydantic's (ge, gt, le, lt, min_length ...)."""
    return Field(description=description, json_schema_extra={"unit": unit}, **limits)


class Model(BaseModel):
    """Base of all models here: unknown keys are errors, values do not change, inf and nan are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TargetSystem(Model):
    """The material."""

    elements: list[str] = quantity("", "chemical symbols", min_length=1)
    composition: dict[str, float] = quantity("", "atomic fraction of each element; they sum to 1")
    crystal_structure: str = quantity("", "fcc, bcc, hcp, sc, diamond, or the path of a structure file that ASE reads")


class SimulationGoal(Model):
    """What the potential is for."""

    type: Literal["melt_quench", "elastic", "phase_diagram", "diffusion"] = quantity("", "kind of simulation")
    temperature_range: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = quantity(
        "K", "lowest and highest"
    )


class ResourcesConfig(Model):
    """The machine, as far as the user wants to say."""

    dft_code: Literal["quantum_espresso", "abinit", "ase"] = quantity(
        "", "code that makes the labels; ase: any ASE calculator, named in dft.calculator"
    )
    parallel_cores: int = quantity("cores", "cores that the campaign may use at a time", ge=1)
    gpu_enabled: bool = quantity("", "may jobs ask for a GPU")
    site: str = quantity(
        "",
        "cluster that the jobs run on: a name that site_configs has, or the path of a site file; empty: the file "
        "site.yaml of your own settings, else what is found here",
        default="",
    )


class GenerationConfig(Model):
    """A: structures made without DFT (SPEC 3)."""

    lattice_constant: float = quantity(
        "A", "cubic (or hexagonal a) lattice constant at the target composition", gt=1.5, lt=15
    )
    covera: float = quantity("", "c over a, used by hcp only", gt=0.5, lt=3)
    sqs_sizes: list[Annotated[int, Field(ge=1, le=512)]] = quantity(
        "atoms", "sizes of the special quasirandom structures", min_length=1
    )
    sqs_per_composition: int = quantity("", "different cells for each composition and size", ge=1, le=50)
    cell_shapes: Literal["compact", "conventional"] = quantity(
        "", "compact: farthest periodic images; conventional: repeats of the conventional cell, whose k-meshes agree"
    )
    compositions: list[dict[str, float]] = quantity(
        "", "target and neighbouring compositions, atomic fractions", min_length=1
    )
    volume_strains: list[Annotated[float, Field(gt=-0.5, lt=1.0)]] = quantity(
        "relative volume change", "isotropic strains of every cell"
    )
    shear_strains: list[Annotated[float, Field(gt=-0.5, lt=0.5)]] = quantity(
        "", "engineering shear, monoclinic and triclinic"
    )
    rattle_small: list[Annotated[float, Field(gt=0, le=0.1)]] = quantity(
        "A", "standard deviations of small displacements"
    )
    rattle_large: list[Annotated[float, Field(gt=0, le=0.6)]] = quantity(
        "A", "standard deviations of large displacements"
    )
    isolated_atoms: bool = quantity("", "label one atom of each element in a large box, as energy reference")


class ScreeningConfig(Model):
    """B: what a foundation model throws away (SPEC 4)."""

    model: str = quantity("", "chgnet, mace-mp-0, or module:Class of an ASE calculator")
    min_distance_factor: float = quantity(
        "", "smallest distance allowed, as a fraction of the sum of covalent radii", gt=0, lt=1.5
    )
    max_force: float = quantity("eV/A", "largest force component allowed on any atom", gt=0)
    max_energy_above_median: float = quantity(
        "eV/atom", "allowed above the median of the candidates of that composition", gt=0
    )
    volume_per_atom_factor: tuple[float, float] = quantity(
        "", "allowed volume an atom over that of the lattice: lowest and highest"
    )


class SelectionConfig(Model):
    """B: how many are labelled, and in which space they are spread (SPEC 4)."""

    number: int = quantity("structures", "chosen in the first generation by farthest point sampling", ge=1)
    descriptor: Literal["ace"] = quantity("", "fingerprint of a structure")
    descriptor_cutoff: float = quantity("A", "cutoff radius of the fingerprint", gt=2, lt=12)
    descriptor_functions: int = quantity("", "basis functions an element", ge=5, le=5000)


class DFTConfig(Model):
    """C: the static SCF of every label (SPEC 5). The names and units are pw.x's where pw.x has one, whatever the code."""

    command: str = quantity("", "program that is run, as on a shell's command line")
    pseudopotential_table: str = quantity(
        "", "table of pseudopotentials and cutoffs: a name that `mlipbatch pseudos list` has, or the path of a table"
    )
    pseudo_dir: str = quantity("", "folder of the UPF files")
    pseudopotentials: dict[str, str] = quantity("", "UPF file of each element")
    ecutwfc: float = quantity("Ry", "plane-wave cutoff of wavefunctions", ge=5, le=500)
    ecutrho: float = quantity("Ry", "plane-wave cutoff of density and potential", ge=20, le=5000)
    kpoints_spacing: float = quantity("1/A, 2 pi included", "largest distance between k-points", gt=0.02, le=2)
    smearing: Literal["mv", "gauss", "mp", "fd"] = quantity("", "kind of smearing")
    degauss: float = quantity("Ry", "width of the smearing", gt=0, le=0.1)
    nspin: Literal[1, 2] = quantity("", "2 for spin-polarised")
    starting_magnetization: dict[str, float] = quantity(
        "", "start value of each element, fraction of its valence electrons"
    )
    conv_thr: float = quantity(
        "Ry/atom", "SCF accuracy asked for, times the number of atoms of the cell", gt=0, le=1e-4
    )
    mixing_beta: float = quantity("", "mixing factor of the first attempt", gt=0, le=1)
    electron_maxstep: int = quantity("", "SCF iterations allowed in the first attempt", ge=5, le=1000)
    extra: dict[str, dict[str, bool | int | float | str]] = quantity(
        "", "further keywords, by pw.x's namelist (control, system, electrons), or below abinit"
    )
    max_attempts: int = quantity("", "attempts a label may cost before it is given up", ge=1, le=20)
    calculator: str = quantity("", "dft_code ase: import path of an ASE calculator", default="")
    arguments: dict[str, JsonValue] = quantity("", "dft_code ase: keyword arguments of the calculator", default={})


class LossWeights(Model):
    """Weights of squared errors in the fit (SPEC 6): total energies and stress times volume in eV, force components in eV/A."""

    energy: float = quantity("", "weight of energies", ge=0)
    force: float = quantity("", "weight of force components", ge=0)
    stress: float = quantity("", "weight of stress components", ge=0)


class TrainingConfig(Model):
    """D: the potential (SPEC 6)."""

    cutoff: float = quantity("A", "cutoff radius of the potential", gt=2, lt=12)
    functions_per_element: int = quantity("", "basis functions an element", ge=5, le=5000)
    radial_basis: Literal["SBessel", "ChebExpCos", "ChebPow"] = quantity("", "radial basis of ACE")
    weights: LossWeights = quantity("", "weights of the loss")
    zbl_inner: float = quantity("A", "ZBL is undamped below this distance", gt=0)
    zbl_outer: float = quantity("A", "ZBL is zero above this distance", gt=0)
    test_fraction: float = quantity("", "share of the labels held out, by parent structure", gt=0, lt=0.5)
    refine_steps: int = quantity("", "BFGS steps of pacemaker after the closed-form fit; 0 for none", ge=0, le=10000)
    pacemaker_command: str = quantity("", "pacemaker program, as on a command line; 'auto' looks for it")


class ExplorationConfig(Model):
    """E: molecular dynamics with the potential (SPEC 7)."""

    temperatures: list[Annotated[float, Field(gt=0)]] = quantity("K", "one walker each", min_length=1)
    pressure: float = quantity("GPa", "target pressure; the cell is held where it is 0 and ensemble is nvt")
    ensemble: Literal["nvt", "npt"] = quantity("", "thermostat, or thermostat and barostat")
    atoms: int = quantity("atoms", "smallest size of the simulated cell", ge=8, le=1_000_000)
    steps: int = quantity("steps", "steps of one walker", ge=1)
    timestep: float = quantity("fs", "time step", gt=0, le=10)
    gamma_every: int = quantity("steps", "steps between grades", ge=1)
    gamma_low: float = quantity("", "extrapolation grade from which an environment is a candidate for DFT", gt=0)
    gamma_high: float = quantity("", "extrapolation grade above which a frame is dangerous", gt=0)
    max_retries: int = quantity("", "restarts from the last good frame with half the time step", ge=0)


class EmbeddingConfig(Model):
    """E: boxes cut around uncertain atoms (SPEC 7)."""

    core_radius: float = quantity("A", "r_c: atoms this near to the centre have force mask 1", gt=1)
    buffer: float = quantity("A", "delta: the box edge is about 2 (r_c + delta)", gt=0)
    max_atoms: int = quantity("atoms", "largest box that DFT gets; delta shrinks first, then r_c", ge=4)
    boxes: int = quantity("structures", "boxes labelled in a generation", ge=1)


class JobsConfig(Model):
    """What a job asks of the scheduler."""

    dft_cores: int = quantity("cores", "MPI ranks of one DFT job", ge=1)
    dft_walltime: int = quantity("s", "wall time of one DFT job", ge=10)
    dft_memory: int = quantity("MB", "memory of one DFT job, all ranks together; 0: from its cell", ge=0)
    work_cores: int = quantity("cores", "cores of every other job", ge=1)
    work_walltime: int = quantity("s", "wall time of every other job", ge=10)


class DataConfig(Model):
    """Where the labels are kept, besides their job folders (SPEC 9)."""

    database: str = quantity(
        "",
        "empty: the file data/mlip.db; or postgresql://USER@HOST/DATABASE without a password, which libpq finds in "
        "~/.pgpass or PGPASSWORD",
        default="",
    )


class Config(Model):
    """config.yaml: the whole campaign."""

    project_name: str = quantity("", "name of the project and of its folder", pattern=SAFE_NAME)
    target_system: TargetSystem
    simulation_goal: SimulationGoal
    resources: ResourcesConfig
    seed: int = quantity("", "seed of every random choice", ge=0)
    generations: int = quantity("", "trainings: the cold start counts as the first", ge=1, le=1000)
    generation: GenerationConfig
    screening: ScreeningConfig
    selection: SelectionConfig
    dft: DFTConfig
    training: TrainingConfig
    exploration: ExplorationConfig
    embedding: EmbeddingConfig
    jobs: JobsConfig
    data: DataConfig = DataConfig()
