"""batch.sh by itself, with members that are small scripts: order, cores, time left, markers, its own cost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mlipbatch.config.site import LOCAL, Limits, Queue, Site
from mlipbatch.core.job import AttemptPlan, Resources
from mlipbatch.schedulers import batch
from mlipbatch.schedulers.batch import Member, task_id
from mlipbatch.schedulers.render import render

from .benches import alive

TOKEN = "mb-batch"
SITE = Site(name="s", scheduler="slurm", queues=[Queue(max_walltime=86400, cores_per_node=8)], limits=Limits())


class Made:
    """A batch in a project's folder."""

    def __init__(self, root: Path, cores: int = 2, walltime_s: int = 100, reserve_s: int = 0) -> None:
        self.root, self.members = root, []  # type: tuple[Path, list[Member]]
        self.resources, self.reserve_s = Resources(cores, walltime_s), reserve_s
        (root / "inbox").mkdir(parents=True)

    def add(self, command: str, walltime_s: int = 50, cores: int = 1, token: str = "") -> Path:
        name = f"job{len(self.members)}"
        folder = self.root / name / "attempt-1"
        folder.mkdir(parents=True)
        plan = AttemptPlan("base", "test", command, resources=Resources(cores, walltime_s))
        text = render(
            "slurm.sh.j2", job=f"gen000/scf/{name}", attempt=1, token=token or f"mb-{name}", folder=folder,
            inbox=self.root / "inbox", plan=plan, site=LOCAL,
        )  # fmt: skip
        (folder / "job.sh").write_text(text)
        self.members.append(Member(walltime_s, cores, f"{name}/attempt-1"))
        return folder

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        folder = self.root / "batch"
        folder.mkdir(exist_ok=True)
        texts = batch.files(
            "slurm.sh.j2", SITE, token=TOKEN, folder=folder, project=self.root, inbox=self.root / "inbox",
            tasks=[self.members], resources=self.resources, reserve_s=self.reserve_s,
        )  # fmt: skip
        for name, text in texts.items():
            (folder / name).write_text(text)
        return subprocess.Popen(["bash", str(folder / "batch.sh")], env={**os.environ, **environment})

    def run(self, **environment: str) -> int:
        return self.start(**environment).wait(60)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path / "it's a $project")


def exits(made: Made) -> list[str]:
    paths = [made.root / member.attempt / "exit" for member in made.members]
    return [path.read_text().strip() if path.exists() else "" for path in paths]


def test_members_run_in_order_as_many_beside_each_other_as_there_are_cores(made: Made) -> None:
    order = made.root / "order"
    for number in range(4):
        made.add(f'echo begin{number} >> "{order}"; sleep 0.3; echo end{number} >> "{order}"'.replace("$", "\\$"))
    made.add(f'echo wide >> "{order}"'.replace("$", "\\$"), cores=2)
    assert made.run() == 0
    assert exits(made) == ["0"] * 5
    lines = order.read_text().split()
    assert set(lines[:2]) == {"begin0", "begin1"}
    assert lines[-1] == "wide"
    assert lines.index("begin2") > min(lines.index("end0"), lines.index("end1"))


def test_each_has_its_own_limit_and_its_end_is_told(made: Made) -> None:
    slow = made.add("sleep 60 & echo $! > child; wait", walltime_s=3)
    killed = made.add("kill -KILL $$")
    good, bad = made.add("true"), made.add("(exit 3)")
    assert made.run() == 0
    assert exits(made) == ["143", "137", "0", "3"]
    ended = [(folder / "scheduler.exit").read_text().strip() for folder in (slow, killed, good, bad)]
    assert ended == ["124", "137", "0", "3"]
    assert not alive((slow / "child").read_text())
    assert (made.root / "inbox" / "mb-job1.exit").exists()  # it was killed, and could not say so itself


def test_one_for_which_no_time_is_left_stays_unbegun_and_a_shorter_one_goes(made: Made) -> None:
    made.resources = Resources(1, 10)
    made.add("sleep 2.2", walltime_s=8)
    long = made.add("true", walltime_s=9)
    made.add("true", walltime_s=5)
    assert made.run() == 0
    assert exits(made) == ["0", "", "0"]
    assert not (long / "claim").exists()


def test_who_was_revoked_or_is_over_is_passed_by(made: Made) -> None:
    revoked, over = made.add("true"), made.add("touch again")
    (revoked / "revoked").touch()
    (over / "exit").write_text("0\n")
    made.add("true")
    assert made.run() == 0
    assert exits(made) == ["", "0", "0"]
    assert not (over / "again").exists()


def test_requeued_it_repeats_what_it_had_not_finished(made: Made) -> None:
    made.add("echo x >> ran")
    waiting = made.add('echo x >> ran; [ "$start" = 1 ] || sleep 60')
    first = made.start(SLURM_JOB_ID="7")
    while not (waiting / "ran").exists():
        time.sleep(0.02)
    for process in (first.pid, int((waiting / "started").read_text().split()[1])):
        os.kill(process, signal.SIGKILL)
    assert first.wait(120) != 0
    assert made.run(SLURM_JOB_ID="7", SLURM_RESTART_COUNT="1") == 0
    assert exits(made) == ["0", "0"]
    assert [(made.root / m.attempt / "ran").read_text() for m in made.members] == ["x\n", "x\nx\n"]
    assert made.run(SLURM_JOB_ID="8") == 0  # sent twice: nothing runs again
    assert (waiting / "ran").read_text() == "x\nx\n"


@pytest.mark.engines
def test_its_own_cost_is_a_few_milliseconds_a_member(made: Made, tmp_path: Path) -> None:
    """Against the same scripts by a bare loop, in processor time: that of waiting and of a busy machine does not count."""
    made.resources = Resources(1, 1000)
    for _ in range(100):
        made.add("true")
    bare = Made(tmp_path / "bare", cores=1)
    shutil.copytree(made.root, bare.root, dirs_exist_ok=True)
    for script in bare.root.glob("job*/*/job.sh"):
        script.write_text(script.read_text().replace("it'\"'\"'s a $project", "bare"))
    before = os.times()
    assert made.run() == 0
    between = os.times()
    subprocess.run(["bash", "-c", 'for f in job*/attempt-1; do bash "$f/job.sh"; done'], cwd=bare.root, check=True)
    after = os.times()
    ours = between.children_user + between.children_system - before.children_user - before.children_system
    loop = after.children_user + after.children_system - between.children_user - between.children_system
    assert exits(made) == ["0"] * 100
    print(f"{(ours - loop) * 10:.2f} ms a member, of {ours * 10:.2f} ms in all")
    assert (ours - loop) / 100 < 0.01


def test_ids_of_tasks() -> None:
    assert task_id("1234", 7, 9) == "1234_7"
    assert task_id("11[].vm", 3, 4) == "11[3].vm"
    assert task_id("1234", 0, 1) == "1234"


def test_signals_that_come_in_a_row_do_not_hit_what_writes_the_exit_marker(made: Made) -> None:
    """`timeout` signals its child and then its group; what is run for the marker must not die of the second."""
    for number in range(8):
        folder = made.add("touch running; sleep 60", token=f"mb-row{number}")
        process = subprocess.Popen(["bash", str(folder / "job.sh")], start_new_session=True)
        while not (folder / "running").exists():
            time.sleep(0.01)
        while process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            time.sleep(0.001)
        assert (folder / "exit").read_text() == "143\n"
