"""`mlipbatch dft`: questions about DFT itself."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.cli.daemon import CoresOption, SiteOption
from mlipbatch.cli.label import serve
from mlipbatch.config.errors import InputError
from mlipbatch.core.frames import REASON

if TYPE_CHECKING:
    from ase import Atoms

    from mlipbatch.config.model import Config
    from mlipbatch.stages.dft_check.plan import Calculation, Scan
    from mlipbatch.stages.dft_check.result import Result
    from mlipbatch.store.project import Project

dft = typer.Typer(help="Is DFT itself converged?", no_args_is_help=True)


@dft.callback()
def _group() -> None:
    """Is DFT itself converged?"""


@dft.command()
def check(
    source: Annotated[
        Path,
        typer.Argument(metavar="[INPUT]", help="input.yaml, config.yaml or a project's folder; here unless given."),
    ] = Path(),
    structures: Annotated[
        Path | None, typer.Option("--structures", help="Check these (any file that ASE reads), not the campaign's.")
    ] = None,
    wanted: Annotated[
        int | None, typer.Option("--number", min=2, max=20, help="Structures: 2, or all of --structures.")
    ] = None,
    cutoffs: Annotated[str, typer.Option("--cutoffs", metavar="RY,...", help="Values of ecutwfc, Ry.")] = "",
    spacings: Annotated[
        str, typer.Option("--spacings", metavar="1/A,...", help="Values of kpoints_spacing, 1/A, 2 pi included.")
    ] = "",
    degauss: Annotated[str, typer.Option("--degauss", metavar="RY,...", help="Widths of the smearing, Ry.")] = "",
    tolerance: Annotated[float, typer.Option("--tolerance", help="Of energy differences, meV/atom.")] = 1.0,
    force_tolerance: Annotated[float, typer.Option("--force-tolerance", help="Of forces, meV/A.")] = 10.0,
    stress_tolerance: Annotated[float, typer.Option("--stress-tolerance", help="Of stresses, GPa.")] = 0.1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of its own for all of it; dft-check beside INPUT unless given.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be calculated, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print check.json.")] = False,
    cores: CoresOption = None,
    site: SiteOption = "",
) -> None:
    """Scan cutoff, k-spacing and smearing on a few structures, and hold forces to finite differences of the energy.

    Exit code 0: the campaign's values are fine enough; 1: change them as recommended; 2: wrong input, nothing was written.
    Stopped or killed, the same command goes on; with more values it keeps the labels it has. They never become training data.
    """
    from mlipbatch.engine import factory
    from mlipbatch.stages.dft_check import plan, text
    from mlipbatch.stages.dft_check.judge import Tolerance
    from mlipbatch.stages.dft_check.report import PAGE, write
    from mlipbatch.stages.dft_check.summary import summarise

    allowed = Tolerance(_positive(tolerance, "--tolerance"), _positive(force_tolerance, "--force-tolerance"),
                        _positive(stress_tolerance, "--stress-tolerance"))  # fmt: skip
    given = {
        plan.CUTOFF: _numbers(cutoffs, "--cutoffs"),
        plan.SPACING: _numbers(spacings, "--spacings"),
        plan.DEGAUSS: _numbers(degauss, "--degauss"),
    }
    source, project = _input(source)
    config = _config(source)
    chosen = _structures(config, project, structures, wanted)
    scans = plan.scans(config, chosen, given)
    every = _calculations(config, scans, chosen)
    cost = _cost(config, every, project)
    if dry_run:
        common.result("\n".join([*_planned(scans, chosen), cost]))
        return
    folder = out or (project.root if project else source.parent) / "dft-check"
    if not folder.parent.is_dir():
        raise InputError(f"there is no folder {folder.parent}; make it first", file=str(folder))
    jobs = factory.open_scan(chosen, [one.frame() for one in every.values()], source, folder)
    common.say(f"{cost}; in {folder}, and what is there already is kept")
    serve(jobs, cores, site)
    found = summarise(config, chosen, scans, _results(jobs, every), allowed)
    numbers = write(folder, found)
    if as_json:
        common.result_json(numbers)
    else:
        common.result(f"{text.as_text(found)}\n\n{folder / PAGE}")
    if not found.advice.good:
        raise typer.Exit(common.FAILED)


def _numbers(text: str, option: str) -> list[float]:
    """``30,40.5`` as numbers. Raises InputError for anything else."""
    words = text.replace(",", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != len(words) or not all(math.isfinite(value) and value > 0 for value in values):
        raise InputError(f"{option}: {text!r} is not a list of positive numbers, such as 30,40,50")
    return values


def _positive(value: float, option: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{option}: {value:g} is no tolerance; write a positive number")
    return value


def _input(source: Path) -> tuple[Path, Project | None]:
    """The input's file, and the project that it belongs to, if it is one's."""
    from mlipbatch.cli.paths import project_at
    from mlipbatch.store.project import Project

    if source.is_dir():
        project = project_at(source)
        return project.config, project
    around = Project(source.resolve().parent)
    return source, around if (around.private / "id").is_file() else None


def _config(source: Path) -> Config:
    from mlipbatch.config import load_config

    config = load_config(source, labels=True)
    if config.resources.dft_code == "ase":
        raise InputError(
            f"dft_code is ase: {config.dft.calculator} has neither cutoffs nor k-points of ours, so there is nothing to scan",
            file=str(source),
        )
    return config


def _structures(config: Config, project: Project | None, file: Path | None, number: int | None) -> list[Atoms]:
    from mlipbatch import dft as codes
    from mlipbatch.cli.structure_files import read_structures
    from mlipbatch.stages.dft_check.structures import of_campaign, of_file

    if file is not None:
        return of_file(read_structures(file), number, str(file))
    code = codes.code(config.resources.dft_code)
    return of_campaign(config, project, number or 2, lambda atoms: code.check(atoms, config.dft) is None)


def _calculations(config: Config, scans: Sequence[Scan], chosen: Sequence[Atoms]) -> dict[str, Calculation]:
    """All that is wanted, by name. Raises InputError for the first that the DFT code would refuse."""
    from mlipbatch import dft as codes
    from mlipbatch.stages.dft_check import differences, plan
    from mlipbatch.stages.label import own

    every = plan.calculations(scans, chosen, config.dft)
    every |= {one.name: one for one in differences.calculations(chosen[0], config.dft)}
    code = codes.code(config.resources.dft_code)
    for one in every.values():
        refusal = code.check(one.frame(), own(config.dft, one.settings))
        if refusal:
            raise InputError(f"{one.name}: {refusal}")
    return every


def _results(jobs: Project, every: Collection[str]) -> dict[str, Result]:
    """The labels by name; says why others were given up."""
    from mlipbatch.config import load_config
    from mlipbatch.engine import factory
    from mlipbatch.stages.dft_check.plan import name_of
    from mlipbatch.stages.dft_check.result import result_of

    labelled = factory.collect(jobs, load_config(jobs.config))
    for atoms in labelled.given_up:
        if name_of(atoms) in every:
            common.say(f"{name_of(atoms)}: {atoms.info[REASON]}")
    return {name_of(atoms): result_of(atoms) for atoms in labelled.labels}


def _planned(scans: Sequence[Scan], chosen: Sequence[Atoms]) -> Iterator[str]:
    """What would be calculated, in lines."""
    from mlipbatch.stages.dft_check.plan import name_of

    for scan in scans:
        yield f"{scan.quantity.key}, {scan.quantity.unit}: {' '.join(f'{value:g}' for value in scan.values)}"
    for atoms in chosen:
        yield f"structure: {name_of(atoms)}, {len(atoms)} atoms"


def _cost(config: Config, every: Mapping[str, Calculation], project: Project | None) -> str:
    """What all calculations take."""
    from mlipbatch.cli.structure_files import duration
    from mlipbatch.config.scf_cost import Model
    from mlipbatch.stages import timings
    from mlipbatch.stages.dft_check.cost import seconds

    model = timings.learned(project).model if project else Model()
    took, cores = seconds(config, list(every.values()), model), config.jobs.dft_cores
    return f"{len(every)} DFT calculations, about {duration(took)} one after the other, on {cores} core{'s'[: cores - 1]} each"
