"""Smsc: the emulator's third way in, SMPP 3.4, on the ledger that both HTTP APIs share.

It is strict, as the emulator is: what is wrong with a submit_sm is told by the standard's command_status. What the
vendor's own SMSC answers is not documented beyond its PDUs and the text of its receipts, so each status here is the
one that the standard's words fit best; "too few credits", for which it has none, is ESME_RSUBMITFAIL.

Not emulated: scheduled delivery, replacing a message, predefined messages (all refused), validity periods (ignored),
and texts to the account. "Section" is a section of the SMPP Protocol Specification v3.4, issue 1.2.
"""

from __future__ import annotations

import contextlib
import enum
import heapq
import itertools
import logging
import math
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Literal

from mspace_legacy import sms
from mspace_legacy.checks import seconds
from mspace_legacy.emulator.accounts import Account
from mspace_legacy.emulator.faults import SUBMIT_SM, FaultKind, Faults
from mspace_legacy.emulator.journal import Journal
from mspace_legacy.emulator.ledger import Address, Ledger, StoredReceipt, vendor_time
from mspace_legacy.emulator.masking import command_name, masked_pdu
from mspace_legacy.errors import InvalidRecipient, InvalidSenderId, ProtocolError, ServiceError
from mspace_legacy.smpp.pdu import (
    COMMANDS,
    LAST_SEQUENCE_NUMBER,
    RESPONSE,
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
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Tag,
    Tlv,
    Unbind,
    UnbindResp,
    answer_to,
    encode,
    status_name,
)
from mspace_legacy.smpp.receipts import MessageState, write_receipt
from mspace_legacy.smpp.text import IncomingText, read_part
from mspace_legacy.transport.listener import RESET_ON_CLOSE, listening

__all__ = ["Smsc"]

_log = logging.getLogger("mspace_legacy.emulator.smsc")

_SYSTEM_ID = "EMULATOR"
_VERSION = 0x34

_MOST_UNANSWERED = 10
"""Receipts that a receiver may have without having answered them."""

_PAUSE = 0.25
"""Seconds until a receipt that was not taken is tried again."""

_LOOK_FOR_RECEIPTS = 0.05
"""Seconds between two looks: other processes may share the ledger, and its clock may be any."""

_LONGEST_REORDER = 0.1
"""Seconds that an answer waits for another one to overtake it."""

_LONGEST_WRITE = 10.0
"""Seconds until a peer that does not read is hung up on."""

_READ = 1 << 16
_SMSC_RECEIPT = 0x04
"""esm_class of a delivery receipt. Section 5.2.12."""

_KINDS: tuple[FaultKind, ...] = (
    "delay", "refuse", "reset-before", "reset-after", "throttle", "reorder", "duplicate",
)  # fmt: skip
"""The faults of a submit_sm; `split` is of each write."""


class Smsc:
    """An SMSC on a ledger; a context manager that serves from threads of its own.

    An account's user name is its system_id; it binds, by its `smpp_password`, as transmitter or as receiver, on as
    many connections as it likes. bind_transceiver is refused, as the vendor has none. Each submit_sm is a message of
    the ledger with an id of its own, a part of a long text too. Receipts go to any receiver that is bound with the
    account's system_id, to one of this SMSC's at a time, until one answers 0.

    :param faults: those of the operation `submit_sm` happen here.
    :param journal: keeps what is asked and answered, but for signs of life; none by default.
    :param host: 127.0.0.1 by default. A wider address serves whoever reaches it, without TLS.
    :param port: 0 lets the system choose one; `port` tells which.
    :param idle: seconds without anything from the peer, after which it hangs up. The vendor's "timeout (keep alive)"
        is 50.
    :raises InvalidInput: the address can't be listened on.
    """

    def __init__(
        self,
        ledger: Ledger,
        faults: Faults | None = None,
        journal: Journal | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        idle: float = 50.0,
    ) -> None:
        self.ledger = ledger
        self.faults = faults or Faults()
        self.journal = journal
        self._idle = seconds("idle", idle)
        self._claims = _Claims(ledger)
        self._listener = listening(host, port)
        # Where shutdown() does not wake accept(), it notices by itself that it is to stop.
        self._listener.settimeout(1)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self.host: str = host
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"mspace-legacy smsc {self.port}", daemon=True)

    def __enter__(self) -> Smsc:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close all connections and stop listening. A second time does nothing."""
        self._stopping.set()
        # So that accept() returns; where it is not accepting, or on some systems, it is an error.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            still_open = dict(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in still_open.values():
            thread.join(_LONGEST_WRITE)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                # It was told to stop, or there is no descriptor left for now.
                self._stopping.wait(0.1)
                continue
            thread = threading.Thread(
                target=self._serve, args=(connection,), name=f"mspace-legacy smsc {self.port}", daemon=True
            )
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Connection(connection, self, self._claims, self._idle).serve()
        except OSError:
            pass  # the peer has gone
        except Exception as error:  # whatever it is, its text and its traceback may hold what was sent
            _log.error("%s in the SMSC: the connection was closed", type(error).__name__)
        finally:
            with self._lock:
                del self._open[connection]


class _Claims:
    """Which receipts are with a receiver, wait before they are tried again, or for the answer to their message: no
    receiver gets those."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def claim(self, username: str, count: int) -> list[StoredReceipt]:
        """`count` receipts at most that are due and nobody has."""
        now = time.monotonic()
        with self._lock:
            self._until = {message_id: until for message_id, until in self._until.items() if until > now}
            due = self._ledger.receipts(username, count + len(self._until))
            free = [receipt for receipt in due if receipt.message_id not in self._until][:count]
            self._until.update((receipt.message_id, math.inf) for receipt in free)
        return free

    def submit(self, take: Callable[[], str]) -> str:
        """The id of the message that `take` takes. Its receipt is nobody's until it is given back."""
        with self._lock:
            message_id = take()
            self._until[message_id] = math.inf
        return message_id

    def drop(self, message_id: str) -> None:
        """It was acknowledged."""
        with self._lock:
            self._ledger.drop_receipt(message_id)
            del self._until[message_id]

    def give_back(self, message_id: str, pause: float = 0.0) -> None:
        """It was not: it is free again after `pause` seconds."""
        with self._lock:
            if pause:
                self._until[message_id] = time.monotonic() + pause
            else:
                self._until.pop(message_id, None)


