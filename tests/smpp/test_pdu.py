"""smpp.pdu: octets written by hand from the tables of SMPP 3.4, smpplib as an oracle, and anything that may come."""

from __future__ import annotations

import dataclasses
import os
import pickle
import random
import re
import subprocess
import sys
import traceback
import tracemalloc
from typing import Any

import pytest
import smpplib.command_codes  # type: ignore[import-untyped]  # it has no annotations
import smpplib.consts  # type: ignore[import-untyped]  # as above
import smpplib.smpp  # type: ignore[import-untyped]  # as above
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, ProtocolError, WrongType
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp.pdu import (
    COMMANDS,
    MAX_LENGTH,
    AlertNotification,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
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
    SubmitSmResp,
    Tag,
    Tlv,
    Unbind,
    UnbindResp,
    answer_to,
    decode,
    encode,
    status_name,
)

FUZZ_RUNS = int(os.environ.get("SMPP_FUZZ_RUNS", "20000"))
"""How many random and mutated PDUs; set it to 100000 for the long run."""


def octets(text: str) -> bytes:
    """Hexadecimal with spaces, and what stands in quotes as ASCII."""
    return b"".join(
        quoted.encode() if quoted else bytes.fromhex(plain) for quoted, plain in re.findall(r"'(.*?)'|([^']+)", text)
    )


# Written by hand from sections 4.1 to 4.11 and, for the header, 3.2 and 5.1.
BY_HAND: dict[str, tuple[Pdu, bytes]] = {
    "bind_transmitter": (
        # The example of section 3.2.2.
        BindTransmitter(
            sequence_number=1,
            system_id="SMPP3TEST",
            password=Secret("secret08"),
            system_type="SUBMIT1",
            interface_version=0x00,
            addr_ton=1,
            addr_npi=1,
        ),
        octets(
            "00 00 00 2F 00 00 00 02 00 00 00 00 00 00 00 01 53 4D 50 50 33 54 45 53 54 00"
            "73 65 63 72 65 74 30 38 00 53 55 42 4D 49 54 31 00 00 01 01 00"
        ),
    ),
    "bind_receiver": (
        BindReceiver(sequence_number=2, system_id="demo", password=Secret("pw"), address_range="^2547"),
        octets("00000022 00000001 00000000 00000002 'demo' 00 'pw' 00 00 34 00 00 '^2547' 00"),
    ),
    "bind_transceiver": (
        BindTransceiver(sequence_number=3, system_id="", password=Secret("")),
        octets("00000017 00000009 00000000 00000003 00 00 00 34 00 00 00"),
    ),
    "bind_transmitter_resp": (
        BindTransmitterResp(sequence_number=1, system_id="SMSC", tlvs=(Tlv(Tag.SC_INTERFACE_VERSION, b"\x34"),)),
        octets("0000001A 80000002 00000000 00000001 'SMSC' 00 0210 0001 34"),
    ),
    "bind_receiver_resp refused": (
        BindReceiverResp(sequence_number=2, command_status=0x0E),
        octets("00000010 80000001 0000000E 00000002"),
    ),
    "bind_transceiver_resp refused": (
        BindTransceiverResp(sequence_number=2**32 - 1, command_status=0x0D),
        octets("00000010 80000009 0000000D FFFFFFFF"),
    ),
    "outbind": (
        Outbind(sequence_number=1, system_id="SMSC", password=Secret("pw")),
        octets("00000018 0000000B 00000000 00000001 'SMSC' 00 'pw' 00"),
    ),
    "alert_notification": (
        AlertNotification(
            sequence_number=3,
            source_addr_ton=1,
            source_addr_npi=2,
            source_addr="254722000000",
            esme_addr_ton=3,
            esme_addr_npi=4,
            esme_addr="40404",
            tlvs=(Tlv(0x0422, b"\x00"),),
        ),
        octets("0000002C 00000102 00000000 00000003 01 02 '254722000000' 00 03 04 '40404' 00 0422 0001 00"),
    ),
    "unbind": (Unbind(sequence_number=0x7FFFFFFF), octets("00000010 00000006 00000000 7FFFFFFF")),
    "unbind_resp": (UnbindResp(sequence_number=9), octets("00000010 80000006 00000000 00000009")),
    "enquire_link": (EnquireLink(sequence_number=5), octets("00000010 00000015 00000000 00000005")),
    "enquire_link_resp": (EnquireLinkResp(sequence_number=5), octets("00000010 80000015 00000000 00000005")),
    "generic_nack": (
        GenericNack(sequence_number=0, command_status=0x02),
        octets("00000010 80000000 00000002 00000000"),
    ),
    "submit_sm": (
        SubmitSm(
            sequence_number=7,
            service_type="CMT",
            source_addr_ton=5,
            source_addr_npi=0,
            source_addr="MSPACE",
            dest_addr_ton=1,
            dest_addr_npi=2,
            destination_addr="254722000000",
            esm_class=3,
            protocol_id=4,
            priority_flag=6,
            schedule_delivery_time="260101120000012+",
            validity_period="000001000000000R",
            registered_delivery=7,
            replace_if_present_flag=8,
            data_coding=9,
            sm_default_msg_id=10,
            short_message=b"Hi\x00!",
            tlvs=(Tlv(0x1403, b"\xff"), Tlv(0x0204, b"\x00\x01")),
        ),
        octets(
            "00000065 00000004 00000000 00000007 'CMT' 00 05 00 'MSPACE' 00 01 02 '254722000000' 00 03 04 06"
            "'260101120000012+' 00 '000001000000000R' 00 07 08 09 0A 04 'Hi' 00 '!' 1403 0001 FF 0204 0002 0001"
        ),
    ),
    "submit_sm with payload": (
        SubmitSm(sequence_number=8, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"x" * 300),)),
        octets("00000151 00000004 00000000 00000008" + "00" * 17 + "0424 012C" + "78" * 300),
    ),
    "submit_sm_resp": (
        SubmitSmResp(sequence_number=7, message_id="1A2B"),
        octets("00000015 80000004 00000000 00000007 '1A2B' 00"),
    ),
    "submit_sm_resp throttled": (
        SubmitSmResp(sequence_number=7, command_status=0x58),
        octets("00000010 80000004 00000058 00000007"),
    ),
    "deliver_sm": (
        DeliverSm(
            sequence_number=4,
            source_addr="254722000000",
            destination_addr="MSPACE",
            esm_class=4,
            short_message=b"id:1",
            tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"1A2B\0"), Tlv(Tag.MESSAGE_STATE, b"\x02")),
        ),
        octets(
            "00000045 00000005 00000000 00000004 00 00 00 '254722000000' 00 00 00 'MSPACE' 00 04 00 00 00 00 00 00 00"
            "00 04 'id:1' 001E 0005 '1A2B' 00 0427 0001 02"
        ),
    ),
    "deliver_sm_resp": (DeliverSmResp(sequence_number=4), octets("00000011 80000005 00000000 00000004 00")),
    "deliver_sm_resp refused": (
        DeliverSmResp(sequence_number=4, command_status=0x64),
        octets("00000011 80000005 00000064 00000004 00"),
    ),
}
HANDS = pytest.mark.parametrize(("pdu", "written"), BY_HAND.values(), ids=BY_HAND)


