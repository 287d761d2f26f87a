"""The group of all commands, and the one place where an error becomes words and an exit code.

A command is a function that click has wrapped; it returns its exit code, and raises what the library raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from mspace_legacy._version import __version__
from mspace_legacy.cli import DONE, FAILED, INTERRUPTED, OUTCOME_UNKNOWN, WRONG_USAGE, output
from mspace_legacy.errors import InvalidInput, MSpaceError, OutcomeUnknown

__all__ = ["COMMANDS", "group", "run", "tell"]

PROGRAM = "mspace-legacy"

COMMANDS: dict[str, str] = {
    "demo": "demo",
    "emulator": "emulator",
    "balance": "account",
    "login": "account",
    "send": "account",
    "report": "account",
    "subusers": "account",
    "clients": "account",
    "topup": "account",
    "gateway": "gateway",
    "verifier": "gateway",
    "parity": "parity",
    "scan": "scan",
    "smpp": "smpp",
    "ussd": "ussd",
}
"""The module below `mspace_legacy.cli` that holds each command, under the command's name."""

_EPILOG = """\b
Exit codes:
  0    done
  1    failure: the service refused, no connection, some recipients rejected,
       you answered no, scan has findings, or parity shows differences
  2    wrong usage; nothing was sent
  3    outcome unknown: the service may have acted, for one recipient at least
  130  interrupted; whether the service may have acted is said

With --json, standard output holds one JSON document and nothing else. After an error it has a member "error", with
"kind", "message", "outcome_unknown", "advice" and "exit_code"; what was done by then stands beside it.
"""

_CONTEXT = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}


class _Commands(click.Group):
    """Imports a command's module when the command is asked for, so that none waits for the packages of another."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"mspace_legacy.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        command.epilog = _EPILOG
        if isinstance(command, click.Group):
            for below in command.commands.values():
                below.epilog = _EPILOG
        return command


@click.group(cls=_Commands, epilog=_EPILOG, no_args_is_help=False, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name=PROGRAM)
def group() -> None:
    """MSpace's SMS service from the command line, over the legacy API or v2, and a stand-in for it.

    'mspace-legacy demo' shows all of it at work, without an account.
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` ask for; what goes wrong is told in a line or two. Gives the exit code."""
    output.never_fail_to_encode()
    # Looked for here, not by click, as the arguments may be what is wrong.
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json = "--json" in options
    try:
        code = group.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except MSpaceError as error:
        return tell(error, as_json)
    except click.ClickException as error:
        return _tell_usage(error, as_json)
    except click.Abort:
        output.show_error("Interrupted", "interrupted", INTERRUPTED, as_json=as_json)
        return INTERRUPTED
    except ModuleNotFoundError:
        raise
    except Exception as error:  # whatever it is, its text and its traceback may hold a secret
        if problem := output.why_unprintable(error):
            output.print_no_more()
            output.show_error("CantPrint", f"standard output takes no more: {problem}", FAILED, as_json=False)
            return FAILED
        output.show_error(type(error).__name__, _place_of(error), FAILED, as_json=as_json)
        return FAILED
    return code if isinstance(code, int) else DONE


def tell(error: MSpaceError, as_json: bool, *, beside: Mapping[str, Any] | None = None) -> int:
    """Tell an error, and give the exit code.

    :param beside: what was done by then, which stands beside the error in the document for programs.
    """
    unknown = isinstance(error, OutcomeUnknown) or bool(error.result and error.result.unknown)
    if isinstance(error, output.Interrupted):
        code = INTERRUPTED
    elif unknown:
        code = OUTCOME_UNKNOWN
    else:
        code = WRONG_USAGE if isinstance(error, InvalidInput) else FAILED
    output.show_error(
        type(error).__name__,
        # Without the advice, which str() has behind it, and which is told apart.
        Exception.__str__(error),
        code,
        as_json=as_json,
        outcome_unknown=unknown,
        advice=error.advice if isinstance(error, OutcomeUnknown) else "",
        result=error.result,
        beside=beside,
    )
    return code


def _tell_usage(error: click.ClickException, as_json: bool) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    program = context.command_path if context else PROGRAM
    output.show_error(
        # One name, as click's own differ from release to release.
        "WrongUsage",
        # Not what was too much: it may be a password that was taken for an argument.
        _TOO_MANY.sub(r"\1", error.format_message()),
        error.exit_code,
        as_json=as_json,
        advice=f"'{program} --help' tells how it is used",
    )
    return error.exit_code


_TOO_MANY = re.compile(r"(unexpected extra arguments?) \(.*\)", re.DOTALL)


def _place_of(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}" if trace else "an unknown place"
    return f"a defect of this program: {type(error).__name__} in {place}"
