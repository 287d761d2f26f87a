"""A bind that is kept: its one lock and its one thread, who reads and writes, and a new connection where one is lost.

A message that was handed to the connection and not answered is an `OutcomeUnknown`; one of which no octet was is sent
when there is a connection again.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import math
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable

import tenacity

from mspace_legacy import errors
from mspace_legacy.checks import seconds
from mspace_legacy.errors import (
    ClosedError,
    InvalidInput,
    MSpaceError,
    NotSent,
    ReplyLost,
    ServiceError,
    TransportFault,
    WrongType,
    outcome_unknown,
)
from mspace_legacy.smpp.answers import contradiction, refusal
from mspace_legacy.smpp.connection import Connection, diagnosis
from mspace_legacy.smpp.pace import Pace
from mspace_legacy.smpp.pdu import (
    BindReceiver,
    BindTransmitter,
    CommandStatus,
    DeliverSm,
    Pdu,
    SubmitSmResp,
    encode,
)
from mspace_legacy.smpp.sending import QueuedPart, Sending
from mspace_legacy.smpp.session import (
    Answered,
    Bound,
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

__all__ = ["Link"]

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
        self._pending: list[tuple[int, QueuedPart]] = []
        """A heap, so that a part that was throttled is again before those that came after it."""
        self._under_way: dict[QueuedPart, None] = {}
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
        self._binding: Connection | None = None
        """One whose bind is not answered yet."""
        # Here, not in the thread, so that a wrong password is told to whoever gave it.
        self._connection: Connection | None = self._connected()
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

        It waits as long as something is answered every `grace` seconds; what still waits for its turn after that
        is not sent. With `cancel_pending`, none of what waits is sent.
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
        self._note_use(time.monotonic())
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

    def _may_submit(self, connection: Connection) -> bool:
        """Whether there is something to be submitted, and room for it. Not on a connection of which no more comes."""
        return bool(self._pending) and not connection.over and connection.session.may_submit

    def _next_time(self, connection: Connection) -> float:
        following = connection.session.next_time
        return min(following, self._pace.next_time) if self._may_submit(connection) else following

    def _settle(self, part: QueuedPart, message_id: str | None = None, error: MSpaceError | None = None) -> None:
        is_settled = part.sending.settle(part, message_id, error)
        self._under_way.pop(part, None)
        if is_settled:
            self._have_finished(part.sending)
        self._changed.notify_all()

    def _have_finished(self, sending: Sending) -> None:
        (self._settled_attended if sending.is_attended else self._settled).append(sending)

    def _slow_down(self, part: QueuedPart, response: ServiceError, now: float) -> None:
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

    def _again(self, part: QueuedPart) -> None:
        """Have a part wait of which the service certainly has nothing."""
        part.begun = False
        self._wait_again(part)
        self._under_way.pop(part, None)

    def _wait_again(self, part: QueuedPart) -> None:
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

    def _turn(self, connection: Connection) -> None:
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

    def _answered(self, part: QueuedPart, response: Pdu, now: float) -> None:
        self._note_use(now)
        if told := contradiction(response):
            self._settle(part, error=_unknown(told, "broken"))
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

    def _serve(self, connection: Connection) -> None:
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

    def _find_what_was_lost(self, connection: Connection) -> None:
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
        left = self._time_to_reconnect()
        if self._failures and left:
            self._stop.wait(min(_FIRST_RETRY * 2.0 ** min(self._failures, 16), _LONGEST_RETRY, left))
            left = self._time_to_reconnect()
        if not left:
            raise self._no_connection("each is lost as soon as it is there", "not-connected")
        self._failures += 1

    def _time_to_reconnect(self) -> float:
        return max(0.0, self._useful + self._reconnect_for - time.monotonic())

    def _retrying(self) -> tenacity.Retrying:
        growing = tenacity.wait_exponential(_FIRST_RETRY, _LONGEST_RETRY) + tenacity.wait_random(0, _FIRST_RETRY)
        return tenacity.Retrying(
            stop=tenacity.stop_after_delay(self._time_to_reconnect()) | tenacity.stop_when_event_set(self._stop),
            # The last attempt is made as the time ends.
            wait=lambda state: min(growing(state), self._time_to_reconnect()),
            retry=tenacity.retry_if_exception(_may_pass),
            sleep=tenacity.sleep_using_event(self._stop),
            reraise=True,
        )

    def _connected(self) -> Connection:
        """A connection with a session that is bound.

        :raises NotSent: no connection, or no answer.
        :raises ServiceError: the bind was refused.
        """
        connection = self._opened()
        if isinstance(connection, NotSent):
            raise connection
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

    def _opened(self) -> Connection | NotSent:
        session = Session(
            window=self._window,
            enquire_after=self._enquire_after,
            response_timeout=self._reply_timeout,
            numbered_from=self._last_number,
        )
        opened: socket.socket | None = None
        try:
            opened = socket.create_connection(self._address, self._connect_timeout)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                opened = self._tls.wrap_socket(opened, server_hostname=self._address[0])
            return Connection(opened, session)
        except (OSError, ValueError) as error:
            if opened is not None:
                opened.close()
            fault, reason = diagnosis(error)
            return self._no_connection(reason, fault)

    def _ask_to_be_bound(self, connection: Connection) -> None:
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
