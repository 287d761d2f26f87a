"""smpp.text: data_coding, headers and parts, held against SMPP 3.4, 3GPP TS 23.040 and smpplib."""

from __future__ import annotations

import random
from typing import Any, Literal

import pytest
import smpplib.gsm  # type: ignore[import-untyped]  # it has no annotations
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.smpp.pdu import DeliverSm, SubmitSm, Tag, Tlv, decode, encode
from mspace_legacy.smpp.text import Concatenation, IncomingText, Part, read_part, reassemble, write_text
from mspace_legacy.sms import GSM7_BASIC, segments

Long = Literal["udh", "sar", "payload"]
LONG: list[Long] = ["udh", "sar", "payload"]

gsm7_text = st.text(st.sampled_from(GSM7_BASIC.replace("\x1b", "") + "\f^{}\\[~]|€"), max_size=500)
escape_heavy_text = st.text(st.sampled_from("ab{}€"), min_size=100, max_size=500)
unicode_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
surrogate_heavy_text = st.text(st.sampled_from("aж😀𐍈"), min_size=30, max_size=300)
any_text = gsm7_text | escape_heavy_text | unicode_text | surrogate_heavy_text


def submitted(part: Part, number: int = 1) -> SubmitSm:
    return SubmitSm(
        sequence_number=number,
        source_addr="MSPACE",
        destination_addr="254722000000",
        data_coding=part.data_coding,
        esm_class=part.esm_class,
        short_message=part.short_message,
        tlvs=part.tlvs,
    )


def received(short_message: bytes = b"", **fields: Any) -> IncomingText:
    return read_part(DeliverSm(sequence_number=1, short_message=short_message, **fields))


def over_the_wire(parts: tuple[Part, ...]) -> list[IncomingText]:
    read = []
    for part in parts:
        decoded = decode(encode(submitted(part)))
        assert decoded is not None
        assert isinstance(decoded[0], SubmitSm)
        read.append(read_part(decoded[0]))
    return read


# Written, by hand


@pytest.mark.parametrize(
    ("message", "data_coding", "short_message"),
    [
        ("", 0, b""),
        ("Hi @ €5", 0, b"Hi \x00 \x1b\x655"),
        ("Habari {x}", 0, b"Habari \x1b\x28x\x1b\x29"),
        ("ж", 8, b"\x04\x36"),
        ("😀", 8, b"\xd8\x3d\xde\x00"),
        ("a" * 160, 0, b"a" * 160),
        ("ж" * 70, 8, b"\x04\x36" * 70),
    ],
)
@pytest.mark.parametrize("long", LONG)
def test_a_message_of_one_segment(message: str, data_coding: int, short_message: bytes, long: Long) -> None:
    assert write_text(message, reference=7, long=long) == (Part(data_coding, 0, short_message),)


def test_parts_with_a_header() -> None:
    # 05: octets of the header; 00 03: concatenation with 8 bits, of 3 octets; reference, total, number.
    assert write_text("a" * 153 + "b" * 20, reference=0x1AB) == (
        Part(0, 0x40, b"\x05\x00\x03\xab\x02\x01" + b"a" * 153),
        Part(0, 0x40, b"\x05\x00\x03\xab\x02\x02" + b"b" * 20),
    )
    assert write_text("ж" * 71, reference=1) == (
        Part(8, 0x40, b"\x05\x00\x03\x01\x02\x01" + b"\x04\x36" * 67),
        Part(8, 0x40, b"\x05\x00\x03\x01\x02\x02" + b"\x04\x36" * 4),
    )


def test_parts_with_sar() -> None:
    def sar(number: int) -> tuple[Tlv, ...]:
        return Tlv(0x020C, b"\x01\xab"), Tlv(0x020E, b"\x02"), Tlv(0x020F, bytes((number,)))

    assert write_text("a" * 153 + "b" * 20, reference=0x1AB, long="sar") == (
        Part(0, 0, b"a" * 153, sar(1)),
        Part(0, 0, b"b" * 20, sar(2)),
    )


def test_one_payload() -> None:
    assert write_text("ж" * 71, long="payload") == (Part(8, 0, b"", (Tlv(0x0424, b"\x04\x36" * 71),)),)


