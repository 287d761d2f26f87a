"""Phone: the page of an emulator and what the page asks for, as a transport.

Everything in it goes to whoever opens the page on this machine, and to nobody else: see `guard`. Secrets are masked
before they leave.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any, get_args
from urllib.parse import parse_qs

from mspace_legacy.emulator.app import Emulator
from mspace_legacy.emulator.faults import SUBMIT_SM, Fault, FaultKind
from mspace_legacy.emulator.guard import Guard
from mspace_legacy.emulator.journal import Journal
from mspace_legacy.emulator.phone.handset import Handsets
from mspace_legacy.emulator.phone.state import State
from mspace_legacy.emulator.ussd import UssdCode, UssdCodes
from mspace_legacy.errors import InvalidInput
from mspace_legacy.models import CALLS
from mspace_legacy.server import Server
from mspace_legacy.transport.listener import listening
from mspace_legacy.wire.documents import Unreadable, parse_json
from mspace_legacy.wire.http import Headers, Request, Response, header

__all__ = ["Phone", "serving_phone"]

_HEADERS: Headers = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_FILES = {
    "/": ("phone.html", "text/html;charset=utf-8"),
    "/phone.css": ("phone.css", "text/css;charset=utf-8"),
    "/phone.js": ("phone.js", "text/javascript;charset=utf-8"),
    "/phone.svg": ("phone.svg", "image/svg+xml"),
}

_LONGEST_WAIT = 20.0
_LOOK = 0.05
"""Seconds between two looks: other processes may share the ledger, and its clock may be any."""
_MOST_WAITING = 4
"""Requests that may wait at once. A browser has six connections to a server, for all its tabs together, and waiting
must not take them all; whoever comes when so many wait asks again after `_PAUSE` seconds."""
_PAUSE = 1.0
_THREADS = 12


class Phone:
    """The page of an emulator: a transport, to be put behind a socket of its own.

    The emulator is given a journal if it has none. Closing the phone leaves the emulator as it is.

    :param codes: what the page's handset can dial; the page can register more.
    """

    def __init__(self, emulator: Emulator, codes: UssdCodes | None = None) -> None:
        if emulator.journal is None:
            emulator.journal = Journal()
        self._emulator = emulator
        self._journal = emulator.journal
        self._codes = codes or UssdCodes()
        self._handsets = Handsets(self._codes)
        self._state = State(emulator, self._journal, self._codes)
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._closed = threading.Event()
        here = resources.files(__package__)
        self._files = {path: (here.joinpath(name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}
        self._reads: dict[str, Callable[[dict[str, str]], Any]] = {
            "/state": self._news,
            "/messages": self._earlier,
            "/exchange": self._exchange,
            "/kinds": self._kinds,
        }
        self._acts: dict[str, Callable[[dict[str, Any]], Any]] = {
            "/faults": self._turn_on,
            "/faults/off": self._turn_off,
            "/ussd/codes": self._register,
            "/ussd/codes/remove": self._forget,
            "/ussd/dial": self._dial,
            "/ussd/enter": self._enter,
            "/ussd/hang-up": self._hang_up,
        }

    def handle(self, request: Request) -> Response:
        """The page, one of its files, or a JSON document."""
        status, kind, body = self._answer(request)
        return Response(status, body, (("Content-Type", kind), *_HEADERS))

    def close(self) -> None:
        """Let go of whoever waits. A second time does nothing."""
        self._closed.set()
        self._handsets.close()

    def _answer(self, request: Request) -> tuple[int, str, bytes]:
        path, _, query = ("/" + request.url.partition("://")[2].partition("/")[2]).partition("?")
        if request.method in ("GET", "HEAD") and path in self._files:
            body, kind = self._files[path]
            return 200, kind, body
        try:
            if request.method in ("GET", "HEAD") and path in self._reads:
                return _json(200, self._reads[path](_asked(query)))
            if request.method == "POST" and path in self._acts:
                return _json(200, self._acts[path](_posted(request)))
        except InvalidInput as error:
            return _json(400, {"problem": str(error)})
        known = path in self._files or path in self._reads or path in self._acts
        return _json(405 if known else 404, {"problem": "there is no such thing here"})

    # What the page reads

    def _news(self, asked: dict[str, str]) -> dict[str, Any]:
        cursor = self._state.cursor(asked.get("since", ""))
        may_wait = self._waiting.acquire(blocking=False)
        end = time.monotonic() + _LONGEST_WAIT
        try:
            while True:
                revision = self._state.revision()
                told, news = self._state.since(cursor)
                if news or not may_wait:
                    break
                cursor = told
                while self._state.revision() == revision and not self._state.has_come_due(cursor):
                    if time.monotonic() >= end or self._closed.wait(_LOOK):
                        return {"cursor": str(told), "pause": 0}
        finally:
            if may_wait:
                self._waiting.release()
        return {"cursor": str(told), "pause": 0 if may_wait else _PAUSE, **news}

    def _earlier(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"messages": self._state.earlier(_number(asked, "before"), asked.get("recipient", ""))}

    def _exchange(self, asked: dict[str, str]) -> dict[str, Any]:
        exchange = self._journal.get(_number(asked, "number"))
        if exchange is None:
            raise InvalidInput("it is no longer kept: only the newest requests are")
        secrets = self._emulator.ledger.secrets
        return {
            "number": exchange.number,
            "protocol": exchange.protocol,
            "title": exchange.title,
            "request": exchange.request(secrets),
            "reply": exchange.reply(secrets) or exchange.outcome,
        }

    def _kinds(self, asked: dict[str, str]) -> dict[str, Any]:
        return {operation: Fault.kinds_of(operation) for operation in ("*", *CALLS, SUBMIT_SM)}

    # What the page does

    def _turn_on(self, posted: dict[str, Any]) -> dict[str, Any]:
        kind, operation = _text(posted, "kind"), _text(posted, "operation")
        times = posted.get("times")
        if times is not None and (type(times) is not int or not 1 <= times <= 1_000_000):
            raise InvalidInput("times: a whole number from 1 on, or nothing for as often as it is asked for")
        if kind not in get_args(FaultKind):
            raise InvalidInput(f"kind: there are {', '.join(get_args(FaultKind))}")
        fault = Fault(kind, _text(posted, "argument"), operation, times)  # type: ignore[arg-type]  # just checked
        return {"number": self._emulator.faults.add(fault)}

    def _turn_off(self, posted: dict[str, Any]) -> dict[str, Any]:
        number = posted.get("number")
        if type(number) is not int:
            raise InvalidInput("number: that of a fault")
        self._emulator.faults.remove(number)
        return {}

    def _register(self, posted: dict[str, Any]) -> dict[str, Any]:
        entries = _text(posted, "entries") or "joined"
        self._codes.add(
            UssdCode(_text(posted, "code").strip(), _text(posted, "callback").strip(), entries)  # type: ignore[arg-type]  # it checks
        )
        return {}

    def _forget(self, posted: dict[str, Any]) -> dict[str, Any]:
        self._codes.remove(_text(posted, "code"))
        return {}

    def _dial(self, posted: dict[str, Any]) -> dict[str, Any]:
        return self._handsets.dial(_text(posted, "msisdn"), _text(posted, "code"))

    def _enter(self, posted: dict[str, Any]) -> dict[str, Any]:
        return self._handsets.enter(_text(posted, "session"), _text(posted, "text"))

    def _hang_up(self, posted: dict[str, Any]) -> dict[str, Any]:
        self._handsets.hang_up(_text(posted, "session"))
        return {}


def _json(status: int, document: Any) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(document).encode()


def _asked(query: str) -> dict[str, str]:
    try:
        return {name: values[-1] for name, values in parse_qs(query, max_num_fields=10).items()}
    except ValueError:
        raise InvalidInput("the query has too many fields") from None


def _number(asked: dict[str, str], name: str) -> int:
    text = asked.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidInput(f"{name}: a number")
    return int(text)


def _posted(request: Request) -> dict[str, Any]:
    """The JSON object of a POST that the page itself made."""
    same = header(request.headers, "sec-fetch-site") == "same-origin"
    # The guard saw to it that an Origin is our own.
    if not same and header(request.headers, "origin") is None:
        raise InvalidInput("a POST comes from the page, and says so: Origin is missing")
    if (header(request.headers, "content-type") or "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidInput("Content-Type: it should be application/json")
    try:
        document = parse_json((request.body or b"").decode("utf-8"))
    except (Unreadable, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        raise InvalidInput("the body is no JSON object")
    return document


def _text(posted: dict[str, Any], name: str) -> str:
    value = posted.get(name, "")
    if not isinstance(value, str):
        raise InvalidInput(f"{name}: a text")
    return value


@contextmanager
def serving_phone(emulator: Emulator, codes: UssdCodes | None = None, *, port: int = 0) -> Iterator[str]:
    """The phone of `emulator` on 127.0.0.1, from a thread of its own; gives its address.

    :param codes: see `Phone`.
    :param port: 0 lets the system choose one.
    :raises InvalidInput: the port can't be listened on.
    """
    phone = Phone(emulator, codes)
    listener = listening("127.0.0.1", port)
    own = listener.getsockname()[1]

    def is_own_host(name: str, asked: int) -> bool:
        return name in ("127.0.0.1", "localhost") and (asked or 80) == own

    guard = Guard(phone, is_own_host, needs_host=True, open_to_links=("/",))
    with Server(guard, listener=listener, threads=_THREADS) as server:
        try:
            yield f"{server.url}/"
        finally:
            phone.close()
