"""smpp.client, and the link below it, over real sockets: against an SMSC that does what the test says."""

from __future__ import annotations

import contextlib
import errno
import gc
import heapq
import itertools
import logging
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import FrameType, FunctionType
from typing import Any

import pytest
import trustme

from mspace_legacy import errors
from mspace_legacy.errors import (
    ClosedError,
    InvalidInput,
    MSpaceError,
    NotSent,
    OutcomeUnknown,
    ServiceError,
    Throttled,
    WrongType,
)
from mspace_legacy.models import Outcome, SendResult
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp import (
    Deliveries,
    IncomingText,
    MessageState,
    Receipt,
    Receiver,
    SubmittedMessage,
    Transmitter,
    reassemble,
)
from mspace_legacy.smpp.pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Tag,
    Tlv,
    Unbind,
    UnbindResp,
    encode,
)
from mspace_legacy.smpp.sending import Sending
from tests.smpp.smsc import PASSWORD, Hangup, Peer, Smsc, eventually

NUMBER = "254722000000"
LONG = "x" * 400
"""Three segments: 153 septets in each. 3GPP TS 23.040."""
RECEIPT = b"id:7 sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000"


def transmitter(smsc: Smsc, **settings: Any) -> Transmitter:
    return Transmitter("127.0.0.1", smsc.port, "demo", PASSWORD, **({"reconnect_for": 3.0} | settings))


def receiver(smsc: Smsc, handler: Callable[[Receipt | IncomingText], object], **settings: Any) -> Receiver:
    return Receiver("127.0.0.1", smsc.port, "demo", PASSWORD, handler, **settings)


def submitted(future: Future[SubmittedMessage]) -> SubmittedMessage:
    return future.result(10)


def failure(future: Future[SubmittedMessage]) -> BaseException:
    error = future.exception(10)
    assert error is not None
    return error


def only(on: type[Pdu], do: Callable[[Peer, Any], None]) -> Callable[[Peer, Pdu], None]:
    """A script that does something else for one kind of PDU."""
    return lambda peer, pdu: do(peer, pdu) if isinstance(pdu, on) else peer.obey(pdu)


# Binding


def test_what_goes_over_the_wire() -> None:
    with Smsc() as smsc:
        with transmitter(smsc, system_type="SMS") as sender:
            message = sender.send("MSPACE", "0722 000 000", "habari {}")
            assert repr(sender) == f"Transmitter(127.0.0.1:{smsc.port})"
        bind, submit, unbind = smsc.peers[0].received
    assert message == SubmittedMessage("MSPACE", NUMBER, "habari {}", ("1",))
    assert isinstance(bind, BindTransmitter)
    assert (bind.system_id, bind.system_type, bind.interface_version, bind.sequence_number) == (
        "demo",
        "SMS",
        0x34,
        1,
    )
    assert isinstance(submit, SubmitSm)
    # Alphanumeric, sections 5.2.5 and 5.2.6; the recipient international, in the ISDN plan; a receipt is asked for.
    assert (submit.source_addr, submit.source_addr_ton, submit.source_addr_npi) == ("MSPACE", 5, 0)
    assert (submit.destination_addr, submit.dest_addr_ton, submit.dest_addr_npi) == (NUMBER, 1, 1)
    assert (submit.registered_delivery, submit.data_coding, submit.esm_class) == (1, 0, 0)
    assert submit.short_message == b"habari \x1b(\x1b)"
    assert (submit.sequence_number, unbind) == (2, Unbind(sequence_number=3))


@pytest.mark.parametrize(("sender_id", "ton", "npi"), [("40404", 3, 0), ("254722000001", 1, 1), ("M1", 5, 0)])
def test_the_type_of_a_sender(sender_id: str, ton: int, npi: int) -> None:
    with Smsc() as smsc, transmitter(smsc) as sender:
        sender.send(sender_id, NUMBER, "hi")
        (submit,) = smsc.taken
    assert (submit.source_addr_ton, submit.source_addr_npi) == (ton, npi)


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (0x0E, errors.AuthenticationError, "ESME_RINVPASWD"),
        (0x0F, errors.AuthenticationError, "ESME_RINVSYSID"),
        (0x05, errors.WrongBindState, "ESME_RALYBND"),
        (0x0D, ServiceError, "ESME_RBINDFAIL"),
        (0x400, ServiceError, "0x00000400"),
    ],
)
@pytest.mark.parametrize("side", [BindTransmitter, BindReceiver])
def test_a_bind_that_is_refused(status: int, kind: type[ServiceError], name: str, side: type[Pdu]) -> None:
    with Smsc(only(side, lambda peer, pdu: peer.refuse(pdu, status))) as smsc:
        with pytest.raises(kind) as caught:
            transmitter(smsc) if side is BindTransmitter else receiver(smsc, print)
        assert (type(caught.value), caught.value.text, caught.value.status) == (kind, name, status)
        assert name in str(caught.value)
        assert len(smsc.peers) == 1


def test_a_bind_that_gets_a_generic_nack() -> None:
    nack = only(BindTransmitter, lambda peer, pdu: peer.send(GenericNack(sequence_number=1, command_status=8)))
    with Smsc(nack) as smsc, pytest.raises(ServiceError, match="ESME_RSYSERR"):
        transmitter(smsc)


def no_answer(peer: Peer, pdu: Pdu) -> None:
    pass


def hang_up(peer: Peer, pdu: Pdu) -> None:
    raise Hangup


def half_an_answer(peer: Peer, pdu: Pdu) -> None:
    peer.write(b"\0\0\0\x11\x80\0\0\x02")
    raise Hangup


def slowly(peer: Peer, pdu: Pdu) -> None:
    time.sleep(0.02)
    peer.obey(pdu)


UNBOUND: dict[str, Callable[[Peer, Pdu], None]] = {
    "silence": no_answer,
    "closed": hang_up,
    "reset": lambda peer, pdu: peer.drop(),
    "another protocol": lambda peer, pdu: peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "half an answer": half_an_answer,
    "unbind": lambda peer, pdu: peer.send(Unbind(sequence_number=1)),
}


@pytest.mark.parametrize("script", UNBOUND.values(), ids=UNBOUND)
def test_no_bind(script: Callable[[Peer, Pdu], None]) -> None:
    with Smsc(script) as smsc, pytest.raises(NotSent, match=f"127.0.0.1:{smsc.port}: .*; nothing was sent"):
        transmitter(smsc, timeout=0.2)


def test_nobody_listens(refusing_port: int) -> None:
    with pytest.raises(NotSent) as caught:
        Transmitter("127.0.0.1", refusing_port, "demo", PASSWORD)
    assert (caught.value.fault, caught.value.host) == ("refused", "127.0.0.1")


@pytest.mark.parametrize(
    "settings",
    [
        {"host": ""},
        {"host": None},
        {"host": "smpp://127.0.0.1"},
        {"host": " 127.0.0.1"},
        {"host": "127.0.0.1:2775"},
        {"host": "[::1]"},
        {"host": "h\n"},
        {"port": 0},
        {"port": "2775"},
        {"port": 65536},
        {"window": 0},
        {"window": True},
        {"system_id": "x" * 16},
        {"password": "x" * 9},
        {"password": "pä"},
        {"country": "XX"},
        {"long": "other"},
        {"timeout": 0},
        {"enquire_after": 0},
        {"enquire_after": float("nan")},
        {"reconnect_for": -1},
        {"throttled_for": "long"},
    ],
)
def test_a_setting_that_cannot_be_right(settings: dict[str, Any], refusing_port: int) -> None:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": refusing_port, "system_id": "demo", "password": PASSWORD}
    (name,) = settings
    with pytest.raises(InvalidInput, match=name):
        Transmitter(**(values | settings))


def test_a_host_that_holds_a_password_is_not_told(refusing_port: int) -> None:
    with pytest.raises(InvalidInput, match=r"^host is '\.\.\.@127\.0\.0\.1': a name or an address") as caught:
        Transmitter(f"demo:{PASSWORD}@127.0.0.1", refusing_port, "demo", PASSWORD)
    assert PASSWORD not in str(caught.value)


CANARY = "c4n-ry!"


def told(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize("script", [*UNBOUND.values(), lambda peer, pdu: peer.refuse(pdu, 0x0E)])
@pytest.mark.parametrize("side", [Transmitter, Receiver])
def test_the_password_is_nowhere(script: Any, side: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    password = Secret(CANARY)
    handler = () if side is Transmitter else (print,)
    with Smsc(script) as smsc, pytest.raises(MSpaceError) as caught:
        side("127.0.0.1", smsc.port, "demo", password, *handler, timeout=0.1)
    assert CANARY not in told(caught.value)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("password", [CANARY + "\0", CANARY + "ä", CANARY + "-too-long"])
def test_a_wrong_password_is_not_shown_either(password: str, refusing_port: int) -> None:
    kept = Secret(password)
    with pytest.raises(InvalidInput, match="password") as caught:
        Transmitter("127.0.0.1", refusing_port, "demo", kept)
    del password
    frames = told(caught.value).partition("__init__")[2]
    assert frames
    assert CANARY not in frames


# What becomes of a message


def test_what_is_wrong_is_told_before_anything_is_sent() -> None:
    with Smsc() as smsc:
        with transmitter(smsc) as sender:
            for sender_id, recipient, message in (
                ("", NUMBER, "hi"),
                ("x" * 21, NUMBER, "hi"),
                ("MSPACE", "12", "hi"),
                ("MSPACE", NUMBER, ""),
                ("MSPACE", NUMBER, "\ud83d"),
                ("Mé", NUMBER, "hi"),
            ):
                with pytest.raises(InvalidInput):
                    sender.submit(sender_id, recipient, message)
            with pytest.raises(WrongType):
                sender.submit(7, NUMBER, "hi")  # type: ignore[arg-type]  # the test is of just this
        assert [type(pdu) for pdu in smsc.peers[0].received] == [BindTransmitter, Unbind]


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (0x0A, errors.InvalidSenderId, "ESME_RINVSRCADR"),
        (0x0B, errors.InvalidRecipient, "ESME_RINVDSTADR"),
        (0x04, errors.WrongBindState, "ESME_RINVBNDSTS"),
        (0x45, ServiceError, "ESME_RSUBMITFAIL"),
        (0x4FF, ServiceError, "0x000004FF"),
    ],
)
def test_a_message_that_is_refused(status: int, kind: type[ServiceError], name: str) -> None:
    script = only(SubmitSm, lambda peer, pdu: peer.refuse(pdu, status))
    with Smsc(script) as smsc, transmitter(smsc) as sender, pytest.raises(kind) as caught:
        sender.send("MSPACE", NUMBER, "hi")
    assert (type(caught.value), caught.value.text, caught.value.status) == (kind, name, status)
    assert caught.value.message == SubmittedMessage("MSPACE", NUMBER, "hi", (None,))


