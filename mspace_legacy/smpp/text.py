"""A message's text as the fields of PDUs, and back: alphabets, headers of concatenation, parts put together. Pure.

To send: `write_text` gives one `Part` for each submit_sm. To receive: `read_part` gives an `IncomingText` for each
deliver_sm (or submit_sm, in a server), and `reassemble` makes texts of them.

The SMSC's default alphabet (data_coding 0) is taken to be GSM 03.38, one septet in each octet, as is usual; what an
SMSC takes it for is its own affair (SMPP 3.4, section 5.2.19). Text that can't be read for sure is None, and its
octets are there: nothing is guessed. Headers are those of 3GPP TS 23.040, section 9.2.3.24.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from mspace_legacy.errors import InvalidInput
from mspace_legacy.smpp.pdu import DeliverSm, SubmitSm, Tag, Tlv
from mspace_legacy.sms import decode_gsm7, encode_gsm7, segments

__all__ = ["Concatenation", "IncomingText", "Part", "ReceivedText", "read_part", "reassemble", "write_text"]

_UDHI = 0x40
"""The bit of esm_class that tells of a user data header. SMPP 3.4, section 5.2.12."""

_DEFAULT_ALPHABET = 0x00
_UCS2 = 0x08
_GSM7 = "gsm7"
_CODECS = {0x01: "ascii", 0x03: "latin-1", 0x06: "iso8859-5", 0x07: "iso8859-8"}
"""Python's codec of each data_coding that means one. SMPP 3.4, section 5.2.19."""

_IN_GSM7 = frozenset((_DEFAULT_ALPHABET, *range(0x10, 0x14), *range(0xC0, 0xE0), *range(0xF0, 0xF4)))
_IN_UCS2 = frozenset((_UCS2, *range(0x18, 0x1C), *range(0xE0, 0xF0)))
"""Values of data_coding that mean these alphabets, most of them with a message class, or a sign that messages wait.
3GPP TS 23.038, section 4, to which SMPP leaves those from 0xC0 on; its 0x10 to 0x1B are sent too."""

_CONCATENATED_8_BIT = 0x00
_CONCATENATED_16_BIT = 0x08
_LANGUAGE_SHIFTS = {0x24, 0x25}
"""Headers that say that the septets are of another table than ours. 3GPP TS 23.040, section 9.2.3.24.15."""

_MOST_PARTS = 255


@dataclass(frozen=True, slots=True)
class Part:
    """One submit_sm's share of a text, under the names of the fields that it goes into."""

    data_coding: int
    esm_class: int
    short_message: bytes
    tlvs: tuple[Tlv, ...] = ()


def write_text(
    message: str, *, reference: int = 0, long: Literal["udh", "sar", "payload"] = "udh"
) -> tuple[Part, ...]:
    """The parts that `message` is sent in, cut just as `sms.segments(message)` cuts it.

    :param reference: 0 to 65535; has to differ from that of other messages to the same recipient that are under way.
        A header takes its low octet.
    :param long: how a message of more than one segment goes: `udh`, with a header of concatenation in each part;
        `sar`, with the TLVs sar_msg_ref_num, sar_total_segments and sar_segment_seqnum; `payload`, whole in one part,
        as message_payload, for the SMSC to cut.
    :raises InvalidInput: `message` holds a lone surrogate, takes more than 255 parts, or as message_payload more than
        65535 octets, or as a `WrongType` is not a str; or `reference` is out of range.
    """
    if not 0 <= reference <= 0xFFFF:
        raise InvalidInput(f"reference: {reference} is not within 0 to {0xFFFF}")
    if long not in ("udh", "sar", "payload"):
        raise InvalidInput(f"long: {long!r}, expected 'udh', 'sar' or 'payload'")
    cut = segments(message)
    data_coding = _UCS2 if cut.encoding == "ucs2" else _DEFAULT_ALPHABET
    if cut.count == 1:
        return (Part(data_coding, 0, _octets(message, data_coding)),)
    if long == "payload":
        payload = _octets(message, data_coding)
        if len(payload) > 0xFFFF:
            raise InvalidInput(f"message: {len(payload)} octets, at most {0xFFFF} fit into one message_payload")
        return (Part(data_coding, 0, b"", (Tlv.of(Tag.MESSAGE_PAYLOAD, payload),)),)
    if cut.count > _MOST_PARTS:
        raise InvalidInput(f"message: {cut.count} parts, at most {_MOST_PARTS} can be numbered")
    numbered = enumerate((_octets(part, data_coding) for part in cut.parts), 1)
    if long == "udh":
        header = bytes((5, _CONCATENATED_8_BIT, 3, reference & 0xFF, cut.count))
        return tuple(Part(data_coding, _UDHI, header + bytes((number,)) + octets) for number, octets in numbered)
    return tuple(
        Part(
            data_coding,
            0,
            octets,
            (
                Tlv.of(Tag.SAR_MSG_REF_NUM, reference),
                Tlv.of(Tag.SAR_TOTAL_SEGMENTS, cut.count),
                Tlv.of(Tag.SAR_SEGMENT_SEQNUM, number),
            ),
        )
        for number, octets in numbered
    )


def _octets(text: str, data_coding: int) -> bytes:
    return text.encode("utf-16-be") if data_coding == _UCS2 else encode_gsm7(text)


def _encoding(data_coding: int) -> str | None:
    if data_coding in _IN_GSM7:
        return _GSM7
    return "utf-16-be" if data_coding in _IN_UCS2 else _CODECS.get(data_coding)


