"""SMPP 3.4's protocol data units as data, and as octets: a pure codec, both ways. Nothing here reads or writes.

A PDU is a frozen dataclass with the standard's names: `SubmitSm(sequence_number=7, source_addr="MSPACE", ...)`.
`encode` gives its octets. `Decoder` takes octets as they come off a connection, in pieces of any size:

    decoder = Decoder()
    while data := connection.recv(65536):
        decoder.feed(data)
        while True:
            try:
                pdu = decoder.next_pdu()
            except ProtocolError as error:
                ...     # send answer_to(error), if any; go on, or close if error.stream_lost
            else:
                if pdu is None:
                    break

`decode` does the same for whoever keeps a buffer of their own. `COMMANDS` has the class of each command_id. A
request's response is the class with its id and the top bit set; it takes the request's sequence_number.

What is written is what the standard says: a field too long, or not ASCII, is an `InvalidInput` that names the field
and the limit, before an octet is sent. What is read depends on who sent it. What clients send (the binds and
submit_sm) is held to the standard, so that a server of ours tells a caller's mistake, each with the standard's
command_status. What SMSCs send is read as they are known to send it: a response without a body, a last field without
its NUL, a field longer than it may be, octets after the last TLV, which are kept in `rest`.

"Section" is a section of the SMPP Protocol Specification v3.4, issue 1.2.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, get_type_hints

from mspace_legacy.errors import InvalidInput, ProtocolError, WrongType
from mspace_legacy.secrets import Secret

__all__ = [
    "COMMANDS",
    "LAST_SEQUENCE_NUMBER",
    "MAX_LENGTH",
    "RESPONSE",
    "AlertNotification",
    "BindReceiver",
    "BindReceiverResp",
    "BindResp",
    "BindTransceiver",
    "BindTransceiverResp",
    "BindTransmitter",
    "BindTransmitterResp",
    "CommandStatus",
    "Decoder",
    "DeliverSm",
    "DeliverSmResp",
    "EnquireLink",
    "EnquireLinkResp",
    "GenericNack",
    "Outbind",
    "Pdu",
    "SubmitSm",
    "SubmitSmResp",
    "Tag",
    "Tlv",
    "Unbind",
    "UnbindResp",
    "answer_to",
    "decode",
    "encode",
    "status_name",
]

MAX_LENGTH = 70_000
"""The longest PDU, in octets, that is written, or read by default: a full message_payload and room for the rest."""

RESPONSE = 0x80000000
"""The bit of a command_id by which a response differs from its request. Section 5.1.2."""

LAST_SEQUENCE_NUMBER = 0x7FFFFFFF
"""Section 5.1.4: after it they begin with 1 again."""

_HEADER = struct.Struct(">IIII")
_TLV_HEADER = struct.Struct(">HH")
_LONGEST_SHORT_MESSAGE = 254


class CommandStatus(enum.IntEnum):
    """Every command_status that SMPP 3.4 defines, with the standard's name and meaning. Section 5.1.3.

    A PDU's `command_status` is a plain int, as an SMSC may have codes of its own (0x400 to 0x4FF): see
    `status_name`.
    """

    description: str

    def __new__(cls, value: int, description: str) -> CommandStatus:
        """A code and what it means."""
        status = int.__new__(cls, value)
        status._value_ = value
        status.description = description
        return status

    ESME_ROK = 0x00, "no error"
    ESME_RINVMSGLEN = 0x01, "message length is invalid"
    ESME_RINVCMDLEN = 0x02, "command length is invalid"
    ESME_RINVCMDID = 0x03, "invalid command id"
    ESME_RINVBNDSTS = 0x04, "incorrect bind status for given command"
    ESME_RALYBND = 0x05, "already in bound state"
    ESME_RINVPRTFLG = 0x06, "invalid priority flag"
    ESME_RINVREGDLVFLG = 0x07, "invalid registered delivery flag"
    ESME_RSYSERR = 0x08, "system error"
    ESME_RINVSRCADR = 0x0A, "invalid source address"
    ESME_RINVDSTADR = 0x0B, "invalid destination address"
    ESME_RINVMSGID = 0x0C, "message id is invalid"
    ESME_RBINDFAIL = 0x0D, "bind failed"
    ESME_RINVPASWD = 0x0E, "invalid password"
    ESME_RINVSYSID = 0x0F, "invalid system id"
    ESME_RCANCELFAIL = 0x11, "cancel_sm failed"
    ESME_RREPLACEFAIL = 0x13, "replace_sm failed"
    ESME_RMSGQFUL = 0x14, "message queue full"
    ESME_RINVSERTYP = 0x15, "invalid service type"
    ESME_RINVNUMDESTS = 0x33, "invalid number of destinations"
    ESME_RINVDLNAME = 0x34, "invalid distribution list name"
    ESME_RINVDESTFLAG = 0x40, "destination flag is invalid"
    ESME_RINVSUBREP = 0x42, "invalid submit with replace request"
    ESME_RINVESMCLASS = 0x43, "invalid esm_class"
    ESME_RCNTSUBDL = 0x44, "cannot submit to distribution list"
    ESME_RSUBMITFAIL = 0x45, "submit_sm or submit_multi failed"
    ESME_RINVSRCTON = 0x48, "invalid source address type of number"
    ESME_RINVSRCNPI = 0x49, "invalid source address numbering plan"
    ESME_RINVDSTTON = 0x50, "invalid destination address type of number"
    ESME_RINVDSTNPI = 0x51, "invalid destination address numbering plan"
    ESME_RINVSYSTYP = 0x53, "invalid system_type"
    ESME_RINVREPFLAG = 0x54, "invalid replace_if_present flag"
    ESME_RINVNUMMSGS = 0x55, "invalid number of messages"
    ESME_RTHROTTLED = 0x58, "throttled: allowed message limits exceeded"
    ESME_RINVSCHED = 0x61, "invalid scheduled delivery time"
    ESME_RINVEXPIRY = 0x62, "invalid message validity period"
    ESME_RINVDFTMSGID = 0x63, "predefined message invalid or not found"
    ESME_RX_T_APPN = 0x64, "receiver temporary application error"
    ESME_RX_P_APPN = 0x65, "receiver permanent application error"
    ESME_RX_R_APPN = 0x66, "receiver reject message error"
    ESME_RQUERYFAIL = 0x67, "query_sm failed"
    ESME_RINVOPTPARSTREAM = 0xC0, "error in the optional part of the PDU body"
    ESME_ROPTPARNOTALLWD = 0xC1, "optional parameter not allowed"
    ESME_RINVPARLEN = 0xC2, "invalid parameter length"
    ESME_RMISSINGOPTPARAM = 0xC3, "expected optional parameter missing"
    ESME_RINVOPTPARAMVAL = 0xC4, "invalid optional parameter value"
    ESME_RDELIVERYFAILURE = 0xFE, "delivery failure"
    ESME_RUNKNOWNERR = 0xFF, "unknown error"


_STATUS_NAMES = {int(status): status.name for status in CommandStatus}


def status_name(command_status: int) -> str:
    """The standard's name, such as ESME_RTHROTTLED; `0x00000400` for a code that it does not define."""
    return _STATUS_NAMES.get(command_status) or f"0x{command_status:08X}"


