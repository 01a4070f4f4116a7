"""`mlipbatch`: one command a file; nothing heavy is imported before a command needs it."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Annotated

import typer

from mlipbatch.cli import common
from mlipbatch.config.errors import InputError

# name on the command line -> module of mlipbatch.cli whose function (or group) of the same name it is, in the order --help shows
COMMANDS = {
    "init": "init", "plan": "plan", "submit": "submit", "run": "run", "daemon": "daemon",
    "pause": "pause", "resume": "resume", "stop": "stop",
    "status": "status", "ls": "ls", "show": "show", "why": "why", "retry": "retry", "cancel": "cancel",
    "archive": "archive", "clean": "clean", "doctor": "doctor", "report": "report", "data": "data", "pseudos": "pseudos",
    "dft": "dft", "generate": "generate", "screen": "screen", "select": "select", "label": "label", "diagnose": "diagnose",
    "fit": "fit", "evaluate": "evaluate", "explore": "explore", "cut": "cut",
}  # fmt: skip

os.environ.setdefault(
    "PYDANTIC_DISABLE_PLUGINS", "__all__"
)  # it searches all packages for them, for longer than `status` takes

app = typer.Typer(
    name="mlipbatch",
    help="From a material and a goal to a tested interatomic potential, on the batch cluster you already have.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from mlipbatch import __version__

        common.result(f"mlipbatch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show tracebacks of errors.")] = False,
    _version_only: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if verbose:
        os.environ["MLIPBATCH_VERBOSE"] = "1"


for _name, _module in COMMANDS.items():
    _command = getattr(importlib.import_module(f"mlipbatch.cli.{_module}"), _name)
    if isinstance(_command, typer.Typer):  # a command with commands of its own
        app.add_typer(_command, name=_name)
    else:
        app.command(_name)(_command)


def main() -> None:
    """Run the command line; end with the exit codes of `common`."""
    try:
        app()
    except InputError as error:
        _fail(error, str(error), common.WRONG_INPUT)
    except KeyboardInterrupt:
        sys.exit(common.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the last resort: one sentence, the traceback with -v
        _fail(error, f"{type(error).__name__}: {error}", common.FAILED)


def _fail(error: BaseException, sentence: str, code: int) -> None:
    if os.environ.get("MLIPBATCH_VERBOSE"):
        traceback.print_exception(error)
    common.say(sentence)
    sys.exit(code)
