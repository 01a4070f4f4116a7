"""What sbatch says when it does not print an id: certainly not taken now, certainly never, or nobody knows."""

from __future__ import annotations

import re
from typing import Literal

Meaning = Literal["later", "never", "unknown"]

# searched in this order in all that sbatch printed to stderr; the first that is found decides
ANSWERS: tuple[tuple[str, Meaning], ...] = (
    # an answer was under way when the connection broke: slurmctld may have the job
    (r"Socket timed out on send/recv operation", "unknown"),
    (r"Zero Bytes were transmitted or received|Message receive failure", "unknown"),
    (r"Unable to contact slurm controller \((?!connect failure)", "unknown"),
    # munge: also said when the *answer* cannot be verified
    (r"Protocol authentication error", "unknown"),
    # limits on how many jobs a user may have: QOSMaxSubmitJobPerUserLimit, AssocMaxSubmitJobLimit, AssocGrpSubmitJobsLimit
    (r"(QOS|Assoc)(Max|Grp)\w*Submit\w*Limit", "later"),
    (r"exceeds? (the )?(submit|job) (job )?limit|too many jobs|submit limit", "later"),
    # MaxJobCount reached: sbatch retries for two minutes by itself, then says this
    (r"temporarily unable to accept job|[Jj]ob queue full|Resource temporarily unavailable", "later"),
    # the state folder's disk, or the user's quota there
    (r"I/O error writing script/environment to file|No space left on device|Disk quota exceeded", "later"),
    # the request was never delivered: sbatch's retries before it were all refusals
    (r"Unable to contact slurm controller \(connect failure\)", "later"),
    (r"Required partition not available|Requested partition configuration not available now", "later"),
    (r"Required node not available|Requested nodes are busy", "later"),
    # the limits of one job: QOSMaxWallDurationPerJobLimit, QOSMaxCpuPerJobLimit, AssocMaxNodePerJobLimit ...
    (r"(QOS|Assoc)Max\w*PerJob\w*", "never"),
    # ESLURM_ACCOUNTING_POLICY of old releases, which do not say whether it is the number of jobs or their size
    (r"Job violates accounting/QOS policy", "later"),
    (r"Invalid account|Invalid partition name|[Ii]nvalid partition specified|Invalid qos|Invalid wckey", "never"),
    (r"Requested time limit is invalid|Requested node configuration is not available", "never"),
    (r"(Memory|CPU count) \w+.* can not be satisfied|Node count specification invalid", "never"),
    (r"More processors requested than permitted|Memory required by task is not available", "never"),
    (r"Invalid job array specification|Invalid feature specification|Invalid generic resource", "never"),
    (r"Invalid node name specified|Invalid license|Invalid reservation|Requested reservation is invalid", "never"),
    (r"not permitted to use this partition|Access/permission denied|Invalid user id", "never"),
    (r"Unable to open file|[Uu]nrecognized option|invalid option|Invalid --|Invalid numeric value", "never"),
    (r"This does not look like a batch script|Batch script contains DOS line breaks|Batch script is empty", "never"),
)


def meaning(stderr: str) -> Meaning:
    """later: it was not taken, try again; never: it was refused for good; unknown: it may be in the queue."""
    return next((verdict for pattern, verdict in ANSWERS if re.search(pattern, stderr)), "unknown")


def sentence(stderr: str) -> str:
    """The last thing that sbatch said, for people."""
    lines = [line.removeprefix("sbatch: error: ").strip() for line in stderr.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines[-2:])) or "it said nothing"