# Optional parameters


class Tag(enum.IntEnum):
    """The tags of the optional parameters (TLVs) that are in use here. Section 5.3.2."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


_INTEGERS: Mapping[int, int] = {
    Tag.SAR_MSG_REF_NUM: 2,
    Tag.SAR_TOTAL_SEGMENTS: 1,
    Tag.SAR_SEGMENT_SEQNUM: 1,
    Tag.SC_INTERFACE_VERSION: 1,
    Tag.MESSAGE_STATE: 1,
}
"""How many octets the value of each takes."""


@dataclass(frozen=True, slots=True)
class Tlv:
    """One optional parameter: its tag and the octets of its value, whatever they are. Section 3.2.4.1."""

    tag: int
    value: bytes

    @classmethod
    def of(cls, tag: Tag, value: int | str | bytes) -> Tlv:
        """The TLV that holds `value` as the standard has it for `tag`: an int, a str (receipted_message_id) or bytes.

        :raises InvalidInput: it does not fit, or as a `WrongType` is of another type.
        """
        name = tag.name.lower()
        size = _INTEGERS.get(tag)
        if size:
            if not isinstance(value, int):
                raise WrongType(f"{name}: expected int, not {type(value).__name__}")
            if not 0 <= value < 256**size:
                raise InvalidInput(f"{name}: {value} is not within 0 to {256**size - 1}")
            return cls(tag, value.to_bytes(size, "big"))
        if tag is Tag.RECEIPTED_MESSAGE_ID:
            return cls(tag, _MESSAGE_ID.octets(name, value))
        if not isinstance(value, bytes):
            raise WrongType(f"{name}: expected bytes, not {type(value).__name__}")
        return cls(tag, value)


# Fields


@dataclass(frozen=True, slots=True)
class _Text:
    """A C-Octet String: `limit` octets at most, its NUL among them. Section 3.1.

    `status` is what a wrong one is answered with. `lengths`, where given, are the only ones without the NUL.
    """

    limit: int
    status: CommandStatus
    lengths: tuple[int, ...] = ()

    def fault(self, value: str) -> str:
        """What is wrong with it, without telling it; nothing where it is right."""
        if not value.isascii():
            return "a character that is not ASCII"
        if "\0" in value:
            return "a NUL, which would end it early"
        if len(value) >= self.limit:
            return f"{len(value)} characters, at most {self.limit - 1} fit"
        if self.lengths and len(value) not in self.lengths:
            return f"{len(value)} characters, expected {' or '.join(map(str, self.lengths))}"
        return ""

    def octets(self, name: str, value: object) -> bytes:
        """As it is written."""
        if value == "":
            # Most are, and nothing can be wrong with that.
            return b"\0"
        if not isinstance(value, str):
            raise WrongType(f"{name}: expected str, not {type(value).__name__}")
        if fault := self.fault(value):
            raise InvalidInput(f"{name}: {fault}")
        return value.encode("ascii") + b"\0"


class _TextField:
    def __init__(self, name: str, text: _Text, *, secret: bool, last: bool) -> None:
        self._name, self._text, self._secret, self._last = name, text, secret, last

    def write(self, pdu: Pdu) -> bytes:
        value = getattr(pdu, self._name)
        if not self._secret:
            return self._text.octets(self._name, value)
        if not isinstance(value, Secret):
            raise WrongType(f"{self._name}: expected Secret, not {type(value).__name__}")
        return self._text.octets(self._name, value.reveal())

    def read(self, body: bytes, position: int, values: dict[str, Any], strict: bool) -> int:
        end = body.find(0, position)
        if end < 0:
            if not self._last:
                raise ProtocolError(
                    f"{self._name}: no NUL ends it within the PDU", command_status=CommandStatus.ESME_RINVCMDLEN
                )
            # Some write a last field without it, or a response without a body.
            end = len(body)
        # Latin-1 keeps each octet as it came, where some SMSCs write more than ASCII.
        value = body[position:end].decode("latin-1")
        if strict and (fault := self._text.fault(value)):
            raise ProtocolError(f"{self._name}: {fault}", command_status=self._text.status)
        values[self._name] = Secret(value) if self._secret else value
        return end + 1


class _Octets:
    """Integers of one octet each, the two or more that stand side by side."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._format = struct.Struct(f">{len(names)}B")
        self._get: Callable[[Pdu], tuple[Any, ...]] = attrgetter(*names)

    def write(self, pdu: Pdu) -> bytes:
        values = self._get(pdu)
        try:
            return self._format.pack(*values)
        except struct.error:
            pass
        for name, value in zip(self._names, values, strict=True):
            _check_integer(name, value, 0, 0xFF)
        raise AssertionError("unreachable: one of them is at fault")

    def read(self, body: bytes, position: int, values: dict[str, Any], strict: bool) -> int:
        end = position + self._format.size
        if end > len(body):
            raise ProtocolError(
                f"the PDU ends within {self._names[0]} to {self._names[-1]}",
                command_status=CommandStatus.ESME_RINVCMDLEN,
            )
        values.update(zip(self._names, self._format.unpack_from(body, position), strict=True))
        return end


