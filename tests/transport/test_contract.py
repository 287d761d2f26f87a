"""The contract of a transport, which every one of them must keep: the same reply to the same request, and the truth.

A new transport is added to `MAKERS`, or to `LEGACY_MAKERS` where it answers legacy requests only, and nothing else is
written for it. Those of `migration` answer from v2, and nobody can tell.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from mspace_legacy import OutcomeUnknown, Secret, errors
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Ledger
from mspace_legacy.migration import Adapter, Gateway, Router, Routes, Settings
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReports,
    Login,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SubAccountTopUp,
    SubUsers,
)
from mspace_legacy.server import Server
from mspace_legacy.transport import Network, Retry, Transport
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.documents import Form
from mspace_legacy.wire.http import Request
from tests.migration.stores import demo_store, write_demo_store

NOW = 1_750_000_000.0
"""2025-06-15 15:06:40 in UTC."""

Maker = Callable[[Emulator, ExitStack], Transport]


def network(emulator: Emulator, stack: ExitStack) -> Transport:
    server = stack.enter_context(Server(emulator))
    return InFrontOf(server.url, Network(timeout=5))


class InFrontOf:
    """Sends what is meant for `http://service` to where it really is."""

    def __init__(self, url: str, transport: Transport) -> None:
        self.url = url
        self.transport = transport

    def handle(self, request: Request) -> Any:
        return self.transport.handle(replace(request, url=request.url.replace("http://service", self.url)))

    def close(self) -> None:
        self.transport.close()


STORE = demo_store()


def adapter(emulator: Emulator, stack: ExitStack) -> Transport:
    return Adapter(emulator, STORE)


def router(routes: str) -> Maker:
    return lambda emulator, stack: Router.over(emulator, routes, STORE)


def shadow(in_charge: Any) -> Maker:
    """For reads. What would be made twice goes to the API in charge, as routes would have it."""

    def make(emulator: Emulator, stack: ExitStack) -> Transport:
        reads = ("balance", "subusers", "resellerclients", "login")
        mode = "shadow" if in_charge == "legacy" else "verify"
        return Router.over(emulator, {**dict.fromkeys(reads, mode), "*": in_charge}, STORE)

    return make


MAKERS: dict[str, Maker] = {
    "emulator in process": lambda emulator, stack: emulator,
    "network to a socket": network,
    "retry in process": lambda emulator, stack: Retry(emulator, attempts=1),
    "retry over the network": lambda emulator, stack: Retry(network(emulator, stack), attempts=1),
}


LEGACY_MAKERS: dict[str, Maker] = {
    "adapter": adapter,
    "adapter over the network": lambda emulator, stack: Adapter(
        Network(timeout=5), STORE, base_url=stack.enter_context(Server(emulator)).url
    ),
    "retry around the adapter": lambda emulator, stack: Retry(adapter(emulator, stack), attempts=1),
    "routes to legacy": router("*=legacy"),
    "routes to v2": router("*=v2"),
    "routes of a canary": router("*=canary:50"),
    "shadow": shadow("legacy"),
    "verify": shadow("v2"),
    "routes over the network": lambda emulator, stack: Router.over(
        network(emulator, stack), "*=v2", STORE, base_url="http://service"
    ),
}


GATEWAYS: dict[str, Maker] = {
    "gateway in process": lambda emulator, stack: gateway(emulator, stack, "*=v2"),
    "gateway to v2 over a socket": lambda emulator, stack: behind_a_socket(gateway(emulator, stack, "*=v2"), stack),
    "gateway to legacy over a socket": lambda emulator, stack: behind_a_socket(
        gateway(emulator, stack, "*=legacy"), stack
    ),
}
"""They tell in a reply of their own that there was none."""


def gateway(emulator: Emulator, stack: ExitStack, routes: str) -> Transport:
    folder = Path(stack.enter_context(TemporaryDirectory()))
    settings = Settings(write_demo_store(folder), main_url="http://service", routes=Routes.parse(routes))
    return Gateway(settings, transport=emulator)


def behind_a_socket(transport: Transport, stack: ExitStack) -> Transport:
    return InFrontOf(stack.enter_context(Server(transport, liberal=True)).url, Network(timeout=5))


def made(maker: Maker, emulator: Emulator) -> Iterator[Transport]:
    with ExitStack() as stack:
        transport = maker(emulator, stack)
        yield transport
        if transport is not emulator:
            transport.close()


@pytest.fixture(params=MAKERS)
def dual(request: pytest.FixtureRequest, emulator: Emulator) -> Iterator[Transport]:
    """A transport that answers both APIs' requests."""
    yield from made(MAKERS[request.param], emulator)