def test_a_pair_is_not_split() -> None:
    first, second = write_text("a" * 152 + "€" + "a" * 10)
    assert (first.short_message[6:], second.short_message[6:]) == (b"a" * 152, b"\x1b\x65" + b"a" * 10)
    first, second = write_text("ж" * 66 + "😀" + "ж" * 10)
    assert (len(first.short_message), second.short_message[6:10]) == (6 + 132, b"\xd8\x3d\xde\x00")
    # The other library splits the first.
    theirs = smpplib.gsm.make_parts("a" * 152 + "€" + "a" * 10)[0]
    assert theirs[0].endswith(b"\x1b")


def test_parts_are_those_of_the_other_library_where_it_splits_no_pair() -> None:
    ours = [part.short_message[6:] for part in write_text("abc" * 150)]
    assert ours == [part[6:] for part in smpplib.gsm.make_parts("abc" * 150)[0]]


def test_the_most_parts() -> None:
    longest = "a" * (153 * 255)
    assert write_text(longest)[-1].short_message[:6] == b"\x05\x00\x03\x00\xff\xff"
    for long in ("udh", "sar"):
        with pytest.raises(InvalidInput, match=r"^message: 256 parts, at most 255 can be numbered$"):
            write_text(longest + "a", long=long)
    assert len(write_text(longest + "a", long="payload")) == 1
    with pytest.raises(InvalidInput, match=r"^message: 65536 octets, at most 65535 fit"):
        write_text("a" * 65536, long="payload")


@pytest.mark.parametrize("reference", [-1, 65536])
def test_a_reference_out_of_range_is_refused(reference: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^reference: {reference} is not within 0 to 65535$"):
        write_text("x", reference=reference)


def test_what_is_no_way_or_no_text_is_refused() -> None:
    with pytest.raises(InvalidInput, match="long: 'ude', expected 'udh', 'sar' or 'payload'"):
        write_text("x", long="ude")  # type: ignore[arg-type]  # the point
    with pytest.raises(WrongType):
        write_text(b"x")  # type: ignore[arg-type]  # the point
    with pytest.raises(InvalidInput, match="lone surrogate"):
        write_text("\ud83d")


# There and back


@given(any_text, st.sampled_from(LONG), st.integers(0, 0xFFFF), st.randoms(use_true_random=False))
def test_a_message_arrives(message: str, long: Long, reference: int, dice: random.Random) -> None:
    parts = write_text(message, reference=reference, long=long)
    cut = segments(message)
    if long == "payload":
        assert len(parts) == 1
    else:
        assert len(parts) == cut.count
    came = over_the_wire(parts)
    if long != "payload":
        # Each part reads by itself, which it would not were a pair split.
        assert tuple(part.text for part in came) == cut.parts
    dice.shuffle(came)
    (text,) = reassemble(came)
    assert (text.text, text.missing) == (message, ())


@given(any_text)
def test_short_messages_fit_into_an_sms(message: str) -> None:
    for part in write_text(message):
        room = 140 if part.data_coding == 8 else 160
        # In the air a header of six octets takes the room of seven septets.
        header = 1 if part.esm_class and part.data_coding == 0 else 0
        assert len(part.short_message) + header <= room


# Read


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        (0, b"Hi \x00\x1b\x65\x11", "Hi @€_"),
        (0, b"Hi \xe9", None),
        (1, b"Hi @_", "Hi @_"),
        (1, b"Hi \xe9", None),
        (3, b"Hi \xe9", "Hi é"),
        (6, b"\xb6", "Ж"),
        (7, b"\xe0", "א"),
        (7, b"\xa1", None),
        (8, b"\x04\x36\xd8\x3d\xde\x00", "ж😀"),
        (8, b"\x04\x36\x04", None),
        (8, b"\xd8\x3d", None),
        (2, b"Hi", None),
        (4, b"Hi", None),
        (5, b"Hi", None),
        (0x0D, b"Hi", None),
        # 3GPP TS 23.038, section 4: with a message class, and with the indication that messages wait.
        (0xF0, b"Hi \x00", "Hi @"),
        (0xF3, b"Hi \x00", "Hi @"),
        (0xF4, b"Hi", None),
        (0x10, b"Hi \x00", "Hi @"),
        (0x13, b"Hi \x00", "Hi @"),
        (0x14, b"Hi", None),
        (0x18, b"\x04\x36", "ж"),
        (0x1B, b"\x04\x36", "ж"),
        (0x1C, b"Hi", None),
        (0xBF, b"Hi", None),
        (0xC0, b"Hi \x00", "Hi @"),
        (0xD8, b"Hi \x00", "Hi @"),
        (0xDF, b"Hi \x00", "Hi @"),
        (0xE0, b"\x04\x36", "ж"),
        (0xEF, b"\x04\x36", "ж"),
        (0xFF, b"Hi", None),
        (0x0B, b"Hi", None),
    ],
)
def test_data_codings(data_coding: int, octets: bytes, text: str | None) -> None:
    part = received(octets, data_coding=data_coding)
    assert (part.text, part.octets, part.data_coding) == (text, octets, data_coding)
    (whole,) = reassemble([part])
    assert whole.text == text


