"""emulator.smsc: an SMSC as its clients see it. The octets here are written by hand, after SMPP 3.4."""

from __future__ import annotations

import json
import logging
import random
import select
import shutil
import socket
import sqlite3
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import pytest
import smpplib.client  # type: ignore[import-untyped]
import smpplib.consts  # type: ignore[import-untyped]

from mspace_legacy import Client
from mspace_legacy.emulator import DEMO_ACCOUNTS, Account, Emulator, Fault, Faults, Ledger, Smsc
from mspace_legacy.emulator.ledger import NEVER_DELIVERED, NEVER_SETTLED, REJECTED
from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp import IncomingText, Receiver, Transmitter
from mspace_legacy.smpp.receipts import MessageState, Receipt
from mspace_legacy.smpp.text import write_text
from tests.emulator.clock import Clock

PATIENCE = 20.0
NUMBER = "254722000001"

# command_id, section 5.1.2.1
BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT_SM, DELIVER_SM, UNBIND, BIND_TRANSCEIVER = 1, 2, 4, 5, 6, 9
OUTBIND, ENQUIRE_LINK, RESPONSE, GENERIC_NACK = 0x0B, 0x15, 0x80000000, 0x80000000

# command_status, section 5.1.3
RINVMSGLEN, RINVCMDLEN, RINVCMDID, RINVBNDSTS, RALYBND, RINVPRTFLG, RINVREGDLVFLG = 1, 2, 3, 4, 5, 6, 7
RINVSRCADR, RINVDSTADR, RBINDFAIL, RINVPASWD, RINVSYSID = 0x0A, 0x0B, 0x0D, 0x0E, 0x0F
RINVSUBREP, RSUBMITFAIL, RINVSRCTON, RINVSRCNPI, RINVDSTTON, RINVDSTNPI = 0x42, 0x45, 0x48, 0x49, 0x50, 0x51
RINVREPFLAG, RTHROTTLED, RINVSCHED, RINVDFTMSGID, RX_T_APPN, ROPTPARNOTALLWD = 0x54, 0x58, 0x61, 0x63, 0x64, 0xC1


class Came(NamedTuple):
    """A PDU as it came."""

    command_id: int
    status: int
    number: int
    body: bytes = b""


def pdu(command_id: int, body: bytes = b"", *, number: int = 1, status: int = 0) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command_id, status, number) + body


def bind(command_id: int, system_id: str = "demo", password: str = "smpp-pwd", *, version: int = 0x34) -> bytes:
    return pdu(command_id, f"{system_id}\0{password}\0\0".encode() + bytes((version, 0, 0, 0)))


def submit(
    text: bytes = b"Hello",
    *,
    number: int = 2,
    source: tuple[int, int, str] = (5, 0, "MSPACE"),
    destination: tuple[int, int, str] = (1, 1, NUMBER),
    esm_class: int = 0,
    priority: int = 0,
    schedule: str = "",
    receipt: int = 1,
    replace_flag: int = 0,
    data_coding: int = 0,
    default_id: int = 0,
    tlvs: bytes = b"",
) -> bytes:
    """submit_sm, section 4.4.1, field by field."""
    body = b"\0" + bytes(source[:2]) + source[2].encode() + b"\0"
    body += bytes(destination[:2]) + destination[2].encode() + b"\0"
    body += bytes((esm_class, 0, priority)) + schedule.encode() + b"\0" + b"\0"
    body += bytes((receipt, replace_flag, data_coding, default_id, len(text))) + text
    return pdu(SUBMIT_SM, body + tlvs, number=number)


def payload(text: bytes) -> bytes:
    return struct.pack(">HH", 0x0424, len(text)) + text


