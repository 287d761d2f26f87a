"""A bind that is kept: the connection, the session on it, and who reads and writes; bound again when it is lost.

A message that was handed to the connection and not answered is an `OutcomeUnknown`; one of which no octet was is sent
when there is a connection again.
"""

from __future__ import annotations

import contextlib
import copy
import heapq
import itertools
import logging
import math
import os
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass

import tenacity

from mspace_legacy import errors
from mspace_legacy.checks import seconds
from mspace_legacy.errors import (
    ClosedError,
    InvalidInput,
    MSpaceError,
    NotSent,
    OutcomeUnknown,
    ReplyLost,
    ServiceError,
    TransportFault,
    WrongType,
    outcome_unknown,
    partly_sent,
)
from mspace_legacy.smpp.deliveries import Deliveries, SubmittedMessage
from mspace_legacy.smpp.pace import Pace
from mspace_legacy.smpp.pdu import (
    BindReceiver,
    BindTransmitter,
    CommandStatus,
    DeliverSm,
    GenericNack,
    Pdu,
    SubmitSmResp,
    encode,
    status_name,
)
from mspace_legacy.smpp.session import (
    Answered,
    Bound,
    Chunk,
    Ended,
    Event,
    Incoming,
    Session,
    State,
    Stray,
    Unanswered,
    Unreadable,
)
from mspace_legacy.transport.network import Timeout, checked_timeout

__all__ = ["Link", "Sending", "refusal"]

_log = logging.getLogger("mspace_legacy.smpp")

_SLOW_DOWN = (CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL)
_MOST_PASSED_OVER = 10
"""How often a message is throttled while the service takes others, before it is given up."""

_OFFERS_IN_A_ROW = 3
"""How often a message that is throttled is offered before the next one is."""

_FIRST_RETRY, _LONGEST_RETRY = 0.2, 30.0
"""Seconds before connecting again; doubled each time. A bind that held for longer than the longest was of use."""

_MOST_PENDING = 10_000
"""Parts that wait for the window before `offer` waits too."""

_LENT = 0.02
"""Seconds without a thread in `attend`, after which the link's own thread reads again."""