class _ShortMessage:
    """sm_length and short_message, which it counts. Sections 5.2.21 and 5.2.22."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, pdu: Pdu) -> bytes:
        value = getattr(pdu, self._name)
        if not isinstance(value, bytes):
            raise WrongType(f"{self._name}: expected bytes, not {type(value).__name__}")
        if len(value) > _LONGEST_SHORT_MESSAGE:
            raise InvalidInput(
                f"{self._name}: {len(value)} octets, at most {_LONGEST_SHORT_MESSAGE} fit: send it in parts or as "
                "message_payload"
            )
        if value and any(tlv.tag == Tag.MESSAGE_PAYLOAD for tlv in pdu.tlvs):
            raise InvalidInput(f"{self._name}: empty where there is a message_payload")
        return bytes((len(value),)) + value

    def read(self, body: bytes, position: int, values: dict[str, Any], strict: bool) -> int:
        if position >= len(body):
            raise ProtocolError("the PDU ends before sm_length", command_status=CommandStatus.ESME_RINVCMDLEN)
        start, length = position + 1, body[position]
        if start + length > len(body) or (strict and length > _LONGEST_SHORT_MESSAGE):
            raise ProtocolError(
                f"sm_length: {length}, where {len(body) - start} octets are left and {_LONGEST_SHORT_MESSAGE} may be",
                command_status=CommandStatus.ESME_RINVMSGLEN,
            )
        values[self._name] = body[start : start + length]
        return start + length


_Field = _TextField | _Octets | _ShortMessage

_MESSAGE_ID = _Text(65, CommandStatus.ESME_RINVMSGID)
_SystemId = Annotated[str, _Text(16, CommandStatus.ESME_RINVSYSID)]
_Password = Annotated[Secret, _Text(9, CommandStatus.ESME_RINVPASWD)]
_Time = (0, 16)
"""Lengths of a time: none, or YYMMDDhhmmsstnnp. Section 7.1.1."""
_Octet = Annotated[int, _Octets]


def _check_integer(name: str, value: object, first: int, last: int) -> None:
    if not isinstance(value, int):
        raise WrongType(f"{name}: expected int, not {type(value).__name__}")
    if not first <= value <= last:
        raise InvalidInput(f"{name}: {value} is not within {first} to {last}")


# PDUs


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """What every PDU has: the header, and TLVs in their order, of any tag and as often as they came. Section 3.2.

    `rest` is what came after the last whole TLV, if anything did; it is never written.
    """

    command_id: ClassVar[int] = 0
    _strict: ClassVar[bool] = False
    """Whether it is held to the standard when it is read, which is what clients send to a server of ours."""

    sequence_number: int
    command_status: int = 0
    tlvs: tuple[Tlv, ...] = ()
    rest: bytes = b""

    @property
    def is_response(self) -> bool:
        """Whether it answers a request, generic_nack included: never answer it."""
        return bool(self.command_id & RESPONSE)

    def _first(self, tag: Tag, length: int | None = None) -> bytes | None:
        """The value of the first such TLV; one of another length than the standard has stays in `tlvs` only."""
        for tlv in self.tlvs:
            if tlv.tag == tag and length in (None, len(tlv.value)):
                return tlv.value
        return None

    def _integer(self, tag: Tag) -> int | None:
        value = self._first(tag, _INTEGERS[tag])
        return None if value is None else int.from_bytes(value, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bind(Pdu):
    _strict = True

    system_id: _SystemId
    password: _Password
    system_type: Annotated[str, _Text(13, CommandStatus.ESME_RINVSYSTYP)] = ""
    interface_version: _Octet = 0x34
    addr_ton: _Octet = 0
    addr_npi: _Octet = 0
    address_range: Annotated[str, _Text(41, CommandStatus.ESME_RINVPARLEN)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindReceiver(_Bind):
    """bind_receiver, section 4.1.3."""

    command_id = 0x00000001


@dataclass(frozen=True, slots=True, kw_only=True)
class BindTransmitter(_Bind):
    """bind_transmitter, section 4.1.1."""

    command_id = 0x00000002


@dataclass(frozen=True, slots=True, kw_only=True)
class BindTransceiver(_Bind):
    """bind_transceiver, section 4.1.5. The vendor has none: it is here to be refused."""

    command_id = 0x00000009


@dataclass(frozen=True, slots=True, kw_only=True)
class BindResp(Pdu):
    """What the three responses to a bind share. There is no body where `command_status` is an error."""

    system_id: _SystemId = ""

    @property
    def sc_interface_version(self) -> int | None:
        """The version that the SMSC speaks, 0x34 for 3.4; None where it does not tell. Section 5.3.2.25."""
        return self._integer(Tag.SC_INTERFACE_VERSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindReceiverResp(BindResp):
    """bind_receiver_resp, section 4.1.4."""

    command_id = 0x80000001


@dataclass(frozen=True, slots=True, kw_only=True)
class BindTransmitterResp(BindResp):
    """bind_transmitter_resp, section 4.1.2."""

    command_id = 0x80000002


@dataclass(frozen=True, slots=True, kw_only=True)
class BindTransceiverResp(BindResp):
    """bind_transceiver_resp, section 4.1.6."""

    command_id = 0x80000009


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbind(Pdu):
    """outbind, section 4.1.7.1: an SMSC asks to be bound to. There is no response to it."""

    command_id = 0x0000000B

    system_id: _SystemId
    password: _Password


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbind(Pdu):
    """unbind, section 4.2.1."""

    command_id = 0x00000006


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindResp(Pdu):
    """unbind_resp, section 4.2.2."""

    command_id = 0x80000006


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sm(Pdu):
    service_type: Annotated[str, _Text(6, CommandStatus.ESME_RINVSERTYP)] = ""
    source_addr_ton: _Octet = 0
    source_addr_npi: _Octet = 0
    source_addr: Annotated[str, _Text(21, CommandStatus.ESME_RINVSRCADR)] = ""
    dest_addr_ton: _Octet = 0
    dest_addr_npi: _Octet = 0
    destination_addr: Annotated[str, _Text(21, CommandStatus.ESME_RINVDSTADR)] = ""
    esm_class: _Octet = 0
    protocol_id: _Octet = 0
    priority_flag: _Octet = 0
    schedule_delivery_time: Annotated[str, _Text(17, CommandStatus.ESME_RINVSCHED, _Time)] = ""
    validity_period: Annotated[str, _Text(17, CommandStatus.ESME_RINVEXPIRY, _Time)] = ""
    registered_delivery: _Octet = 0
    replace_if_present_flag: _Octet = 0
    data_coding: _Octet = 0
    sm_default_msg_id: _Octet = 0
    short_message: Annotated[bytes, _ShortMessage] = b""

    @property
    def sm_length(self) -> int:
        """The octets of `short_message`. Section 5.2.21."""
        return len(self.short_message)

    @property
    def message_payload(self) -> bytes | None:
        """User data of up to 65535 octets, in place of `short_message`. Section 5.3.2.32."""
        return self._first(Tag.MESSAGE_PAYLOAD)

    @property
    def user_data(self) -> bytes:
        """`short_message`, or `message_payload` where that is empty."""
        return self.short_message or self.message_payload or b""

    @property
    def sar(self) -> tuple[int, int, int] | None:
        """sar_msg_ref_num, sar_total_segments and sar_segment_seqnum; None unless all are there.

        Sections 5.3.2.22 to 5.3.2.24.
        """
        reference = self._integer(Tag.SAR_MSG_REF_NUM)
        total = self._integer(Tag.SAR_TOTAL_SEGMENTS)
        number = self._integer(Tag.SAR_SEGMENT_SEQNUM)
        if reference is None or total is None or number is None:
            return None
        return reference, total, number

    @property
    def receipted_message_id(self) -> str | None:
        """The id of the message that a receipt is about, with or without its NUL. Section 5.3.2.12."""
        value = self._first(Tag.RECEIPTED_MESSAGE_ID)
        return None if value is None else value.partition(b"\0")[0].decode("latin-1")

    @property
    def message_state(self) -> int | None:
        """The state that a receipt tells, as a number of section 5.2.28. Section 5.3.2.35."""
        return self._integer(Tag.MESSAGE_STATE)

    @property
    def network_error_code(self) -> tuple[int, int] | None:
        """The type of the network and its error code. Section 5.3.2.31."""
        value = self._first(Tag.NETWORK_ERROR_CODE, 3)
        return None if value is None else (value[0], int.from_bytes(value[1:], "big"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSm(_Sm):
    """submit_sm, section 4.4.1."""

    command_id = 0x00000004
    _strict = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverSm(_Sm):
    """deliver_sm, section 4.6.1: an incoming text or a delivery receipt."""

    command_id = 0x00000005


@dataclass(frozen=True, slots=True, kw_only=True)
class _SmResp(Pdu):
    message_id: Annotated[str, _MESSAGE_ID] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSmResp(_SmResp):
    """submit_sm_resp, section 4.4.2. There is no body where `command_status` is an error.

    `message_id` is empty where the SMSC sent none.
    """

    command_id = 0x80000004


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverSmResp(_SmResp):
    """deliver_sm_resp, section 4.6.2. `message_id` is not in use, and stays empty."""

    command_id = 0x80000005


@dataclass(frozen=True, slots=True, kw_only=True)
class EnquireLink(Pdu):
    """enquire_link, section 4.11.1."""

    command_id = 0x00000015


@dataclass(frozen=True, slots=True, kw_only=True)
class EnquireLinkResp(Pdu):
    """enquire_link_resp, section 4.11.2."""

    command_id = 0x80000015


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNotification(Pdu):
    """alert_notification, section 4.12.1: a subscriber can be reached again. There is no response to it."""

    command_id = 0x00000102

    source_addr_ton: _Octet = 0
    source_addr_npi: _Octet = 0
    source_addr: Annotated[str, _Text(65, CommandStatus.ESME_RINVSRCADR)] = ""
    esme_addr_ton: _Octet = 0
    esme_addr_npi: _Octet = 0
    esme_addr: Annotated[str, _Text(65, CommandStatus.ESME_RINVDSTADR)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericNack(Pdu):
    """generic_nack, section 4.3.1: the header of a PDU was at fault. Its number is 0 if that one's is not known."""

    command_id = 0x80000000