@pytest.fixture(params=[*MAKERS, *LEGACY_MAKERS])
def raising(request: pytest.FixtureRequest, emulator: Emulator) -> Iterator[Transport]:
    """A transport that raises where there is no reply."""
    yield from made({**MAKERS, **LEGACY_MAKERS}[request.param], emulator)


@pytest.fixture(params=[*MAKERS, *LEGACY_MAKERS, *GATEWAYS])
def transport(request: pytest.FixtureRequest, emulator: Emulator) -> Iterator[Transport]:
    yield from made({**MAKERS, **LEGACY_MAKERS, **GATEWAYS}[request.param], emulator)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """With a clock that stands still, so that replies can be compared to the letter."""
    emulator = Emulator(Ledger(clock=lambda: NOW))
    yield emulator
    emulator.close()


PASSWORD, KEY = (DEMO_ACCOUNTS[0].password, DEMO_ACCOUNTS[0].api_key)
SEND = SendText("demo", "MSPACE", ("0722000000", "254700000000"), "a/b; {c} 100% 😀")
TIME = "2025-06-15 18:06:40:000"


def ask_legacy(transport: Transport, call: Call[Any], form: Form = "json", password: Secret = PASSWORD) -> str:
    request = legacy.encode_request(call, password, base="http://service/mspaceservice/wr/sms", form=form)
    # v2 does not tell the time.
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}", TIME, transport.handle(request).text())


@pytest.mark.parametrize(
    ("call", "form", "body"),
    [
        (Balance("demo"), "text", "1000"),
        (Login("demo"), "text", "User exists."),
        (SubUsers("subuser1"), "json", "[]"),
        (
            SubUsers("demo"),
            "json",
            '[{"smsBalance": "20", "subUserName": "subuser1"}, {"smsBalance": "18", "subUserName": "subuser2"}]',
        ),
        (
            ResellerClients("demo"),
            "json",
            '[{"smsBalance": "20", "clientname": "client1"}, {"smsBalance": "18", "clientname": "client2"}]',
        ),
        (SubAccountTopUp("demo", "subuser1", 5), "json", "Successful Top up of 5 SMS to subuser1"),
        (ResellerClientTopUp("demo", "client1", 5), "text", "Successful Top up of 5 SMS to client1"),
        (
            SEND,
            "json",
            f'[{{"messageId": "49032372", "responseTime": "{TIME}", "status": "successful"}}, '
            f'{{"messageId": "", "responseTime": "{TIME}", "status": "Invalid recipient"}}]',
        ),
        (
            SEND,
            "xml",
            f"<messages><message><messageId>49032372</messageId><responseTime>{TIME}</responseTime>"
            "<status>successful</status></message><message><messageId></messageId>"
            f"<responseTime>{TIME}</responseTime><status>Invalid recipient</status></message></messages>",
        ),
    ],
)
def test_legacy_replies(transport: Transport, call: Call[Any], form: Form, body: str) -> None:
    password = PASSWORD if call.username == "demo" else Secret(f"{call.username}-password")
    assert ask_legacy(transport, call, form, password) == body


@pytest.mark.parametrize(
    ("call", "password", "body"),
    [
        (Balance("demo"), "wrong", "Error 100: Authentication Failure"),
        (Balance("nobody"), "demo-password", "Error 100: Authentication Failure"),
        (SEND, "wrong", "Athentication failure"),
        (SubUsers("demo"), "wrong", "Authentication failure"),
        (ResellerClients("demo"), "", "Authentication failure"),
        (Login("demo"), "wrong", "Authentication failure"),
        (SubAccountTopUp("demo", "subuser1", 5), "wrong", "Athentication failure"),
        (ResellerClientTopUp("demo", "client1", 5), "wrong", "Athentication failure"),
        (SendText("demo", "OTHER", ("0722000000",), "hi"), "demo-password", "Invalid sender ID"),
        (SendText("empty", "DEMO", ("0722000000",), "hi"), "empty-password", "Insufficient Balance"),
        (SubAccountTopUp("demo", "subuser1", 1001), "demo-password", "Insufficient Balance"),
        (SubAccountTopUp("demo", "client1", 5), "demo-password", "Failed to top up client1 account"),
        (SubAccountTopUp("demo", "subuser1", 0), "demo-password", "Top up not Successful"),
        (SubAccountTopUp("demo", "subuser1", "five"), "demo-password", "Top up not Successful"),
        (SubAccountTopUp("frozen", "frozen-sub", 5), "frozen-password", "Failed to deduct your account"),
        (
            ResellerClientTopUp("plain", "client1", 5),
            "plain-password",
            "You are not Authorized to make this transaction",
        ),
        (ResellerClientTopUp("suspended", "client1", 5), "suspended-password", "Kindly Contact Providers for help"),
    ],
)
def test_legacy_failures(transport: Transport, emulator: Emulator, call: Call[Any], password: str, body: str) -> None:
    before = emulator.ledger.total()
    assert ask_legacy(transport, call, "json", Secret(password)) == body
    assert emulator.ledger.total() == before
    assert emulator.ledger.messages() == []


