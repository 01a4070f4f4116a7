"""What a simulated cluster is like: its size, its waits and its mishaps. All of it numbers; chance comes from `seed`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Waits:
    """How long a job waits in the queue before it may start, even on an empty machine: log-normal."""

    median_s: float = 0.0
    sigma: float = 1.0  # of its logarithm: 1 means that one in six waits 2.7 times the median or longer


@dataclass(frozen=True)
class Others:
    """Jobs of other users, first come first served among ours. They come as a Poisson process."""

    per_hour: float = 0.0
    cores: int = 1
    mean_s: float = 3600.0  # length; exponential


@dataclass(frozen=True)
class Mishaps:
    """Chances that one run of a program goes wrong; what is left of 1 is a run that ends well."""

    node_fails: float = 0.0  # its node goes down, with all that runs there
    preempted: float = 0.0
    out_of_memory: float = 0.0
    hangs: float = 0.0  # runs on until its wall time is up
    fails: float = 0.0  # exit code 1


@dataclass(frozen=True)
class Answers:
    """Chances of what becomes of one submission, and of one question; what is left of 1 is a clean answer."""

    rejected: float = 0.0  # "slurm temporarily unable to accept job"
    lost: float = 0.0  # taken, but "Socket timed out on send/recv operation"
    dropped: float = 0.0  # the same message, and not taken
    late: float = 0.0  # the same message, and taken `late_s` afterwards
    late_s: float = 600.0
    query_fails: float = 0.0


@dataclass(frozen=True)
class World:
    """A simulated cluster."""

    nodes: int = 1  # of each of the site's queues
    seed: int = 0
    turnover: float = 4.0  # jobs that start in a second: 1 to 4 were measured with SLURM
    submit_s: float = 0.02  # that one sbatch takes
    waits: Waits = field(default_factory=Waits)
    others: Others = field(default_factory=Others)
    mishaps: Mishaps = field(default_factory=Mishaps)
    answers: Answers = field(default_factory=Answers)
    outages: tuple[tuple[float, float], ...] = ()  # (begin, end), s: nothing answers, nothing starts; what runs goes on
    strangers: int = 0  # the user's jobs that are none of ours: they count against the limits
    requeue: bool = True  # a preempted job, and one whose node failed, starts again under its id
    requeue_s: float = 120.0  # after so long
    repair_s: float = 1800.0  # until a node that failed comes back
    remembered_s: float = 300.0  # MinJobAge: an ended job is known for so long without accounting
    accounting: bool = True

    def silent(self, now: float) -> bool:
        """Is there an outage at this time?"""
        return any(begin <= now < end for begin, end in self.outages)
