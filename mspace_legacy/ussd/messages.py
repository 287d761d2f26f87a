"""What passes between the vendor and a callback: a request for each step, and `CON ...` or `END ...`. Pure.

For each step of a session the vendor POSTs a JSON object to the client's URL: MSISDN, SESSION_ID, SERVICE_CODE,
USSD_STRING (also written USER_DATA) and CALLBACK_URL. Whether the entry is the last one alone or all of them joined
by `*` is not documented; that is not this module's business.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from mspace_legacy import msisdn as numbers
from mspace_legacy import sms
from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import InvalidInput, ReplyError, RequestError, WrongType
from mspace_legacy.wire.documents import Unreadable, parse_json

__all__ = [
    "DEFAULT_LIMIT",
    "LARGEST_BODY",
    "UNSHOWABLE",
    "Answer",
    "Continue",
    "End",
    "Entries",
    "UssdRequest",
    "check_text",
    "fits",
    "read_answer",
    "read_request",
    "write_answer",
    "write_request",
]

DEFAULT_LIMIT = 182
"""Characters of the GSM 7-bit alphabet: what 160 octets hold (3GPP TS 23.038, sections 4 and 6.1.2.3)."""

LARGEST_BODY = 16_384
"""Octets of a request's body. The vendor's are of some hundred."""

Entries = Literal["joined", "alone"]
"""What the entry of a request holds: all of the session's entries with `*` between them, or the last one."""

