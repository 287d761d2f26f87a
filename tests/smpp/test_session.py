"""smpp.session: SMPP 3.4, sections 2.2 to 2.4, 3.2 and 4, by a peer made of PDUs and a clock that the test turns."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp import session as session_module
from mspace_legacy.smpp.pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    Decoder,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    encode,
)
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

MESSAGE = encode(SubmitSm(sequence_number=1, source_addr="MSPACE", destination_addr="254722000000"))
CREDENTIALS: dict[str, Any] = {"sequence_number": 1, "system_id": "demo", "password": Secret("letmein")}


def came(session: Session, *pdus: Pdu, now: float = 0.0) -> list[Event]:
    return list(session.receive(b"".join(map(encode, pdus)), now))


def goes(session: Session) -> list[Pdu]:
    """What it has to send, read as the peer reads it."""
    decoder = Decoder()
    decoder.feed(b"".join(chunk.octets for chunk in session.take()))
    pdus = []
    while (pdu := decoder.next_pdu()) is not None:
        pdus.append(pdu)
    return pdus


def transmitting(**settings: Any) -> Session:
    session = Session(**settings)
    session.bind(BindTransmitter(**CREDENTIALS), 0.0)
    assert came(session, BindTransmitterResp(sequence_number=1)) == [Bound(BindTransmitterResp(sequence_number=1))]
    session.take()
    return session


def receiving(**settings: Any) -> Session:
    session = Session(**settings)
    session.bind(BindReceiver(**CREDENTIALS), 0.0)
    came(session, BindReceiverResp(sequence_number=1))
    session.take()
    return session


# States, section 2.2


def test_from_open_to_unbound() -> None:
    session = Session()
    assert session.state.value == "open"
    session.bind(BindTransmitter(**(CREDENTIALS | {"sequence_number": 99})), 0.0)
    assert not session.may_submit
    assert goes(session) == [BindTransmitter(**CREDENTIALS)]
    came(session, BindTransmitterResp(sequence_number=1, system_id="smsc"))
    assert (session.state, session.may_submit) == (State.BOUND_TX, True)
    session.unbind(1.0)
    # Nothing new is begun, while what comes is still answered. Section 4.2.
    assert not session.may_submit
    assert goes(session) == [Unbind(sequence_number=2)]
    came(session, EnquireLink(sequence_number=7))
    assert goes(session) == [EnquireLinkResp(sequence_number=7)]
    assert came(session, UnbindResp(sequence_number=2)) == [Ended("unbound")]
    assert session.state is State.UNBOUND
    assert came(session, EnquireLink(sequence_number=8)) == []
    assert goes(session) == []


def test_a_receiver() -> None:
    session = receiving()
    assert (session.state, session.may_submit) == (State.BOUND_RX, False)
    with pytest.raises(InvalidInput, match="bound_rx"):
        session.submit(MESSAGE, "a", 0.0)


@pytest.mark.parametrize("status", [0x0E, 0x0D, 0x400])
@pytest.mark.parametrize("kind", [BindTransmitterResp, GenericNack])
def test_a_bind_that_is_refused(status: int, kind: type[Pdu]) -> None:
    session = Session()
    session.bind(BindTransmitter(**CREDENTIALS), 0.0)
    response = kind(sequence_number=1, command_status=status)
    assert came(session, response) == [Bound(response)]
    assert session.state is State.UNBOUND


def test_a_generic_nack_is_no_success_whatever_its_status() -> None:
    session = Session()
    session.bind(BindTransmitter(**CREDENTIALS), 0.0)
    came(session, GenericNack(sequence_number=1))
    assert session.state is State.UNBOUND


def test_a_request_that_the_state_does_not_allow() -> None:
    session = transmitting()
    assert came(session, DeliverSm(sequence_number=5), SubmitSm(sequence_number=6)) == []
    # ESME_RINVBNDSTS, section 5.1.3.
    assert goes(session) == [
        DeliverSmResp(sequence_number=5, command_status=4),
        SubmitSmResp(sequence_number=6, command_status=4),
    ]
    assert came(session, Outbind(sequence_number=7, system_id="x", password=Secret("y"))) == []
    assert goes(session) == []


def test_the_service_unbinds_while_a_deliver_sm_is_being_handled() -> None:
    session = receiving()
    request = DeliverSm(sequence_number=5)
    assert came(session, request, Unbind(sequence_number=6), EnquireLink(sequence_number=7)) == [
        Incoming(request),
        Ended("the service unbound"),
    ]
    assert goes(session) == [UnbindResp(sequence_number=6)]


def test_a_service_that_unbinds_is_let_go_when_it_has_answered() -> None:
    session = transmitting()
    session.submit(MESSAGE, "a", 1.0)
    session.submit(MESSAGE, "b", 1.0)
    session.take()
    answer, last = SubmitSmResp(sequence_number=2), SubmitSmResp(sequence_number=3)
    assert came(session, Unbind(sequence_number=6), answer, now=2.0) == [Answered("a", answer)]
    assert not session.may_submit
    assert goes(session) == []
    assert came(session, last, now=3.0) == [Answered("b", last), Ended("the service unbound")]
    assert goes(session) == [UnbindResp(sequence_number=6)]


def test_a_service_that_unbinds_is_not_waited_for_long() -> None:
    session = transmitting()
    session.submit(MESSAGE, "a", 1.0)
    session.take()
    assert came(session, Unbind(sequence_number=6), now=2.0) == []
    assert session.next_time == 7.0
    assert list(session.check_time(7.0)) == [Ended("the service unbound")]
    assert goes(session) == [UnbindResp(sequence_number=6)]


def test_a_deliver_sm_that_crosses_our_unbind_is_handed_over() -> None:
    session = receiving()
    session.unbind(0.0)
    request = DeliverSm(sequence_number=5)
    assert came(session, request) == [Incoming(request)]
    session.answer(request, 0, 1.0)
    assert goes(session) == [Unbind(sequence_number=2), DeliverSmResp(sequence_number=5)]
    assert came(session, UnbindResp(sequence_number=2)) == [Ended("unbound")]


# Sequence numbers, section 3.2, and the window, section 2.4


def test_numbers_rise_by_one_and_go_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "LAST_SEQUENCE_NUMBER", 4)
    session = transmitting(window=3)
    session.submit(MESSAGE, "a", 0.0)
    session.submit(MESSAGE, "b", 0.0)
    session.submit(MESSAGE, "c", 0.0)
    assert [pdu.sequence_number for pdu in goes(session)] == [2, 3, 4]
    for number, token in ((3, "b"), (4, "c")):
        response = SubmitSmResp(sequence_number=number, message_id="x")
        assert came(session, response) == [Answered(token, response)]
    session.submit(MESSAGE, "d", 0.0)
    session.submit(MESSAGE, "e", 0.0)
    # 2 is still waited for.
    assert [pdu.sequence_number for pdu in goes(session)] == [1, 3]


def test_the_last_number_is_that_of_the_standard() -> None:
    session = Session(numbered_from=0x7FFFFFFD)
    session.bind(BindTransmitter(**CREDENTIALS), 0.0)
    came(session, BindTransmitterResp(sequence_number=0x7FFFFFFE))
    session.take()
    session.submit(MESSAGE, "a", 0.0)
    session.submit(MESSAGE, "b", 0.0)
    assert [pdu.sequence_number for pdu in goes(session)] == [0x7FFFFFFF, 1]


def test_the_window() -> None:
    session = transmitting(window=2)
    session.submit(MESSAGE, "a", 0.0)
    assert session.may_submit
    session.submit(MESSAGE, "b", 0.0)
    assert not session.may_submit
    with pytest.raises(InvalidInput, match="window is full"):
        session.submit(MESSAGE, "c", 0.0)
    assert [(chunk.token, len(chunk.octets)) for chunk in session.take()] == [
        ("a", len(MESSAGE)),
        ("b", len(MESSAGE)),
    ]
    assert session.take() == []
    came(session, SubmitSmResp(sequence_number=3, message_id="1"))
    assert session.may_submit


# Answers


def test_answers_in_any_order_twice_late_and_of_another_kind() -> None:
    session = transmitting(response_timeout=30.0)
    for token in "abc":
        session.submit(MESSAGE, token, 0.0)
    third, first = SubmitSmResp(sequence_number=4, message_id="3"), SubmitSmResp(sequence_number=2, message_id="1")
    wrong = EnquireLinkResp(sequence_number=3)
    stray = SubmitSmResp(sequence_number=77)
    assert came(session, third, first, third, wrong, stray) == [
        Answered("c", third),
        Answered("a", first),
        Stray(third),
        Stray(wrong),
        Stray(stray),
    ]
    assert list(session.check_time(30.0)) == [Unanswered("b")]
    late = SubmitSmResp(sequence_number=3, message_id="2")
    assert came(session, late) == [Stray(late)]
    assert session.may_submit


@pytest.mark.parametrize("status", [0x02, 0x03, 0x58])
def test_a_generic_nack_answers_a_submit_sm(status: int) -> None:
    session = transmitting()
    session.submit(MESSAGE, "a", 0.0)
    nack = GenericNack(sequence_number=2, command_status=status)
    assert came(session, GenericNack(sequence_number=0), nack) == [
        Stray(GenericNack(sequence_number=0)),
        Answered("a", nack),
    ]


def test_a_request_that_cannot_be_read_is_answered() -> None:
    session = transmitting()
    session.submit(MESSAGE, "a", 0.0)
    session.take()
    # A deliver_sm that ends in its first field.
    broken = bytes.fromhex("00000014 00000005 00000000 00000009 61626364")
    (event,) = session.receive(broken, 0.0)
    assert isinstance(event, Unreadable)
    (answer,) = goes(session)
    assert isinstance(answer, DeliverSmResp)
    assert answer.command_status


@pytest.mark.parametrize("octets", [b"HTTP/1.1 400 Bad Request\r\n", bytes(16), b"\xff" * 16])
def test_garbage_ends_it(octets: bytes) -> None:
    session = transmitting()
    (ended,) = session.receive(octets, 0.0)
    assert isinstance(ended, Ended)
    assert session.state is State.UNBOUND
    (answer,) = goes(session)
    # ESME_RINVCMDLEN, section 4.3.
    assert isinstance(answer, GenericNack)
    assert answer.command_status == 2


def test_an_unknown_command_is_nacked_and_the_next_one_read() -> None:
    session = transmitting()
    unknown = bytes.fromhex("00000010 00000777 00000000 00000009")
    (event,) = session.receive(unknown + encode(EnquireLink(sequence_number=10)), 0.0)
    assert isinstance(event, Unreadable)
    assert goes(session) == [
        GenericNack(sequence_number=9, command_status=3),
        EnquireLinkResp(sequence_number=10),
    ]


def test_octets_one_by_one() -> None:
    session = receiving()
    request = DeliverSm(sequence_number=5, short_message=b"hi")
    events = [event for octet in encode(request) for event in session.receive(bytes((octet,)), 0.0)]
    assert events == [Incoming(request)]


# Time


@pytest.mark.parametrize("made", [transmitting, receiving])
def test_idle_it_enquires_well_before_the_vendor_hangs_up(made: Any) -> None:
    session = made()
    sent = [0.0]
    now = 0.0
    while now < 600.0:
        now = max(now, session.next_time)
        assert list(session.check_time(now)) == []
        for pdu in goes(session):
            assert isinstance(pdu, EnquireLink)
            assert came(session, EnquireLinkResp(sequence_number=pdu.sequence_number), now=now) == []
            sent.append(now)
    pauses = [after - before for before, after in itertools.pairwise(sent)]
    # The vendor's time is 50 seconds.
    assert len(pauses) >= 12
    assert max(pauses) <= 25


def test_what_is_sent_puts_the_enquiry_off() -> None:
    session = receiving(enquire_after=20.0)
    session.answer(DeliverSm(sequence_number=5), 0, 15.0)
    session.take()
    assert session.next_time == 35.0
    assert list(session.check_time(34.9)) == []
    assert goes(session) == []
    assert list(session.check_time(35.0)) == []
    assert goes(session) == [EnquireLink(sequence_number=2)]


@pytest.mark.parametrize("kind", ["bind_transmitter", "enquire_link", "unbind"])
def test_no_answer_to_what_keeps_the_session_is_its_end(kind: str) -> None:
    session = Session(enquire_after=20.0, response_timeout=30.0) if kind.startswith("bind") else transmitting()
    if kind == "bind_transmitter":
        session.bind(BindTransmitter(**CREDENTIALS), 20.0)
    elif kind == "unbind":
        session.unbind(20.0)
    else:
        assert list(session.check_time(20.0)) == []
    assert list(session.check_time(49.9)) == []
    assert list(session.check_time(50.0)) == [Ended(f"no answer to {kind} in 30 seconds")]
    assert session.state is State.UNBOUND
    assert session.next_time == math.inf


def test_silence_to_a_submit_sm_is_unknown_and_asks_whether_anybody_is_there() -> None:
    session = transmitting(enquire_after=1_000.0, response_timeout=30.0)
    session.submit(MESSAGE, "a", 1.0)
    session.submit(MESSAGE, "b", 2.0)
    session.take()
    assert session.next_time == 31.0
    assert list(session.check_time(31.0)) == [Unanswered("a")]
    assert goes(session) == [EnquireLink(sequence_number=4)]
    assert list(session.check_time(61.0)) == [Unanswered("b"), Ended("no answer to enquire_link in 30 seconds")]


def test_a_service_that_is_slow_is_not_asked() -> None:
    session = transmitting(enquire_after=1_000.0)
    session.submit(MESSAGE, "a", 1.0)
    session.submit(MESSAGE, "b", 1.0)
    came(session, SubmitSmResp(sequence_number=3), now=5.0)
    session.take()
    assert list(session.check_time(31.0)) == [Unanswered("a")]
    assert goes(session) == []


# Anything, in any order


class AnyOrder(RuleBasedStateMachine):
    """A transmitter's session beside a list of what is under way: each token has one end, and the window holds."""

    def __init__(self) -> None:
        super().__init__()
        self.window = 3
        self.session = transmitting(window=self.window, enquire_after=20.0, response_timeout=30.0)
        self.now = 0.0
        self.tokens = 0
        self.under_way: dict[int, int] = {}
        self.asked: list[int] = []
        self.ended = False
        self.left = False

    def note(self, events: list[Event], tokens: list[int]) -> None:
        """The events are about just these tokens."""
        found = [event.token for event in events if isinstance(event, (Answered, Unanswered))]
        assert found == tokens
        self.ended = self.ended or any(isinstance(event, Ended) for event in events)

    def sent(self) -> None:
        for pdu in goes(self.session):
            if isinstance(pdu, SubmitSm):
                assert pdu.sequence_number not in self.under_way
                self.under_way[pdu.sequence_number] = self.tokens
            elif isinstance(pdu, EnquireLink):
                self.asked.append(pdu.sequence_number)

    @rule()
    @precondition(lambda self: self.session.may_submit)
    def submit(self) -> None:
        self.tokens += 1
        self.session.submit(MESSAGE, self.tokens, self.now)
        self.sent()

    @rule(data=st.data(), nack=st.booleans(), status=st.sampled_from([0, 8, 0x58]))
    @precondition(lambda self: self.under_way)
    def answer(self, data: st.DataObject, nack: bool, status: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.under_way)))
        token = self.under_way.pop(number)
        kind: type[Pdu] = GenericNack if nack else SubmitSmResp
        response = kind(sequence_number=number, command_status=status)
        self.note(came(self.session, response, response, now=self.now), [] if self.ended else [token])

    @rule()
    @precondition(lambda self: self.asked)
    def enquired(self) -> None:
        self.note(came(self.session, EnquireLinkResp(sequence_number=self.asked.pop()), now=self.now), [])

    @rule(number=st.integers(0, 40))
    def stray(self, number: int) -> None:
        if number not in self.under_way:
            self.note(came(self.session, SubmitSmResp(sequence_number=number), now=self.now), [])

    @rule(seconds=st.sampled_from([0.1, 5.0, 29.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        events = list(self.session.check_time(self.now))
        self.note(events, late := [event.token for event in events if isinstance(event, Unanswered)])
        assert set(late) <= set(self.under_way.values())
        self.under_way = {number: token for number, token in self.under_way.items() if token not in late}
        self.sent()

    @rule()
    @precondition(lambda self: not self.ended)
    def asked_by_the_service(self) -> None:
        self.session.take()
        came(self.session, EnquireLink(sequence_number=9), now=self.now)
        assert goes(self.session) == [EnquireLinkResp(sequence_number=9)]

    @rule()
    @precondition(lambda self: not self.ended)
    def unbound_by_the_service(self) -> None:
        if self.tokens > 5:
            self.note(came(self.session, Unbind(sequence_number=9), now=self.now), [])
            self.left = True
            assert self.ended == (not self.under_way)

    @invariant()
    def the_window_holds(self) -> None:
        assert len(self.under_way) <= self.window
        assert self.session.may_submit == (not self.left and not self.ended and len(self.under_way) < self.window)
        assert (self.session.state is State.UNBOUND) == self.ended


TestAnyOrder = AnyOrder.TestCase
