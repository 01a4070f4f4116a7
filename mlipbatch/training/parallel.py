"""Rows of many structures, by as many processes as the job has cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from mlipbatch.training.basis import function_counts
from mlipbatch.training.design import Projector
from mlipbatch.training.equations import Fold, add_label, new_fold
from mlipbatch.training.labels import Label
from mlipbatch.training.progress import Progress, Say
from mlipbatch.training.zbl import Prediction

Item = tuple[tuple[Label, Prediction], int | None]  # a label, what is subtracted from it, and its fold
ByFold = dict[int | None, Fold]
WORTH = 1_000_000  # atoms times functions (some seconds) from which on starting processes pays
CHUNKS = 4  # a process: so that progress is seen and none waits long for the last

_shared: list[Any] = []  # basis and items: forked processes find them here, nothing large is sent to them


def make_rows(basis: Any, items: Sequence[Item], say: Say) -> ByFold:
    """The rows of all `items`, summed up by fold."""
    atoms = sum(len(label.atoms) for (label, _), _ in items)
    workers = cores() if atoms * sum(function_counts(basis)) > WORTH else 1
    progress = Progress("basis functions of structure", len(items), say)
    if workers == 1:
        return _rows(basis, items, progress)
    _shared[:] = [basis, items]
    made: ByFold = {}
    try:
        for done, part in _pool(len(items), workers):
            progress(done)
            for fold, rows in part.items():
                if fold in made:
                    made[fold].merge(rows)
                else:
                    made[fold] = rows
    finally:
        _shared.clear()
    return made


def cores() -> int:
    """What the job may use: OMP_NUM_THREADS where it is set, else the cores this process may run on."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else len(os.sched_getaffinity(0))


def _pool(count: int, workers: int) -> Iterator[tuple[int, ByFold]]:
    """Parts as they come, with the number of structures done."""
    parts = min(count, workers * CHUNKS)
    done = 0
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        futures = [pool.submit(_part, start, parts) for start in range(parts)]
        for start, future in enumerate(futures):  # in this order, so that sums round the same every time
            made = future.result()
            done += len(range(start, count, parts))
            yield done, made


def _part(start: int, step: int) -> ByFold:
    basis, items = _shared
    return _rows(basis, items[start::step], lambda _: None)


def _rows(basis: Any, items: Sequence[Item], progress: Any) -> ByFold:
    projector = Projector(basis)
    made: ByFold = {}
    for count, ((label, offset), fold) in enumerate(items, start=1):
        if fold not in made:
            made[fold] = new_fold(projector.n_functions)
        add_label(made[fold], label, projector.rows(label.atoms, virial=label.virial is not None), offset)
        progress(count)
    return made
