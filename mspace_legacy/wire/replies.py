"""Reading a reply: either API, any of the forms that are known, to a model or to one of our errors.

Both APIs share this reader, as each has been seen to answer in the other's form. A body is told apart by what it
is (XML, JSON, text), not by its Content-Type, then searched for the fields of the model by name, in both
spellings. What is not found is never made up: it is a failure that the service told, or a `ReplyError`.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mspace_legacy import errors
from mspace_legacy.errors import MSpaceError, ReplyError, ServerError, ServiceError, outcome_unknown
from mspace_legacy.models import (
    Call,
    DeliveryReport,
    DeliveryReports,
    Outcome,
    ResellerClient,
    SendText,
    SentMessage,
    SubUser,
    TopUp,
    TopUpCall,
)
from mspace_legacy.secrets import redact
from mspace_legacy.wire.documents import Unreadable, local_name, parse_json, parse_xml
from mspace_legacy.wire.http import Response

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "ACCEPTED_CODE",
    "ACCEPTED_WORD",
    "SAME_FIELDS",
    "Content",
    "content_of",
    "decode_document",
    "decode_reply",
    "failure_kind",
    "failure_text",
    "leaves_open",
    "messages_for",
    "outcome_of",
    "tell_nothing",
]

R = TypeVar("R")
Record = dict[str, str]

ACCEPTED_CODE = "111"
"""The only status of v2 that is known to mean that a message was taken."""

ACCEPTED_WORD = "successful"
"""The status of the legacy API that means it."""

_FAILED_TO_TOP_UP = re.compile(r"^\W*failed to top ?up\b", re.IGNORECASE)
"""The failure that an account's name stands within, which could hold any of the others: it is looked for first."""