_LONGEST_ID = 256
_NUMBER = re.compile("[1-9][0-9]{7,14}")
_SURROGATE = re.compile("[\ud800-\udfff]")
UNSHOWABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Every control character but the newline, which a menu needs; and what is no character."""

_NAMES: dict[str, tuple[str, ...]] = {
    # The vendor's text writes the first once without its I, and the fourth in two ways.
    "msisdn": ("MSISDN", "MSSDN"),
    "session_id": ("SESSION_ID",),
    "service_code": ("SERVICE_CODE",),
    "entry": ("USSD_STRING", "USER_DATA"),
    "callback_url": ("CALLBACK_URL",),
}


@dataclass(frozen=True, slots=True, repr=False)
class UssdRequest:
    """One step of a session, as the vendor tells of it.

    `msisdn` is who dialled, digits only with the country code; `session_id` stands for the session, `service_code`
    for what was dialled, and is empty where the vendor left it out. `entry` is what the user entered, as it came:
    empty at the first step. It may be a PIN, so it is not printed, nor is the whole number.

    :raises InvalidInput: the number is not in that form, the session id is empty or longer than 256 characters, or a
        text holds a lone surrogate.
    """

    msisdn: str
    session_id: str
    service_code: str
    entry: str
    callback_url: str = ""

    def __post_init__(self) -> None:
        for name, (shown, *_) in _NAMES.items():
            value = getattr(self, name)
            if not isinstance(value, str):
                raise WrongType(f"{name}: expected str, not {type(value).__name__}")
            if problem := _problem(name, value):
                raise InvalidInput(f"{name} ({shown}) {problem}")

    def __repr__(self) -> str:
        return (
            f"UssdRequest(msisdn='...{self.msisdn[-2:]}', service_code={self.service_code[:20]!r}, "
            f"entry of {len(self.entry)} characters)"
        )


def _problem(name: str, value: str) -> str:
    """What is wrong with it, without the value."""
    if _SURROGATE.search(value):
        return "holds a lone surrogate, which is no character"
    if name == "msisdn" and not _NUMBER.fullmatch(value):
        return "is not a number of 8 to 15 digits with its country code and nothing else"
    if name == "session_id" and not 0 < len(value) <= _LONGEST_ID:
        return f"has {len(value)} characters: 1 to {_LONGEST_ID} are needed"
    return ""


@dataclass(frozen=True, slots=True)
class Continue:
    """Show `text` and ask for another entry: `CON text`.

    :param limit: how long the text may be, in characters of the GSM 7-bit alphabet; see `fits`.
    :raises InvalidInput: the text is blank, longer than that, or holds a control character other than a newline.
    """

    text: str
    limit: int = field(default=DEFAULT_LIMIT, kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_text(self.text, self.limit)


@dataclass(frozen=True, slots=True)
class End:
    """Show `text` and end the session: `END text`. As `Continue` otherwise."""

    text: str
    limit: int = field(default=DEFAULT_LIMIT, kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_text(self.text, self.limit)


Answer = Continue | End
"""What a callback says to a step."""


def fits(text: str, limit: int = DEFAULT_LIMIT) -> bool:
    """Whether a handset can be sent `text` as one USSD string, as the network counts it.

    A string has 160 octets at most: 182 characters of the GSM 7-bit alphabet, where those of the extension table such
    as `€` and `[` count twice, or 80 16-bit units where any character is not of that alphabet. With another `limit`,
    which is in 7-bit characters, the octets are as many as those take. `CON ` and `END ` are not counted: the handset
    never sees them. 3GPP TS 23.038, sections 4, 5 and 6.1.2.3; that the vendor counts so is our reading.
    """
    used, room, _ = _used(text, limit)
    return used <= room


def _used(text: str, limit: int) -> tuple[int, int, str]:
    size = sms.segments(text)
    if size.encoding == "gsm7":
        return size.units, limit, "characters"
    octets = -(-limit * 7 // 8)
    return size.units, octets // 2, "16-bit units, as one of its characters is not in the GSM 7-bit alphabet"


def check_text(text: str, limit: int = DEFAULT_LIMIT) -> None:
    """That `text` can be shown.

    :raises InvalidInput: it is blank, too long, or holds a control character; the message does not hold the text.
    """
    if not isinstance(text, str):
        raise WrongType(f"text: expected str, not {type(text).__name__}")
    at_least_one("limit", limit)
    if not text.strip():
        raise InvalidInput("text: is empty; a handset has nothing to show")
    if wrong := UNSHOWABLE.search(text):
        raise InvalidInput(
            f"text: character {wrong.start() + 1} is U+{ord(wrong[0]):04X}; neither lone surrogates nor control "
            "characters can be shown, but for the newline"
        )
    used, room, units = _used(text, limit)
    if used > room:
        raise InvalidInput(f"text: is too long; it takes {used} of {room} {units}")


def write_request(request: UssdRequest) -> bytes:
    """The body of a step, with the names that the vendor documents."""
    members = {shown: getattr(request, name) for name, (shown, *_) in _NAMES.items()}
    return json.dumps(members).encode("ascii")


def read_request(body: bytes | str, *, country: str = "KE") -> UssdRequest:
    """The step that a body tells of.

    Taken are the names in any case, either name of the entry, values that are texts or numbers, and other members
    beside them. An entry, a service code or a callback URL that is null or missing is empty. The number may be
    international or local, as `msisdn.normalise` has it, with `country` for the local ones.

    :raises RequestError: anything else, such as what is no JSON object, more than 16,384 octets, a name that comes
        twice, or a number that is none. The message names the member and never holds a value.
    """
    members = _members(body)
    values = {name: _value(members, name, spellings) for name, spellings in _NAMES.items()}
    try:
        values["msisdn"] = numbers.normalise(values["msisdn"], country=country)
    except InvalidInput:
        number = ""
    else:
        number = values["msisdn"]
    if not number:
        raise RequestError("MSISDN is missing, or is not a number such as 254722123456")
    for name, (shown, *_) in _NAMES.items():
        if problem := _problem(name, values[name]):
            raise RequestError(f"{shown} {problem}")
    return UssdRequest(**values)


def _members(body: bytes | str) -> dict[str, Any]:
    """The members of a JSON object, by their names in capitals."""
    if not isinstance(body, (bytes, bytearray, str)):
        raise RequestError(f"the body is of type {type(body).__name__}: bytes or str are read")
    if len(body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body) > LARGEST_BODY:
        raise RequestError(f"the body is longer than {LARGEST_BODY} octets", status=413)
    try:
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
        document = parse_json(text, unique=True, numbers_as_text=True)
    except (Unreadable, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        raise RequestError("the body is not a JSON object in UTF-8, with each name once")
    members = {name.upper(): value for name, value in document.items()}
    if len(members) < len(document):
        raise RequestError("the body has a name twice, in capitals and in small letters")
    return members


def _value(members: dict[str, Any], name: str, spellings: tuple[str, ...]) -> str:
    values: set[str] = set()
    for spelling in spellings:
        value = members.get(spelling)
        if value is None:
            continue
        if not isinstance(value, str):
            raise RequestError(f"{spelling} is neither a text nor a number")
        values.add(value)
    values.discard("")
    if len(values) > 1:
        raise RequestError(f"{' and '.join(spellings)} are both there, and differ")
    return values.pop() if values else ""


def write_answer(answer: Answer) -> str:
    """The text of an answer: `CON ...` or `END ...`."""
    return f"{'CON' if isinstance(answer, Continue) else 'END'} {answer.text}"


_KINDS: dict[str, type[Continue] | type[End]] = {"CON ": Continue, "END ": End}


def read_answer(text: str, *, limit: int = DEFAULT_LIMIT) -> Answer:
    r"""The answer that a callback gave; `\r\n` in it is a newline.

    :raises ReplyError: it does not begin with `CON ` or `END `, or what follows can't be shown; see `check_text`. The
        vendor ends the session at such an answer.
    """
    kind = _KINDS.get(text[:4])
    if kind is None:
        problem = "begins with neither 'CON ' nor 'END '" if text else "is empty"
    else:
        try:
            return kind(text[4:].replace("\r\n", "\n"), limit=limit)
        except InvalidInput as error:
            problem = f"can't be shown: {error}"
    raise ReplyError(f"the answer {problem}", body=text)