class _State(enum.Enum):
    OPEN = "open"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"


class _HangUp(Exception):
    """Whatever is next: the connection ends here."""


class _Connection:
    """One connection, all of it in one thread: what comes is answered, and what is due is written."""

    def __init__(self, connection: socket.socket, smsc: Smsc, claims: _Claims, idle: float) -> None:
        self._socket = connection
        self._ledger = smsc.ledger
        self._faults = smsc.faults
        self._smsc = smsc
        self._claims = claims
        self._idle = idle
        self._decoder = Decoder()
        self._state = _State.OPEN
        self._username = ""
        self._out: list[tuple[float, int, bytes, str]] = []
        """A heap: when each is due, in which order, its octets, and of which message it tells the id."""
        self._untold: set[str] = set()
        """Messages whose ids are not told yet."""
        self._order = itertools.count()
        self._overtaken: bytes = b""
        self._overtaken_until = math.inf
        self._number = 0
        self._unanswered: dict[int, tuple[str, DeliverSm, float]] = {}
        self._heard = time.monotonic()

    def serve(self) -> None:
        """Answer until either side ends it."""
        try:
            while data := self._read():
                self._decoder.feed(data)
                while self._take_next():
                    pass
        except _HangUp:
            pass
        finally:
            for message_id in (*self._untold, *(message_id for message_id, *_ in self._unanswered.values())):
                self._claims.give_back(message_id)

    def _read(self) -> bytes:
        """What came next, as soon as something does; meanwhile what is due is written. Empty where nothing will."""
        while True:
            self._deliver()
            self._write()
            until = min(self._out[0][0] if self._out else math.inf, self._overtaken_until)
            hang_up = self._heard + self._idle
            now = time.monotonic()
            if now >= hang_up:
                return b""
            wait = min(until, hang_up) - now
            if self._state is _State.BOUND_RX:
                wait = min(wait, _LOOK_FOR_RECEIPTS)
            # 0 would mean that it does not wait, and is told so by another error.
            self._socket.settimeout(max(wait, 0.001))
            with contextlib.suppress(TimeoutError):
                data = self._socket.recv(_READ)
                self._heard = time.monotonic()
                return data

    # Writing

    def _send(self, pdu: Pdu) -> None:
        self._schedule(encode(pdu), 0)

    def _schedule(self, octets: bytes, delay: float, message_id: str = "") -> None:
        # From when it was asked for: what the answer took to make is part of the delay.
        heapq.heappush(self._out, (self._heard + delay, next(self._order), octets, message_id))

    def _write(self) -> None:
        now = time.monotonic()
        if now >= self._overtaken_until:
            self._let_go(0)
        octets = bytearray()
        told = []
        while self._out and self._out[0][0] <= time.monotonic():
            *_, due, message_id = heapq.heappop(self._out)
            octets += due
            told.append(message_id)
        if not octets:
            return
        self._socket.settimeout(_LONGEST_WRITE)
        if self._faults.due(SUBMIT_SM, ("split",)):
            for octet in octets:
                self._socket.sendall(bytes((octet,)))
        else:
            self._socket.sendall(octets)
        for message_id in self._untold.intersection(told):
            self._have_told(message_id)

    def _have_told(self, message_id: str) -> None:
        self._untold.remove(message_id)
        self._claims.give_back(message_id)

    def _let_go(self, delay: float) -> None:
        self._schedule(self._overtaken, delay)
        self._overtaken, self._overtaken_until = b"", math.inf

    # Reading

    def _take_next(self) -> bool:
        """Answer the next PDU; False where more has to come first."""
        try:
            pdu = self._decoder.next_pdu()
        except ProtocolError as error:
            answer = answer_to(error)
            self._note(error, answer)
            if answer:
                self._send(answer)
            if error.stream_lost:
                self._hang_up()
            return True
        if pdu is None:
            return False
        match pdu:
            case BindTransmitter() | BindReceiver():
                self._bind(pdu)
            case BindTransceiver():
                # The vendor does not have this command, whoever asks: so it is no ESME_RBINDFAIL.
                self._reply(
                    pdu, BindTransceiverResp(sequence_number=pdu.sequence_number, command_status=_UNKNOWN_COMMAND)
                )
            case SubmitSm():
                self._submit(pdu)
            case EnquireLink():
                self._send(EnquireLinkResp(sequence_number=pdu.sequence_number))
            case Unbind() if self._state is not _State.OPEN:
                self._reply(pdu, UnbindResp(sequence_number=pdu.sequence_number))
                self._hang_up()
            case Unbind():
                self._reply(pdu, UnbindResp(sequence_number=pdu.sequence_number, command_status=_WRONG_STATE))
            case DeliverSmResp() | GenericNack():
                self._settle(pdu)
            case _ if not pdu.is_response:
                # deliver_sm and outbind are not for clients to send; outbind has no response.
                response = COMMANDS.get(pdu.command_id | RESPONSE, GenericNack)
                self._reply(pdu, response(sequence_number=pdu.sequence_number, command_status=_UNKNOWN_COMMAND))
        return True

    def _reply(self, request: Pdu, response: Pdu) -> None:
        self._note(request, response)
        self._send(response)

    def _note(
        self,
        request: Pdu | ProtocolError,
        reply: Pdu | None,
        *,
        outcome: str = "",
        message_id: str = "",
        begun: float | None = None,
    ) -> None:
        """Tell the journal, if there is one."""
        if self._smsc.journal is None:
            return
        if reply and not outcome:
            outcome = status_name(reply.command_status)
        number = int(message_id) if message_id else 0
        self._smsc.journal.add(
            "SMPP",
            command_name(request),
            partial(masked_pdu, request),
            partial(masked_pdu, reply),
            at=self._ledger.now(),
            seconds=time.monotonic() - (self._heard if begun is None else begun),
            username=self._username,
            outcome=outcome,
            message_ids=range(number, number + 1) if number else range(0),
            octets=len(request.user_data) if isinstance(request, SubmitSm) else 0,
        )

    def _hang_up(self) -> None:
        """What was answered is written first, and what was held back is lost."""
        self._write()
        raise _HangUp

    def _reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        raise _HangUp

    # Binding

    def _bind(self, request: BindTransmitter | BindReceiver) -> None:
        account = self._ledger.account(request.system_id)
        kind = BindTransmitterResp if isinstance(request, BindTransmitter) else BindReceiverResp
        status = self._bind_status(request, account)
        if status:
            self._reply(request, kind(sequence_number=request.sequence_number, command_status=status))
            return
        self._state = _State.BOUND_TX if isinstance(request, BindTransmitter) else _State.BOUND_RX
        self._username = request.system_id
        # A client of an earlier version knows no optional parameters. Section 3.4.2.
        knows_tlvs = request.interface_version >= _VERSION
        tlvs = (Tlv.of(Tag.SC_INTERFACE_VERSION, _VERSION),) if knows_tlvs else ()
        self._reply(request, kind(sequence_number=request.sequence_number, system_id=_SYSTEM_ID, tlvs=tlvs))

    def _bind_status(self, request: BindTransmitter | BindReceiver, account: Account | None) -> CommandStatus:
        if self._state is not _State.OPEN:
            return CommandStatus.ESME_RALYBND
        if account is None or account.smpp_password is None:
            return CommandStatus.ESME_RINVSYSID
        if account.smpp_password != request.password:
            return CommandStatus.ESME_RINVPASWD
        if account.suspended:
            return CommandStatus.ESME_RBINDFAIL
        return CommandStatus.ESME_ROK

    # Submitting

    def _submit(self, request: SubmitSm) -> None:
        kinds: dict[FaultKind, float] = {}
        if self._state is _State.BOUND_TX:
            for fault in self._faults.due(SUBMIT_SM, _KINDS):
                kinds[fault.kind] = kinds.get(fault.kind, 0.0) + float(fault.argument or 0)
        if "refuse" in kinds:
            self._note(request, None, outcome="no reply: closed")
            self._hang_up()
        if "reset-before" in kinds:
            self._note(request, None, outcome="no reply: reset")
            self._reset()
        status, message_id = CommandStatus.ESME_RTHROTTLED, ""
        if "throttle" not in kinds:
            status, message_id = self._submitted(request)
        if "reset-after" in kinds:
            self._note(request, None, outcome="no reply: reset", message_id=message_id)
            self._reset()
        number = request.sequence_number
        response = SubmitSmResp(sequence_number=number, command_status=status, message_id=message_id)
        self._note(request, response, message_id=message_id)
        answer = encode(response)
        self._answer(answer * 2 if "duplicate" in kinds else answer, message_id, kinds)

    def _answer(self, octets: bytes, message_id: str, kinds: dict[FaultKind, float]) -> None:
        delay = kinds.get("delay", 0.0)
        is_held_back = "reorder" in kinds and not self._overtaken
        if message_id and (delay or is_held_back):
            # That one comes late is what was asked for.
            self._have_told(message_id)
        if is_held_back:
            self._overtaken = octets
            self._overtaken_until = self._heard + delay + _LONGEST_REORDER
            return
        self._schedule(octets, delay, message_id)
        if self._overtaken:
            self._let_go(delay)

    def _submitted(self, request: SubmitSm) -> tuple[CommandStatus, str]:
        """Take a message, or tell why not: the status, and the id."""
        if self._state is not _State.BOUND_TX:
            return _WRONG_STATE, ""
        part = read_part(request)
        status = _fault(request, part)
        if status:
            return status, ""
        take = partial(
            self._ledger.submit,
            self._username,
            Address(request.source_addr_ton, request.source_addr_npi, request.source_addr),
            Address(request.dest_addr_ton, request.dest_addr_npi, request.destination_addr),
            _stored_text(part),
            segments=_segments(part),
            receipt=_RECEIPTS[request.registered_delivery & _RECEIPT_BITS],
        )
        try:
            message_id = self._claims.submit(take)
        except InvalidSenderId:
            return CommandStatus.ESME_RINVSRCADR, ""
        except InvalidRecipient:
            return CommandStatus.ESME_RINVDSTADR, ""
        except ServiceError:
            return CommandStatus.ESME_RSUBMITFAIL, ""
        self._untold.add(message_id)
        return CommandStatus.ESME_ROK, message_id

    # Receipts

    def _deliver(self) -> None:
        room = _MOST_UNANSWERED - len(self._unanswered)
        if self._state is not _State.BOUND_RX or not room:
            return
        for receipt in self._claims.claim(self._username, room):
            self._number = self._number % LAST_SEQUENCE_NUMBER + 1
            pdu = _receipt(receipt, self._number)
            self._unanswered[self._number] = receipt.message_id, pdu, time.monotonic()
            self._send(pdu)

    def _settle(self, response: Pdu) -> None:
        waiting = self._unanswered.pop(response.sequence_number, None)
        if waiting is None:
            return
        message_id, receipt, sent = waiting
        self._note(receipt, response, message_id=message_id, begun=sent)
        if isinstance(response, DeliverSmResp) and not response.command_status:
            self._claims.drop(message_id)
        else:
            self._claims.give_back(message_id, _PAUSE)