_FAILURES: tuple[tuple[re.Pattern[str], type[ServiceError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (_FAILED_TO_TOP_UP.pattern, errors.TopUpFailed),
        (r"\bau?thentication fail(?:ure|ed)\b", errors.AuthenticationError),
        (r"\binsufficient balance\b", errors.InsufficientBalance),
        (r"\binvalid sender ?id\b", errors.InvalidSenderId),
        (r"\bnot authori[sz]ed to make this transaction\b", errors.NotAuthorized),
        (r"\bk?indly contact providers?\b", errors.ContactProvider),
        (r"\btop ?up not successful\b", errors.TopUpFailed),
        (r"\bfailed to deduct your account\b", errors.TopUpFailed),
        (r"\binternal service error\b", errors.ServerError),
    )
)
_FAILURE_TEXTS: dict[type[ServiceError], str] = {
    errors.AuthenticationError: "Authentication failure",
    errors.InsufficientBalance: "Insufficient Balance",
    errors.InvalidSenderId: "Invalid sender ID",
    errors.NotAuthorized: "You are not Authorized to make this transaction",
    errors.ContactProvider: "Kindly Contact Providers for help",
    errors.TopUpFailed: "Top up not Successful",
    errors.ServerError: "internal service error",
}
_SHORTEST_ECHO = 8
"""Characters of a message or of words, one within the other; shorter ones may be alike by chance."""
_LONGEST_FAILURE = 1_000
"""Characters. A failure is a short sentence; what is longer is a page that happens to hold one."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_REFUSING = re.compile(
    r"fail(?!over)|reject|invalid|error|denied|block|blacklist|insufficient|unsuccess|not (?:sent|allowed|success)",
    re.I,
)
_NOT_REFUSING = re.compile(
    r"(?<!not )(?<!not be )(?<!n't be )(?<!to be )\b(?:success|(?:sent|queued|accepted|submitted|delivered|ok)\b)"
    r"|\btopped up\b|\b(?:no|not|0|zero|without)[ _-]?(?:error|fail|reject|den|block|invalid)"
    r"|\b(?:(?:error|fail|reject|block)\w*(?: (?:count|messages|numbers|recipients|accounts))?|"
    r"invalid (?:messages|numbers|recipients|accounts))\s?[:=]\s?(?:0|none|nil)\s*(?=$|[,;.)\]])",
    re.I,
)
"""What leaves open, beside the words of a failure, that it is none: those of a success, or that there was none."""
_UNDER_WAY = re.compile(
    r"(?<!not )(?<!not be )(?<!n't be )(?<!to be )\b(?:pending|scheduled|in progress|process(?:ing|ed)|"
    r"on (?:its|the) way|received|awaiting|buffered|duplicate)\b",
    re.I,
)
"""What may yet become of a message, or did before."""
_OF_NO_MESSAGE = re.compile(r"sender|account|subscriber|parameter", re.I)
"""What else may be pending, or was received."""
_BROKE = re.compile(
    r"internal (?:server |service )?error|tim(?:ed|e)[ -]?out|bad gateway|service unavailable|\bexception\b", re.I
)
"""What leaves open how far it had come when it was given up."""
_DONE = re.compile(
    r"\bsuccess|\bmessages? (?:(?:was|were|has been|have been) )?(?:sent|queued|accepted|submitted|delivered)\b|"
    r"\btopped up\b",
    re.I,
)
_SAYS_DONE = re.compile(r"\bstatus\W{1,6}(?:111|successful)\b|" + _DONE.pattern, re.I)
_NOT_DONE = re.compile(
    r"\b(?:not|no|never|none|nothing|0|zero|without|too many|limit|maximum|fail\w*|unable|cannot)\b|n't\b", re.I
)
"""The words of what was done leave open, beside a status that refuses, that it was, but not behind such ones."""
_NOT_FOUND = re.compile(
    r"(?:\bnot|n't) (?:be )?(?:found|exist|available|known|read)|"
    r"\b(?:no such|unknown|unable|cannot|could ?n[o']t)\b",
    re.I,
)
"""Beside a balance of nothing, or no accounts: that it is none, or that there are none to be told."""
_OF_CREDITS = re.compile(r"\b(?:balance|credits?|sms|units?)\b", re.I)
_OF_SOME = re.compile(
    r"\b(?:some|partial(?:ly)?|partly|[1-9][0-9]* (?:of|numbers?|recipients?|messages?)|"
    r"(?:numbers|recipients|messages)[a-z ]{0,20}[:=] ?[1-9])",
    re.I,
)
_OF_ALL = re.compile(r"\b(?:all|every|each|any|none)\b", re.I)
"""Whom a failure is told of, around the messages of those that were told by themselves."""
_NO_ERROR = re.compile(
    r"\W*(?:(?:0+|false|none|null|nil|n/?a|ok|(?:no|0)[ _-]?errors?(?: found)?|(?:message sent )?success\w*)\W*)?",
    re.I,
)
_PAGE = re.compile(r"(?:\s|<\?[^>]*>|<!--(?:(?!-->).)*-->)*<(?:!doctype|html)", re.I | re.S)
_LONGEST_PROLOG = 1_000
"""Bytes of declarations and comments in which a page is looked for that is no XML."""
_HTTP_FAILURE = re.compile("[45][0-9][0-9]")
_SUCCEEDED = re.compile(r"\bsuccess", re.IGNORECASE)
_TOPPED_UP = re.compile(r"successful(?:ly)? top ?up of ([0-9]{1,18}) sms to (.*)", re.IGNORECASE | re.DOTALL)
_USER_EXISTS = re.compile(r"user exists\W*", re.IGNORECASE)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T]?(\d\d):(\d\d):(\d\d)(?:[:.,](\d{1,6}))?", re.ASCII)

_BALANCE = ("smsbalance", "balance")
_SUB_USER_NAME = ("subusername", "subaccuser")
_CLIENT_NAME = ("clientname", "clientusername")
SAME_FIELDS = (_BALANCE, _SUB_USER_NAME, _CLIENT_NAME)
"""The names of fields that the APIs do not spell alike, in lower case: the legacy API's first."""

_FIELDS = frozenset(
    (
        "messageid",
        "recipient",
        "status",
        "statusdescription",
        "responsetime",
        *itertools.chain(*SAME_FIELDS),
    )
)
_WORDS = ("error", "message", "statusdescription", "description", "status", "fault", "reason")
_LISTING = re.compile("user|client|subacc", re.IGNORECASE)
_NO_LISTING = re.compile("error|fault|fail|invalid|not", re.IGNORECASE)
_NO_VALUE = re.compile("error|fault|fail|status|code")
_MOST_WORDS = 1_000
"""Records and texts of a list that are searched for a failure: one is told once, or for each recipient."""
_DEEPEST_WRAPPING = 3
_TWICE = "a name stands twice in it"
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True, repr=False)
class Content:
    """What a body holds, whatever form it came in.

    `text`: its one bare value, if it is one. `records`: its records, if it has any, or is an empty list; the names
    of their fields are in lower case. `spoilt`: those that can't be relied on, as something stood beside them that is
    no record, or as they stood too deep. `around`: the fields of what they stood in. `words`: what it says outside of
    a list of records. `is_error`: a name in it says that it is an error.
    """

    text: str | None = None
    records: list[Record] | None = None
    spoilt: list[Record] = field(default_factory=list)
    around: Record = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    is_error: bool = False