class Peer:
    """A raw connection to an SMSC."""

    def __init__(self, smsc: Smsc, *first: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", smsc.port), PATIENCE)
        self._buffer = b""
        self.shortest_read = 1 << 16
        for octets in first:
            self.send(octets)

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def read(self) -> Came:
        while len(self._buffer) < 16 or len(self._buffer) < int.from_bytes(self._buffer[:4], "big"):
            data = self._socket.recv(4096)
            assert data, f"it was closed after {self._buffer!r}"
            self.shortest_read = min(self.shortest_read, len(data))
            self._buffer += data
        length, command_id, status, number = struct.unpack_from(">IIII", self._buffer)
        came = Came(command_id, status, number, self._buffer[16:length])
        self._buffer = self._buffer[length:]
        return came

    def has_come(self) -> bool:
        """Whether there is something to read by now."""
        return bool(self._buffer or select.select([self._socket], [], [], 0)[0])

    def ask(self, octets: bytes) -> Came:
        self.send(octets)
        return self.read()

    def says_nothing_more(self) -> bool:
        """Whether nothing comes but answers to enquire_link: two, as what the first one wakes comes behind it."""
        return all(
            self.ask(pdu(ENQUIRE_LINK, number=number)) == Came(RESPONSE | ENQUIRE_LINK, 0, number)
            for number in (98, 99)
        )

    def is_closed(self) -> bool:
        assert not self._buffer
        return self._socket.recv(1) == b""


def transmitter(smsc: Smsc, system_id: str = "demo") -> Peer:
    peer = Peer(smsc)
    assert peer.ask(bind(BIND_TRANSMITTER, system_id)).status == 0
    return peer


def receiver(smsc: Smsc, system_id: str = "demo") -> Peer:
    peer = Peer(smsc)
    assert peer.ask(bind(BIND_RECEIVER, system_id)).status == 0
    return peer


@pytest.fixture
def ledger(clock: Clock) -> Iterator[Ledger]:
    no_smpp = Account("no-smpp", Secret("p"), Secret("k"), 5, ("MSPACE",))
    ledger = Ledger((*DEMO_ACCOUNTS, no_smpp), clock=clock)
    yield ledger
    ledger.close()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def smsc(ledger: Ledger, faults: Faults) -> Iterator[Smsc]:
    with Smsc(ledger, faults) as smsc:
        yield smsc


# A session, octet by octet


def test_a_session_to_the_octet(smsc: Smsc, ledger: Ledger) -> None:
    with Peer(smsc) as peer:
        octets = bytes.fromhex("00000023 00000002 00000000 00000007") + b"demo\0smpp-pwd\0\0\x34\0\0\0"
        # Its name, and sc_interface_version.
        assert peer.ask(octets) == Came(0x80000002, 0, 7, b"EMULATOR\0" + bytes.fromhex("0210 0001 34"))
        octets = bytes.fromhex("00000035 00000004 00000000 00000008")
        octets += b"\0\x05\0MSPACE\0\x01\x01254722000001\0\0\0\0\0\0\x01\0\0\0\x02Hi"
        assert peer.ask(octets) == Came(0x80000004, 0, 8, b"49032372\0")
        assert peer.ask(bytes.fromhex("00000010 00000015 00000000 00000009")) == Came(0x80000015, 0, 9)
        assert peer.ask(bytes.fromhex("00000010 00000006 00000000 0000000a")) == Came(0x80000006, 0, 10)
        assert peer.is_closed()
    (message,) = ledger.messages()
    assert (message.username, message.sender_id, message.recipient, message.text) == ("demo", "MSPACE", NUMBER, "Hi")
    assert (message.message_id, message.segments, ledger.balance("demo")) == ("49032372", 1, 999)


def test_a_session_in_single_octets(smsc: Smsc) -> None:
    with Peer(smsc) as peer:
        for octet in bind(BIND_TRANSMITTER) + submit():
            peer.send(bytes((octet,)))
        assert peer.read().status == 0
        assert peer.read() == Came(RESPONSE | SUBMIT_SM, 0, 2, b"49032372\0")


# Binding


@pytest.mark.parametrize("command_id", [BIND_TRANSMITTER, BIND_RECEIVER])
@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [
        ("nobody", "smpp-pwd", RINVSYSID),
        ("no-smpp", "p", RINVSYSID),
        ("demo", "wrong", RINVPASWD),
        ("demo", "", RINVPASWD),
        ("demo", "demo-password", RINVPASWD),
        ("suspended", "smpp-pwd", RBINDFAIL),
        ("a-name-too-long!", "smpp-pwd", RINVSYSID),
    ],
)
def test_a_bind_that_is_refused_may_be_tried_again(
    smsc: Smsc, command_id: int, system_id: str, password: str, status: int
) -> None:
    with Peer(smsc) as peer:
        assert peer.ask(bind(command_id, system_id, password)) == Came(RESPONSE | command_id, status, 1)
        assert peer.ask(submit()).status == RINVBNDSTS
        assert peer.ask(bind(command_id)).status == 0


def test_there_is_no_transceiver(smsc: Smsc) -> None:
    with Peer(smsc) as peer:
        assert peer.ask(bind(BIND_TRANSCEIVER)) == Came(RESPONSE | BIND_TRANSCEIVER, RINVCMDID, 1)
        assert peer.ask(bind(BIND_TRANSMITTER)).status == 0


