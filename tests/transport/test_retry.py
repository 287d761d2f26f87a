"""The retry policy: rule 3 of the design, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from mspace_legacy import Client, OutcomeUnknown, Secret, errors
from mspace_legacy.models import Balance, Call, Login, ResellerClientTopUp, SendText, SubAccountTopUp, SubUsers
from mspace_legacy.transport import Network, Retry, Transport
from mspace_legacy.wire import legacy
from mspace_legacy.wire.http import Request, Response
from tests.servers import Answer, ScriptedServer, close, reply, reset

READS: list[Call[Any]] = [Balance("u"), SubUsers("u"), Login("u")]
OTHERS: list[Call[Any]] = [
    SendText("u", "M", ("0722000000",), "hi"),
    SubAccountTopUp("u", "sub", 5),
    ResellerClientTopUp("u", "client", 5),
]


def ask(url: str, call: Call[Any], **settings: Any) -> Response:
    quick = {"first_pause": 0.01, "longest_pause": 0.02, **settings}
    transport = Retry(Network(timeout=(1, 0.3)), **quick)
    try:
        return transport.handle(legacy.encode_request(call, Secret("p"), base=legacy.base_url(url)))
    finally:
        transport.close()


def test_it_is_a_transport() -> None:
    assert isinstance(Retry(Network()), Transport)


def stalled(server: ScriptedServer) -> Answer:
    return server.stall()


PASSING: dict[str, Callable[[ScriptedServer], Answer]] = {
    "closed": lambda server: close,
    "reset": lambda server: reset,
    "stalled": stalled,
    "cut short": lambda server: reply(b"5", length=2),
    "429": lambda server: reply(b"", "429 Slow Down"),
    "500": lambda server: reply(b"", "500 Oops"),
    "503": lambda server: reply(b"", "503 Busy"),
    "599": lambda server: reply(b"", "599 Odd"),
}

ANSWERS = [fault for name, fault in PASSING.items() if name.isdigit()]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("call", READS, ids=lambda call: call.operation)
def test_a_read_is_asked_again(
    scripted: ScriptedServer, fault: Callable[[ScriptedServer], Answer], call: Call[Any]
) -> None:
    scripted.script = [fault(scripted), fault(scripted), reply(b"hello")]
    assert ask(scripted.url, call).body == b"hello"
    assert len(scripted.requests) == 3


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("call", OTHERS, ids=lambda call: call.operation)
def test_nothing_else_is(
    scripted: ScriptedServer, fault: Callable[[ScriptedServer], Answer], call: Call[Any]
) -> None:
    scripted.script = [fault(scripted), reply(b"hello")]
    if fault in ANSWERS:
        assert ask(scripted.url, call).status >= 429
    else:
        with pytest.raises(OutcomeUnknown) as caught:
            ask(scripted.url, call)
        assert isinstance(caught.value, errors.ReplyLost)
        assert caught.value.operation == call.operation
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("status", ["200 OK", "301 Moved", "400 Bad Request", "401 Unauthorized", "404 Not Found"])
def test_an_answer_is_an_answer(scripted: ScriptedServer, status: str) -> None:
    scripted.script = [reply(b"", status)]
    assert ask(scripted.url, Balance("u")).status == int(status[:3])
    assert len(scripted.requests) == 1


def test_it_gives_up_with_what_came_last(scripted: ScriptedServer) -> None:
    scripted.script = [close, reply(b"first", "500 Oops"), reply(b"last", "503 Busy")]
    assert ask(scripted.url, Balance("u")).body == b"last"
    scripted.script = [reply(b"", "500 Oops"), close]
    with pytest.raises(errors.ReplyLost) as caught:
        ask(scripted.url, Balance("u"))
    assert caught.value.fault == "closed"
    assert len(scripted.requests) == 6


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_attempts_are_bounded(scripted: ScriptedServer, attempts: int) -> None:
    scripted.script = [close]
    with pytest.raises(errors.ReplyLost):
        ask(scripted.url, Balance("u"), attempts=attempts)
    assert len(scripted.requests) == attempts


def test_the_time_is_bounded(scripted: ScriptedServer) -> None:
    scripted.script = [scripted.stall()]
    began = time.monotonic()
    with pytest.raises(errors.ReplyLost):
        ask(scripted.url, Balance("u"), attempts=1_000, total_time=0.5)
    # An attempt that has begun may take its own time-out of 0.3 seconds.
    assert 0.3 <= time.monotonic() - began < 3
    assert 1 < len(scripted.requests) <= 3


def test_retry_after_is_heeded(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"", "503 Busy", "Retry-After: 1\r\n"), reply(b"hello")]
    began = time.monotonic()
    assert ask(scripted.url, Balance("u")).body == b"hello"
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("header", ["Retry-After: 3600\r\n"])
def test_a_pause_beyond_the_time_is_not_taken(scripted: ScriptedServer, header: str) -> None:
    scripted.script = [reply(b"", "503 Busy", header)]
    began = time.monotonic()
    assert ask(scripted.url, Balance("u")).status == 503
    assert time.monotonic() - began < 10
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("header", ["Retry-After: soon\r\n", "Retry-After: -1\r\n", "Retry-After: \xb2\r\n"])
def test_a_pause_that_is_none_is_passed_over(scripted: ScriptedServer, header: str) -> None:
    scripted.script = [reply(b"", "503 Busy", header), reply(b"hello")]
    assert ask(scripted.url, Balance("u")).body == b"hello"


class FailsFirst:
    """A transport that can't connect a number of times, as one that is not of this library may be."""

    def __init__(self, url: str, times: int) -> None:
        self.network = Network()
        self.times = times
        self.asked = 0

    def handle(self, request: Request) -> Response:
        self.asked += 1
        if self.asked <= self.times:
            raise errors.NotSent("no connection", fault="refused")
        return self.network.handle(request)

    def close(self) -> None:
        self.network.close()


@pytest.mark.parametrize("call", OTHERS, ids=lambda call: call.operation)
def test_what_certainly_was_not_sent_is_tried_again(scripted: ScriptedServer, call: Call[Any]) -> None:
    flaky = FailsFirst(scripted.url, 2)
    transport = Retry(flaky, first_pause=0.01)
    request = legacy.encode_request(call, Secret("p"), base=legacy.base_url(scripted.url))
    assert transport.handle(request).status == 200
    assert (flaky.asked, len(scripted.requests)) == (3, 1)
    scripted.script = [close]
    flaky.asked = 0
    with pytest.raises(OutcomeUnknown):
        transport.handle(request)
    assert (flaky.asked, len(scripted.requests)) == (3, 2)
    transport.close()


def test_no_connection_after_all_attempts() -> None:
    flaky = FailsFirst("", 99)
    client = Client.legacy("http://127.0.0.1", "u", "p", transport=Retry(flaky, attempts=4, first_pause=0.001))
    with pytest.raises(errors.NotSent):
        client.send_text("M", "0722000000", "hi")
    assert flaky.asked == 4
    client.close()


@pytest.mark.parametrize(
    ("name", "value"), [("attempts", 0), ("total_time", -1), ("first_pause", -0.1), ("longest_pause", float("nan"))]
)
def test_numbers_that_can_not_be_right(name: str, value: float) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(errors.InvalidInput, match=name):
        Retry(Network(), **settings)
