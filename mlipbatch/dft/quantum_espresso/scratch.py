"""Where pw.x writes: a folder of the job's scratch where the site has one, seen as `out` from the attempt's folder.

What a later attempt can start from, the charge density, is brought back to the attempt's folder when pw.x has ended, since the
scratch goes with the job and the next attempt may run on another node. That loses nothing: with disk_io='low' pw.x writes the
density only when it stops by itself, and a run that is killed leaves none anywhere. A run that succeeded needs none, unless its
electrons were hotter than the dataset's: from that density the label is brought back. A job on several nodes writes to the
shared disk, as all its ranks must see one `out`.
"""

from __future__ import annotations

from mlipbatch.dft.quantum_espresso.layout import DENSITY, SAVE

REASON = (
    "./out: a link into the job's scratch where the site has one and the job has one node; else the attempt's folder"
)

PLACE = """\
nodes=$(sort -u "${PBS_NODEFILE:-/dev/null}" 2>/dev/null | wc -l)
if [ -n "${MLIPBATCH_SCRATCH:-}" ] && [ "${SLURM_JOB_NUM_NODES:-1}" = 1 ] && [ "$nodes" -le 1 ]; then
  rm -rf out && mkdir -p "$MLIPBATCH_SCRATCH/out" && ln -s "$MLIPBATCH_SCRATCH/out" out
fi"""


def run(program: str, *, keep_density: bool) -> str:
    """Bash that runs `program` and leaves no link behind; its exit status is the program's."""
    files = " ".join(f"{SAVE.replace('out/', '.out/', 1)}/{pattern}" for pattern in DENSITY)
    wanted = "true" if keep_density else '[ "$status" -ne 0 ]'
    return f"""\
{program}
status=$?
if [ -L out ]; then
  mv -T out .out
  mkdir -p {SAVE}
  if {wanted}; then for file in {files}; do if [ -e "$file" ]; then cp -p "$file" {SAVE}/; fi; done; fi
  rm -rf "$(readlink .out)" .out
fi
(exit "$status")"""