@pytest.mark.parametrize("first", [BIND_TRANSMITTER, BIND_RECEIVER])
@pytest.mark.parametrize("second", [BIND_TRANSMITTER, BIND_RECEIVER])
def test_a_connection_is_bound_once(smsc: Smsc, first: int, second: int) -> None:
    with Peer(smsc) as peer:
        assert peer.ask(bind(first)).status == 0
        assert peer.ask(bind(second)) == Came(RESPONSE | second, RALYBND, 1)
        assert (peer.ask(submit()).status == 0) == (first == BIND_TRANSMITTER), "it is bound as it was"


def test_an_account_binds_as_often_as_it_likes(smsc: Smsc) -> None:
    with transmitter(smsc) as one, transmitter(smsc) as other, receiver(smsc):
        assert one.ask(submit()).status == other.ask(submit()).status == 0


def test_a_client_of_version_3_3_is_told_no_optional_parameters(smsc: Smsc) -> None:
    with Peer(smsc) as peer:
        assert peer.ask(bind(BIND_TRANSMITTER, version=0x33)) == Came(
            RESPONSE | BIND_TRANSMITTER, 0, 1, b"EMULATOR\0"
        )


def test_what_is_not_for_now_is_refused(smsc: Smsc, ledger: Ledger) -> None:
    with Peer(smsc) as peer:
        assert peer.ask(submit()) == Came(RESPONSE | SUBMIT_SM, RINVBNDSTS, 2)
        assert peer.ask(pdu(UNBIND)) == Came(RESPONSE | UNBIND, RINVBNDSTS, 1)
        assert peer.says_nothing_more()
    with receiver(smsc) as peer:
        assert peer.ask(submit()) == Came(RESPONSE | SUBMIT_SM, RINVBNDSTS, 2)
    assert ledger.messages() == []


def test_what_is_not_for_clients_is_refused(smsc: Smsc) -> None:
    with transmitter(smsc) as peer:
        query_sm = 3
        assert peer.ask(pdu(query_sm, b"1\0\0\0\0", number=5)) == Came(GENERIC_NACK, RINVCMDID, 5)
        assert peer.ask(pdu(OUTBIND, b"demo\0smpp-pwd\0", number=6)) == Came(GENERIC_NACK, RINVCMDID, 6)
        deliver_sm = pdu(DELIVER_SM, submit()[16:], number=7)
        assert peer.ask(deliver_sm) == Came(RESPONSE | DELIVER_SM, RINVCMDID, 7, b"\0")
        # Nobody answers a response, be it of a request that nobody made.
        peer.send(pdu(RESPONSE | ENQUIRE_LINK) + pdu(RESPONSE | DELIVER_SM, b"\0") + pdu(GENERIC_NACK))
        assert peer.says_nothing_more()


def test_what_is_no_smpp_is_told_and_hung_up_on(smsc: Smsc) -> None:
    with Peer(smsc, struct.pack(">IIII", 5, SUBMIT_SM, 0, 3)) as peer:
        assert peer.read() == Came(GENERIC_NACK, RINVCMDLEN, 3)
        assert peer.is_closed()


# Submitting


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (submit(source=(5, 0, "OTHER")), RINVSRCADR),
        (submit(source=(5, 0, "A" * 21)), RINVSRCADR),
        (submit(destination=(1, 1, "12")), RINVDSTADR),
        (submit(destination=(1, 1, "")), RINVDSTADR),
        (submit(destination=(1, 1, REJECTED)), RINVDSTADR),
        (submit(source=(7, 0, "MSPACE")), RINVSRCTON),
        (submit(source=(5, 2, "MSPACE")), RINVSRCNPI),
        (submit(destination=(7, 1, NUMBER)), RINVDSTTON),
        (submit(destination=(1, 2, NUMBER)), RINVDSTNPI),
        (submit(priority=4), RINVPRTFLG),
        (submit(receipt=3), RINVREGDLVFLG),
        (submit(schedule="000000010000000R"), RINVSCHED),
        (submit(replace_flag=1), RINVSUBREP),
        (submit(replace_flag=2), RINVREPFLAG),
        (submit(default_id=1), RINVDFTMSGID),
        (submit(b""), RINVMSGLEN),
        (submit(b"Hello", tlvs=payload(b"Hello")), ROPTPARNOTALLWD),
        # Beside a header of six octets there is room for 153 septets, or 134 octets.
        (submit(b"\5\0\3\7\2\1" + b"a" * 154, esm_class=0x40), RINVMSGLEN),
        (submit(b"\5\0\3\7\2\1" + b"a" * 136, esm_class=0x40, data_coding=8), RINVMSGLEN),
        # Beside one of seven, for 152 septets.
        (submit(b"\6\x08\4\0\7\2\1" + b"a" * 153, esm_class=0x40), RINVMSGLEN),
        (submit(b"a" * 154, tlvs=bytes.fromhex("020c00020007 020e000102 020f000101")), RINVMSGLEN),
    ],
)
def test_a_mistake_is_told_by_the_standard_s_status_and_costs_nothing(
    smsc: Smsc, ledger: Ledger, octets: bytes, status: int
) -> None:
    with transmitter(smsc) as peer:
        assert peer.ask(octets) == Came(RESPONSE | SUBMIT_SM, status, 2)
        assert peer.ask(submit()).status == 0, "it goes on"
    assert len(ledger.messages()) == 1
    assert ledger.balance("demo") == 999