def test_one_refusal_does_not_hide_that_another_was_taken() -> None:
    def refuse_the_first(peer: Peer, pdu: SubmitSm) -> None:
        if pdu.destination_addr == NUMBER:
            peer.refuse(pdu, 0x0B)
        else:
            peer.obey(pdu)

    with Smsc(only(SubmitSm, refuse_the_first)) as smsc, transmitter(smsc) as sender:
        result = sender.send_text("MSPACE", [NUMBER, "254722000001"], "hi")
    assert [message.outcome for message in result.messages] == [Outcome.REJECTED, Outcome.ACCEPTED]


def test_an_unknown_outcome_outweighs_what_was_not_sent() -> None:
    def take_it_and_bind_no_more(peer: Peer, pdu: Pdu) -> None:
        if not isinstance(pdu, SubmitSm):
            peer.obey(pdu)
            return
        smsc.script = lambda peer, pdu: peer.refuse(pdu, 0x0D)
        raise Hangup

    with contextlib.ExitStack() as stack:
        smsc = stack.enter_context(Smsc(take_it_and_bind_no_more))
        sender = stack.enter_context(transmitter(smsc, window=1, reconnect_for=0.3))
        with pytest.raises(OutcomeUnknown) as caught:
            sender.send_text("MSPACE", [NUMBER, "254722000001"], "hi")
    assert caught.value.result is not None
    told = [message.outcome for message in caught.value.result.messages]
    assert told == [Outcome.UNKNOWN, Outcome.NOT_SENT]


def test_a_segment_of_unknown_outcome_outweighs_one_that_is_refused() -> None:
    count = itertools.count(1)

    def refuse_the_second(peer: Peer, pdu: SubmitSm) -> None:
        if next(count) == 2:
            peer.refuse(pdu, 0x0B)
            raise Hangup

    script = only(SubmitSm, refuse_the_second)
    with Smsc(script) as smsc, transmitter(smsc, window=2) as sender, pytest.raises(OutcomeUnknown):
        sender.send("MSPACE", NUMBER, "x" * 200)


@pytest.mark.parametrize("tlv", ["1401 0002 6162", "001D 0003 796F00", "0427 0001 05"])
def test_a_refusal_whose_body_is_no_more_than_a_tlv(tlv: str) -> None:
    """Section 4.4.2 has it without a body; the tag is no message_id."""
    body = bytes.fromhex(tlv)

    def refuse(peer: Peer, pdu: SubmitSm) -> None:
        peer.write(struct.pack(">4I", 16 + len(body), 0x80000004, 0x0B, pdu.sequence_number) + body)

    with Smsc(only(SubmitSm, refuse)) as smsc, transmitter(smsc) as sender:
        with pytest.raises(errors.InvalidRecipient) as caught:
            sender.send("MSPACE", NUMBER, "hi")
        assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("message_id", ["12345", "12345\n", "12345\r\n", "\n12345", "id\xa0"])
def test_a_refusal_that_gives_an_id_tells_neither(message_id: str) -> None:
    body = message_id.encode("latin-1") + b"\0"

    def refuse(peer: Peer, pdu: SubmitSm) -> None:
        peer.write(struct.pack(">4I", 16 + len(body), 0x80000004, 0x08, pdu.sequence_number) + body)

    with Smsc(only(SubmitSm, refuse)) as smsc, transmitter(smsc) as sender, pytest.raises(OutcomeUnknown):
        sender.send("MSPACE", NUMBER, "hi")


def test_a_message_that_gets_a_generic_nack() -> None:
    def nack(peer: Peer, pdu: SubmitSm) -> None:
        peer.send(GenericNack(sequence_number=pdu.sequence_number, command_status=0x02))

    script = only(SubmitSm, nack)
    with Smsc(script) as smsc, transmitter(smsc) as sender, pytest.raises(ServiceError, match="ESME_RINVCMDLEN"):
        sender.send("MSPACE", NUMBER, "hi")


def test_a_generic_nack_without_an_error_leaves_open_what_was_done() -> None:
    # One octet makes it of a submit_sm_resp.
    def nack(peer: Peer, pdu: SubmitSm) -> None:
        peer.send(GenericNack(sequence_number=pdu.sequence_number))

    script = only(SubmitSm, nack)
    with Smsc(script) as smsc, transmitter(smsc) as sender, pytest.raises(OutcomeUnknown, match="ESME_ROK"):
        sender.send("MSPACE", NUMBER, "hi")


def test_deliveries_that_fail_keep_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    class Full(Deliveries):
        def add(self, message: SubmittedMessage) -> None:
            raise RuntimeError(f"no room for {message.message}")

    with Smsc() as smsc, transmitter(smsc, deliveries=Full()) as sender:
        assert sender.send("MSPACE", NUMBER, "sent").message_ids == ("1",)
        assert submitted(sender.submit("MSPACE", NUMBER, "submitted")).message_ids == ("2",)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "the deliveries failed: RuntimeError"
    ] * 2


@pytest.mark.parametrize("long", ["udh", "sar", "payload"])
def test_a_long_text_is_one_message(long: Any) -> None:
    deliveries = Deliveries()
    with Smsc() as smsc, transmitter(smsc, long=long, deliveries=deliveries) as sender:
        message = sender.send("MSPACE", NUMBER, LONG)
        other = sender.send("MSPACE", NUMBER, LONG)
        taken = smsc.taken
    count = 1 if long == "payload" else 3
    assert message.message_ids == ("1", "2", "3")[:count]
    assert len(taken) == 2 * count
    found = deliveries.of(message.message_ids[-1] or "")
    assert found is not None
    assert found.message == message
    if long == "udh":
        headers = [pdu.short_message[:6] for pdu in taken]
        assert [header[:3] + header[4:] for header in headers] == [bytes((5, 0, 3, 3, n)) for n in (1, 2, 3)] * 2
        assert headers[0][3] != headers[3][3]
    elif long == "sar":
        assert [pdu.sar and pdu.sar[1:] for pdu in taken] == [(3, 1), (3, 2), (3, 3)] * 2
    else:
        assert taken[0].message_payload == LONG.encode()
    assert other.message == LONG


def parts(do: Callable[[Peer, SubmitSm], None], number: int) -> Callable[[Peer, Pdu], None]:
    """A script that does something else with one part of a text."""

    def other(peer: Peer, pdu: SubmitSm) -> None:
        if pdu.short_message[5] == number:
            do(peer, pdu)
        else:
            peer.obey(pdu)

    return only(SubmitSm, other)


def refused(peer: Peer, pdu: Pdu) -> None:
    peer.refuse(pdu, 0x0B)


@pytest.mark.parametrize(
    ("script", "window", "kind", "ids"),
    [
        (parts(refused, 2), 1, errors.InvalidRecipient, ("1", None, None)),
        (parts(refused, 2), 10, errors.InvalidRecipient, ("1", None, "2")),
        (parts(no_answer, 2), 1, OutcomeUnknown, ("1", None, None)),
        (parts(hang_up, 2), 1, OutcomeUnknown, ("1", None, None)),
        (parts(no_answer, 3), 10, OutcomeUnknown, ("1", "2", None)),
    ],
)
def test_a_text_of_which_only_a_part_was_taken(script: Any, window: int, kind: Any, ids: Any) -> None:
    deliveries = Deliveries()
    with Smsc(script) as smsc:
        settings: dict[str, Any] = {"window": window, "timeout": 0.3, "deliveries": deliveries}
        with transmitter(smsc, **settings) as sender, pytest.raises(kind) as caught:
            sender.send("MSPACE", NUMBER, LONG)
        assert caught.value.message.message_ids == ids
        assert len(smsc.taken) == 3 - ids.count(None)
        assert deliveries.of("1") is not None


def test_each_message_that_is_given_up_has_an_error_of_its_own() -> None:
    """Who sends again what its error carries must not send another one's."""

    def only_the_first(peer: Peer, pdu: Pdu) -> None:
        if isinstance(pdu, SubmitSm) and smsc.taken:
            peer.refuse(pdu, 0x58)
        else:
            peer.obey(pdu)

    recipients = ["254722000001", "254722000002", "254722000003"]
    with Smsc(only_the_first) as smsc, transmitter(smsc, window=1, throttled_for=0.4) as sender:
        futures = [sender.submit("MSPACE", number, LONG) for number in recipients]
        errors = [future.exception(10) for future in futures]
    told = [error.message for error in errors if isinstance(error, Throttled)]
    assert [(message.recipient, message.message_ids) for message in told] == [
        (recipients[0], ("1", None, None)),
        (recipients[1], (None, None, None)),
        (recipients[2], (None, None, None)),
    ]


def test_a_part_that_was_taken_makes_it_unsafe_to_send_the_rest_again() -> None:
    def once(peer: Peer, pdu: SubmitSm) -> None:
        peer.obey(pdu)
        raise Hangup

    with Smsc(only(SubmitSm, once)) as smsc:
        sender = transmitter(smsc, window=1, reconnect_for=0.1)
        smsc.script = lambda peer, pdu: once(peer, pdu) if isinstance(pdu, SubmitSm) else peer.refuse(pdu, 0x0E)
        with pytest.raises(OutcomeUnknown) as caught:
            sender.send("MSPACE", NUMBER, LONG)
        sender.close()
    assert not isinstance(caught.value, NotSent)
    assert caught.value.message.message_ids == ("1", None, None)


