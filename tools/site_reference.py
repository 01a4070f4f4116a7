"""Writes docs/sites.md from the models in mlipbatch/config/site.py and the files of site_configs/. `make docs` runs it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from mlipbatch.config.site import Site
from mlipbatch.config.site_file import load_site

ROOT = Path(__file__).resolve().parent.parent
table = runpy.run_path(str(Path(__file__).with_name("input_reference.py")))["_table"]
PAGE = ROOT / "docs" / "sites.md"
GENERIC = ("local", "slurm", "pbs")
HEAD = """\
# Your cluster: site files

<!-- written by `make docs` from mlipbatch/config/site.py, site_configs/ and tools/site_reference.py -->

A site file tells what mlipbatch has to know of one cluster: its scheduler, the partitions or queues with their limits, how
many jobs you may have, who pays, and how a program is started there. Without one mlipbatch looks at the machine: where
`sinfo` answers it takes `slurm.yaml`, where `qstat --version` says that it is PBS `pbs.yaml`, and else the local machine.

1. Copy the file of your machine, or `slurm.yaml` or `pbs.yaml`, from `site_configs/` to `~/.config/mlipbatch/site.yaml`.
   Then it counts for all your projects. Or name one in the input: `resources: {site: lumi}`, or the path of a file.
2. Set `account`, and what else the comments ask for. Numbers marked "check" could not be found on a public page.
3. `mlipbatch doctor` says what is wrong with it.

Unknown keys and values outside the limits are refused with `FILE:LINE:COLUMN`. A job is sent to the first queue in the list
that takes it (wall time, cores, memory, GPUs); one that fits none is refused with the reasons before anything is sent.
Everything is asked for on the command line of `sbatch` or `qsub`; the header of `job.sh` repeats it for people, and holds the
`header` lines of the site, which the scheduler reads too.

## What comes with mlipbatch

Facts change: look at the page before you rely on a number.

"""
KEYS = "\n## Every key\n\n"
PBS = """
## PBS

- Jobs begin in a login shell (`-S /bin/bash`) and inherit nothing of the shell that the daemon was started from: name modules
  and variables in the file.
- Cores are asked for as `-l select=NODES:ncpus=..:mpiprocs=..`, the same number on each node, with `place=scatter` on several
  nodes and `:excl` where `whole_nodes` is true; memory in MB on each node. Torque is asked `-l nodes=..:ppn=..`; which of the
  two it is, `qstat --version` tells.
- `account` becomes `-A`. Where a group or a project is wanted, write it as a header line, `#PBS -W group_list=my_group` or
  `#PBS -P my_project`.
- Jobs are sent with `-r y`: after a preemption or the loss of a node PBS starts them again, and the script knows its own
  claim.
- What a job prints is in `job.log` when it is over: PBS delivers it then. Nodes to be avoided cannot be named.
- A look at the queue is `qselect -u` and one `qstat -E -x -t -f -F json` for your jobs alone, however full the server is.
"""


def page() -> str:
    """The whole page."""
    return HEAD + _files() + KEYS + _keys() + PBS


def _files() -> str:
    rows = ["| file | machine | scheduler | partitions or queues | source |", "|---|---|---|---|---|"]
    paths = sorted((ROOT / "site_configs").glob("*.yaml"), key=lambda path: (path.stem not in GENERIC, path.stem))
    return "\n".join([*rows, *(_row(path.name, load_site(path)) for path in paths)]) + "\n"


def _row(file: str, site: Site) -> str:
    names = dict.fromkeys(queue.name or "(by QOS)" for queue in [*site.queues, *site.gpu_queues])
    return f"| `{file}` | {site.name} | {site.scheduler} | {', '.join(names) or '-'} | {site.source} |"


def _keys() -> str:
    schema = Site.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    lists = ("queues", "gpu_queues")
    top = {name: field for name, field in schema["properties"].items() if name not in lists}
    parts = [table(top, "", definitions), "Each entry of `queues` (and of `gpu_queues`, for jobs that want a GPU):\n"]
    return "\n".join([*parts, table(definitions["Queue"]["properties"], "", definitions)])


if __name__ == "__main__":
    PAGE.write_text(page())