def test_too_few_credits(smsc: Smsc, ledger: Ledger) -> None:
    with transmitter(smsc, "subuser1") as peer:
        assert peer.ask(submit(b"", tlvs=payload(b"a" * 153 * 19 + b"b"))).status == 0
        assert ledger.balance("subuser1") == 0
        assert peer.ask(submit()) == Came(RESPONSE | SUBMIT_SM, RSUBMITFAIL, 2)
    assert len(ledger.messages()) == 1


@pytest.mark.parametrize(
    ("octets", "segments", "text"),
    [
        (submit(b"a" * 160), 1, "a" * 160),
        (submit(b"a" * 161), 2, "a" * 161),
        (submit(b"", tlvs=payload(b"a" * 306)), 2, "a" * 306),
        (submit(b"", tlvs=payload(b"a" * 307)), 3, "a" * 307),
        (submit(b"\x1b\x65" * 80), 1, "€" * 80),
        (submit("ж".encode("utf-16-be") * 70, data_coding=8), 1, "ж" * 70),
        (submit("ж".encode("utf-16-be") * 71, data_coding=8), 2, "ж" * 71),
        # The caller wants UCS-2, though the text could do without.
        (submit("a".encode("utf-16-be") * 70, data_coding=8), 1, "a" * 70),
        (submit("a".encode("utf-16-be") * 71, data_coding=8), 2, "a" * 71),
        (submit(b"\xe9" * 160, data_coding=3), 1, "é" * 160),
        (submit(b"\5\0\3\7\2\1" + b"a" * 153, esm_class=0x40), 1, "a" * 153),
        (submit(b"\6\x08\4\0\7\2\1" + b"a" * 152, esm_class=0x40), 1, "a" * 152),
        (submit(b"a" * 153, tlvs=bytes.fromhex("020c00020007 020e000102 020f000101")), 1, "a" * 153),
        # A flash message, and one that turns on the sign of a phone, as Kannel sends them. 3GPP TS 23.038, section 4.
        (submit("ж".encode("utf-16-be") * 70, data_coding=0x18), 1, "ж" * 70),
        (submit("a".encode("utf-16-be") * 71, data_coding=0x18), 2, "a" * 71),
        (submit(b"a" * 160, data_coding=0xD8), 1, "a" * 160),
        (submit(b"\5\0\3\7\2\1" + b"a" * 153, esm_class=0x40, data_coding=0xD8), 1, "a" * 153),
        # Cut between the halves of a pair.
        (submit(b"\5\0\3\7\2\1\x04\x36\xd8\x3d", esm_class=0x40, data_coding=8), 1, "ж\ufffd"),
        (submit(b"\5\0\3\7\2\2\xde\x00\x04\x36", esm_class=0x40, data_coding=8), 1, "\ufffdж"),
        (submit(b"\0\xff", data_coding=4), 1, "<2 octets, data_coding 4: 00ff>"),
        (submit(b"\xff" * 140), 1, f"<140 octets, data_coding 0: {'ff' * 140}>"),
        (submit(b"\xff" * 141), 2, f"<141 octets, data_coding 0: {'ff' * 141}>"),
        # A header that says that it is longer than all there is.
        (submit(b"\x40ab", esm_class=0x40), 1, "<3 octets, data_coding 0: 406162>"),
    ],
)
def test_a_message_costs_its_segments(smsc: Smsc, ledger: Ledger, octets: bytes, segments: int, text: str) -> None:
    with transmitter(smsc) as peer:
        assert peer.ask(octets).status == 0
    (message,) = ledger.messages()
    assert (message.text, message.segments, ledger.balance("demo")) == (text, segments, 1000 - segments)