_UNKNOWN_COMMAND = CommandStatus.ESME_RINVCMDID
_WRONG_STATE = CommandStatus.ESME_RINVBNDSTS

_RECEIPT_BITS = 0x03
_RECEIPTS: tuple[Literal["never", "always", "if failed"], ...] = ("never", "always", "if failed")
"""What the two lowest bits of registered_delivery ask for; 3 is reserved. Section 5.2.17."""

_LAST_TYPE_OF_NUMBER = 6
_NUMBERING_PLANS = {0, 1, 3, 4, 6, 8, 9, 10, 14, 18}
_LAST_PRIORITY = 3
"""Sections 5.2.5, 5.2.6 and 5.2.14; what is beyond is reserved."""


def _fault(request: SubmitSm, part: IncomingText) -> CommandStatus:
    """What the standard has to say against it, or ESME_ROK."""
    faults = (
        (request.source_addr_ton > _LAST_TYPE_OF_NUMBER, CommandStatus.ESME_RINVSRCTON),
        (request.source_addr_npi not in _NUMBERING_PLANS, CommandStatus.ESME_RINVSRCNPI),
        (request.dest_addr_ton > _LAST_TYPE_OF_NUMBER, CommandStatus.ESME_RINVDSTTON),
        (request.dest_addr_npi not in _NUMBERING_PLANS, CommandStatus.ESME_RINVDSTNPI),
        (request.priority_flag > _LAST_PRIORITY, CommandStatus.ESME_RINVPRTFLG),
        (request.registered_delivery & _RECEIPT_BITS == _RECEIPT_BITS, CommandStatus.ESME_RINVREGDLVFLG),
        (request.schedule_delivery_time != "", CommandStatus.ESME_RINVSCHED),
        (request.replace_if_present_flag == 1, CommandStatus.ESME_RINVSUBREP),
        (request.replace_if_present_flag > 1, CommandStatus.ESME_RINVREPFLAG),
        (request.sm_default_msg_id != 0, CommandStatus.ESME_RINVDFTMSGID),
        # One of the two holds the text, never both. Section 5.3.2.32.
        (request.short_message and request.message_payload is not None, CommandStatus.ESME_ROPTPARNOTALLWD),
        (not request.user_data, CommandStatus.ESME_RINVMSGLEN),
        (not _fits_with_header(request, part), CommandStatus.ESME_RINVMSGLEN),
    )
    return next((status for is_wrong, status in faults if is_wrong), CommandStatus.ESME_ROK)


