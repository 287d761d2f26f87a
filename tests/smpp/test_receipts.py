"""smpp.receipts: receipts as WIRE.md and Appendix B of SMPP 3.4 have them, and as SMSCs are known to bend them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput
from mspace_legacy.smpp.pdu import DeliverSm, Tag, Tlv
from mspace_legacy.smpp.receipts import (
    MessageState,
    Receipt,
    id_key,
    id_spellings,
    read_receipt,
    write_receipt,
)

TEXT = "id:1A2B sub:001 dlvrd:001 submit date:2611240231 done date:2611240232 stat:DELIVRD err:000"


def deliver(text: str | bytes, *, esm_class: int = 0x04, tlvs: tuple[Tlv, ...] = (), **fields: Any) -> DeliverSm:
    octets = text.encode("latin-1") if isinstance(text, str) else text
    if len(octets) > 254:
        tlvs, octets = (*tlvs, Tlv.of(Tag.MESSAGE_PAYLOAD, octets)), b""
    return DeliverSm(sequence_number=1, esm_class=esm_class, short_message=octets, tlvs=tlvs, **fields)


def receipt(text: str | bytes = TEXT, **fields: Any) -> Receipt:
    found = read_receipt(deliver(text, **fields))
    assert found is not None
    return found


# The documented form


def test_the_documented_form() -> None:
    assert receipt(source_addr="254722000000", destination_addr="MSPACE") == Receipt(
        message_id="1A2B",
        state=MessageState.DELIVERED,
        stat="DELIVRD",
        error_code="000",
        submitted=datetime(2026, 11, 24, 2, 31),
        done=datetime(2026, 11, 24, 2, 32),
        sub=1,
        dlvrd=1,
        recipient="254722000000",
        sender_id="MSPACE",
        text=TEXT,
        raw=TEXT.encode(),
    )
    assert receipt().delivered


# The vendor's six, the standard's spelling of the last, the two that it adds, and the names of section 5.2.28.
@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("DELIVRD", 2), ("EXPIRED", 3), ("UNDELIV", 5), ("ACCEPTD", 6), ("UNKNOWN", 7), ("REJECTED", 8),
        ("REJECTD", 8), ("DELETED", 4), ("ENROUTE", 1), ("DELIVERED", 2), ("UNDELIVERABLE", 5), ("ACCEPTED", 6),
        ("delivrd", 2), ("Rejectd", 8),
    ],
)  # fmt: skip
def test_every_stat(stat: str, state: int) -> None:
    found = receipt(TEXT.replace("DELIVRD", stat))
    assert (found.state, found.stat) == (state, stat)
    assert found.delivered == (state == 2)


def test_which_states_are_final() -> None:
    assert {state.name for state in MessageState if not state.is_final} == {"ENROUTE", "ACCEPTED"}
    assert [(state.name, state.value) for state in MessageState] == [
        ("ENROUTE", 1), ("DELIVERED", 2), ("EXPIRED", 3), ("DELETED", 4), ("UNDELIVERABLE", 5), ("ACCEPTED", 6),
        ("UNKNOWN", 7), ("REJECTED", 8),
    ]  # fmt: skip


# TLVs


def test_tlvs_come_before_the_text() -> None:
    tlvs = (
        Tlv(0x001E, b"6699\0"),
        Tlv(0x0427, b"\x05"),
        Tlv(0x0423, b"\x03\x00\x1b"),
    )
    found = receipt(tlvs=tlvs)
    assert (found.message_id, found.state, found.stat) == ("6699", MessageState.UNDELIVERABLE, "DELIVRD")
    assert (found.network_error_code, found.error_code, found.sub) == ((3, 27), "000", 1)


def test_tlvs_are_enough() -> None:
    found = receipt("", tlvs=(Tlv(0x001E, b"77"), Tlv(0x0427, b"\x02")))
    assert (found.message_id, found.state, found.text, found.stat) == ("77", MessageState.DELIVERED, "", "")


@pytest.mark.parametrize("state", [b"\x00", b"\x09", b"\xff", b"\x00\x02", b""])
def test_a_state_that_is_none_leaves_it_to_the_text(state: bytes) -> None:
    assert receipt(tlvs=(Tlv(0x0427, state),)).state is MessageState.DELIVERED
    assert receipt("", tlvs=(Tlv(0x0427, state),)).state is None


def test_an_empty_id_leaves_it_to_the_text() -> None:
    assert receipt(tlvs=(Tlv(0x001E, b"\0"),)).message_id == "1A2B"


# What makes a receipt


@pytest.mark.parametrize("esm_class", [0x04, 0x20, 0x44, 0x84, 0x07])
def test_esm_class_makes_a_receipt(esm_class: int) -> None:
    assert (
        read_receipt(deliver(b"\0" + TEXT.encode() if esm_class & 0x40 else TEXT, esm_class=esm_class)) == receipt()
    )


@pytest.mark.parametrize("esm_class", [0x00, 0x03, 0x08, 0x10, 0x40, 0x80])
def test_a_text_that_looks_like_a_receipt_is_none(esm_class: int) -> None:
    assert read_receipt(deliver(TEXT, esm_class=esm_class)) is None
    assert read_receipt(deliver(TEXT, esm_class=esm_class, tlvs=(Tlv(0x0427, b"\x02"),))) is None


def test_both_tlvs_make_a_receipt() -> None:
    found = receipt(TEXT, esm_class=0, tlvs=(Tlv(0x001E, b"77\0"), Tlv(0x0427, b"\x02")))
    assert found.message_id == "77"


# Bent


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "\0",
        TEXT + "\0\0\0",
        TEXT + " text:Habari yako? 123",
        TEXT + " Text:id:99 stat:EXPIRED",
        TEXT + " text: id:99 stat:EXPIRED sub:9",
        TEXT.replace(" ", "  "),
        TEXT.replace(":", ": "),
        TEXT.upper().replace("1A2B", "1A2B"),
        TEXT.replace(" ", "\r\n"),
        TEXT.replace(" sub", "\0sub"),
        "stat:DELIVRD err:000 done date:2611240232 submit date:2611240231 dlvrd:001 sub:001 id:1A2B",
        "foo:1 " + TEXT + " smsc:2 date:3",
        TEXT.replace(" stat", " operator:63902 part:1 stat"),
        TEXT.replace("submit date", "submitdate").replace("done date", "Done  Date"),
        TEXT.replace("2611240231", "261124023100").replace("2611240232", "261124023200"),
    ],
)
def test_other_ways_to_write_the_same(text: str) -> None:
    found = receipt(text)
    assert (found.message_id, found.stat.upper(), found.state, found.error_code) == ("1A2B", "DELIVRD", 2, "000")
    assert (found.submitted, found.done) == (datetime(2026, 11, 24, 2, 31), datetime(2026, 11, 24, 2, 32))
    assert (found.sub, found.dlvrd) == (1, 1)
    assert (found.text, found.raw) == (text, text.encode())


def test_seconds() -> None:
    assert receipt("done date:261124023259").done == datetime(2026, 11, 24, 2, 32, 59)


@pytest.mark.parametrize(
    "date",
    [
        "0000000000",
        "2613240231",
        "26112402",
        "26112402310",
        "20261124023100",
        "261124-0231",
        "x",
        "\uff12\uff1611240231",
        "",
    ],
)
def test_a_date_that_is_none_is_none(date: str) -> None:
    found = read_receipt(deliver(f"id:1 done date:{date} stat:DELIVRD".encode()))
    assert found is not None
    assert (found.done, found.state) == (None, MessageState.DELIVERED)


@pytest.mark.parametrize("count", ["-1", "x", "1.5", "9" * 5000, "²"])
def test_a_count_that_is_none_is_none(count: str) -> None:
    assert receipt(f"sub:{count} dlvrd:2").sub is None
    assert receipt(f"sub:{count} dlvrd:2").dlvrd == 2


def test_missing_fields_are_missing() -> None:
    found = receipt("id:77 stat:EXPIRED")
    assert found == Receipt(
        message_id="77",
        state=MessageState.EXPIRED,
        stat="EXPIRED",
        text="id:77 stat:EXPIRED",
        raw=b"id:77 stat:EXPIRED",
    )


def test_empty_fields_do_not_take_the_next_one() -> None:
    found = receipt("id: sub: dlvrd:001 submit date: done date: stat:UNDELIV err: text:err:5")
    assert (found.message_id, found.sub, found.dlvrd, found.stat, found.error_code) == ("", None, 1, "UNDELIV", "")


@pytest.mark.parametrize("own", ["Is stat:DELIVRD err:000", "stat:DELIVRD", "id:99 stat:DELIVRD"])
def test_what_stands_in_the_message_s_own_text_says_nothing(own: str) -> None:
    found = receipt(f"id:7 sub:001 dlvrd:000 text:{own}")
    assert (found.message_id, found.state, found.stat, found.error_code) == ("7", None, "", "")
    assert receipt(f"sub:001 text:{own}").message_id == ""


def test_an_unknown_stat_is_no_state() -> None:
    found = receipt(TEXT.replace("DELIVRD", "SKIPPED"))
    assert (found.state, found.stat, found.delivered) == (None, "SKIPPED", False)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\xfd", b"Your message has arrived.", b"\0", b"id", b"idstat:DELIVRD"])
def test_an_unreadable_receipt_is_handed_over_raw(raw: bytes) -> None:
    found = receipt(raw)
    assert (found.message_id, found.state, found.raw) == ("", None, raw)


def test_ids_of_all_kinds() -> None:
    for message_id in ("0123456789", "c449ab9744f47b6af1879e49e75e4f40", "1a2b-3c4d", "a_b@c", "x" * 64):
        assert receipt(f"id:{message_id} stat:DELIVRD").message_id == message_id


def test_ucs2() -> None:
    octets = TEXT.encode("utf-16-be")
    for data_coding in (0, 8):
        found = receipt(octets, data_coding=data_coding)
        assert (found.message_id, found.state, found.text, found.raw) == ("1A2B", 2, TEXT, octets)
    assert receipt(octets + b"\0").message_id == "1A2B"
    # data_coding is at times that of the message sent, and not that of the receipt.
    assert receipt(TEXT, data_coding=8).message_id == "1A2B"


def test_a_long_receipt_comes_as_payload() -> None:
    found = receipt(TEXT + " text:" + "x" * 300)
    assert (found.message_id, found.state) == ("1A2B", MessageState.DELIVERED)


@given(
    st.binary(max_size=254),
    st.integers(0, 255),
    st.lists(st.builds(Tlv, st.sampled_from(Tag), st.binary(max_size=8))),
)
def test_anything_is_read_and_kept(raw: bytes, data_coding: int, tlvs: list[Tlv]) -> None:
    tlvs = [tlv for tlv in tlvs if tlv.tag != Tag.MESSAGE_PAYLOAD]
    assert receipt(raw, data_coding=data_coding, tlvs=tuple(tlvs)).raw == raw


_piece = st.sampled_from(
    ["id:", "stat:", "text:", "submit", "date:", "sub:", "err", ":", " ", "\0", "DELIVRD", "7", "é"]
)


@given(st.lists(_piece, max_size=40).map("".join))
def test_any_pieces_are_read_and_kept(text: str) -> None:
    found = receipt(text)
    assert found.text == text or text.startswith("\0")
    assert not any(character.isspace() for character in found.message_id + found.stat)


@pytest.mark.parametrize("piece", ["id:", "submit ", "submit" + " " * 500, " ", "id: ", "\0"])
def test_a_long_one_is_read(piece: str) -> None:
    # A search that begins again at each place would take minutes.
    octets = (piece * 65_000)[:65_000].encode()
    assert receipt(octets).raw == octets


# Written

SUBMITTED, DONE = datetime(2026, 11, 24, 2, 31, 59), datetime(2026, 11, 24, 2, 32)


def test_a_receipt_is_written_as_documented() -> None:
    written = write_receipt("1A2B", MessageState.DELIVERED, submitted=SUBMITTED, done=DONE)
    assert written.decode() == TEXT
    written = write_receipt(
        "77", MessageState.REJECTED, submitted=SUBMITTED, done=DONE, sub=3, dlvrd=2, error_code="0x1F"
    )
    assert written == (b"id:77 sub:003 dlvrd:002 submit date:2611240231 done date:2611240232 stat:REJECTED err:0x1F")


@pytest.mark.parametrize(
    ("state", "stat"),
    [
        (MessageState.ENROUTE, "ENROUTE"),
        (MessageState.DELIVERED, "DELIVRD"),
        (MessageState.EXPIRED, "EXPIRED"),
        (MessageState.DELETED, "DELETED"),
        (MessageState.UNDELIVERABLE, "UNDELIV"),
        (MessageState.ACCEPTED, "ACCEPTD"),
        (MessageState.UNKNOWN, "UNKNOWN"),
        (MessageState.REJECTED, "REJECTED"),
    ],
)
def test_what_is_written_is_read_again(state: MessageState, stat: str) -> None:
    written = write_receipt("c449ab97", state, submitted=SUBMITTED, done=DONE)
    assert f" stat:{stat} ".encode() in written
    found = receipt(written)
    assert (found.message_id, found.state, found.stat) == ("c449ab97", state, stat)
    assert (found.submitted, found.done) == (SUBMITTED.replace(second=0), DONE)
    assert (found.sub, found.dlvrd, found.error_code) == (1, int(state == 2), "000")


@pytest.mark.parametrize("wrong", ["", "a b", "a\n", "é", "a\0"])
def test_what_would_not_be_read_again_is_not_written(wrong: str) -> None:
    with pytest.raises(InvalidInput, match=r"^message_id: "):
        write_receipt(wrong, MessageState.DELIVERED, submitted=SUBMITTED, done=DONE)
    with pytest.raises(InvalidInput, match=r"^error_code: "):
        write_receipt("1", MessageState.DELIVERED, submitted=SUBMITTED, done=DONE, error_code=wrong)


# Which message


def matches(sent: str, receipted: str) -> bool:
    """Whether the id of a submit_sm_resp and that of a receipt may be of the same message."""
    return id_key(sent) in id_spellings(receipted)


@pytest.mark.parametrize(
    ("sent", "receipted"),
    [
        ("1A2B", "1A2B"),
        ("1A2B", "1a2b"),
        ("1A2B", "6699"),
        ("6699", "1A2B"),
        ("00001A2B", "6699"),
        ("1A2B", "0000006699"),
        ("0000006699", "1a2b"),
        ("12345678", "305419896"),
        ("305419896", "12345678"),
        ("FFFFFFFFFFFFFFFF", "18446744073709551615"),
        ("1A2B", "1A2B\0"),
        ("0", "000"),
        ("msg-0042", "msg-0042"),
        ("C449AB9744F47B6AF1879E49E75E4F40", "c449ab9744f47b6af1879e49e75e4f40"),
    ],
)
def test_the_same_message(sent: str, receipted: str) -> None:
    assert matches(sent, receipted)


@pytest.mark.parametrize(
    ("sent", "receipted"),
    [
        ("1A2B", "6700"),
        ("1A2B", "1A2C"),
        ("", ""),
        ("0", ""),
        ("", "0"),
        ("10", "100"),
        ("msg-42", "msg-042"),
        ("MSG-42", "msg-42"),
        ("xyz", "XYZ"),
        ("1A2B", "1A2B0"),
        ("\uff11\uff12", "12"),
        # More than 64 bits: a number no more, and not turned into another.
        ("c449ab9744f47b6af1879e49e75e4f40", str(0xC449AB9744F47B6AF1879E49E75E4F40)),
    ],
)
def test_another_message(sent: str, receipted: str) -> None:
    assert not matches(sent, receipted)


@given(st.integers(1, 2**64 - 1))
def test_an_id_in_decimal_and_in_hexadecimal(number: int) -> None:
    for width in (1, 10, 20):
        assert matches(f"{number:0{width}X}", f"{number:0{width}d}")
        assert matches(f"{number:0{width}d}", f"{number:0{width}x}")


@given(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1))
def test_numbers_that_differ_are_of_different_messages(one: int, other: int) -> None:
    # Without a letter, hexadecimal may be taken for decimal: see below.
    if one != other and not f"{one:x}".isdigit():
        assert not matches(f"{one:x}", f"{other:d}")
        assert not matches(f"{other:d}", f"{one:x}")


def test_the_id_itself_comes_before_its_conversions() -> None:
    assert id_spellings("16") == ("16", "10", "22")
    assert id_spellings("0010") == ("10", "a", "16")
    assert id_spellings("1A2B") == ("1a2b", "6699")
    assert id_spellings("7") == ("7",)
    assert id_spellings("Msg-1") == ("Msg-1",)
    assert id_spellings(" ") == ()
    assert id_spellings("9" * 5000) == ("9" * 5000,)


def test_a_key_is_the_same_for_all_ways_to_write_one_number() -> None:
    assert {id_key(written) for written in ("1A2B", "1a2b", "001A2B", " 1A2B\0")} == {"1a2b"}
    assert (id_key("000"), id_key(""), id_key("Msg-007")) == ("0", "", "Msg-007")
