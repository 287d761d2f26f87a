"""Delivery receipts: read out of a deliver_sm, written for an SMSC of ours, matched with what was sent. Pure.

The text of a receipt is that of SMPP 3.4, Appendix B, which leaves it to each SMSC:

    id:<id> sub:<sub> dlvrd:<dlvrd> submit date:<date> done date:<date> stat:<stat> err:<err>

The vendor documents just this, without the `text:` that others add, and spells REJECTED what the appendix spells
REJECTD. So a receipt is read by the names of its fields, in any order, and what is not there is None.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mspace_legacy.errors import InvalidInput
from mspace_legacy.smpp.pdu import DeliverSm
from mspace_legacy.smpp.text import read_part

__all__ = ["MessageState", "Receipt", "id_in_text", "id_key", "id_spellings", "read_receipt", "write_receipt"]

_MESSAGE_TYPE = 0x3C
_RECEIPT_TYPES = {0x04, 0x20}
"""Bits 5 to 2 of esm_class: an SMSC delivery receipt, an intermediate delivery notification. Section 5.2.12."""


class MessageState(enum.IntEnum):
    """What became of a message, with the standard's names and numbers. SMPP 3.4, section 5.2.28."""

    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8

    @property
    def is_final(self) -> bool:
        """Whether no other state follows. UNKNOWN counts as final, as the SMSC knows no more."""
        return self not in (MessageState.ENROUTE, MessageState.ACCEPTED)


_STATS: Mapping[MessageState, str] = {
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTED",
}
"""As the vendor writes each, or Appendix B where the vendor does not have it."""

