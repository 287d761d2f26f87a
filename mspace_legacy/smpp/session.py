"""A session of SMPP 3.4 as its client (an ESME) has it: what may be sent when, and what came. Pure.

Octets that came are given to `receive`, the time to `check_time`; both give events. What is to be sent, `take` gives.
Times are seconds of any clock that does not go back. The states are those of section 2.2, for the binds that the
vendor offers.
"""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mspace_legacy.errors import InvalidInput, ProtocolError
from mspace_legacy.smpp.pdu import (
    COMMANDS,
    LAST_SEQUENCE_NUMBER,
    RESPONSE,
    AlertNotification,
    BindReceiver,
    BindResp,
    BindTransmitter,
    CommandStatus,
    Decoder,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    SubmitSm,
    Unbind,
    UnbindResp,
    answer_to,
    encode,
)

__all__ = [
    "Answered",
    "Bound",
    "Chunk",
    "Ended",
    "Event",
    "Incoming",
    "Session",
    "State",
    "Stray",
    "Unanswered",
    "Unreadable",
]

_NUMBER = struct.Struct(">I")
_LONGEST_FAREWELL = 5.0
"""Seconds that the answers which are still due may take once the peer has asked to be unbound."""
_PLACE_OF_NUMBER = 12
"""Octets from the beginning of a PDU to its sequence_number. Section 3.2."""


class State(enum.Enum):
    """Where a session stands. Section 2.2."""

    OPEN = "open"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    UNBOUND = "unbound"


_BOUND = (State.BOUND_TX, State.BOUND_RX)


class Chunk(NamedTuple):
    """Octets to be sent, and the token of the submit_sm that they are, if any."""

    octets: bytes
    token: Any = None


@dataclass(frozen=True, slots=True)
class Bound:
    """The bind was answered. The session is bound then, or over where `response` is no consent."""

    response: Pdu


@dataclass(frozen=True, slots=True)
class Answered:
    """A submit_sm was answered, by a submit_sm_resp or a generic_nack."""

    token: Any
    response: Pdu


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A submit_sm got no answer in time: it may have been taken. An answer that still comes is a `Stray`."""

    token: Any


@dataclass(frozen=True, slots=True)
class Incoming:
    """A deliver_sm came, to be answered by `Session.answer`."""

    request: DeliverSm


@dataclass(frozen=True, slots=True)
class Stray:
    """An answer that nothing waits for: a second one, a late one, or one of another kind than its request."""

    response: Pdu


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over: close the connection once what `take` gives is sent. `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A PDU came that can't be read; the peer is told so where it was a request."""

    error: ProtocolError


Event = Bound | Answered | Unanswered | Incoming | Stray | Unreadable | Ended


class _Waiting(NamedTuple):
    """A request that has no answer yet."""

    kind: type[Pdu]
    token: Any
    since: float


