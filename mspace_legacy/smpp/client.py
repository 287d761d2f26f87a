"""Transmitter and Receiver: SMPP 3.4 as an application uses it. The connection under them is link.py."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import math
import queue
import secrets
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Literal

from mspace_legacy import msisdn, sms
from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import (
    ClosedError,
    InvalidInput,
    MSpaceError,
    NotSent,
    OutcomeUnknown,
    ServiceError,
    WrongType,
    partly_sent,
)
from mspace_legacy.models import Outcome, SendResult, SentMessage
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp.deliveries import Deliveries, SubmittedMessage
from mspace_legacy.smpp.link import Link
from mspace_legacy.smpp.pdu import BindReceiver, BindTransmitter, CommandStatus, DeliverSm, SubmitSm, encode
from mspace_legacy.smpp.receipts import Receipt, read_receipt
from mspace_legacy.smpp.sending import Sending
from mspace_legacy.smpp.session import Session
from mspace_legacy.smpp.text import IncomingText, read_part, write_text
from mspace_legacy.transport.network import DEFAULT_TIMEOUT, Timeout, checked_timeout

__all__ = ["DEFAULT_PORT", "Receiver", "Transmitter"]

DEFAULT_PORT = 2775
"""The vendor's, and the one that is registered for SMPP."""

_log = logging.getLogger("mspace_legacy.smpp")

_MOST_UNHANDLED = 10_000
"""What may wait for a handler; beyond that the service is asked to deliver it again."""