_NUMBERS: Mapping[int, MessageState] = {state.value: state for state in MessageState}
_STATES: Mapping[str, MessageState] = {
    **{state.name: state for state in MessageState},
    **{stat: state for state, stat in _STATS.items()},
    "REJECTD": MessageState.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an SMSC tells of a message that it took.

    `message_id` is empty, and every other field None or empty, where the receipt does not tell it; `text` and `raw`
    are what came, so that an unreadable receipt is not lost. `state` is None where `stat` is none of the known words.
    `submitted` and `done` are by the SMSC's own clock, whose time zone is not documented. `sub` and `dlvrd` count
    messages submitted and delivered. `error_code` is the text's `err`, `network_error_code` the TLV: the type of the
    network and its code. `recipient` and `sender_id` are those of the message that was sent, where the service has
    them change places, as the standard does.
    """

    message_id: str = ""
    state: MessageState | None = None
    stat: str = ""
    error_code: str = ""
    submitted: datetime | None = None
    done: datetime | None = None
    sub: int | None = None
    dlvrd: int | None = None
    network_error_code: tuple[int, int] | None = None
    recipient: str = ""
    sender_id: str = ""
    text: str = ""
    raw: bytes = b""

    @property
    def delivered(self) -> bool:
        """Whether the message has reached the recipient's phone."""
        return self.state is MessageState.DELIVERED


# Reading

_NAME = r"(?:id|sub|dlvrd|submit\s*date|done\s*date|stat|err|text)"
_FIELD = re.compile(rf"(?<!\S)({_NAME})\s*:(?:\s*(?!{_NAME}\s*:)(\S+))?", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_DATE = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?", re.ASCII)


def read_receipt(pdu: DeliverSm) -> Receipt | None:
    """The receipt that `pdu` is; None where it is an incoming text. Never raises.

    It is one by its esm_class, or by the TLVs receipted_message_id and message_state. Text alone does not make it
    one, as anybody can send a text that looks like a receipt. The TLVs are believed before the text.
    """
    state = pdu.message_state
    if pdu.esm_class & _MESSAGE_TYPE not in _RECEIPT_TYPES and not (pdu.receipted_message_id and state):
        return None
    raw = read_part(pdu).octets
    text = _text(raw)
    fields = _fields(text)
    stat = fields.get("stat", "")
    return Receipt(
        message_id=pdu.receipted_message_id or fields.get("id", ""),
        state=_NUMBERS.get(state or 0) or _STATES.get(stat.upper()),
        stat=stat,
        error_code=fields.get("err", ""),
        submitted=_date(fields.get("submitdate", "")),
        done=_date(fields.get("donedate", "")),
        sub=_count(fields.get("sub", "")),
        dlvrd=_count(fields.get("dlvrd", "")),
        network_error_code=pdu.network_error_code,
        recipient=pdu.source_addr,
        sender_id=pdu.destination_addr,
        text=text,
        raw=raw,
    )


def _text(raw: bytes) -> str:
    # It begins with ASCII: a NUL there is the first half of UCS-2, whatever data_coding says (it may be that of the
    # message sent). Else it is ASCII, and not the default alphabet, as an id may hold an underscore.
    if raw.startswith(b"\0"):
        return raw.decode("utf-16-be", "replace")
    return raw.decode("latin-1")


def _fields(text: str) -> dict[str, str]:
    """The first value of each field. `text`, the last one, is the message's own, which may look like any other."""
    fields: dict[str, str] = {}
    for spelt, value in _FIELD.findall(text.replace("\0", " ")):
        name = "".join(spelt.lower().split())
        if name == "text" and fields:
            break
        fields.setdefault(name, value)
    return fields


def id_in_text(text: str) -> str:
    """The id that the text of a receipt tells; empty where it tells none."""
    return _fields(text).get("id", "")


def _count(value: str) -> int | None:
    return int(value) if _COUNT.fullmatch(value) else None


def _date(value: str) -> datetime | None:
    """YYMMDDhhmm, with or without ss."""
    found = _DATE.fullmatch(value)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(digits or 0) for digits in found.groups())
    try:
        return datetime(2000 + year, month, day, hour, minute, second)
    except ValueError:
        return None


# Writing

_WORD = re.compile(r"[!-~]+")


def write_receipt(
    message_id: str,
    state: MessageState,
    *,
    submitted: datetime,
    done: datetime,
    sub: int = 1,
    dlvrd: int | None = None,
    error_code: str = "000",
) -> bytes:
    """The text of a receipt, for short_message, as the vendor documents it; dates to the minute, as in Appendix B.

    :param dlvrd: by default `sub` where the state is DELIVERED, else 0.
    :raises InvalidInput: a value is empty, is not ASCII, or has a space in it, which would end it early.
    """
    for name, value in (("message_id", message_id), ("error_code", error_code)):
        if not _WORD.fullmatch(value):
            raise InvalidInput(f"{name}: {value!r}, expected one word in ASCII")
    if dlvrd is None:
        dlvrd = sub if state is MessageState.DELIVERED else 0
    return (
        f"id:{message_id} sub:{sub:03} dlvrd:{dlvrd:03} submit date:{submitted:%y%m%d%H%M} "
        f"done date:{done:%y%m%d%H%M} stat:{_STATS[state]} err:{error_code}"
    ).encode("ascii")


# Which message

_LONGEST_NUMBER = 20
"""Digits of the largest number of 64 bits, in decimal: no SMSC counts further."""

_NUMBER = re.compile(r"[0-9A-Fa-f]+")
_DECIMAL = re.compile(r"[0-9]+")


def id_key(message_id: str) -> str:
    """The id without what SMSCs do not keep alike: spaces around it and, in a number, capitals and leading zeros.

    Index what was sent by it.
    """
    key = message_id.strip("\0 \t\r\n")
    if not _NUMBER.fullmatch(key):
        return key
    return key.lower().lstrip("0") or "0"


def id_spellings(message_id: str) -> tuple[str, ...]:
    """The keys (see `id_key`) that a receipt's id may stand for, the surest first.

    SMSCs are known that give an id in hexadecimal in submit_sm_resp and in decimal in the receipt, and the other way
    round. So after the id itself come, for one of decimal digits, its value in hexadecimal, and, for one of
    hexadecimal digits, its value in decimal. Those may hit another message, as hexadecimal 10 is decimal 16. Take the
    first that is among the messages under way to the same recipient; and where an SMSC has once been seen to write
    both alike, take the first only.
    """
    key = id_key(message_id)
    if not key:
        return ()
    keys = [key]
    if len(key) <= _LONGEST_NUMBER and _NUMBER.fullmatch(key):
        if _DECIMAL.fullmatch(key):
            keys.append(f"{int(key):x}")
        keys.append(str(int(key, 16)))
    return tuple(dict.fromkeys(keys))