@pytest.mark.parametrize("refusals", [1, 2])
def test_send_text_does_not_call_rejected_what_was_taken_in_part(refusals: int) -> None:
    def refuse_the_rest(peer: Peer, pdu: SubmitSm) -> None:
        if pdu.short_message[5] > 3 - refusals:
            peer.refuse(pdu, 0x0B)
        else:
            peer.obey(pdu)

    with Smsc(only(SubmitSm, refuse_the_rest)) as smsc, transmitter(smsc) as sender:
        with pytest.raises(OutcomeUnknown, match=r"ESME_RINVDSTADR.*taken") as caught:
            sender.send_text("MSPACE", [NUMBER], LONG)
        assert isinstance(caught.value, errors.InvalidRecipient)
        assert caught.value.result is not None
        (message,) = caught.value.result.messages
        assert (message.outcome, message.message_id) == (Outcome.UNKNOWN, "1")
        assert len(smsc.taken) == 3 - refusals


def test_send_text_gives_what_a_client_gives() -> None:
    def some(peer: Peer, pdu: SubmitSm) -> None:
        if pdu.destination_addr.endswith("1"):
            peer.refuse(pdu, 0x0B)
        elif pdu.destination_addr.endswith("2"):
            return
        else:
            peer.obey(pdu)

    with Smsc(only(SubmitSm, some)) as smsc, transmitter(smsc, timeout=0.3) as sender:
        result = sender.send_text("MSPACE", "0722000000,0722000001,0722000000", "hi")
        assert [(sent.recipient, sent.outcome, sent.message_id, sent.status) for sent in result.messages] == [
            (NUMBER, Outcome.ACCEPTED, "1", "ESME_ROK"),
            ("254722000001", Outcome.REJECTED, "", "ESME_RINVDSTADR"),
        ]
        assert result.segments == 1
        with pytest.raises(errors.InvalidRecipient) as refusal:
            sender.send_text("MSPACE", ["0722000001"], "hi")
        assert refusal.value.result is not None
        with pytest.raises(OutcomeUnknown) as unknown:
            sender.send_text("MSPACE", ["0722000000", "0722000002", "0722000001"], "hi")
        assert unknown.value.result is not None
        outcomes = [sent.outcome for sent in unknown.value.result.messages]
        assert outcomes == [Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.REJECTED]


# Throttling


@pytest.mark.parametrize("status", [0x58, 0x14])
def test_what_is_throttled_is_offered_again_and_taken_once(status: int) -> None:
    refusals = iter([status] * 7)

    def throttle(peer: Peer, pdu: SubmitSm) -> None:
        if refusal := next(refusals, 0):
            peer.refuse(pdu, refusal)
        else:
            peer.obey(pdu)

    with Smsc(only(SubmitSm, throttle)) as smsc, transmitter(smsc, window=5) as sender:
        began = time.monotonic()
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(20)]
        assert len({submitted(future).message_ids for future in futures}) == 20
        # The window was refused, then two or more: it waited 0.25 seconds, and then longer.
        assert time.monotonic() - began > 0.6
        assert sorted(smsc.texts) == sorted(f"m{number}" for number in range(20))
        # None is left behind: they go in their order, or nearly so.
        assert all(abs(int(text[1:]) - place) <= 3 for place, text in enumerate(smsc.texts))


def test_a_service_that_takes_so_many_in_a_second_gets_them_all_in_their_order() -> None:
    taken: deque[float] = deque()

    def limit(peer: Peer, pdu: SubmitSm) -> None:
        now = time.monotonic()
        while taken and taken[0] < now - 1:
            taken.popleft()
        if len(taken) < 20:
            taken.append(now)
            peer.obey(pdu)
        else:
            peer.refuse(pdu, 0x58)

    with Smsc(only(SubmitSm, limit)) as smsc, transmitter(smsc, window=50, throttled_for=2) as sender:
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(120)]
        assert wait(futures, timeout=30).not_done == set()
        assert all(future.exception() is None for future in futures)
        # None is left behind: what was refused goes before what came after it, or nearly so.
        assert all(abs(int(text[1:]) - place) <= 50 for place, text in enumerate(smsc.texts))


def test_a_message_that_is_refused_while_others_are_taken_is_given_up() -> None:
    def limit(peer: Peer, pdu: SubmitSm) -> None:
        peer.refuse(pdu, 0x14) if pdu.short_message == b"full" else peer.obey(pdu)

    with Smsc(only(SubmitSm, limit)) as smsc, transmitter(smsc) as sender:
        full = sender.submit("MSPACE", NUMBER, "full")
        while not full.done():
            sender.send("MSPACE", NUMBER, "other")
        assert isinstance(full.exception(), errors.QueueFull)


@pytest.mark.parametrize(("status", "kind"), [(0x58, errors.Throttled), (0x14, errors.QueueFull)])
def test_throttling_that_does_not_end(status: int, kind: type[ServiceError]) -> None:
    with Smsc(only(SubmitSm, lambda peer, pdu: peer.refuse(pdu, status))) as smsc:
        with transmitter(smsc, throttled_for=0.4) as sender:
            futures = [sender.submit("MSPACE", NUMBER, "hi") for _ in range(3)]
            assert {type(failure(future)) for future in futures} == {kind}
        # At once, after 0.25 and after 0.5 seconds more: not again and again.
        assert 3 <= sum(isinstance(pdu, SubmitSm) for pdu in smsc.peers[0].received) <= 9


def test_a_message_that_came_late_into_a_throttling_is_not_given_up_with_those_before() -> None:
    full = threading.Event()
    full.set()

    def limit(peer: Peer, pdu: SubmitSm) -> None:
        peer.refuse(pdu, 0x58) if full.is_set() else peer.obey(pdu)

    with Smsc(only(SubmitSm, limit)) as smsc, transmitter(smsc, window=1, throttled_for=1.5) as sender:
        first = sender.submit("MSPACE", NUMBER, "first")
        first.add_done_callback(lambda _: full.clear())
        time.sleep(0.75)
        late = sender.submit("MSPACE", NUMBER, "late")
        assert isinstance(failure(first), errors.Throttled)
        assert submitted(late).message_ids == ("1",)


@pytest.mark.parametrize(("status", "kind"), [(0x58, errors.Throttled), (0x14, errors.QueueFull)])
def test_throttling_that_does_not_end_on_connections_that_do(status: int, kind: type[ServiceError]) -> None:
    def throttle(peer: Peer, pdu: SubmitSm) -> None:
        peer.refuse(pdu, status)
        raise Hangup

    with Smsc(only(SubmitSm, throttle)) as smsc, transmitter(smsc, throttled_for=1.0) as sender:
        assert type(failure(sender.submit("MSPACE", NUMBER, "hi"))) is kind
    assert len(smsc.peers) > 1


@pytest.mark.parametrize("status", [0x58, 0x14, 0x08, 0x45])
def test_a_refusal_with_an_id_leaves_open_what_was_done(status: int) -> None:
    def refuse(peer: Peer, pdu: SubmitSm) -> None:
        octets = bytearray(encode(SubmitSmResp(sequence_number=pdu.sequence_number, message_id="7")))
        octets[8:12] = status.to_bytes(4, "big")
        peer.connection.sendall(octets)

    with Smsc(only(SubmitSm, refuse)) as smsc, transmitter(smsc) as sender:
        assert isinstance(failure(sender.submit("MSPACE", NUMBER, "hi")), OutcomeUnknown)
        submits = [pdu for pdu in smsc.peers[0].received if isinstance(pdu, SubmitSm)]
    assert len(submits) == 1


def test_an_answer_that_came_with_the_bind_is_none() -> None:
    def script(peer: Peer, pdu: Pdu) -> None:
        if isinstance(pdu, BindTransmitter):
            early = [SubmitSmResp(sequence_number=number, message_id="forged") for number in range(2, 12)]
            bound = BindTransmitterResp(sequence_number=pdu.sequence_number, system_id="smsc")
            peer.connection.sendall(b"".join(map(encode, (bound, *early))))
        elif isinstance(pdu, Unbind):
            peer.obey(pdu)

    with Smsc(script) as smsc, transmitter(smsc, timeout=0.5) as sender:
        assert isinstance(failure(sender.submit("MSPACE", NUMBER, "hi")), OutcomeUnknown)


def test_a_throttled_message_is_told_as_such_when_it_is_closed() -> None:
    with Smsc(only(SubmitSm, lambda peer, pdu: peer.refuse(pdu, 0x58))) as smsc:
        sender = transmitter(smsc, timeout=0.3)
        future = sender.submit("MSPACE", NUMBER, "hi")
        sender.close()
    assert isinstance(failure(future), errors.Throttled)


# Losing the connection


