"""The commands of SMPP: sending as a transmitter, and listening as a receiver."""

from __future__ import annotations

import errno
import functools
import io
import json
import logging
import os
import queue
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

import click

from mspace_legacy import msisdn
from mspace_legacy.cli import DONE, FAILED
from mspace_legacy.cli.options import country_option, dry_run_option, json_option, secret, timeout_option, yes_option
from mspace_legacy.cli.output import Interrupted, plain, print_no_more, show_error
from mspace_legacy.cli.sending import send_text
from mspace_legacy.cli.serving import stopped_by_signals
from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp.client import DEFAULT_PORT, Receiver, Transmitter
from mspace_legacy.smpp.receipts import Receipt
from mspace_legacy.smpp.text import IncomingText
from mspace_legacy.transport.network import DEFAULT_TIMEOUT

__all__ = ["smpp"]

_log = logging.getLogger("mspace_legacy.smpp")

_OPTIONS: tuple[Callable[[Callable[..., int]], Callable[..., int]], ...] = (
    click.option("--host", envvar="MSPACE_SMPP_HOST", help="Where the SMSC is; or MSPACE_SMPP_HOST."),
    click.option(
        "--port",
        type=click.IntRange(1, 65535),
        envvar="MSPACE_SMPP_PORT",
        default=DEFAULT_PORT,
        show_default=True,
        help="Its port; or MSPACE_SMPP_PORT.",
    ),
    click.option("--system-id", envvar="MSPACE_SMPP_SYSTEM_ID", help="The account; or MSPACE_SMPP_SYSTEM_ID."),
    click.option(
        "--password-file",
        metavar="FILE",
        help="File that holds the password; or MSPACE_SMPP_PASSWORD holds it. Else it is asked for.",
    ),
    click.option("--tls", is_flag=True, help="Over TLS, with the certificates that the system knows."),
    timeout_option("an answer"),
)


@dataclass(frozen=True, slots=True)
class _Options:
    """What the options and the environment say of the bind, not yet checked."""

    host: str | None
    port: int
    system_id: str | None
    password_file: str | None
    tls: bool
    timeout: float | None

    def bind(self) -> tuple[str, int, str, Secret]:
        """Host, port, system_id and password, which is prompted for if it must be.

        :raises InvalidInput: one is missing or wrong; the message says how to give it.
        """
        if not self.host:
            raise InvalidInput("no host: give --host or MSPACE_SMPP_HOST")
        if not self.system_id:
            raise InvalidInput("no system_id: give --system-id or MSPACE_SMPP_SYSTEM_ID")
        password = secret("password", "--password-file", self.password_file, "MSPACE_SMPP_PASSWORD")
        return self.host, self.port, self.system_id, password

    def connection(self) -> dict[str, Any]:
        """What else a `Transmitter` and a `Receiver` take."""
        return {"tls": self.tls, "timeout": DEFAULT_TIMEOUT if self.timeout is None else self.timeout}


