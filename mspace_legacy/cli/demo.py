"""The command that shows the jar's calls at work: every one of them, made for real against the emulator.

Each is checked against what the vendor's documentation says, so that the demo is an end-to-end test as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit

import click

from mspace_legacy import sms
from mspace_legacy.cli import DONE, FAILED
from mspace_legacy.cli.options import json_option
from mspace_legacy.cli.output import console, plain, show_json
from mspace_legacy.emulator import Emulator, Fault, Ledger
from mspace_legacy.errors import IllegalStateException, MSpaceError, OutcomeUnknown, TransportError
from mspace_legacy.jar import MSpaceClient, Response
from mspace_legacy.models import ResellerClient, SentMessage, SubUser, TopUp
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from mspace_legacy.transport import Network, Retry, Transport
from mspace_legacy.wire import http

__all__ = ["Exchange", "Step", "demo", "play"]

_USER = "demo"
_RIGHT = Secret("demo-password")
_WRONG = Secret("not-the-password")
_HARD_TEXT = "50% off; a/b {x} + y = z? #1 é 😀\nmspace"
_LONGEST_SHOWN = 240


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that went over the wire, and what came: a status and a text, or how it failed. No secret in it."""

    request: str
    accept: str
    status: int | None
    reply: str


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the jar: as it was written, what went over the wire, what it gave, and if that is as documented.

    `note` tells what is made to go wrong, if anything is.
    """

    call: str
    exchanges: tuple[Exchange, ...]
    gave: str
    as_documented: bool
    note: str = ""


@dataclass(slots=True)
class _Recorder:
    """A transport that notes what passes. It stands below Retry, so that each attempt is seen."""

    transport: Transport
    exchanges: list[Exchange] = field(default_factory=list)

    def handle(self, request: http.Request) -> http.Response:
        line = request.redact(f"{request.method} {urlsplit(request.url).path}")
        accept = request.headers["Accept"]
        try:
            response = self.transport.handle(request)
        except TransportError as error:
            self.exchanges.append(Exchange(line, accept, None, error.fault))
            raise
        self.exchanges.append(Exchange(line, accept, response.status, request.redact(response.text())))
        return response

    def close(self) -> None:
        self.transport.close()

    def taken(self) -> tuple[Exchange, ...]:
        """What passed since this was asked before."""
        taken = tuple(self.exchanges)
        self.exchanges.clear()
        return taken


def play(emulator: Emulator) -> Iterator[Step]:
    """Make every call of `MSpaceClient` against `emulator`, which has the demo accounts, behind a socket."""
    # Straight to the socket: a proxy of the environment has no business with 127.0.0.1.
    wire = _Recorder(Network(timeout=2.0, proxy=""))
    with Server(emulator) as server:
        client = MSpaceClient(server.url, transport=Retry(wire), routes="*=legacy")

        def call(
            method: str, *arguments: Any, expected: Callable[[Any], bool], requests: int = 1, note: str = ""
        ) -> Step:
            try:
                gave = getattr(client, method)(*arguments)
            except MSpaceError as error:
                gave = error
            exchanges = wire.taken()
            shown = ", ".join(map(_argument, arguments))
            is_right = expected(gave) and len(exchanges) == requests
            return Step(f"{method}({shown})", exchanges, _result(gave), is_right, note)

        yield from _reads(call)
        yield from _sends(call, emulator)
        yield from _top_ups(call)
        yield from _failures(call, emulator)
        yield call("close", expected=_is(None), requests=0)
        yield call("getBalance", _USER, _RIGHT, expected=_is_closed, requests=0, note="after close")


_Call = Callable[..., Step]


def _is(value: object) -> Callable[[Any], bool]:
    return lambda gave: bool(gave == value)


def _reads(call: _Call) -> Iterator[Step]:
    account = (_USER, _RIGHT)
    sub_users = [{"subUserName": "subuser1", "smsBalance": "20"}, {"subUserName": "subuser2", "smsBalance": "18"}]
    clients = [{"clientname": "client1", "smsBalance": "20"}, {"clientname": "client2", "smsBalance": "18"}]
    yield call("getBalance", *account, expected=_is("1000"))
    yield call("login_TEXT", *account, expected=_is("User exists."))
    yield call("subUsers_JSON", list, *account, expected=_is(sub_users))
    yield call(
        "subUsers_XML", list[SubUser], *account, expected=_is([SubUser("subuser1", 20), SubUser("subuser2", 18)])
    )
    yield call("subUsers_JSON", Response, *account, expected=_is_documented_response)
    yield call("resellerClients_JSON", list, *account, expected=_is(clients))
    yield call(
        "resellerClients_XML",
        list[ResellerClient],
        *account,
        expected=_is([ResellerClient("client1", 20), ResellerClient("client2", 18)]),
    )


def _is_closed(gave: Any) -> bool:
    return isinstance(gave, IllegalStateException)


def _is_documented_response(gave: Any) -> bool:
    """`InboundJaxrsResponse{ClientResponse{method=GET, uri=http://..., status=200, reason=OK}}`"""
    text = str(gave)
    return text.startswith("InboundJaxrsResponse{ClientResponse{method=GET, uri=http://") and text.endswith(
        ", status=200, reason=OK}}"
    )


def _sends(call: _Call, emulator: Emulator) -> Iterator[Step]:
    def took(count: int, message: str) -> Callable[[Any], bool]:
        """That there is a record for each message, and that the text arrived as it was written."""

        def expected(gave: Any) -> bool:
            if not isinstance(gave, list) or len(gave) != count:
                return False
            stored = {sent.message_id: sent.text for sent in emulator.ledger.messages()}
            for record in gave:
                read = (record.message_id, record.status) if isinstance(record, SentMessage) else _fields(record)
                if read[1] != "successful" or stored.get(read[0]) != message:
                    return False
            return True

        return expected

    account = (_USER, _RIGHT, "MSPACE")
    two = "254722000001,254733000002"
    yield call("subUsers_JSON", list, *account, "254722000001", "Hello", expected=took(1, "Hello"))
    yield call("subUsers_XML", list[SentMessage], *account, "254722000001", "Hello", expected=took(1, "Hello"))
    yield call("sendText_JSON", list, *account, "254722000001", _HARD_TEXT, expected=took(1, _HARD_TEXT))
    yield call("sendText_XML", list[SentMessage], *account, two, "To both", expected=took(2, "To both"))
    spent = 1 + 1 + sms.segments(_HARD_TEXT).count + 2
    yield call("getBalance", _USER, _RIGHT, expected=_is(str(1000 - spent)))


def _fields(record: dict[str, str]) -> tuple[str, str]:
    """Of the documented record: `{"messageId": "12345", "responseTime": "...", "status": "successful"}`."""
    return record.get("messageId", ""), record.get("status", "")


def _top_ups(call: _Call) -> Iterator[Step]:
    account = (_USER, _RIGHT)
    to_client, to_sub_user = (f"Successful Top up of 5 SMS to {name}" for name in ("client1", "subuser1"))
    yield call("resellerClientTopup_JSON", str, *account, "client1", "5", expected=_is(to_client))
    yield call("resellerClientTopup_XML", TopUp, *account, "client1", 5, expected=_is(TopUp("client1", 5)))
    yield call("subAccTopup_JSON", str, *account, "subuser1", "5", expected=_is(to_sub_user))
    yield call("subAccTopup_XML", TopUp, *account, "subuser1", 5, expected=_is(TopUp("subuser1", 5)))


def _failures(call: _Call, emulator: Emulator) -> Iterator[Step]:
    refused = "Error 100: Authentication Failure"
    yield call("getBalance", _USER, _WRONG, expected=_is(refused), note="a wrong password")
    balance = emulator.ledger.balance(_USER)
    emulator.faults.add(Fault("reset-after", operation="sendtext", times=1))
    before = len(emulator.ledger.messages())
    yield call(
        "sendText_JSON",
        str,
        _USER,
        _RIGHT,
        "MSPACE",
        "254722000001",
        "Sent once",
        # The service took it, and its reply was lost: sending again would send twice.
        expected=lambda gave: isinstance(gave, OutcomeUnknown) and len(emulator.ledger.messages()) == before + 1,
        note="the emulator takes it, and resets the connection instead of answering",
    )
    spent_once = _is(str(balance - 1))
    yield call("getBalance", _USER, _RIGHT, expected=spent_once, note="one credit less: it was sent once")


def _argument(argument: Any) -> str:
    if isinstance(argument, Secret):
        return repr(str(argument))
    if get_origin(argument) is list:
        return f"list[{get_args(argument)[0].__name__}]"
    return argument.__name__ if isinstance(argument, type) else repr(argument)


def _result(gave: Any) -> str:
    if gave is None:
        return ""
    if not isinstance(gave, MSpaceError):
        return str(gave) if isinstance(gave, Response) else repr(gave)
    text = f"{type(gave).__name__}: {gave}"
    return f"{text} (an OutcomeUnknown: {gave.advice})" if isinstance(gave, OutcomeUnknown) else text


@click.command()
@json_option
def demo(as_json: bool) -> int:
    """Make every call of the Java jar against the emulator.

    It goes over a real socket, and shows what went over the wire and what came back. The exit code is 0 if every
    call gave what the documentation says, else 1.
    """
    began = time.monotonic()
    emulator = Emulator(Ledger())
    steps = []
    screen = console()
    try:
        for step in play(emulator):
            steps.append(step)
            if not as_json:
                for line, style in _lines(len(steps), step):
                    screen.print(plain(line), style=style, soft_wrap=True)
    finally:
        emulator.close()
    wrong = [step.call for step in steps if not step.as_documented]
    if as_json:
        show_json(_document(steps))
    else:
        verdict = f"not as documented: {', '.join(wrong)}" if wrong else "each as documented"
        screen.print(plain(f"{len(steps)} calls in {time.monotonic() - began:.1f} s, {verdict}"), style="bold")
    return FAILED if wrong else DONE


def _lines(number: int, step: Step) -> Iterator[tuple[str, str]]:
    yield f"{number:2}. {step.call}{f'   ({step.note})' if step.note else ''}", "bold"
    for exchange in step.exchanges:
        yield f"      > {exchange.request}   (Accept: {exchange.accept})", "cyan"
        came = f"no reply: {exchange.reply}" if exchange.status is None else f"{exchange.status} {exchange.reply}"
        yield f"      < {_short(came)}", "green"
    if not step.exchanges:
        yield "      (nothing went over the wire)", ""
    if step.gave:
        yield f"      = {_short(step.gave)}", ""
    if not step.as_documented:
        yield "      ! this is not what the documentation says", "bold red"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _document(steps: list[Step]) -> dict[str, Any]:
    return {
        "as_documented": all(step.as_documented for step in steps),
        "calls": [
            {
                "call": step.call,
                "note": step.note,
                "wire": [
                    {
                        "request": exchange.request,
                        "accept": exchange.accept,
                        "status": exchange.status,
                        "reply": exchange.reply,
                    }
                    for exchange in step.exchanges
                ],
                "gave": step.gave,
                "as_documented": step.as_documented,
            }
            for step in steps
        ],
    }