COMMANDS: Mapping[int, type[Pdu]] = MappingProxyType(
    {
        kind.command_id: kind
        for kind in (
            BindReceiver, BindTransmitter, SubmitSm, DeliverSm, Unbind, BindTransceiver, Outbind, EnquireLink,
            AlertNotification, GenericNack, BindReceiverResp, BindTransmitterResp, SubmitSmResp, DeliverSmResp,
            UnbindResp, BindTransceiverResp, EnquireLinkResp,
        )
    }
)  # fmt: skip
"""The PDU of each command_id that is read here. Section 5.1.2.1."""


def _fields(kind: type[Pdu]) -> tuple[_Field, ...]:
    """The mandatory fields of a PDU's body, as its class declares them."""
    hints = get_type_hints(kind, include_extras=True)
    marked = [(name, hint, hint.__metadata__[0]) for name, hint in hints.items() if hasattr(hint, "__metadata__")]
    fields: list[_Field] = []
    for side_by_side, run in groupby(marked, lambda item: item[2] is _Octets):
        if side_by_side:
            fields.append(_Octets(tuple(name for name, _, _ in run)))
            continue
        for name, hint, mark in run:
            if mark is _ShortMessage:
                fields.append(_ShortMessage(name))
            else:
                last = name == marked[-1][0]
                fields.append(_TextField(name, mark, secret=hint.__origin__ is Secret, last=last))
    return tuple(fields)