def _bind_command(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the shared options; it gets them as one `_Options`, its first argument."""

    @functools.wraps(function)
    def command(**given: Any) -> int:
        shared = {field.name: given.pop(field.name) for field in fields(_Options)}
        return function(_Options(**shared), **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(no_args_is_help=False)
def smpp() -> None:
    """Send and listen over SMPP 3.4.

    'mspace-legacy emulator' has an SMSC to try it with.
    """


@smpp.command()
@click.argument("sender_id")
@click.argument("recipients")
@click.argument("message")
@yes_option
@dry_run_option
@_bind_command
@click.option(
    "--window",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many may be without an answer at once.",
)
@country_option
@json_option
def send(
    options: _Options,
    sender_id: str,
    recipients: str,
    message: str,
    yes: bool,
    dry_run: bool,
    window: int,
    country: str,
    as_json: bool,
) -> int:
    """Send a message to one number or several.

    RECIPIENTS are numbers with commas between them. A MESSAGE of '-' is read from standard input, as UTF-8, without
    the newline at its end; one that begins with a hyphen goes behind '--'. Before anything is sent it shows what it
    will cost, and asks. A message of several segments has the id of its first one.
    """
    return send_text(
        lambda: _bound(options, window, country),
        functools.partial(msisdn.recipients, country=country),
        sender_id,
        recipients,
        message,
        yes=yes,
        dry_run=dry_run,
        as_json=as_json,
    )


@contextmanager
def _bound(options: _Options, window: int, country: str) -> Iterator[Transmitter]:
    with ExitStack() as held:
        transmitter = Transmitter(*options.bind(), window=window, country=country, **options.connection())
        held.enter_context(transmitter)
        try:
            yield transmitter
        except Interrupted:
            # What the user broke off is waiting for the answers.
            transmitter.close(wait=False, cancel_pending=True)
            held.pop_all()
            raise


@smpp.command()
@_bind_command
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many. By default it goes on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
def listen(options: _Options, count: int | None, as_json: bool) -> int:
    """Print each delivery receipt and incoming text, a line each, as they come.

    What was printed is acknowledged, and so does not come again. It stops at SIGINT (Ctrl-C) and SIGTERM, with exit
    code 0. A lost connection is made again; that is told on standard error.
    """
    if sys.stdout is None:
        raise InvalidInput("standard output is closed: what comes would be acknowledged, and never read")
    listening = _Listening(count, as_json=as_json)
    level = _log.level
    try:
        with (
            Receiver(*options.bind(), listening.take, **options.connection()) as receiver,
            stopped_by_signals(listening),
        ):
            click.echo(plain(f"Bound to {options.host}:{options.port}. Ctrl-C stops it."), err=True)
            while not listening.is_stopped:
                listening.wait(0.5)
                receiver.wait(0)
    finally:
        _log.setLevel(level)
    if problem := listening.unprinted:
        print_no_more()
        if problem.errno != errno.EPIPE:
            show_error("CantPrint", f"standard output takes no more: {problem.strerror}", FAILED, as_json=False)
        return FAILED
    return DONE


class _Listening:
    """Prints what comes, until it is told to stop or has printed as many as were asked for."""

    def __init__(self, count: int | None, *, as_json: bool) -> None:
        self._left = count
        self._as_json = as_json
        self.is_stopped = False
        # No event: a signal's handler would wait for its lock, which what it interrupts may hold.
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.unprinted: OSError | None = None
        """Why standard output takes no more: nobody reads it, or the disk is full."""

    def stop(self) -> None:
        self.is_stopped = True
        self._woken.put(None)

    def wait(self, seconds: float) -> None:
        """Wait for as long, or until it is told to stop."""
        with suppress(queue.Empty):
            self._woken.get(timeout=seconds)

    def take(self, came: Receipt | IncomingText) -> None:
        """The receiver's handler. What it raises for comes again, to whoever listens next."""
        if self.is_stopped:
            _tell_no_failure()
            raise InterruptedError
        try:
            self._print(json.dumps(_document(came)) if self._as_json else plain(_line(came)))
        except InterruptedError:
            _tell_no_failure()
            raise
        except OSError as error:
            self.unprinted = error
            self.stop()
            _tell_no_failure()
            raise
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self.stop()

    def _print(self, line: str) -> None:
        """Print a line, whole: without a buffer Python leaves out what is not taken at once. Where nobody reads, it
        waits no longer than until it is told to stop.
        """
        try:
            output = sys.stdout.fileno()
        except io.UnsupportedOperation:  # what is printed is kept in memory
            click.echo(line)
            return
        sys.stdout.flush()
        left = f"{line}\n".encode(sys.stdout.encoding, sys.stdout.errors or "strict")
        while left:
            if _takes_more(output):
                with suppress(BlockingIOError):
                    left = left[os.write(output, left[:_AT_ONCE]) :]
            elif self.is_stopped:
                raise InterruptedError


_AT_ONCE = 512
"""Octets that a pipe which takes any takes without waiting: POSIX, PIPE_BUF."""


def _takes_more(output: int) -> bool:
    """Whether it takes some without waiting, after half a second at most."""
    # Windows can't tell of files and pipes.
    return os.name != "posix" or bool(select.select([], [output], [], 0.5)[1])


def _tell_no_failure() -> None:
    """What was not taken comes again; the library's log would have it that the handler failed."""
    _log.setLevel(logging.CRITICAL)


def _line(came: Receipt | IncomingText) -> str:
    if isinstance(came, IncomingText):
        part = came.concatenation
        which = f"  part {part.number} of {part.total}" if part else ""
        text = f"octets {came.octets.hex()}" if came.text is None else came.text
        return f"text     from {came.sender} to {came.recipient}{which}  {text}"
    if not came.message_id or not (came.state or came.stat):
        return f"receipt  from {came.recipient}, unreadable  {came.text}"
    error = f"  err {came.error_code}" if came.error_code.strip("0") else ""
    return f"receipt  {came.message_id} to {came.recipient}  {came.state.name if came.state else came.stat}{error}"


def _document(came: Receipt | IncomingText) -> dict[str, Any]:
    """What came, for programs: octets in hexadecimal, times as the service's own clock had them."""
    if isinstance(came, IncomingText):
        return {"kind": "text", **asdict(came), "text": came.text, "octets": came.octets.hex()}
    return {
        "kind": "receipt",
        **asdict(came),
        "state": came.state.name if came.state else None,
        "delivered": came.delivered,
        "submitted": came.submitted.isoformat() if came.submitted else None,
        "done": came.done.isoformat() if came.done else None,
        "raw": came.raw.hex(),
    }
