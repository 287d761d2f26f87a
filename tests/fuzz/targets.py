"""The targets: everything that decodes, what it may raise, and what must hold of what it gave.

A target takes bytes and gives nothing. It lets none but an error that its decoder declares pass in silence: any other
exception, a failed assertion among them, is a find. The first bytes of an input choose among the forms of a decoder,
as readable digits, so that an input can be read and written by hand.
"""

from __future__ import annotations

import atexit
import json
import logging
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from http.client import HTTPException, HTTPResponse
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeVar
from xml.etree.ElementTree import Element

import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from vcr.request import Request as RecordedRequest  # type: ignore[import-untyped]  # vcrpy has no types

from mspace_legacy import models, msisdn, secrets, sms
from mspace_legacy.emulator import Emulator
from mspace_legacy.emulator.accounts import load_accounts
from mspace_legacy.emulator.faults import Fault
from mspace_legacy.errors import (
    InvalidInput,
    MSpaceError,
    OutcomeUnknown,
    ProcessingException,
    ProtocolError,
    ReplyError,
    RequestError,
    ServiceError,
)
from mspace_legacy.jar import Response as JarResponse
from mspace_legacy.migration.accounts import AccountStore, Verifier
from mspace_legacy.migration.adapter import failed
from mspace_legacy.migration.routes import Routes
from mspace_legacy.migration.scan import scan
from mspace_legacy.migration.settings import load_settings
from mspace_legacy.models import Outcome, SendText, SentMessage
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from mspace_legacy.smpp import pdu as smpp
from mspace_legacy.smpp.receipts import id_key, id_spellings, read_receipt
from mspace_legacy.smpp.text import read_part, reassemble, write_text
from mspace_legacy.testing.cassettes import recorder
from mspace_legacy.transport.reply import Reply
from mspace_legacy.ussd.messages import UssdRequest, fits, read_answer, read_request, write_answer, write_request
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.addresses import service_url
from mspace_legacy.wire.dialect import Incoming, malformed, wire_text
from mspace_legacy.wire.documents import Form, Unreadable, accepted_form, parse_json, parse_xml
from mspace_legacy.wire.http import Request, Response
from tests.fuzz import words
from tests.ussd.test_app import shop
from tests.wire.strategies import CALLS, KNOWN_BODIES

__all__ = ["TARGETS", "Target"]

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder under fire. `seeds` are inputs that it reads; `words` what its grammar is made of."""

    name: str
    check: Callable[[bytes], None]
    make_seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...]

    @property
    def kept(self) -> list[Path]:
        """The inputs that once failed."""
        return sorted((CORPUS / self.name).glob("*"))

    def seeds(self) -> list[bytes]:
        """What to begin with: inputs that are read, and those that once failed."""
        return [*self.make_seeds(), *(path.read_bytes() for path in self.kept)]


TARGETS: dict[str, Target] = {}


def _target(
    seeds: Sequence[bytes] | Callable[[], Iterable[bytes]] = (), words: Sequence[bytes] = ()
) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    def register(check: Callable[[bytes], None]) -> Callable[[bytes], None]:
        name = check.__name__
        TARGETS[name] = Target(name, check, seeds if callable(seeds) else lambda: seeds, tuple(words))
        return check

    return register


def _attempt(decode: Callable[[], T], *errors: type[BaseException]) -> T | None:
    """What it gives; None where it raises one of the errors that it declares."""
    try:
        return decode()
    except errors:
        return None


def _choose(data: bytes, *choices: Sequence[Any]) -> tuple[list[Any], bytes]:
    """One of each of `choices`, by a byte of `data` each, and the rest of it."""
    chosen = [
        options[(data[at] - 0x30) % len(options) if at < len(data) else 0] for at, options in enumerate(choices)
    ]
    return chosen, data[len(choices) :]


def _text(data: bytes) -> str:
    """Any text, with halves of surrogate pairs among it."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@cache
def _cassettes() -> list[dict[str, Any]]:
    files = sorted(ROOT.glob("cassettes/*/*.yaml"))
    return [exchange for file in files for exchange in yaml.safe_load(file.read_text("utf-8"))["interactions"]]


# Requests

_LEGACY_BASE = "http://h" + legacy.PATH
_V2_BASE = "http://h" + v2.PATH


def _legacy_seeds() -> list[bytes]:
    calls = [
        legacy.encode_request(call, Secret("p/w d%"), base="", ours=True).url.encode() for call in CALLS.values()
    ]
    return [b"1" + url for url in calls] + [
        b"0/sendtext/username=u/password=p/senderid=S/recipient=0722/message=a b/c?d=e;f%",
        b"0/balance/username=u/password=p%E9/?t=1",
    ]


