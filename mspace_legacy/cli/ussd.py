"""The command of USSD: a handset in the terminal, for any callback."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from typing import Any

import click
from rich.panel import Panel
from rich.text import Text

from mspace_legacy import msisdn as numbers
from mspace_legacy.cli import DONE
from mspace_legacy.cli.group import tell
from mspace_legacy.cli.options import country_option, json_option, timeout_option
from mspace_legacy.cli.output import console, plain, show_json
from mspace_legacy.cli.sending import interruption_told
from mspace_legacy.errors import InvalidInput, MSpaceError, ReplyError
from mspace_legacy.ussd.dialler import DEFAULT_TIMEOUT, Dialler, Step
from mspace_legacy.ussd.messages import DEFAULT_LIMIT, Continue, write_answer

__all__ = ["ussd"]

_LONGEST_SHOWN = 300
_LONGEST_LINE = 10_000


@click.group(no_args_is_help=False)
def ussd() -> None:
    """Dial a USSD callback, as the vendor would call it."""


@ussd.command()
@click.argument("url", envvar="MSPACE_USSD_URL")
@click.option("--code", default="*384#", show_default=True, help="What is dialled.")
@click.option(
    "--service-code",
    default="",
    metavar="CODE",
    help="The callback's own code, where more is dialled with it, as *384# in *384*1*2#. By default all of it.",
)
@click.option("--msisdn", default="254722000000", show_default=True, metavar="NUMBER", help="Whose handset it is.")
@country_option
@click.option(
    "--joined/--alone",
    default=True,
    show_default=True,
    help="Whether a step has all entries joined by '*', or the last one alone.",
)
@click.option("--enter", "entered", multiple=True, metavar="ENTRY", help="Enter this; once for each entry.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="How long a text may be, in characters of the GSM 7-bit alphabet.",
)
@timeout_option("the whole answer", DEFAULT_TIMEOUT)
@json_option
def dial(
    url: str,
    code: str,
    service_code: str,
    msisdn: str,
    country: str,
    joined: bool,
    entered: tuple[str, ...],
    limit: int,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Dial the callback at URL, and enter what you are asked for until the session ends.

    A URL with a secret in it is better given by MSPACE_USSD_URL, as everybody on the machine can read a command.

    Entries come from --enter, else from standard input, a line each; when there are no more it stops, with exit code
    0. An answer that the network would not take is a failure: neither 'CON' nor 'END', empty, too long, with a
    control character, or with an HTTP status that is not 2xx. With --json, each step is told with what was sent and
    what came.
    """
    phone = Dialler(
        url,
        msisdn=numbers.normalise(msisdn, country=country),
        entries="joined" if joined else "alone",
        limit=limit,
        timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
    )
    with phone:
        try:
            for _ in _session(phone, code, service_code, entered or _typed(prompt=not as_json)):
                if not as_json:
                    _show(phone.transcript[-1])
        except MSpaceError as error:
            if isinstance(error, ReplyError) and error.body and not as_json:
                click.echo(f"the answer was: {plain(error.body[:_LONGEST_SHOWN])}", err=True)
            if isinstance(error, InvalidInput) and phone.transcript:
                # Wrong usage tells that nothing was sent.
                error = MSpaceError(str(error))
            return tell(error, as_json, beside=_document(phone))
        if as_json:
            show_json(_document(phone))
        elif not phone.ended:
            click.echo("no more entries: the session was left open", err=True)
    return DONE


def _session(phone: Dialler, code: str, service_code: str, entries: Iterable[str]) -> Iterator[None]:
    """Once for each step that was answered."""
    with interruption_told("ussd"):
        phone.dial(code, service_code=service_code)
    yield
    if phone.ended:
        return
    for entry in entries:
        with interruption_told("ussd"):
            phone.enter(entry)
        yield
        if phone.ended:
            return


def _typed(*, prompt: bool) -> Iterator[str]:
    if isinstance(sys.stdin, TextIOWrapper):
        # What is no text is refused as such, by name.
        sys.stdin.reconfigure(errors="surrogateescape")
    while True:
        if prompt and sys.stdin.isatty():
            click.echo("> ", nl=False, err=True)
        line = sys.stdin.readline(_LONGEST_LINE + 1)
        if not line:
            return
        if len(line) > _LONGEST_LINE and not line.endswith("\n"):
            raise InvalidInput(f"an entry of more than {_LONGEST_LINE} characters: a USSD message holds 182")
        yield line.removesuffix("\n").removesuffix("\r")


def _show(step: Step) -> None:
    """A handset's screen."""
    answer = step.answer
    if answer is None:
        return
    lines = Text("\n".join(map(plain, answer.text.split("\n"))))
    kind = "CON" if isinstance(answer, Continue) else "END"
    console().print(Panel.fit(lines, title=kind, subtitle=f"{step.seconds * 1000:.0f} ms"))


def _document(phone: Dialler) -> dict[str, Any]:
    """The session, for programs."""
    return {
        "session_id": phone.session_id,
        "ended": phone.ended,
        "steps": [
            {
                "entered": step.entered,
                "request": step.sent,
                "status": step.status,
                "raw": step.raw.decode("utf-8", "replace"),
                "answer": write_answer(step.answer)[:3] if step.answer else None,
                "text": step.answer.text if step.answer else None,
                "problem": step.problem,
                "seconds": round(step.seconds, 6),
            }
            for step in phone.transcript
        ],
    }
