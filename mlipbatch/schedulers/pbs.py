"""PBS by its own commands: qselect says which jobs there are, one qstat says how they are, and nothing is guessed.

Written against OpenPBS 23.06 (whose transcripts are in the tests) and Torque's documentation. A look is two commands:
``qselect -u`` lists the user's jobs by the server's own filter, and ``qstat -f`` is asked for just those and for the known
ones that have left. So the list of ids, which holds no user's text, tells whether the long answer is whole, and neither a
server full of other people's jobs nor two weeks of history are printed at every look.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mlipbatch.config.site import Site
from mlipbatch.core.job import Resources
from mlipbatch.core.state import IN_THE_QUEUE, QueueState
from mlipbatch.schedulers import command, pbs_parse
from mlipbatch.schedulers.base import NoInformation, NotSubmitted, QueueEntry, Refused, Room, Snapshot, UnknownOutcome
from mlipbatch.schedulers.pbs_commands import SUBMIT_LIMIT_S, call, complaint, me
from mlipbatch.schedulers.pbs_options import options
from mlipbatch.schedulers.pbs_query import Queries
from mlipbatch.schedulers.pbs_states import GONE, NO_SERVER, QDEL_OVER, QSUB
from mlipbatch.schedulers.queues import choose, room

OURS = "mb-"  # every token begins so
STAYS = IN_THE_QUEUE | {QueueState.UNKNOWN}


class PbsScheduler:
    """One PBS server, as its site file has it."""

    name = "pbs"
    template = "pbs.sh.j2"

    def __init__(self, site: Site) -> None:
        self.site = site
        self._ask = Queries()

    @property
    def accounting(self) -> bool:
        """Does qselect know of jobs that have left the queue? One that does not answer now may do so later."""
        if self._ask.history is None:
            with suppress(NoInformation):
                self._ask.select(["-N", f"{OURS}none"], past=True)
        return self._ask.history is not False

    def submit(self, script: Path, token: str, resources: Resources, tasks: int = 0) -> str:
        """Hand a script to qsub. All is asked for on the command line, which goes before the script's header."""
        try:
            asked = options(self.site, choose(self.site, resources), resources, self._ask.flavour, tasks)
        except NoInformation as error:
            raise NotSubmitted(str(error)) from error
        words = [word for pair in asked for word in pair]
        done = call(["qsub", "-N", token, *words, script.name], SUBMIT_LIMIT_S, cwd=script.parent)
        if done.code != 0:
            raise _not_submitted(done)
        try:
            return pbs_parse.job_id(done.stdout)
        except ValueError as error:
            raise UnknownOutcome(str(error)) from error

    def snapshot(self, known: dict[str, Path]) -> Snapshot:
        """All live jobs of this user, tasks of arrays one by one, and how those of `known` that are over have ended."""
        arrays = {pbs_parse.array_of(one) for one in known if pbs_parse.ID.fullmatch(one)}
        queue = self._ask.select(["-u", me()], past=False)
        jobs = self._ask.status([*queue, *sorted(arrays - set(queue))], tasks=True)
        live = [entry for entry in jobs.values() if entry.state in STAYS]
        strangers = sum(_counts(entry) and entry.id not in known and not entry.token.startswith(OURS) for entry in live)
        return Snapshot(jobs, _tokens(live), strangers)

    def find(self, token: str) -> list[QueueEntry]:
        """Every job of that name that the server still knows, an array as one."""
        jobs = self._ask.status(self._ask.select(["-u", me(), "-N", token], past=True), tasks=False)
        return pbs_parse.oldest_first(entry for entry in jobs.values() if entry.token == token)

    def cancel(self, scheduler_id: str, token: str = "") -> None:
        """Kill a job, an array, or a task of one; left alone where it has another name, or is over.

        Raises NoInformation where PBS does not answer.
        """
        if not pbs_parse.ID.fullmatch(scheduler_id):
            return
        entry = self._ask.status([scheduler_id], tasks=False).get(scheduler_id)
        if entry is None or entry.state not in STAYS:
            return
        if entry.token == token if token else entry.token.startswith(OURS):
            done = call(["qdel", scheduler_id])
            if done.code not in {0, *GONE, *QDEL_OVER}:
                raise NoInformation(f"qdel: {complaint(done)}")

    def room(self, snapshot: Snapshot) -> Room:
        """What the site's limits leave; how many cores are in use is PBS's business."""
        limits = self.site.limits
        live = [entry for entry in snapshot.jobs.values() if entry.state in IN_THE_QUEUE]
        tasks = {entry.id for entry in live if _counts(entry)}
        counted = tasks if limits.array_tasks_count else {pbs_parse.array_of(one) for one in tasks}
        return room(limits, len(counted), len(tasks))


def _counts(entry: QueueEntry) -> bool:
    """An array's own entry stands beside those of its tasks."""
    return "[]" not in entry.id


def _tokens(live: Iterable[QueueEntry]) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for entry in pbs_parse.oldest_first(live):
        tokens.setdefault(entry.token, pbs_parse.array_of(entry.id))
    return tokens


def _not_submitted(done: command.Completed) -> Exception:
    said = complaint(done)
    if done.code == command.NOT_FOUND:
        return NotSubmitted("qsub is not on the PATH here")
    if NO_SERVER in done.stderr:
        return NotSubmitted(said)
    refusal = QSUB.get(done.code)
    if refusal is None:
        return UnknownOutcome(said)
    sentence = f"{refusal.meaning} ({said})"
    return NotSubmitted(sentence) if refusal.now else Refused(sentence)