@_target(_legacy_seeds, words.KEYS)
def legacy_requests(data: bytes) -> None:
    """What is read is asked the same again; whatever is read strictly is read liberally, and the same."""
    (accept,), path = _choose(data, ("text/plain", "application/json", "application/xml", "*/*, text/xml"))
    for url in (_LEGACY_BASE + path.decode("latin-1"), _LEGACY_BASE + _text(path)):
        request = Request("GET", url, {"Accept": accept})
        strict = _incoming(legacy.decode_request, request, ours=True)
        liberal = _incoming(legacy.decode_request, request, ours=True, liberal=True)
        for incoming in filter(None, (strict, liberal)):
            again = legacy.encode_request(incoming.call, incoming.secret, base=_LEGACY_BASE, ours=True)
            assert legacy.decode_request(again, ours=True)[:2] == incoming[:2]
        if strict and liberal:
            assert strict == liberal
        assert liberal or not strict


def _incoming(decode: Callable[..., Incoming], request: Request, **options: bool) -> Incoming | None:
    try:
        return decode(request, **options)
    except RequestError as error:
        refusal = malformed(error)
    assert 400 <= refusal.status < 500
    return None


def _v2_seeds() -> list[bytes]:
    found = []
    for number, call in enumerate(CALLS[name] for name in v2.KEYS):
        operation = str(number).encode()
        for style in v2.STYLES:
            request = v2.encode_request(call, Secret("key"), base="", style=style)
            path = request.url.removeprefix(f"/{call.operation}").encode()
            body = path if style == "path" else request.body or b""
            found.append(str(v2.STYLES.index(style)).encode() + operation + body)
    return found


@_target(_v2_seeds, (*words.KEYS, *words.DOCUMENT))
def v2_requests(data: bytes) -> None:
    """What is read is asked the same again, in each style that can carry it."""
    (style, operation), rest = _choose(data, v2.STYLES, tuple(v2.KEYS))
    url = f"{_V2_BASE}/{operation}"
    if style == "path":
        request = Request("GET", url + _text(rest))
    else:
        headers = {"Content-Type": f"application/{style}; charset=x", "ApiKey": "k"}
        request = Request("POST", url, headers, rest)
    incoming = _incoming(v2.decode_request, request)
    if incoming is None:
        return
    for written in v2.STYLES:
        again = _attempt(
            lambda: v2.encode_request(incoming.call, incoming.secret, base=_V2_BASE, style=written),  # noqa: B023
            InvalidInput,
        )
        if again is None:
            assert written == "xml" or style == "path", "JSON carries every text, and a path too"
            continue
        read = v2.decode_request(again)
        assert read.secret == incoming.secret
        assert _as_texts(read.call) == _as_texts(incoming.call)


def _as_texts(call: models.Call[Any]) -> tuple[str, ...]:
    return (call.operation, *(wire_text(getattr(call, name)) for name in call.__dataclass_fields__))


# Replies

_STATUSES = (200, 201, 303, 400, 401, 404, 500, 503)
_TYPES = (
    "text/plain", "application/json", "application/xml", "text/plain;charset=ISO-8859-1",
    "application/json; charset=utf-16", "text/plain; charset=\"idna\"", "text/xml;charset=cp037",
    "application/json; charset=unicode_escape", "*", "text/plain;charset=iso-8859-99",
)  # fmt: skip
_FORMS: tuple[Form, ...] = ("text", "json", "xml")


def _reply_seeds() -> list[bytes]:
    bodies = [exchange["response"]["body"]["string"].encode() for exchange in _cassettes()]
    return [b"00" + body for body in dict.fromkeys([*KNOWN_BODIES, *bodies])] + [
        b"30" + KNOWN_BODIES[3],
        b'01[{"messageId": "1", "status": "succ\xe9ssful"}]',
        b"04" + '[{"smsBalance": 20, "subUserName": "é"}]'.encode("utf-16"),
    ]


@_target(_reply_seeds, words.REPLY)
def replies(data: bytes) -> None:
    """Garbage is never success; what a reply told, our own servers can tell again, and it says the same."""
    (status, content_type), body = _choose(data, _STATUSES, _TYPES)
    response = Response(status, body, (("Content-Type", content_type),))
    for call in CALLS.values():
        outcome: Any
        try:
            outcome = legacy.decode_reply(call, response)
        except (ServiceError, ReplyError) as error:
            outcome = error
        if isinstance(outcome, MSpaceError):
            assert not (call.repeatable and isinstance(outcome, OutcomeUnknown))
        else:
            assert 200 <= status < 300 or isinstance(call, SendText)
            _founded(outcome, response)
        # One form for each input, as nine times out of ten another tells nothing new.
        _told_again(call, outcome, _FORMS[len(body) % 3])