def test_each_part_of_a_long_text_is_a_message_of_its_own(smsc: Smsc, ledger: Ledger) -> None:
    with transmitter(smsc) as peer:
        parts = write_text("Habari yako? " * 30, reference=7)
        answers = [
            peer.ask(submit(part.short_message, esm_class=part.esm_class, data_coding=part.data_coding))
            for part in parts
        ]
    assert [answer.body for answer in answers] == [b"49032372\0", b"49032373\0", b"49032374\0"]
    assert "".join(message.text for message in ledger.messages()) == "Habari yako? " * 30
    assert ledger.balance("demo") == 997


def test_the_http_apis_know_what_was_submitted(smsc: Smsc, ledger: Ledger, clock: Clock) -> None:
    with transmitter(smsc) as peer:
        message_id = peer.ask(submit()).body.rstrip(b"\0").decode()
    emulator = Emulator(ledger)
    key = DEMO_ACCOUNTS[0].api_key.reveal()
    with Client.v2("demo", key, base_url="http://emulator", transport=emulator) as client:
        assert client.balance() == 999
        assert not client.delivery_report(message_id).delivered
        clock.now += 2
        assert client.delivery_report(message_id).delivered


# Receipts


def test_a_receipt_as_the_vendor_documents_it(smsc: Smsc, clock: Clock) -> None:
    with transmitter(smsc) as sending, receiver(smsc) as peer:
        assert sending.ask(submit(destination=(2, 8, "0722000001"))).status == 0
        assert peer.says_nothing_more(), "it is not due yet"
        clock.now += 2
        came = peer.read()
        # 08:12 in UTC is 11:12 in Nairobi.
        text = b"id:49032372 sub:001 dlvrd:001 submit date:1806251112 done date:1806251112 stat:DELIVRD err:000"
        # The addresses of the message, each in the other's place; esm_class says that it is a receipt.
        body = b"\0" + b"\x02\x080722000001\0" + b"\x05\0MSPACE\0" + b"\x04\0\0" + b"\0\0" + b"\0\0\0\0"
        assert came == Came(DELIVER_SM, 0, 1, body + bytes((len(text),)) + text)
        peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=1))
        assert peer.says_nothing_more()


def test_no_receipt_comes_before_the_answer_that_tells_its_id(clock: Clock) -> None:
    """However many are asked for at once, and though all are due at once."""
    ledger = Ledger(clock=clock, delivery_delay=0)
    with Smsc(ledger) as smsc, transmitter(smsc) as sending, receiver(smsc) as peer:
        sending.send(b"".join(submit(number=number) for number in range(2, 902)))
        told: set[int] = set()
        for number in range(1, 901):
            message_id = id_of(peer.read())
            while message_id not in told:
                assert sending.has_come(), f"the receipt of {message_id} is before its answer"
                told.add(int(sending.read().body.rstrip(b"\0")))
            peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=number))
    ledger.close()


def state_of(came: Came) -> bytes:
    return came.body.partition(b"stat:")[2][:7]


def id_of(came: Came) -> int:
    return int(came.body.partition(b"id:")[2].split()[0])


@pytest.mark.parametrize(
    ("recipient", "wanted", "state"),
    [
        (NUMBER, 0, None),
        (NUMBER, 1, b"DELIVRD"),
        (NUMBER, 2, None),
        (NEVER_DELIVERED, 0, None),
        (NEVER_DELIVERED, 1, b"UNDELIV"),
        (NEVER_DELIVERED, 2, b"UNDELIV"),
        (NEVER_SETTLED, 1, None),
        (NEVER_SETTLED, 2, None),
        # The bits beside these ask for what a phone tells: section 5.2.17.
        (NUMBER, 0x1D, b"DELIVRD"),
        (NUMBER, 0x1C, None),
    ],
)
def test_a_receipt_comes_if_it_was_asked_for(
    smsc: Smsc, clock: Clock, recipient: str, wanted: int, state: bytes | None
) -> None:
    with transmitter(smsc) as sending:
        assert sending.ask(submit(destination=(1, 1, recipient), receipt=wanted)).status == 0
        # One that comes for sure, behind it.
        assert sending.ask(submit()).status == 0
    clock.now += 2
    with receiver(smsc) as peer:
        first = peer.read()
        assert (state_of(first) if id_of(first) == 49032372 else None) == state


def test_receipts_are_kept_while_no_receiver_is_bound_and_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path=path, delivery_delay=0)
    with Smsc(ledger) as smsc, transmitter(smsc) as sending:
        for _ in range(3):
            assert sending.ask(submit()).status == 0
    ledger.close()
    for expected in ([49032372, 49032373, 49032374], [49032373, 49032374]):
        ledger = Ledger(path=path, delivery_delay=0)
        with Smsc(ledger) as smsc, receiver(smsc) as peer:
            assert [id_of(peer.read()) for _ in expected] == expected
            peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=1))
            assert peer.says_nothing_more()
        ledger.close()