class Faulty:
    """Loses each connection after some octets, in or out, and refuses some messages. Counts what it took."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # nothing secret

    def __call__(self, peer: Peer, pdu: Pdu) -> None:
        if isinstance(pdu, BindTransmitter):
            peer.obey(pdu)
            if self.random.random() < 0.5:
                peer.reads = self.random.randrange(1, 3_000)
            else:
                peer.writes = self.random.randrange(1, 800)
        elif isinstance(pdu, SubmitSm) and pdu.short_message.endswith(b"7"):
            peer.refuse(pdu, 0x0B)
        else:
            peer.obey(pdu)


def account(smsc: Smsc, futures: list[Future[SubmittedMessage]]) -> dict[str, int]:
    """That what is told of each message is true; how many are told what."""
    texts = smsc.texts
    assert len(texts) == len(set(texts)), "taken twice"
    told = {"accepted": 0, "rejected": 0, "unknown": 0, "not sent": 0}
    unknown_taken = 0
    for number, future in enumerate(futures):
        text = f"m{number}"
        error = future.exception(30)
        if error is None:
            (message_id,) = future.result().message_ids
            assert texts[int(message_id or 0) - 1] == text
            told["accepted"] += 1
        elif isinstance(error, OutcomeUnknown):
            told["unknown"] += 1
            unknown_taken += text in texts
        else:
            assert text not in texts
            told["rejected" if isinstance(error, errors.InvalidRecipient) else "not sent"] += 1
            assert isinstance(error, (errors.InvalidRecipient, NotSent))
    assert sum(told.values()) == len(futures)
    assert told["accepted"] + unknown_taken == len(texts)
    return told


@pytest.mark.parametrize("window", [1, 10])
def test_a_thousand_submits_with_connections_lost_at_every_point(window: int) -> None:
    with Smsc(Faulty(window)) as smsc:
        with transmitter(smsc, window=window, timeout=5.0, reconnect_for=30.0) as sender:
            futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(1_000)]
            wait(futures, 60)
        told = account(smsc, futures)
        assert len(smsc.peers) > 20
    assert told["not sent"] == 0
    assert told["unknown"] > 10
    assert told["accepted"] > 300


def test_sixteen_threads_with_connections_lost_at_every_point() -> None:
    outcomes: list[Future[SubmittedMessage]] = [Future() for _ in range(400)]

    def send(number: int) -> None:
        try:
            outcomes[number].set_result(sender.send("MSPACE", NUMBER, f"m{number}"))
        except MSpaceError as error:
            outcomes[number].set_exception(error)

    with Smsc(Faulty(3)) as smsc:
        with transmitter(smsc, timeout=5.0, reconnect_for=30.0) as sender, ThreadPoolExecutor(16) as pool:
            list(pool.map(send, range(400)))
        assert account(smsc, outcomes)["not sent"] == 0


def test_sixteen_threads() -> None:
    with Smsc() as smsc, transmitter(smsc) as sender, ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda number: sender.send("MSPACE", NUMBER, f"m{number}").message_ids, range(800)))
        texts = smsc.texts
        assert [texts[int(message_id or 0) - 1] for (message_id,) in ids] == [f"m{number}" for number in range(800)]
        assert len(texts) == 800


def most_unanswered(peer: Peer) -> int:
    """How many submit_sm the peer holds back."""
    return sum(isinstance(pdu, SubmitSm) for pdu in peer.received)


def test_the_window() -> None:
    with Smsc(only(SubmitSm, no_answer)) as smsc:
        sender = transmitter(smsc, window=3)
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(7)]
        (peer,) = smsc.peers
        eventually(lambda: most_unanswered(peer) == 3)
        time.sleep(0.05)
        assert most_unanswered(peer) == 3
        first = next(pdu for pdu in peer.received if isinstance(pdu, SubmitSm))
        peer.send(peer.take(first))
        assert submitted(futures[0]).message_ids == ("1",)
        eventually(lambda: most_unanswered(peer) == 4)
        smsc.hang_up()
        assert [isinstance(failure(future), OutcomeUnknown) for future in futures[1:4]] == [True] * 3
        smsc.script = Peer.obey
        wait(futures, 10)
        sender.close()


def test_an_answer_that_never_comes() -> None:
    with Smsc(only(SubmitSm, no_answer)) as smsc:
        with transmitter(smsc, timeout=0.2) as sender:
            with pytest.raises(OutcomeUnknown, match=r"no answer in 0\.2 seconds") as caught:
                sender.send("MSPACE", NUMBER, "hi")
            assert caught.value.operation == "sendtext"
            # An answer that is late, or comes twice, or is of another kind, is of no other message.
            smsc.script = Peer.obey
            (peer,) = smsc.peers
            peer.send(SubmitSmResp(sequence_number=2, message_id="late"), SubmitSmResp(sequence_number=9))
            assert sender.send("MSPACE", NUMBER, "hi").message_ids == ("1",)
        assert sum(isinstance(pdu, SubmitSm) for pdu in peer.received) == 2
        assert len(smsc.peers) == 1


def test_an_answer_to_what_the_connection_before_asked_is_of_no_message() -> None:
    def late(peer: Peer, pdu: SubmitSm) -> None:
        peer.send(SubmitSmResp(sequence_number=asked[0], message_id="late"))
        peer.refuse(pdu, 0x0B)

    asked: list[int] = []

    def ask_and_go(peer: Peer, pdu: SubmitSm) -> None:
        asked.append(pdu.sequence_number)
        raise Hangup

    with Smsc(only(SubmitSm, ask_and_go)) as smsc, transmitter(smsc) as sender:
        with pytest.raises(OutcomeUnknown):
            sender.send("MSPACE", NUMBER, "first")
        smsc.script = only(SubmitSm, late)
        with pytest.raises(errors.InvalidRecipient):
            sender.send("MSPACE", NUMBER, "second")


def test_answers_in_another_order_and_twice() -> None:
    held: list[SubmitSmResp] = []

    def hold(peer: Peer, pdu: SubmitSm) -> None:
        held.append(peer.take(pdu))
        if len(held) == 5:
            peer.send(EnquireLinkResp(sequence_number=held[0].sequence_number), *held[::-1], *held)

    with Smsc(only(SubmitSm, hold)) as smsc, transmitter(smsc, window=5) as sender:
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(5)]
        assert [submitted(future).message_ids for future in futures] == [(str(number),) for number in range(1, 6)]


def test_what_was_not_begun_goes_out_on_the_next_connection() -> None:
    with Smsc(only(SubmitSm, no_answer)) as smsc, transmitter(smsc, window=2) as sender:
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(6)]
        eventually(lambda: most_unanswered(smsc.peers[0]) == 2)
        smsc.script = Peer.obey
        smsc.hang_up()
        assert [isinstance(failure(future), OutcomeUnknown) for future in futures[:2]] == [True, True]
        assert [submitted(future).message for future in futures[2:]] == ["m2", "m3", "m4", "m5"]
        assert smsc.texts == ["m2", "m3", "m4", "m5"]


def test_a_connection_that_was_lost_while_idle() -> None:
    with Smsc() as smsc, transmitter(smsc) as sender:
        for number in range(5):
            sender.send("MSPACE", NUMBER, f"m{number}")
            smsc.hang_up()
            eventually(lambda: len(smsc.peers) == number + 2)  # noqa: B023  # it is called at once
        assert len(smsc.taken) == 5


def test_a_bind_that_held_for_a_while_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    with Smsc() as smsc, transmitter(smsc, reconnect_for=0.3) as sender:
        for number in range(2):
            time.sleep(0.5)
            smsc.hang_up()
            eventually(lambda: len(smsc.peers) == number + 2)  # noqa: B023  # it is called at once
        assert sender.send("MSPACE", NUMBER, "hi").message_ids == ("1",)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_giving_up_and_beginning_again() -> None:
    with Smsc() as smsc:
        with transmitter(smsc, reconnect_for=0.3) as sender:
            smsc.script = lambda peer, pdu: peer.refuse(pdu, 0x0D)
            smsc.hang_up()
            future = sender.submit("MSPACE", NUMBER, "lost")
            error = failure(future)
            assert isinstance(error, (NotSent, OutcomeUnknown))
            with pytest.raises(NotSent, match="ESME_RBINDFAIL"):
                sender.send("MSPACE", NUMBER, "one")
            assert len(smsc.peers) >= 3
            smsc.script = Peer.obey
            assert sender.send("MSPACE", NUMBER, "two").message_ids == ("1",)
        assert smsc.texts == ["two"]


def test_a_password_that_is_wrong_by_now() -> None:
    with Smsc() as smsc, transmitter(smsc) as sender:
        smsc.script = lambda peer, pdu: peer.refuse(pdu, 0x0E)
        smsc.hang_up()
        eventually(lambda: len(smsc.peers) == 2)
        with pytest.raises(NotSent, match="ESME_RINVPASWD"):
            sender.send("MSPACE", NUMBER, "hi")
        count = len(smsc.peers)
        time.sleep(0.5)
        # It does not try by itself: an account may be locked for that.
        assert len(smsc.peers) == count <= 3


def test_a_service_that_hangs_up_once_it_is_bound_to_is_not_called_again_and_again() -> None:
    def bind_and_hang_up(peer: Peer, pdu: Pdu) -> None:
        peer.obey(pdu)
        raise Hangup

    with Smsc() as smsc, transmitter(smsc):
        smsc.script = bind_and_hang_up
        smsc.hang_up()
        time.sleep(1.0)
        assert 2 <= len(smsc.peers) <= 5


def test_no_send_waits_longer_for_a_bind_than_it_is_told_to() -> None:
    def bind_and_lose_what_is_submitted(peer: Peer, pdu: Pdu) -> None:
        if isinstance(pdu, SubmitSm):
            raise Hangup
        peer.obey(pdu)

    with Smsc() as smsc, transmitter(smsc, reconnect_for=0.5) as sender:
        smsc.script = bind_and_lose_what_is_submitted
        taken = []
        for _ in range(11):
            began = time.monotonic()
            with pytest.raises((OutcomeUnknown, NotSent)):
                sender.send("MSPACE", NUMBER, "lost")
            taken.append(time.monotonic() - began)
        # The pauses grow to 0.2 * 2 ** 5 seconds by then where nothing bounds them.
        assert max(taken) < 5


# That several segments arrive at once is for the system to bring about; elsewhere it is left to chance.
@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="only Linux can hold a segment back for what follows")
def test_nothing_is_handed_to_a_connection_of_which_the_end_is_known() -> None:
    def bind_and_hang_up(peer: Peer, pdu: Pdu) -> None:
        # The answer to the bind and the end come in one segment.
        peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        peer.obey(pdu)
        raise Hangup

    with Smsc() as smsc, transmitter(smsc, window=10, reconnect_for=30.0) as sender:
        smsc.script = bind_and_hang_up
        smsc.hang_up()
        eventually(lambda: len(smsc.peers) > 1)
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(100)]
        eventually(lambda: len(smsc.peers) > 2)
        smsc.script = Peer.obey
        assert [submitted(future).message for future in futures] == smsc.texts


def test_a_bind_that_is_ended_each_time_is_given_up() -> None:
    def bind_and_hang_up(peer: Peer, pdu: Pdu) -> None:
        peer.obey(pdu)
        raise Hangup

    with Smsc() as smsc, transmitter(smsc, reconnect_for=0.5) as sender:
        smsc.script = bind_and_hang_up
        smsc.hang_up()
        # Each connection can take a window of them along: there must be more than all connections can take.
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(200)]
        assert {type(failure(future)).__name__ for future in futures} <= {"NotSent", "ReplyLost"}
        assert isinstance(failure(futures[-1]), NotSent)


def test_what_was_submitted_is_still_answered_by_a_service_that_unbinds() -> None:
    def unbind_first(peer: Peer, pdu: SubmitSm) -> None:
        if pdu.short_message == b"m2":
            submits = [pdu for pdu in peer.received if isinstance(pdu, SubmitSm)]
            # All at once, the unbind first.
            peer.send(Unbind(sequence_number=1), *map(peer.take, submits))
            smsc.script = Peer.obey

    with Smsc(only(SubmitSm, unbind_first)) as smsc, transmitter(smsc, window=3) as sender:
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(5)]
        assert [submitted(future).message_ids for future in futures] == [("1",), ("2",), ("3",), ("4",), ("5",)]
        eventually(lambda: any(isinstance(pdu, UnbindResp) for pdu in smsc.peers[0].received))


def test_a_full_window_does_not_keep_the_processor_busy() -> None:
    with Smsc(only(SubmitSm, no_answer)) as smsc, transmitter(smsc, window=1) as sender:
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(3)]
        eventually(lambda: most_unanswered(smsc.peers[0]) == 1)
        began = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - began < 0.2
        for future in futures[1:]:
            future.cancel()
        smsc.hang_up()
        failure(futures[0])


# Where nothing forks, no transmitter is used in a fork.
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_does_not_use_the_connection_of_its_parent() -> None:
    with Smsc() as smsc, transmitter(smsc) as sender:
        sender.send("MSPACE", NUMBER, "before")
        child = os.fork()
        if not child:
            code = 1
            try:
                for use in (sender.submit, sender.send):
                    with contextlib.suppress(ClosedError):
                        use("MSPACE", NUMBER, "in the child")
                        os._exit(2)
                sender.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sender.send("MSPACE", NUMBER, "after").message_ids == ("2",)
        assert smsc.texts == ["before", "after"]


def test_the_end_of_the_program_waits_for_what_was_submitted() -> None:
    program = """
