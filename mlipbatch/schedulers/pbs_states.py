"""What PBS means by its words and numbers: tables, with what is said of each row where PBS documents it.

States: the manual page qstat(1B). Exit status of a job and error numbers: OpenPBS's job.h and pbs_error.h, most of them seen with
OpenPBS 23.06; Torque's are those of its Administrator Guide, "Job exit status". A command's exit code is the error number
of the server modulo 256.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mlipbatch.core.state import QueueState


class Flavour(Enum):
    """Which PBS it is: they differ in what they ask for and in what they print."""

    PRO = "OpenPBS or PBS Professional"
    TORQUE = "Torque"


STATES = {
    "B": QueueState.RUNNING,  # job array: at least one subjob has started
    "E": QueueState.RUNNING,  # job is exiting after having run: its processes may still be there
    "H": QueueState.QUEUED,  # job is held
    "Q": QueueState.QUEUED,  # job is queued
    "R": QueueState.RUNNING,  # job is running
    "S": QueueState.RUNNING,  # job is suspended: it keeps its place and goes on
    "T": QueueState.QUEUED,  # job is being moved to a new location
    "U": QueueState.RUNNING,  # job is suspended because its workstation became busy
    "W": QueueState.QUEUED,  # job is waiting for its requested execution time
    "F": QueueState.ENDED,  # job is finished: it ran, failed, or was deleted
    "X": QueueState.ENDED,  # subjob has completed execution or has been deleted
    "C": QueueState.ENDED,  # Torque: job is completed after having run
    "M": QueueState.UNKNOWN,  # job was moved to another server: this one knows no more of it
}

HOPELESS = (  # what the comment of a queued job begins with when the scheduler has given it up
    "can never run",  # "Can Never Run: Insufficient amount of resource": no machine of this cluster is large enough
    "job held, too many failed attempts to run",  # held by the server after 20 starts that failed
    "job array held, too many failed attempts",  # the same for a subjob
)

TERMINATED = "91"  # substate of a finished job that qdel ended, running or not; its Exit_status may be 0 all the same

ENDINGS = {  # Exit_status: below 0 the job was ended, or never begun, by PBS itself; 0 and above are the script's own
    Flavour.PRO: {
        -1: QueueState.NODE_FAILED,  # job exec failed, before files, no retry
        -2: QueueState.NODE_FAILED,  # job exec failed, after files, no retry
        -3: QueueState.NODE_FAILED,  # job exec failed, do retry
        -4: QueueState.NODE_FAILED,  # job aborted on MoM initialization: its node was started anew
        -5: QueueState.NODE_FAILED,  # the same, with a checkpoint that cannot migrate
        -6: QueueState.NODE_FAILED,  # the same, with a checkpoint that can
        -11: QueueState.NODE_FAILED,  # job was rerun
        -14: QueueState.NODE_FAILED,  # job was rerun because a sister node failed
        -16: QueueState.NODE_FAILED,  # a hook rejected the start; requeue
        -18: QueueState.NODE_FAILED,  # a hook asked for the job to be requeued
        -20: QueueState.NODE_FAILED,  # connection to the first node failed
        -26: QueueState.OUT_OF_MEMORY,  # exceeded vmem
        -27: QueueState.OUT_OF_MEMORY,  # exceeded mem
        -28: QueueState.TIMED_OUT,  # exceeded cput
        -29: QueueState.TIMED_OUT,  # exceeded walltime
        -30: QueueState.NODE_FAILED,  # a sister node could not join the job
    },
    Flavour.TORQUE: {
        -1: QueueState.NODE_FAILED,  # job execution failed, before files, no retry
        -2: QueueState.NODE_FAILED,  # job execution failed, after files, no retry
        -3: QueueState.NODE_FAILED,  # job execution failed, do retry
        -4: QueueState.NODE_FAILED,  # job aborted on MOM initialization
        -5: QueueState.NODE_FAILED,  # job aborted on MOM init, chkpt, no migrate
        -6: QueueState.NODE_FAILED,  # job aborted on MOM init, chkpt, ok migrate
        -9: QueueState.NODE_FAILED,  # could not create/open stdout stderr files
        -10: QueueState.OUT_OF_MEMORY,  # job exceeded a memory limit
        -11: QueueState.TIMED_OUT,  # job exceeded a walltime limit
        -12: QueueState.TIMED_OUT,  # job exceeded a CPU time limit
        -13: QueueState.NODE_FAILED,  # could not create the job's cgroups
        -14: QueueState.NODE_FAILED,  # prologue failed
        271: QueueState.CANCELLED,  # 256 + SIGTERM: a running job that was deleted
    },
}


@dataclass(frozen=True)
class Refusal:
    """What qsub's exit code says of a submission that certainly did not happen."""

    now: bool  # it may be taken later
    meaning: str


QSUB = {
    38: Refusal(now=True, meaning="a limit on the number of jobs is reached"),  # 15142
    39: Refusal(now=True, meaning="a limit on what all your jobs together may use is reached"),  # 15143
    198: Refusal(now=True, meaning="the queue holds as many jobs as it may"),  # 15046
    200: Refusal(now=True, meaning="a limit would be exceeded"),  # 15048
    196: Refusal(now=True, meaning="resources are temporarily not available"),  # 15044
    185: Refusal(now=True, meaning="the server has no free connection"),  # 15033
    13: Refusal(now=True, meaning="the server's connection table is full"),  # 15117
    173: Refusal(now=True, meaning="the queue is not enabled"),  # 15021
    212: Refusal(now=True, meaning="the server is shutting down"),  # 15060
    1: Refusal(now=False, meaning="qsub could not use the script or its options"),  # before anything was sent
    2: Refusal(now=False, meaning="qsub does not know an option"),  # before anything was sent
    127: Refusal(now=False, meaning="there is no qsub on this machine"),
    3: Refusal(now=False, meaning="the job array is larger than this server allows"),  # 15107
    4: Refusal(now=False, meaning="a resource is not allowed in select"),  # 15108
    5: Refusal(now=False, meaning="a resource is not allowed for a job"),  # 15109
    32: Refusal(now=False, meaning="a hook of this site refused the job"),  # 15136
    40: Refusal(now=False, meaning="a value is out of range"),  # 15144
    159: Refusal(now=False, meaning="you have no permission"),  # 15007
    166: Refusal(now=False, meaning="a value is not legal"),  # 15014
    170: Refusal(now=False, meaning="there is no such queue"),  # 15018
    174: Refusal(now=False, meaning="you have no access to the queue"),  # 15022
    175: Refusal(now=False, meaning="the server does not know you"),  # 15023
    187: Refusal(now=False, meaning="a resource is not known"),  # 15035
    188: Refusal(now=False, meaning="the job asks for more than the queue allows"),  # 15036
    197: Refusal(now=False, meaning="the group is not valid"),  # 15045
    201: Refusal(now=False, meaning="the account is not valid"),  # 15049
}

GONE = frozenset({35, 153})  # 15139 job has finished (history only), 15001 unknown job id
NO_SERVER = "cannot connect to server"  # on stderr: nothing was sent
QDEL_OVER = frozenset({167, 202})  # 15015 request invalid for state of job, 15050 job already in exit state
NO_HISTORY = "not configured to maintain job history"  # on stderr, with exit code 0 and an empty answer
USAGE = 2  # exit code of a command that does not know one of its options