_FIELDS: Mapping[type[Pdu], tuple[_Field, ...]] = {kind: _fields(kind) for kind in COMMANDS.values()}


# Writing


def encode(pdu: Pdu) -> bytes:
    """The octets of `pdu`.

    :raises InvalidInput: names the field and what would be right; it never holds the value of one.
    """
    try:
        return _encode(pdu)
    except InvalidInput as error:
        # A traceback shows the variables of its frames: those below this one may hold the password.
        wrong = error.with_traceback(None)
    raise wrong


def _encode(pdu: Pdu) -> bytes:
    fields = _FIELDS.get(type(pdu))
    if fields is None:
        raise WrongType(f"pdu: expected a PDU of this module, not {type(pdu).__name__}")
    _check_header(pdu)
    if pdu.rest:
        raise InvalidInput("rest: octets that are no TLV are read, but not written")
    parts = [] if _has_no_body(pdu) else [field.write(pdu) for field in fields]
    parts += map(_encode_tlv, pdu.tlvs)
    body = b"".join(parts)
    length = _HEADER.size + len(body)
    if length > MAX_LENGTH:
        raise InvalidInput(f"tlvs: the PDU takes {length} octets, at most {MAX_LENGTH} are sent")
    return _HEADER.pack(length, pdu.command_id, pdu.command_status, pdu.sequence_number) + body


