"""Allocations that take from each other's lists: the script itself, and the simulator that plays it, on the same scenes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mlipbatch.config.site import LOCAL, Limits, Queue, Site
from mlipbatch.core.job import AttemptPlan, Resources
from mlipbatch.engine.simulate import batch as simulated
from mlipbatch.engine.simulate.clock import Clock
from mlipbatch.engine.simulate.script import Programs
from mlipbatch.engine.simulate.task import Task
from mlipbatch.engine.simulate.world import Mishaps
from mlipbatch.schedulers import batch
from mlipbatch.schedulers.batch import Member
from mlipbatch.schedulers.render import render

from .benches import alive

SITE = Site(name="s", scheduler="slurm", queues=[Queue(max_walltime=86400, cores_per_node=8)], limits=Limits())


class Scene:
    """A project with batches of one kind."""

    def __init__(self, root: Path) -> None:
        self.root, self.private = root, root / ".mlipbatch"
        self.offers = self.private / "offers" / "kind"
        self.seconds: dict[str, float] = {}  # of the simulated programs, by job
        (self.private / "inbox").mkdir(parents=True)

    def job(self, name: str, command: str = "true", walltime_s: int = 50, cores: int = 1) -> Member:
        folder = self.root / "jobs" / "gen000" / "scf" / name / "attempt-1"
        folder.mkdir(parents=True)
        plan = AttemptPlan("base", "test", f"echo x >>ran; {command}", resources=Resources(cores, walltime_s))
        text = render(
            "slurm.sh.j2", job=f"gen000/scf/{name}", attempt=1, token=f"mb-{name}", folder=folder,
            inbox=self.private / "inbox", plan=plan, site=LOCAL,
        )  # fmt: skip
        (folder / "job.sh").write_text(text)
        (folder / "submit.yaml").write_text(f"token: mb-{name}\n")
        self.seconds[f"gen000/scf/{name}"] = 1.0
        return Member(walltime_s, cores, str(folder.relative_to(self.root)))

    def batch(
        self, token: str, members: list[Member], walltime_s: int = 100, cores: int = 1, offered: bool = True
    ) -> Path:
        """As the daemon leaves it when the scheduler has it."""
        folder = self.private / "batches" / token
        folder.mkdir(parents=True)
        texts = batch.files(
            "slurm.sh.j2", SITE, token=token, folder=folder, project=self.root, inbox=self.private / "inbox",
            tasks=[members], resources=Resources(cores, walltime_s), reserve_s=0, offers=self.offers,
        )  # fmt: skip
        for name, text in texts.items():
            (folder / name).write_text(text)
        if offered:
            self.offers.mkdir(parents=True, exist_ok=True)
            os.link(folder / "members-0", self.offers / f"{token}-0")
        return folder

    def start(self, token: str, scheduler_id: str, **environment: str) -> subprocess.Popen[bytes]:
        script = self.private / "batches" / token / "batch.sh"
        return subprocess.Popen(["bash", str(script)], env={**os.environ, "SLURM_JOB_ID": scheduler_id, **environment})

    def run(self, token: str, scheduler_id: str, **environment: str) -> None:
        assert self.start(token, scheduler_id, **environment).wait(60) == 0

    def simulate(self, token: str, scheduler_id: str) -> None:
        """The same by the simulator, to its end."""
        clock, folder = Clock(), self.private / "batches" / token
        programs = Programs(clock, Mishaps(), 0, lambda job: self.seconds[job])
        resources = (folder / "batch.sh").read_text().split(" cores for ")
        cores, walltime_s = int(resources[0].split()[-1]), float(resources[1].split()[0])
        task = Task(scheduler_id, token, "q", cores, walltime_s, lambda _: [])
        (process,) = simulated.start(programs, folder, 0, task)
        for pause in process:
            clock.now += pause

    def folder(self, member: Member) -> Path:
        return self.root / member.attempt

    def claimed_by(self, member: Member) -> str:
        path = self.folder(member) / "claim"
        return path.read_text().split()[1] if path.exists() else ""

    def runs(self, *members: Member) -> list[int]:
        paths = [self.folder(member) / "ran" for member in members]
        return [len(path.read_text().split()) if path.exists() else 0 for path in paths]

    def offered(self) -> list[str]:
        return sorted(path.name for path in self.offers.iterdir())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "it's a project")


def test_who_is_done_takes_what_waits_elsewhere_and_it_runs_once(scene: Scene) -> None:
    own, others = [scene.job("own")], [scene.job(f"other{n}") for n in range(4)]
    scene.batch("mb-a", own)
    scene.batch("mb-b", others)
    scene.run("mb-a", "7")
    assert [scene.claimed_by(member) for member in own + others] == ["7"] * 5
    assert [(scene.folder(member) / "exit").read_text() for member in others] == ["0\n"] * 4
    assert [(scene.folder(member) / "scheduler.exit").read_text() for member in others] == ["0\n"] * 4
    scene.run("mb-b", "8")
    assert scene.runs(*own, *others) == [1] * 5
    assert scene.offered() == []  # nobody need read these lists again


@pytest.mark.parametrize("play", [Scene.run, Scene.simulate], ids=["script", "simulator"])
def test_only_what_fits_is_taken_and_what_does_not_stays_offered(scene: Scene, play: object) -> None:
    others = [scene.job("long", walltime_s=200), scene.job("wide", cores=2), scene.job("fits"), scene.job("second")]
    revoked = scene.job("revoked")
    (scene.folder(revoked) / "claim").write_text("revoked over\n")
    scene.batch("mb-a", [scene.job("own")])
    scene.batch("mb-b", [*others, revoked])
    play(scene, "mb-a", "7")  # type: ignore[operator]
    assert [scene.claimed_by(member) for member in others] == ["", "", "7", "7"]
    assert scene.claimed_by(revoked) == "over"
    assert scene.offered() == ["mb-b-0"]
    taken = (scene.private / "batches" / "mb-a" / "taken-0").read_text().split("\n")
    assert [line.split("\t")[-1] for line in taken] == [others[2].attempt, others[3].attempt, ""]


@pytest.mark.parametrize("play", [Scene.run, Scene.simulate], ids=["script", "simulator"])
def test_the_lists_after_ones_own_come_first(scene: Scene, play: object) -> None:
    members = {token: scene.job(token, walltime_s=50) for token in ("mb-a", "mb-b", "mb-c")}
    for token, member in members.items():
        scene.batch(token, [member])
    play(scene, "mb-b", "7")  # type: ignore[operator]
    taken = (scene.private / "batches" / "mb-b" / "taken-0").read_text().splitlines()
    assert [line.split("\t")[-1] for line in taken] == [members["mb-c"].attempt, members["mb-a"].attempt]


def test_one_that_starts_offers_its_list_itself_where_the_daemon_could_not(scene: Scene) -> None:
    gate = scene.root / "gate"
    scene.batch(
        "mb-a", [scene.job("own", f'while [ ! -e "{gate}" ]; do sleep 0.05; done'), scene.job("more")], offered=False
    )
    running = scene.start("mb-a", "7")
    while not (scene.offers / "mb-a-0").exists():
        time.sleep(0.02)
    scene.batch("mb-b", [scene.job("b")])
    scene.run("mb-b", "8")
    gate.touch()
    assert running.wait(30) == 0
    assert (scene.root / "jobs/gen000/scf/more/attempt-1/claim").read_text().split()[1] == "8"


def test_a_node_on_which_two_in_a_row_go_wrong_takes_nothing(scene: Scene) -> None:
    bad = [scene.job("bad1", "(exit 3)"), scene.job("bad2", "(exit 3)")]
    other = scene.job("other")
    scene.batch("mb-a", bad)
    scene.batch("mb-b", [other])
    scene.run("mb-a", "7")
    assert scene.claimed_by(other) == ""
    assert "mb-b-0" in scene.offered()


def test_many_that_take_from_each_other_at_the_same_time_run_each_once(scene: Scene) -> None:
    members = [[scene.job(f"j{a}-{n}", "sleep 0.0$((RANDOM % 10))") for n in range(8)] for a in range(4)]
    for number, own in enumerate(members):
        scene.batch(f"mb-{number}", own[: 1 if number else 8] + (own[1:] if number == 1 else []), cores=2)
    started = [scene.start(f"mb-{number}", str(10 + number)) for number in range(4)]
    assert [process.wait(60) for process in started] == [0] * 4
    assert set(scene.runs(*members[0], *members[1], members[2][0], members[3][0])) == {1}


def test_requeued_it_goes_on_with_what_it_had_taken(scene: Scene) -> None:
    other = scene.job("other", '[ "$start" = 1 ] || sleep 60')
    scene.batch("mb-a", [scene.job("own")])
    scene.batch("mb-b", [other])
    first = scene.start("mb-a", "7")
    while scene.runs(other) != [1]:  # it is killed in its program, and not before
        time.sleep(0.02)
    for process in (first.pid, int((scene.folder(other) / "started").read_text().split()[1])):
        os.kill(process, signal.SIGKILL)
    assert first.wait(20) != 0
    scene.run("mb-b", "8")  # its own batch finds it claimed, and leaves it
    assert scene.runs(other) == [1]
    scene.run("mb-a", "7", SLURM_RESTART_COUNT="1")
    assert scene.runs(other) == [2]
    assert (scene.folder(other) / "exit").read_text() == "0\n"


@pytest.mark.parametrize("mark", ["killed", "revoked"])
def test_a_member_that_the_daemon_gives_up_ends_alone(scene: Scene, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "LOOK_S", 1)
    silent = scene.job("silent", "sleep 60 & echo $! > child; wait")
    beside, after = scene.job("beside", "sleep 3"), scene.job("after")
    scene.batch("mb-a", [scene.job("own"), beside], cores=2)
    scene.batch("mb-b", [silent, after])
    running = scene.start("mb-a", "7")
    while not (scene.folder(silent) / "child").exists():
        time.sleep(0.02)
    (scene.folder(silent) / mark).write_text("silent\n")
    assert running.wait(40) == 0
    assert not alive((scene.folder(silent) / "child").read_text())
    assert [(scene.folder(member) / "exit").read_text() for member in (silent, beside, after)] == [
        "143\n",
        "0\n",
        "0\n",
    ]


def test_where_bash_cannot_wait_for_the_first_it_looks_every_second(scene: Scene) -> None:
    scene.batch("mb-a", [scene.job("a", "sleep 0.5"), scene.job("b")])
    script = scene.private / "batches" / "mb-a" / "batch.sh"
    assert "-ge 403" in script.read_text()  # bash 4.2 has no `wait -n`
    script.write_text(script.read_text().replace("-ge 403", "-ge 9999"))
    scene.run("mb-a", "7")
    assert (scene.root / "jobs/gen000/scf/b/attempt-1/exit").read_text() == "0\n"