def read(data: bytes) -> Pdu:
    decoded = decode(data)
    assert decoded is not None
    assert decoded[1] == len(data)
    return decoded[0]


def framed(command_id: int, body: bytes, *, status: int = 0, number: int = 1) -> bytes:
    return b"".join(part.to_bytes(4, "big") for part in (16 + len(body), command_id, status, number)) + body


def failure(data: bytes, **options: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode(data, **options)
    return caught.value


# By hand


@HANDS
def test_a_pdu_is_written_as_the_standard_has_it(pdu: Pdu, written: bytes) -> None:
    assert int.from_bytes(written[:4], "big") == len(written), "the hand slipped"
    assert encode(pdu).hex() == written.hex()


@HANDS
def test_a_pdu_is_read_as_the_standard_has_it(pdu: Pdu, written: bytes) -> None:
    assert read(written) == pdu
    assert decode(bytearray(written)) == decode(memoryview(written)) == (pdu, len(written))


def test_every_command_is_written_by_hand_above() -> None:
    assert {type(pdu) for pdu, _ in BY_HAND.values()} == set(COMMANDS.values())


@HANDS
def test_a_pdu_split_at_every_octet_is_the_same(pdu: Pdu, written: bytes) -> None:
    follower = EnquireLink(sequence_number=77)
    stream = written + encode(follower)
    for place in range(1, len(stream)):
        decoder = Decoder()
        decoder.feed(stream[:place])
        came = [decoder.next_pdu(), decoder.next_pdu()]
        assert (came[0] is None) == (place < len(written))
        assert came[1] is None
        decoder.feed(stream[place:])
        came += [decoder.next_pdu(), decoder.next_pdu(), decoder.next_pdu()]
        assert [one for one in came if one] == [pdu, follower]


def test_octet_by_octet() -> None:
    decoder = Decoder()
    came = []
    for octet in b"".join(written for _, written in BY_HAND.values()):
        decoder.feed(bytes((octet,)))
        came.append(decoder.next_pdu())
    assert [pdu for pdu in came if pdu] == [pdu for pdu, _ in BY_HAND.values()]


@HANDS
def test_a_buffer_that_is_cut_short_wants_more(pdu: Pdu, written: bytes) -> None:
    for end in range(len(written)):
        assert decode(written[:end]) is None
    assert decode(written + b"more") == (pdu, len(written))


# Names and numbers


def test_statuses_are_those_of_the_other_library() -> None:
    theirs = {
        name.removeprefix("SMPP_"): value
        for name, value in vars(smpplib.consts).items()
        if name.startswith("SMPP_ESME_")
    }
    assert {status.name: status.value for status in CommandStatus} == theirs
    assert all(status.description for status in CommandStatus)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (0, "ESME_ROK"),
        (0x58, "ESME_RTHROTTLED"),
        (0x14, "ESME_RMSGQFUL"),
        (0x09, "0x00000009"),
        (0x400, "0x00000400"),
    ],
)
def test_a_status_has_its_name(status: int, name: str) -> None:
    assert status_name(status) == name


def test_commands_and_tags_are_those_of_the_other_library() -> None:
    theirs = smpplib.command_codes.commands
    for command_id, kind in COMMANDS.items():
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower()
        assert theirs[name] == command_id == kind.command_id
    for tag in Tag:
        assert smpplib.consts.OPTIONAL_PARAMS[tag.name.lower()] == tag


def test_which_are_responses() -> None:
    assert {kind.__name__ for kind in COMMANDS.values() if kind.command_id & 0x80000000} == {
        kind.__name__ for kind in COMMANDS.values() if kind.__name__.endswith("Resp") or kind is GenericNack
    }
    assert GenericNack(sequence_number=1).is_response
    assert not EnquireLink(sequence_number=1).is_response