def _founded(outcome: Any, response: Response) -> None:
    """What is told as done stands in the body."""
    body = response.body
    if any(escape in body for escape in (b"&#", b"\\u", b"\0")) or "037" in (response.header("content-type") or ""):
        return  # it may stand there in another spelling
    said = body.lower()
    match outcome:
        case True:
            assert b"user exists" in said
        case int():
            assert str(outcome).lstrip("-").encode() in body
        case models.TopUp():
            assert b"successful" in said
            assert str(outcome.count).encode() in body
        case []:
            assert b"[" in body or b"<" in body
        case [*items]:
            for item in items:
                if isinstance(item, SentMessage) and item.outcome is Outcome.ACCEPTED:
                    assert b"111" in body or b"successful" in said
                if isinstance(item, (models.SubUser, models.ResellerClient)):
                    assert str(item.sms_balance).lstrip("-").encode() in body


def _told_again(call: models.Call[Any], outcome: Any, form: Form) -> None:
    for dialect in (legacy, v2):
        if call.operation not in dialect.KEYS:
            continue
        if not isinstance(outcome, MSpaceError):
            again = dialect.decode_reply(call, dialect.encode_reply(call, outcome, form))
            assert _gist(again) == _gist(outcome), (dialect.__name__, form)
            continue
        written = [dialect.encode_reply(call, outcome, form)] if isinstance(outcome, ServiceError) else []
        if dialect is legacy:
            written.append(failed(call, outcome, form))
        for reply in written:
            success = _attempt(lambda: (dialect.decode_reply(call, reply),), ServiceError, ReplyError)  # noqa: B023
            assert success is None, f"a failure became {success} in {dialect.__name__}, {form}, {reply.body!r}"


def _gist(outcome: Any) -> Any:
    """What of an outcome every form can carry: without texts."""
    if isinstance(outcome, list):
        return [_gist(item) for item in outcome]
    if isinstance(outcome, SentMessage):
        return outcome.outcome
    if isinstance(outcome, (models.SubUser, models.ResellerClient)):
        return outcome.sms_balance
    if isinstance(outcome, models.TopUp):
        return outcome.count
    if isinstance(outcome, models.DeliveryReport):
        return outcome.delivered
    return outcome


@_target(_reply_seeds, words.REPLY)
def jar_entities(data: bytes) -> None:
    """Each response type of the jar surface, out of any body."""
    (status, content_type), body = _choose(data, _STATUSES, _TYPES)
    reply = Response(status, body, (("Content-Type", content_type),))
    call = tuple(CALLS.values())[len(body) % len(CALLS)]
    request = Request("GET", "http://h/password=pw", secrets=(Secret("pw"),))
    for kind in (str, bytes, dict, list, Element, models.SubUser, list[SentMessage], models.TopUp):
        response = JarResponse(call, request, reply)
        assert "pw" not in str(response)
        _attempt(lambda: response.readEntity(kind), ServiceError, ReplyError, ProcessingException)  # noqa: B023


# Documents and addresses


def _json_seeds() -> list[bytes]:
    bodies = [body for body in KNOWN_BODIES if body[:1] in (b"[", b"{")]
    return [*bodies, b'{"a": [1, -2.5e3, true, null, "\\ud83d\\ude00"]}', b'{"a": 1, "a": 2}', b"[[[[[[1]]]]]]"]


@_target(_json_seeds, words.DOCUMENT)
def json_documents(data: bytes) -> None:
    """A value is that of the standard library; writing and reading it again gives the same."""
    text = _text(data)
    value = _attempt(lambda: (parse_json(text),), Unreadable)
    unique = _attempt(lambda: (parse_json(text, unique=True),), Unreadable)
    if value is None:
        assert unique is None
        return
    written = json.dumps(value[0])
    assert written == json.dumps(json.loads(text))
    if unique is not None:
        assert json.dumps(unique[0]) == written


def _xml_seeds() -> list[bytes]:
    bodies = [body for body in KNOWN_BODIES if body[:1] == b"<"]
    return [
        *bodies,
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='c'>\xe9<d xmlns='e'/><![CDATA[<]]>&amp;&#65;</a>",
        "\ufeff<?xml version='1.0' encoding='UTF-16'?><a>é</a>".encode("utf-16-le"),
        b"<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;'>]><a>&d;</a>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-7'?><a>+ADw-</a>",
    ]


@_target(_xml_seeds, words.DOCUMENT)
def xml_documents(data: bytes) -> None:
    """No document is deep, and none is longer than what came: nothing is expanded."""
    root = _attempt(lambda: parse_xml(data), Unreadable)
    if root is None:
        return
    size, level = 0, [root]
    for depth in range(1_000):
        size += sum(len(element.text or "") + len(element.tail or "") + len(element.attrib) for element in level)
        level = [child for element in level for child in element]
        if not level:
            assert depth < 50
            break
    assert size <= len(data)


