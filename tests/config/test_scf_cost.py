"""The cost model against physics, and against what pw.x took (data/qe_timings)."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from mlipbatch.config.scf_cost import PRIOR, Model, Size, Timing, learn
from mlipbatch.dft.electrons import usual_bands
from mlipbatch.dft.quantum_espresso import memory

TABLE = Path(__file__).parent.parent / "data" / "qe_timings" / "timings.json"


def cell(atoms: int, volume: float | None = None, cutoff: float = 20, kpoints: int = 1, **rest: object) -> Size:
    """Aluminium: 16.6 A^3 and three electrons an atom."""
    volume = 16.6 * atoms if volume is None else volume
    bands = usual_bands(3 * atoms)
    waves, grid = memory.plane_waves(volume, cutoff), memory.fft_grid(volume, 4 * cutoff)
    return Size(atoms, bands, waves, grid, kpoints, **rest)  # type: ignore[arg-type]


def iteration(size: Size) -> float:
    """Seconds of one SCF step."""
    return Model().seconds(size, 11) - Model().seconds(size, 10)


def measured() -> list[Timing]:
    """What pw.x took; CPU seconds of one rank, which other jobs on the machine do not stretch."""
    found = []
    for row in json.loads(TABLE.read_text()):
        half = 0.5 if row["gamma"] else 1.0
        size = Size(
            atoms=row["atoms"], bands=row["bands"], waves=half * memory.plane_waves(row["volume"], row["ecutwfc"]),
            grid=memory.fft_grid(row["volume"], 4 * row["ecutwfc"]), kpoints=row["kpoints"], nspin=row["nspin"],
            gamma=row["gamma"], augmented=row["augmented"],
        )  # fmt: skip
        found.append(Timing(size, row["cpu_s"], row["iterations"]))
    return found


def off(model: Model, timings: list[Timing]) -> float:
    """Median of the factor by which predictions are off, minus one."""
    return median(math.exp(abs(math.log(one.wall_s / model.seconds(one.size)))) for one in timings) - 1


def test_twice_the_kpoints_and_two_spins_are_twice_the_work() -> None:
    one = cell(32)
    assert iteration(replace(one, kpoints=6)) == pytest.approx(6 * iteration(one))
    assert iteration(replace(one, nspin=2)) == pytest.approx(2 * iteration(one))
    assert Model().iterations(replace(one, nspin=2)) > 1.5 * Model().iterations(one)


def test_volume_and_cutoff_scale_as_plane_waves_do() -> None:
    """Of a vacuum only the waves grow (linear, and the logarithm of the FFT); of matter the bands too: quadratic to cubic."""
    assert 2 < iteration(cell(32, 2 * 16.6 * 32)) / iteration(cell(32)) < 2.3
    assert 2**1.5 < iteration(cell(32, cutoff=40)) / iteration(cell(32)) < 1.15 * 2**1.5
    ratios = [iteration(cell(2 * atoms)) / iteration(cell(atoms)) for atoms in (16, 64, 256, 4096)]
    assert ratios == sorted(ratios)
    assert 4 < ratios[0] < ratios[-1] < 8
    assert ratios[-1] > 7.8


def test_real_waves_take_half_or_less() -> None:
    complex_waves = cell(64)
    real = replace(complex_waves, gamma=True, waves=complex_waves.waves / 2)
    assert 0.25 < iteration(real) / iteration(complex_waves) < 0.5


def test_cores_share_the_work_less_than_perfectly() -> None:
    assert iteration(cell(64)) / 4 < iteration(cell(64, cores=4)) < iteration(cell(64)) / 2


def machine(slower: float, sizes: list[Size], seed: int = 0) -> list[Timing]:
    """Another machine, and the noise of a shared node."""
    noise = random.Random(seed)
    model = Model(replace(PRIOR, machine=PRIOR.machine + math.log(slower), start=PRIOR.start + math.log(slower)))
    return [
        Timing(one, model.seconds(one) * math.exp(noise.gauss(0, 0.1)), round(model.iterations(one))) for one in sizes
    ]


SIZES = [cell(atoms, kpoints=kpoints) for atoms in (4, 8, 16, 32) for kpoints in (4, 14, 63)]


def test_one_finished_job_already_helps() -> None:
    slow = machine(3, SIZES)
    assert off(Model(), slow) > 1.5
    assert off(learn(slow[5:6]), slow) < 0.6
    assert off(learn(slow), slow) < 0.12


def test_one_odd_job_moves_little_and_the_order_does_not_matter() -> None:
    usual = machine(2, SIZES)
    odd = [*usual, Timing(SIZES[3], 30 * usual[3].wall_s, 100)]
    assert off(learn(odd), usual) < 0.15
    again = learn(random.Random(1).sample(odd, len(odd)))
    assert again.seconds(SIZES[7]) == pytest.approx(learn(odd).seconds(SIZES[7]), rel=1e-3)


def test_trust_grows_with_what_is_known_and_safety_never_vanishes() -> None:
    known = [learn(machine(2, SIZES * times)) for times in (1, 5)]
    assert Model().scatter > known[0].scatter > known[1].scatter
    for model in known:
        assert model.safe_seconds(SIZES[0]) >= 2 * model.seconds(SIZES[0])
    hard = [
        replace(one, wall_s=8 * one.wall_s) if number % 20 == 0 else one
        for number, one in enumerate(machine(1, SIZES * 5))
    ]
    assert learn(hard).safe_seconds(SIZES[0]) > 8 * learn(hard).seconds(
        SIZES[0]
    )  # one in twenty took eight times as long


def test_nothing_to_learn_from_is_the_prior() -> None:
    assert learn([]) == Model()
    assert learn([Timing(SIZES[0], 0.0, 5), Timing(SIZES[0], 5.0, 0)]) == Model()


def test_real_calculations_that_were_held_out_are_forecast() -> None:
    """Whoever starts with a prior that is off by three is within a half of the truth after every other real calculation."""
    known, held_out = measured()[::2], measured()[1::2]
    wrong = replace(PRIOR, machine=PRIOR.machine + math.log(3))
    assert len(held_out) >= 12
    assert off(Model(), known + held_out) < 0.5
    assert off(Model(wrong), held_out) > 1.5
    assert off(learn(known, wrong), held_out) < 0.5
    assert off(learn(known[7:8], wrong), held_out) < off(Model(wrong), held_out) / 2
