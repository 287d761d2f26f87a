"""The v2 API: `{base_url}/smsapi/v2/{operation}` with an `apikey` header, in three styles of request.

Source: the vendor's documentation for requests, integrators' code for most replies, as WIRE says field by field.
What a reply looks like in XML, and how a failure is told, are guesses: what is written here is one of the forms
that are read.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from mspace_legacy.errors import InvalidInput, RequestError, ServerError, ServiceError, Unsupported
from mspace_legacy.models import Call, DeliveryReport, Outcome, ResellerClient, SentMessage, SubUser
from mspace_legacy.secrets import Secret
from mspace_legacy.wire.addresses import service_url
from mspace_legacy.wire.dialect import Incoming, call_of, path_below, sentence, wire_text
from mspace_legacy.wire.documents import (
    MEDIA_TYPES,
    Form,
    Unreadable,
    accepted_form,
    answer,
    local_name,
    parse_json,
    parse_xml,
    xml_leaf,
    xml_list,
    xml_record,
    xml_safe,
)
from mspace_legacy.wire.http import Request, Response, header
from mspace_legacy.wire.replies import ACCEPTED_CODE, decode_reply, failure_text, outcome_of
from mspace_legacy.wire.segments import decode_segments, encode_segments, lone_surrogate

__all__ = [
    "BASE_URL",
    "KEYS",
    "PATH",
    "ROOTS",
    "STYLES",
    "Style",
    "base_url",
    "checked_key",
    "decode_reply",
    "decode_request",
    "encode_reply",
    "encode_request",
]

PATH = "/smsapi/v2"
BASE_URL = "https://api.mspace.co.ke" + PATH
"""Where the vendor serves it."""

Style = Literal["json", "xml", "path"]
STYLES: tuple[Style, ...] = ("json", "xml", "path")
"""POST with JSON, POST with XML, or GET with everything in the path, the key too."""

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "sendtext": (("senderId", "sender_id"), ("recipient", "recipients"), ("message", "message")),
    "deliveryreport": (("messageId", "message_id"),),
    "balance": (),
    "subusers": (),
    "resellerclients": (),
    "subacctopup": (("subaccname", "name"), ("noOfSms", "count")),
    "resellerclienttopup": (("clientname", "name"), ("noOfSms", "count")),
}
"""The keys of each operation's body, in the documented order, after `username`; and the field of the call that
each one carries."""

ROOTS = {
    "sendtext": "sms",
    "deliveryreport": "dlr",
    "balance": "user",
    "subusers": "user",
    "resellerclients": "user",
    "subacctopup": "subAccTopups",
    "resellerclienttopup": "resellerClientTopups",
}
"""The element that holds each operation's keys in XML."""

_PATH_SPELLING = {"noOfSms": "noofsms"}
"""The one key that the vendor's page spells otherwise in a path than in a body."""


def base_url(url: str) -> str:
    """`url`, with or without the service's path, as the URL that requests start with."""
    return service_url(url, PATH, name="base_url")


def encode_request(call: Call[Any], api_key: Secret, *, base: str, style: Style = "json") -> Request:
    """The request for `call`.

    :param base: from `base_url`.
    :raises Unsupported: this API does not have the operation.
    :raises InvalidInput: a text that the style can't carry: half of a surrogate pair, or a control character in
        XML; or an API key that no header can hold.
    """
    keys = KEYS.get(call.operation)
    if keys is None:
        raise Unsupported(f"the v2 API has no {call.operation}: a balance call tells whether the key is good")
    fields = {"username": call.username, **{key: getattr(call, name) for key, name in keys}}
    url = f"{base}/{call.operation}"
    if style == "path":
        pairs = [(_PATH_SPELLING.get(key, key), wire_text(value)) for key, value in fields.items()]
        return Request(
            "GET",
            f"{url}/{encode_segments([('apikey', api_key.reveal()), *pairs])}",
            {"Accept": MEDIA_TYPES["json"]},
            repeatable=call.repeatable,
            operation=call.operation,
            username=call.username,
            secrets=(api_key,),
        )
    return Request(
        "POST",
        url,
        {"apikey": checked_key(api_key).reveal(), "Content-Type": MEDIA_TYPES[style], "Accept": MEDIA_TYPES[style]},
        _body(style, call.operation, fields),
        repeatable=call.repeatable,
        operation=call.operation,
        username=call.username,
        secrets=(api_key,),
    )