def _check_header(pdu: Pdu) -> None:
    if pdu.is_response:
        # A response takes its number from the request, whatever the peer put there.
        _check_integer("sequence_number", pdu.sequence_number, 0, 0xFFFFFFFF)
        _check_integer("command_status", pdu.command_status, 0, 0xFFFFFFFF)
    else:
        _check_integer("sequence_number", pdu.sequence_number, 1, LAST_SEQUENCE_NUMBER)
        _check_integer("command_status", pdu.command_status, 0, 0)


def _has_no_body(pdu: Pdu) -> bool:
    if not pdu.command_status or not isinstance(pdu, (BindResp, SubmitSmResp)):
        return False
    name = "system_id" if isinstance(pdu, BindResp) else "message_id"
    if getattr(pdu, name) or pdu.tlvs:
        raise InvalidInput(f"{name}, tlvs: are not returned where command_status is an error")
    return True


def _encode_tlv(tlv: Tlv) -> bytes:
    _check_integer("tag", tlv.tag, 0, 0xFFFF)
    if not isinstance(tlv.value, bytes):
        raise WrongType(f"TLV 0x{tlv.tag:04X}: expected bytes, not {type(tlv.value).__name__}")
    if len(tlv.value) > 0xFFFF:
        raise InvalidInput(f"TLV 0x{tlv.tag:04X}: {len(tlv.value)} octets, at most {0xFFFF} fit")
    return _TLV_HEADER.pack(tlv.tag, len(tlv.value)) + tlv.value


