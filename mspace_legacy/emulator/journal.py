"""Journal: the last exchanges of an emulator, by HTTP and by SMPP, to be looked at with their secrets masked."""

from __future__ import annotations

import bisect
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from mspace_legacy.secrets import Secret

__all__ = ["Exchange", "Journal", "Masked"]

Masked = Callable[[Iterable[Secret]], str]
"""Gives a message as it went over the wire, without those secrets, and without what stands in the place of one."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what it was answered, whoever began.

    `number` counts from 1. `at` is in seconds of the ledger's clock, `seconds` how long the answer took. `title` is
    what was asked for, `outcome` what came of it, in a word or two. `message_ids` are those of the messages that it
    made, or told of. `octets` is about what it takes to keep it. `request` and `reply` give the texts, which are made
    when somebody looks.
    """

    number: int
    at: float
    seconds: float
    protocol: Literal["HTTP", "SMPP"]
    title: str
    username: str
    outcome: str
    message_ids: range
    octets: int
    request: Masked = field(repr=False)
    reply: Masked = field(repr=False)


class Journal:
    """The last `limit` exchanges, in memory; fewer, where they are large. Safe for threads.

    :param most_octets: what the kept ones may take, about.
    """

    def __init__(self, limit: int = 1000, *, most_octets: int = 16 << 20) -> None:
        self._lock = threading.Lock()
        self._limit = limit
        self._most_octets = most_octets
        self._kept: deque[Exchange] = deque()
        self._octets = 0
        self._last = 0

    def add(
        self,
        protocol: Literal["HTTP", "SMPP"],
        title: str,
        request: Masked,
        reply: Masked,
        *,
        at: float,
        seconds: float,
        username: str = "",
        outcome: str = "",
        message_ids: range = range(0),
        octets: int = 0,
    ) -> None:
        """Keep an exchange, and forget the oldest where there are too many. See `Exchange`."""
        with self._lock:
            self._last += 1
            number = self._last
            self._kept.append(
                Exchange(number, at, seconds, protocol, title, username, outcome, message_ids, octets, request, reply)
            )
            self._octets += octets
            while len(self._kept) > self._limit or (self._octets > self._most_octets and len(self._kept) > 1):
                self._octets -= self._kept.popleft().octets

    @property
    def last(self) -> int:
        """The number of the newest exchange; 0 where there was none."""
        return self._last

    def after(self, number: int, limit: int) -> list[Exchange]:
        """Those with a higher number, the newest `limit` of them, the oldest first."""
        with self._lock:
            count = min(self._last - number, limit, len(self._kept))
            return list(itertools.islice(reversed(self._kept), max(count, 0)))[::-1]

    def get(self, number: int) -> Exchange | None:
        """The one with that number, while it is kept."""
        with self._lock:
            place = number - self._last - 1
            return self._kept[place] if -len(self._kept) <= place < 0 else None

    def that_made(self, message_ids: Iterable[int]) -> dict[int, int]:
        """The number of the exchange that made each message, where it is kept."""
        with self._lock:
            kept = list(self._kept)
        wanted = sorted(message_ids)
        found: dict[int, int] = {}
        # Backwards, so that the first to name a message stands: later ones only tell of it.
        for exchange in reversed(kept):
            if ids := exchange.message_ids:
                for place in range(bisect.bisect_left(wanted, ids.start), bisect.bisect_left(wanted, ids.stop)):
                    found[wanted[place]] = exchange.number
        return found
