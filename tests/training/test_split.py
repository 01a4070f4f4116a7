"""Held-out sets are whole families, of several kinds, and leave in training what belongs there."""

from __future__ import annotations

from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from mlipbatch.core.split import folds_by_root, root_of, split_by_root


def frame(root: str, symbols: str, config_type: str = "sqs_rattle") -> Atoms:
    atoms = Atoms(symbols)
    atoms.info = {"root": root, "name": f"{root}-child", "config_type": config_type}
    return atoms


def roots(frames):
    return {atoms.info["root"] for atoms in frames}


def campaign() -> list[Atoms]:
    """Three kinds with three roots of five children each, pure elements, atoms, boxes, and references."""
    kinds = {"small": "Al3Mg", "large": "Al6Mg2", "half": "Al2Mg2"}
    frames = [frame(f"{kind}-{i}", symbols) for kind, symbols in kinds.items() for i in range(3) for _ in range(5)]
    frames += [frame(f"pure-{i}", "Al4") for i in range(3) for _ in range(5)]
    frames += [frame(f"atom-{s}", s, "isolated_atom") for s in ("Al", "Mg")]
    frames += [frame("md", "Al24Mg8", f"active_learning_gen{i}") for i in range(4)]
    return frames + [frame("eos", "Al4", "eos_reference") for _ in range(7)]


def test_whole_families_of_several_kinds_are_held_out():
    frames = campaign()
    train, test = split_by_root(frames, 0.2, seed=0)
    assert not roots(train) & roots(test)
    assert len({atoms.info["root"].split("-")[0] for atoms in test}) == 3  # one root of each kind of alloy
    assert len(test) == 15
    assert len(train) + len(test) == len(frames) - 7


def test_atoms_boxes_and_pure_elements_stay_and_references_go_nowhere():
    for seed in range(10):
        train, test = split_by_root(campaign(), 0.3, seed)
        assert {"atom-Al", "atom-Mg", "md", "pure-0", "pure-1", "pure-2"} <= roots(train)
        assert "eos" not in roots(train) | roots(test)


def test_the_seed_decides_and_only_the_seed():
    splits = [frozenset(roots(split_by_root(campaign(), 0.2, seed)[1])) for seed in range(8)]
    assert splits == [frozenset(roots(split_by_root(campaign(), 0.2, seed)[1])) for seed in range(8)]
    assert len(set(splits)) > 1


def test_an_element_alone_is_held_out_too():
    frames = [frame(f"pure-{i}", "Si8") for i in range(6) for _ in range(3)]
    _, test = split_by_root(frames, 0.3, 0)
    assert len(roots(test)) == 2


def test_structures_without_a_root_are_their_own_families():
    assert root_of({}, 3) == "structure-3"
    assert root_of({"name": "a", "root": ""}, 3) == "a"
    frames = [Atoms("Si2") for _ in range(10)]
    train, test = split_by_root(frames, 0.2, 0)
    assert (len(train), len(test)) == (8, 2)


def test_every_root_is_held_out_in_one_fold():
    frames = campaign()
    folds = folds_by_root(frames, 5, seed=1)
    by_root = {}
    for atoms, fold in zip(frames, folds, strict=True):
        assert by_root.setdefault(atoms.info["root"], fold) == fold
    assert set(by_root.values()) == {None, 0, 1, 2, 3, 4}
    assert by_root["md"] is None
    assert by_root["pure-1"] is None


@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["Al4", "Al3Mg", "Al2Mg2", "Al6Mg2"])), max_size=40),
    st.floats(0.01, 0.49),
    st.integers(0, 1000),
)
def test_nothing_is_lost_doubled_or_in_both(pairs, fraction, seed):
    frames = [frame(f"{number}-{symbols}", symbols) for number, symbols in pairs]
    train, test = split_by_root(frames, fraction, seed)
    assert not roots(train) & roots(test)
    assert sorted(map(id, train + test)) == sorted(map(id, frames))
    assert train or not frames