@_target(
    [
        b"http://h",
        b"https://h:8080/mspaceservice/",
        b"http://[::1]:1/a/mspaceservice/wr/sms/",
        b"http://u:p@h",
        b"http://h/mspaceservice/wr/sms/balance/username=u/password=p",
    ],
    words.URL,
)
def addresses(data: bytes) -> None:
    """An address that is taken stays as it is when it is given again."""
    text = _text(data)
    for path in (legacy.PATH, v2.PATH):
        url = _attempt(lambda: service_url(text, path, name="url"), InvalidInput)  # noqa: B023
        if url is not None:
            assert url.endswith(path)
            assert service_url(url, path, name="url") == url
    accepted_form({"Accept": text}, "json")


# SMPP


def _pdu_seeds() -> list[bytes]:
    at = smpp.Tlv
    pdus: list[smpp.Pdu] = [
        smpp.BindTransmitter(sequence_number=1, system_id="demo", password=Secret("smpp-pwd")),
        smpp.BindReceiverResp(sequence_number=1, system_id="SMSC", tlvs=(at(0x0210, b"\x34"),)),
        smpp.SubmitSm(sequence_number=2, source_addr="MSPACE", destination_addr="254722000000", short_message=b"hi"),
        smpp.SubmitSm(sequence_number=3, esm_class=0x40, short_message=b"\x05\x00\x03\x07\x02\x01hi"),
        smpp.SubmitSmResp(sequence_number=2, message_id="49032372"),
        smpp.DeliverSm(
            sequence_number=4,
            esm_class=4,
            short_message=b"id:1 sub:001 dlvrd:001 submit date:2501021504 done date:2501021505 stat:DELIVRD err:000",
            tlvs=(at(0x001E, b"1\0"), at(0x0427, b"\x02"), at(0x0423, b"\x03\0\0")),
        ),
        smpp.DeliverSm(sequence_number=5, data_coding=8, tlvs=(at(0x0424, "é😀".encode("utf-16-be")),)),
        smpp.DeliverSmResp(sequence_number=4),
        smpp.Outbind(sequence_number=6, system_id="x", password=Secret("y")),
        smpp.EnquireLink(sequence_number=7),
        smpp.GenericNack(sequence_number=0, command_status=3),
        smpp.Unbind(sequence_number=8),
    ]
    octets = [smpp.encode(pdu) for pdu in pdus]
    return [*octets, b"".join(octets[2:6]), b"\0\0\0\x10" + octets[9] * 2, b"\xff" * 16 + octets[9]]


def _read_all(pieces: Iterable[bytes]) -> list[Any]:
    decoder = smpp.Decoder()
    read: list[Any] = []
    for piece in pieces:
        decoder.feed(piece)
        while not (read and read[-1] == "lost"):
            try:
                pdu = decoder.next_pdu()
            except ProtocolError as error:
                read.append((str(error), error.command_status, error.sequence_number, error.length))
                answer = smpp.answer_to(error)
                if answer is not None:
                    assert smpp.decode(smpp.encode(answer)) is not None
                if error.stream_lost:
                    read.append("lost")
                continue
            if pdu is None:
                break
            read.append(pdu)
    return read


@_target(
    _pdu_seeds,
    words.PDU,
)
def pdus(data: bytes) -> None:
    """The same PDUs however the octets are cut; what is written again is read the same; nothing else is raised."""
    read = _read_all([data])
    assert _read_all(data[at : at + 1] for at in range(len(data))) == read
    middle = len(data) // 2
    assert _read_all([data[:middle], data[middle:]]) == read
    for pdu in read:
        if isinstance(pdu, smpp.Pdu):
            again = _attempt(lambda: smpp.encode(replace(pdu, rest=b"")), InvalidInput)  # noqa: B023
            if again is not None:
                assert smpp.decode(again) == (_as_written(pdu), len(again))
            repr(pdu)
            if isinstance(pdu, (smpp.SubmitSm, smpp.DeliverSm)):
                repr(read_part(pdu).text)
            if isinstance(pdu, smpp.DeliverSm):
                repr(read_receipt(pdu))


def _as_written(pdu: smpp.Pdu) -> smpp.Pdu:
    return replace(pdu, rest=b"")


_WAYS: tuple[Literal["udh", "sar", "payload"], ...] = ("udh", "sar", "payload")


