"""The legacy path API: `GET {main_url}/mspaceservice/wr/sms/{operation}/{key}={value}/...`.

Source: the vendor's documentation, except where a comment says that a form is a guess. The forms of a reply in
XML, and which HTTP status carries a failure, are not documented: what is written here is one of those that are
read.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from mspace_legacy.errors import AuthenticationError, MSpaceError, RequestError, ServiceError, Unsupported
from mspace_legacy.models import Call, DeliveryReport, Outcome, ResellerClient, SentMessage, SubUser
from mspace_legacy.secrets import Secret
from mspace_legacy.wire.addresses import service_url
from mspace_legacy.wire.dialect import Incoming, call_of, path_below, sentence, wire_text
from mspace_legacy.wire.documents import MEDIA_TYPES, Form, accepted_form, answer, xml_leaf, xml_list, xml_safe
from mspace_legacy.wire.http import Request, Response
from mspace_legacy.wire.replies import ACCEPTED_WORD, decode_reply, failure_text, outcome_of
from mspace_legacy.wire.segments import decode_segments, encode_segments, read_segments

__all__ = [
    "KEYS",
    "OPERATIONS",
    "PATH",
    "base_url",
    "decode_reply",
    "decode_request",
    "encode_reply",
    "encode_request",
]

PATH = "/mspaceservice/wr/sms"

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "balance": (),
    "sendtext": (("senderid", "sender_id"), ("recipient", "recipients"), ("message", "message")),
    "subusers": (),
    "resellerclients": (),
    "resellerclienttopup": (("clientname", "name"), ("noofsms", "count")),
    "subacctopup": (("subaccname", "name"), ("noofsms", "count")),
    "login": (),
    "deliveryreport": (("messageid", "message_id"),),
}
"""The keys of each operation, in the documented order, after `username` and `password`; and the field of the
call that each one carries."""

_OURS = ("deliveryreport",)
"""What the vendor's legacy API does not have: requests of this form are answered by this library's adapter alone."""

OPERATIONS = tuple(operation for operation in KEYS if operation not in _OURS)
"""What the vendor's legacy API has."""

_FORMS: dict[str, Form] = {"balance": "text", "login": "text", "resellerclienttopup": "xml"}
"""The form in which the jar's documentation asks for each; elsewhere JSON. A server may offer no other."""

_AUTHENTICATION_FAILURE = {
    "balance": "Error 100: Authentication Failure",
    "sendtext": "Athentication failure",
    "resellerclienttopup": "Athentication failure",
    "subacctopup": "Athentication failure",
}
"""As documented, spelling and all; elsewhere it is `Authentication failure`."""


def base_url(main_url: str) -> str:
    """`main_url`, with or without the service's path, as the URL that requests start with."""
    return service_url(main_url, PATH, name="main_url")


def encode_request(
    call: Call[Any], password: Secret, *, base: str, form: Form | None = None, ours: bool = False
) -> Request:
    """The request for `call`.

    :param base: from `base_url`.
    :param form: what the Accept header asks for; by default the form in which the jar is documented to ask.
    :param ours: the adapter will answer it, which has delivery reports too.
    :raises Unsupported: this API does not have the operation.
    :raises InvalidInput: a text with half of a surrogate pair in it.
    """
    keys = KEYS[call.operation]
    if call.operation in _OURS and not ours:
        raise Unsupported(f"the legacy API has no {call.operation}: ask the v2 API")
    path = encode_segments(
        [
            ("username", call.username),
            ("password", password.reveal()),
            *[(key, wire_text(getattr(call, name))) for key, name in keys],
        ]
    )
    return Request(
        "GET",
        f"{base}/{call.operation}/{path}",
        {"Accept": MEDIA_TYPES[form or _FORMS.get(call.operation, "json")]},
        repeatable=call.repeatable,
        operation=call.operation,
        username=call.username,
        secrets=(password,),
    )


