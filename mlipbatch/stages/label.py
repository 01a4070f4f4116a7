"""Labels: one static DFT job a structure, tried, diagnosed and climbed up the ladder until it counts or is given up."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbatch import dft
from mlipbatch.config.errors import InputError
from mlipbatch.config.model import Config, DFTConfig
from mlipbatch.config.scf_cost import Model
from mlipbatch.core import endings, frames, ladder
from mlipbatch.core import job as nouns
from mlipbatch.core.consistency import PREFIX
from mlipbatch.core.failure import Diagnosis
from mlipbatch.core.job import MEMORY_MB, AttemptPlan, Ending, JobSpec, Resources, Verdict, generation_name
from mlipbatch.dft.structures import refusal
from mlipbatch.stages import disk, timings
from mlipbatch.stages.base import Attempt, Job, counted, verdicts
from mlipbatch.store.durable import frame_sizes, iter_frames, read_frames, render_frames, write_frames
from mlipbatch.store.project import Project

if TYPE_CHECKING:
    from ase import Atoms

KIND = "scf"
STRUCTURE, RESULT = "structure.extxyz", "result.extxyz"
FREED = "freed_bytes"  # in a verdict: wavefunctions, densities and scratch that were deleted with it
SPARE = 1.3  # times the estimate of memory


def sizes(project: Project, generation: int) -> Mapping[int, int]:
    """Of the labels that a generation wants: how many have so many atoms. Empty while there is no selection."""
    path = project.candidates(generation, "selected")
    try:
        return _sizes(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}


def number(project: Project, generation: int) -> int:
    """How many labels a generation wants: structures that were selected (or cut)."""
    return sum(sizes(project, generation).values())


@lru_cache(maxsize=64)
def _sizes(path: Path, _mtime: int) -> Mapping[int, int]:
    return Counter(frame_sizes(path))


def expected(project: Project, config: Config, generation: int) -> Iterator[JobSpec]:
    """A job for every structure that was selected (or cut) in a generation, read one after the other.

    Raises ValueError where the selection is torn.
    """
    path = project.candidates(generation, "selected")
    if not number(project, generation):
        return
    resources = Resources(config.jobs.dft_cores, config.jobs.dft_walltime, config.jobs.dft_memory or None)
    model = timings.learned(project).model
    meshes = _meshes(iter_frames(path), config.dft.kpoints_spacing)
    for atoms in iter_frames(path):
        if _on_a_curve(atoms):
            atoms.info[frames.KPOINTS] = meshes[str(atoms.info.get(frames.ROOT))]
        walltime_s = _walltime(atoms, config, resources, model)
        yield _spec(atoms, generation_name(generation), dataclasses.replace(resources, walltime_s=walltime_s))


def _walltime(atoms: Atoms, config: Config, resources: Resources, model: Model) -> int:
    """Wall time (s) of a job that is made: what it shares an allocation by. Its attempts ask for their own."""
    if model.learned_from < timings.ENOUGH:
        return resources.walltime_s
    code, step = dft.code(config.resources.dft_code), ladder.NextAttempt()
    try:
        settled = own(config.dft, settings(atoms))
        if code.check(atoms, settled):  # spglib, asked for the symmetry of no crystal, kills the process
            return resources.walltime_s
        prepared = code.prepare(atoms, settled, step, cores=resources.cores, walltime=resources.walltime_s)
    except (InputError, OSError, LookupError, ValueError):
        return resources.walltime_s  # its plan will say what is wrong
    return timings.wall_time(resources, nouns.Most(), step, prepared.size, model)[0]


def _meshes(structures: Iterable[Atoms], spacing: float) -> dict[str, str]:
    """One k-mesh for all volumes of an energy-volume curve, the smallest cell's: a mesh that changes makes a step in it."""
    smallest: dict[str, Atoms] = {}
    for atoms in structures:
        if _on_a_curve(atoms):
            root = str(atoms.info.get(frames.ROOT))
            smallest[root] = min(smallest.get(root, atoms), atoms, key=lambda one: float(one.get_volume()))
    meshes = {root: dft.mesh_of_spacing(atoms.cell.array, spacing) for root, atoms in smallest.items()}
    return {root: " ".join(str(points) for points in mesh) for root, mesh in meshes.items()}


def _on_a_curve(atoms: Atoms) -> bool:
    """Is its mesh the curve's? What will be refused has no part in it."""
    own = atoms.info.get(frames.CONFIG_TYPE) != frames.EOS_REFERENCE or frames.KPOINTS in atoms.info
    return not own and refusal(atoms) is None


