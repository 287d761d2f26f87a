"""What a text message takes on the air: GSM-7 or UCS-2, and in how many segments.

The GSM 7-bit default alphabet and its extension table are those of 3GPP TS 23.038 sections 6.2.1 and 6.2.1.1;
the room in a segment of a concatenated message is that of 3GPP TS 23.040 section 9.2.3.24.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from mspace_legacy.errors import InvalidInput, WrongType

__all__ = ["GSM7_BASIC", "GSM7_EXTENSION", "Segments", "decode_gsm7", "encode_gsm7", "segments"]

GSM7_BASIC: str = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""The GSM 7-bit default alphabet: `GSM7_BASIC[code]` is the character of a septet, 0 to 0x7F.

The place of 0x1B holds U+001B as a stand-in: that code opens an escape pair and is no character of the
alphabet, so a text that holds U+001B goes as UCS-2. 3GPP TS 23.038 section 6.2.1.
"""

GSM7_EXTENSION: Mapping[int, str] = MappingProxyType(
    {
        0x0A: "\f",
        0x14: "^",
        0x28: "{",
        0x29: "}",
        0x2F: "\\",
        0x3C: "[",
        0x3D: "~",
        0x3E: "]",
        0x40: "|",
        0x65: "€",
    }
)
"""The extension table: the second septet of an escape pair, and its character. 3GPP TS 23.038 section 6.2.1.1."""

_ESCAPE = 0x1B
_SEPTETS = str.maketrans(
    {character: chr(code) for code, character in enumerate(GSM7_BASIC) if code != _ESCAPE}
    | {character: chr(_ESCAPE) + chr(code) for code, character in GSM7_EXTENSION.items()}
)
_NOT_GSM7 = re.compile(f"[^{re.escape(''.join(map(chr, _SEPTETS)))}]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_Encoding = Literal["gsm7", "ucs2"]

_TWO_UNITS: Mapping[_Encoding, re.Pattern[str]] = {
    "gsm7": re.compile(f"[{re.escape(''.join(GSM7_EXTENSION.values()))}]"),
    "ucs2": re.compile("[\U00010000-\U0010ffff]"),
}
_ALONE: Mapping[_Encoding, int] = {"gsm7": 160, "ucs2": 70}
# Six octets of each 140 go to the header that says which segment of which message this is.
_CONCATENATED: Mapping[_Encoding, int] = {"gsm7": 153, "ucs2": 67}


@dataclass(frozen=True, slots=True)
class Segments:
    """How a message is cut into segments.

    `parts` is the text of each segment, in order; joined they are the message. `units` is the size of the whole
    message: septets in GSM-7, where a character of the extension table takes two; 16-bit units in UCS-2, where
    a character beyond U+FFFF takes two. `len()` gives the number of segments.
    """

    encoding: Literal["gsm7", "ucs2"]
    parts: tuple[str, ...]
    units: int

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def count(self) -> int:
        """The number of segments, 1 or more: what the message costs, in credits, for one recipient."""
        return len(self.parts)

    @property
    def per_segment(self) -> int:
        """The units that one segment holds: 160 septets or 70 16-bit units alone, 153 or 67 in a message of more."""
        return (_ALONE if self.count == 1 else _CONCATENATED)[self.encoding]

    @property
    def remaining(self) -> int:
        """The units that are free in the last segment."""
        last = self.parts[-1]
        return self.per_segment - len(last) - len(_TWO_UNITS[self.encoding].findall(last))


def segments(message: str) -> Segments:
    """How `message` is sent: GSM-7 if every character is in that alphabet, else UCS-2, in as few segments as fit.

    A segment is filled before the next one is begun. An escape pair and a surrogate pair are never split, so a
    segment may stay one unit short. An empty message is one empty segment, in GSM-7.

    Segments of a concatenated message are reckoned with an 8-bit reference number, as is usual: a provider that
    numbers with 16 bits has 152 septets or 66 units.

    :raises InvalidInput: `message` holds a surrogate, on its own or as one of a pair that was not joined: UCS-2 can't
        carry the one, and the other is one character written as two. Or it is not a str: a `WrongType`.
    """
    if not isinstance(message, str):
        raise WrongType(f"message: expected str, not {type(message).__name__}")
    lone = _SURROGATE.search(message)
    if lone:
        raise InvalidInput(
            f"message: character {lone.start() + 1} is U+{ord(lone[0]):04X}, a lone surrogate: a pair, as Java or "
            "JSON writes it, is joined by .encode('utf-16', 'surrogatepass').decode('utf-16')"
        )
    encoding: _Encoding = "ucs2" if _NOT_GSM7.search(message) else "gsm7"
    doubles = _TWO_UNITS[encoding].findall(message)
    units = len(message) + len(doubles)
    if units <= _ALONE[encoding]:
        return Segments(encoding, (message,), units)
    return Segments(encoding, _cut(message, frozenset(doubles), _CONCATENATED[encoding]), units)


def _cut(message: str, doubles: frozenset[str], room: int) -> tuple[str, ...]:
    parts = []
    start = used = 0
    for position, character in enumerate(message):
        width = 2 if character in doubles else 1
        if used + width > room:
            parts.append(message[start:position])
            start, used = position, 0
        used += width
    parts.append(message[start:])
    return tuple(parts)


def encode_gsm7(text: str) -> bytes:
    """`text` in the GSM 7-bit default alphabet, unpacked: one septet in each byte, 0x1B before an extension's code.

    3GPP TS 23.038 sections 6.2.1 and 6.2.1.1.

    :raises InvalidInput: a character is not in the alphabet; or `text` is not a str: a `WrongType`.
    """
    if not isinstance(text, str):
        raise WrongType(f"text: expected str, not {type(text).__name__}")
    stray = _NOT_GSM7.search(text)
    if stray:
        raise InvalidInput(
            f"text: character {stray.start() + 1}, {stray[0]!a} (U+{ord(stray[0]):04X}), is not in the GSM 7-bit "
            "alphabet: send this text as UCS-2"
        )
    return text.translate(_SEPTETS).encode("latin-1")


def decode_gsm7(data: bytes | bytearray) -> str:
    """The text of unpacked septets, one in each byte, as a phone shows it.

    An escape before a code that the extension table lacks gives that code's character in the basic table. An
    escape before another one, or at the end, is a space. 3GPP TS 23.038 sections 6.2.1 and 6.2.1.1.

    :raises InvalidInput: a byte is more than 0x7F and so no septet; or `data` is not bytes: a `WrongType`.
    """
    if not isinstance(data, (bytes, bytearray)):
        raise WrongType(f"data: expected bytes, not {type(data).__name__}")
    if not data.isascii():
        number, byte = next((number, byte) for number, byte in enumerate(data, 1) if byte > 0x7F)
        raise InvalidInput(f"data: byte {number} is 0x{byte:02X}, which is not a septet (0 to 0x7F)")
    text = []
    codes = iter(data)
    for code in codes:
        if code != _ESCAPE:
            text.append(GSM7_BASIC[code])
            continue
        escaped = next(codes, _ESCAPE)
        text.append(" " if escaped == _ESCAPE else GSM7_EXTENSION.get(escaped, GSM7_BASIC[escaped]))
    return "".join(text)
