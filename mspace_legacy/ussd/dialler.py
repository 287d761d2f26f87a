"""Dialler: a handset and the network behind it, to dial an application or any callback with."""

from __future__ import annotations

import ipaddress
import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol, SupportsIndex, runtime_checkable
from urllib.parse import parse_qsl, urlsplit

from mspace_legacy import msisdn as numbers
from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import InvalidInput, ReplyError, WrongType
from mspace_legacy.secrets import MASK, Secret, redact
from mspace_legacy.transport.base import Transport
from mspace_legacy.transport.network import Network, Timeout
from mspace_legacy.ussd.messages import (
    DEFAULT_LIMIT,
    Answer,
    Continue,
    Entries,
    UssdRequest,
    read_answer,
    write_answer,
    write_request,
)
from mspace_legacy.wire.http import Request, charset_of, is_known_charset

__all__ = [
    "DEFAULT_TIMEOUT",
    "Answers",
    "Dialler",
    "Respond",
    "Step",
    "checked_callback",
    "secrets_in",
    "without_query",
]

DEFAULT_TIMEOUT: tuple[float, float] = (5.0, 10.0)
"""Seconds: for connecting, and for the answer, after which a network would have given up."""

_LARGEST_ANSWER = 64 * 1024
_NUMBER = "254722000000"
_CODE = re.compile(r"[*#][0-9*#]*#")
_CALLED_SECRET = re.compile("key|token|secret|pass|auth|sig", re.IGNORECASE)
_UNSAFE = re.compile("[^!-~]")

Respond = Callable[[bytes], str]
"""Anything that takes the body of a step and gives the answer's text."""


@runtime_checkable
class Answers(Protocol):
    """An application of ours, as a developer tests it: what is wrong in it is raised."""

    def answer(self, request: UssdRequest, *, is_new: bool = False) -> Answer:
        """The answer to a step; `is_new` says that it is no step delivered again, whatever it looks like."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """One exchange of a session: what was entered, the body that was sent, and what came back.

    `raw` is the body of the answer as it came, `status` its HTTP status; None where there was no HTTP, or no reply.
    `answer` is what it means, or None, and then `problem` says why. `seconds` is how long it took.
    """

    entered: str
    request: bytes
    status: int | None
    raw: bytes
    answer: Answer | None
    problem: str
    seconds: float

    @property
    def sent(self) -> dict[str, str]:
        """The members of the body that was sent, for people: without the query of the callback's URL."""
        members: dict[str, str] = json.loads(self.request)
        return {**members, "CALLBACK_URL": without_query(members["CALLBACK_URL"])}

    def __repr__(self) -> str:
        told = self.problem or type(self.answer).__name__
        return f"Step({told}, {self.seconds * 1000:.0f} ms)"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Step is not pickled: the callback's secret may stand in what was sent")

    def __str__(self) -> str:
        return f"> {self.entered}\n{write_answer(self.answer) if self.answer else f'! {self.problem}'}"