def _spec(atoms: Atoms, generation: str, resources: Resources) -> JobSpec:
    """The most uncertain boxes first; otherwise the largest cells, so that none is left over when all else has ended."""
    name = str(atoms.info[frames.NAME])
    urgency = int(10 * float(atoms.info.get(frames.GAMMA_MAX, 0.0)))
    origin = {key: str(atoms.info.get(key, "")) for key in (frames.CONFIG_TYPE, frames.ROOT, frames.PARENTS)}
    changed = {frames.DFT_SETTINGS: settings(atoms)} if frames.DFT_SETTINGS in atoms.info else {}
    return JobSpec(
        f"{generation}/{KIND}/{name}",
        KIND,
        resources,
        priority=len(atoms) + urgency,
        parameters={"atoms": len(atoms), "formula": atoms.get_chemical_formula(), **origin, **changed},
        files={STRUCTURE: render_frames([atoms])},
    )


def settings(atoms: Atoms) -> dict[str, float]:
    """What a structure of a convergence scan has in place of the campaign's values. Raises ValueError for what is no number."""
    words = (word.partition("=") for word in str(atoms.info.get(frames.DFT_SETTINGS, "")).split())
    return {key: float(value) for key, _, value in words}


def own(config: DFTConfig, changed: Mapping[str, float]) -> DFTConfig:
    """The campaign's values with some changed. Raises pydantic's ValidationError for a value that `dft` cannot have."""
    return DFTConfig.model_validate({**config.model_dump(), **changed}) if changed else config


def _own(job: Job) -> DFTConfig:
    return own(job.config.dft, job.spec.parameters.get(frames.DFT_SETTINGS, {}))


class Label:
    """The kind of DFT jobs. Attempts and their diagnoses are the ladder's only memory."""

    def plan(self, job: Job, attempts: Sequence[Attempt]) -> AttemptPlan | nouns.GiveUp:
        """Input files of the next rung; GiveUp where the structure must not reach the DFT code at all."""
        code, config = dft.code(job.config.resources.dft_code), _own(job)
        atoms = read_frames(job.folder / STRUCTURE)[0]
        refusal = code.check(atoms, config)
        if refusal:
            return nouns.GiveUp("refused_input", refusal)
        past = [_climbed(attempt) for attempt in counted(attempts)]
        step = code.judge(config, past) if past else code.next_attempt(config, past)
        if not isinstance(step, ladder.NextAttempt):
            return nouns.GiveUp("ladder_ended", step.sentence)
        return _plan(job, code, atoms, step, endings.excluded([attempt.verdict for attempt in attempts]))

    def judge(self, job: Job, attempts: Sequence[Attempt], ending: Ending) -> Verdict:
        """Diagnose first, read second: results are read only from an attempt that was classified as a success."""
        code, config = dft.code(job.config.resources.dft_code), _own(job)
        last = attempts[-1]
        spoiled = endings.outside(ending, verdicts(attempts[:-1]), vanished=False)
        if spoiled:
            return spoiled
        diagnosis = code.diagnose(last.folder, ending.exit_code, scheduler=endings.SCHEDULER_SAYS.get(ending.how))
        past = [_climbed(attempt) for attempt in counted(attempts[:-1])]
        climbed = [*past, ladder.Attempt.of(last.number, _step(last), diagnosis)]
        record: dict[str, Any] = {"diagnosis": _plain(dataclasses.asdict(diagnosis))}
        verdict = code.judge(config, climbed)
        if isinstance(verdict, ladder.NextAttempt):
            # rungs start from this density or from none: no other is read again
            record[FREED] = disk.clean(attempts, code.disposable, verdict.restart_from, code.keep_for_restart)
            return nouns.Again(diagnosis.name, f"{diagnosis.sentence}; next: {verdict.sentence}", record)
        if isinstance(verdict, ladder.GiveUp):
            record[FREED] = disk.clean(attempts, code.disposable)
            return nouns.GiveUp("ladder_ended" if diagnosis.ok else diagnosis.name, verdict.sentence, record)
        labels = code.read_results(last.folder)
        _write_result(job, labels, last, verdict)
        cost = timings.measured(last, labels.wall_s, labels.iterations, labels.kpoints)
        if cost:
            record[timings.COST] = cost
            timings.learned(job.project).hear(timings.timing(record))
        record[FREED] = disk.clean(attempts, code.disposable)
        return nouns.Accept(verdict.sentence, record)