# The other library

_ascii = st.characters(min_codepoint=1, max_codepoint=127)


def strings(limit: int) -> st.SearchStrategy[str]:
    return st.text(_ascii, max_size=limit - 1)


_octet = st.integers(0, 255)
_number = st.integers(1, 2**31 - 1)
_tlvs = st.lists(st.builds(Tlv, st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=4).map(tuple)
_time = st.just("") | st.text(_ascii, min_size=16, max_size=16)
_header = {"sequence_number": _number, "tlvs": _tlvs}
_answer = {"sequence_number": st.integers(0, 2**32 - 1), "tlvs": _tlvs}
_status = st.integers(1, 2**32 - 1)
_sm = {
    **_header,
    "service_type": strings(6),
    "source_addr_ton": _octet,
    "source_addr_npi": _octet,
    "source_addr": strings(21),
    "dest_addr_ton": _octet,
    "dest_addr_npi": _octet,
    "destination_addr": strings(21),
    "esm_class": _octet,
    "protocol_id": _octet,
    "priority_flag": _octet,
    "schedule_delivery_time": _time,
    "validity_period": _time,
    "registered_delivery": _octet,
    "replace_if_present_flag": _octet,
    "data_coding": _octet,
    "sm_default_msg_id": _octet,
    "short_message": st.binary(max_size=254),
}
_bind = {
    **_header,
    "system_id": strings(16),
    "password": strings(9).map(Secret),
    "system_type": strings(13),
    "interface_version": _octet,
    "addr_ton": _octet,
    "addr_npi": _octet,
    "address_range": strings(41),
}


def without_two_texts(pdu: SubmitSm | DeliverSm) -> bool:
    return not (pdu.short_message and pdu.message_payload is not None)


pdus: st.SearchStrategy[Pdu] = st.one_of(
    *(st.builds(kind, **_bind) for kind in (BindTransmitter, BindReceiver, BindTransceiver)),
    *(st.builds(kind, **_sm).filter(without_two_texts) for kind in (SubmitSm, DeliverSm)),  # type: ignore[arg-type]  # a union
    st.builds(Outbind, **_header, system_id=strings(16), password=strings(9).map(Secret)),
    st.builds(AlertNotification, **_header, source_addr=strings(65), esme_addr=strings(65)),
    *(st.builds(kind, **_header) for kind in (Unbind, EnquireLink)),
    *(st.builds(kind, **_answer, command_status=_status) for kind in (UnbindResp, EnquireLinkResp, GenericNack)),
    *(
        st.builds(kind, **_answer, system_id=strings(16))
        for kind in (BindTransmitterResp, BindReceiverResp, BindTransceiverResp)
    ),
    st.builds(SubmitSmResp, **_answer, message_id=strings(65)),
    st.builds(DeliverSmResp, **_answer, message_id=strings(65), command_status=st.just(0) | _status),
    st.builds(SubmitSmResp, sequence_number=_number, command_status=_status),
)


@given(pdus)
def test_what_is_written_is_read_again(pdu: Pdu) -> None:
    written = encode(pdu)
    assert decode(written) == (pdu, len(written))
    assert encode(read(written)) == written


@given(
    st.one_of(
        st.builds(SubmitSm, **{**_sm, "tlvs": st.just(())}), st.builds(DeliverSm, **{**_sm, "tlvs": st.just(())})
    )
)
def test_the_other_library_reads_and_writes_the_same_message(pdu: SubmitSm | DeliverSm) -> None:
    written = encode(pdu)
    theirs = smpplib.smpp.parse_pdu(written, sequence=0, allow_unknown_opt_params=True)
    assert theirs.sequence == pdu.sequence_number
    for field in dataclasses.fields(pdu):
        value = getattr(pdu, field.name)
        if field.name in ("sequence_number", "command_status", "tlvs", "rest"):
            continue
        # It leaves out an empty short_message.
        read_by_them = getattr(theirs, field.name) or (b"" if field.name == "short_message" else 0)
        assert (read_by_them or b"") == (value.encode() if isinstance(value, str) else value or b""), field.name
    name = "submit_sm" if isinstance(pdu, SubmitSm) else "deliver_sm"
    made = smpplib.smpp.make_pdu(name, sequence=0, **message_fields(pdu))
    made.sequence = pdu.sequence_number
    assert made.generate() == written


def message_fields(pdu: Pdu) -> dict[str, Any]:
    known = {field.name: getattr(pdu, field.name) for field in dataclasses.fields(pdu)}
    return {
        name: value
        for name, value in known.items()
        if name not in ("sequence_number", "command_status", "tlvs", "rest")
    }


# It writes no interface_version but 0x34.
@given(st.builds(BindTransmitter, **{**_bind, "tlvs": st.just(()), "interface_version": st.just(0x34)}))
def test_the_other_library_writes_the_same_bind(pdu: BindTransmitter) -> None:
    fields = message_fields(pdu) | {"password": pdu.password.reveal()}
    made = smpplib.smpp.make_pdu("bind_transmitter", sequence=0, **fields)
    made.sequence = pdu.sequence_number
    assert made.generate() == encode(pdu)


def test_the_other_library_writes_the_same_tlvs() -> None:
    made = smpplib.smpp.make_pdu(
        "submit_sm",
        sequence=0,
        sar_msg_ref_num=0x1234,
        sar_total_segments=3,
        sar_segment_seqnum=2,
        short_message=b"x",
    )
    pdu = SubmitSm(
        sequence_number=1,
        short_message=b"x",
        tlvs=(
            Tlv.of(Tag.SAR_MSG_REF_NUM, 0x1234),
            Tlv.of(Tag.SAR_TOTAL_SEGMENTS, 3),
            Tlv.of(Tag.SAR_SEGMENT_SEQNUM, 2),
        ),
    )
    made.sequence = 1
    assert made.generate() == encode(pdu)


# Written strictly

# Section 4.1.1, 4.4.1, 4.4.2: the most octets of each, NUL and all.
LIMITS = {
    (BindTransmitter, "system_id"): 16,
    (BindTransmitter, "password"): 9,
    (BindTransmitter, "system_type"): 13,
    (BindTransmitter, "address_range"): 41,
    (BindTransmitterResp, "system_id"): 16,
    (SubmitSm, "service_type"): 6,
    (SubmitSm, "source_addr"): 21,
    (SubmitSm, "destination_addr"): 21,
    (SubmitSm, "schedule_delivery_time"): 17,
    (SubmitSm, "validity_period"): 17,
    (DeliverSm, "source_addr"): 21,
    (SubmitSmResp, "message_id"): 65,
    (DeliverSmResp, "message_id"): 65,
}


def with_field(kind: type[Pdu], name: str, value: object) -> Pdu:
    fields: dict[str, Any] = {"sequence_number": 1}
    if issubclass(kind, BindTransmitter):
        fields |= {"system_id": "", "password": Secret("")}
    return kind(**fields | {name: Secret(value) if name == "password" and isinstance(value, str) else value})


@pytest.mark.parametrize(("kind", "name", "limit"), [(*key, limit) for key, limit in LIMITS.items()])
def test_a_text_field_has_its_limit(kind: type[Pdu], name: str, limit: int) -> None:
    longest = "x" * (limit - 1)
    assert longest.encode() + b"\0" in encode(with_field(kind, name, longest))
    with pytest.raises(InvalidInput, match=rf"^{name}: {limit} characters, at most {limit - 1} fit$"):
        encode(with_field(kind, name, longest + "x"))
    for wrong, words in (("é", "not ASCII"), ("a\0b", "NUL")):
        with pytest.raises(InvalidInput, match=rf"^{name}: .*{words}"):
            encode(with_field(kind, name, wrong))
    for other in (None, 7, b"bytes"):
        with pytest.raises(WrongType, match=rf"^{name}: expected (str|Secret), not {type(other).__name__}$"):
            encode(with_field(kind, name, other))


@pytest.mark.parametrize("name", ["schedule_delivery_time", "validity_period"])
def test_a_time_has_one_length(name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{name}: 10 characters, expected 0 or 16$"):
        encode(with_field(SubmitSm, name, "2601011200"))


@pytest.mark.parametrize(
    "name",
    [field.name for field in dataclasses.fields(SubmitSm) if field.type == "_Octet"],
)
def test_an_octet_is_one(name: str) -> None:
    for wrong in (-1, 256):
        with pytest.raises(InvalidInput, match=rf"^{name}: {wrong} is not within 0 to 255$"):
            encode(with_field(SubmitSm, name, wrong))
    for other in ("1", None, 1.5):
        with pytest.raises(WrongType, match=rf"^{name}: expected int, not {type(other).__name__}$"):
            encode(with_field(SubmitSm, name, other))


@pytest.mark.parametrize(
    ("pdu", "message"),
    [
        (
            SubmitSm(sequence_number=1, short_message=b"x" * 255),
            "short_message: 255 octets, at most 254 fit: send it in parts or as message_payload",
        ),
        (SubmitSm(sequence_number=1, short_message="x"), "short_message: expected bytes, not str"),  # type: ignore[arg-type]  # the point
        (
            SubmitSm(sequence_number=1, short_message=b"x", tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"y"),)),
            "short_message: empty where there is a message_payload",
        ),
        (EnquireLink(sequence_number=0), "sequence_number: 0 is not within 1 to 2147483647"),
        (EnquireLink(sequence_number=2**31), "sequence_number: 2147483648 is not"),
        (EnquireLinkResp(sequence_number=2**32), "sequence_number: 4294967296 is not within 0 to 4294967295"),
        (EnquireLink(sequence_number=None), "sequence_number: expected int, not NoneType"),  # type: ignore[arg-type]  # the point
        (EnquireLink(sequence_number=1, command_status=8), "command_status: 8 is not within 0 to 0"),
        (EnquireLinkResp(sequence_number=1, command_status=-1), "command_status: -1 is not"),
        (EnquireLinkResp(sequence_number=1, command_status=2**32), "command_status: 4294967296 is not"),
        (SubmitSmResp(sequence_number=1, command_status=8, message_id="1"), "message_id, tlvs: are not returned"),
        (BindReceiverResp(sequence_number=1, command_status=8, system_id="x"), "system_id, tlvs: are not returned"),
        (EnquireLink(sequence_number=1, rest=b"x"), "rest: "),
        (Unbind(sequence_number=1, tlvs=(Tlv(0x10000, b""),)), "tag: 65536 is not within 0 to 65535"),
        (Unbind(sequence_number=1, tlvs=(Tlv(1, "x"),)), "TLV 0x0001: expected bytes, not str"),  # type: ignore[arg-type]  # the point
        (Unbind(sequence_number=1, tlvs=(Tlv(0x424, b"x" * 65536),)), "TLV 0x0424: 65536 octets, at most 65535 fit"),
        (
            Unbind(sequence_number=1, tlvs=(Tlv(0x424, b"x" * 60000),) * 2),
            "tlvs: the PDU takes 120024 octets, at most",
        ),
        (Pdu(sequence_number=1), "pdu: expected a PDU of this module, not Pdu"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_not_right_is_not_written(pdu: Pdu, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{message}"):
        encode(pdu)


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSm(sequence_number=1, short_message=b"x" * 254),
        EnquireLink(sequence_number=2**31 - 1),
        EnquireLinkResp(sequence_number=0, command_status=2**32 - 1),
        EnquireLinkResp(sequence_number=2**32 - 1),
        Unbind(sequence_number=1, tlvs=(Tlv(0, b""), Tlv(0xFFFF, b""))),
        Unbind(sequence_number=1, tlvs=(Tlv(0x424, b"x" * 65535),)),
        # Sixteen octets of header, and four before the value of each TLV.
        Unbind(sequence_number=1, tlvs=(Tlv(1, b"x" * 60_000), Tlv(2, b"x" * (MAX_LENGTH - 60_024)))),
    ],
    ids=lambda pdu: type(pdu).__name__,
)
def test_what_just_fits_is_written_and_read(pdu: Pdu) -> None:
    assert read(encode(pdu)) == pdu


def test_a_pdu_that_is_an_octet_too_long_is_not_written() -> None:
    with pytest.raises(InvalidInput, match=f"the PDU takes {MAX_LENGTH + 1} octets, at most {MAX_LENGTH} are sent"):
        encode(Unbind(sequence_number=1, tlvs=(Tlv(1, b"x" * 60_000), Tlv(2, b"x" * (MAX_LENGTH - 60_023)))))


@pytest.mark.parametrize(
    ("tag", "value", "written"),
    [
        (Tag.MESSAGE_STATE, 0, b"\x00"),
        (Tag.MESSAGE_STATE, 2, b"\x02"),
        (Tag.MESSAGE_STATE, 255, b"\xff"),
        (Tag.SAR_MSG_REF_NUM, 258, b"\x01\x02"),
        (Tag.RECEIPTED_MESSAGE_ID, "1A", b"1A\0"),
        (Tag.MESSAGE_PAYLOAD, b"text", b"text"),
        (Tag.NETWORK_ERROR_CODE, b"\x03\x00\x11", b"\x03\x00\x11"),
    ],
)
def test_a_tlv_is_made_as_its_tag_wants_it(tag: Tag, value: int | str | bytes, written: bytes) -> None:
    assert Tlv.of(tag, value) == Tlv(tag, written)


@pytest.mark.parametrize(
    ("tag", "value", "kind", "message"),
    [
        (Tag.MESSAGE_STATE, 256, InvalidInput, "message_state: 256 is not within 0 to 255"),
        (Tag.SAR_MSG_REF_NUM, -1, InvalidInput, "sar_msg_ref_num: -1 is not within 0 to 65535"),
        (Tag.MESSAGE_STATE, "2", WrongType, "message_state: expected int, not str"),
        (Tag.RECEIPTED_MESSAGE_ID, "x" * 65, InvalidInput, "receipted_message_id: 65 characters, at most 64 fit"),
        (Tag.RECEIPTED_MESSAGE_ID, 7, WrongType, "receipted_message_id: expected str, not int"),
        (Tag.MESSAGE_PAYLOAD, "x", WrongType, "message_payload: expected bytes, not str"),
    ],
)
def test_a_tlv_that_does_not_fit_is_refused(
    tag: Tag, value: int | str | bytes, kind: type[InvalidInput], message: str
) -> None:
    with pytest.raises(kind, match=f"^{message}$"):
        Tlv.of(tag, value)


# Read as SMSCs write


@pytest.mark.parametrize("command_id", [0x80000001, 0x80000002, 0x80000004, 0x80000005, 0x80000009])
@pytest.mark.parametrize("status", [0, 0x58])
def test_a_response_may_come_without_a_body(command_id: int, status: int) -> None:
    pdu = read(framed(command_id, b"", status=status))
    assert (pdu.command_status, pdu.sequence_number) == (status, 1)
    assert getattr(pdu, "message_id", "") == getattr(pdu, "system_id", "") == ""


def test_an_error_may_come_with_a_body() -> None:
    assert read(framed(0x80000004, b"77\0", status=0x45)) == SubmitSmResp(
        sequence_number=1, command_status=0x45, message_id="77"
    )


def test_the_last_field_may_lack_its_nul() -> None:
    assert read(framed(0x80000004, b"1A2B")) == SubmitSmResp(sequence_number=1, message_id="1A2B")
    assert read(framed(0x80000002, b"SMSC")) == BindTransmitterResp(sequence_number=1, system_id="SMSC")
    bind = octets("'demo' 00 'pw' 00 00 34 00 00")
    assert read(framed(2, bind)) == read(framed(2, bind + b"\0"))
    assert isinstance(received := read(framed(2, bind + b"254")), BindTransmitter)
    assert received.address_range == "254"


def test_what_an_smsc_writes_too_long_is_kept() -> None:
    assert isinstance(answer := read(framed(0x80000004, b"x" * 200 + b"\0")), SubmitSmResp)
    assert answer.message_id == "x" * 200
    body = octets("00 00 00") + b"y" * 30 + octets("00 00 00 00") + b"\0" * 9 + b"\xff" + b"z" * 255
    assert isinstance(message := read(framed(5, body)), DeliverSm)
    assert (message.source_addr, message.short_message) == ("y" * 30, b"z" * 255)


def test_octets_that_are_not_ascii_are_kept() -> None:
    assert isinstance(answer := read(framed(0x80000004, b"\xe9\0")), SubmitSmResp)
    assert answer.message_id.encode("latin-1") == b"\xe9"


@pytest.mark.parametrize("rest", ["00", "0427", "0427 00", "0427 0002 01", "0424 FFFF 'text'"])
def test_octets_after_the_last_tlv_are_kept(rest: str) -> None:
    pdu = read(framed(0x80000004, octets("'1' 00 1400 0001 07" + rest)))
    assert pdu == SubmitSmResp(sequence_number=1, message_id="1", tlvs=(Tlv(0x1400, b"\x07"),), rest=octets(rest))
    assert read(framed(0x15, b"\0")) == EnquireLink(sequence_number=1, rest=b"\0")


EMPTY_SM = b"\0" * 17


def message(tlvs: str) -> DeliverSm:
    pdu = read(framed(5, EMPTY_SM + octets(tlvs)))
    assert isinstance(pdu, DeliverSm)
    return pdu


def test_known_tlvs_are_read() -> None:
    pdu = message(
        "001E 0005 '1A2B' 00 0427 0001 02 0423 0003 03 0011 0424 0002 'Hi' 020C 0002 1234 020E 0001 03 020F 0001 02"
    )
    assert (pdu.receipted_message_id, pdu.message_state, pdu.network_error_code) == ("1A2B", 2, (3, 0x11))
    assert (pdu.message_payload, pdu.user_data, pdu.sar) == (b"Hi", b"Hi", (0x1234, 3, 2))
    assert pdu.sm_length == 0
    bound = read(framed(0x80000002, octets("'S' 00 0210 0001 34")))
    assert isinstance(bound, BindTransmitterResp)
    assert bound.sc_interface_version == 0x34


def test_tlvs_that_are_not_there_are_none() -> None:
    pdu = message("")
    values = [pdu.receipted_message_id, pdu.message_state, pdu.network_error_code, pdu.message_payload, pdu.sar]
    assert values == [None] * 5
    assert pdu.user_data == b""
    assert BindTransmitterResp(sequence_number=1).sc_interface_version is None


def test_an_id_may_lack_its_nul() -> None:
    assert message("001E 0004 '1A2B'").receipted_message_id == "1A2B"


def test_a_tlv_of_a_wrong_length_is_kept_raw() -> None:
    pdu = message("0427 0002 0002 0423 0001 03 020C 0001 01 020E 0001 01 020F 0001 01")
    assert [pdu.message_state, pdu.network_error_code, pdu.sar] == [None] * 3
    assert pdu.tlvs[:2] == (Tlv(0x0427, b"\0\x02"), Tlv(0x0423, b"\x03"))


def test_of_a_tlv_that_comes_twice_the_first_that_can_be_read_counts() -> None:
    pdu = message("0427 0002 0002 0427 0001 05 0427 0001 02 9999 0000 9999 0000")
    assert pdu.message_state == 5
    assert [tlv.tag for tlv in pdu.tlvs] == [0x0427, 0x0427, 0x0427, 0x9999, 0x9999]


def test_the_short_message_counts_before_a_payload() -> None:
    pdu = read(framed(5, b"\0" * 16 + octets("02 'Hi' 0424 0003 'Bye'")))
    assert isinstance(pdu, DeliverSm)
    assert (pdu.user_data, pdu.message_payload) == (b"Hi", b"Bye")


def test_status_and_number_of_a_request_are_read_as_they_come() -> None:
    assert read(framed(0x15, b"", status=7, number=0xFFFFFFFF)) == EnquireLink(
        sequence_number=0xFFFFFFFF, command_status=7
    )


# Protocol errors


@pytest.mark.parametrize("length", [0, 1, 15, MAX_LENGTH + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_bad_length_loses_the_stream(length: int) -> None:
    error = failure(length.to_bytes(4, "big") + octets("00000015 00000000 00000009"))
    assert error.stream_lost
    assert (error.command_status, error.command_id, error.sequence_number) == (0x02, 0x15, 9)
    assert answer_to(error) == GenericNack(sequence_number=9, command_status=0x02)


def test_the_longest_pdu_may_be_set() -> None:
    data = framed(0x15, b"x" * 84)
    assert decode(data, max_length=100) is not None
    assert failure(data, max_length=99).stream_lost
    decoder = Decoder(max_length=99)
    decoder.feed(data)
    with pytest.raises(ProtocolError, match="100 is not within 16 to 99"):
        decoder.next_pdu()


def test_a_full_payload_is_read() -> None:
    pdu = SubmitSm(sequence_number=1, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"x" * 65535),))
    assert read(encode(pdu)) == pdu


def test_a_claimed_length_takes_no_memory() -> None:
    decoder = Decoder()
    tracemalloc.start()
    try:
        decoder.feed(octets("FFFFFFFF 00000004 00000000 00000001"))
        for _ in range(50):
            with pytest.raises(ProtocolError):
                decoder.next_pdu()
            decoder.feed(b"x" * 10_000)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_a_lost_stream_stays_lost() -> None:
    decoder = Decoder()
    decoder.feed(b"GET / HTTP/1.1\r\n\r\n")
    for _ in range(2):
        with pytest.raises(ProtocolError) as caught:
            decoder.next_pdu()
        assert caught.value.stream_lost
        decoder.feed(encode(EnquireLink(sequence_number=1)))


# data_sm and its response, query_sm, submit_multi, and ids that nobody has.
@pytest.mark.parametrize("command_id", [0x103, 0x80000103, 0x03, 0x21, 0, 0x99, 0xDEADBEEF, 0x8000000B])
def test_an_unknown_command_is_refused_by_generic_nack(command_id: int) -> None:
    # Sections 3.3 and 4.3.1.
    error = failure(framed(command_id, b"body", number=6))
    assert (error.command_status, error.sequence_number, error.length) == (0x03, 6, 20)
    assert str(error) == f"command_id: 0x{command_id:08X} is unknown here"
    assert answer_to(error) == GenericNack(sequence_number=6, command_status=0x03)


# What is wrong with a bind or a submit_sm, and the status that it is answered with (section 5.1.3).
SM_HEAD = "00 00 00 'M' 00 00 00 '254' 00 00 00 00 00 00 00 00 00 00"
FAULTY: dict[str, tuple[int, str, int, str]] = {
    "no body": (0x02, "", 0x02, "system_id"),
    "no NUL": (0x02, "'demo'", 0x02, "system_id"),
    "ends within a run of octets": (0x02, "'demo' 00 'pw' 00 00 34 00", 0x02, "interface_version to addr_npi"),
    "system_id too long": (0x02, "'0123456789abcdef' 00 00 00 34 00 00 00", 0x0F, "system_id: 16 characters"),
    "password too long": (0x01, "'demo' 00 '123456789' 00 00 34 00 00 00", 0x0E, "password: 9 characters"),
    "password not ASCII": (0x09, "'demo' 00 E9 00 00 34 00 00 00", 0x0E, "password: .*not ASCII"),
    "system_type too long": (0x02, "00 00 '0123456789abc' 00 34 00 00 00", 0x53, "system_type: 13 characters"),
    "address_range too long": (0x02, "00 00 00 34 00 00" + "78" * 41 + "00", 0xC2, "address_range: 41 characters"),
    "octets after the last TLV of a bind": (0x02, "00 00 00 34 00 00 00 00", 0xC0, "1 octets after"),
    "service_type too long": (0x04, "'abcdef' 00" + "00" * 16, 0x15, "service_type: 6"),
    "source_addr of 25": (0x04, "00 00 00" + "78" * 25 + "00" * 14, 0x0A, "source_addr: 25"),
    "destination_addr of 21": (0x04, "00" * 6 + "31" * 21 + "00" * 11, 0x0B, "destination_addr: 21"),
    "schedule_delivery_time": (0x04, "00" * 10 + "'2601011200' 00" + "00" * 6, 0x61, "schedule_delivery_time: 10"),
    "validity_period": (0x04, "00" * 11 + "'1' 00" + "00" * 5, 0x62, "validity_period: 1 characters"),
    "no sm_length": (0x04, SM_HEAD.rsplit(" ", 1)[0], 0x02, "ends"),
    "sm_length too much": (0x04, "00" * 16 + "05 'Hi'", 0x01, "sm_length: 5, where 2"),
    "sm_length over the limit": (0x04, "00" * 16 + "FF" + "78" * 255, 0x01, "sm_length: 255"),
    "sm_length too little": (0x04, "00" * 16 + "01 'Hi'", 0xC0, "1 octets after"),
    "TLV cut short": (0x04, "00" * 17 + "0424 0005 'Hi'", 0xC0, "6 octets after"),
    "deliver_sm cut short": (0x05, "00 00 00 '254'", 0x02, "source_addr"),
    "deliver_sm without sm_length": (0x05, "00" * 16, 0x02, "sm_length"),
    "deliver_sm with sm_length too much": (0x05, "00" * 16 + "05 'Hi'", 0x01, "sm_length: 5"),
}


@pytest.mark.parametrize(("command_id", "body", "status", "words"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_body_is_answered_by_its_response(command_id: int, body: str, status: int, words: str) -> None:
    data = framed(command_id, octets(body), number=11)
    error = failure(data)
    assert re.search(words, str(error))
    assert (error.command_status, error.command_id, error.sequence_number) == (status, command_id, 11)
    assert not error.stream_lost
    answer = answer_to(error)
    assert answer is not None
    assert encode(answer)[4:16] == octets(f"{0x80000000 | command_id:08X} {status:08X} 0000000B")
    # The next PDU is read.
    decoder = Decoder()
    decoder.feed(data + BY_HAND["enquire_link"][1])
    with pytest.raises(ProtocolError):
        decoder.next_pdu()
    assert decoder.next_pdu() == BY_HAND["enquire_link"][0]
    assert decoder.next_pdu() is None


def test_a_faulty_outbind_has_no_response_but_generic_nack() -> None:
    error = failure(framed(0x0B, b"SMSC"))
    assert answer_to(error) == GenericNack(sequence_number=1, command_status=0x02)


def test_a_response_is_not_answered() -> None:
    error = ProtocolError("x", command_id=0x80000004, sequence_number=5, length=20)
    assert answer_to(error) is None


@HANDS
def test_a_bad_pdu_split_at_every_octet_is_the_same_error(pdu: Pdu, written: bytes) -> None:
    unknown = written[:4] + b"\0\0\x99\x99" + written[8:]
    for place in range(len(unknown)):
        decoder = Decoder()
        decoder.feed(unknown[:place])
        assert decoder.next_pdu() is None
        decoder.feed(unknown[place:])
        with pytest.raises(ProtocolError) as caught:
            decoder.next_pdu()
        assert (caught.value.length, caught.value.sequence_number) == (len(written), pdu.sequence_number)
        assert decoder.next_pdu() is None


# Anything


def check_anything(data: bytes) -> None:
    """Only PDUs, ProtocolErrors and a wish for more, whole or in pieces, and the same both ways."""
    found: list[object] = []
    rest = data
    while True:
        try:
            decoded = decode(rest)
        except ProtocolError as error:
            found.append((str(error), error.command_status, error.sequence_number, error.length))
            if answer := answer_to(error):
                encode(answer)
            if error.stream_lost:
                break
            rest = rest[error.length :]
        else:
            if decoded is None:
                break
            found.append(decoded[0])
            assert 16 <= decoded[1] <= len(rest)
            look_at(decoded[0])
            rest = rest[decoded[1] :]
    decoder = Decoder()
    again: list[object] = []
    half = len(data) // 2
    for piece in (data[:half], data[half:]):
        decoder.feed(piece)
        while not (again and isinstance(again[-1], tuple) and again[-1][3] == 0):
            try:
                pdu = decoder.next_pdu()
            except ProtocolError as error:
                again.append((str(error), error.command_status, error.sequence_number, error.length))
            else:
                if pdu is None:
                    break
                again.append(pdu)
    assert again == found


def look_at(pdu: Pdu) -> None:
    assert repr(pdu)
    if isinstance(pdu, SubmitSm | DeliverSm):
        repr((pdu.receipted_message_id, pdu.message_state, pdu.sar, pdu.network_error_code, pdu.user_data))
    # What is read can be written, but for what the standard does not allow; then that is said.
    try:
        written = encode(pdu)
    except InvalidInput:
        return
    assert read(written) == pdu


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    check_anything(data)


@given(st.sampled_from([*COMMANDS, 0x103]), st.binary(max_size=120), st.integers(0, 2**32 - 1))
def test_any_body(command_id: int, body: bytes, number: int) -> None:
    check_anything(framed(command_id, body, status=number % 3, number=number))


def test_random_and_mutated_pdus() -> None:
    dice = random.Random(34)  # noqa: S311  # the same each time
    seeds = [written for _, written in BY_HAND.values()]
    for _ in range(FUZZ_RUNS):
        data = bytearray(dice.choice(seeds) + dice.choice(seeds))
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(len(data))
            match dice.randrange(5):
                case 0:
                    data[place] = dice.randrange(256)
                case 1:
                    del data[place : place + dice.randint(1, 8)]
                case 2:
                    data[place:place] = dice.randbytes(dice.randint(1, 8))
                case 3:
                    data[place] ^= 1 << dice.randrange(8)
                case _:
                    # A length that holds, so that the body is looked at.
                    data[:4] = len(data).to_bytes(4, "big")
            if not data:
                break
        check_anything(bytes(data))


# Secrets

CANARY = "canary88"


def test_the_password_is_nowhere_to_be_seen() -> None:
    pdu = BindTransmitter(sequence_number=1, system_id="demo", password=Secret(CANARY))
    data = encode(pdu)
    assert CANARY.encode() in data
    again = read(data)
    assert isinstance(again, BindTransmitter)
    assert again.password.reveal() == CANARY
    assert CANARY not in f"{pdu!r} {again!r} {pdu} {again}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(again)
    decoder = Decoder()
    decoder.feed(data)
    assert CANARY not in repr(decoder)


def in_frames(error: BaseException) -> str:
    """The error as a reporter shows it: with the variables of our frames, down to the last link of the chain."""
    assert error.__context__ is None
    assert error.__cause__ is None
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    for frame in list(shown.stack):
        if "mspace_legacy" not in frame.filename:
            shown.stack.remove(frame)
    return "".join(shown.format()) + repr(error)


@pytest.mark.parametrize("password", [CANARY + "9", CANARY[:-1] + "é", CANARY[:-1] + "\0"])
def test_a_password_that_can_not_be_sent_is_not_shown(password: str) -> None:
    with pytest.raises(InvalidInput, match="password") as caught:
        encode(BindTransmitter(sequence_number=1, system_id="demo", password=Secret(password)))
    assert "canary" not in in_frames(caught.value)


def test_neither_is_one_beside_another_fault() -> None:
    pdu = BindTransmitter(sequence_number=1, system_id="demo", password=Secret(CANARY), addr_ton=256)
    with pytest.raises(InvalidInput, match="addr_ton") as caught:
        encode(pdu)
    assert "canary" not in in_frames(caught.value)


@pytest.mark.parametrize(
    "body", [f"'demo' 00 '{CANARY}'", f"'demo' 00 '{CANARY}9' 00 00 34 00 00 00", f"'demo' 00 '{CANARY}' 00 00 34"]
)
def test_a_bind_that_can_not_be_read_does_not_show_its_password(body: str) -> None:
    data = framed(0x02, octets(body))
    with pytest.raises(ProtocolError) as caught:
        decode(data)
    assert "canary" not in in_frames(caught.value)
    decoder = Decoder()
    decoder.feed(data)
    with pytest.raises(ProtocolError) as caught:
        decoder.next_pdu()
    assert "canary" not in in_frames(caught.value)


def test_the_package_does_not_import_smpp() -> None:
    code = "import sys, mspace_legacy; print([name for name in sys.modules if 'smpp' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
