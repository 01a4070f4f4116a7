"""Who is sent how, from what waits and what the site allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlipbatch.config.site import LOCAL, Limits, Queue, Site
from mlipbatch.core.job import JobEntry
from mlipbatch.core.state import JobState
from mlipbatch.engine.pack import RESERVE_S, Demand, Unit, pack


def site(*, whole: bool = False, per_node: int = 128, longest: int = 86400, **limits: object) -> Site:
    queue = Queue(name="q", max_walltime=longest, cores_per_node=per_node, whole_nodes=whole)
    return Site(name="s", scheduler="slurm", queues=[queue], limits=Limits(**limits))  # type: ignore[arg-type]


def jobs(number: int, cores: int = 4, walltime_s: int = 300, priority: int = 0) -> list[JobEntry]:
    name = f"gen000/scf/c{cores}-w{walltime_s}-p{priority}"
    return [
        JobEntry(f"{name}-{n:05d}", JobState.PENDING, priority=priority, cores=cores, walltime_s=walltime_s)
        for n in range(number)
    ]


def sizes(units: list[Unit]) -> list[list[int]]:
    return [[len(task) for task in unit.tasks] for unit in units]


def test_what_the_limits_have_room_for_goes_alone() -> None:
    units = pack(jobs(3), site(max_array=1), 100, 64, 64)
    assert [unit.alone for unit in units] == jobs(3)
    assert {unit.walltime_s for unit in units} == {300}


def test_many_alike_are_the_tasks_of_one_array() -> None:
    (unit,) = pack(jobs(10), site(max_array=1001), 100, 64, 64)
    assert sizes([unit]) == [[1] * 10]
    assert (unit.cores, unit.walltime_s) == (4, 300 + RESERVE_S)
    assert sizes(pack(jobs(10), site(max_array=6), 100, 64, 64)) == [[1] * 6, [1] * 4]


def test_more_than_the_queue_takes_goes_in_bundles() -> None:
    units = pack(jobs(5000, walltime_s=300), site(max_array=1, bundle=200), 100, 400, 64)
    assert sizes(units) == [[50]] * 100
    assert {unit.cores for unit in units} == {4}
    assert {unit.walltime_s for unit in units} == {50 * 300 + RESERVE_S}


def test_more_is_on_a_list_than_its_time_is_for_but_not_without_end() -> None:
    units = pack(jobs(10_000, walltime_s=300), site(max_array=1, bundle_walltime=6060), 50, 200, 64)
    assert sizes(units) == [[60]] * 50  # three times 20
    assert {unit.walltime_s for unit in units} == {6060}


def test_a_place_that_gets_free_gets_an_even_share_of_what_is_left_for_all_slots() -> None:
    """Of 3400 jobs for 100 slots, 99 of them taken; only the first 2000 are at hand, or most are on the lists of others."""
    for here in (2000, 40):
        (unit,) = pack(jobs(here, walltime_s=60), site(max_array=1), 1, 4, 64, demand=Demand(3400, 99 * 4))
        assert sizes([unit]) == [[34]]
    (unit,) = pack(jobs(20, walltime_s=60), site(max_array=1), 1, 4, 64, demand=Demand(3400, 99 * 4))
    assert sizes([unit]) == [[20]]
    assert unit.walltime_s == 34 * 60 + RESERVE_S  # there is work of others for the rest


def test_the_longest_of_equal_urgency_go_first_and_urgency_before_length() -> None:
    mixed = [*jobs(50, walltime_s=60), *jobs(50, walltime_s=3600), *jobs(1, walltime_s=60, priority=5)]
    units = pack(mixed, site(max_array=1), 10, 40, 64)
    assert units[0].jobs[0].priority == 5
    for unit in units:
        begun = [entry.walltime_s for entry in unit.jobs if not entry.priority]
        assert begun == sorted(begun, reverse=True)
        assert begun.count(3600) == 5  # dealt out, not one bundle after the other


def test_bundles_are_as_wide_as_uses_the_cores_up_where_few_jobs_may_be_queued() -> None:
    units = pack(jobs(1000), site(max_array=1, per_node=64), 10, 400, 64)
    assert len(units) == 10
    assert {unit.cores for unit in units} == {40}  # ten beside each other in each: 400 cores


def test_no_more_bundles_than_may_run_but_jobs_by_themselves_may_wait_in_the_queue() -> None:
    few = site(max_array=1, max_running=8)
    assert sizes(pack(jobs(200), few, 64, None, 64, demand=Demand(running=8))) == [[25]] * 8
    assert len(pack(jobs(200), few, 64, None, 64, demand=Demand(running=3, taken=5 * 4))) == 3
    assert pack(jobs(200), few, 64, None, 64, demand=Demand(running=0)) == []
    assert all(unit.alone for unit in pack(jobs(30), few, 64, None, 64, demand=Demand(running=8)))


def test_while_bundles_are_in_the_queue_the_last_jobs_are_for_them_to_take() -> None:
    units = pack(jobs(3), site(max_array=1), 100, 64, 64, demand=Demand(bundled=True))
    assert [unit.shared for unit in units] == [True] * 3
    assert not any(unit.alone for unit in units)


def test_whole_nodes_are_filled() -> None:
    (unit,) = pack(jobs(6), site(whole=True, max_array=1), 100, 256, 128)
    assert (unit.cores, sizes([unit])) == (128, [[6]])
    units = pack(jobs(500), site(whole=True, max_array=1), 100, 256, 128)
    assert [unit.cores for unit in units] == [128, 128]


def test_a_job_that_nearly_fills_an_allocation_is_not_bundled() -> None:
    units = pack(jobs(50, walltime_s=21600), site(max_array=1, bundle_walltime=21600), 5, 400, 64)
    assert sizes(units) == [[[1]]] * 5 or sizes(units) == [[1]] * 5
    assert all(unit.alone for unit in units)
    units = pack(jobs(50, walltime_s=3600), site(max_array=1, longest=3600), 5, 400, 64)
    assert all(unit.alone for unit in units)


def test_one_that_waits_for_more_cores_is_not_overtaken() -> None:
    first, later = jobs(1, cores=64, priority=5), jobs(20, cores=1)
    assert pack([*first, *later], site(), 100, 32, 64) == []
    units = pack([*first, *later], site(max_array=1), 100, 70, 64)
    assert [unit.jobs[0].cores for unit in units][:2] == [64, 1]


def test_nothing_is_packed_on_this_machine_and_jobs_apart_share_nothing() -> None:
    assert all(unit.alone for unit in pack(jobs(100, cores=1), LOCAL, 8, 8, 8))
    odd = jobs(20)[7].id
    units = pack(jobs(20), site(max_array=1001), 100, 400, 64, {odd})
    assert [unit.alone.id for unit in units if unit.alone] == [odd]


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 4, 8]), st.sampled_from([60, 600, 7200]), st.integers(0, 3)), max_size=80
    ),
    st.integers(0, 30),
    st.one_of(st.none(), st.integers(0, 200)),
    st.booleans(),
    st.integers(1, 40),
    st.integers(1, 50),
)
def test_no_limit_is_ever_passed_and_nobody_is_sent_twice(
    shapes: list[tuple[int, int, int]], room: int, free: int | None, whole: bool, array: int, bundle: int
) -> None:
    waiting = [
        JobEntry(f"gen000/scf/{n}", JobState.PENDING, cores=cores, walltime_s=wall, priority=priority)
        for n, (cores, wall, priority) in enumerate(shapes)
    ]
    chosen = site(whole=whole, per_node=16, longest=7200, max_array=array, bundle=bundle)
    units = pack(waiting, chosen, room, free, 16)
    sent = [entry.id for unit in units for entry in unit.jobs]
    assert len(sent) == len(set(sent))
    assert sum(len(unit.tasks) for unit in units) <= room
    assert free is None or sum(unit.cores * len(unit.tasks) for unit in units) <= free
    for unit in units:
        assert len(unit.tasks) <= array
        assert all(len(task) <= bundle for task in unit.tasks)
        assert unit.walltime_s <= 7200
        assert all(entry.walltime_s <= unit.walltime_s and entry.cores <= unit.cores for entry in unit.jobs)
        assert unit.alone or all(entry.walltime_s + RESERVE_S <= unit.walltime_s for entry in unit.jobs)
    if waiting and room and (free is None or free >= 16):
        assert sent


@pytest.mark.parametrize("held", [True, False])
def test_held_jobs_stay(held: bool) -> None:
    entry = JobEntry("gen000/scf/a", JobState.PENDING, held=held)
    assert bool(pack([entry], site(), 10, 10, 10)) is not held


HERE = Site(name="here", scheduler="local")


def waiting(name: str, priority: int = 0, cores: int = 1, since: float = 0.0, held: bool = False) -> JobEntry:
    return JobEntry(f"g/k/{name}", JobState.PENDING, held, priority, cores, since=since)


def chosen(jobs: list[JobEntry], free: int | None, largest: int, most: int | None = None) -> list[str]:
    units = pack(jobs, HERE, 99 if most is None else most, free, largest)
    return [entry.name for unit in units for entry in unit.jobs]


def test_a_large_job_is_not_overtaken_for_ever() -> None:
    jobs = [waiting("big", priority=2, cores=4), waiting("small", priority=1)]
    assert chosen(jobs, 2, 4) == []
    assert chosen(jobs, 5, 4) == ["big", "small"]


def test_a_job_that_asks_for_more_than_there_is_gets_all_there_is() -> None:
    assert chosen([waiting("huge", cores=64)], 2, 2) == ["huge"]


def test_the_queues_room_is_kept_and_its_cores_are_its_own_business() -> None:
    jobs = [waiting(name) for name in "abcde"]
    assert chosen(jobs, None, 8, 3) == ["a", "b", "c"]
    assert chosen(jobs, 2, 8, 3) == ["a", "b"]
    assert chosen(jobs, None, 8, 0) == []


def test_nobody_starves_behind_a_stream_of_more_urgent_jobs() -> None:
    old = waiting("old", priority=5, since=0.0)
    assert chosen([old, waiting("urgent", priority=20, since=3600.0)], None, 8, 1) == ["urgent"]
    assert chosen([old, waiting("urgent", priority=20, since=6000.0)], None, 8, 1) == ["old"]
