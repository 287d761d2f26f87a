"""One text to 10,000 recipients: what each of them takes, in a broadcast and in a request each."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from urllib.parse import quote

import requests
import urllib3

from mspace_legacy import Client
from tests.benchmarks.measure import Goal, Section, Turn, scaled, time_turns
from tests.benchmarks.server import another_process

__all__ = ["ACCEPTED", "broadcast", "numbers"]

ACCEPTED = '[{"messageId": "12345", "responseTime": "2018-06-25 11:12:19:793", "status": "successful"}]'
"""The vendor's example of a reply, which shows one record, for however many recipients."""

_TEXT = "Your parcel is at the shop until Friday."
_MOST_SINGLY = 100
"""Requests of one recipient each in a turn: they are all alike, and there are many turns."""

_EACH = "requests.Session, one each"
_EACH_ALONE = "requests.get, one each"
_BARE_ALONE = "urllib3, a connection and one each"

_GOALS = (
    # A send has a connection of its own, as requests.get has, and as bare urllib3 has here: with it, urllib3 alone
    # takes more than the 0.4 of a session that a call by a kept connection is held to.
    Goal("Client.send_text, one each", _BARE_ALONE, 1.15),
    Goal("Client.send_text, one each", _EACH, 1.0),
    Goal("Client.send_text, one each", _EACH_ALONE, 1.0),
    Goal("Client.send_text, all at once", _EACH, 0.1),
    Goal("Client.send_text, all at once, v2", _EACH, 0.1),
)


def numbers(count: int) -> list[str]:
    """So many recipients, each another."""
    return [f"0722{number:06}" for number in range(count)]


def broadcast(scale: float) -> Section:
    """The time by each recipient."""
    recipients, rounds = numbers(scaled(10_000, scale)), scaled(30, scale)
    singly = min(len(recipients), _MOST_SINGLY)
    each = itertools.cycle(recipients)
    with ExitStack() as stack:
        url = stack.enter_context(another_process(ACCEPTED))
        session = stack.enter_context(requests.Session())
        legacy = stack.enter_context(Client.legacy(url, "bench", "s3cret"))
        v2 = stack.enter_context(Client.v2("bench", "key", base_url=url))
        path = f"{url}/mspaceservice/wr/sms/sendtext/username=bench/password=s3cret/senderid=MSPACE"

        def bare() -> object:
            with urllib3.connection_from_url(url) as pool:
                target = f"{path.removeprefix(url)}/recipient={next(each)}/message={quote(_TEXT)}"
                return pool.urlopen("GET", target).json()

        count = len(recipients)
        turns = {
            _EACH: Turn(lambda: session.get(f"{path}/recipient={next(each)}/message={_TEXT}").json(), singly),
            _EACH_ALONE: Turn(lambda: requests.get(f"{path}/recipient={next(each)}/message={_TEXT}").json(), singly),  # noqa: S113
            _BARE_ALONE: Turn(bare, singly),
            "Client.send_text, one each": Turn(lambda: legacy.send_text("MSPACE", next(each), _TEXT), singly),
            "Client.send_text, all at once": Turn(lambda: legacy.send_text("MSPACE", recipients, _TEXT), units=count),
            "Client.send_text, all at once, v2": Turn(lambda: v2.send_text("MSPACE", recipients, _TEXT), units=count),
        }
        timings = time_turns(turns, rounds=rounds)
    return Section(f"A broadcast to {count:,}, by each recipient ({rounds} rounds)", timings, _GOALS)
