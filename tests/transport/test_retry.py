"""The retry policy: rule 3 of the design, over real sockets."""

from __future__ import annotations

import math
import random
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


def ask(url: str, call: Call[Any], *, patience: float = 20, **settings: Any) -> Response:
    quick = {"first_pause": 0.01, "longest_pause": 0.02, **settings}
    transport = Retry(Network(timeout=(20, patience)), **quick)
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

PATIENCE: dict[Callable[[ScriptedServer], Answer], float] = {stalled: 0.7}
"""Seconds that a server which says nothing is waited for; the rest say something, however busy the machine is."""

ANSWERS = [fault for name, fault in PASSING.items() if name.isdigit()]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("call", READS, ids=lambda call: call.operation)
def test_a_read_is_asked_again(
    scripted: ScriptedServer, fault: Callable[[ScriptedServer], Answer], call: Call[Any]
) -> None:
    scripted.script = [fault(scripted), fault(scripted), reply(b"hello")]
    assert ask(scripted.url, call, patience=PATIENCE.get(fault, 20)).body == b"hello"
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
            ask(scripted.url, call, patience=PATIENCE.get(fault, 20))
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
    ("name", "value"), [("attempts", 0), ("total_time", -1), ("first_pause", -0.1), ("longest_pause", float("nan")),
                        ("first_pause", math.inf)],
)  # fmt: skip
def test_numbers_that_can_not_be_right(name: str, value: float) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(errors.InvalidInput, match=f"{name} is {value}: "):
        Retry(Network(), **settings)


@pytest.mark.parametrize(
    "settings", [{"total_time": 0}, {"first_pause": 0}, {"longest_pause": 0}, {"total_time": math.inf},
                 {"longest_pause": math.inf}, {"attempts": 1}],
)  # fmt: skip
def test_numbers_that_can_be_right(settings: dict[str, Any]) -> None:
    assert Retry(Network(), **settings)