import sys
from mspace_legacy.smpp import Transmitter
transmitter = Transmitter("127.0.0.1", int(sys.argv[1]), "demo", sys.argv[2], window=2)
for number in range(50):
    transmitter.submit("MSPACE", "254722000000", f"m{number}")
"""

    def slowly(peer: Peer, pdu: SubmitSm) -> None:
        time.sleep(0.01)
        peer.obey(pdu)

    with Smsc(only(SubmitSm, slowly)) as smsc:
        subprocess.run([sys.executable, "-c", program, str(smsc.port), PASSWORD], check=True, timeout=60)
        assert smsc.texts == [f"m{number}" for number in range(50)]


def test_a_transmitter_that_nobody_has_any_more_unbinds() -> None:
    with Smsc() as smsc:
        sender = transmitter(smsc)
        future = sender.submit("MSPACE", NUMBER, "hi")
        del sender
        gc.collect()
        assert submitted(future).message_ids == ("1",)
        eventually(lambda: any(isinstance(pdu, Unbind) for pdu in smsc.peers[0].received))


# Futures and callbacks


def test_a_message_that_is_cancelled() -> None:
    with Smsc(only(SubmitSm, no_answer)) as smsc:
        with transmitter(smsc, window=1, timeout=2.0) as sender:
            first, second, third = (sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(3))
            (peer,) = smsc.peers
            eventually(lambda: most_unanswered(peer) == 1)
            assert not first.cancel()
            assert second.cancel()
            smsc.script = Peer.obey
            peer.send(peer.take(next(pdu for pdu in peer.received if isinstance(pdu, SubmitSm))))
            assert submitted(third).message_ids == ("2",)
        assert smsc.texts == ["m0", "m2"]


def test_what_is_cancelled_while_there_is_no_connection() -> None:
    with Smsc() as smsc, transmitter(smsc, reconnect_for=0.3) as sender:
        smsc.script = hang_up
        smsc.hang_up()
        eventually(lambda: len(smsc.peers) > 1)
        futures = [sender.submit("MSPACE", NUMBER, "hi") for _ in range(2)]
        assert futures[0].cancel()
        assert isinstance(failure(futures[1]), NotSent)
        smsc.script = Peer.obey
        sender.send("MSPACE", NUMBER, "hi")


def test_callbacks_may_fail_and_submit(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1, "concurrent.futures")
    chain: list[Future[SubmittedMessage]] = []
    done = threading.Event()

    def again(future: Future[SubmittedMessage]) -> None:
        if len(chain) == 20:
            done.set()
            raise SystemExit
        following = sender.submit("MSPACE", NUMBER, f"m{len(chain)}")
        chain.append(following)
        following.add_done_callback(again)
        raise ValueError("no one's business")

    with Smsc() as smsc, transmitter(smsc) as sender:
        sender.submit("MSPACE", NUMBER, "first").add_done_callback(again)
        assert done.wait(10)
        assert sender.send("MSPACE", NUMBER, "last")
        assert len(smsc.taken) == 22


def test_callbacks_run_in_a_thread_of_their_own_whoever_reads_the_answers() -> None:
    threads: list[threading.Thread] = []

    def hold_until_two(peer: Peer, pdu: SubmitSm) -> None:
        submits = [pdu for pdu in peer.received if isinstance(pdu, SubmitSm)]
        if len(submits) == 2:
            peer.send(*map(peer.take, submits))

    with Smsc(only(SubmitSm, hold_until_two)) as smsc, transmitter(smsc) as sender:
        future = sender.submit("MSPACE", NUMBER, "m0")
        future.add_done_callback(lambda _: threads.append(threading.current_thread()))
        sender.send("MSPACE", NUMBER, "m1")
        eventually(lambda: threads)
    assert threads[0] is not threading.current_thread()


@pytest.mark.parametrize("with_driver", [False, True])
def test_a_callback_may_not_wait(with_driver: bool) -> None:
    raised: list[BaseException] = []

    def wait_within(future: Future[SubmittedMessage]) -> None:
        for call in (sender.send, sender.send_text):
            try:
                call("MSPACE", NUMBER, "within")
            except InvalidInput as error:
                raised.append(error)

    with Smsc() as smsc, transmitter(smsc) as sender:
        future = sender.submit("MSPACE", NUMBER, "hi")
        future.add_done_callback(wait_within)
        for _ in range(10 if with_driver else 0):
            sender.send("MSPACE", NUMBER, "hi")
        submitted(future)
        # Where the future was done before, the callback ran in this thread, which may wait.
        eventually(lambda: len(raised) == 2 or smsc.texts.count("within") == 2)


def test_it_may_be_closed_by_a_callback() -> None:
    with Smsc(only(SubmitSm, slowly)) as smsc:
        sender = transmitter(smsc)
        future = sender.submit("MSPACE", NUMBER, "hi")
        future.add_done_callback(lambda done: sender.close())
        submitted(future)
        sender.close()
        assert isinstance(smsc.peers[0].received[-1], Unbind)


def interrupted_at(number: str, numbers: list[str]) -> SendResult:
    """What is told of each where an interruption comes while the service has the message to `number`, unanswered."""

    def script(peer: Peer, pdu: Pdu) -> None:
        if isinstance(pdu, SubmitSm) and pdu.destination_addr == number:
            # The answers to those before it are there, and are told a moment later.
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
        else:
            peer.obey(pdu)

    with Smsc(script) as smsc, transmitter(smsc, window=1) as sender:
        with pytest.raises(KeyboardInterrupt) as interrupted:
            sender.send_text("MSPACE", numbers, "hello")
        smsc.hang_up()
    result: SendResult = vars(interrupted.value)["result"]
    assert [message.recipient for message in result.messages] == numbers
    return result


# A signal has to arrive while send() waits, at a moment that the test chooses: Windows has no timer that sends one.
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer's signal")
def test_an_interruption_tells_what_was_answered_by_then() -> None:
    result = interrupted_at("254722000001", [NUMBER, "254722000001"])
    assert [(message.outcome, message.message_id) for message in result.messages] == [
        (Outcome.ACCEPTED, "1"),
        (Outcome.UNKNOWN, ""),
    ]


# A signal has to arrive while send() waits, at a moment that the test chooses: Windows has no timer that sends one.
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer's signal")
def test_an_interruption_while_messages_wait_for_their_turn_tells_which_were_never_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One is under way and one waits, so that the fourth is kept waiting.
    monkeypatch.setattr("mspace_legacy.smpp.link._MOST_PENDING", 1)
    numbers = [f"25472200000{digit}" for digit in range(5)]
    result = interrupted_at(numbers[1], numbers)
    unknown = Outcome.UNKNOWN
    assert [message.outcome for message in result.messages] == [
        Outcome.ACCEPTED, unknown, unknown, unknown, Outcome.NOT_SENT,
    ]  # fmt: skip


def test_an_interruption_leaves_nobody_waiting() -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Smsc() as smsc, transmitter(smsc, window=2) as sender:
            for number in range(3):
                sender.send("MSPACE", NUMBER, f"m{number}")
            smsc.script = no_answer
            others: list[Future[SubmittedMessage]] = []
            other = threading.Timer(0.05, lambda: others.append(sender.submit("MSPACE", NUMBER, "other")))
            other.start()
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                sender.send("MSPACE", NUMBER, "interrupted")
            other.join()
            smsc.script = Peer.obey
            smsc.hang_up()
            assert isinstance(failure(others[0]), OutcomeUnknown)
            assert sender.send("MSPACE", NUMBER, "last").message_ids == ("4",)
            assert smsc.texts == ["m0", "m1", "m2", "last"]
    finally:
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def interrupted_by(profile: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    """A block that ends with a KeyboardInterrupt, which `profile` raises where it is to come."""
    sys.setprofile(profile)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        sys.setprofile(None)


def send_for_ever(sender: Transmitter) -> None:
    """Messages one after the other; the first ones may be written and answered by another thread."""
    for number in itertools.count():
        sender.send("MSPACE", NUMBER, f"m{number}")


@pytest.mark.parametrize("called", ["send", "recv"])
def test_an_interruption_just_after_a_system_call_sends_nothing_twice(called: str) -> None:
    def interrupt(frame: FrameType, event: str, function: Any) -> None:
        owner = getattr(function, "__self__", None)
        # Not the socket pair by which one thread wakes another.
        if event == "c_return" and function.__name__ == called and getattr(owner, "family", 0) == socket.AF_INET:
            sys.setprofile(None)
            raise KeyboardInterrupt

    with Smsc() as smsc, transmitter(smsc) as sender:
        with interrupted_by(interrupt):
            send_for_ever(sender)
        sender.send("MSPACE", NUMBER, "last")
        # What was on the connection that broke off may be read after the last, or not yet.
        texts = smsc.texts
        assert sorted(texts) == sorted(["last", *(f"m{number}" for number in range(len(texts) - 1))])


@pytest.mark.parametrize("just_as", [Sending.settle, Sending.finish])
def test_an_interruption_as_another_s_message_is_dealt_with_leaves_nobody_waiting(just_as: FunctionType) -> None:
    """Who waits for an answer deals with those to the other threads, too."""
    stop = threading.Event()

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        is_it = event == "call" and frame.f_code is just_as.__code__
        if is_it and frame.f_locals["self"]._message.message == "another's":
            sys.setprofile(None)
            raise KeyboardInterrupt

    def send_others() -> None:
        while not stop.is_set():
            with contextlib.suppress(OutcomeUnknown):
                sender.send("MSPACE", NUMBER, "another's")

    with Smsc() as smsc, transmitter(smsc, window=10, timeout=2) as sender:
        another = threading.Thread(target=send_others, daemon=True)
        another.start()
        with interrupted_by(interrupt):
            send_for_ever(sender)
        stop.set()
        another.join(10)
        assert not another.is_alive()


def test_an_interruption_once_it_is_known_that_a_message_was_taken_leaves_it_known() -> None:
    told: list[SubmittedMessage] = []
    stop = threading.Event()

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        is_it = event == "return" and frame.f_code is Sending.settle.__code__
        if is_it and frame.f_locals["self"]._message.message == "another's":
            sys.setprofile(None)
            stop.set()
            raise KeyboardInterrupt

    def send_others() -> None:
        while not stop.is_set():
            told.append(sender.send("MSPACE", NUMBER, "another's"))

    with Smsc() as smsc, transmitter(smsc, window=10, timeout=2) as sender:
        another = threading.Thread(target=send_others, daemon=True)
        another.start()
        with interrupted_by(interrupt):
            send_for_ever(sender)
        another.join(10)
        assert smsc.texts.count("another's") == len(told)
    assert all(message.message_ids[0] for message in told)


@pytest.mark.parametrize("event", ["c_call", "c_return"])
def test_an_interruption_as_a_message_is_taken_from_those_that_wait_sends_it_once_at_most(event: str) -> None:
    def interrupt(frame: FrameType, happening: str, function: object) -> None:
        if happening == event and function is heapq.heappop:
            sys.setprofile(None)
            raise KeyboardInterrupt

    with Smsc() as smsc, transmitter(smsc) as sender:
        with interrupted_by(interrupt):
            sender.submit("MSPACE", NUMBER, "interrupted")
        sender.send("MSPACE", NUMBER, "last")
        sender.close()
        assert smsc.texts.count("interrupted") <= 1
        assert smsc.texts.count("last") == 1


def test_an_interruption_as_a_message_is_begun_spares_the_others() -> None:
    bound = threading.Event()

    def bind_later(peer: Peer, pdu: Pdu) -> None:
        bound.wait(10)
        peer.obey(pdu)

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if event == "return" and frame.f_code is Future.set_running_or_notify_cancel.__code__:
            sys.setprofile(None)
            raise KeyboardInterrupt

    with Smsc() as smsc, transmitter(smsc) as sender:
        smsc.script = bind_later
        with interrupted_by(interrupt):
            sender.submit("MSPACE", NUMBER, "interrupted")
        others = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(3)]
        bound.set()
        assert [submitted(future).message for future in others] == ["m0", "m1", "m2"]
        assert smsc.texts[-3:] == ["m0", "m1", "m2"]


def test_a_service_that_asks_without_end_and_reads_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    asked = encode(EnquireLink(sequence_number=1)) * 1000

    def ask_without_end(peer: Peer, pdu: Pdu) -> None:
        peer.obey(pdu)
        smsc.script = Peer.obey
        with contextlib.suppress(OSError):
            while True:
                peer.connection.sendall(asked)
        raise Hangup

    with Smsc(ask_without_end) as smsc, transmitter(smsc) as sender:
        with contextlib.suppress(OutcomeUnknown):
            sender.send("MSPACE", NUMBER, "into the flood")
        eventually(lambda: len(smsc.peers) == 2)
        sender.send("MSPACE", NUMBER, "by the next connection")
        assert (len(smsc.peers), smsc.texts) == (2, ["by the next connection"])
    # And not only when an answer was due for too long.
    assert "connection lost: it reads nothing" in caplog.text


# Closing


def test_closing_waits_for_what_is_under_way() -> None:
    with Smsc(only(SubmitSm, slowly)) as smsc:
        sender = transmitter(smsc, window=2)
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(10)]
        sender.close()
        assert all(future.done() for future in futures)
        assert len(smsc.taken) == 10
        assert isinstance(smsc.peers[0].received[-1], Unbind)
        sender.close()
        for call in (sender.submit, sender.send, sender.send_text):
            with pytest.raises(ClosedError):
                call("MSPACE", NUMBER, "hi")


@pytest.mark.parametrize("script", [no_answer, lambda peer, pdu: time.sleep(0.1)])
def test_closing_is_bounded(script: Any) -> None:
    with Smsc() as smsc:
        sender = transmitter(smsc, timeout=0.3, window=2)
        smsc.script = script
        futures = [sender.submit("MSPACE", NUMBER, "hi") for _ in range(6)]
        began = time.monotonic()
        sender.close()
        assert time.monotonic() - began < 3
        kinds = [type(failure(future)).__mro__ for future in futures]
        assert all(OutcomeUnknown in kind or NotSent in kind for kind in kinds)
        assert [OutcomeUnknown in kind for kind in kinds[:2]] == [True, True]
        assert threading.active_count() < 20


def test_closing_waits_as_long_as_something_is_answered() -> None:
    def slowly(peer: Peer, pdu: SubmitSm) -> None:
        time.sleep(0.05)
        peer.obey(pdu)

    with Smsc(only(SubmitSm, slowly)) as smsc:
        with transmitter(smsc, window=2, timeout=1.0) as sender:
            futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(40)]
        assert all(future.done() and future.exception() is None for future in futures)


def test_leaving_by_an_error_does_not_wait_for_what_was_not_begun() -> None:
    futures: list[Future[SubmittedMessage]] = []

    def submit_and_fail(sender: Transmitter) -> None:
        with sender:
            futures.extend(sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(50))
            raise KeyError

    def slowly(peer: Peer, pdu: SubmitSm) -> None:
        time.sleep(0.05)
        peer.obey(pdu)

    with Smsc(only(SubmitSm, slowly)) as smsc:
        with pytest.raises(KeyError):
            submit_and_fail(transmitter(smsc, window=2))
        outcomes = [type(future.exception()) for future in futures]
        assert outcomes.count(NotSent) >= 40
        assert outcomes.count(type(None)) == len(smsc.texts)
        assert set(outcomes) == {NotSent, type(None)}


def test_what_is_cancelled_by_closing_is_told_at_once() -> None:
    with Smsc(only(SubmitSm, no_answer)) as smsc:
        sender = transmitter(smsc, window=1, timeout=20.0)
        futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(3)]
        eventually(lambda: most_unanswered(smsc.peers[0]) == 1)
        sender.close(wait=False, cancel_pending=True)
        assert [type(future.exception(5)) for future in futures[1:]] == [NotSent, NotSent]
        smsc.hang_up()
        assert isinstance(failure(futures[0]), OutcomeUnknown)


def test_send_text_tells_what_was_sent_before_it_was_closed() -> None:
    def close(peer: Peer, pdu: SubmitSm) -> None:
        peer.obey(pdu)
        if len(smsc.taken) == 100:
            closing.start()

    numbers = [f"2547{number:08}" for number in range(11_000)]
    with Smsc(only(SubmitSm, close)) as smsc:
        sender = transmitter(smsc)
        closing = threading.Thread(target=sender.close, kwargs={"cancel_pending": True})
        with pytest.raises(OutcomeUnknown, match="of 11000 messages were taken") as caught:
            sender.send_text("MSPACE", numbers, "hi")
        closing.join()
    assert not isinstance(caught.value, NotSent)
    assert caught.value.result is not None
    outcomes = [message.outcome for message in caught.value.result.messages]
    assert outcomes.count(Outcome.ACCEPTED) == len(smsc.taken)
    assert outcomes.count(Outcome.NOT_SENT) == len(numbers) - len(smsc.taken)


def test_closing_after_the_connection_was_given_up() -> None:
    with Smsc() as smsc:
        sender = transmitter(smsc, reconnect_for=0.1)
        smsc.script = hang_up
        smsc.hang_up()
        with contextlib.suppress(OutcomeUnknown, NotSent):
            sender.send("MSPACE", NUMBER, "hi")
        sender.close()
        sender.close()


def test_closing_while_it_connects() -> None:
    with Smsc() as smsc:
        sender = transmitter(smsc, reconnect_for=60.0)
        smsc.script = hang_up
        smsc.hang_up()
        eventually(lambda: len(smsc.peers) > 2)
        began = time.monotonic()
        sender.close()
        assert time.monotonic() - began < 5


def test_one_that_nobody_keeps_stops_binding() -> None:
    with Smsc() as smsc:
        sender = transmitter(smsc, timeout=20.0)
        thread = sender._link._thread
        smsc.script = no_answer
        smsc.hang_up()
        eventually(lambda: len(smsc.peers) == 2 and smsc.peers[1].received)
        del sender
        gc.collect()
        assert thread is not None
        thread.join(5)
        assert not thread.is_alive()


def test_closing_while_a_bind_is_not_answered() -> None:
    with Smsc() as smsc:
        sender = transmitter(smsc, timeout=20.0)
        smsc.script = no_answer
        smsc.hang_up()
        eventually(lambda: len(smsc.peers) == 2 and smsc.peers[1].received)
        began = time.monotonic()
        sender.close()
        assert time.monotonic() - began < 3


def test_a_service_that_unbinds() -> None:
    with Smsc() as smsc, transmitter(smsc) as sender:
        sender.send("MSPACE", NUMBER, "one")
        smsc.peers[0].send(Unbind(sequence_number=77))
        eventually(lambda: len(smsc.peers) == 2)
        # The answer may be read after the next connection is there.
        eventually(lambda: smsc.peers[0].received[-1] == UnbindResp(sequence_number=77))
        sender.send("MSPACE", NUMBER, "two")
        assert smsc.texts == ["one", "two"]


def test_a_peer_that_reads_nothing() -> None:
    stalled = threading.Event()

    def stall(peer: Peer, pdu: Pdu) -> None:
        if len(smsc.peers) > 1:
            # However long it takes to submit them all: one connection alone takes any.
            hang_up(peer, pdu)
        peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.obey(pdu)
        stalled.wait(20)

    with Smsc(stall) as smsc:
        sender = transmitter(smsc, timeout=0.5, window=100_000, reconnect_for=0.2, long="payload")
        # Some thirty megabytes: more than buffers hold.
        futures = [sender.submit("MSPACE", NUMBER, "x" * 38_000) for _ in range(900)]
        kinds = [failure(future) for future in futures]
        began = time.monotonic()
        sender.close()
        assert time.monotonic() - began < 3
        stalled.set()
    assert {isinstance(kind, OutcomeUnknown) for kind in kinds} == {True, False}
    assert all(isinstance(kind, (OutcomeUnknown, NotSent)) for kind in kinds)


def test_what_a_peer_that_reads_nothing_was_not_sent_goes_by_the_next_connection() -> None:
    count = 400  # of 38 KB, of which the systems' buffers take a part
    ended = threading.Event()

    def script(peer: Peer, pdu: Pdu) -> None:
        if peer is peer.smsc.peers[0] and isinstance(pdu, BindTransmitter):
            peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.obey(pdu)
            ended.wait(20)
            raise Hangup
        peer.obey(pdu)

    with Smsc(script) as smsc, transmitter(smsc, timeout=2.0, window=count, long="payload") as sms:
        futures = [sms.submit("M", f"2547220{number:05}", "x" * 38_000) for number in range(count)]
        wait(futures, 30)
        ended.set()
        told = [future.exception() or future.result() for future in futures]
    accepted = [message.recipient for message in told if isinstance(message, SubmittedMessage)]
    assert accepted == [pdu.destination_addr for pdu in smsc.taken]
    assert 0 < len(accepted) < count
    assert sum(isinstance(error, OutcomeUnknown) for error in told) == count - len(accepted)


# On the way


@pytest.mark.parametrize("status", [0, 0x58, 0x0A])
def test_an_answer_to_what_was_not_sent_is_none(status: int) -> None:
    count = 400  # of 38 KB, of which the systems' buffers take a part
    full, answered = threading.Event(), threading.Event()

    def script(peer: Peer, pdu: Pdu) -> None:
        if isinstance(pdu, BindTransmitter) and peer is peer.smsc.peers[0]:
            peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.obey(pdu)
            # It reads nothing more, and answers the last all the same.
            full.wait(10)
            early = "" if status else "early"
            peer.send(SubmitSmResp(sequence_number=count + 1, message_id=early, command_status=status))
            answered.wait(10)
            raise Hangup
        peer.obey(pdu)

    with Smsc(script) as smsc, transmitter(smsc, window=count, long="payload") as sms:
        futures = [sms.submit("M", f"2547220{number:05}", "x" * 38_000) for number in range(count)]
        full.set()
        eventually(lambda: len(smsc.peers) == 2)
        answered.set()
        wait(futures, 20)
        told = [future.exception() or future.result() for future in futures]
    taken = [pdu.destination_addr for pdu in smsc.taken]
    accepted = [message.recipient for message in told if isinstance(message, SubmittedMessage)]
    assert accepted == taken
    assert taken[-1] == f"2547220{count - 1:05}"
    assert sum(isinstance(error, OutcomeUnknown) for error in told) == count - len(taken)


def test_single_bytes() -> None:
    with Smsc() as smsc:
        smsc.single_bytes = True
        with transmitter(smsc) as sender:
            futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(50)]
            assert [submitted(future).message_ids for future in futures] == [(str(n),) for n in range(1, 51)]


def test_tls_by_its_default_verifies_the_service() -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(theirs)
    with Smsc(tls=theirs) as smsc:
        with pytest.raises(NotSent) as caught:
            transmitter(smsc, tls=True)
        assert caught.value.fault == "tls"
        assert not any(peer.received for peer in smsc.peers)


@pytest.mark.parametrize("trusted", [True, False])
def test_tls(trusted: bool) -> None:
    authority = trustme.CA()
    ours = ssl.create_default_context()
    if trusted:
        authority.configure_trust(ours)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    with Smsc(tls=theirs) as smsc:
        if not trusted:
            with pytest.raises(NotSent) as caught:
                transmitter(smsc, tls=ours)
            assert caught.value.fault == "tls"
            return
        with transmitter(smsc, tls=ours, long="payload") as sender:
            futures = [sender.submit("MSPACE", NUMBER, f"m{number}") for number in range(300)]
            assert len({submitted(future).message_ids for future in futures}) == 300
            sender.send("MSPACE", NUMBER, "x" * 38_000)
            smsc.hang_up()
            eventually(lambda: len(smsc.peers) == 2)
            sender.send("MSPACE", NUMBER, "again")
        with receiver(smsc, print, tls=ours):
            pass


@pytest.mark.parametrize("side", ["transmitter", "receiver"])
def test_silence_against_a_service_that_hangs_up_when_idle(side: str) -> None:
    """The vendor's 50 seconds and our 20 of them, thirty times as fast."""

    def bound_then_hurried(peer: Peer, pdu: Pdu) -> None:
        peer.obey(pdu)
        peer.connection.settimeout(50 / 30)

    with Smsc(bound_then_hurried) as smsc:
        made = transmitter if side == "transmitter" else lambda *args, **more: receiver(smsc, print, **more)
        with made(smsc, enquire_after=20 / 30):
            eventually(lambda: sum(isinstance(pdu, EnquireLink) for pdu in smsc.peers[0].received) >= 4)
            assert len(smsc.peers) == 1


