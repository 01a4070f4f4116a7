"""CHGNet, with the weights of its package: batches, one thread."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlipbatch.surrogate.base import Evaluation, Refusal

if TYPE_CHECKING:
    from ase import Atoms

BATCH_ATOMS = 128  # larger batches gain nothing on a CPU core
BATCH_ATOMS_CUDA = 4096
VACUUM = 12.0  # A, twice the graph's cutoff, around what is not periodic


class CHGNetSurrogate:
    """Energies and forces of CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)); no stress, no magnetic moments."""

    def __init__(self) -> None:
        import torch
        from chgnet.model import CHGNet

        torch.set_num_threads(1)  # a process a core evaluates more structures a second than threads do
        device = "cuda" if torch.cuda.is_available() else "cpu"
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its number of parameters
            self._model = CHGNet.load(use_device=device, verbose=False)
        # Forces are built with create_graph=True: with frozen weights the backward pass is three times shorter.
        self._model.requires_grad_(requires_grad=False)
        self._model.graph_converter.set_isolated_atom_response("error")
        self._batch_atoms = BATCH_ATOMS_CUDA if device == "cuda" else BATCH_ATOMS
        self.name = f"chgnet {self._model.version}"

    def evaluate(self, frames: Sequence[Atoms]) -> Iterator[Evaluation | Refusal]:
        """See `Surrogate`."""
        for batch in batches(frames, self._batch_atoms):
            graphs = [self._graph(frame) for frame in batch]
            answers = iter(self._predict([graph for graph in graphs if not isinstance(graph, Refusal)]))
            for graph, frame in zip(graphs, batch, strict=True):
                yield graph if isinstance(graph, Refusal) else _evaluation(next(answers), len(frame))

    def _graph(self, frame: Atoms) -> Any:
        from pymatgen.core import Structure

        boxed = boxed_frame(frame)
        try:
            structure = Structure(
                boxed.cell[:], boxed.get_chemical_symbols(), boxed.positions, coords_are_cartesian=True
            )
            return self._model.graph_converter(structure)
        except (ValueError, RuntimeError) as error:  # an atom without neighbours; a bond graph that cannot be made
            if "isolated atom" in str(error):
                return Refusal(f"an atom has no neighbour within {self._model.graph_converter.atom_graph_cutoff:g} A")
            return Refusal(str(error).splitlines()[0])

    def _predict(self, graphs: list[Any]) -> list[dict[str, Any]]:
        if not graphs:
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = self._model.predict_graph(graphs, task="ef", batch_size=len(graphs))
        return [answers] if isinstance(answers, dict) else list(answers)


def _evaluation(answer: dict[str, Any], n_atoms: int) -> Evaluation:
    forces = np.asarray(answer["f"], dtype=np.float64)  # [n_atoms, 3], eV/A
    return Evaluation(float(answer["e"]) * n_atoms, forces)  # CHGNet gives eV/atom


def batches(frames: Sequence[Atoms], most_atoms: int) -> Iterator[list[Atoms]]:
    """Neighbouring frames together, up to `most_atoms` atoms; a larger frame is a batch of its own."""
    batch: list[Atoms] = []
    for frame in frames:
        if batch and sum(map(len, batch)) + len(frame) > most_atoms:
            yield batch
            batch = []
        batch.append(frame)
    if batch:
        yield batch


def boxed_frame(frame: Atoms) -> Atoms:
    """The frame, with vacuum along the directions in which it is not periodic: CHGNet knows periodic crystals only."""
    if frame.pbc.all():
        return frame
    boxed = frame.copy()
    boxed.center(vacuum=VACUUM / 2, axis=np.flatnonzero(~frame.pbc))
    return boxed
