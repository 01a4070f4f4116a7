"""Generators of structures without distortion: the cells themselves, and free atoms."""

from __future__ import annotations

from collections.abc import Iterator

from ase import Atoms

from mlipbatch.core.frames import ISOLATED_ATOM
from mlipbatch.structures import tag
from mlipbatch.structures.registry import generator
from mlipbatch.structures.scope import Scope

BOX = 12.0  # A: edge of the box of an isolated atom


@generator("sqs", from_file=False, needs="config")
def sqs(scope: Scope) -> Iterator[Atoms]:
    """special quasirandom structures at the target and neighbouring compositions, in all sizes (icet)"""
    yield from (cell.copy() for cell in scope.roots)


@generator("structure", from_config=False, needs="file")
def structure(scope: Scope) -> Iterator[Atoms]:
    """the structures of the file as they are"""
    yield from (cell.copy() for cell in scope.roots)


@generator(ISOLATED_ATOM, from_file=False)
def isolated_atom(scope: Scope) -> Iterator[Atoms]:
    """one atom of each element in a box of 12 A (energy reference)"""
    for symbol in scope.elements:
        yield tag.root(Atoms(symbol, cell=[BOX] * 3, pbc=True), ISOLATED_ATOM, f"atom-{symbol}")