def test_a_service_that_is_dead_is_noticed() -> None:
    with Smsc() as smsc, transmitter(smsc, enquire_after=0.1, timeout=0.3):
        smsc.script = lambda peer, pdu: peer.obey(pdu) if peer is not smsc.peers[0] else None
        eventually(lambda: len(smsc.peers) == 2)


def test_octets_that_are_no_smpp_end_the_connection() -> None:
    with Smsc() as smsc, transmitter(smsc) as sender:
        smsc.peers[0].write(b"GET / HTTP/1.1\r\n\r\n")
        eventually(lambda: len(smsc.peers) == 2)
        eventually(lambda: isinstance(smsc.peers[0].received[-1], GenericNack))
        sender.send("MSPACE", NUMBER, "hi")


# Receiving


class Inbox:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.came: list[Receipt | IncomingText] = []

    def __call__(self, message: Receipt | IncomingText) -> None:
        self.came.append(message)


def test_receipts_and_texts_are_models() -> None:
    inbox = Inbox()
    deliveries = Deliveries()
    deliveries.add(SubmittedMessage("MSPACE", NUMBER, "hi", ("7",)))
    with Smsc() as smsc, receiver(smsc, inbox, deliveries=deliveries):
        (peer,) = smsc.peers
        peer.deliver(RECEIPT, esm_class=4)
        peer.deliver("habari 😀".encode("utf-16-be"), data_coding=8)
        peer.deliver(b"\5\0\3\1\2\2part two", esm_class=0x40)
        peer.deliver(b"\xff\xfe", data_coding=4)
        eventually(lambda: len(peer.answers()) == 4)
        receipt, text, part, binary = inbox.came
    assert isinstance(receipt, Receipt)
    assert (receipt.message_id, receipt.state, receipt.recipient) == ("7", MessageState.DELIVERED, NUMBER)
    found = deliveries.of("7")
    assert found is not None
    assert found.state is MessageState.DELIVERED
    assert isinstance(text, IncomingText)
    assert (text.sender, text.recipient, text.text) == (NUMBER, "40404", "habari 😀")
    assert isinstance(part, IncomingText)
    assert part.concatenation is not None
    assert (part.text, part.concatenation.number, part.concatenation.total) == ("part two", 2, 2)
    assert isinstance(binary, IncomingText)
    assert (binary.text, binary.octets) == (None, b"\xff\xfe")
    assert peer.answers() == [(1, 0), (2, 0), (3, 0), (4, 0)]