class Dialler:
    """A handset: dials a code, shows what comes, and takes entries until the session ends.

    :param target: an application of ours, a function of a step's body that gives the answer's text, the URL of a
        callback, or a transport and `url`.
    :param msisdn: whose handset it is.
    :param entries: whether a step has all entries joined by `*`, or the last one alone.
    :param limit: how long a text may be; see `fits`.
    :param timeout: seconds, for a URL: for connecting and for the whole answer. Redirects are not followed.
    :param url: what stands as CALLBACK_URL in each step, and where a transport is asked.
    :raises InvalidInput: one of these can't be right.

    `dial` and `enter` give the handset itself, so that they can be written one behind the other. What goes wrong
    ends the session, stands in the transcript, and is raised: a `ReplyError` for an answer that the network would not
    take, a `TransportError` where none came, and whatever a screen of an application raised.
    """

    def __init__(
        self,
        target: Answers | Respond | Transport | str,
        *,
        msisdn: str = _NUMBER,
        entries: Entries = "joined",
        limit: int = DEFAULT_LIMIT,
        timeout: Timeout = DEFAULT_TIMEOUT,
        url: str = "",
    ) -> None:
        if entries not in ("joined", "alone"):
            raise InvalidInput(f"entries: {entries!r} is neither 'joined' nor 'alone'")
        self._owned: Network | None = None
        if isinstance(target, str):
            url = checked_callback(target)
            # A proxy knows another machine by the names that mean this one.
            proxy = "" if _is_this_machine(url) else None
            target = self._owned = Network(timeout=timeout, max_reply=_LARGEST_ANSWER, proxy=proxy)
        if isinstance(target, Transport):
            url = checked_callback(url)
        elif not (isinstance(target, Answers) or callable(target)):
            raise WrongType(f"target: {type(target).__name__} is no application, function, URL or transport")
        self._target = target
        self._url = url
        self._entries = entries
        self._limit = at_least_one("limit", limit)
        self.msisdn = numbers.normalise(msisdn)
        self.transcript: tuple[Step, ...] = ()
        self._request: UssdRequest | None = None

    def __enter__(self) -> Dialler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to a URL."""
        if self._owned:
            self._owned.close()

    def __str__(self) -> str:
        return "\n".join(map(str, self.transcript))

    @property
    def text(self) -> str:
        """What the handset shows; empty where the last step had no answer."""
        answer = self.transcript[-1].answer if self.transcript else None
        return answer.text if answer else ""

    @property
    def ended(self) -> bool:
        """Whether there is no session that takes an entry: not yet, or not any more."""
        return not (self.transcript and isinstance(self.transcript[-1].answer, Continue))

    @property
    def session_id(self) -> str:
        """Of the session that was dialled last."""
        return self._request.session_id if self._request else ""

    def dial(self, code: str = "*384#", *, msisdn: str = "", service_code: str = "", session_id: str = "") -> Dialler:
        """Begin a session, with an empty transcript.

        :param code: what is dialled, such as `*384#`.
        :param msisdn: for another handset's number from here on.
        :param service_code: the client's own code, where more is dialled along with it: of `*384*1*2#`, with the
            service code `*384#`, the callback gets `1*2` as the first entry. By default it is `code`.
        :param session_id: by default one that was never there before.
        :raises InvalidInput: a code or a number that can't be right. Nothing was sent.
        """
        service_code = service_code or code
        stem = service_code.removesuffix("#")
        if not _CODE.fullmatch(code) or not _CODE.fullmatch(service_code):
            raise InvalidInput(
                "a code is dialled: it begins with '*' or '#', ends with '#', and has digits, '*' and '#' between"
            )
        if code != service_code and not code.startswith(f"{stem}*"):
            raise InvalidInput(f"code: {code} does not begin with the service code {service_code}")
        entry = "" if code == service_code else code.removesuffix("#")[len(stem) + 1 :]
        if msisdn:
            self.msisdn = numbers.normalise(msisdn)
        session_id = session_id or uuid.uuid4().hex
        request = UssdRequest(self.msisdn, session_id, service_code, entry, self._url)
        self.transcript = ()
        return self._step(code, request)

    def enter(self, entry: str) -> Dialler:
        """Enter `entry` and send it.

        :raises InvalidInput: no session is open.
        """
        if self.ended or self._request is None:
            raise InvalidInput("no session is open: dial first")
        before = self._request
        joined = f"{before.entry}*{entry}" if self._entries == "joined" and before.entry else entry
        request = UssdRequest(before.msisdn, before.session_id, before.service_code, joined, before.callback_url)
        return self._step(entry, request)

    def repeat(self) -> Dialler:
        """Deliver the last step once more, as a network does that had no answer: it should change nothing.

        :raises InvalidInput: nothing was sent yet.
        """
        if self._request is None:
            raise InvalidInput("nothing was sent: dial first")
        return self._step(self.transcript[-1].entered, self._request, is_new=False)

    def _step(self, entered: str, request: UssdRequest, *, is_new: bool = True) -> Dialler:
        self._request = request
        status: int | None = None
        raw = b""
        answer: Answer | None = None
        failure: Exception | None = None
        begun = time.perf_counter()
        try:
            match self._target:
                case Answers():
                    answer = self._target.answer(request, is_new=is_new)
                    raw = write_answer(answer).encode()
                    taken = time.perf_counter() - begun
                case Transport():
                    reply = self._target.handle(_post(self._url, write_request(request)))
                    taken = time.perf_counter() - begun
                    status, raw = reply.status, self._masked(reply.body)
                    answer = self._read(status, raw, reply.header("content-type"))
                case _:
                    text = self._target(write_request(request))
                    taken = time.perf_counter() - begun
                    if not isinstance(text, str):
                        raise WrongType(f"the answer is of type {type(text).__name__}: a str is needed")
                    raw = text.encode("utf-8", "surrogatepass")
                    answer = read_answer(text, limit=self._limit)
        except Exception as error:
            failure = error
            taken = time.perf_counter() - begun
        problem = f"{type(failure).__name__}: {Exception.__str__(failure)}" if failure else ""
        # No variable has the body, which a traceback that shows variables would show with the URL's secret in it.
        self.transcript += (Step(entered, write_request(request), status, raw, answer, problem, taken),)
        if failure:
            raise failure
        return self

    def _masked(self, raw: bytes) -> bytes:
        """The body, which may repeat the URL, without the secret of its query."""
        return redact(raw.decode("latin-1"), secrets_in(self._url), by_name=False).encode("latin-1")

    def _read(self, status: int, raw: bytes, content_type: str | None) -> Answer:
        charset = charset_of(content_type)
        try:
            text = raw.decode(charset if is_known_charset(charset) else "utf-8")
        except (UnicodeDecodeError, LookupError):
            text = ""
            problem = "the answer is not in UTF-8, nor in the charset that it names"
        else:
            problem = ""
        if not 200 <= status < 300:
            raise ReplyError(f"the callback answered with HTTP status {status}", body=text, status=status)
        if problem:
            raise ReplyError(problem, status=status)
        try:
            return read_answer(text, limit=self._limit)
        except ReplyError as error:
            error.status = status
            raise


def _post(url: str, body: bytes) -> Request:
    headers = {"Content-Type": "application/json", "Accept": "text/plain, */*;q=0.5"}
    return Request("POST", url, headers, body, operation="ussd", secrets=secrets_in(url))


def secrets_in(url: str) -> tuple[Secret, ...]:
    """Whatever in a URL's query is called like a secret: another value may be a word of any screen."""
    return tuple(Secret(value) for name, value in parse_qsl(urlsplit(url).query) if _CALLED_SECRET.search(name))


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def without_query(url: str) -> str:
    """A callback's URL as people may see it: its secret may stand in the query."""
    before, mark, query = url.partition("?")
    return f"{before}{mark}{MASK if query else ''}"


def checked_callback(url: str) -> str:
    """The absolute URL of a callback, with a path.

    :raises InvalidInput: it is none; the error does not hold it, as the callback's secret may stand in it.
    """
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or _UNSAFE.search(url):
        raise InvalidInput("url: a callback has one such as http://127.0.0.1:5000/ussd")
    if "@" in parts.netloc or "#" in url:
        raise InvalidInput("url: a callback's has no user name and no fragment")
    return parts._replace(path=parts.path or "/").geturl()