_OCTETS, _OCTETS_OF_A_PART = 140, 134
"""What one short message carries, and what is left of it beside a header of concatenation. 3GPP TS 23.040."""
_SEPTETS = 160
_SAR_HEADER = 6
"""Octets of the header that the SMSC makes of the sar parameters."""


def _fits_with_header(request: SubmitSm, part: IncomingText) -> bool:
    """Whether a part of a message is short enough for its header: nobody cuts it any more."""
    header = len(request.user_data) - len(part.octets)
    if not header and part.concatenation:
        header = _SAR_HEADER
    if not header:
        return True
    if _is_gsm7(part):
        # The header takes whole septets. 3GPP TS 23.040, section 9.2.3.24.
        return sms.segments(part.text or "").units <= _SEPTETS - math.ceil(header * 8 / 7)
    return len(part.octets) <= _OCTETS - header


def _segments(part: IncomingText) -> int:
    """What it costs: one credit for each short message on the air."""
    if part.text is not None and (_is_gsm7(part) or sms.segments(part.text).encoding == "ucs2"):
        # A part that fits has one, be it ever so long: its header was reckoned with before.
        return 1 if part.concatenation else sms.segments(part.text).count
    length = len(part.octets)
    return 1 if length <= _OCTETS else math.ceil(length / _OCTETS_OF_A_PART)