def test_who_and_to_whom() -> None:
    part = received(b"Hi", source_addr="254722000000", destination_addr="MSPACE")
    assert (part.sender, part.recipient) == ("254722000000", "MSPACE")


@pytest.mark.parametrize(
    ("header", "concatenation"),
    [
        ("050003AB0302", Concatenation("udh8", 0xAB, 3, 2)),
        ("0608041234FF01", Concatenation("udh16", 0x1234, 255, 1)),
        # A port, and then the concatenation; and the other way round.
        ("0B05040B8423F00003AB0302", Concatenation("udh8", 0xAB, 3, 2)),
        ("0B0003AB030205040B8423F0", Concatenation("udh8", 0xAB, 3, 2)),
        # Of two the last.
        ("0A00030103010003020201", Concatenation("udh8", 2, 2, 1)),
        ("0B00030103010804123402 02".replace(" ", ""), Concatenation("udh16", 0x1234, 2, 2)),
        # Numbers that make no sense.
        ("050003AB0300", None),
        ("050003AB0304", None),
        ("050003AB0000", None),
        # Of another length than the standard's, cut short, or none.
        ("040002AB03", None),
        ("0600040A030201", None),
        ("050003AB03", None),
        ("0400030A03", None),
        ("0100", None),
        ("00", None),
    ],
)
def test_headers(header: str, concatenation: Concatenation | None) -> None:
    part = received(bytes.fromhex(header) + b"Hi", esm_class=0x40)
    assert part.concatenation == concatenation
    if header == "050003AB03":
        # One octet short, so that it takes one of the text.
        assert part.octets == b"i"
    else:
        assert (part.octets, part.text) == (b"Hi", "Hi")


@pytest.mark.parametrize("octets", [b"", b"\x05\x00\x03\x01", b"\xff" + b"x" * 200, b"Hi"])
def test_a_header_longer_than_the_message_is_not_taken_for_text(octets: bytes) -> None:
    part = received(octets, esm_class=0x40)
    assert (part.text, part.octets, part.concatenation) == (None, octets, None)
    assert reassemble([part])[0].text is None


@pytest.mark.parametrize("element", ["240101", "250101"])
def test_septets_of_another_table_are_not_read_by_ours(element: str) -> None:
    part = received(bytes.fromhex("03" + element) + b"Hi", esm_class=0x40)
    assert (part.text, part.octets) == (None, b"Hi")


def test_without_the_bit_it_is_no_header() -> None:
    part = received(b"\x05\x00\x03\x01\x02\x01Hi")
    assert part.concatenation is None
    assert part.text == "é@¥£$£Hi"


def sar(reference: int, total: int, number: int) -> tuple[Tlv, ...]:
    return (
        Tlv.of(Tag.SAR_MSG_REF_NUM, reference),
        Tlv.of(Tag.SAR_TOTAL_SEGMENTS, total),
        Tlv.of(Tag.SAR_SEGMENT_SEQNUM, number),
    )


def test_sar() -> None:
    assert received(b"Hi", tlvs=sar(0x1234, 3, 2)).concatenation == Concatenation("sar", 0x1234, 3, 2)
    assert received(b"Hi", tlvs=sar(0x1234, 3, 4)).concatenation is None
    assert received(b"Hi", tlvs=sar(0x1234, 0, 0)).concatenation is None
    assert received(b"Hi", tlvs=sar(0x1234, 3, 2)[:2]).concatenation is None


def test_a_payload_is_read_header_and_all() -> None:
    payload = Tlv.of(Tag.MESSAGE_PAYLOAD, b"\x05\x00\x03\x01\x02\x01Hi")
    part = received(tlvs=(payload,), esm_class=0x40)
    assert (part.text, part.concatenation) == ("Hi", Concatenation("udh8", 1, 2, 1))