def _text(octets: bytes, data_coding: int) -> str | None:
    encoding = _encoding(data_coding)
    try:
        if encoding == _GSM7:
            return decode_gsm7(octets)
        if encoding:
            return octets.decode(encoding)
    except (InvalidInput, UnicodeDecodeError):
        pass
    return None


# Receiving


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Which part of which text this is: `number`, from 1, of `total`.

    `kind` says what told it: a header with a reference of 8 or of 16 bits, or the sar TLVs. References of different
    kinds have nothing to do with each other.
    """

    kind: Literal["udh8", "udh16", "sar"]
    reference: int
    total: int
    number: int


@dataclass(frozen=True, slots=True)
class IncomingText:
    """A text that somebody sent, or one part of it: what one PDU carries.

    `octets` are the user data behind the header, or all of them where the header can't be read. `readable` says
    whether they may be taken for text by `data_coding`. `concatenation` says which part of how many it is, which
    `reassemble` puts together.
    """

    sender: str
    recipient: str
    data_coding: int
    octets: bytes
    concatenation: Concatenation | None = None
    readable: bool = True

    @property
    def encoding(self) -> str | None:
        """What `data_coding` says of the octets: `gsm7`, Python's name of a codec, or None where they are no text."""
        return _encoding(self.data_coding)

    @property
    def text(self) -> str | None:
        """The text of this part by itself; None where the octets are no text, or can't be read for sure."""
        return _text(self.octets, self.data_coding) if self.readable else None


def read_part(pdu: SubmitSm | DeliverSm) -> IncomingText:
    """What `pdu` carries, be it in short_message or in message_payload. Never raises.

    A concatenation whose numbers make no sense is none (3GPP TS 23.040, section 9.2.3.24.1).
    """
    octets = pdu.user_data
    readable = True
    concatenation = None
    if pdu.esm_class & _UDHI:
        end = octets[0] + 1 if octets else 1
        readable = end <= len(octets)
        if readable:
            elements = _elements(octets[1:end])
            concatenation = _from_header(elements)
            readable = _LANGUAGE_SHIFTS.isdisjoint(tag for tag, _ in elements)
            octets = octets[end:]
    if concatenation is None and pdu.sar:
        concatenation = _concatenation("sar", *pdu.sar)
    return IncomingText(pdu.source_addr, pdu.destination_addr, pdu.data_coding, octets, concatenation, readable)


def _elements(header: bytes) -> list[tuple[int, bytes]]:
    """The information elements of a user data header, as far as they are whole."""
    elements = []
    position = 0
    while position + 2 <= len(header):
        end = position + 2 + header[position + 1]
        if end > len(header):
            break
        elements.append((header[position], header[position + 2 : end]))
        position = end
    return elements


def _from_header(elements: list[tuple[int, bytes]]) -> Concatenation | None:
    found = None
    for tag, value in elements:
        # Of several the last one holds (3GPP TS 23.040, section 9.2.3.24).
        if tag == _CONCATENATED_8_BIT and len(value) == 3:
            found = _concatenation("udh8", *value) or found
        elif tag == _CONCATENATED_16_BIT and len(value) == 4:
            found = _concatenation("udh16", int.from_bytes(value[:2], "big"), value[2], value[3]) or found
    return found


def _concatenation(
    kind: Literal["udh8", "udh16", "sar"], reference: int, total: int, number: int
) -> Concatenation | None:
    return Concatenation(kind, reference, total, number) if 1 <= number <= total else None


@dataclass(frozen=True, slots=True)
class ReceivedText:
    """The parts of one text that have come, in their order, each number once."""

    parts: tuple[IncomingText, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the parts that have not come."""
        concatenation = self.parts[0].concatenation
        if concatenation is None:
            return ()
        came = {part.concatenation.number for part in self.parts if part.concatenation}
        return tuple(number for number in range(1, concatenation.total + 1) if number not in came)

    @property
    def text(self) -> str | None:
        """The whole text; None while parts are missing, and where one can't be read for sure.

        Octets are joined before they are read, as others cut pairs in two.
        """
        if self.missing or not all(part.readable for part in self.parts):
            return None
        texts = []
        for data_coding, parts in groupby(self.parts, lambda part: part.data_coding):
            text = _text(b"".join(part.octets for part in parts), data_coding)
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)


@dataclass(slots=True)
class _Begun:
    """Texts under the same reference. However many come, a part finds its own at once."""

    texts: list[dict[int, IncomingText]] = field(default_factory=list)
    seen: set[IncomingText] = field(default_factory=set)
    taken: Counter[int] = field(default_factory=Counter)


def reassemble(parts: Iterable[IncomingText]) -> tuple[ReceivedText, ...]:
    """The texts that `parts`, in any order, belong to, in the order in which the first part of each came.

    Parts are of one text where addresses, kind, reference and total are the same. The same part twice is one part.
    Another part under a number that is taken begins another text: the reference was used again.
    """
    texts: list[dict[int, IncomingText]] = []
    by_key: dict[tuple[object, ...], _Begun] = {}
    for part in parts:
        place = part.concatenation
        if place is None:
            texts.append({1: part})
            continue
        key = (part.sender, part.recipient, place.kind, place.reference, place.total)
        begun = by_key.setdefault(key, _Begun())
        if part in begun.seen:
            continue
        begun.seen.add(part)
        # A number is taken in the first so many texts, as each part goes into the first that lacks it.
        taken = begun.taken[place.number]
        begun.taken[place.number] += 1
        if taken == len(begun.texts):
            begun.texts.append({})
            texts.append(begun.texts[-1])
        begun.texts[taken][place.number] = part
    return tuple(ReceivedText(tuple(text[number] for number in sorted(text))) for text in texts)
