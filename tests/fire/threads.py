"""Threads: one client of each kind shared by 64, with routes that change meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mspace_legacy import Client, MSpaceClient, ResellerClient, SentMessage, TopUp
from mspace_legacy.migration import Comparisons
from mspace_legacy.smpp import Transmitter
from tests.fire.books import PASSWORD, SENDER_ID, SHOPS, SMPP_PASSWORD, Books, dice, write_accounts
from tests.fire.processes import PATIENCE, emulator

__all__ = ["THREADS", "hammer"]

THREADS = 64

_ROUTES = (
    "*=legacy",
    "*=v2",
    "*=canary:50",
    "balance=shadow, resellerclients=verify, sendtext=canary:30, *=legacy",
    "balance=verify, resellerclients=shadow, subacctopup=canary:70, *=v2",
)
_V2, _LEGACY, _SMPP = SHOPS[0], SHOPS[1], SHOPS[2]
"""Each has a client of its own; the others share the jar's, which is told the account with each call."""


def hammer(folder: Path, *, seed: int, calls: int) -> str:
    """`calls` calls by each of 64 threads, which share the clients; gives a line that tells what was done.

    :raises AssertionError: a reply was lost or crossed, a message is there twice, or the credits are not exact.
    """
    accounts, store = write_accounts(folder)
    ledger = folder / "ledger.sqlite"
    books = Books(ledger)
    comparisons = Comparisons(most_waiting=THREADS * calls)
    with emulator(folder, accounts, ledger) as served:
        with (
            MSpaceClient(
                served.url, routes="*=legacy", accounts=store, base_url=served.url, comparisons=comparisons
            ) as jar,
            Client.v2(_V2.username, _V2.api_key, base_url=served.url) as v2,
            Client.legacy(served.url, _LEGACY.username, PASSWORD) as legacy,
            Transmitter("127.0.0.1", served.smpp_port, _SMPP.username, SMPP_PASSWORD, window=20) as transmitter,
            ThreadPoolExecutor(THREADS + 1) as threads,
        ):
            done = threading.Event()
            changing = threads.submit(_change_routes, jar, dice(seed, "routes"), done)
            together = threading.Barrier(THREADS)
            clients = _Clients(books, jar, v2, legacy, transmitter)
            running = [threads.submit(clients.use, dice(seed, number), calls, together) for number in range(THREADS)]
            try:
                for each in running:
                    each.result()
            finally:
                done.set()
            changes = changing.result()
            assert comparisons.wait(PATIENCE)
        counts = comparisons.counts
        comparisons.close()
        assert not any(count.different for count in counts.values()), counts
        books.check()
        assert not books.unknown
        # Nothing is there that nobody was told of.
        assert books.rows().keys() == books.acknowledged.keys()
    equal = sum(count.equal for count in counts.values())
    return (
        f"{THREADS} threads, {THREADS * calls} calls, {len(books.acknowledged)} messages, {changes} changes of "
        f"routes, {equal} comparisons: nothing lost, crossed or twice, credits exact"
    )


def _change_routes(jar: MSpaceClient, chance: random.Random, done: threading.Event) -> int:
    changes = 0
    while not done.wait(chance.uniform(0, 0.01)):
        jar.routes = chance.choice(_ROUTES)
        changes += 1
    return changes


class _Clients:
    def __init__(self, books: Books, jar: MSpaceClient, v2: Client, legacy: Client, transmitter: Transmitter) -> None:
        self._books = books
        self._jar = jar
        self._v2 = v2
        self._legacy = legacy
        self._transmitter = transmitter

    def use(self, chance: random.Random, calls: int, together: threading.Barrier) -> None:
        """What one thread does."""
        together.wait(PATIENCE)
        ways: tuple[Callable[[random.Random], None], ...] = (
            self._jar_sends,
            self._jar_sends,
            self._jar_reads,
            self._jar_tops_up,
            self._v2_sends,
            self._legacy_sends,
            self._smpp_sends,
        )
        for _ in range(calls):
            chance.choice(ways)(chance)

    def _jar_sends(self, chance: random.Random) -> None:
        shop = chance.choice(SHOPS[3:])
        mark = self._books.mark(shop.username, chance)
        send = chance.choice((self._jar.sendText_JSON, self._jar.sendText_XML))
        (sent,) = send(list[SentMessage], shop.username, PASSWORD, SENDER_ID, mark.recipient, mark.text)
        self._books.took(mark, sent.message_id)

    def _jar_reads(self, chance: random.Random) -> None:
        shop = chance.choice(SHOPS)
        if chance.random() < 0.5:
            assert self._jar.getBalance(shop.client, PASSWORD) == str(shop.client_balance)
        else:
            read = chance.choice((self._jar.resellerClients_JSON, self._jar.resellerClients_XML))
            clients = read(list[ResellerClient], shop.username, PASSWORD)
            assert clients == [ResellerClient(shop.client, shop.client_balance)]

    def _jar_tops_up(self, chance: random.Random) -> None:
        shop, count = chance.choice(SHOPS), chance.randrange(1, 100)
        top_up = chance.choice((self._jar.subAccTopup_JSON, self._jar.subAccTopup_XML))
        made = top_up(TopUp, shop.username, PASSWORD, shop.branch, count)
        assert made == TopUp(shop.branch, count)
        self._books.topped_up(shop, count)

    def _v2_sends(self, chance: random.Random) -> None:
        # v2 tells the recipient, here and in the delivery report, so that a crossed reply shows at once.
        before = self._v2.balance()
        mark = self._books.mark(_V2.username, chance)
        (sent,) = self._v2.send_text(SENDER_ID, mark.recipient, mark.text).messages
        assert sent.recipient == mark.recipient
        self._books.took(mark, sent.message_id)
        assert self._v2.delivery_report(sent.message_id).recipient == mark.recipient
        assert self._v2.balance() <= before - mark.segments

    def _legacy_sends(self, chance: random.Random) -> None:
        mark = self._books.mark(_LEGACY.username, chance)
        (sent,) = self._legacy.send_text(SENDER_ID, mark.recipient, mark.text).messages
        assert sent.recipient == mark.recipient
        self._books.took(mark, sent.message_id)

    def _smpp_sends(self, chance: random.Random) -> None:
        marks = [self._books.mark(_SMPP.username, chance) for _ in range(chance.randrange(1, 5))]
        futures = [self._transmitter.submit(SENDER_ID, mark.recipient, mark.text) for mark in marks]
        for mark, future in zip(marks, futures, strict=True):
            sent = future.result(PATIENCE)
            assert (sent.recipient, sent.message) == (mark.recipient, mark.text)
            message_ids = [message_id for message_id in sent.message_ids if message_id is not None]
            self._books.took(mark, *message_ids)