class Session:
    """One bind, from the connection's beginning to its end.

    :param window: how many submit_sm may be without an answer at once. Section 2.4 leaves the number to both sides.
    :param enquire_after: seconds without anything sent, after which an enquire_link is. The vendor hangs up after 50.
    :param response_timeout: seconds that an answer may take.
    :param numbered_from: the last sequence_number of the session before, so that an answer which was meant for that
        one is a `Stray` here. Section 3.2 leaves it to us where they begin.
    """

    def __init__(
        self,
        *,
        window: int = 10,
        enquire_after: float = 20.0,
        response_timeout: float = 30.0,
        numbered_from: int = 0,
    ) -> None:
        self.state = State.OPEN
        self._window = window
        self._enquire_after = enquire_after
        self._response_timeout = response_timeout
        self._decoder = Decoder()
        self._out: list[Chunk] = []
        self._waiting: dict[int, _Waiting] = {}
        self._submitted = 0
        self.number = numbered_from
        """The last sequence_number that was given."""
        self._last_sent = 0.0
        self._last_received = 0.0
        self._unbinding = False
        self._farewell: tuple[Unbind, float] | None = None
        """The unbind that the peer sent, and until when its answer waits for those to submit_sm."""

    def bind(self, request: BindTransmitter | BindReceiver, now: float) -> None:
        """Ask to be bound. Its sequence number is set here, as that of every request.

        :raises InvalidInput: a field that is too long; nothing was sent.
        """
        self._request(encode(request), type(request), None, now)

    @property
    def may_submit(self) -> bool:
        """Whether it is bound as a transmitter, and there is room in the window."""
        return self.state is State.BOUND_TX and self._submitted < self._window and not self._unbinding

    def submit(self, octets: bytes, token: Any, now: float) -> None:
        """Send a submit_sm, as `encode` gave it. `token` comes back with its answer.

        :raises InvalidInput: `may_submit` is false.
        """
        if not self.may_submit:
            raise InvalidInput(f"submit_sm: the session is {self.state.value}, or its window is full")
        self._submitted += 1
        self._request(octets, SubmitSm, token, now)

    def unbind(self, now: float) -> None:
        """Ask to be unbound. What comes until the answer is still to be answered. Section 4.2."""
        self._unbinding = True
        self._request(encode(Unbind(sequence_number=1)), Unbind, None, now)

    def answer(self, request: DeliverSm, command_status: int, now: float) -> None:
        """Acknowledge a deliver_sm, or tell why not. Section 4.6.2."""
        self._send(DeliverSmResp(sequence_number=request.sequence_number, command_status=command_status), now)

    def take(self) -> list[Chunk]:
        """What is to be sent, in order; each is given once."""
        out, self._out = self._out, []
        return out

    @property
    def next_time(self) -> float:
        """When `check_time` has something to do, at the latest."""
        if self.state is State.UNBOUND:
            return math.inf
        oldest = next(iter(self._waiting.values()), None)
        late = oldest.since + self._response_timeout if oldest else math.inf
        return min(late, self._enquire_at, self._farewell[1] if self._farewell else math.inf)

    @property
    def _enquire_at(self) -> float:
        kept = self.state in _BOUND and not self._unbinding
        return self._last_sent + self._enquire_after if kept else math.inf

    def check_time(self, now: float) -> Iterator[Event]:
        """Send an enquire_link if it is due, and give up on what was not answered in time."""
        while self._waiting and self.state is not State.UNBOUND:
            # The first is the oldest.
            number, (kind, token, since) = next(iter(self._waiting.items()))
            if now < since + self._response_timeout:
                break
            del self._waiting[number]
            if kind is SubmitSm:
                self._submitted -= 1
                if self._last_received < since and self.state in _BOUND:
                    # Is anybody there? If not, that is the end.
                    self._request(encode(EnquireLink(sequence_number=1)), EnquireLink, None, now)
                yield Unanswered(token)
            else:
                self.state = State.UNBOUND
                yield Ended(f"no answer to {_name(kind)} in {self._response_timeout:g} seconds")
        if now >= self._enquire_at:
            self._request(encode(EnquireLink(sequence_number=1)), EnquireLink, None, now)
        if self._farewell:
            yield from self._left(self._farewell, now)

    def receive(self, data: bytes, now: float) -> Iterator[Event]:
        """What the octets that came mean."""
        if data:
            self._decoder.feed(data)
            self._last_received = now
        while self.state is not State.UNBOUND:
            try:
                pdu = self._decoder.next_pdu()
            except ProtocolError as error:
                if answer := answer_to(error):
                    self._send(answer, now)
                if error.stream_lost:
                    self.state = State.UNBOUND
                    yield Ended(f"what came is not SMPP: {error}")
                else:
                    yield Unreadable(error)
                continue
            if pdu is None:
                return
            event = self._answered(pdu) if pdu.is_response else self._asked(pdu, now)
            if event is not None:
                yield event
            if self._farewell:
                yield from self._left(self._farewell, now)

    def _asked(self, pdu: Pdu, now: float) -> Event | None:
        match pdu:
            case DeliverSm() if self.state is State.BOUND_RX:
                return Incoming(pdu)
            case EnquireLink():
                self._send(EnquireLinkResp(sequence_number=pdu.sequence_number), now)
            case Unbind():
                # What was submitted has been taken, or not: that is still to be told.
                self._farewell = self._farewell or (pdu, now + _LONGEST_FAREWELL)
                self._unbinding = True
            case Outbind() | AlertNotification():
                # They have no response, and we come by ourselves. Sections 4.1.7 and 4.12.
                pass
            case _:
                refusal = COMMANDS[pdu.command_id | RESPONSE]
                wrong = CommandStatus.ESME_RINVBNDSTS
                self._send(refusal(sequence_number=pdu.sequence_number, command_status=wrong), now)
        return None

    def _left(self, farewell: tuple[Unbind, float], now: float) -> Iterator[Event]:
        """Let the peer go that asked to be unbound, once it has answered what it was asked before. Section 4.2."""
        request, until = farewell
        if self.state is not State.UNBOUND and (not self._submitted or now >= until):
            self._send(UnbindResp(sequence_number=request.sequence_number), now)
            self.state = State.UNBOUND
            yield Ended("the service unbound")

    def _answered(self, pdu: Pdu) -> Event | None:
        waiting = self._waiting.get(pdu.sequence_number)
        if waiting is None:
            return Stray(pdu)
        if pdu.command_id not in (waiting.kind.command_id | RESPONSE, GenericNack.command_id):
            if self.state is not State.OPEN or not isinstance(pdu, BindResp):
                return Stray(pdu)
            # Its answer, and to another bind: to wait for a better one would be in vain.
            self.state = State.UNBOUND
            return Ended(f"{_name(waiting.kind)} was answered by {_name(type(pdu))}")
        del self._waiting[pdu.sequence_number]
        if waiting.kind is SubmitSm:
            self._submitted -= 1
            return Answered(waiting.token, pdu)
        if waiting.kind is Unbind:
            self.state = State.UNBOUND
            return Ended("unbound")
        if waiting.kind is EnquireLink:
            return None
        if not isinstance(pdu, BindResp) or pdu.command_status:
            self.state = State.UNBOUND
        else:
            self.state = State.BOUND_TX if waiting.kind is BindTransmitter else State.BOUND_RX
        return Bound(pdu)

    def _request(self, octets: bytes, kind: type[Pdu], token: Any, now: float) -> None:
        number = self._next_number()
        self._waiting[number] = _Waiting(kind, token, now)
        numbered = b"".join((octets[:_PLACE_OF_NUMBER], _NUMBER.pack(number), octets[_PLACE_OF_NUMBER + 4 :]))
        self._out.append(Chunk(numbered, token))
        self._last_sent = now

    def _next_number(self) -> int:
        """Rising by one, and from the last to the first; never one that is waited for. Section 3.2."""
        while True:
            self.number = self.number % LAST_SEQUENCE_NUMBER + 1
            if self.number not in self._waiting:
                return self.number

    def _send(self, pdu: Pdu, now: float) -> None:
        self._out.append(Chunk(encode(pdu)))
        self._last_sent = now


def _name(kind: type[Pdu]) -> str:
    """Such as enquire_link."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).lstrip("_")
