"""One atom through pw.x: does it really run here?"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from mlipbatch.config.errors import InputError
from mlipbatch.config.pseudopotentials import available, check_files, load_table
from mlipbatch.config.table_file import Table
from mlipbatch.schedulers.command import run
from mlipbatch.stages.doctor.finding import Finding
from mlipbatch.stages.doctor.programs import which
from mlipbatch.stages.tables import present

LIMIT_S = 120.0
EDGE = 4.0  # A, of the cubic cell

INPUT = """\
&control
  calculation='scf', prefix='trial', outdir='.', pseudo_dir='{folder}', tprnfor=.true., tstress=.true., disk_io='none'
/
&system
  ibrav=0, nat=1, ntyp=1, ecutwfc={ecutwfc}, ecutrho={ecutrho}, occupations='smearing', smearing='mv', degauss=0.02
/
&electrons
/
ATOMIC_SPECIES
{element} 1.0 {file}
ATOMIC_POSITIONS crystal
{element} 0.0 0.0 0.0
K_POINTS gamma
CELL_PARAMETERS angstrom
{edge} 0 0
0 {edge} 0
0 0 {edge}
"""


def run_scf() -> Finding:
    """Run pw.x on one atom of the first table that is usable, in a folder that is removed."""
    finding = Finding("programs", "pw.x trial", "one SCF of one atom", found=False, necessary=True)
    program, table = which("pw.x"), _usable_table()
    if program is None or table is None:
        return replace(finding, remedy="install pw.x and a table of pseudopotentials first")
    with tempfile.TemporaryDirectory(prefix="mlipbatch-doctor-") as folder:
        Path(folder, "pw.in").write_text(_input(table))
        done = run([program, "-in", "pw.in"], timeout=LIMIT_S, cwd=Path(folder), environment={"OMP_NUM_THREADS": "1"})
    if done.code == 0 and "convergence has been achieved" in done.stdout and "JOB DONE" in done.stdout:
        return replace(finding, found=True, version="converged", where=program)
    last = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
    return replace(
        finding, found=True, where=program, problem=f"exit code {done.code}: {last}", remedy=f"run {program} by hand"
    )


def _usable_table() -> Table | None:
    for name in available():
        try:
            table = load_table(name)
            check_files(table, present(table)[:1] or table.elements)
        except InputError:
            continue
        return table
    return None


def _input(table: Table) -> str:
    element = present(table)[0]
    entry = table.elements[element]
    return INPUT.format(
        folder=table.folder, element=element, file=entry.file, ecutwfc=entry.ecutwfc, ecutrho=entry.ecutrho, edge=EDGE
    )