@_target(
    [
        b"0\x05\x00\x03\x07\x02\x01hi\xff\x40\x05\x00\x03\x07\x02\x02ho",
        b"8\x06\x08\x04\x01\x02\x01\x01\x00a",
        b"0plain",
    ],
    words.PART,
)
def message_parts(data: bytes) -> None:
    """Parts of texts, whatever their headers say: nothing is raised, and no text comes twice or is lost."""
    (coding, esm_class), rest = _choose(data, (0, 1, 2, 3, 4, 6, 7, 0xF0, 8), (0x40, 0, 0x43))
    pdus = [
        smpp.DeliverSm(sequence_number=1, esm_class=esm_class, data_coding=coding, short_message=octets)
        for octets in rest.split(b"\xff")
    ]
    parts = [read_part(pdu) for pdu in pdus]
    texts = reassemble(parts)
    assert sum(len(text.parts) for text in texts) <= len(parts)
    assert {part for text in texts for part in text.parts} == set(parts)
    for text in texts:
        assert text.missing or text.text is None or isinstance(text.text, str)
    message = _text(data)
    for long in ("udh", "sar", "payload"):
        written = _attempt(lambda: write_text(message, reference=7, long=long), InvalidInput)  # noqa: B023
        if written is None:
            continue
        came = [
            smpp.SubmitSm(
                sequence_number=1, data_coding=p.data_coding, esm_class=p.esm_class, short_message=p.short_message,
                tlvs=p.tlvs,
            )
            for p in written
        ]  # fmt: skip
        (whole,) = reassemble(read_part(pdu) for pdu in reversed(came))
        assert whole.text == message


@_target(
    [
        b"0id:1 sub:001 dlvrd:001 submit date:2501021504 done date:250102150405 stat:DELIVRD err:000 text:id:2",
        b"1id:0A stat:REJECTED",
        b"0" + "id:7 stat:EXPIRED".encode("utf-16-be"),
    ],
    words.RECEIPT,
)
def receipts(data: bytes) -> None:
    """A receipt is read out of any text; an id stands for itself."""
    (esm_class,), text = _choose(data, (4, 0x44, 0x20, 0))
    payload = (smpp.Tlv(smpp.Tag.MESSAGE_PAYLOAD, text),)
    receipt = read_receipt(smpp.DeliverSm(sequence_number=1, esm_class=esm_class, tlvs=payload))
    assert (receipt is None) == (esm_class == 0)
    for message_id in (receipt.message_id if receipt else "", _text(text)):
        assert id_key(id_key(message_id)) == id_key(message_id)
        if id_key(message_id):
            assert id_spellings(message_id)[0] == id_key(message_id)


# USSD


@_target(
    [
        b'0{"MSISDN": "254722123456", "SESSION_ID": "1", "SERVICE_CODE": "*123#", "USSD_STRING": "1*2"}',
        b'1{"mssdn": 772123456, "session_id": 7, "user_data": "", "USSD_STRING": null, "callback_url": "http://h"}',
    ],
    words.USSD,
)
def ussd_requests(data: bytes) -> None:
    """A step that is read is written and read the same, and its entry and number are not printed."""
    (country,), body = _choose(data, ("KE", "UG"))
    for form in (body, _text(body)):
        request = _attempt(lambda: read_request(form, country=country), RequestError)  # noqa: B023
        if request is not None:
            # A shorter one, of another country, is not known for one without its plus.
            if len(request.msisdn) > 10:
                assert read_request(write_request(request), country=country) == request
            # The code is printed, and may be anything.
            assert request.msisdn not in repr(replace(request, service_code=""))
            repr(request).encode()


@_target([b"CON Menu\n1. Balance", b"END Thank you", "CON é😀".encode()], words.USSD)
def ussd_answers(data: bytes) -> None:
    """An answer that is read fits, and is written and read the same."""
    text = _text(data)
    answer = _attempt(lambda: read_answer(text), ReplyError)
    if answer is not None:
        assert fits(answer.text)
        assert read_answer(write_answer(answer)) == answer


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _nothing_breaks() -> Iterator[None]:
    """No error is logged by ours, or by the server below."""
    heard = _Heard()
    loggers = [logging.getLogger(name) for name in ("mspace_legacy", "waitress")]
    for logger in loggers:
        logger.addHandler(heard)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(heard)
    assert not heard.records, [record.getMessage() for record in heard.records]


def _step(entry: str) -> bytes:
    return write_request(UssdRequest("254722123456", "1", "*1#", entry))


@_target(
    [
        b"00\n2\n2*50\n2*50*1\n2*50*1",
        b"10\n2\n5000\n0\n3\n98\n98\n1",
        b'01{"MSISDN": "0722123456", "SESSION_ID": "1"}\n{"MSISDN": "0733123456", "SESSION_ID": "1"}',
    ],
    words.USSD,
)
def ussd_steps(data: bytes) -> None:
    """Whatever a step holds, its answer can be shown, and nothing breaks; one that comes again is answered alike."""
    (entries, whole), rest = _choose(data, ("joined", "alone"), (False, True))
    # So slow that no session expires between a step and its repeat, however many lines there are.
    app = shop(entries=entries, repeat_window=0, clock=count(0, 0.01).__next__)
    with _nothing_breaks():
        for line in rest.split(b"\n"):
            body = line if whole else _attempt(lambda: _step(_text(line)), InvalidInput) or b""  # noqa: B023
            answer = app.respond(body)
            assert fits(read_answer(answer).text)
            if entries == "joined":
                assert app.respond(body) == answer