def decode_reply(call: Call[R], response: Response, redact: Callable[[str], str] = redact) -> R:
    """The reply to `call`, as a model.

    :param redact: cleans a text of secrets, before an error keeps it, or a model does that holds the service's words.
    :raises ServiceError: the service told a failure; the class says which, where the words are documented.
    :raises ReplyError: the reply can't be understood.
    :raises OutcomeUnknown: either of these, where the call is a send or a top-up that may have been acted on.
    """
    content = None
    try:
        # Where a name stands twice, JSON leaves open which counts.
        content = content_of(response, unique=not call.repeatable)
        if 200 <= response.status < 300:
            return _masked(_read(call, content), redact)
        if isinstance(call, SendText) and 400 <= response.status < 500:
            return _masked(cast(R, _all_refused(call, content)), redact)
        problem = "its status is not 2xx"
    except Unreadable as unreadable:
        problem = str(unreadable)
    raise _failure(call, response, content, problem, redact)


def decode_document(
    call: Call[Any],
    response: Response,
    kind: type[dict[Any, Any] | list[Any]] | type[Element],
    redact: Callable[[str], str] = redact,
) -> Any:
    """The reply's document as it stands: a JSON object, a JSON array, or the root of its XML.

    XML can be read as a `dict` or a `list` too: of the leaves below its root, or of each of its elements.

    :raises ServiceError, ReplyError, OutcomeUnknown: there is no such document, for the reasons of `decode_reply`.
    """
    content = None
    try:
        content = content_of(response)
        return _document(response, kind)
    except Unreadable as unreadable:
        problem = str(unreadable)
    raise _failure(call, response, content, problem, redact)


def _document(response: Response, kind: type) -> Any:
    body = response.body.removeprefix(_BOM).strip()
    document: Any
    if not body.startswith(b"<"):
        document = parse_json(response.text().removeprefix("\ufeff")) if kind in (dict, list) else None
    else:
        document = root = parse_xml(body)
        if kind is dict and not any(map(len, root)):
            document = {local_name(child): child.text or "" for child in root if not len(child)}
        if kind is list:
            document = [{local_name(leaf): leaf.text or "" for leaf in child if not len(leaf)} for child in root]
    if not isinstance(document, kind):
        raise Unreadable(f"it is not a {kind.__name__}")
    return document


def _read(call: Call[R], content: Content) -> R:
    return cast(R, _READERS[call.operation](call, content))


def _masked(told: R, redact: Callable[[str], str]) -> R:
    """What a reply tells of messages, whose words may repeat what was asked. Ids and numbers stay as they came."""
    if not isinstance(told, list) or not all(isinstance(item, (SentMessage, DeliveryReport)) for item in told):
        return told
    # All messages of a broadcast are told in the same few words.
    words = {word: redact(word) for word in {word for item in told for word in (item.status, item.description)}}
    if all(word == masked for word, masked in words.items()):
        return told
    return cast(R, [replace(item, status=words[item.status], description=words[item.description]) for item in told])


