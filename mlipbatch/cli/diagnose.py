"""`mlipbatch diagnose OUTPUT...`: may these outputs of pw.x become labels?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mlipbatch.cli import common


def diagnose(
    outputs: Annotated[
        list[Path], typer.Argument(help="Outputs of pw.x, or attempt folders that hold a pw.out.", show_default=False)
    ],
    exit_code: Annotated[
        int | None, typer.Option(help="Exit status of pw.x: 128 + n or -n for signal n.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a list with all facts found.")] = False,
) -> None:
    """Say of each output whether it may become a label: PATH, ok or failed, the failure's name, a sentence with what to do.

    An output may be packed (gzip, bzip2, xz); of several runs in one file the last counts. Used beside an output STEM.out:
    STEM.pwi or STEM.in, STEM.err, STEM.CRASH or CRASH. Exit code 0 when all are ok, else 1.
    """
    from mlipbatch.dft.quantum_espresso.advice import advice
    from mlipbatch.dft.quantum_espresso.diagnose import diagnose_output

    verdicts = []
    for path in outputs:
        verdict = diagnose_output(path / "pw.out" if path.is_dir() else path, exit_code)
        cure = advice(verdict.name)
        verdicts.append({"path": str(path), **asdict(verdict), "advice": cure})
        if not json:
            words = ["ok"] if verdict.ok else ["failed", verdict.name, f"{verdict.sentence} ({cure})"]
            common.result("\t".join([_shown(path), *words]))
    if json:
        common.result_json(verdicts)
    raise typer.Exit(common.OK if all(verdict["ok"] for verdict in verdicts) else common.FAILED)


def _shown(path: Path) -> str:
    """A path that keeps to its column and its line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(path))