_UCS2 = "utf-16-be"


def _is_gsm7(part: IncomingText) -> bool:
    """Whether it is sent in septets: text that the alphabet has, unless the caller wants it as UCS-2."""
    return part.encoding != _UCS2 and part.text is not None and sms.segments(part.text).encoding == "gsm7"


def _stored_text(part: IncomingText) -> str:
    """The text as the ledger keeps it; octets that are none, as what they are."""
    if part.text is not None:
        return part.text
    if part.readable and part.encoding == _UCS2 and part.concatenation and len(part.octets) % 2 == 0:
        # It was cut between the halves of a pair.
        return part.octets.decode(_UCS2, "replace")
    return f"<{len(part.octets)} octets, data_coding {part.data_coding}: {part.octets.hex()}>"


def _receipt(receipt: StoredReceipt, sequence_number: int) -> DeliverSm:
    """It goes the other way than its message did, so the addresses change places. Section 4.6.1."""
    state = MessageState.DELIVERED if receipt.delivered else MessageState.UNDELIVERABLE
    return DeliverSm(
        sequence_number=sequence_number,
        source_addr_ton=receipt.destination.ton,
        source_addr_npi=receipt.destination.npi,
        source_addr=receipt.destination.value,
        dest_addr_ton=receipt.source.ton,
        dest_addr_npi=receipt.source.npi,
        destination_addr=receipt.source.value,
        esm_class=_SMSC_RECEIPT,
        short_message=write_receipt(
            receipt.message_id,
            state,
            submitted=vendor_time(receipt.submitted),
            done=vendor_time(receipt.done),
            error_code="000" if receipt.delivered else "001",
        ),
    )