def _failure(
    call: Call[Any], response: Response, read: Content | None, problem: str, redact: Callable[[str], str]
) -> MSpaceError:
    status, content = response.status, read or Content()
    words = [
        word for word in (*content.words, *_record_words(content.records or ())) if len(word) <= _LONGEST_FAILURE
    ]
    told, kind = next(((word, kind) for word in words if (kind := failure_kind(word))), ("", None))
    told = redact(told or next(filter(_is_readable, words), ""))
    body = redact(response.text())
    http = f"HTTP {status} {redact(response.reason)}".rstrip()
    said = f"{call.operation}: the service says {told!r} ({http})" if told else f"{call.operation}: {http}"
    acted = _may_have_acted(status)

    error: MSpaceError
    if not call.repeatable and (
        _claims_success(read, response) or (status < 300 and _may_be_no_failure(call, words))
    ):
        # What it says elsewhere, or by its status, contradicts that: who knows?
        error = ReplyError(f"{said}, {problem}", body=body, status=status)
        acted = True
    elif kind is not None:
        error = kind(said, text=told, status=status)
        acted = kind is ServerError
    elif status >= 500:
        error = ServerError(said, text=told, status=status)
    elif status == 401:
        error = errors.AuthenticationError(said, text=told, status=status)
    elif told:
        error = errors.UnrecognisedFailure(said, text=told, body=body, status=status)
        acted = acted and (not content.is_error or any(map(_BROKE.search, words)))
    else:
        excerpt = body if len(body) <= 200 else f"{body[:200]}..."
        doubt = "; is the URL of the API right?" if status == 404 else ""
        error = ReplyError(f"{call.operation}: {http}, {problem}{doubt}: {excerpt!r}", body=body, status=status)
    return outcome_unknown(error, call.operation) if acted and not call.repeatable else error


def leaves_open(response: Response) -> bool:
    """Whether a reply that is not 2xx leaves open that the call was acted on, by its status or by what it says."""
    try:
        content = content_of(response)
    except Unreadable:
        content = None
    return _may_have_acted(response.status) or _claims_success(content, response)


def _may_have_acted(status: int) -> bool:
    """Whether a status leaves open that the call was acted on: not where it was refused, or is to be made elsewhere.

    303 tells where the outcome of what was done stands, and many mean that by 302 (RFC 9110, sections 15.4.3 and
    15.4.4). The other redirects answer nothing that was asked.
    """
    return not 400 <= status < 500 and status not in (301, 307, 308)


def _claims_success(content: Content | None, response: Response) -> bool:
    """Whether anything in it tells of something done, or leaves it open. There is no content if it can't be read."""
    if content is None:
        # Such as a document that was cut short.
        text = response.text().strip()
        return text[:1] in ("[", "{", "<") and not _is_page(text) and bool(_SAYS_DONE.search(text))
    if content == Content():
        # No name in it is one that is known.
        return _tells_done(response.text())
    records: list[Record] = [*(content.records or ()), *content.spoilt]
    told = (
        outcome_of(*_told_status(record))
        for record in records
        if record.get("messageid", "").strip() or _accepts(record.get("status", "").strip())
    )
    words = _about_no_account([*content.words, *_record_words(records)])
    return any(outcome is not Outcome.REJECTED for outcome in told) or any(map(_tells_done, words))


def _tells_done(words: str) -> bool:
    return bool(_TOPPED_UP.fullmatch(words) or (_DONE.search(words) and not _NOT_DONE.search(words)))


def _may_be_no_failure(call: Call[Any], words: Iterable[str]) -> bool:
    """Whether what reads like a failure may be none: words of a success are among it, or those of the message."""
    message = call.message if isinstance(call, SendText) else ""
    return any(_NOT_REFUSING.search(word) or _echoes(message, word) for word in _about_no_account(words))


def _about_no_account(words: Iterable[str]) -> list[str]:
    """Those without the failure that has an account's name in it, which may be anything."""
    return [word for word in words if not _FAILED_TO_TOP_UP.search(word)]


def _echoes(message: str, word: str) -> bool:
    whole, part = sorted((message, word), key=len, reverse=True)
    return len(part) >= _SHORTEST_ECHO and part in whole


def _is_readable(text: str) -> bool:
    """Whether it is words at all, and not bytes that happen to decode."""
    return "\ufffd" not in text and any(map(str.isalpha, text))


def failure_kind(text: str) -> type[ServiceError] | None:
    """Which of the documented failures a text tells, in any case and both spellings; None for none of them."""
    if len(text) > _LONGEST_FAILURE:
        return None
    return next((kind for pattern, kind in _FAILURES if pattern.search(text)), None)


def failure_text(error: ServiceError) -> str:
    """The words that tell a failure: those it came with, or those that are documented for its class."""
    known = (text for kind, text in _FAILURE_TEXTS.items() if isinstance(error, kind))
    return error.text or next(known, "internal service error")


# Bodies to content