_LONGEST_UNBIND = 5.0
"""Seconds that the answer to unbind may take."""

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Where the system has it: Linux."""

_READ = 1 << 16
_MOST_WRITTEN = 64
"""PDUs in one write."""

_MOST_UNWRITTEN = 20_000
"""PDUs. A service that has so many answers made, and reads none of them, is left."""


class Sending:
    """A message on its way: its parts, and the future that tells what became of them."""

    def __init__(
        self, message: SubmittedMessage, octets: list[bytes], deliveries: Deliveries | None, *, attended: bool
    ) -> None:
        self.is_attended = attended
        """Whether a thread waits in `Link.attend` for it: then nobody else has the future, and it calls nobody."""
        self.future: Future[SubmittedMessage] = Future()
        self._octets = octets
        self._message = message
        self._deliveries = deliveries
        self._error: MSpaceError | None = None
        self._ids: list[str | None] = [None] * len(octets)
        self._open = set(range(len(octets)))
        """Places of the parts of which it is not known what became of them."""
        self._began: bool | None = None
        """Whether it was begun before anybody cancelled it, once that is decided."""
        self._is_told = False

    @property
    def is_settled(self) -> bool:
        """Whether it is known of each part what became of it."""
        return not self._open

    def parts(self) -> list[_Part]:
        """What is to be sent. It is not kept here, as a ring of references would be left to the collector."""
        return [_Part(self, place, octets) for place, octets in enumerate(self._octets)]

    def is_wanted(self) -> bool:
        """Whether its next part is still to be sent: not when it was cancelled, nor after a part was refused."""
        return self._error is None and self._is_begun()

    def _is_begun(self) -> bool:
        if self._began is None:
            # Nobody can cancel what is attended. Of others it may have been decided just as an interruption came.
            self._began = self.is_attended or self.future.running() or self.future.set_running_or_notify_cancel()
        return self._began

    def settle(self, part: _Part, message_id: str | None, error: MSpaceError | None) -> bool:
        """Note what became of a part, once. Whether all is known: then `finish` is to be called, without a lock."""
        if part.place in self._open:
            self._ids[part.place] = message_id
            self._note(error)
            self._open.discard(part.place)
        return self.is_settled

    def give_up(self, error: MSpaceError) -> None:
        """Note the same of all parts of which nothing is known yet."""
        if self._open:
            self._note(error)
            self._open.clear()

    def _note(self, error: MSpaceError | None) -> None:
        if error is not None and (self._error is None or _gravity(error) > _gravity(self._error)):
            self._error = error

    def finish(self) -> None:
        """Tell the deliveries and the future, once."""
        if self._is_told:
            return
        sent = self._message
        message = SubmittedMessage(sent.sender_id, sent.recipient, sent.message, tuple(self._ids))
        if self._deliveries:
            self._deliveries.add(message)
        if not self._is_begun():
            return
        # An interruption may have come just as it was told.
        with contextlib.suppress(InvalidStateError):
            self._tell(message)
        self._is_told = True

    def _tell(self, message: SubmittedMessage) -> None:
        if self._error is None:
            self.future.set_result(message)
            return
        # Of its own, as others may be given up for the same reason.
        error = copy.copy(self._error)
        if taken := len(self._ids) - self._ids.count(None):
            error = partly_sent(error, f"{taken} of {len(self._ids)} segments were taken")
        error.message = message
        self.future.set_exception(error)


def _gravity(error: MSpaceError) -> int:
    """Of what several parts met with, what is told of the whole: first that it may have been taken."""
    return 2 if isinstance(error, OutcomeUnknown) else 0 if isinstance(error, NotSent) else 1


@dataclass(slots=True, eq=False)
class _Part:
    """One submit_sm of a message. `begun` is set while an octet of it may have left, without an answer.

    `number` counts what was offered, `order` when it has its turn, `queued` and `submitted` when it was
    offered and when the session was given it, `newest_taken` which had been taken when it was throttled last.
    """

    sending: Sending
    place: int
    octets: bytes
    begun: bool = False
    number: int = 0
    order: int = 0
    queued: float = 0.0
    submitted: float = 0.0
    throttled: ServiceError | None = None
    newest_taken: int = -1
    offers: int = 0
    passed_over: int = 0


class _Connection:
    """One connection, and the session on it. Only `wait` and `wake` are for use without the link's lock."""

    def __init__(self, connection: socket.socket, session: Session) -> None:
        self.session = session
        self.since = time.monotonic()
        self.over = ""
        """Why it is of no more use, once it is not."""
        self.wakes_at = -math.inf
        """When `wait` ends by itself, while somebody is in it or about to be."""
        self.came_with_the_bind: list[Event] = []
        """What nothing that is submitted later can have caused."""
        self._socket = connection
        self._encrypted = isinstance(connection, ssl.SSLSocket)
        self._outbox: deque[Chunk] = deque()
        self._is_busy = False
        """Whether somebody reads or writes; or did, when an interruption came."""
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (connection, self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._waits_to_write = False
        self._is_to_acknowledge = False
        """Whether something was read, and nothing written since, by which TCP would have acknowledged it. It would
        wait for that for 40 ms, and a service that leaves Nagle's algorithm on writes no other answer before."""

    def close(self) -> None:
        self._selector.close()
        for end in (self._socket, self._wake_reader, self._wake_writer):
            end.close()

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody is in `wait`, or about to be."""
        return self.wakes_at > -math.inf

    def wake(self) -> None:
        """End the `wait` of another thread."""
        if self.is_waited_for:
            with contextlib.suppress(BlockingIOError):
                self._wake_writer.send(b"\0")

    def wait(self) -> None:
        """Wait until there is something to read, or to write if that is waited for, or until `wakes_at`."""
        if _QUICKACK is not None and self._is_to_acknowledge:
            self._is_to_acknowledge = False
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        seconds = self.wakes_at - time.monotonic()
        for key, _ in self._selector.select(None if seconds == math.inf else max(0.0, seconds)):
            if key.fileobj is self._wake_reader:
                self._wake_reader.recv(_READ)

    def read(self) -> bytes:
        """What has come; sets `over` if nothing more will."""
        self.wakes_at = -math.inf
        if not self._begin():
            return b""
        data = self._received()
        self._is_to_acknowledge = bool(data)
        self._is_busy = False
        return data

    def write(self) -> None:
        """Write what the session has to say, as far as it is taken."""
        if not self._begin():
            return
        self._outbox.extend(self.session.take())
        while self._outbox and self._written():
            pass
        if len(self._outbox) > _MOST_UNWRITTEN:
            self.over = self.over or "it reads nothing"
        self._is_busy = False
        if self._waits_to_write != bool(self._outbox):
            self._waits_to_write = not self._waits_to_write
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._waits_to_write else 0)
            self._selector.modify(self._socket, events)
            self.wake()

    def _begin(self) -> bool:
        """Whether there may be read or written: not after an interruption, as nobody knows how far it had come."""
        if self._is_busy:
            self.over = self.over or "interrupted"
            return False
        self._is_busy = True
        return True

    def _received(self) -> bytes:
        try:
            data = self._socket.recv(_READ)
            if not data:
                self.over = self.over or "the connection was closed"
            elif isinstance(self._socket, ssl.SSLSocket):
                # What was decrypted already does not wake anybody.
                while waiting := self._socket.pending():
                    data += self._socket.recv(waiting)
            return data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as error:
            self.over = self.over or _diagnosis(error)[1]
            return b""

    def _written(self) -> bool:
        """Write once. A part counts as begun while it can't be known that nothing of it has left."""
        chunks = list(itertools.islice(self._outbox, _MOST_WRITTEN))
        fresh = [part for _, part in chunks if part is not None and not part.begun]
        for part in fresh:
            part.begun = True
        try:
            count = self._socket.send(b"".join(octets for octets, _ in chunks))
        except OSError:
            # A socket that fails has taken nothing, but TLS may have sent a part of what it has encrypted. If it
            # fails for good, reading will say so.
            if not self._encrypted:
                for part in fresh:
                    part.begun = False
            return False
        self._is_to_acknowledge = False
        for octets, part in chunks:
            if count >= len(octets):
                self._outbox.popleft()
            elif count > 0:
                self._outbox[0] = Chunk(octets[count:], part)
            elif part in fresh and not self._encrypted:
                part.begun = False
            count = max(0, count - len(octets))
        return True


class Link:
    """A bind that is kept, and the thread that reads, writes and begins anew.

    One lock guards all of it, and nobody waits while holding it: the socket does not block, and futures and handlers
    are told without it. One thread at a time drives, that is waits for the socket and does what has come. Mostly it
    is the link's own; while a thread waits in `attend`, it is that one, which saves two changes of threads. But
    whatever may call an application is left to the link's own.

    It belongs to the process that made it: in a fork of that, the connection is still the other one's.
    """

    def __init__(
        self,
        host: str,
        port: int,
        bind: BindTransmitter | BindReceiver,
        *,
        tls: ssl.SSLContext | bool | None,
        timeout: Timeout,
        enquire_after: float,
        reconnect_for: float,
        throttled_for: float = math.inf,
        window: int = 1,
        on_incoming: Callable[[Session, DeliverSm], None] | None = None,
    ) -> None:
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
            raise InvalidInput(f"port is {port!r}: a whole number from 1 to 65535, such as 2775")
        _check_host(host)
        # What does not fit is told before anybody is bothered.
        encode(bind)
        self._address = (host, port)
        self._bind = bind
        self._tls = ssl.create_default_context() if tls is True else tls or None
        self._connect_timeout, self._reply_timeout = checked_timeout(timeout)
        self._enquire_after = seconds("enquire_after", enquire_after, or_for_ever=True)
        self._reconnect_for = seconds("reconnect_for", reconnect_for, or_for_ever=True)
        self._throttled_for = seconds("throttled_for", throttled_for, or_for_ever=True)
        self._window = window
        self._on_incoming = on_incoming
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._parked = threading.Condition(self._lock)
        self._driver: threading.Thread | None = None
        self._lent_until = -math.inf
        self._process = os.getpid()
        self._order = itertools.count()
        self._pending: list[tuple[int, _Part]] = []
        """A heap, so that a part that was throttled is again before those that came after it."""
        self._under_way: dict[_Part, None] = {}
        self._settled: deque[Sending] = deque()
        self._settled_attended: deque[Sending] = deque()
        """Messages of which all is settled and whose futures are to be told, those of `attend` by any thread."""
        self._unfinished: dict[Sending, None] = {}
        """All that were offered and not told: an interruption may lose one that is on its way between the others."""
        self._pace = Pace()
        self._newest_taken = -1
        self._throttled_since: float | None = None
        """Since when everything is throttled, if it is."""
        self._closing = False
        self._unbinding = False
        self._stop = threading.Event()
        self._failures = 0
        self._last_number = 0
        self._useful = time.monotonic()
        """When the bind was last of use: its outage is reckoned from then."""
        self._ended: MSpaceError | None = None
        self._thread: threading.Thread | None = None
        self._binding: _Connection | None = None
        """One whose bind is not answered yet."""
        # Here, not in the thread, so that a wrong password is told to whoever gave it.
        self._connection: _Connection | None = self._connected()
        self._start()

    def __str__(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    @property
    def is_in_callback(self) -> bool:
        """Whether this thread is just telling a future: were it to wait for another one, nobody would drive."""
        return threading.current_thread() is self._thread

    # Called by any thread

    def offer(self, sending: Sending) -> None:
        """Send the parts of a message in their turn. Waits only where very many are waiting already."""
        if os.getpid() != self._process:
            # Its lock may be held by a thread that is not here, and the connection is not ours to write to.
            raise ClosedError(f"the bind belongs to process {self._process}, of which this is a fork: make one here")
        with self._lock:
            while len(self._pending) >= _MOST_PENDING and not (self._closing or self.is_in_callback):
                self._changed.wait()
            if self._closing:
                raise ClosedError("the transmitter was closed before")
            now = time.monotonic()
            self._unfinished[sending] = None
            for part in sending.parts():
                part.number = part.order = next(self._order)
                part.queued = now
                self._wait_again(part)
            if self._thread is None:
                self._start()
            try:
                self._advance()
            except BaseException:
                self._break_off()
                raise
            if self._driver is None and not sending.is_attended:
                self._parked.notify()

    def attend(self, sending: Sending) -> None:
        """Drive until a message is finished, if nobody else does. It may not be finished when this returns."""
        driving = False
        try:
            with self._lock:
                connection = self._connection
                if self._driver is not None or connection is None:
                    self._lent_until = time.monotonic() + _LENT
                    return
                driving, self._driver = True, threading.current_thread()
            while True:
                self._finish(self._settled_attended)
                # Not until it is finished: the link's own thread may be just about to, and wakes nobody.
                if sending.is_settled or connection.over:
                    return
                self._turn(connection)
        except BaseException:
            self._break_off()
            raise
        finally:
            if driving:
                # At once: were an interruption to come as it waits for the lock, nobody would drive any more.
                self._driver = None
                with self._lock:
                    self._lent_until = time.monotonic() + _LENT
                    if (connection is not None and connection.over) or self._settled or not self._is_idle():
                        self._parked.notify()

    def is_current(self, session: Session) -> bool:
        """Whether what came by this session can still be answered."""
        connection = self._connection
        return connection is not None and connection.session is session

    def answer(self, session: Session, request: DeliverSm, command_status: int) -> None:
        """Answer a deliver_sm, if the connection that it came by is still there: else it is delivered again."""
        with self._lock:
            if self.is_current(session):
                now = time.monotonic()
                session.answer(request, command_status, now)
                self._note_use(now)
                self._advance()

    def wait(self, timeout: float | None) -> bool:
        """Wait until the bind was given up; raises why, if not because of `close`. False where time was up before."""
        with self._lock:
            if not self._changed.wait_for(lambda: self._thread is None, timeout):
                return False
            if self._ended is not None:
                raise self._ended
            return True

    def close(self, grace: float, *, cancel_pending: bool = False, wait: bool = True) -> None:
        """Wait for what is under way, unbind, and close. In a callback, or if told so, it does not wait.

        It waits as long as something is answered every `grace` seconds; what still waits for its turn then is not
        sent, nor where `cancel_pending` says so.
        """
        if os.getpid() != self._process:
            return
        with self._lock:
            thread = self._thread
            self._closing = True
            if cancel_pending:
                self._settle_pending("it was closed")
            self._changed.notify_all()
            self._advance()
            if self.is_in_callback or not wait:
                return
            while not self._changed.wait_for(self._is_over, grace) and time.monotonic() - self._useful < grace:
                pass
            self._settle_pending("it was closed")
            self._unbind()
            self._advance()
            self._changed.wait_for(lambda: self._thread is None, min(self._reply_timeout, _LONGEST_UNBIND))
            self._stop_connecting()
            if self._connection is not None:
                self._connection.over = self._connection.over or "it was closed"
                self._connection.wake()
            self._parked.notify()
        if thread is not None:
            # Until there is a connection it can't be called off.
            thread.join(self._connect_timeout + self._reply_timeout)

    def let_go(self) -> None:
        """End when nothing is under way any more: nobody can offer anything from now on. Waits for nothing."""
        self._closing = True
        if os.getpid() != self._process:
            return
        connection = self._connection
        # It may just be closed, as the lock is not held: whoever holds it might be this very thread.
        with contextlib.suppress(OSError):
            if connection is not None:
                connection.wake()
            elif self._is_idle():
                self._stop_connecting()

    def _break_off(self) -> None:
        """After an interruption: nothing that it may have left half done is gone on with."""
        with self._lock:
            if self._connection is not None:
                self._connection.over = "interrupted"
                self._connection.wake()

    # Called with the lock held

    def _start(self) -> None:
        self._ended = None
        self._useful = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"mspace-legacy smpp {self}", daemon=True)
        self._thread.start()

    def _is_idle(self) -> bool:
        return not self._pending and not self._under_way

    def _is_over(self) -> bool:
        return self._thread is None or self._is_idle()

    def _note_use(self, now: float) -> None:
        self._useful = now
        self._failures = 0

    def _advance(self) -> None:
        """Hand on what may be sent by now: from those that wait to the session, and from that to the socket."""
        connection = self._connection
        if connection is None:
            if self._closing and self._is_idle():
                self._stop_connecting()
            return
        session = connection.session
        now = time.monotonic()
        while self._may_submit(connection) and now >= self._pace.next_time:
            _, part = self._pending[0]
            self._under_way[part] = None
            heapq.heappop(self._pending)
            if part.sending.is_wanted():
                session.submit(part.octets, part, now)
                part.submitted = now
                self._pace.submitted(now)
            else:
                self._settle(part)
        if self._closing and self._is_idle():
            self._unbind()
        connection.write()
        if connection.is_waited_for and connection.wakes_at > self._next_time(connection):
            connection.wake()

    def _stop_connecting(self) -> None:
        self._stop.set()
        if self._binding is not None:
            self._binding.wake()

    def _unbind(self) -> None:
        if not self._unbinding and self._connection is not None:
            self._unbinding = True
            self._connection.session.unbind(time.monotonic())

    def _may_submit(self, connection: _Connection) -> bool:
        """Whether there is something to be submitted, and room for it. Not on a connection of which no more comes."""
        return bool(self._pending) and not connection.over and connection.session.may_submit

    def _next_time(self, connection: _Connection) -> float:
        following = connection.session.next_time
        return min(following, self._pace.next_time) if self._may_submit(connection) else following

    def _settle(self, part: _Part, message_id: str | None = None, error: MSpaceError | None = None) -> None:
        is_settled = part.sending.settle(part, message_id, error)
        self._under_way.pop(part, None)
        if is_settled:
            self._have_finished(part.sending)
        self._changed.notify_all()

    def _have_finished(self, sending: Sending) -> None:
        (self._settled_attended if sending.is_attended else self._settled).append(sending)

    def _slow_down(self, part: _Part, response: ServiceError, now: float) -> None:
        """Offer a part again after a pause, unless that has gone on for too long."""
        if self._throttled_since is None:
            self._throttled_since = now
        if part.throttled and self._newest_taken > max(part.number, part.newest_taken):
            # Others are taken, and it must not keep them back.
            part.passed_over += 1
            part.order = next(self._order)
            self._pace.passed_over(now)
        else:
            self._pace.throttled(part.submitted, now)
            part.offers += 1
            if part.offers % _OFFERS_IN_A_ROW == 0 and self._pending:
                # Would another one be taken?
                _, other = heapq.heappop(self._pending)
                part.order, other.order = other.order, part.order
                self._wait_again(other)
        part.throttled, part.newest_taken = response, self._newest_taken
        if part.passed_over >= _MOST_PASSED_OVER:
            self._settle(part, error=response)
        else:
            self._again(part)
            if now - self._throttled_since >= self._throttled_for:
                self._give_up(response, now)

    def _give_up(self, response: ServiceError, now: float) -> None:
        """Nothing was taken for too long: what has waited through all of that is not offered any more."""
        pending, self._pending = self._pending, []
        for _, part in pending:
            if now - part.queued >= self._throttled_for:
                self._settle(part, error=part.throttled or response)
            else:
                self._wait_again(part)

    def _again(self, part: _Part) -> None:
        """Have a part wait of which the service certainly has nothing."""
        part.begun = False
        self._wait_again(part)
        self._under_way.pop(part, None)

    def _wait_again(self, part: _Part) -> None:
        heapq.heappush(self._pending, (part.order, part))

    def _settle_pending(self, reason: object) -> None:
        """Nothing that waits will be sent."""
        were_any = bool(self._pending)
        while self._pending:
            _, part = self._pending[0]
            not_sent = NotSent(f"submit_sm: not sent: {reason}", fault="not-connected")
            self._settle(part, error=part.throttled or not_sent)
            heapq.heappop(self._pending)
        if were_any and self._connection is not None:
            # Who drives is to tell the futures.
            self._connection.wake()

    # Called by who drives

    def _turn(self, connection: _Connection) -> None:
        """Wait until there is something to do on the connection, and do it."""
        connection.wait()
        incoming = []
        session = connection.session
        with self._lock:
            data = connection.read()
            now = time.monotonic()
            early, connection.came_with_the_bind = connection.came_with_the_bind, []
            for event in itertools.chain(early, session.receive(data, now), session.check_time(now)):
                match event:
                    case Answered(part, _) if not part.begun:
                        # It lies in the outbox: taken at its word it would be told as sent, or sent once more.
                        connection.over = "it answered what it had not been sent"
                    case Answered(part, response):
                        self._answered(part, response, now)
                    case Unanswered(part) if part.begun:
                        self._settle(part, error=_unknown(f"no answer in {self._reply_timeout:g} seconds", "timeout"))
                    case Unanswered(part):
                        # It lies in the outbox, which can't be taken back: the next connection begins with it.
                        connection.over = "it takes nothing more"
                    case Incoming(request):
                        incoming.append(request)
                    case Ended(reason):
                        connection.over = reason
                    case _:
                        self._warn(event)
            self._advance()
            connection.wakes_at = self._next_time(connection)
            if self._settled and threading.current_thread() is not self._thread:
                self._parked.notify()
        for request in incoming:
            if self._on_incoming is not None:
                self._on_incoming(session, request)

    def _warn(self, event: Event) -> None:
        """Log what is of no use."""
        match event:
            case Unreadable(error):
                _log.warning("%s: the service sent what can't be read: %s", self, error)
            case Stray(response):
                _log.warning("%s: an answer that nothing waits for: %s", self, type(response).__name__)

    def _answered(self, part: _Part, response: Pdu, now: float) -> None:
        self._note_use(now)
        if contradiction := _contradiction(response):
            self._settle(part, error=_unknown(contradiction, "broken"))
            return
        if isinstance(response, SubmitSmResp) and not response.command_status:
            self._newest_taken = max(self._newest_taken, part.number)
            self._throttled_since = None
            self._pace.accepted(now)
            self._settle(part, response.message_id)
        elif response.command_status in _SLOW_DOWN:
            self._slow_down(part, refusal(response, "submit_sm"), now)
        else:
            self._settle(part, error=refusal(response, "submit_sm"))

    def _finish(self, settled: deque[Sending]) -> None:
        """Tell the futures, without the lock: what they call may call us."""
        while True:
            try:
                sending = settled.popleft()
            except IndexError:
                return
            try:
                sending.finish()
                self._unfinished.pop(sending, None)
            except BaseException as error:
                # A future's callback can raise what is no Exception; that must not end the thread.
                if isinstance(error, KeyboardInterrupt) and threading.current_thread() is not self._thread:
                    raise
                _log.error("a future's callback failed: %s", type(error).__name__)
                self._unfinished.pop(sending, None)

    def _finish_all(self) -> None:
        self._finish(self._settled_attended)
        self._finish(self._settled)

    # The thread

    def _run(self) -> None:
        failure: MSpaceError | None = None
        try:
            while True:
                if self._connection is None:
                    if self._closing:
                        break
                    there = self._retrying()(self._connected)
                    with self._lock:
                        self._connection, self._unbinding = there, False
                self._serve(self._connection)
                self._lose()
                self._pause_before_the_next()
        except MSpaceError as error:
            failure = error
            if not self._closing:
                _log.error("%s: the bind is given up: %s", self, error)
        finally:
            # Whatever happened, nobody is to wait for ever.
            self._lose()
            with self._lock:
                self._ended = failure
                self._thread = None
                self._settle_pending(failure or "it was closed")
                self._changed.notify_all()
            self._finish_all()

    def _serve(self, connection: _Connection) -> None:
        """Drive until the connection is over, except while another thread does."""
        while not connection.over:
            self._finish_all()
            with self._lock:
                now = time.monotonic()
                if self._driver is not None or (now < self._lent_until and self._is_idle()):
                    if not self._settled:
                        self._parked.wait(_LENT)
                    continue
                self._driver = self._thread
            try:
                self._turn(connection)
            finally:
                self._driver = None
        # Another thread may still be at it.
        with self._lock:
            while self._driver is not None:
                connection.wake()
                self._parked.wait(_LENT)

    def _lose(self) -> None:
        """Close the connection. What was begun is unknown now; what was not is sent by the next one."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            self._last_number = connection.session.number
            connection.close()
            queued = {part for _, part in self._pending}
            for part in list(self._under_way):
                if part.begun:
                    self._settle(part, error=_unknown(connection.over, "closed"))
                elif part in queued:
                    # An interruption came as it was taken from there.
                    self._under_way.pop(part)
                else:
                    self._again(part)
            self._find_what_was_lost(connection)
            if not self._closing:
                _log.warning("%s: connection lost: %s", self, connection.over)
            now = time.monotonic()
            if now - connection.since > min(_LONGEST_RETRY, self._reconnect_for):
                self._note_use(now)
        self._finish_all()

    def _find_what_was_lost(self, connection: _Connection) -> None:
        """Where an interruption ended a connection: of what it was just dealing with, nobody knows anything."""
        known = {part.sending for _, part in self._pending}.union(self._settled, self._settled_attended)
        for sending in list(self._unfinished):
            if sending not in known:
                sending.give_up(_unknown(connection.over, "closed"))
                self._have_finished(sending)

    def _pause_before_the_next(self) -> None:
        """A service that hangs up as soon as it is bound to is not to be called again and again, nor for ever."""
        if self._closing:
            return
        if time.monotonic() - self._useful >= self._reconnect_for:
            raise self._no_connection("each is lost as soon as it is there", "not-connected")
        if self._failures:
            self._stop.wait(min(_FIRST_RETRY * 2.0 ** min(self._failures, 16), _LONGEST_RETRY))
        self._failures += 1

    def _retrying(self) -> tenacity.Retrying:
        left = max(0.0, self._useful + self._reconnect_for - time.monotonic())
        return tenacity.Retrying(
            stop=tenacity.stop_after_delay(left) | tenacity.stop_when_event_set(self._stop),
            wait=tenacity.wait_exponential(_FIRST_RETRY, _LONGEST_RETRY) + tenacity.wait_random(0, _FIRST_RETRY),
            retry=tenacity.retry_if_exception(_may_pass),
            sleep=tenacity.sleep_using_event(self._stop),
            reraise=True,
        )

    def _connected(self) -> _Connection:
        """A connection with a session that is bound.

        :raises NotSent: no connection, or no answer.
        :raises ServiceError: the bind was refused.
        """
        opened = self._opened()
        if isinstance(opened, NotSent):
            raise opened
        connection = _Connection(
            opened,
            Session(
                window=self._window,
                enquire_after=self._enquire_after,
                response_timeout=self._reply_timeout,
                numbered_from=self._last_number,
            ),
        )
        bound = False
        try:
            self._binding = connection
            self._ask_to_be_bound(connection)
            bound = True
        finally:
            with self._lock:
                # Not while another thread is about to wake it.
                self._binding = None
                if not bound:
                    connection.close()
        return connection

    def _opened(self) -> socket.socket | NotSent:
        opened: socket.socket | None = None
        try:
            opened = socket.create_connection(self._address, self._connect_timeout)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return opened
            return self._tls.wrap_socket(opened, server_hostname=self._address[0])
        except (OSError, ValueError) as error:
            if opened is not None:
                opened.close()
            fault, reason = _diagnosis(error)
            return self._no_connection(reason, fault)

    def _ask_to_be_bound(self, connection: _Connection) -> None:
        session = connection.session
        session.bind(self._bind, time.monotonic())
        while True:
            connection.write()
            connection.wakes_at = session.next_time
            # Not before: who stops it from here on wakes it.
            if connection.over or self._stop.is_set():
                raise self._no_connection(connection.over or "it was closed", "not-connected")
            connection.wait()
            data = connection.read()
            now = time.monotonic()
            events = itertools.chain(session.receive(data, now), session.check_time(now))
            for event in events:
                if isinstance(event, Bound):
                    if session.state is State.UNBOUND:
                        raise refusal(event.response, "bind")
                    # It is dealt with in the first turn, which does not wait.
                    connection.came_with_the_bind = list(events)
                    connection.wakes_at = now
                    return
                self._warn(event)
                if isinstance(event, Ended):
                    connection.over = event.reason

    def _no_connection(self, reason: str, fault: TransportFault) -> NotSent:
        return NotSent(
            f"bind: no connection to {self}: {reason}; nothing was sent", fault=fault, host=self._address[0]
        )


def _unknown(reason: str, fault: TransportFault) -> ReplyLost:
    return outcome_unknown(ReplyLost(f"submit_sm: no answer: {reason}", fault=fault), "sendtext")


def _diagnosis(error: Exception) -> tuple[TransportFault, str]:
    match error:
        case socket.gaierror():
            return "unknown-host", "the host's name is not known"
        case ConnectionRefusedError():
            return "refused", "connection refused"
        case TimeoutError():
            return "connect-timeout", "it timed out"
        case ssl.SSLCertVerificationError():
            return "tls", f"TLS failed ({error.verify_message})"
        case ssl.SSLError():
            return "tls", "TLS failed"
        case ConnectionResetError() | BrokenPipeError():
            return "not-connected", "the connection was reset"
    return "not-connected", str(error) or type(error).__name__


_REFUSALS: dict[int, type[ServiceError]] = {
    CommandStatus.ESME_RINVPASWD: errors.AuthenticationError,
    CommandStatus.ESME_RINVSYSID: errors.AuthenticationError,
    CommandStatus.ESME_RINVSRCADR: errors.InvalidSenderId,
    CommandStatus.ESME_RINVDSTADR: errors.InvalidRecipient,
    CommandStatus.ESME_RINVBNDSTS: errors.WrongBindState,
    CommandStatus.ESME_RALYBND: errors.WrongBindState,
    CommandStatus.ESME_RTHROTTLED: errors.Throttled,
    CommandStatus.ESME_RMSGQFUL: errors.QueueFull,
}


def _contradiction(response: Pdu) -> str:
    """Why an answer to submit_sm tells neither that it was taken nor that it was refused; empty where it does."""
    if isinstance(response, GenericNack) and not response.command_status:
        return "refused by generic_nack as ESME_ROK"
    if isinstance(response, SubmitSmResp) and response.command_status and not _is_tag(response.message_id):
        return f"refused as {status_name(response.command_status)}, and given an id"
    return ""


def _is_tag(message_id: str) -> bool:
    """Whether there is no id, or what was read as one is the tag of a TLV, where a refusal has no body but that."""
    return not message_id or (message_id[0] < " " and not message_id[0].isspace())


def refusal(response: Pdu, request: str) -> ServiceError:
    """The error for a response: its `text` is the standard's name of the status, its `status` the number.

    A generic_nack is a refusal whatever its status.
    """
    status = response.command_status
    name = status_name(status)
    told = next((f"{name}, {known.description}" for known in CommandStatus if known == status), name)
    if isinstance(response, GenericNack):
        told = f"generic_nack, {told}"
    kind = _REFUSALS.get(status, ServiceError)
    return kind(f"{request}: the service says {told}", text=name, status=status)


def _check_host(host: str) -> None:
    if not isinstance(host, str):
        raise WrongType(f"host is a {type(host).__name__}: give a name or an address")
    if not host or any(sign.isspace() or sign in "@/[]" for sign in host):
        # What stands before an @ may be a password.
        shown = repr(f"...@{host.rpartition('@')[2]}" if "@" in host else host)
        raise InvalidInput(f"host is {shown}: a name or an address alone, such as 'smsc.example.com'")
    if host.count(":") == 1:
        # In an address of IPv6 there are more.
        raise InvalidInput(f"host is {host!r}: the port is given by itself")


def _may_pass(error: BaseException) -> bool:
    """Whether binding again may go better: not where the password is wrong."""
    return isinstance(error, (NotSent, ServiceError)) and not isinstance(error, errors.AuthenticationError)