class Transmitter:
    """Sends messages over SMPP 3.4, bound as a transmitter. Safe to share between threads; also a context manager.

    Made, it is bound. When the connection is lost it binds again, for `reconnect_for` seconds at most with growing
    pauses. What had been handed to the lost connection and not answered is an `OutcomeUnknown`, never sent again;
    what had not is sent by the next one. What the service throttles (ESME_RTHROTTLED, ESME_RMSGQFUL), and so did not
    take, is offered again after a growing pause, before what came after it, and from then on all goes more slowly.

    Keep it, and close it: services let an account bind a few times only. The end of the program closes it, too. It
    belongs to the process that made it; a fork of that needs one of its own.

    :param window: how many submit_sm may be without an answer at once.
    :param tls: True, or a context of your own for certificates that the system does not know.
    :param timeout: seconds for connecting and for an answer; one number, or a pair. (5, 30) by default.
    :param country: how local numbers are read, `KE` or `UG`.
    :param system_type: as the provider gave it, if it did.
    :param long: how a text of more than one segment goes: `udh`, `sar` or `payload`; see `text.write_text`.
    :param enquire_after: seconds without traffic after which an enquire_link is sent; the vendor hangs up after 50.
    :param reconnect_for: seconds to go on trying to bind again, from when the bind was last of use. What is queued
        then fails with `NotSent`; the next message begins anew.
    :param throttled_for: seconds for which the service may throttle everything. What has waited for so long then
        fails with `Throttled` or `QueueFull`; so does a message that is throttled ten times while others are taken.
    :param deliveries: is told what was taken, so that receipts find it.
    :raises InvalidInput: a field that can't be right.
    :raises NotSent: no connection.
    :raises AuthenticationError: wrong system_id or password. Any other refusal is another `ServiceError`, whose
        `text` is the standard's name for it, such as `ESME_RBINDFAIL`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        system_id: str,
        password: str | Secret,
        *,
        window: int = 10,
        tls: ssl.SSLContext | bool | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
        country: str = "KE",
        system_type: str = "",
        long: Literal["udh", "sar", "payload"] = "udh",
        enquire_after: float = 20.0,
        reconnect_for: float = 60.0,
        throttled_for: float = 60.0,
        deliveries: Deliveries | None = None,
    ) -> None:
        password = secret = password if isinstance(password, Secret) else Secret(password)
        at_least_one("window", window)
        msisdn.check_country(country)
        write_text("", long=long)
        self._country = country
        self._long: Literal["udh", "sar", "payload"] = long
        self._deliveries = deliveries
        self._references = itertools.count(secrets.randbelow(1 << 16))
        self._reply_timeout = checked_timeout(timeout)[1]
        self._link = Link(
            host,
            port,
            BindTransmitter(sequence_number=1, system_id=system_id, password=secret, system_type=system_type),
            tls=tls,
            timeout=timeout,
            enquire_after=enquire_after,
            reconnect_for=reconnect_for,
            throttled_for=throttled_for,
            window=window,
        )
        # Not before the host was looked at: a password may stand in it.
        self._name = f"{type(self).__name__}({host}:{port})"
        # Its thread would keep up a bind that nobody can use any more.
        weakref.finalize(self, self._link.let_go).atexit = False
        _unclosed.add(self)

    _name = "Transmitter"

    def __repr__(self) -> str:
        return self._name

    def __enter__(self) -> Transmitter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel_pending=kind is not None)

    def close(self, *, wait: bool = True, cancel_pending: bool = False) -> None:
        """Wait until everything is answered, unbind and close. A second time does nothing.

        It waits as long as the service answers anything within the time-out. What is still waiting for its turn after
        that is not sent, and its future says so; `cancel_pending` does that at once, as leaving a `with` block by an
        error does. Without `wait` it returns at once, and goes on while the program does.
        """
        _unclosed.discard(self)
        self._link.close(self._reply_timeout, cancel_pending=cancel_pending, wait=wait)

    def submit(self, sender_id: str, recipient: str, message: str) -> Future[SubmittedMessage]:
        """Send `message` to one recipient; the future tells what became of it, and never waits for ever.

        Its result is the message with the ids of its segments. Its error is one of those that `send` raises. Its
        callbacks run in the one thread that reads answers: they may call `submit`, but must not wait.

        Where 10,000 segments wait for their turn, it waits until one has had it.

        :raises InvalidInput: before anything is sent; names what is wrong.
        :raises ClosedError: after `close`, or in a fork.
        """
        return self._submit(sender_id, recipient, message, attended=False).future

    def _submit(self, sender_id: str, recipient: str, message: str, *, attended: bool) -> Sending:
        number = msisdn.normalise(recipient, country=self._country)
        if not message:
            raise InvalidInput("message is empty")
        parts = write_text(message, reference=next(self._references) & 0xFFFF, long=self._long)
        ton, npi = _type_of_sender(sender_id)
        octets = [
            encode(
                SubmitSm(
                    sequence_number=1,
                    source_addr_ton=ton,
                    source_addr_npi=npi,
                    source_addr=sender_id,
                    dest_addr_ton=_INTERNATIONAL,
                    dest_addr_npi=_ISDN,
                    destination_addr=number,
                    registered_delivery=_RECEIPT_WANTED,
                    esm_class=part.esm_class,
                    data_coding=part.data_coding,
                    short_message=part.short_message,
                    tlvs=part.tlvs,
                )
            )
            for part in parts
        ]
        submitted = SubmittedMessage(sender_id, number, message)
        sending = Sending(submitted, octets, self._deliveries, attended=attended)
        self._link.offer(sending)
        return sending

    def send(self, sender_id: str, recipient: str, message: str) -> SubmittedMessage:
        """Send `message` to one recipient, and wait until it is taken.

        :returns: the message with the ids of its segments, which receipts tell of.
        :raises InvalidInput: before anything is sent; names what is wrong.
        :raises NotSent: there was no connection for too long; nothing was sent.
        :raises ServiceError: the service did not take it: `InvalidSenderId`, `InvalidRecipient`, `Throttled`,
            `QueueFull`, or the plain class; `text` is the standard's name for it.
        :raises OutcomeUnknown: it may have been taken; it was not sent again.
        :raises ClosedError: after `close`, or in a fork.

        Where only some segments of a long message were taken, the error is an `OutcomeUnknown` too, and its `message`
        has their ids.
        """
        self._check_may_wait()
        sending = self._submit(sender_id, recipient, message, attended=True)
        self._link.attend(sending)
        return sending.future.result()

    def send_text(self, sender_id: str, recipients: str | Iterable[str], message: str) -> SendResult:
        """Send `message` to each of `recipients`, as `Client.send_text` does, with the same result.

        A message of several segments has the id of its first one.

        :raises InvalidInput: before anything is sent; names what is wrong.
        :raises ServiceError: every recipient was refused, for the same reason.
        :raises NotSent: there was no connection for too long; nothing was sent.
        :raises OutcomeUnknown: some were taken, or may have been, and not all answered for.
        :raises ClosedError: after `close`, or in a fork.

        What became of each recipient is in the error's `result`.
        """
        self._check_may_wait()
        numbers = msisdn.recipients(recipients, country=self._country)
        count = sms.segments(message).count
        futures: list[Future[SubmittedMessage]] = []
        try:
            futures.append(self.submit(sender_id, numbers[0], message))
            for number in numbers[1:]:
                futures.append(self._submitted(sender_id, number, message))
            failures = [future.exception() for future in futures]
        except MSpaceError:
            # Of the first one, before anything was handed over.
            raise
        except BaseException as interruption:
            done = [*map(_sent_by_now, numbers, futures)]
            # The next one may just have been handed over.
            done += [SentMessage("", Outcome.UNKNOWN, number) for number in numbers[len(done) :][:1]]
            done += [SentMessage("", Outcome.NOT_SENT, number) for number in numbers[len(done) :]]
            vars(interruption)["result"] = SendResult(tuple(done), count)
            raise
        sent = [
            _sent(number, future, error) for number, future, error in zip(numbers, futures, failures, strict=True)
        ]
        result = SendResult(tuple(sent), count)
        for kind in (OutcomeUnknown, NotSent):
            for error in failures:
                if isinstance(error, kind):
                    if result.accepted:
                        error = partly_sent(error, f"{len(result.accepted)} of {len(numbers)} messages were taken")
                    error.result = result
                    raise error
        refusals = {str(error) for error in failures}
        if failures[0] is not None and len(refusals) == 1:
            vars(failures[0])["result"] = result
            raise failures[0]
        return result

    def _submitted(self, sender_id: str, recipient: str, message: str) -> Future[SubmittedMessage]:
        """As `submit`, but that it was closed meanwhile is told by the future: others were sent before."""
        try:
            return self.submit(sender_id, recipient, message)
        except ClosedError:
            closed: Future[SubmittedMessage] = Future()
            closed.set_exception(NotSent("submit_sm: not sent: it was closed", fault="not-connected"))
            return closed

    def _check_may_wait(self) -> None:
        if self._link.is_in_callback:
            raise InvalidInput("send and send_text would wait for ever in a future's callback: use submit")


_unclosed: weakref.WeakSet[Transmitter] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """What was submitted goes out before the program ends, as with the executors of concurrent.futures."""
    for transmitter in list(_unclosed):
        with contextlib.suppress(MSpaceError):
            transmitter.close()


def _sent(number: str, future: Future[SubmittedMessage], error: BaseException | None) -> SentMessage:
    if error is None:
        message_ids = future.result().message_ids
        return SentMessage(message_ids[0] or "", Outcome.ACCEPTED, number, status="ESME_ROK")
    if isinstance(error, OutcomeUnknown):
        # Of a long message, some segments may have been taken.
        taken = error.message.message_ids if hasattr(error, "message") else ()
        return SentMessage(next(filter(None, taken), ""), Outcome.UNKNOWN, number)
    if isinstance(error, ServiceError):
        return SentMessage("", Outcome.REJECTED, number, status=error.text)
    return SentMessage("", Outcome.NOT_SENT, number)


def _sent_by_now(number: str, future: Future[SubmittedMessage]) -> SentMessage:
    return _sent(number, future, future.exception() if future.done() else OutcomeUnknown("it is under way"))


_INTERNATIONAL, _ALPHANUMERIC, _NETWORK_SPECIFIC = 1, 5, 3
"""Types of number. Section 5.2.5."""
_ISDN = 1
"""The numbering plan of telephone numbers, E.164. Section 5.2.6."""
_RECEIPT_WANTED = 1
"""An SMSC delivery receipt, whether it was delivered or failed. Section 5.2.17."""
_LONGEST_SHORT_CODE = 8


def _type_of_sender(sender_id: str) -> tuple[int, int]:
    """Type and plan of a source address: a name, a short code or a number. As is usual; the vendor names none."""
    if not isinstance(sender_id, str):
        raise WrongType(f"sender_id is a {type(sender_id).__name__}: give a str")
    if not sender_id:
        raise InvalidInput("sender_id is empty")
    if not (sender_id.isascii() and sender_id.isdigit()):
        return _ALPHANUMERIC, 0
    return (_NETWORK_SPECIFIC, 0) if len(sender_id) <= _LONGEST_SHORT_CODE else (_INTERNATIONAL, _ISDN)


class Receiver:
    """Receives delivery receipts and incoming texts over SMPP 3.4, bound as a receiver; also a context manager.

    Made, it is bound. When the connection is lost it binds again, with growing pauses of up to 30 seconds, until it
    is closed or the password is refused, which is logged as an error and told by `wait`. It goes on until it is
    closed, whether or not somebody keeps it; in the process that made it, not in a fork of that.

    :param handler: is given a `Receipt` or an `IncomingText`, one after the other, in a thread of its own. What it
        was given is acknowledged only when it has returned. If it raises, or the connection is lost meanwhile, the
        service delivers again: the same one may come twice. The parts of a long text are put together by the
        application, with `reassemble`: each is acknowledged by itself, and some services send the next only then, so
        that a part held back here would hold up the rest, and one acknowledged but held in memory would be lost with
        the process.
    :param deliveries: is told each receipt before the handler is; see `Deliveries`.

    The others are those of `Transmitter`, and so is what is raised where it can't be bound.
    """

    def __init__(
        self,
        host: str,
        port: int,
        system_id: str,
        password: str | Secret,
        handler: Callable[[Receipt | IncomingText], object],
        *,
        tls: ssl.SSLContext | bool | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
        system_type: str = "",
        enquire_after: float = 20.0,
        deliveries: Deliveries | None = None,
    ) -> None:
        password = secret = password if isinstance(password, Secret) else Secret(password)
        if not callable(handler):
            raise WrongType(f"handler is a {type(handler).__name__}: give a function")
        self._handler = handler
        self._deliveries = deliveries
        self._reply_timeout = checked_timeout(timeout)[1]
        self._closed = threading.Event()
        self._incoming: queue.SimpleQueue[tuple[Session, DeliverSm] | None] = queue.SimpleQueue()
        self._link = Link(
            host,
            port,
            BindReceiver(sequence_number=1, system_id=system_id, password=secret, system_type=system_type),
            tls=tls,
            timeout=timeout,
            enquire_after=enquire_after,
            reconnect_for=math.inf,
            on_incoming=self._take,
        )
        self._name = f"{type(self).__name__}({host}:{port})"
        self._worker = threading.Thread(target=self._work, name=f"mspace-legacy handler {self._name}", daemon=True)
        self._worker.start()

    _name = "Receiver"

    def __repr__(self) -> str:
        return self._name

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is closed, for `timeout` seconds at most; False where time was up before.

        :raises MSpaceError: what ended it, where that was not `close`.
        """
        return self._link.wait(timeout)

    def close(self) -> None:
        """Let the handler finish what it has begun, unbind and close. A second time does nothing.

        It waits for the handler as long as for an answer; called by the handler itself, it does not wait.
        """
        self._closed.set()
        self._incoming.put(None)
        if threading.current_thread() is not self._worker:
            self._worker.join(self._reply_timeout)
            self._link.close(0)

    def _take(self, session: Session, request: DeliverSm) -> None:
        if self._closed.is_set() or self._incoming.qsize() >= _MOST_UNHANDLED:
            self._link.answer(session, request, CommandStatus.ESME_RX_T_APPN)
        else:
            self._incoming.put((session, request))

    def _work(self) -> None:
        while (came := self._incoming.get()) is not None:
            session, request = came
            if self._closed.is_set():
                self._link.answer(session, request, CommandStatus.ESME_RX_T_APPN)
            elif self._link.is_current(session):
                # What came by a connection that was lost comes again.
                self._link.answer(session, request, self._handled(request))
        self._link.close(0)

    def _handled(self, request: DeliverSm) -> int:
        """The command_status to answer with."""
        try:
            receipt = read_receipt(request)
            if receipt and self._deliveries:
                self._deliveries.match(receipt)
            self._handler(receipt or read_part(request))
        except BaseException as error:
            # Whatever it is: the message must come again, and the thread must live. Its text may hold what was sent.
            _log.error("the handler failed, the message will be delivered again: %s", type(error).__name__)
            return CommandStatus.ESME_RX_T_APPN
        return CommandStatus.ESME_ROK
