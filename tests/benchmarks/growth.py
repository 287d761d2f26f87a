"""Growth: what a unit of work takes as the work grows tenfold, twice. What grows faster than the work is missed."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mspace_legacy import Client, sms
from mspace_legacy.emulator import DEMO_ACCOUNTS
from mspace_legacy.emulator.accounts import Account
from mspace_legacy.emulator.ledger import Address, Ledger
from mspace_legacy.migration.scan import inspect, scan
from mspace_legacy.models import DeliveryReports, SendText
from mspace_legacy.msisdn import recipients
from mspace_legacy.secrets import Secret
from mspace_legacy.smpp import Deliveries
from mspace_legacy.smpp.deliveries import SubmittedMessage
from mspace_legacy.smpp.pdu import Decoder, SubmitSm, encode
from mspace_legacy.wire.http import Request, Response
from tests.benchmarks.broadcast import ACCEPTED, numbers
from tests.benchmarks.measure import Call, Goal, Section, Timings, Turn, scaled, time_turns

__all__ = ["GROWTH", "LINEAR", "Grows", "growth", "time_growth"]

LINEAR = 1.3
"""At most so many times as long for a unit: what is linear takes some more where it leaves the processor's cache."""

Grows = Callable[[int], Iterator[Call]]
"""Gives, as a generator that yields once, what does work of that size."""


class _Answers:
    """A transport whose every reply is the same."""

    def __init__(self, body: str) -> None:
        self._response = Response(200, body.encode(), (("Content-Type", "application/json"),))

    def handle(self, request: Request) -> Response:
        """That reply."""
        return self._response

    def close(self) -> None:
        """Nothing is held."""