# Reading


def decode(buffer: bytes | bytearray | memoryview, *, max_length: int = MAX_LENGTH) -> tuple[Pdu, int] | None:
    """The first PDU of `buffer` and how many octets it takes; None where more have to come.

    :raises ProtocolError: and nothing else whatever the octets are: `answer_to` gives the answer, `length` how many
        octets to skip. A PDU that claims more than `max_length` octets is one, before any of them is waited for.
    """
    try:
        return _decode(buffer, max_length)
    except ProtocolError as error:
        failure = error.with_traceback(None)
    # As in encode(): the octets of a bind hold the password.
    del buffer
    raise failure


class Decoder:
    """PDUs out of octets that come in pieces of any size. It holds what is not yet a whole PDU, and no more."""

    def __init__(self, *, max_length: int = MAX_LENGTH) -> None:
        self._buffer = bytearray()
        self._max_length = max_length

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take what came off the connection."""
        self._buffer += data

    def next_pdu(self) -> Pdu | None:
        """The next PDU; None where more octets have to be fed first.

        :raises ProtocolError: once for each PDU that can't be read, and then it goes on after it. Where the stream is
            lost it raises the same again each time.
        """
        try:
            decoded = _decode(self._buffer, self._max_length)
        except ProtocolError as error:
            failure = error.with_traceback(None)
        else:
            if decoded is None:
                return None
            pdu, length = decoded
            del self._buffer[:length]
            return pdu
        if failure.stream_lost:
            del self._buffer[_HEADER.size :]
        else:
            del self._buffer[: failure.length]
        raise failure


def _decode(buffer: bytes | bytearray | memoryview, max_length: int) -> tuple[Pdu, int] | None:
    if len(buffer) < _HEADER.size:
        return None
    length, command_id, command_status, sequence_number = _HEADER.unpack_from(buffer)
    if not _HEADER.size <= length <= max_length:
        raise ProtocolError(
            f"command_length: {length} is not within {_HEADER.size} to {max_length}",
            command_status=CommandStatus.ESME_RINVCMDLEN,
            command_id=command_id,
            sequence_number=sequence_number,
        )
    if len(buffer) < length:
        return None
    try:
        pdu = _decode_body(command_id, command_status, sequence_number, bytes(buffer[_HEADER.size : length]))
    except ProtocolError as error:
        error.command_id, error.sequence_number, error.length = command_id, sequence_number, length
        raise
    return pdu, length


def _decode_body(command_id: int, command_status: int, sequence_number: int, body: bytes) -> Pdu:
    kind = COMMANDS.get(command_id)
    if kind is None:
        raise ProtocolError(
            f"command_id: 0x{command_id:08X} is unknown here", command_status=CommandStatus.ESME_RINVCMDID
        )
    values: dict[str, Any] = {"sequence_number": sequence_number, "command_status": command_status}
    strict = kind._strict
    position = 0
    for field in _FIELDS[kind]:
        position = field.read(body, position, values, strict)
    if position < len(body):
        values["tlvs"], values["rest"] = _decode_tlvs(body, position)
        if strict and values["rest"]:
            raise ProtocolError(
                f"{len(values['rest'])} octets after the last whole TLV",
                command_status=CommandStatus.ESME_RINVOPTPARSTREAM,
            )
    return kind(**values)


def _decode_tlvs(body: bytes, position: int) -> tuple[tuple[Tlv, ...], bytes]:
    tlvs = []
    while len(body) - position >= _TLV_HEADER.size:
        tag, length = _TLV_HEADER.unpack_from(body, position)
        start = position + _TLV_HEADER.size
        if start + length > len(body):
            break
        tlvs.append(Tlv(tag, body[start : start + length]))
        position = start + length
    return tuple(tlvs), body[position:]


def answer_to(error: ProtocolError) -> Pdu | None:
    """What the peer is told of a PDU that could not be read: its response, or a generic_nack. Sections 3.3 and 4.3.

    None for a response that could not be read: nobody answers a response. Of a command that is not known, nobody can
    tell that it is one.
    """
    at_fault = COMMANDS.get(error.command_id)
    if at_fault and not error.stream_lost:
        if error.command_id & RESPONSE:
            return None
        response = COMMANDS.get(error.command_id | RESPONSE)
        if response:
            return response(sequence_number=error.sequence_number, command_status=error.command_status)
    return GenericNack(sequence_number=error.sequence_number, command_status=error.command_status)