def decode_request(request: Request, *, ours: bool = False, liberal: bool = False) -> Incoming:
    """What a request asks for, as a server reads it.

    :param ours: as for `encode_request`.
    :param liberal: read what integrators write by hand; see `read_segments`. The message is the last key, and
        everything after `message=` is the message.
    :raises RequestError: not in the documented form. The message says where, without any value.
    """
    operation, _, segments = path_below(request.url, PATH, liberal=liberal).partition("/")
    if operation not in KEYS or (operation in _OURS and not ours):
        raise RequestError(f"there is no such operation: there are {', '.join(OPERATIONS)}", status=404)
    if request.method != "GET":
        raise RequestError(f"the method is {request.method}; the legacy API takes GET", status=405)
    keys = KEYS[operation]
    expected = ["username", "password", *(key for key, _ in keys)]
    username, password, *values = (
        read_segments(segments, expected, open_ended=expected[-1] == "message")
        if liberal
        else decode_segments(segments, expected)
    )
    names = [name for _, name in keys]
    call = call_of(operation, {"username": username, **dict(zip(names, values, strict=True))})
    return Incoming(call, Secret(password), accepted_form(request.headers, "text"))


def encode_reply(call: Call[Any], outcome: Any, form: Form) -> Response:
    """The reply that tells `outcome`, a model or a `ServiceError`, as the legacy API writes it."""
    if isinstance(outcome, AuthenticationError):
        return answer(200, form, _AUTHENTICATION_FAILURE.get(call.operation, "Authentication failure"))
    if isinstance(outcome, ServiceError):
        told = answer(200, form, failure_text(outcome))
        return told if _tells_a_failure(call, told) else answer(200, form, failure_text(type(outcome)("")))
    if isinstance(outcome, list):
        records = [_record(item) for item in outcome]
        name = _ELEMENTS[call.operation]
        return answer(200, form, xml_list(f"{name}s", name, records) if form == "xml" else json.dumps(records))
    text = sentence(outcome)
    return answer(200, form, xml_leaf(call.operation, xml_safe(text)) if form == "xml" else text)


def _tells_a_failure(call: Call[Any], told: Response) -> bool:
    """Whether it is read as one: a service may have refused in the very words of a success, such as `50`."""
    try:
        decode_reply(call, told)
    except MSpaceError:
        return True
    return False


_ELEMENTS = {"sendtext": "message", "subusers": "subUser", "resellerclients": "client", "deliveryreport": "report"}
"""The element of a record in XML: a guess, as no XML of this API has been seen."""


def _record(item: Any) -> dict[str, str]:
    match item:
        case SubUser():
            return {"smsBalance": str(item.sms_balance), "subUserName": item.name}
        case ResellerClient():
            return {"smsBalance": str(item.sms_balance), "clientname": item.name}
        case SentMessage():
            time = item.response_time
            return {
                "messageId": item.message_id,
                **({"responseTime": _time(time)} if time else {}),
                "status": _status(item),
            }
        case DeliveryReport():
            return {
                "messageId": item.message_id,
                "recipient": item.recipient,
                "status": item.status,
                "statusDescription": item.description,
            }
    raise TypeError(f"the legacy API has no reply for a {type(item).__name__}")


def _time(moment: datetime) -> str:
    # The vendor's example has a colon before the milliseconds.
    return f"{moment:%Y-%m-%d %H:%M:%S}:{moment.microsecond // 1000:03}"


def _status(message: SentMessage) -> str:
    """The word that is read back as the same outcome: the service's own, where it is."""
    if message.outcome is Outcome.ACCEPTED:
        return ACCEPTED_WORD
    if outcome_of(message.words) is message.outcome:
        return message.words
    if message.outcome is Outcome.UNKNOWN:
        return "unknown"
    told = f"failed: {message.words}"
    return told if outcome_of(told) is Outcome.REJECTED else "failed"