def _segments(size: int) -> Iterator[Call]:
    text = "Habari {yako}? 100% €uro. " * (size * 153 // 29)
    yield lambda: sms.segments(text)


def _recipients(size: int) -> Iterator[Call]:
    given = numbers(size)
    yield lambda: recipients(given)


def _broadcast(size: int) -> Iterator[Call]:
    given = numbers(size)
    client = Client.legacy("http://h", "demo", "demo-password", transport=_Answers(ACCEPTED))
    yield lambda: client.send_text("MSPACE", given, "Habari?")


def _named_messages(size: int) -> Iterator[Call]:
    given = numbers(size)
    told = [{"messageId": str(place), "recipient": f"254{n[1:]}", "status": 111} for place, n in enumerate(given)]
    transport = _Answers(json.dumps({"message": told}))
    client = Client.v2("demo", "key", base_url="http://h", transport=transport, recipients_per_request=size)
    yield lambda: client.send_text("MSPACE", given, "Habari?")


def _sub_users(size: int) -> Iterator[Call]:
    told = [{"smsBalance": "20", "subUserName": f"subuser{place}"} for place in range(size)]
    client = Client.legacy("http://h", "demo", "demo-password", transport=_Answers(json.dumps(told)))
    yield client.sub_users


def _sub_users_in_xml(size: int) -> Iterator[Call]:
    told = "".join(
        f"<subUser><smsBalance>20</smsBalance><subUserName>subuser{place}</subUserName></subUser>"
        for place in range(size)
    )
    client = Client.legacy("http://h", "demo", "pw", transport=_Answers(f"<subUsers>{told}</subUsers>"))
    yield client.sub_users


def _pdus(size: int) -> Iterator[Call]:
    stream = b"".join(
        encode(SubmitSm(sequence_number=place, destination_addr="254722000000", short_message=b"Habari?"))
        for place in range(1, size + 1)
    )

    def decode() -> None:
        decoder = Decoder()
        decoder.feed(stream)
        for _ in range(size):
            assert decoder.next_pdu()

    yield decode


_SOURCE = """
def ask(user, word):
    return get(f"http://h/mspaceservice/wr/sms/balance/username={user}/password={word}")
"""


def _lines(size: int) -> Iterator[Call]:
    text = _SOURCE * scaled(size, 1 / _SOURCE.count("\n"))
    yield lambda: list(inspect(text, "calls.py"))


def _files(size: int) -> Iterator[Call]:
    with tempfile.TemporaryDirectory() as folder:
        for place in range(size):
            # As many in a directory at each size.
            file = Path(folder, str(place // 50), f"{place}.py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(_SOURCE, "utf-8")
        yield lambda: list(scan([folder]))


@contextmanager
def _ledger(messages: int) -> Iterator[tuple[Ledger, str]]:
    """One that has so many messages, each with a receipt that is due, and the id of the last."""
    rich = Account("rich", Secret("p"), Secret("k"), 10**12, ("MSPACE",))
    ledger = Ledger((*DEMO_ACCOUNTS, rich), delivery_delay=0)
    message_id = ""
    for _ in range(messages):
        message_id = ledger.submit(
            "rich", Address(5, 0, "MSPACE"), Address(1, 1, "254722000001"), "Habari?", segments=1, receipt="always"
        )
    yield ledger, message_id
    ledger.close()


def _reports(size: int) -> Iterator[Call]:
    with _ledger(size) as (ledger, message_id):
        call = DeliveryReports("rich", message_id)

        def ask() -> None:
            for _ in range(size):
                ledger.answer(call)

        yield ask


def _sends(size: int) -> Iterator[Call]:
    with _ledger(0) as (ledger, _):
        call = SendText("rich", "MSPACE", tuple(numbers(size)), "Habari?")
        yield lambda: ledger.answer(call)


def _due_receipts(size: int) -> Iterator[Call]:
    with _ledger(size) as (ledger, _):
        several = 1 if size % 10 else 10

        def take() -> None:
            for _ in range(size // several):
                assert len(ledger.receipts("rich", several)) == several

        yield take


def _matched(size: int) -> Iterator[Call]:
    def follow() -> None:
        deliveries = Deliveries()
        for place in range(size):
            deliveries.add(SubmittedMessage("MSPACE", "254722000000", "Habari?", (str(place),)))
        for place in range(size):
            assert deliveries.of(str(place))

    yield follow


GROWTH: dict[str, tuple[Grows, int]] = {
    "segments": (_segments, 10),
    "recipients": (_recipients, 100),
    "recipients of a broadcast": (_broadcast, 100),
    "messages of a v2 reply": (_named_messages, 100),
    "sub-users of a reply": (_sub_users, 100),
    "sub-users of a reply in XML": (_sub_users_in_xml, 100),
    "PDUs of a stream": (_pdus, 100),
    "lines of a scanned file": (_lines, 60),
    "scanned files": (_files, 50),
    "messages sent to a ledger": (_sends, 100),
    "reports asked of a ledger": (_reports, 50),
    "receipts taken of a ledger": (_due_receipts, 50),
    "receipts matched": (_matched, 100),
}
"""What does the work, and the smallest size of it."""


def growth(work: str, scale: float) -> Section:
    """A unit of one of these works at its size, ten times it and a hundred times it."""
    grows, size = GROWTH[work]
    rounds = scaled(5, scale)
    timings = time_growth(grows, scaled(size, min(1.0, scale)), rounds=rounds)
    first, *larger = timings
    goals = tuple(Goal(contender, first, LINEAR) for contender in larger)
    return Section(f"Growth: one of so many {work} ({rounds} rounds)", timings, goals)


def time_growth(grows: Grows, size: int, *, rounds: int) -> Timings:
    """The time of a unit of work at each of three sizes, under the size."""
    with ExitStack() as stack:
        turns = {}
        for times in (1, 10, 100):
            call = stack.enter_context(contextmanager(grows)(size * times))
            # As much work in each turn.
            turns[f"{size * times:,}"] = Turn(call, calls=100 // times, units=size * times)
        # Of the processor: no one else's work counts.
        return time_turns(turns, rounds=rounds, clock=time.process_time)
