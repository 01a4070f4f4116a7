"""What has to hold of a project's folder, whatever happened to its daemon. Each check returns what is wrong, as sentences."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml
from ase.db import connect

from mlipbatch.core.state import JobState
from mlipbatch.stages import label
from mlipbatch.store import jobfolder
from mlipbatch.store.durable import read_frames
from tests.reliability.scene import GIVEN_UP, HELD, RUNS, Scene

RECORDS = ("job.yaml", "attempt.yaml", "submit.yaml", "verdict.yaml")


def at_any_moment(scene: Scene, labels: dict[str, bytes]) -> list[str]:
    """Right after a kill: one state a job, nothing torn, nothing lost, nothing run twice."""
    return [*torn(scene.project.root), *states(scene.project.jobs), *twice(scene), *lost(scene, labels)]


def at_the_end(scene: Scene, labels: dict[str, bytes]) -> list[str]:
    """After a daemon could work in peace: every job ended as it should, having run as often as it should."""
    wrong = at_any_moment(scene, labels)
    for name, state in scene.states().items():
        right = "PENDING" if name in HELD else "FAILED" if name in GIVEN_UP else "DONE"
        if state != right:
            wrong.append(f"{name} ended as {state}")
    ran = Counter(attempt.split("/")[0] for attempt in scene.runs().elements())
    wrong += [f"{name} ran {ran[name]} times instead of {RUNS[name]}" for name in RUNS if ran[name] != RUNS[name]]
    return wrong + database(scene)


def torn(root: Path) -> Iterator[str]:
    """Records and labels are whole, or are not there."""
    for path in root.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(root).parts[1:]):
            continue  # a draft, which nobody reads
        try:
            if path.name in RECORDS and not isinstance(yaml.safe_load(path.read_text()), dict):
                yield f"{path} is no record"
            elif path.name == label.RESULT:
                read_frames(path)[0].info["REF_energy"]
            elif path.suffix == ".json" or path.name == "id":
                json.loads(path.read_text())
        except FileNotFoundError:  # a draft that went meanwhile
            continue
        except (ValueError, KeyError, yaml.YAMLError) as error:
            yield f"{path} is torn: {error!r}"


def states(jobs: Path) -> Iterator[str]:
    """Exactly one state file a job."""
    for folder in jobfolder.walk(jobs):
        found = [state for state in JobState if (folder / state).exists()]
        if len(found) != 1:
            yield f"{folder.name} has the states {found}"


def twice(scene: Scene) -> Iterator[str]:
    """No attempt ran more than once."""
    return (f"{attempt} ran {times} times" for attempt, times in scene.runs().items() if times > 1)


def labels_of(scene: Scene) -> dict[str, bytes]:
    """The label of every job that is DONE."""
    return {
        done.parent.name: (done.parent / label.RESULT).read_bytes() for done in scene.project.jobs.glob("*/scf/*/DONE")
    }


def lost(scene: Scene, before: dict[str, bytes]) -> Iterator[str]:
    """A label that was there is there, byte by byte."""
    now = labels_of(scene)
    return (f"label {name} is gone or changed" for name, text in before.items() if now.get(name) != text)


def database(scene: Scene) -> list[str]:
    """One row a label, no more."""
    rows = sorted(row.name for row in connect(scene.project.data / "mlip.db").select())
    return [] if rows == sorted(labels_of(scene)) else [f"the database has rows {rows}"]