def test_a_file_of_before_smpp_goes_on_working(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path=path).close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE receipt")
    db.close()
    ledger = Ledger(path=path, delivery_delay=0)
    with Smsc(ledger) as smsc, transmitter(smsc) as sending, receiver(smsc) as peer:
        assert sending.ask(submit()).status == 0
        assert id_of(peer.read()) == 49032372
    ledger.close()


def submitted(smsc: Smsc, count: int, clock: Clock) -> None:
    with transmitter(smsc) as sending:
        for _ in range(count):
            assert sending.ask(submit()).status == 0
    clock.now += 2


def test_ten_receipts_at_most_are_unanswered(smsc: Smsc, clock: Clock) -> None:
    submitted(smsc, 13, clock)
    with receiver(smsc) as peer:
        came = [peer.read() for _ in range(10)]
        assert [id_of(receipt) for receipt in came] == list(range(49032372, 49032382))
        assert [receipt.number for receipt in came] == list(range(1, 11))
        assert peer.says_nothing_more()
        peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=4))
        assert id_of(peer.read()) == 49032382
        assert peer.says_nothing_more()


@pytest.mark.parametrize(
    "refusal",
    [pdu(RESPONSE | DELIVER_SM, b"\0", status=RX_T_APPN), pdu(GENERIC_NACK, status=RINVCMDID)],
    ids=["deliver_sm_resp", "generic_nack"],
)
def test_a_receipt_that_was_not_taken_comes_again(smsc: Smsc, ledger: Ledger, clock: Clock, refusal: bytes) -> None:
    submitted(smsc, 1, clock)
    with receiver(smsc) as peer:
        assert id_of(peer.read()) == 49032372
        peer.send(refusal)
        again = peer.read()
        assert (id_of(again), again.number) == (49032372, 2)
        assert len(ledger.receipts("demo", 10)) == 1
        peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=2))
        assert peer.says_nothing_more()
    assert ledger.receipts("demo", 10) == []


def test_a_receipt_that_was_not_taken_lets_others_go_first(smsc: Smsc, clock: Clock) -> None:
    submitted(smsc, 11, clock)
    with receiver(smsc) as peer:
        for _ in range(10):
            peer.read()
        peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=1, status=RX_T_APPN))
        assert id_of(peer.read()) == 49032382
        peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=2))
        assert id_of(peer.read()) == 49032372


def test_a_receipt_goes_to_one_receiver_and_to_another_if_that_is_lost(smsc: Smsc, clock: Clock) -> None:
    with receiver(smsc, "subuser1") as of_another, receiver(smsc) as first:
        submitted(smsc, 1, clock)
        assert id_of(first.read()) == 49032372
        with receiver(smsc) as second:
            assert second.says_nothing_more()
            first.close()
            assert id_of(second.read()) == 49032372
        assert of_another.says_nothing_more()


def test_receivers_that_come_and_go_get_every_receipt_and_none_at_once_with_another() -> None:
    ledger = Ledger(delivery_delay=0)
    wanted = {str(number) for number in range(49032372, 49032372 + 200)}
    held: set[int] = set()
    taken: list[str] = []
    lock = threading.Lock()

    def receive(smsc: Smsc, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  # no secret depends on it
        while len(set(taken)) < len(wanted):
            with receiver(smsc) as peer:
                mine: set[int] = set()
                for _ in range(chance.randrange(30)):
                    # So that it does not wait for what another one has.
                    if (came := peer.ask(pdu(ENQUIRE_LINK))).command_id != DELIVER_SM:
                        continue
                    while came.command_id == DELIVER_SM:
                        with lock:
                            assert id_of(came) not in held
                            held.add(id_of(came))
                        mine.add(id_of(came))
                        if chance.random() < 0.7:
                            with lock:
                                held.discard(id_of(came))
                                taken.append(str(id_of(came)))
                            mine.discard(id_of(came))
                            peer.send(pdu(RESPONSE | DELIVER_SM, b"\0", number=came.number))
                        came = peer.read()
                with lock:
                    held.difference_update(mine)

    with Smsc(ledger) as smsc:
        with transmitter(smsc) as sending:
            for _ in wanted:
                assert sending.ask(submit()).status == 0
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(receive, smsc, seed) for seed in range(4)]:
                done.result(PATIENCE)
        assert set(taken) == wanted
    ledger.close()


# Idle, and the end


