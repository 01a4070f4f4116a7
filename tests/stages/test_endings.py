"""What the scheduler's word on an end means for a label: real outputs of pw.x, cut where it cut them, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch.core import frames
from mlipbatch.core.endings import excluded, machine, outside
from mlipbatch.core.job import Again, Ending, GiveUp, Most, Resources
from mlipbatch.core.state import QueueState
from mlipbatch.engine.campaign import Campaign
from mlipbatch.engine.factory import FACTORY
from mlipbatch.store import jobfolder
from mlipbatch.store.durable import write_frames
from mlipbatch.store.project import Project
from tests.engine.conftest import project
from tests.engine.fake import FakeScheduler
from tests.engine.fake_parts import Program, VirtualClock
from tests.engine.virtual import PATIENCE, Virtual

__all__ = ["project"]

CASES = Path(__file__).parents[1] / "data" / "qe_cases"
Q = QueueState
CONVERGING = (CASES / "slosh_AlMg20" / "b01.pwo").read_text().split("End of self-consistent calculation")[0]
HOPELESS = (CASES / "spin_nomag" / "v_b07.pwo").read_text().split("End of self-consistent calculation")[0]


def al4() -> Atoms:
    atoms = bulk("Al", a=4.0, cubic=True)
    atoms.info.update({frames.NAME: "al4", frames.CONFIG_TYPE: "sqs_rattle_small", frames.ROOT: "al"})
    return atoms


class Labelling(Virtual):
    """One label on the fake."""

    def start(self, lease: object = None) -> Campaign:
        self.campaign = Campaign(self.project, self.fake, 64, FACTORY, clock=self.clock, patience=PATIENCE)
        return self.campaign


def label(project: Project, *endings: Program) -> Labelling:
    """A label whose attempts end like this, one after the other; the last of them again and again."""
    write_frames(project.candidates(0, "selected"), [al4()])

    def program(folder: Path) -> Program:
        return endings[min(int(folder.name.split("-")[1]), len(endings)) - 1]

    return Labelling(project, FakeScheduler(VirtualClock(), program=program))


def rungs(virtual: Virtual, number: int) -> list[tuple[str, int, int | None]]:
    """Rung, wall time (s) and memory (MB) of the first attempts."""
    folder = virtual.folder("al4", "scf")
    virtual.run(10 * 86400, lambda: len(virtual.fake.book) >= number)
    asked = {job.folder.name: job.resources for job in virtual.fake.book}
    found = []
    for attempt in (f"attempt-{n}" for n in range(1, number + 1)):
        rung = str(jobfolder.read_record(folder / attempt / "attempt.yaml")["rung"])
        found.append((rung, asked[attempt].walltime_s, asked[attempt].memory_mb))
    return found


def killed(output: str, how: QueueState) -> Program:
    return Program(60.0, exit_code=None, ending=how, files={"pw.out": output})


def test_more_time_for_one_that_was_converging_when_its_time_was_up(project: Project) -> None:
    virtual = label(project, killed(CONVERGING, Q.TIMED_OUT), killed(HOPELESS, Q.TIMED_OUT))
    (_, first, _), (_, second, _), (third, longer, _) = rungs(virtual, 3)
    assert second == 2 * first
    assert (third, longer) == ("beta0.3", second)  # the next rung for one that was not, the job's time kept


def test_more_memory_and_the_same_rung(project: Project) -> None:
    virtual = label(project, killed(CONVERGING, Q.OUT_OF_MEMORY))
    found = rungs(virtual, 3)
    cores = jobfolder.read_spec(virtual.folder("al4", "scf")).resources.cores
    assert [(rung, memory) for rung, _, memory in found] == [
        ("first", None),
        ("first", 4000 * cores),
        ("first", 8000 * cores),
    ]


def test_a_failed_node_leaves_the_ladder_untouched(project: Project) -> None:
    spoiled = killed(CONVERGING, Q.NODE_FAILED)
    virtual = label(project, spoiled, spoiled, killed(HOPELESS, Q.TIMED_OUT))
    assert [rung for rung, *_ in rungs(virtual, 4)] == ["first", "first", "first", "beta0.3"]


NODE, PREEMPTED = Ending(None, Q.NODE_FAILED, node="n1"), Ending(143, Q.PREEMPTED, node="n1")
SPOILED, CLIMBED = {"spoiled": True}, {"name": "scf"}


@pytest.mark.parametrize(
    ("ending", "before", "expected"),
    [
        (Ending(0, Q.NODE_FAILED), [], None),  # its own word: it ended well
        (NODE, [], Again),
        (NODE, [SPOILED] * 2, Again),
        (NODE, [SPOILED] * 3, GiveUp),
        (NODE, [SPOILED, SPOILED, CLIMBED, SPOILED], Again),  # not in a row
        (PREEMPTED, [SPOILED] * 19, Again),
        (PREEMPTED, [SPOILED] * 20, GiveUp),
        (Ending(None, silent=True), [], Again),
        (Ending(None, Q.CANCELLED), [], GiveUp),
        (Ending(None), [], Again),
        (Ending(137, Q.OUT_OF_MEMORY), [], None),
        (Ending(143, Q.TIMED_OUT), [], None),
        (Ending(1), [], None),
    ],
)
def test_what_says_nothing_of_the_job(ending: Ending, before: list[dict[str, object]], expected: type | None) -> None:
    verdict = outside(ending, before, vanished=True)
    assert (verdict is None) if expected is None else isinstance(verdict, expected)


def test_a_node_is_left_out_after_two_deaths_on_it() -> None:
    assert machine(NODE)
    assert not machine(PREEMPTED)
    died, elsewhere = {"machine": True, "node": "n1"}, {"machine": True, "node": "n2"}
    assert excluded([died, elsewhere, {"node": "n2"}]) == ()
    assert excluded([died, elsewhere, died]) == ("n1",)


@pytest.mark.parametrize(
    ("asked", "most", "got"),
    [
        (Resources(2, 100), Most(), (200, 8000)),
        (Resources(2, 100, memory_mb=500), Most(), (200, 1000)),
        (Resources(2, 100), Most(150, 6000), (150, 6000)),
        (Resources(2, 100), Most(1000, 9000), (200, 8000)),
    ],
)
def test_twice_of_it_as_far_as_the_site_has_it(asked: Resources, most: Most, got: tuple[int, int]) -> None:
    grown = asked.grown(most, walltime=2, memory=2)
    assert (grown.walltime_s, grown.memory_mb) == got
    assert asked.grown(Most()) == asked