def content_of(response: Response, *, unique: bool = False) -> Content:
    """What the body holds.

    :param unique: refuse an object that has a name twice.
    :raises Unreadable: it is neither safe XML nor JSON nor a text.
    """
    body = response.body.removeprefix(_BOM).strip()
    if not body:
        raise Unreadable("it is empty")
    if body.startswith(b"<"):
        if _is_page(body[:_LONGEST_PROLOG].decode("latin-1")):
            raise Unreadable("it is a page of HTML")
        return _of_element(parse_xml(body))
    text = response.text().removeprefix("\ufeff").strip()
    if text[:1] in ("[", "{"):
        return _of_json(parse_json(text, unique=unique), _DEEPEST_WRAPPING)
    if text[:1] == text[-1:] == '"':
        try:
            text = parse_json(text).strip()
        except Unreadable:
            text = text.strip('"')
    return Content(text=text, words=[text])


def _is_page(text: str) -> bool:
    return bool(_PAGE.match(text))


def _of_json(value: dict[str, Any] | list[Any], wrappings: int) -> Content:
    if isinstance(value, list):
        return _of_list(value)
    members = {key.lower(): member for key, member in value.items()}
    if len(members) < len(value):
        raise Unreadable(_TWICE)
    return _of_object(members, wrappings)


def _of_list(items: list[Any]) -> Content:
    records: list[Record] = []
    for item in items:
        record = _record(item) if isinstance(item, dict) else {}
        if _FIELDS.isdisjoint(record):
            # One that is no record spoils the list: what it should have told would be missing.
            words = _words(record) or [item for item in items[:_MOST_WORDS] if isinstance(item, str)]
            return Content(spoilt=list(_buried(items)), words=words)
        records.append(record)
    return Content(records=records)


def _of_object(members: dict[str, Any], wrappings: int) -> Content:
    record = _record(members)
    wrapped = [key for key, member in members.items() if isinstance(member, (list, dict))]
    if len(wrapped) == 1 and wrappings:
        content = _of_json(members[wrapped[0]], wrappings - 1)
        if content.records == [] and not _is_listing(wrapped[0]):
            content.records = None
        content.around = {**content.around, **record}
        # Around others, what it tells is for whoever reads them to weigh.
        content.is_error = content.is_error or (not content.records and _refuses(record))
    else:
        content = Content(records=[record] if not _FIELDS.isdisjoint(record) else None)
        content.spoilt = list(_buried([members[key] for key in wrapped]))
    content.words = [*_words(record), *content.words]
    content.is_error = content.is_error or _is_called_failure(members)
    return content


def _buried(value: Any) -> Iterator[Record]:
    """What looks like a record, however deep it stands."""
    if isinstance(value, dict):
        record = {key.lower(): str(member) for key, member in value.items() if not isinstance(member, (dict, list))}
        if not _FIELDS.isdisjoint(record):
            yield record
    if isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _buried(member)


def _is_called_failure(members: Mapping[str, Any]) -> bool:
    """Whether a name of it says that it tells of a failure, whatever its other names do."""
    return _tells_error(members.get("error")) or _is_false(members.get("success"))


def _tells_error(value: Any) -> bool:
    """Whether what stands by the name of an error is one."""
    if isinstance(value, (dict, list)):
        return any(map(_tells_error, value.values() if isinstance(value, dict) else value))
    return value is not None and not _NO_ERROR.fullmatch(str(value))


def _refuses(record: Record) -> bool:
    status = record.get("status", "").strip()
    return bool(_HTTP_FAILURE.fullmatch(status) or (_REFUSING.search(status) and not _NOT_REFUSING.search(status)))


def _is_of_some(record: Record) -> bool:
    words = " ".join(_told_status(record))
    return bool(_OF_SOME.search(words) and not _OF_ALL.search(words))


def _tells_failure(record: Record) -> bool:
    """Whether its status is one, or its words say so and nothing else."""
    words = _description(record)
    return _refuses(record) or bool(_REFUSING.search(words) and not _NOT_REFUSING.search(words))


def _is_false(value: object) -> bool:
    return str(value).strip().lower() == "false"