CONCATENATED = st.builds(
    lambda numbers, rest: bytes((5, 0, 3, *numbers)) + rest,
    st.tuples(st.integers(0, 255), st.integers(0, 3), st.integers(0, 3)),
    st.binary(max_size=140),
)


@given(
    st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=254))
    | st.tuples(st.just(0x40), st.integers(0, 255), CONCATENATED)
)
def test_anything_is_read(came: tuple[int, int, bytes]) -> None:
    esm_class, data_coding, octets = came
    part = received(octets, esm_class=esm_class, data_coding=data_coding)
    assert octets.endswith(part.octets)
    (whole,) = reassemble([part])
    if part.concatenation is None or part.concatenation.total == 1:
        assert whole.text == part.text
    else:
        assert whole.text is None


# Parts put together


def part(
    number: int,
    text: str,
    *,
    reference: int = 1,
    total: int = 3,
    kind: Literal["udh8", "udh16", "sar"] = "udh8",
    source: str = "254722000000",
) -> IncomingText:
    return IncomingText(source, "MSPACE", 0, text.encode(), Concatenation(kind, reference, total, number))


A, B, C = part(1, "a"), part(2, "b"), part(3, "c")


@pytest.mark.parametrize("order", [(A, B, C), (C, B, A), (B, A, C), (A, A, B, C, B), (C, A, C, B, A, B)])
def test_any_order_and_any_number_of_times(order: tuple[IncomingText, ...]) -> None:
    (text,) = reassemble(order)
    assert (text.text, text.parts, text.missing) == ("abc", (A, B, C), ())


def test_what_is_missing_is_told() -> None:
    (text,) = reassemble([C, A])
    assert (text.text, text.parts, text.missing) == (None, (A, C), (2,))


@pytest.mark.parametrize(
    "other",
    [
        part(2, "b", total=4),
        part(2, "b", reference=2),
        part(2, "b", kind="udh16"),
        part(2, "b", kind="sar"),
        part(2, "b", source="254733000000"),
    ],
    ids=["total", "reference", "kind", "sar", "sender"],
)
def test_parts_of_other_texts_are_not_mixed_in(other: IncomingText) -> None:
    first, second = reassemble([A, other, C])
    assert (first.parts, first.missing) == ((A, C), (2,))
    assert second.parts == (other,)


def test_a_reference_that_is_used_again_begins_another_text() -> None:
    again = [part(1, "x"), part(2, "y"), part(3, "z")]
    assert [text.text for text in reassemble([A, B, C, *again])] == ["abc", "xyz"]
    lost, whole = reassemble([A, B, again[0], again[1], C])
    assert (lost.text, whole.missing) == ("abc", (3,))


def test_texts_of_one_part_stand_each_by_itself() -> None:
    alone = IncomingText("1", "2", 0, b"Hi")
    assert [text.text for text in reassemble([alone, A, alone, B, C])] == ["Hi", "abc", "Hi"]
    assert reassemble([]) == ()


def test_pairs_that_others_have_split_are_joined_before_they_are_read() -> None:
    octets = "ж😀".encode("utf-16-be")
    halves = [
        IncomingText("1", "2", 8, piece, Concatenation("udh8", 1, 2, number))
        for number, piece in ((1, octets[:4]), (2, octets[4:]))
    ]
    assert [half.text for half in halves] == [None, None]
    assert reassemble(halves)[0].text == "ж😀"
    escaped = [
        IncomingText("1", "2", 0, piece, Concatenation("udh8", 1, 2, number))
        for number, piece in ((1, b"a\x1b"), (2, b"\x65b"))
    ]
    assert reassemble(escaped)[0].text == "a€b"


def test_parts_may_be_of_different_alphabets() -> None:
    mixed = [
        IncomingText("1", "2", data_coding, piece, Concatenation("udh8", 1, 2, number))
        for data_coding, number, piece in ((0, 1, b"Hi "), (8, 2, "ж".encode("utf-16-be")))
    ]
    assert reassemble(mixed)[0].text == "Hi ж"
    mixed[1] = IncomingText("1", "2", 4, b"\xff", Concatenation("udh8", 1, 2, 2))
    assert (reassemble(mixed)[0].text, reassemble(mixed)[0].missing) == (None, ())