@pytest.mark.parametrize("style", v2.STYLES)
def test_v2_replies_and_failures(dual: Transport, emulator: Emulator, style: v2.Style) -> None:
    def ask(call: Call[Any], key: Secret = KEY) -> Any:
        request = v2.encode_request(call, key, base="http://service/smsapi/v2", style=style)
        return v2.decode_reply(call, dual.handle(request))

    assert ask(Balance("demo")) == 1000
    first, second = ask(SEND)
    assert (first.recipient, first.status, second.recipient) == ("0722000000", "111", "254700000000")
    assert ask(DeliveryReports("demo", first.message_id))[0].recipient == "254722000000"
    assert [user.name for user in ask(SubUsers("demo"))] == ["subuser1", "subuser2"]
    assert [client.name for client in ask(ResellerClients("demo"))] == ["client1", "client2"]
    assert ask(SubAccountTopUp("demo", "subuser1", 5)).count == 5
    assert ask(ResellerClientTopUp("demo", "client1", 5)).name == "client1"
    assert emulator.ledger.balance("demo") == 1000 - 1 - 10
    with pytest.raises(errors.AuthenticationError):
        ask(Balance("demo"), Secret("wrong"))
    with pytest.raises(errors.NotAuthorized):
        ask(ResellerClientTopUp("plain", "client1", 5), Secret("plain-api-key-".ljust(128, "0")))


LOSSES = ["refuse", "reset-before", "reset-after", "truncate"]


@pytest.mark.parametrize("fault", LOSSES)
def test_a_reply_that_is_lost_is_told_as_such(raising: Transport, emulator: Emulator, fault: str) -> None:
    emulator.faults.add(fault)
    with pytest.raises(errors.ReplyLost) as of_read:
        ask_legacy(raising, Balance("demo"))
    with pytest.raises(errors.ReplyLost) as of_send:
        ask_legacy(raising, SEND)
    assert not isinstance(of_read.value, OutcomeUnknown)
    assert isinstance(of_send.value, OutcomeUnknown)
    assert len(emulator.ledger.messages()) == (1 if fault in ("reset-after", "truncate") else 0)


@pytest.mark.parametrize("fault", LOSSES)
@pytest.mark.parametrize("maker", GATEWAYS.values(), ids=GATEWAYS)
def test_a_gateway_tells_a_lost_reply_in_one_of_its_own(maker: Maker, emulator: Emulator, fault: str) -> None:
    """As a Java client asks again whose connection closes without one; and never as a success."""
    emulator.faults.add(fault)
    for transport in made(maker, emulator):
        for call in (Balance("demo"), SEND):
            request = legacy.encode_request(call, PASSWORD, base="http://service/mspaceservice/wr/sms")
            response = transport.handle(request)
            assert (response.status, response.text()) == (502, "internal service error")
            with pytest.raises(errors.ServerError) as told:
                legacy.decode_reply(call, response)
            assert isinstance(told.value, OutcomeUnknown) is (call is SEND)
        assert len(emulator.ledger.messages()) == (1 if fault in ("reset-after", "truncate") else 0)


def test_threads(transport: Transport, emulator: Emulator) -> None:
    """Each reply belongs to its request, and the credits are right to the last one."""
    begin = threading.Barrier(8)

    def work(worker: int) -> dict[str, str]:
        begin.wait()
        numbers = [f"2547220{worker}{turn:04}" for turn in range(20)]
        replies = [
            json.loads(ask_legacy(transport, SendText("demo", "MSPACE", (number,), "hi"))) for number in numbers
        ]
        return {reply[0]["messageId"]: number for number, reply in zip(numbers, replies, strict=True)}

    with ThreadPoolExecutor(8) as pool:
        told = {message_id: number for part in pool.map(work, range(8)) for message_id, number in part.items()}
    assert told == {message.message_id: message.recipient for message in emulator.ledger.messages()}
    assert len(set(told.values())) == 8 * 20
    assert emulator.ledger.balance("demo") == 1000 - 8 * 20
