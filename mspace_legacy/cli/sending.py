"""Sending from the command line: what `send` and `smpp send` share, from the question to what became of it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import Any, Protocol

from mspace_legacy import sms
from mspace_legacy.cli import DONE, FAILED
from mspace_legacy.cli.output import (
    Interrupted,
    ask,
    code_of,
    even_if_nobody_reads,
    must_be_able_to_ask,
    print_no_more,
    result_document,
    show_error,
    show_json,
    show_result,
    show_table,
)
from mspace_legacy.errors import InvalidInput, MSpaceError
from mspace_legacy.models import SendResult
from mspace_legacy.sms import Segments

__all__ = ["Sender", "answered_no", "interruption_told", "send_text"]

_ENCODINGS = {"gsm7": "GSM-7", "ucs2": "UCS-2"}


class Sender(Protocol):
    """What sends: a `Client`, or a `Transmitter`."""

    def send_text(self, sender_id: str, recipients: str | Iterable[str], message: str) -> SendResult:
        """Send `message` to each of `recipients`; see `Client.send_text`."""
        ...


def send_text(
    opened: Callable[[], AbstractContextManager[Sender]],
    read_recipients: Callable[[str], tuple[str, ...]],
    sender_id: str,
    recipients: str,
    message: str,
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Check, tell the cost, ask, send, and tell what became of it; gives the exit code.

    :param opened: makes what sends, once all that needs no account has been checked.
    :param read_recipients: gives the numbers as they are sent to.
    :param message: `-` for standard input.
    """
    if not (yes or dry_run):
        must_be_able_to_ask()
    if message == "-":
        message = _standard_input()
    if not sender_id or not message:
        raise InvalidInput(f"the {'message' if sender_id else 'sender id'} is empty")
    numbers = read_recipients(recipients)
    segments = sms.segments(message)
    if dry_run:
        if as_json:
            show_json(_cost_document(segments, numbers))
        else:
            _show_cost(sender_id, segments, len(numbers), stderr=False)
        return DONE
    with ExitStack() as opening:
        sender = opening.enter_context(opened())
        if not (yes and as_json):
            # On standard error where it asks, as the answer is given there.
            _show_cost(sender_id, segments, len(numbers), stderr=not yes)
        if not yes and not ask("Send it?"):
            return answered_no(as_json=as_json)
        with interruption_told("sendtext"):
            result = sender.send_text(sender_id, numbers, message)
            with even_if_nobody_reads():
                if as_json:
                    show_json({"encoding": segments.encoding, **result_document(result)})
                else:
                    show_result(result)
                opening.close()
    return code_of(result)


def _cost_document(segments: Segments, numbers: tuple[str, ...]) -> dict[str, Any]:
    return {
        "encoding": segments.encoding,
        "segments": segments.count,
        "recipients": list(numbers),
        "cost_at_most": segments.count * len(numbers),
    }


def _show_cost(sender_id: str, segments: Segments, recipients: int, *, stderr: bool) -> None:
    columns = ("sender id", "encoding", "segments", "recipients", "cost in credits")
    count = segments.count
    try:
        show_table(
            columns,
            [(sender_id, _ENCODINGS[segments.encoding], count, recipients, count * recipients)],
            stderr=stderr,
        )
    except OSError as error:
        print_no_more()
        problem = f"what it costs can't be printed ({error.strerror}): nothing was sent"
    else:
        return
    raise MSpaceError(problem)


def answered_no(*, as_json: bool) -> int:
    """Tell that nothing was done, as the answer was no; gives the exit code."""
    show_error("AnsweredNo", "you did not say yes: nothing was sent", FAILED, as_json=as_json)
    return FAILED


def _standard_input() -> str:
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        pass
    raise InvalidInput("the message on standard input is not UTF-8")


@contextmanager
def interruption_told(operation: str) -> Iterator[None]:
    """Let Ctrl-C while `operation` is under way be told as what it is: the service may have acted. And SIGTERM, by
    which `timeout` and those who supervise end what takes them too long.

    Only the first one interrupts: a second, which many type, would break off the telling.
    """

    def interrupt_once(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    defaults = ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL))
    # Python interrupts its main thread alone.
    may_be = threading.current_thread() is threading.main_thread()
    before = {
        number: handler for number, default in defaults if may_be and (handler := signal.getsignal(number)) is default
    }
    for number in before:
        signal.signal(number, interrupt_once)
    try:
        yield
        return
    except KeyboardInterrupt as interrupt:
        error = Interrupted(f"{operation}: interrupted before the reply was there")
        error.operation = operation
        error.result = getattr(interrupt, "result", None)
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt_once:
                signal.signal(number, handler)
    raise error