def test_the_parts_of_a_long_text_are_put_together_though_a_pair_was_cut_in_two() -> None:
    inbox = Inbox()
    octets = "habari 😀 yako".encode("utf-16-be")
    with Smsc() as smsc, receiver(smsc, inbox):
        (peer,) = smsc.peers
        peer.deliver(b"\5\0\3\1\2\2" + octets[16:], esm_class=0x40, data_coding=0x18)
        peer.deliver(b"\5\0\3\1\2\1" + octets[:16], esm_class=0x40, data_coding=0x18)
        eventually(lambda: len(peer.answers()) == 2)
    parts = [came for came in inbox.came if isinstance(came, IncomingText)]
    assert [part.text for part in parts] == [None, None]
    (whole,) = reassemble(parts)
    assert whole.text == "habari 😀 yako"


def test_an_alert_notification_is_not_answered() -> None:
    """Section 4.12: it has no response."""
    with Smsc() as smsc, receiver(smsc, Inbox()):
        (peer,) = smsc.peers
        peer.write(struct.pack(">4I", 24, 0x102, 0, 5) + b"\1\1\0\1\1\0\0\0"[:8])
        peer.deliver()
        eventually(peer.answers)
        assert [type(pdu) for pdu in peer.received] == [BindReceiver, DeliverSmResp]


def test_a_bind_that_is_answered_as_another_one_is_told_at_once() -> None:
    def as_transmitter(peer: Peer, pdu: Pdu) -> None:
        peer.send(BindTransmitterResp(sequence_number=pdu.sequence_number))

    with Smsc(only(BindReceiver, as_transmitter)) as smsc:
        began = time.monotonic()
        with pytest.raises(NotSent, match="bind_receiver was answered by bind_transmitter_resp"):
            receiver(smsc, Inbox(), timeout=20.0)
        assert time.monotonic() - began < 5


def test_an_unreadable_receipt_is_handed_over_raw_and_acknowledged() -> None:
    inbox = Inbox()
    with Smsc() as smsc, receiver(smsc, inbox, deliveries=Deliveries()):
        smsc.peers[0].deliver(b"\xff\0nonsense", esm_class=4)
        eventually(smsc.peers[0].answers)
        (receipt,) = inbox.came
    assert isinstance(receipt, Receipt)
    assert (receipt.message_id, receipt.state, receipt.raw) == ("", None, b"\xff\0nonsense")
    assert smsc.peers[0].answers() == [(1, 0)]