class Clock:
    """A clock that goes on by sleeping only, so that minutes of pauses take no time and can be told exactly."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", self.sleep)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Says:
    """A transport that answers as told, in turn, and with the last of it from then on; an answer takes `takes`."""

    def __init__(self, *outcomes: Response | Exception, clock: Clock | None = None, takes: float = 0) -> None:
        self.outcomes, self.clock, self.takes = list(outcomes), clock, takes
        self.asked: list[Request] = []
        self.closed = False

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        if self.clock:
            self.clock.now += self.takes
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        self.closed = True

    def __repr__(self) -> str:
        return "Says()"


READ = Request("GET", "http://127.0.0.1/", repeatable=True)
BUSY = Response(503)


def busy(retry_after: str) -> Response:
    return Response(503, headers=(("Retry-After", retry_after),))


def test_pauses_double_up_to_the_longest_and_each_has_a_jitter(clock: Clock) -> None:
    random.seed(6)
    Retry(Says(BUSY), attempts=41, total_time=1e6, first_pause=0.5, longest_pause=4).handle(READ)
    least = [0.5, 1, 2, *[4] * 37]
    jitter = [pause - base for pause, base in zip(clock.pauses, least, strict=True)]
    assert all(0 <= more <= 0.5 for more in jitter)
    assert min(jitter) < 0.1
    assert max(jitter) > 0.4


def test_what_it_does_by_default(clock: Clock) -> None:
    transport = Says(BUSY)
    Retry(transport).handle(READ)
    assert len(transport.asked) == 3
    first, second = clock.pauses
    assert 0.2 <= first <= 0.4
    assert 0.4 <= second <= 0.6
    clock.pauses.clear()
    Retry(transport, attempts=10, total_time=1e6).handle(READ)
    assert 5 <= clock.pauses[-1] <= 5.2


def test_the_time_is_bounded(clock: Clock) -> None:
    transport = Says(errors.ReplyLost("stalled"), clock=clock, takes=0.3)
    with pytest.raises(errors.ReplyLost):
        Retry(transport, attempts=1_000, total_time=0.5, first_pause=0.01).handle(READ)
    # The attempt that has begun in time may take longer; none begins after it.
    assert len(transport.asked) == 2


def test_the_total_time_by_default_is_thirty_seconds(clock: Clock) -> None:
    for seconds, asked in (("29", 2), ("30", 1)):
        transport = Says(busy(seconds), Response(200))
        Retry(transport).handle(READ)
        assert len(transport.asked) == asked


@pytest.mark.parametrize(("takes", "asked"), [(20, 2), (21, 1), (500, 1)])
def test_the_first_attempt_is_within_the_total_time(clock: Clock, takes: float, asked: int) -> None:
    transport = Says(busy("9"), Response(200), clock=clock, takes=takes)
    Retry(transport, total_time=30).handle(READ)
    assert len(transport.asked) == asked
    # Where it took all of it, even no pause at all leads to no other.
    transport = Says(BUSY, clock=clock, takes=500)
    Retry(transport, total_time=30, first_pause=0).handle(READ)
    assert len(transport.asked) == 1


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("999999", 999_999, 999_999),
        ("1000000", 0.2, 0.4),
        ("0", 0.2, 0.4),
        ("", 0.2, 0.4),
        ("7.5", 0.2, 0.4),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.2, 0.4),
    ],
)
def test_retry_after_is_a_number_of_seconds(clock: Clock, retry_after: str, least: float, most: float) -> None:
    Retry(Says(busy(retry_after), Response(200)), total_time=1e9).handle(READ)
    assert [least <= pause <= most for pause in clock.pauses] == [True]


def test_after_an_error_the_pause_is_the_backoff(clock: Clock) -> None:
    Retry(Says(errors.NotSent("no connection"), Response(200))).handle(READ)
    assert [0.2 <= pause <= 0.4 for pause in clock.pauses] == [True]


@pytest.mark.parametrize("status", [428, 430, 499, 600])
def test_statuses_beside_those_that_pass(status: int) -> None:
    transport = Says(Response(status))
    assert Retry(transport).handle(READ).status == status
    assert len(transport.asked) == 1


@pytest.mark.parametrize("before", [0, 1])
def test_what_is_no_fault_of_the_transport_is_not_tried_again(clock: Clock, before: int) -> None:
    bug = KeyError("bug")
    transport = Says(*[BUSY] * before, bug, Response(200))
    with pytest.raises(KeyError) as caught:
        Retry(transport).handle(READ)
    assert caught.value is bug
    assert len(transport.asked) == before + 1


def test_what_is_raised_is_what_the_last_attempt_raised(clock: Clock) -> None:
    faults = [errors.NotSent("first"), errors.NotSent("second"), errors.NotSent("third")]
    with pytest.raises(errors.NotSent) as caught:
        Retry(Says(*faults)).handle(READ)
    assert caught.value is faults[2]


@pytest.mark.parametrize("repeatable", [True, False])
def test_nothing_is_tried_again_for_who_has_given_up(clock: Clock, repeatable: bool) -> None:
    """Who asked again meanwhile would have it done twice."""
    given_up = [False]
    fault = errors.NotSent("no connection")

    class GivesUp(Says):
        def handle(self, request: Request) -> Response:
            given_up[0] = True
            return super().handle(request)

    transport = GivesUp(fault, Response(200))
    request = Request("GET", "http://127.0.0.1/", repeatable=repeatable, is_abandoned=lambda: given_up[0])
    with pytest.raises(errors.NotSent) as caught:
        Retry(transport).handle(request)
    assert caught.value is fault
    assert len(transport.asked) == 1


def test_a_send_is_not_sent_again_after_one_that_was_answered(clock: Clock) -> None:
    transport = Says(errors.NotSent("no connection"), BUSY, Response(200))
    assert Retry(transport).handle(Request("GET", "http://127.0.0.1/")) is BUSY
    assert len(transport.asked) == 2


def test_it_hands_on_the_request_and_closes_what_is_below(clock: Clock) -> None:
    transport = Says(BUSY)
    retry = Retry(transport)
    assert repr(retry) == "Retry(Says())"
    retry.handle(READ)
    assert all(request is READ for request in transport.asked)
    assert not transport.closed
    retry.close()
    assert transport.closed


def test_the_least_that_is_right(clock: Clock) -> None:
    transport = Says(BUSY)
    assert Retry(transport, attempts=1, total_time=0, first_pause=0, longest_pause=0).handle(READ) is BUSY
    assert len(transport.asked) == 1
    Retry(transport, attempts=9, total_time=1, first_pause=0, longest_pause=0).handle(READ)
    assert len(transport.asked) == 10
    assert clock.pauses == [0] * 8