def test_it_hangs_up_when_nothing_comes(ledger: Ledger) -> None:
    with Smsc(ledger, idle=0.1) as smsc, Peer(smsc) as unbound:
        assert unbound.is_closed()
        with receiver(smsc) as peer:
            assert peer.is_closed()


def test_it_does_not_hang_up_on_who_asks_whether_it_is_there(ledger: Ledger) -> None:
    with Smsc(ledger, idle=1.0) as smsc, receiver(smsc) as peer:
        for _ in range(6):
            time.sleep(0.2)
            assert peer.says_nothing_more()


@pytest.mark.parametrize("idle", [0, -1, float("inf"), float("nan")])
def test_idle_is_a_time(ledger: Ledger, idle: float) -> None:
    with pytest.raises(InvalidInput, match="idle"):
        Smsc(ledger, idle=idle)


def test_stopped_it_has_closed_everything(ledger: Ledger) -> None:
    with Smsc(ledger) as smsc:
        peers = [transmitter(smsc), receiver(smsc), Peer(smsc)]
        assert peers[2].says_nothing_more()
    for peer in peers:
        with peer:
            assert peer.is_closed()
    with pytest.raises(ConnectionRefusedError):
        Peer(smsc)
    smsc.stop()


def test_one_that_was_never_entered_can_be_stopped(ledger: Ledger) -> None:
    smsc = Smsc(ledger)
    smsc.stop()
    with pytest.raises(ConnectionRefusedError):
        Peer(smsc)


def test_an_address_that_is_taken_is_told(smsc: Smsc, ledger: Ledger) -> None:
    with pytest.raises(InvalidInput, match=f"can't listen on 127.0.0.1:{smsc.port}"):
        Smsc(ledger, port=smsc.port)