def _record(members: dict[str, Any]) -> Record:
    told = [
        (str(key).lower(), str(member))
        for key, member in members.items()
        if isinstance(member, (str, int, float)) and (not isinstance(member, bool) or str(key).lower() == "success")
    ]
    record = dict(told)
    if len(record) < len(told):
        raise Unreadable(_TWICE)
    return record


def _of_element(root: Element) -> Content:
    name = local_name(root).lower()
    if not len(root):
        text = (root.text or "").strip()
        if not text:
            return Content(records=[] if _is_listing(name) else None)
        is_value = not _NO_VALUE.search(name)
        is_error = "error" in name and not name.startswith("no") and _tells_error(text)
        return Content(text=text if is_value else None, words=[text], is_error=is_error)
    outermost = _leaves(root)
    repeated = _repeated(root)
    records = repeated or ([outermost] if not _FIELDS.isdisjoint(outermost) else None)
    around = outermost if repeated else {}
    return Content(records=records, around=around, words=_words(outermost), is_error=_is_called_failure(outermost))


def _repeated(root: Element) -> list[Record]:
    """The records below the root: each element that is one, and its siblings of the same name, be they one or not."""
    records = []
    for parent in root.iter():
        names = {child.tag for child in parent if not _FIELDS.isdisjoint(_leaves(child))}
        records += [_leaves(child) for child in parent if child.tag in names]
    return records


def _leaves(element: Element) -> Record:
    told = [(local_name(child).lower(), child.text or "") for child in element if not len(child)]
    leaves = dict(told)
    # Names that mean nothing here may well stand often, in a list of texts.
    if len(leaves) < len(told) and any(leaves[name] != text for name, text in told if name in _FIELDS):
        raise Unreadable(_TWICE)
    return leaves


def _is_listing(name: str) -> bool:
    """Whether an empty one of this name can be an empty list of accounts."""
    return bool(_LISTING.search(name)) and not _NO_LISTING.search(name)


def _words(record: Record) -> list[str]:
    return [record[name].strip() for name in _WORDS if any(map(str.isalpha, record.get(name, "")))]


def _record_words(records: Iterable[Record]) -> list[str]:
    return [word for record in itertools.islice(records, _MOST_WORDS) for word in _words(record)]


# Content to models


def _balance(call: Call[Any], content: Content) -> int:
    if content.text is not None and not content.is_error:
        return _number(content.text)
    records = _records(content)
    if len(records) != 1:
        raise Unreadable(f"it holds {len(records)} records, not one balance")
    (record,) = records
    owners = [record[name] for name in (*_SUB_USER_NAME, *_CLIENT_NAME) if name in record]
    if any(owner.strip() != call.username for owner in owners) or any(name in content.around for name in _BALANCE):
        raise Unreadable("it may be another account's balance")
    _check_tells_no_failure(record, content.around)
    balance = _number(_field(record, _BALANCE))
    if balance <= 0 and any(map(_tells_of_nobody, (*_told_status(record), *_told_status(content.around)))):
        raise Unreadable("it tells a failure")
    return balance


def _tells_of_nobody(words: str) -> bool:
    """Whether words beside a balance of nothing say that there is none to tell, and not just that it is nothing."""
    if _NOT_FOUND.search(words):
        return True
    is_negative = _NOT_DONE.search(words) and not _NOT_REFUSING.search(words)
    return bool(is_negative and not _OF_CREDITS.search(words) and not words.isdecimal())


def _login(call: Call[Any], content: Content) -> bool:
    _check_tells_no_failure(content.around)
    if not content.is_error and any(_USER_EXISTS.fullmatch(word) for word in content.words):
        return True
    raise Unreadable("it does not say that the user exists")


def _top_up(call: TopUpCall, content: Content) -> TopUp:
    _check_tells_no_failure(content.around)
    # An account may be named like a failure.
    others = [word for word in content.words if not _TOPPED_UP.fullmatch(word)]
    contradicted = content.is_error or any(map(failure_kind, others)) or any(map(_refuses, content.records or ()))
    for word in () if contradicted else content.words:
        if told := _TOPPED_UP.fullmatch(word):
            count, name = told.groups()
            # The vendor's page ends the sentence with a full stop in one place and without it in another.
            made = TopUp(name=call.name if name == f"{call.name}." else name, count=int(count))
            if not made.is_of(call):
                raise Unreadable(f"where {call.count} credits to {call.name!r} were asked for")
            return made
    raise Unreadable("it does not say that the top-up was successful")


