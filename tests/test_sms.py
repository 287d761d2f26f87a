"""mspace_legacy.sms: the alphabets and the cutting, held against 3GPP TS 23.038 and 23.040 and two other libraries.

`smsutil` and `gsm0338` are oracles where they follow the standard. Where they do not, the tests say so and hold
to the standard: both take U+001B for a character, and each reads an unknown escape pair in a way of its own.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import gsm0338  # type: ignore[import-untyped]  # it has no annotations; importing it registers "gsm03.38"
import pytest
import smsutil  # type: ignore[import-untyped]  # it has no annotations
from hypothesis import example, given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.sms import GSM7_BASIC, GSM7_EXTENSION, Segments, decode_gsm7, encode_gsm7, segments

ESCAPE = "\x1b"
EXTENDED = "\f^{}\\[~]|€"
GSM7_CHARACTERS = GSM7_BASIC.replace(ESCAPE, "") + EXTENDED

gsm7_text = st.text(st.sampled_from(GSM7_CHARACTERS), max_size=400)
escape_heavy_text = st.text(st.sampled_from("ab" + EXTENDED), min_size=100, max_size=400)
unicode_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=ESCAPE), max_size=300)
surrogate_heavy_text = st.text(st.sampled_from("aж😀𐍈"), min_size=30, max_size=300)
any_text = gsm7_text | escape_heavy_text | unicode_text | surrogate_heavy_text


def units(text: str, encoding: str) -> int:
    if encoding == "ucs2":
        return len(text.encode("utf-16-be")) // 2
    return len(text) + sum(text.count(character) for character in EXTENDED)


# The alphabet


def test_the_basic_table_is_that_of_the_other_library() -> None:
    codec = gsm0338.Codec()
    assert len(GSM7_BASIC) == 128
    before, after = codec.decode(bytes(range(0x1B)))[0], codec.decode(bytes(range(0x1C, 0x80)))[0]
    assert f"{before}{ESCAPE}{after}" == GSM7_BASIC


def test_the_extension_table_is_that_of_the_standard() -> None:
    assert dict(GSM7_EXTENSION) == {
        0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\",
        0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "septets"),
    [
        ("", b""),
        ("@", b"\x00"),
        ("Abc 1", b"Abc 1"),
        ("$_", b"\x02\x11"),
        ("Ç", b"\x09"),
        ("¿à", b"\x60\x7f"),
        ("ΔΩ", b"\x10\x15"),
        ("€5", b"\x1b\x655"),
        ("\f", b"\x1b\x0a"),
        ("[{\\}]", b"\x1b\x3c\x1b\x28\x1b\x2f\x1b\x29\x1b\x3e"),
    ],
)
def test_known_septets(text: str, septets: bytes) -> None:
    assert encode_gsm7(text) == septets
    assert decode_gsm7(septets) == text


@given(gsm7_text)
@example(GSM7_CHARACTERS)
def test_septets_are_those_of_the_other_library_and_give_the_text_back(text: str) -> None:
    septets = encode_gsm7(text)
    assert septets == text.encode("gsm03.38")
    assert septets.isascii()
    assert decode_gsm7(septets) == text == septets.decode("gsm03.38")


@pytest.mark.parametrize(
    "character", ["ç", "\u03b1", "`", "\t", "\x00", ESCAPE, "\u00a0", "\u2019", "ж", "😀", "\ud83d"]
)
def test_what_is_not_in_the_alphabet_is_named(character: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^text: character 3, .*U\+{ord(character):04X}\).*UCS-2"):
        encode_gsm7(f"ab{character}c")


@pytest.mark.parametrize(
    ("septets", "shown"),
    [
        # gsm0338 raises, smsutil shows a space before the character. TS 23.038 section 6.2.1.1: the character of
        # the basic table.
        (b"a\x1bbc", "abc"),
        (b"\x1b\x00", "@"),
        (b"\x1b\x0d", "\r"),
        # gsm0338 raises, smsutil shows two. Section 6.2.1.1, note 1: a space, till there is another table.
        (b"a\x1b\x1bb", "a b"),
        (b"\x1b\x1b\x65", " e"),
        (b"\x1b\x1b\x1b\x65", " €"),
        # gsm0338 drops it. Section 6.2.1, note 1: a space.
        (b"a\x1b", "a "),
        (b"\x1b", " "),
        (b"\x1b\x1b\x1b", "  "),
    ],
)
def test_odd_escapes_are_shown_as_the_standard_says(septets: bytes, shown: str) -> None:
    assert decode_gsm7(septets) == shown


@given(st.binary(max_size=200))
def test_decoding_gives_text_or_names_the_byte(data: bytes) -> None:
    if max(data, default=0) <= 0x7F:
        text = decode_gsm7(data)
        assert ESCAPE not in text
        assert set(text) <= set(GSM7_CHARACTERS)
    else:
        first = next(index for index, byte in enumerate(data) if byte >= 0x80)
        with pytest.raises(InvalidInput, match=rf"^data: byte {first + 1} is 0x{data[first]:02X},"):
            decode_gsm7(data)


def test_a_bytearray_is_decoded_as_bytes_are() -> None:
    assert decode_gsm7(bytearray(b"\x1b\x65 \x00")) == "€ @"


@pytest.mark.parametrize("wrong", [None, 7, b"text", ["a"]])
@pytest.mark.parametrize("function", [segments, encode_gsm7])
def test_only_str_is_taken(function: Callable[[object], object], wrong: object) -> None:
    with pytest.raises(WrongType, match=f"expected str, not {type(wrong).__name__}"):
        function(wrong)


@pytest.mark.parametrize("wrong", [None, 7, "text", [1]])
def test_only_bytes_are_decoded(wrong: object) -> None:
    with pytest.raises(WrongType, match=f"expected bytes, not {type(wrong).__name__}"):
        decode_gsm7(wrong)  # type: ignore[arg-type]  # what is not taken is the point


# Segments


@pytest.mark.parametrize(
    ("message", "encoding", "lengths", "units", "remaining"),
    [
        ("a" * 159, "gsm7", [159], 159, 1),
        ("a" * 160, "gsm7", [160], 160, 0),
        ("a" * 161, "gsm7", [153, 8], 161, 145),
        ("a" * 306, "gsm7", [153, 153], 306, 0),
        ("a" * 307, "gsm7", [153, 153, 1], 307, 152),
        ("€" * 80, "gsm7", [80], 160, 0),
        ("€" * 81, "gsm7", [76, 5], 162, 143),
        ("a" * 152 + "€" + "a" * 10, "gsm7", [152, 11], 164, 141),
        ("a" * 151 + "€" + "a" * 10, "gsm7", [152, 10], 163, 143),
        ("ж" * 70, "ucs2", [70], 70, 0),
        ("ж" * 71, "ucs2", [67, 4], 71, 63),
        ("ж" * 134, "ucs2", [67, 67], 134, 0),
        ("ж" * 135, "ucs2", [67, 67, 1], 135, 66),
        ("😀" * 35, "ucs2", [35], 70, 0),
        ("😀" * 36, "ucs2", [33, 3], 72, 61),
        ("ж" * 66 + "😀" + "ж" * 10, "ucs2", [66, 11], 78, 55),
        ("\uffff", "ucs2", [1], 1, 69),
        ("\U00010000", "ucs2", [1], 2, 68),
        ("\U0010ffff", "ucs2", [1], 2, 68),
        ("a" * 69 + "\u2019", "ucs2", [70], 70, 0),
        ("a" * 70 + "€", "gsm7", [71], 72, 88),
        ("a" * 70 + "€ж", "ucs2", [67, 5], 72, 62),
    ],
)
def test_known_messages(message: str, encoding: str, lengths: list[int], units: int, remaining: int) -> None:
    result = segments(message)
    assert result.encoding == encoding
    assert [len(part) for part in result.parts] == lengths
    assert "".join(result.parts) == message
    assert (result.units, result.remaining) == (units, remaining)
    assert result.count == len(result) == len(lengths)


@pytest.mark.parametrize(
    ("message", "per_segment"), [("a", 160), ("a" * 161, 153), ("ж", 70), ("ж" * 71, 67)], ids=[160, 153, 70, 67]
)
def test_what_a_segment_holds(message: str, per_segment: int) -> None:
    assert segments(message).per_segment == per_segment


def test_an_empty_message_is_one_empty_segment() -> None:
    # smsutil gives one empty part as well. It says UTF-16, which nothing in the message calls for.
    assert [part.content for part in smsutil.split("").parts] == [""]
    assert segments("") == Segments("gsm7", ("",), 0)
    assert segments("").count == 1
    assert segments("").remaining == 160


@pytest.mark.parametrize("character", GSM7_CHARACTERS)
def test_the_whole_alphabet_goes_as_gsm7(character: str) -> None:
    assert segments(character) == Segments("gsm7", (character,), 2 if character in EXTENDED else 1)


def test_the_escape_character_goes_as_ucs2() -> None:
    # smsutil counts it as GSM-7, where it would join with the character after it: "\x1be" would arrive as "€".
    assert smsutil.split(ESCAPE).encoding == "gsm0338"
    assert segments(f"{ESCAPE}e").encoding == "ucs2"


@given(any_text)
def test_parts_join_to_the_message_and_fit(message: str) -> None:
    result = segments(message)
    sizes = [units(part, result.encoding) for part in result.parts]
    assert "".join(result.parts) == message
    assert sum(sizes) == result.units
    assert max(sizes) <= result.per_segment
    assert result.remaining == result.per_segment - sizes[-1]
    assert result.per_segment == {
        ("gsm7", False): 160, ("gsm7", True): 153, ("ucs2", False): 70, ("ucs2", True): 67,
    }[result.encoding, result.count > 1]  # fmt: skip


@given(any_text)
def test_no_segment_is_begun_before_the_last_one_is_full(message: str) -> None:
    result = segments(message)
    for part, following in zip(result.parts, result.parts[1:], strict=False):
        assert units(part + following[0], result.encoding) > 153 - 86 * (result.encoding == "ucs2")
    if result.count > 1:
        assert result.units > (160 if result.encoding == "gsm7" else 70)


@given(escape_heavy_text)
def test_an_escape_pair_is_never_split(message: str) -> None:
    septets = [encode_gsm7(part) for part in segments(message).parts]
    assert not any(part.endswith(b"\x1b") for part in septets)
    assert b"".join(septets) == encode_gsm7(message)


@given(surrogate_heavy_text)
def test_a_surrogate_pair_is_never_split(message: str) -> None:
    # In UTF-16 a half is an error of its own: each part must decode without its neighbours.
    encoded = [part.encode("utf-16-be") for part in segments(message).parts]
    assert b"".join(encoded) == message.encode("utf-16-be")
    assert "".join(part.decode("utf-16-be") for part in encoded) == message


@given(any_text.filter(bool))
def test_segments_are_those_of_the_other_library(message: str) -> None:
    result, other = segments(message), smsutil.split(message)
    assert result.parts == tuple(part.content for part in other.parts)
    assert result.count == len(other.parts)
    if other.encoding == "gsm0338":
        assert (result.encoding, result.units) == ("gsm7", other.total_bytes)
    else:
        assert (result.encoding, result.units * 2) == ("ucs2", other.total_bytes)


@pytest.mark.parametrize(
    ("message", "position", "code"),
    [
        ("abc\ud83d", 4, "D83D"),
        ("\ude00abc", 1, "DE00"),
        ("😀\udfff", 2, "DFFF"),
        ("ok \ud83d\ude00", 4, "D83D"),
        ("a" * 200 + "\ud800", 201, "D800"),
    ],
    ids=["high", "low", "after-a-whole-one", "pair-not-joined", "far"],
)
def test_a_lone_surrogate_is_named(message: str, position: int, code: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^message: character {position} is U\+{code}, a lone surrogate"):
        segments(message)


def test_the_advice_for_a_pair_that_was_not_joined_works() -> None:
    joined = "ok \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")
    assert segments(joined) == Segments("ucs2", ("ok 😀",), 5)


def test_segments_are_a_value() -> None:
    result = segments("a" * 161)
    assert result == segments("a" * 161)
    assert hash(result) == hash(segments("a" * 161))
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 (pickled on this line)
    with pytest.raises(FrozenInstanceError):
        result.units = 1  # type: ignore[misc]  # that it can't be set is the point
    assert not hasattr(result, "__dict__")


@pytest.mark.parametrize("character", ["a", "€", "ж", "😀"])
def test_a_million_characters_are_quick(character: str) -> None:
    message = character * 1_000_000
    began = time.process_time()
    result = segments(message)
    # A copy of the rest for each segment would take minutes.
    assert time.process_time() - began < 10
    assert sum(map(len, result.parts)) == 1_000_000