def checked_key(api_key: Secret) -> Secret:
    """`api_key`, which a header can hold.

    :raises InvalidInput: none can; without it.
    """
    if not _fits_a_header(api_key.reveal()):
        raise InvalidInput(
            "the API key is empty, or holds a space at an end, a control character or one beyond ASCII, which no "
            "header can hold: copy it again"
        )
    return api_key


def _fits_a_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and text == text.strip()


def _body(style: Style, operation: str, fields: dict[str, Any]) -> bytes:
    texts = {key: value if isinstance(value, int) else wire_text(value) for key, value in fields.items()}
    for key, value in texts.items():
        if isinstance(value, str) and (wrong := lone_surrogate(key, value)):
            raise wrong
    document = json.dumps(texts, ensure_ascii=False) if style == "json" else xml_record(ROOTS[operation], texts)
    return document.encode()


def decode_request(request: Request) -> Incoming:
    """What a request asks for, as a server reads it.

    :raises RequestError: not in one of the documented forms. The message says where, without any value.
    """
    operation, slash, segments = path_below(request.url, PATH).partition("/")
    if operation not in KEYS:
        raise RequestError(f"there is no such operation: there are {', '.join(KEYS)}", status=404)
    if request.method == "GET":
        return _decode_path(operation, segments, accepted_form(request.headers, "json"))
    if request.method != "POST":
        raise RequestError(f"the method is {request.method}; the v2 API takes GET and POST", status=405)
    if slash:
        raise RequestError(f"a POST goes to {PATH}/{operation}, without a path behind it", status=404)
    media_type = (header(request.headers, "content-type") or "").partition(";")[0].strip().lower()
    if media_type not in (MEDIA_TYPES["json"], MEDIA_TYPES["xml"]):
        shown = media_type if media_type.isascii() and media_type.isprintable() else "something else"
        raise RequestError(f"Content-Type is {shown!r}; it should be application/json or application/xml", status=415)
    key = header(request.headers, "apikey")
    if key is None:
        raise RequestError("the header apikey is missing", status=401)
    form: Form = "json" if media_type == MEDIA_TYPES["json"] else "xml"
    try:
        fields = _from_json(request.body or b"") if form == "json" else _from_xml(request.body or b"", operation)
    except Unreadable as problem:
        reason = str(problem)
    else:
        return Incoming(_call(operation, fields), Secret(key), accepted_form(request.headers, form))
    raise RequestError(f"the body is {reason}")


def _decode_path(operation: str, segments: str, form: Form) -> Incoming:
    keys = [_PATH_SPELLING.get(key, key) for key, _ in KEYS[operation]]
    secret, username, *values = decode_segments(segments, ["apikey", "username", *keys])
    names = [name for _, name in KEYS[operation]]
    call = call_of(operation, {"username": username, **dict(zip(names, values, strict=True))})
    return Incoming(call, Secret(secret), form)


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise Unreadable("not UTF-8")
    value = parse_json(text, unique=True)
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def _from_xml(body: bytes, operation: str) -> dict[str, Any]:
    root = parse_xml(body)
    if local_name(root) != ROOTS[operation]:
        raise Unreadable(f"not an element {ROOTS[operation]}, which {operation} takes")
    fields: dict[str, Any] = {}
    for child in root:
        name = local_name(child)
        if len(child) or name in fields:
            raise Unreadable(f"not one text for each element of {ROOTS[operation]}")
        fields[name] = child.text or ""
    return fields