def _sub_users(call: Call[Any], content: Content) -> list[SubUser]:
    return [SubUser(*of) for of in _accounts(content, _SUB_USER_NAME)]


def _reseller_clients(call: Call[Any], content: Content) -> list[ResellerClient]:
    return [ResellerClient(*of) for of in _accounts(content, _CLIENT_NAME)]


def _accounts(content: Content, names: tuple[str, ...]) -> list[tuple[str, int]]:
    if any(name in content.around for name in names):
        raise Unreadable("an account stands around others")
    _check_tells_no_failure(content.around)
    if not content.records and any(map(_NOT_FOUND.search, _told_status(content.around))):
        raise Unreadable("it tells a failure")
    return [(_field(record, names), _number(_field(record, _BALANCE))) for record in _records(content)]


def _check_tells_no_failure(*records: Record) -> None:
    if any(map(_tells_failure, records)):
        raise Unreadable("it tells a failure")


def _delivery_reports(call: DeliveryReports, content: Content) -> list[DeliveryReport]:
    reports = [
        DeliveryReport(
            message_id=_field(record, ("messageid",)).strip(),
            status=_field(record, ("status",)).strip(),
            description=_description(record),
            recipient=record.get("recipient", "").strip(),
        )
        for record in _records(content)
    ]
    if not reports:
        raise Unreadable("it holds no report")
    if any(report.delivered for report in reports):
        # Else it may say of the delivery that it failed.
        _check_tells_no_failure(content.around)
    return reports


def _sent_messages(call: SendText, content: Content) -> list[SentMessage]:
    if content.records is None or content.is_error:
        raise Unreadable("it holds no message")
    messages = [_sent_message(record) for record in content.records]
    if not messages:
        raise Unreadable("it holds no message")
    if any(map(failure_kind, set(content.words).difference(_record_words(content.records)))):
        raise Unreadable("it tells a failure beside them")
    # Of some, it may well tell that beside what became of the others.
    are_all = len(messages) >= len(call.recipients) or not all(message.recipient for message in messages)
    if (are_all or not _is_of_some(content.around)) and all(
        message.outcome is Outcome.ACCEPTED for message in messages
    ):
        _check_tells_no_failure(content.around)
    # A record that names its recipient speaks of that one. Where none does, and all tell the same documented
    # failure, they speak of the send as a whole.
    kinds = {failure_kind(message.words) for message in messages if not message.recipient}
    if len(kinds) == 1 and None not in kinds and all(_is_failure_of_all(message) for message in messages):
        raise Unreadable("it tells a failure")
    return messages


def _is_failure_of_all(message: SentMessage) -> bool:
    broke = failure_kind(message.words) is ServerError
    return (message.outcome is Outcome.REJECTED or broke) and not message.recipient


def _all_refused(call: SendText, content: Content) -> list[SentMessage]:
    messages = _sent_messages(call, content)
    if any(message.outcome is not Outcome.REJECTED or not message.recipient for message in messages):
        raise Unreadable("its status is not 2xx")
    return messages


def _sent_message(record: Record) -> SentMessage:
    if "messageid" not in record and "status" not in record:
        raise Unreadable("a record has neither messageId nor status")
    status, description = _told_status(record)
    message_id = record.get("messageid", "").strip()
    outcome = outcome_of(status, description)
    if message_id and not status and outcome is Outcome.REJECTED and description == record.get("message", "").strip():
        # It was given an id, and the words may be its own.
        outcome = Outcome.UNKNOWN
    if outcome is Outcome.ACCEPTED and _is_called_failure(record):
        outcome = Outcome.UNKNOWN
    return SentMessage(
        message_id=message_id,
        outcome=outcome,
        recipient=record.get("recipient", "").strip(),
        status=status,
        description=description,
        response_time=_time(record.get("responsetime", "")),
    )


def _told_status(record: Record) -> tuple[str, str]:
    return record.get("status", "").strip(), _description(record)


