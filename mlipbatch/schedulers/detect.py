"""Which scheduler this machine submits to, where nobody has said so."""

from __future__ import annotations

import os
import re
import shutil

from mlipbatch.config.resources import resource
from mlipbatch.config.site import LOCAL, Queue, Site
from mlipbatch.config.site_file import load_site
from mlipbatch.schedulers.base import NoInformation
from mlipbatch.schedulers.pbs_commands import flavour
from mlipbatch.schedulers.slurm_commands import call
from mlipbatch.schedulers.slurm_parse import seconds

IN_A_JOB = ("SLURM_JOB_ID", "PBS_JOBID")  # the cores of a job that somebody has are to be used, not more jobs sent
NO_CLUSTER = re.compile(r"establish a configuration source|DNS SRV lookup|Unable to process configuration file")
PARTITIONS = "%P|%a|%l|%c|%m|%D|%G"  # name, up or not, longest time, cores and memory (MB) of a node, nodes, GPUs
FOREVER_S = 30 * 86400  # for a partition without a limit


def detect() -> Site:
    """SLURM where its commands are set up, PBS where qstat says that it is PBS's; else this machine."""
    if any(name in os.environ for name in IN_A_JOB):
        return LOCAL
    if has_slurm():
        return load_site(resource("site_configs", "slurm.yaml"))
    if has_pbs() and resource("site_configs", "pbs.yaml").is_file():
        return load_site(resource("site_configs", "pbs.yaml"))
    return LOCAL


def has_slurm() -> bool:
    """Is there a cluster behind sbatch? One whose controller is down is one too: its jobs do not belong on this machine."""
    if shutil.which("sbatch") is None:
        return False
    done = call(["sinfo", "--version"])
    if done.code != 0 or not done.stdout.startswith("slurm"):
        return False
    return NO_CLUSTER.search(call(["sinfo", "--noheader"]).stderr) is None


def has_pbs() -> bool:
    """Does qstat say that it is PBS's? Grid Engine has one too, but it knows no --version."""
    try:
        flavour()
    except NoInformation:
        return False
    return True


def completed(site: Site) -> Site:
    """A SLURM site whose file names no queues gets them from sinfo; one that sinfo tells nothing of stays as it is."""
    if site.scheduler != "slurm" or site.queues or site.gpu_queues:
        return site
    done = call(["sinfo", "--noheader", f"--format={PARTITIONS}"])
    rows = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == PARTITIONS.count("|")]
    found = [partition(row) for row in sorted(rows, key=lambda row: not row[0].endswith("*")) if row[1] == "up"]
    plain = [queue for queue in found if not queue.gpus_per_node]
    return site.model_copy(update={"queues": plain or found, "gpu_queues": [q for q in found if q.gpus_per_node]})


def _for_jobs(megabytes: int) -> int | None:
    """Memory that jobs may ask for of a node: a site keeps some for the system. 1 MB is what SLURM has where nobody said."""
    return int(0.9 * megabytes) if megabytes > 1 else None


def partition(row: list[str]) -> Queue:
    """One line of sinfo; a ``+`` says that other nodes of it have more."""
    name, _, limit, cores, memory, nodes, gres = row
    gpus = re.search(r"gpu:(?:[^:,()]+:)?(\d+)", gres)
    return Queue(
        name=name.rstrip("*"),
        max_walltime=int(seconds(limit) or FOREVER_S),
        cores_per_node=int(cores.rstrip("+")),
        memory_per_node=_for_jobs(int(memory.rstrip("+"))),
        max_nodes=int(nodes),
        gpus_per_node=int(gpus[1]) if gpus else 0,
    )