# Texts of settings


@_target(
    [b"balance=v2, subusers=shadow, sendtext=canary:5.125, *=legacy", b"*=v2", b"login=verify"],
    words.ROUTE,
)
def routes(data: bytes) -> None:
    """Routes as text are read back the same."""
    text = _text(data)
    read = _attempt(lambda: Routes.parse(text), InvalidInput)
    if read is not None:
        assert Routes.parse(str(read)) == read
        assert not any(models.CALLS[name].repeatable is False and read[name].mode in ("shadow", "verify")
                       for name in models.CALLS if name != "deliveryreport")  # fmt: skip


@_target(
    [
        b"sendtext=delay:2",
        b"status:503",
        b"status:" + b"9" * 5000,
        b"fail:Insufficient Balance",
        b"submit_sm=split",
        b"truncate",
    ],
    words.FAULT,
)
def faults(data: bytes) -> None:
    """A fault's argument can be used as what it is."""
    text = _text(data)
    fault = _attempt(lambda: Fault.parse(text), InvalidInput)
    if fault is not None and fault.kind == "delay":
        assert 0 <= float(fault.argument) < 3600
    if fault is not None and fault.kind.startswith("status"):
        assert 200 <= int(fault.argument) <= 599


@_target(
    [b"0722 123 456", b"+254 (0) 722-123-456", b"256772123456,0700000000", b"0044 20 7946 0000"],
    words.NUMBER,
)
def numbers(data: bytes) -> None:
    """A number that is taken is digits, and with a plus before it stays as it is when it is given again."""
    text = _text(data)
    for country in ("KE", "UG"):
        number = _attempt(lambda: msisdn.normalise(text, country=country), InvalidInput)  # noqa: B023
        if number is not None:
            assert number.isascii()
            assert number.isdecimal()
            assert msisdn.normalise(f"+{number}", country=country) == number
        several = _attempt(lambda: msisdn.recipients(text, country=country), InvalidInput)  # noqa: B023
        if several is not None:
            assert msisdn.recipients([f"+{number}" for number in several], country=country) == several
    msisdn.subscriber_number(text)


@_target(
    [b"hello", "é€[]".encode(), "😀".encode() * 80, b"\x1b\x65", b"a" * 161],
    words.GSM,
)
def segments(data: bytes) -> None:
    """Segments joined are the message, each fits, and GSM-7 is read back."""
    text = _text(data)
    cut = _attempt(lambda: sms.segments(text), InvalidInput)
    if cut is not None:
        assert "".join(cut.parts) == text
        assert (
            all(len(part.encode("utf-16-be")) <= 2 * cut.per_segment for part in cut.parts) or cut.encoding == "gsm7"
        )
        assert cut.remaining >= 0
        if cut.encoding == "gsm7":
            assert sms.decode_gsm7(sms.encode_gsm7(text)) == text
            assert all(len(sms.encode_gsm7(part)) <= cut.per_segment for part in cut.parts)
    decoded = _attempt(lambda: sms.decode_gsm7(data), InvalidInput)
    assert (decoded is not None) == data.isascii()


SECRET = "k3y/Z+q &'\"é"


@_target(
    [b"password=\x01/username=u", b'{"apikey": "\x01"}', b"<password>\x01</password>", b"apikey: \x01", b"\x01"],
    words.REDACTED,
)
def redacted(data: bytes) -> None:
    """A secret that stands in it is gone; what was masked stays so."""
    text = _text(data).replace("\x01", SECRET)
    clean = secrets.redact(text, [Secret(SECRET)])
    assert SECRET not in clean
    assert SECRET not in secrets.redact(clean, [Secret(SECRET)])
    assert "sesame" not in secrets.redact(f"{text} /password=sesame/username=u")


@_target(
    [b"scrypt$16384$8$1$" + b"A" * 44 + b"$" + b"A" * 44],
    words.VERIFIER,
)
def verifiers(data: bytes) -> None:
    """A verifier is read back the same, and its cost is bounded."""
    text = _text(data)
    verifier = _attempt(lambda: Verifier.parse(text), InvalidInput)
    if verifier is not None:
        assert Verifier.parse(str(verifier)) == verifier
        assert 128 * verifier.r * verifier.n <= 1 << 28


# Files


@cache
def _folder() -> Path:
    """One for the whole process: a fuzzer writes to it thousands of times a second."""
    folder = tempfile.mkdtemp(prefix="fuzz")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@_target(
    [
        b'[[account]]\nusername = "a"\npassword = "b"\napi_key = "c"\nbalance = 5\nsender_ids = ["S"]\n'
        b'[[account]]\nusername = "d"\npassword = "e"\napi_key = "f"\nsub_user_of = "a"\nsmpp_password = "g"\n'
    ],
    words.TOML,
)
def emulator_accounts(data: bytes) -> None:
    """An accounts file of the emulator: accounts that a ledger takes, or InvalidInput."""
    path = _file("accounts.toml", data)
    accounts = _attempt(lambda: load_accounts(path), InvalidInput)
    if accounts is not None:
        names = {account.username for account in accounts}
        assert len(names) == len(accounts)
        assert all(0 <= account.balance <= 10**15 for account in accounts)