def _plan(
    job: Job, code: dft.DFTCode, atoms: Atoms, step: ladder.NextAttempt, excluded: tuple[str, ...]
) -> AttemptPlan:
    walltime, memory = (float(step.changes.get(name, 1.0)) for name in ("walltime_factor", "memory_factor"))
    model = timings.learned(job.project).model
    own_s = job.spec.resources.walltime_s
    if model.learned_from >= timings.ENOUGH:  # the job may have been made with what was forecast then
        own_s = max(own_s, job.config.jobs.dft_walltime)
    asked = dataclasses.replace(job.spec.resources, walltime_s=own_s, exclude=excluded)
    resources = asked.grown(job.most, walltime=walltime, memory=memory)
    prepared = code.prepare(atoms, _own(job), step, cores=resources.cores, walltime=resources.walltime_s)
    walltime_s, why = timings.wall_time(resources, job.most, step, prepared.size, model)
    if why:
        resources = dataclasses.replace(resources, walltime_s=walltime_s)
        prepared = code.prepare(atoms, _own(job), step, cores=resources.cores, walltime=walltime_s)
    if not job.config.jobs.dft_memory:
        resources = _enough(resources, SPARE * memory * (prepared.memory_mb or 0), job.most.memory_mb)
    record = {
        "structure": _stamp(job),
        "step": _plain(dataclasses.asdict(step)),
        "reasons": {**prepared.reasons, **({"wall time": why} if why else {})},
        "expectation": _plain(dict(prepared.expectation)),
        **({timings.SIZE: dataclasses.asdict(prepared.size)} if prepared.size else {}),
        "common": _plain(dict(prepared.common)),
    }
    return AttemptPlan(
        rung=step.rung,
        why=step.sentence,
        command=prepared.command,
        files=dict(prepared.files),
        before=tuple(prepared.before),
        environment=dict(prepared.environment),
        resources=resources,
        record=record,
    )


def _enough(resources: Resources, needed: float, most: int | None) -> Resources:
    """Memory asked for where the cell needs more than a job is taken to have that asks for none."""
    wanted = round(needed)
    if wanted <= (resources.memory_mb or MEMORY_MB * resources.cores):
        return resources
    return dataclasses.replace(resources, memory_mb=wanted if most is None else min(wanted, most))


def _stamp(job: Job) -> str:
    """SHA-256 of the structure: an output belongs to the one it was computed for."""
    return hashlib.sha256((job.folder / STRUCTURE).read_bytes()).hexdigest()


def _step(attempt: Attempt) -> ladder.NextAttempt:
    return ladder.NextAttempt(**attempt.record["step"])


def _climbed(attempt: Attempt) -> ladder.Attempt:
    return ladder.Attempt.of(attempt.number, _step(attempt), Diagnosis(**attempt.verdict["diagnosis"]))


def _plain(value: Any) -> Any:
    """The same in types that YAML keeps: tuples become lists, mappings dicts."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _write_result(job: Job, labels: dft.Labels, last: Attempt, accepted: ladder.Accept) -> None:
    import numpy as np

    atoms = read_frames(job.folder / STRUCTURE)[0]
    if last.record.get("structure", _stamp(job)) != _stamp(job):
        raise ValueError(f"{STRUCTURE} was changed after attempt-{last.number} was made of it; retry the job")
    if labels.symbols != atoms.get_chemical_symbols():
        raise ValueError(f"{last.folder}: the atoms of the output are not those of {STRUCTURE}")
    expectation = last.record["expectation"]
    atoms.info |= {
        frames.REF_ENERGY: labels.energy,
        frames.REF_STRESS: np.array(labels.stress),
        "job": job.spec.id,
        "attempts": last.number,
        "rung": accepted.rung,
        "dft_version": labels.version,
        "dft_wall_s": labels.wall_s if labels.wall_s is not None else 0.0,
    }
    where_known = {
        "dft_iterations": labels.iterations,
        "dft_accuracy_ry": labels.accuracy,
        "dft_kpoints": _kpoints(expectation, labels),
        "dft_magnetization": labels.magnetization,
        "dft_absolute_magnetization": labels.absolute_magnetization,
        "dft_smearing_ev": labels.smearing_energy,
    }
    atoms.info |= {name: value for name, value in where_known.items() if value is not None}
    atoms.info |= {f"{PREFIX}{key}": value for key, value in last.record.get("common", {}).items()}
    atoms.set_array(frames.REF_FORCES, np.array(labels.forces))
    write_frames(job.folder / RESULT, [atoms])


def _kpoints(expectation: Mapping[str, Any], labels: dft.Labels) -> str | None:
    mesh = "x".join(str(n) for n in expectation.get("kpoints") or ())
    return mesh or (None if labels.kpoints is None else f"{labels.kpoints} points")