def _call(operation: str, fields: dict[str, Any]) -> Call[Any]:
    names = {"username": "username", **dict(KEYS[operation])}
    expected = f"expected {', '.join(names)}"
    for key in names:
        if key not in fields:
            near = next((given for given in fields if given.lower() == key.lower()), None)
            raise RequestError(f"{key} is spelt {near}: {expected}" if near else f"{key} is missing: {expected}")
    if len(fields) > len(names):
        raise RequestError(f"there are {len(fields) - len(names)} keys too many: {expected}")
    for key, value in fields.items():
        is_text = isinstance(value, str)
        if not is_text and not (key == "noOfSms" and isinstance(value, int) and not isinstance(value, bool)):
            raise RequestError(f"{key} is a {type(value).__name__}, not a text: {expected}")
        if is_text and lone_surrogate(key, value):
            raise RequestError(f"{key} holds half of a surrogate pair")
    return call_of(operation, {names[key]: value for key, value in fields.items()})


def encode_reply(call: Call[Any], outcome: Any, form: Form) -> Response:
    """The reply that tells `outcome`, a model or a `ServiceError`, as the v2 API writes it."""
    if isinstance(outcome, ServiceError):
        status = 500 if isinstance(outcome, ServerError) else 400
        text = failure_text(outcome)
        return answer(
            status, form, xml_leaf("error", xml_safe(text)) if form == "xml" else json.dumps({"error": text})
        )
    if not isinstance(outcome, list):
        text = sentence(outcome)
        return answer(200, form, xml_leaf("response", xml_safe(text)) if form == "xml" else text)
    records = [_record(item) for item in outcome]
    if form == "xml":
        root, name = _ELEMENTS[call.operation]
        return answer(200, form, xml_list(root, name, records))
    enveloped = call.operation in ("sendtext", "deliveryreport")
    return answer(200, form, json.dumps({"message": records} if enveloped else records))


_ELEMENTS = {
    "sendtext": ("messages", "message"),
    "deliveryreport": ("messages", "message"),
    "subusers": ("subUsers", "subUser"),
    "resellerclients": ("clients", "client"),
}
"""Root and element of the records in XML. `client` has been seen; the rest are guesses."""


def _record(item: Any) -> dict[str, Any]:
    match item:
        case SubUser():
            return {"smsBalance": str(item.sms_balance), "subAccUser": item.name}
        case ResellerClient():
            return {"clientUserName": item.name, "smsBalance": str(item.sms_balance)}
        case SentMessage():
            status, description = _told(item)
            return {
                "messageId": item.message_id,
                "recipient": item.recipient,
                "status": status,
                "statusDescription": description,
            }
        case DeliveryReport():
            return {
                "messageId": item.message_id,
                "recipient": item.recipient,
                "status": item.status if _code(item.status) is None else _code(item.status),
                "statusDescription": item.description,
            }
    raise TypeError(f"the v2 API has no reply for a {type(item).__name__}")


_REJECTED_CODE = 0
"""The vendor's codes for a message that it does not take are not known; this is none that means success."""


def _told(message: SentMessage) -> tuple[int | str, str]:
    """Status and words that are read back as the same outcome: the service's own, where they are."""
    if message.outcome is Outcome.ACCEPTED:
        return int(ACCEPTED_CODE), "Message sent successfully"
    if message.outcome is Outcome.UNKNOWN:
        same = outcome_of(message.status, message.words) is Outcome.UNKNOWN
        return message.status if same else "unknown", message.words
    code = _code(message.status)
    status = _REJECTED_CODE if code is None or str(code) == ACCEPTED_CODE else code
    same = outcome_of(str(status), message.words) is Outcome.REJECTED
    return status, message.words if same else "failed"


def _code(status: str) -> int | None:
    """A status that is a number, as one: of nine digits at most, written in the one way that reads back."""
    short = len(status) <= 9 and status.isascii() and status.isdecimal()
    return int(status) if short and status == str(int(status)) else None