def test_what_cannot_be_read_is_refused_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    came: list[Receipt | IncomingText] = []
    with Smsc() as smsc, receiver(smsc, came.append):
        # short_message is longer than what is left of the PDU.
        smsc.peers[0].write(
            bytes.fromhex("00000021 00000005 00000000 00000001 00 0000 00 0000 00 000000 00 00 00 00 00 00 05")
        )
        smsc.peers[0].deliver()
        eventually(lambda: came)
        eventually(lambda: any(number == 1 and status for number, status in smsc.peers[0].answers()))
    assert "what can't be read" in caplog.text


def test_a_message_is_acknowledged_only_when_it_was_handled() -> None:
    entered, leave = threading.Event(), threading.Event()

    def handler(message: Receipt | IncomingText) -> None:
        entered.set()
        leave.wait(10)

    with Smsc() as smsc, receiver(smsc, handler, enquire_after=0.05):
        (peer,) = smsc.peers
        peer.deliver()
        assert entered.wait(10)
        # Meanwhile the link is enquired, both ways.
        peer.send(EnquireLink(sequence_number=55))
        eventually(lambda: EnquireLinkResp(sequence_number=55) in peer.received)
        eventually(lambda: any(isinstance(pdu, EnquireLink) for pdu in peer.received))
        assert peer.answers() == []
        leave.set()
        eventually(peer.answers)
        assert peer.answers() == [(1, 0)]


@pytest.mark.parametrize("error", [ValueError("0722 secret text"), SystemExit(), KeyboardInterrupt()])
def test_a_handler_that_raises(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    came: list[Receipt | IncomingText] = []

    def handler(message: Receipt | IncomingText) -> None:
        came.append(message)
        if len(came) == 1:
            raise error

    with Smsc() as smsc, receiver(smsc, handler):
        (peer,) = smsc.peers
        peer.deliver()
        eventually(peer.answers)
        # ESME_RX_T_APPN, section 5.1.3.
        assert peer.answers() == [(1, 0x64)]
        peer.deliver()
        eventually(lambda: len(peer.answers()) == 2)
        assert peer.answers()[1] == (2, 0)
        assert came[0] == came[1]
    assert "secret text" not in caplog.text
    assert type(error).__name__ in caplog.text


def test_the_connection_is_lost_while_the_handler_runs() -> None:
    entered, leave = threading.Event(), threading.Event()
    inbox = Inbox()

    def handler(message: Receipt | IncomingText) -> None:
        inbox(message)
        entered.set()
        leave.wait(10)

    with Smsc() as smsc, receiver(smsc, handler):
        smsc.peers[0].deliver(b"one")
        smsc.peers[0].deliver(b"two")
        assert entered.wait(10)
        smsc.hang_up()
        # The first to come back may have been hung up on as well.
        eventually(lambda: len(smsc.peers) > 1 and smsc.peers[-1].received)
        leave.set()
        again = smsc.peers[-1]
        again.deliver(b"one")
        again.deliver(b"two")
        eventually(lambda: len(again.answers()) == 2)
        # The first one came twice, as it could not be acknowledged; the second one was not begun before.
        assert [message.text for message in inbox.came] == ["one", "one", "two"]
        assert smsc.peers[0].answers() == []
        assert again.answers() == [(1, 0), (2, 0)]


def without_descriptors(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The system has no descriptor left when a connection is made, so many times."""
    there = socket.socketpair
    failures = iter([OSError(errno.EMFILE, os.strerror(errno.EMFILE))] * times)

    def socketpair() -> tuple[socket.socket, socket.socket]:
        for failure in failures:
            raise failure
        return there()

    monkeypatch.setattr(socket, "socketpair", socketpair)


def test_without_descriptors_there_is_no_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    with Smsc() as smsc:
        without_descriptors(monkeypatch, 1)
        with pytest.raises(NotSent, match=r"Too many open files; nothing was sent"):
            transmitter(smsc)


def test_a_receiver_binds_again_when_there_are_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    with Smsc() as smsc, receiver(smsc, inbox) as bound:
        without_descriptors(monkeypatch, 2)
        smsc.hang_up()
        eventually(lambda: smsc.peers[-1] is not smsc.peers[0] and smsc.peers[-1].received)
        smsc.peers[-1].deliver()
        eventually(smsc.peers[-1].answers)
        assert len(inbox.came) == 1
        assert not bound.wait(0.01)


@pytest.mark.parametrize("kind", [Transmitter, Receiver])
def test_what_is_no_host_is_not_shown_as_one(kind: Any) -> None:
    arguments = [print] if kind is Receiver else []
    with pytest.raises(InvalidInput) as caught:
        kind("demo:canary-71f3@h", 2775, "demo", PASSWORD, *arguments)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    assert [frame.locals["self"] for frame in frames if frame.name == "__init__" and frame.locals][:1] == [
        kind.__name__
    ]


@pytest.mark.parametrize("handler", [None, "print"])
def test_a_handler_that_is_no_function(handler: Any) -> None:
    with Smsc() as smsc, pytest.raises(WrongType, match=f"handler is a {type(handler).__name__}: give a function"):
        receiver(smsc, handler)


def test_a_receiver_binds_again_when_the_service_unbinds() -> None:
    inbox = Inbox()
    with Smsc() as smsc, receiver(smsc, inbox) as bound:
        (peer,) = smsc.peers
        peer.deliver(b"one")
        eventually(peer.answers)
        peer.send(Unbind(sequence_number=9))
        eventually(lambda: len(smsc.peers) == 2 and smsc.peers[1].received)
        eventually(lambda: UnbindResp(sequence_number=9) in peer.received)
        smsc.peers[1].deliver(b"two")
        eventually(smsc.peers[1].answers)
        assert [message.text for message in inbox.came] == ["one", "two"]
        assert not bound.wait(0.01)
        assert repr(bound) == f"Receiver(127.0.0.1:{smsc.port})"
    assert bound.wait(1)


def test_a_bind_that_is_given_up_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    with Smsc() as smsc, receiver(smsc, print) as taker:
        smsc.script = lambda peer, pdu: peer.refuse(pdu, 0x0E)
        smsc.hang_up()
        with pytest.raises(errors.AuthenticationError):
            taker.wait(10)
    assert ["ESME_RINVPASWD" in record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        True
    ]


def test_a_receiver_whose_password_is_wrong_by_now_tells_who_waits() -> None:
    with Smsc() as smsc, receiver(smsc, print) as bound:
        smsc.script = lambda peer, pdu: peer.refuse(pdu, 0x0E)
        smsc.hang_up()
        with pytest.raises(errors.AuthenticationError, match="ESME_RINVPASWD"):
            bound.wait(10)


def test_closing_lets_the_handler_finish_and_leaves_the_rest_to_be_delivered_again() -> None:
    entered, leave = threading.Event(), threading.Event()
    inbox = Inbox()

    def handler(message: Receipt | IncomingText) -> None:
        inbox(message)
        entered.set()
        leave.wait(10)

    with Smsc() as smsc:
        bound = receiver(smsc, handler)
        (peer,) = smsc.peers
        for text in (b"one", b"two", b"three"):
            peer.deliver(text)
        assert entered.wait(10)
        eventually(lambda: bound._incoming.qsize() == 2)
        closing = threading.Thread(target=bound.close)
        closing.start()
        eventually(bound._closed.is_set)
        leave.set()
        closing.join(10)
        assert [message.text for message in inbox.came] == ["one"]
        assert peer.answers() == [(1, 0), (2, 0x64), (3, 0x64)]
        assert isinstance(peer.received[-1], Unbind)
        bound.close()


def test_a_deliver_sm_that_crosses_our_unbind() -> None:
    inbox = Inbox()

    def late(peer: Peer, pdu: Unbind) -> None:
        peer.deliver(b"late")
        peer.refuse(pdu, 0)

    with Smsc(only(Unbind, late)) as smsc:
        receiver(smsc, inbox).close()
        (peer,) = smsc.peers
        eventually(peer.answers)
        # Not handled, so not acknowledged: it comes again.
        assert peer.answers() == [(1, 0x64)]
    assert inbox.came == []


def test_closing_from_inside_the_handler() -> None:
    holder: list[Receiver] = []

    def handler(message: Receipt | IncomingText) -> None:
        holder[0].close()

    with Smsc() as smsc:
        holder.append(receiver(smsc, handler))
        smsc.peers[0].deliver()
        assert holder[0].wait(10)
        assert smsc.peers[0].answers() == [(1, 0)]
        holder[0].close()


def test_closing_with_a_handler_that_hangs_is_bounded() -> None:
    leave = threading.Event()
    with Smsc() as smsc:
        bound = receiver(smsc, lambda message: leave.wait(10), timeout=0.2)
        smsc.peers[0].deliver()
        began = time.monotonic()
        bound.close()
        assert time.monotonic() - began < 3
        leave.set()


def test_a_receiver_from_a_peer_that_writes_single_bytes() -> None:
    inbox = Inbox()
    with Smsc() as smsc:
        smsc.single_bytes = True
        with receiver(smsc, inbox):
            (peer,) = smsc.peers
            for number in range(20):
                peer.deliver(b"m%d" % number)
            eventually(lambda: len(peer.answers()) == 20)
    assert [message.text for message in inbox.came] == [f"m{number}" for number in range(20)]


def test_what_comes_with_the_answer_to_the_bind_is_not_forgotten() -> None:
    inbox = Inbox()

    def at_once(peer: Peer, pdu: BindReceiver) -> None:
        state = Tlv.of(Tag.MESSAGE_STATE, 2)
        answer = BindReceiverResp(sequence_number=pdu.sequence_number)
        receipted = Tlv.of(Tag.RECEIPTED_MESSAGE_ID, "7")
        deliver = DeliverSm(sequence_number=5, short_message=b"", tlvs=(state, receipted))
        peer.write(encode(answer) + encode(deliver))

    with Smsc(only(BindReceiver, at_once)) as smsc, receiver(smsc, inbox):
        eventually(lambda: smsc.peers[0].answers() == [(5, 0)])
    (receipt,) = inbox.came
    assert isinstance(receipt, Receipt)
    assert (receipt.message_id, receipt.state) == ("7", MessageState.DELIVERED)