@_target(
    [
        b'[[account]]\nusername = "a"\npassword_verifier = "scrypt$16384$8$1$'
        + b"A" * 44
        + b"$"
        + b"A" * 44
        + b'"\napi_key = "key"\n[[account]]\nusername = "b"\npassword_verifier = ""\napi_key_file = "k"'
    ],
    words.STORE,
)
def account_stores(data: bytes) -> None:
    """An account store: one that has accounts, or InvalidInput."""
    path = _file("store.toml", data)
    store = _attempt(lambda: AccountStore.load(path), InvalidInput)
    if store is not None:
        assert store.usernames


@_target(
    [
        b'accounts = "a.toml"\nmain_url = "http://h"\nroutes = "balance=v2"\nport = 1\nconnect_timeout = 5\n'
        b'trusted_proxies = ["10.0.0.0/8"]\n[routes]\n',
        b'accounts = "a"\n[routes]\n"*" = "v2"\n',
    ],
    words.SETTINGS,
)
def gateway_settings(data: bytes) -> None:
    """A settings file: settings whose numbers can be used, or InvalidInput."""
    path = _file("gateway.toml", data)
    settings = _attempt(lambda: load_settings(path), InvalidInput)
    if settings is not None:
        assert 0 <= settings.port <= 65535
        assert 0 < settings.longest_call < float("inf")


# Cassettes


def _cassette_seeds() -> list[bytes]:
    files = sorted(ROOT.glob("cassettes/*/*.yaml"))
    return [file.read_bytes() for file in files[::6]]


@_target(
    _cassette_seeds,
    words.CASSETTE,
)
def cassettes(data: bytes) -> None:
    """A cassette is played, or it is InvalidInput; whatever it was, nothing is asked of the network."""
    path = _file("cassette.yaml", data)

    def play() -> None:
        with recorder().use_cassette(path) as cassette:
            assert cassette.requests or not data.decode().strip() or b"interactions" in data, "taken for empty"
            for request in cassette.requests:
                if cassette.can_play_response_for(request):
                    cassette.play_response(request)

    _attempt(play, InvalidInput)


@_target(
    [
        b"0/password=\x01/username=u\n{}",
        b'1/balance\n{"password": "\x01"}',
        b"2/apikey=\x01/x\n<apikey>\x01</apikey>",
        b"3/recipient=254722123456\n0722123456",
    ],
    words.SCRUBBED,
)
def scrubbed(data: bytes) -> None:
    """Nothing that is written holds the secret, in whatever charset a reply says it is; scrubbing twice is once."""
    (charset, numbers), rest = _choose(
        data, ("utf-8", "latin-1", "utf-16-be", "idna", "unicode_escape", "punycode", "utf-7", "x"), (False, True)
    )
    path, _, body = rest.partition(b"\n")
    secret = SECRET.encode()
    uri = "http://h/" + path.decode("latin-1").replace("\x01", "k3yZq")
    request = RecordedRequest("POST", uri, body.replace(b"\x01", secret), {"apikey": "k3yZq", "X": "y"})
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Type": [f"text/plain; charset={charset}"]},
        "body": {"string": body.replace(b"\x01", secret)},
    }
    scrub = recorder(secrets=[SECRET, "k3yZq"], scrub_numbers=numbers).scrub
    written, reply = scrub.request(request), scrub.response(request, response)
    for text in (written.uri, str(dict(written.headers)), str(reply["headers"])):
        assert "k3yZq" not in text
    for octets in (written.body, reply["body"]["string"]):
        assert secret not in octets
        assert b"k3yZq" not in octets
    # Of a path that is none of the API's, the numbers in place of others may be counted anew.
    assert _DIGITS.sub("", scrub.request(written).uri) == _DIGITS.sub("", written.uri)
    assert scrub.response(written, reply)["body"] == reply["body"]


_DIGITS = re.compile("[0-9]+")


# The scanner

_SUFFIXES = (
    "php", "js", "py", "java", "kt", "cs", "rb", "sh", "vb", "sql", "swift", "pl", "xml", "yml", "json", "md", "any",
    "properties", "ini", "ts", "go", "dart", "html", "env", "toml", "ipynb",
)  # fmt: skip


def _scan_seeds() -> list[bytes]:
    found = []
    for path in sorted(ROOT.glob("tests/data/scan/legacy/**/*")):
        suffix = path.suffix.lstrip(".")
        if path.is_file() and path.stat().st_size < 3000:
            kind = _SUFFIXES.index(suffix) if suffix in _SUFFIXES else _SUFFIXES.index("any")
            found.append(bytes([0x30 + kind]) + path.read_bytes())
    return found


