"""`mlipbatch pseudos`: libraries of pseudopotentials on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mlipbatch.cli import common

pseudos = typer.Typer(help="Pseudopotentials and their cutoffs: install a library, list, check.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
EVERY = 0.1  # share of a download between two lines where there is no terminal


@pseudos.command()
def install(
    name: Annotated[str, typer.Argument(metavar="LIBRARY", help="sssp-efficiency-1.3, ...; `pseudos list` has all.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="A folder or an archive (.tar.gz, .zip) with the files, where there is no network."
        ),
    ] = None,
    elements: Annotated[
        list[str] | None, typer.Option("--elements", metavar="SYMBOL,...", help="Only these; all unless given.")
    ] = None,
    url: Annotated[
        str,
        typer.Option(
            "--url", help="A mirror: the folder that has the .tar.gz and the .json, or an address with {file}."
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Install a library of pseudopotentials for yourself: fetched from Materials Cloud, or taken from --from.

    Every file is held to its md5 before any is put in place; files that are there and right are kept.
    """
    from mlipbatch.config.errors import InputError
    from mlipbatch.config.sssp import library
    from mlipbatch.stages import pseudopotentials

    chosen = library(name)
    if url:
        chosen = chosen.model_copy(update={"url": url if "{file}" in url else f"{url.rstrip('/')}/{{file}}"})
    if source is not None and not source.exists():
        raise InputError(f"{source} is not there: --from takes a folder or an archive with the files of {chosen.name}")
    symbols = [symbol for text in elements or [] for symbol in text.replace(",", " ").split()]
    progress = _Progress()
    report = pseudopotentials.install(chosen, source, symbols, dry_run=dry_run, tell=common.say, progress=progress)
    if as_json:
        common.result_json(
            {**report.__dict__, "folder": str(report.folder), "table": str(report.table), "dry_run": dry_run}
        )
        return
    for symbol in report.replaced:
        common.say(f"{symbol}: the file that was there {'is' if dry_run else 'was'} not the right one")
    done = "would be installed" if dry_run else "installed"
    common.result(f"{chosen.name}: {len(report.installed)} {done}, {len(report.kept)} kept, in {report.folder}")


@pseudos.command("list")
def show_list(as_json: JsonOption = False) -> None:
    """List the libraries that can be installed, and the tables that are here."""
    from mlipbatch.stages.tables import overview

    rows = overview()
    if as_json:
        common.result_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        common.result(f"{row['name']:<{width}}  {_said(row)}")


def _said(row: dict[str, Any]) -> str:
    if row["problem"]:
        return f"{row['problem']}"
    if not row["folder"]:
        return f"-  {row['functional']}; `mlipbatch pseudos install {row['name']}`"
    wrong = f", {len(row['wrong'])} wrong: {', '.join(row['wrong'])}" if row["wrong"] else ""
    return f"{row['functional']}; {len(row['elements'])} of {row['of']} elements{wrong}; {row['folder']}"


@pseudos.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="UPF files, with a table or without, or a table.")],
    as_json: JsonOption = False,
) -> None:
    """Check pseudopotentials: whole, the files that the table means, and alike in functional and relativity."""
    from mlipbatch.stages.tables import examine

    files, problems = examine(folder)
    if as_json:
        common.result_json({"files": files, "problems": problems})
    else:
        for file in files:
            common.result(
                "\t".join([file["file"], "wrong" if file["problem"] else "ok", file["problem"] or file["said"]])
            )
        for problem in problems:
            common.say(problem)
    raise typer.Exit(common.FAILED if problems or any(file["problem"] for file in files) else common.OK)


class _Progress:
    """How much of a download is here: a line that rewrites itself on a terminal, elsewhere one every tenth."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, done: int, whole: int | None) -> None:
        share = done / whole if whole else 0.0
        text = f"{done / 1e6:.1f} of {whole / 1e6:.1f} MB" if whole else f"{done / 1e6:.1f} MB"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="\n" if done == whole else "", file=sys.stderr, flush=True)
        elif share >= self._told + EVERY or done == whole:
            common.say(text)
            self._told = share
