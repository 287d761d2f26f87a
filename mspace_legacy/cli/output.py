"""What commands print: tables for people, one JSON document for programs, errors, and the question before an act.

Text from outside passes `plain` before a terminal sees it, and never stands where rich reads markup.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from mspace_legacy.cli import DONE, FAILED, OUTCOME_UNKNOWN
from mspace_legacy.errors import InvalidInput, OutcomeUnknown
from mspace_legacy.models import Outcome, SendResult

__all__ = [
    "Interrupted",
    "ask",
    "code_of",
    "console",
    "even_if_nobody_reads",
    "log_to_stderr",
    "must_be_able_to_ask",
    "never_fail_to_encode",
    "plain",
    "print_no_more",
    "result_document",
    "show",
    "show_error",
    "show_json",
    "show_result",
    "show_table",
    "why_unprintable",
]

_UNBROKEN = 10_000
"""Columns, for what is no terminal: a program that reads a table wants a record on a line."""

_STYLES = {Outcome.ACCEPTED: "green", Outcome.REJECTED: "red", Outcome.UNKNOWN: "yellow", Outcome.NOT_SENT: "yellow"}


class Interrupted(OutcomeUnknown):
    """Ctrl-C or SIGTERM came while the service may have been acting."""


def never_fail_to_encode() -> None:
    """Let what the terminal's encoding lacks be printed escaped: what was done by then must still be told."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def even_if_nobody_reads() -> Iterator[None]:
    """Print what was done, or tell on standard error that it could not be printed, or not all of it.

    The exit code is to say what was done: whoever takes it for a failure would send again.
    """
    try:
        yield
    except (OSError, KeyboardInterrupt) as error:
        with _undisturbed():
            why = error.strerror if isinstance(error, OSError) else "interrupted"
            click.echo(f"mspace-legacy: it was done, and what came of it can't be printed: {why}", err=True)
            print_no_more()


def why_unprintable(error: Exception) -> str:
    """Why standard output takes no more, where that is what an error tells of; else nothing."""
    full = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno in full else ""


def print_no_more() -> None:
    """What is left in the buffer would fail once more as the interpreter ends, and change the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Go on where the user breaks off: whether something was done is told to the end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def plain(text: str) -> str:
    """`text` on one line, with what a terminal would act on, such as ESC or a newline, escaped as Python does."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def log_to_stderr() -> None:
    """Print what the library logs, from INFO up, a line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("mspace_legacy")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let it be told as any other failure to print: rich ends the program with the code of a failure."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is, without markup."""
    made = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = _UNBROKEN
    return made


def show(text: str) -> None:
    """A line for people, on standard output."""
    click.echo(plain(text))


def show_json(document: dict[str, Any]) -> None:
    """The one document of a command, in ASCII, so that no terminal acts on what stands in it."""
    click.echo(json.dumps(document, indent=2))


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    styles: Iterable[str] = (),
    stderr: bool = False,
) -> None:
    """A table; numbers stand to the right.

    :param styles: a rich style for each row, if any.
    """
    rows = list(rows)
    table = Table()
    for place, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[place], int) for row in rows)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    row_styles = list(styles) or [""] * len(rows)
    for row, style in zip(rows, row_styles, strict=True):
        table.add_row(*(plain(str(cell)) for cell in row), style=style)
    console(stderr=stderr).print(table)


def result_document(result: SendResult) -> dict[str, Any]:
    """What became of a send, for programs: `segments` for each recipient, the cost in credits, and each message."""
    return {
        "segments": result.segments,
        "cost": result.cost,
        "cost_at_most": result.cost_at_most,
        "messages": [
            {
                "recipient": message.recipient,
                "outcome": str(message.outcome),
                "message_id": message.message_id,
                "status": message.status,
                "description": message.description,
            }
            for message in result.messages
        ],
    }


def show_result(result: SendResult) -> None:
    """What became of a send, for people."""
    show_table(
        ("number", "outcome", "message id", "words"),
        [(message.recipient, message.outcome, message.message_id, message.words) for message in result.messages],
        styles=[_STYLES[message.outcome] for message in result.messages],
    )
    told = {outcome: sum(message.outcome is outcome for message in result.messages) for outcome in Outcome}
    counts = ", ".join(f"{count} {outcome}" for outcome, count in told.items() if count)
    at_most = f" to {result.cost_at_most}" if result.unknown else ""
    show(f"{counts}; cost: {result.cost}{at_most} credits")


def code_of(result: SendResult) -> int:
    """The exit code that a send ends with."""
    if result.unknown:
        return OUTCOME_UNKNOWN
    return DONE if result.all_accepted else FAILED


def show_error(
    kind: str,
    message: str,
    code: int,
    *,
    as_json: bool,
    outcome_unknown: bool = False,
    advice: str = "",
    result: SendResult | None = None,
    beside: Mapping[str, Any] | None = None,
) -> None:
    """An error: a line or two on standard error, or, for programs, the document on standard output.

    :param result: what a send had done by then, which is told too.
    :param beside: what else stands in the document.
    """
    with _undisturbed():
        try:
            if as_json:
                error = {
                    "kind": kind,
                    "message": message,
                    "outcome_unknown": outcome_unknown,
                    "advice": advice,
                    "exit_code": code,
                }
                # On one line, as it may come after others that are a line each.
                told = {"error": error, **(result_document(result) if result else {}), **(beside or {})}
                click.echo(json.dumps(told))
                return
            if result:
                show_result(result)
        except OSError:
            # Nobody reads it there.
            print_no_more()
        click.echo(f"mspace-legacy: {'outcome unknown: ' if outcome_unknown else ''}{plain(message)}", err=True)
        if advice:
            click.echo(plain(advice), err=True)


def must_be_able_to_ask() -> None:
    """That there is someone to ask.

    :raises InvalidInput: standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise InvalidInput("it asks before it acts, and standard input is no terminal: give --yes to go ahead")


def ask(question: str) -> bool:
    """Whether the user says yes; anything else is a no. Asked on standard error."""
    click.echo(f"{plain(question)} [y/N] ", nl=False, err=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