@_target(
    _scan_seeds,
    words.SOURCE,
)
def scanned(data: bytes) -> None:
    """Each finding lies in the file, and says nothing of what stands there but the name of an operation."""
    (suffix,), source = _choose(data, _SUFFIXES)
    path = _file(f"source.{suffix}", source)
    for encoding in ("utf-8", "utf-16", "utf-32", "cp1252"):
        last = _attempt(lambda: source.decode(encoding).count("\n") + 1, UnicodeDecodeError)  # noqa: B023
        if last is not None:
            break
    for finding in scan([path], notes=True):
        assert 1 <= finding.line <= max(last or 0, source.count(b"\n") + 1)
        assert 1 <= finding.column <= len(source) + 1
        assert finding.operation in ("", *CALLS, "close")
    path.unlink()


# The server, and the client's side of a connection


@cache
def _server(liberal: bool) -> Server:
    return Server(Emulator(), threads=1, liberal=liberal).__enter__()


def _exchanges() -> list[bytes]:
    found = []
    for exchange in _cassettes()[::5]:
        request = exchange["request"]
        body = (request["body"] or "").encode()
        target = request["uri"].partition("127.0.0.1")[2]
        head = f"{request['method']} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value[0]}\r\n" for name, value in request["headers"].items())
        found.append(b"0" + head.encode() + b"\r\n" + body)
    return [
        *found,
        b"1GET /mspaceservice/wr/sms/balance/username=a b/password=\xe9 HTTP/1.0\r\n\r\n",
        b"0POST /smsapi/v2/balance HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"0GET http://x/ HTTP/1.1\r\nHost: [\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    ]


@_target(
    _exchanges,
    words.HTTP,
)
def http_requests(data: bytes) -> None:
    """Whatever comes over a connection, there is a reply or a close, and nothing breaks in the server."""
    (liberal,), octets = _choose(data, (False, True))
    port = _server(liberal).port
    with _nothing_breaks(), socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionResetError, BrokenPipeError):
            received = b""
    assert not received or received.startswith(b"HTTP/1.")


_REPLIES = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX: 1\r\nX:2\r\n\r\n50",
    b"HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n50\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nX: y\r\n folded\r\nnone\r\nContent-Length : 2\r\n\r\n50",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nFrom x\r\n: y\r\nX: \r\x0b\xe9\n\n50",
)


@_target(_REPLIES, (*words.HTTP, b"HTTP/1.1 ", b"HTTP/0.9", b" 204", b" 103", b"identity", b"Keep-Alive"))
def reply_heads(data: bytes) -> None:
    """A head whose lines are headers is read as http.client reads it, or not at all."""
    ours, theirs = _begun(partial(Reply, room=1 << 20), data), _begun(HTTPResponse, data)
    if ours is None:
        return
    if theirs is None:
        # It does not know a number behind which only white space of Unicode stands.
        assert ours.reason == ""
        return
    # Its parser is for mail, and goes its own way behind such lines.
    odd = ours.headers.defects or theirs.headers.defects or b"\r" in data.replace(b"\r\n", b"")
    # Nor does http.client read a coding, or what the connection is to be, but from one line of one member.
    codings = [coding.lower() for coding in theirs.headers.get_all("transfer-encoding", [])]
    odd = odd or codings not in ([], ["chunked"])
    options = re.split("[ \t]*,[ \t]*", ",".join(ours.headers.get_all("connection", [])).lower())
    assert ours.will_close or "close" not in options
    if not (odd or theirs.status < 200 or re.search(rb"\n[ \t]|[ \t]:|\nFrom ", data)):
        for name in ("version", "status", "reason", "chunked"):
            assert getattr(ours, name) == getattr(theirs, name) or (name, ours.length) == ("chunked", 0)
        assert ours.headers.items() == [(name, value.strip(" \t")) for name, value in theirs.headers.items()]
        assert ours.length == theirs.length or theirs.length is None
        if not {"connection", "keep-alive", "proxy-connection"}.intersection(map(str.lower, ours.headers.keys())):
            assert ours.will_close == theirs.will_close or theirs.length != ours.length or ours.chunked
    body = _attempt(lambda: ours.read(1 << 20), HTTPException, ValueError)
    assert body is None or len(body) <= len(data)


def _begun(kind: Callable[[socket.socket], HTTPResponse], data: bytes) -> HTTPResponse | None:
    """The reply that is read of `data`, as far as its body."""
    near, far = socket.socketpair()
    with near:
        with far:
            far.sendall(data[: 1 << 16])
        reply = kind(near)
        try:
            reply.begin()
        except (HTTPException, ValueError):
            reply.close()
            return None
        return reply