def outcome_of(status: str, description: str = "") -> Outcome:
    """What a status of either API tells of a message."""
    succeeded = bool(_SUCCEEDED.search(description))
    refused = bool(_REFUSING.search(description))
    if _accepts(status):
        # With the words of a failure, either may be true.
        return Outcome.UNKNOWN if failure_kind(description) or (refused and not succeeded) else Outcome.ACCEPTED
    told = status or description
    if any(_leave_open(words) for words in (told, description)):
        # So it may with another status and the words of a success.
        return Outcome.UNKNOWN
    if _WHOLE_NUMBER.fullmatch(status) or failure_kind(told) or _REFUSING.search(told):
        return Outcome.REJECTED
    # Any other word might mean that it was taken.
    return Outcome.UNKNOWN


def _leave_open(words: str) -> bool:
    if _UNDER_WAY.search(words) and not (_REFUSING.search(words) or _OF_NO_MESSAGE.search(words)):
        return True
    return bool(_NOT_REFUSING.search(words) or _BROKE.search(words))


def _accepts(status: str) -> bool:
    return status == ACCEPTED_CODE or status.lower() == ACCEPTED_WORD


_UNTOLD = SentMessage("", Outcome.UNKNOWN, description="the reply does not tell")


def messages_for(
    recipients: Iterable[str], messages: list[SentMessage], key: Callable[[str], str]
) -> list[SentMessage]:
    """A message for each of `recipients`, in that order: by the recipient that it names; where none does, by place.

    :param key: gives the same text for every spelling of one number.
    """
    recipients = tuple(recipients)
    if any(message.recipient for message in messages):
        named: dict[str, list[SentMessage]] = {}
        for message in messages:
            named.setdefault(key(message.recipient), []).append(message)
        asked = Counter(map(key, recipients))
        told = {number: iter(_each(named.get(number, []), count)) for number, count in asked.items()}
        found = [next(told[key(recipient)]) for recipient in recipients]
        if any(not message.recipient and message.outcome is not Outcome.REJECTED for message in messages):
            # It may speak of any of them.
            found = [_UNTOLD if message.outcome is Outcome.REJECTED else message for message in found]
    elif len(messages) == len(recipients):
        found = messages
    else:
        # The vendor's example shows one record, and does not say for how many recipients.
        found = [messages[0] if len(messages) == 1 else _UNTOLD] * len(recipients)
    return [replace(message, recipient=recipient) for message, recipient in zip(found, recipients, strict=True)]


def tell_nothing(messages: list[SentMessage]) -> bool:
    """Whether the reply told of none of the recipients that `messages_for` gave these for."""
    return all(replace(message, recipient="") == _UNTOLD for message in messages)


def _each(messages: list[SentMessage], count: int) -> list[SentMessage]:
    """`count` messages out of those that speak of one number. Where they contradict each other, they tell nothing.

    But for one each by the same name: those are in the order asked. Under two names they may be of two countries.
    """
    agree = len({message.outcome for message in messages}) == 1
    if len(messages) == count and (agree or len({message.recipient for message in messages}) == 1):
        return messages
    return [messages[-1] if agree else _UNTOLD] * count


def _description(record: Record) -> str:
    names = ("statusdescription", "description", "message", "error")
    return next((text for name in names if (text := record.get(name, "").strip())), "")


def _time(text: str) -> datetime | None:
    found = _TIME.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, int((found[7] or "").ljust(6, "0")))
    except ValueError:
        return None


def _records(content: Content) -> list[Record]:
    if content.is_error or any(map(failure_kind, content.words)):
        raise Unreadable("it tells a failure")
    if content.records is None:
        raise Unreadable("the fields that should be in it are not")
    return content.records


def _field(record: Record, names: tuple[str, ...]) -> str:
    told = [record[name] for name in names if name in record]
    if len({text.strip() for text in told}) == 1:
        return told[0]
    raise Unreadable(f"a record has {'more than one' if told else 'no'} {' or '.join(names)}")


def _number(text: str) -> int:
    # Stripped for int too, which does not take U+001C to U+001F for space, as strip does.
    digits = text.strip()
    if not _WHOLE_NUMBER.fullmatch(digits):
        raise Unreadable("a balance is not a whole number")
    return int(digits)


_READERS: dict[str, Callable[[Any, Content], object]] = {
    "balance": _balance,
    "login": _login,
    "subacctopup": _top_up,
    "resellerclienttopup": _top_up,
    "subusers": _sub_users,
    "resellerclients": _reseller_clients,
    "deliveryreport": _delivery_reports,
    "sendtext": _sent_messages,
}