def test_a_failure_of_its_own_is_told_without_what_was_sent(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with Smsc(ledger) as smsc, transmitter(smsc) as peer:
        ledger.close()
        with caplog.at_level(logging.DEBUG):
            peer.send(submit(b"canary-71f3"))
            assert peer.is_closed()
    assert "ProgrammingError in the SMSC" in caplog.text
    assert "canary" not in caplog.text


# Faults


def taken(ledger: Ledger) -> int:
    return len(ledger.messages())


def test_throttle_takes_nothing(smsc: Smsc, faults: Faults, ledger: Ledger) -> None:
    faults.add(Fault("throttle", operation="submit_sm", times=2))
    with transmitter(smsc) as peer:
        assert [peer.ask(submit()).status for _ in range(3)] == [RTHROTTLED, RTHROTTLED, 0]
    assert taken(ledger) == 1


def test_delay_holds_up_one_answer_and_no_other(smsc: Smsc, faults: Faults, ledger: Ledger) -> None:
    faults.add(Fault("delay", "0.2", "submit_sm", times=1))
    with transmitter(smsc) as peer:
        peer.send(submit(number=5) + submit(number=6) + pdu(ENQUIRE_LINK, number=7))
        assert [peer.read().number for _ in range(2)] == [6, 7]
        assert taken(ledger) == 2, "it was taken at once"
        assert peer.read() == Came(RESPONSE | SUBMIT_SM, 0, 5, b"49032372\0")


@pytest.mark.parametrize(("kind", "count"), [("reset-before", 0), ("reset-after", 1)])
def test_reset_before_or_after_it_is_taken(smsc: Smsc, faults: Faults, ledger: Ledger, kind: str, count: int) -> None:
    faults.add(f"submit_sm={kind}")
    with transmitter(smsc) as peer, pytest.raises(ConnectionResetError):
        peer.ask(submit())
    assert taken(ledger) == count


def test_refuse_closes_and_takes_nothing(smsc: Smsc, faults: Faults, ledger: Ledger) -> None:
    faults.add("submit_sm=refuse")
    with transmitter(smsc) as peer:
        peer.send(submit())
        assert peer.is_closed()
    assert taken(ledger) == 0


def test_reorder_lets_the_next_answer_overtake(smsc: Smsc, faults: Faults) -> None:
    faults.add("submit_sm=reorder")
    with transmitter(smsc) as peer:
        peer.send(b"".join(submit(number=number) for number in range(5, 10)))
        # The last one has nothing to wait for but the time.
        assert [peer.read().number for _ in range(5)] == [6, 5, 8, 7, 9]


def test_duplicate_answers_twice_and_takes_once(smsc: Smsc, faults: Faults, ledger: Ledger) -> None:
    faults.add(Fault("duplicate", times=1))
    with transmitter(smsc) as peer:
        first = peer.ask(submit())
        assert peer.read() == first == Came(RESPONSE | SUBMIT_SM, 0, 2, b"49032372\0")
        assert peer.says_nothing_more()
    assert taken(ledger) == 1


def test_split_writes_single_octets(smsc: Smsc, faults: Faults) -> None:
    with transmitter(smsc) as peer:
        for _ in range(50):
            assert peer.says_nothing_more()
        assert peer.shortest_read >= 16, "without the fault a PDU comes in one"
        faults.add("submit_sm=split")
        # On a busy machine many octets may have come before they are looked for, but not always.
        for _ in range(500):
            assert peer.says_nothing_more()
            if peer.shortest_read == 1:
                break
        assert peer.shortest_read == 1


def test_faults_of_http_do_not_happen_here(smsc: Smsc, faults: Faults) -> None:
    faults.add(Fault("html", times=1))
    faults.add("sendtext=refuse")
    with transmitter(smsc) as peer:
        assert peer.ask(submit()).status == 0
    assert [fault.kind for fault in faults.due("balance")] == ["html"]


# Our client


def test_our_transmitter_and_receiver(ledger: Ledger, clock: Clock, smsc: Smsc, faults: Faults) -> None:
    came: list[Receipt | IncomingText] = []
    address = ("127.0.0.1", smsc.port, "demo", "smpp-pwd")
    text = "Habari \N{SNOWMAN} " * 20
    with Transmitter(*address) as sending:
        for kind in ("split", "reorder", "duplicate", "delay:0.01"):
            faults.clear()
            faults.add(f"submit_sm={kind}")
            message = sending.send("MSPACE", "0722000001", text)
            assert len(message.message_ids) == 3
    clock.now += 2
    with Receiver(*address, came.append):
        end = time.monotonic() + PATIENCE
        while len(came) < 12 and time.monotonic() < end:
            time.sleep(0.01)
    receipts = [receipt for receipt in came if isinstance(receipt, Receipt)]
    assert {receipt.message_id for receipt in receipts} == {message.message_id for message in ledger.messages()}
    assert {receipt.state for receipt in receipts} == {MessageState.DELIVERED}
    assert ledger.balance("demo") == 1000 - 12


# Clients that others wrote


def test_smpplib(smsc: Smsc, ledger: Ledger, clock: Clock) -> None:
    sending = smpplib.client.Client("127.0.0.1", smsc.port, allow_unknown_opt_params=True)
    answers: list[tuple[int, bytes]] = []
    sending.set_message_sent_handler(lambda pdu, **more: answers.append((pdu.status, pdu.message_id)))
    sending.connect()
    sending.bind_transmitter(system_id="demo", password="smpp-pwd")
    sending.send_message(
        source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
        source_addr="MSPACE",
        dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
        destination_addr=NUMBER,
        short_message=b"Hello",
        registered_delivery=True,
    )
    sending.read_once()
    assert answers == [(0, b"49032372")]
    sending.unbind()
    sending.disconnect()
    clock.now += 2
    texts: list[bytes] = []
    receiving = smpplib.client.Client("127.0.0.1", smsc.port, allow_unknown_opt_params=True)
    receiving.set_message_received_handler(lambda pdu, **more: texts.append(pdu.short_message))
    receiving.connect()
    receiving.bind_receiver(system_id="demo", password="smpp-pwd")
    receiving.read_once()
    receiving.unbind()
    receiving.disconnect()
    assert b"stat:DELIVRD" in texts[0]
    assert ledger.receipts("demo", 10) == [], "it acknowledged the receipt"


PEERS = Path(__file__).parent.parent / "smpp" / "peers"


# A peer that no one here wrote, and that pip can't install: CI does, so that this always runs there.
@pytest.mark.skipif(
    not (shutil.which("node") and (PEERS / "node_modules" / "smpp").is_dir()),
    reason="needs node, and `npm ci` in tests/smpp/peers",
)
def test_the_smpp_package_of_npm() -> None:
    ledger = Ledger(delivery_delay=0)
    with Smsc(ledger) as smsc:
        ran = subprocess.run(
            ["node", "messenger.js", str(smsc.port)],  # noqa: S607  # whichever node there is
            cwd=PEERS,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout)
        assert (told["bound"], told["taken"]) == (0, [0, "49032372"])
        assert told["receipt"][:2] == [4, NUMBER]
        assert told["receipt"][2].startswith("id:49032372 sub:001 dlvrd:001 ")
    assert ledger.receipts("demo", 10) == [], "it acknowledged the receipt"
    assert [message.text for message in ledger.messages()] == ["Habari \N{SNOWMAN}"]
    ledger.close()
