"""Asking PBS: which jobs there are (qselect), and how they are (qstat). An answer that is not whole raises NoInformation.

What OpenPBS 23.06 was seen to do, and what is done about it:

- ``qstat -f -F json ID1 ID2`` prints the first job only, exit code 0. With ``-E`` it asks the server once for all of them and
  prints all (200 jobs in 0.08 s, against 3 s one by one); but ids that the server does not know are left out in silence. So the
  ids that are missing are asked for once more in the short form, which names each of them; what it does not name is not gone.
- Without job history ``-x`` gives an empty answer with exit code 0; a sentence on stderr says so.
- Where ``-E`` or ``-F`` is not known (Torque, old releases) the text form is read.
"""

from __future__ import annotations

from mlipbatch.schedulers import pbs_parse
from mlipbatch.schedulers.base import NoInformation, QueueEntry
from mlipbatch.schedulers.command import Completed
from mlipbatch.schedulers.pbs_commands import call, complaint, flavour
from mlipbatch.schedulers.pbs_states import GONE, NO_HISTORY, USAGE, Flavour

AT_A_TIME = 500  # ids that one qstat is asked for: a command line is not endless


class Queries:
    """What is known of one server: which PBS it is, whether it keeps finished jobs, whether its qstat prints JSON."""

    def __init__(self) -> None:
        self._flavour: Flavour | None = None
        self._json = True
        self.history: bool | None = None  # not known yet

    @property
    def flavour(self) -> Flavour:
        """Which PBS it is, asked once. Raises NoInformation."""
        if self._flavour is None:
            self._flavour = flavour()
            if self._flavour is Flavour.TORQUE:
                self._json = self.history = False  # its -x prints XML; it keeps what is over for keep_completed seconds
        return self._flavour

    def select(self, which: list[str], *, past: bool) -> list[str]:
        """Ids of the jobs that qselect finds; with `past` those that are over too, where the server keeps them."""
        done = call(["qselect", *self._x(past=past), *which])
        if past and self._learnt(done):
            return self.select(which, past=False)
        if done.code != 0 or done.stderr.strip():
            raise NoInformation(f"qselect: {complaint(done)}")
        return pbs_parse.job_ids(done.stdout)

    def status(self, ids: list[str], *, tasks: bool) -> dict[str, QueueEntry]:
        """How these jobs are, with `tasks` those of arrays too; what the server does not know is left out."""
        chunks = [ids[start : start + AT_A_TIME] for start in range(0, len(ids), AT_A_TIME)]
        return {entry.id: entry for chunk in chunks for entry in self._ask(chunk, tasks=tasks)}

    def _ask(self, ids: list[str], *, tasks: bool) -> list[QueueEntry]:
        which = self.flavour
        form = ["-f", "-F", "json", "-E"] if self._json else ["-f"]
        done = call(["qstat", *self._x(past=True), *(["-t"] if tasks else []), *form, *ids])
        if self._learnt(done) or self._no_json_here(done):
            return self._ask(ids, tasks=tasks)
        if done.code not in {0, *GONE}:
            raise NoInformation(f"qstat: {complaint(done)}")
        jobs = pbs_parse.jobs_in_json(done.stdout) if self._json else pbs_parse.jobs_in_text(done.stdout)
        there = {*jobs, *map(pbs_parse.array_of, jobs)}  # Torque prints the tasks of an array, and not the array
        self._check_gone([one for one in ids if one not in there])
        asked = set(ids)
        mine = (one for one in jobs if one in asked or (tasks and pbs_parse.array_of(one) in asked))
        return [pbs_parse.entry(one, jobs[one], which) for one in mine]

    def _check_gone(self, missing: list[str]) -> None:
        """Raises NoInformation unless the server says of each of them that it does not know it."""
        if not missing:
            return
        done = call(["qstat", *self._x(past=True), *missing])
        if done.code not in GONE:
            raise NoInformation(f"qstat left out job {missing[0]}, and then said: {complaint(done)}")
        named = pbs_parse.not_there(done.stderr)
        left_out = [one for one in missing if one not in named]
        if left_out:
            raise NoInformation(f"qstat left out job {left_out[0]}, which the server knows")

    def _x(self, *, past: bool) -> list[str]:
        known_pro = self.flavour is Flavour.PRO
        return ["-x"] if past and known_pro and self.history is not False else []

    def _learnt(self, done: Completed) -> bool:
        """Did the server just say that it keeps no finished jobs? Remembered, one way or the other."""
        off = NO_HISTORY in done.stderr
        if off or (self.history is None and done.code == 0 and self._flavour is Flavour.PRO):
            self.history = not off
        return off

    def _no_json_here(self, done: Completed) -> bool:
        """Did qstat just say that it does not know the options for JSON? Then the text form is used from now on."""
        refused = self._json and done.code == USAGE and "usage" in done.stderr.lower()
        self._json = self._json and not refused
        return refused
