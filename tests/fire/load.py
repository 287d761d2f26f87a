"""Load: a gateway and an emulator in processes of their own, before callers on raw sockets that behave badly.

Every reply is checked, and every send has a mark of its own. What the processes hold is measured at rest, after a
warm-up and at the end.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.fire.books import SHOPS, Books, Mark, Shop, dice, write_accounts
from tests.fire.peers import HttpPeer, Lost, SmppPeer, read_by_path, receipt_id, send_by_path, send_by_v2
from tests.fire.processes import Command, Vitals, emulator, gateway, until

__all__ = ["MOST_GROWTH", "bear"]

CALLERS = 24
_LONGEST = 300.0
"""Seconds beyond those asked for, which only bound how long a broken test takes."""
MOST_GROWTH = 8 << 20
"""Bytes that a command may hold more at the end than after the warm-up, however long it was: what an allocator keeps
differs by as much."""

WORKERS, THREADS = 2, 8
MOST_KEPT_OPEN = WORKERS * THREADS
"""Connections to the emulator that the gateway's pools may keep, and may not have opened yet after the warm-up."""

_ROUTES = (
    "*=v2",
    "*=legacy",
    "*=canary:50",
    "balance=shadow, resellerclients=verify, sendtext=canary:30, *=legacy",
)
_SMPP = SHOPS[0]


def bear(folder: Path, *, seed: int, warm_up: int, replies: int, seconds: float) -> str:
    """Load both for so many replies, to warm up and then, and for so many seconds at least; tells of it in a line.

    :raises AssertionError: a reply was lost or crossed, a message is there twice, credits are not exact, or memory or
        descriptors grew.
    """
    accounts, store = write_accounts(folder)
    ledger, config = folder / "ledger.sqlite", folder / "gateway.toml"
    books = Books(ledger)
    with emulator(folder, accounts, ledger) as behind:
        _configure(config, store, behind.url, _ROUTES[0])
        with gateway(folder, config) as before:
            load = _Load(books, behind, before)
            load.run(dice(seed, "warm-up"), warm_up, 0, _Routes(config, store, behind.url, before))
            at_first = _at_rest(behind, before)
            load.run(dice(seed, "load"), replies, seconds, _Routes(config, store, behind.url, before))
            with contextlib.suppress(TimeoutError):
                until(lambda: _descriptors_are_back(at_first, behind, before), "descriptors as before", seconds=20)
            at_last = _at_rest(behind, before)
            books.check()
    for name, first, last in zip(("emulator", "gateway"), at_first, at_last, strict=True):
        told = f"{first}, and {last} after {load.replies} replies"
        assert last.descriptors <= first.descriptors + MOST_KEPT_OPEN, f"descriptors of the {name}: {told}"
        assert last.memory <= first.memory + MOST_GROWTH, f"memory of the {name}: {told}"
    for log in (behind.log, before.log):
        assert "Traceback" not in log.read_text("utf-8", "replace"), log
    grown_by = ", ".join(
        f"{name} {(last.memory - first.memory) / (1 << 20):+.1f} MiB"
        for name, first, last in zip(("emulator", "gateway"), at_first, at_last, strict=True)
    )
    return (
        f"{load.replies} replies, {len(books.acknowledged)} messages acknowledged and {len(books.unknown)} left "
        f"without a reply: nothing lost, crossed or twice, credits exact, no descriptor more, {grown_by}"
    )


def _configure(config: Path, store: Path, url: str, routes: str) -> None:
    config.write_text(
        f'accounts = "{store}"\nmain_url = "{url}"\nbase_url = "{url}"\nport = 0\n'
        f"workers = {WORKERS}\nthreads = {THREADS}\n"
        f'routes = "{routes}"\n',
        "utf-8",
    )


def _at_rest(behind: Command, before: Command) -> tuple[Vitals, Vitals]:
    return behind.vitals(), before.vitals()


def _descriptors_are_back(at_first: tuple[Vitals, Vitals], behind: Command, before: Command) -> bool:
    now = _at_rest(behind, before)
    return all(
        last.descriptors <= first.descriptors + MOST_KEPT_OPEN for first, last in zip(at_first, now, strict=True)
    )


class _Routes(NamedTuple):
    """The gateway's routes, changed by its file and SIGHUP."""

    config: Path
    store: Path
    url: str
    gateway: Command

    def change(self, chance: random.Random, goes_on: Callable[[], bool]) -> None:
        """Again and again."""
        while goes_on():
            _configure(self.config, self.store, self.url, chance.choice(_ROUTES))
            self.gateway.process.send_signal(signal.SIGHUP)
            time.sleep(chance.uniform(0.05, 0.5))


class _Load:
    def __init__(self, books: Books, behind: Command, before: Command) -> None:
        self._books = books
        self._behind = behind
        self._before = before
        self._lock = threading.Lock()
        self.replies = 0

    def run(self, chance: random.Random, replies: int, seconds: float, routes: _Routes) -> None:
        """All callers at once, until there are so many more replies and time is up."""
        end, enough = time.monotonic() + seconds, self.replies + replies

        def goes_on() -> bool:
            now = time.monotonic()
            assert now < end + _LONGEST, f"{self.replies} replies"
            return now < end or self.replies < enough

        with ThreadPoolExecutor(CALLERS + 2) as threads:
            running = [threads.submit(self._call, dice(chance.random()), goes_on) for _ in range(CALLERS)]
            running.append(threads.submit(self._receive, goes_on))
            running.append(threads.submit(routes.change, dice(chance.random()), goes_on))
            for each in running:
                each.result()

    def _call(self, chance: random.Random, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            try:
                if chance.random() < 0.15:
                    self._by_smpp(chance)
                else:
                    self._by_http(chance)
            except Lost as error:
                raise AssertionError(f"no reply: {error}") from None

    def _count(self, replies: int) -> None:
        with self._lock:
            self.replies += replies

    def _by_http(self, chance: random.Random) -> None:
        """Some requests by one connection, the last of which may be left without waiting for its reply."""
        is_gateway = chance.random() < 0.5
        with HttpPeer((self._before if is_gateway else self._behind).port) as peer:
            for _ in range(chance.randrange(1, 12)):
                asked = [self._ask(chance, is_gateway) for _ in range(chance.choice((1, 1, 1, 3)))]
                peer.write(b"".join(each.octets for each in asked))
                for each in asked:
                    self._check(each, *peer.read())
                self._count(len(asked))
            if chance.random() < 0.3:
                self._abandon(peer, self._ask(chance, is_gateway), chance)

    def _ask(self, chance: random.Random, is_gateway: bool) -> _Asked:
        shop = chance.choice(SHOPS[1:])
        kind = chance.random()
        if kind < 0.5:
            mark = self._books.mark(shop.username, chance, longest=200)
            by_v2 = not is_gateway and chance.random() < 0.5
            return _Asked(send_by_v2(shop, mark) if by_v2 else send_by_path(mark), shop, "send", mark)
        if kind < 0.75:
            return _Asked(read_by_path("balance", shop.client), shop, "balance")
        if kind < 0.95:
            return _Asked(read_by_path("resellerclients", shop.username), shop, "clients")
        if kind < 0.97 and not is_gateway:
            # The gateway would make this address wait.
            return _Asked(read_by_path("balance", shop.client, "wrong"), shop, "refused")
        return _Asked(read_by_path("nonsense", shop.username), shop, "malformed")

    def _check(self, asked: _Asked, status: int, body: bytes) -> None:
        told = f"{asked.kind}: {status} {body[:200]!r}"
        if asked.mark:
            assert status == 200, told
            document = json.loads(body)
            # v2 has them under a name.
            ((record,),) = document.values() if isinstance(document, dict) else (document,)
            message_id = record.get("messageId")
            assert isinstance(message_id, str), told
            assert record.get("recipient", asked.mark.recipient) == asked.mark.recipient, told
            self._books.took(asked.mark, message_id)
        elif asked.kind == "balance":
            assert (status, body) == (200, str(asked.shop.client_balance).encode()), told
        elif asked.kind == "clients":
            (record,) = json.loads(body)
            said = sorted(map(str, record.values()))
            assert said == sorted((asked.shop.client, str(asked.shop.client_balance))), told
        elif asked.kind == "refused":
            assert b"uth" in body, told
        else:
            assert status in (400, 404), told

    def _abandon(self, peer: HttpPeer, asked: _Asked, chance: random.Random) -> None:
        """A request, or some of it, and then no more."""
        whole = chance.random() < 0.6
        if asked.mark:
            # Half a request is none.
            (self._books.may_have_taken if whole else self._books.took_not)(asked.mark)
        peer.write(asked.octets if whole else asked.octets[: chance.randrange(len(asked.octets))])
        if chance.random() < 0.5:
            peer.reset()

    def _by_smpp(self, chance: random.Random) -> None:
        with SmppPeer(self._behind.smpp_port, _SMPP, SmppPeer.BIND_TRANSMITTER) as peer:
            waiting: dict[int, Mark] = {}
            for _ in range(chance.randrange(1, 12)):
                mark = self._books.mark(_SMPP.username, chance, longest=160)
                waiting[peer.submit(mark)] = mark
            self._count(len(waiting))
            abandoned = chance.random() < 0.3
            while waiting and not (abandoned and chance.random() < 0.3):
                came = peer.read()
                assert came[:2] == (SmppPeer.SUBMIT_SM | SmppPeer.RESPONSE, 0), came
                self._books.took(waiting.pop(came.number), came.body.rstrip(b"\0").decode())
            for mark in waiting.values():
                self._books.may_have_taken(mark)
            if not waiting:
                number = peer.ask(SmppPeer.UNBIND)
                assert peer.read()[:3] == (SmppPeer.UNBIND | SmppPeer.RESPONSE, 0, number)

    def _receive(self, goes_on: Callable[[], bool]) -> None:
        """Receipts, each once."""
        came: Counter[str] = Counter()
        with SmppPeer(self._behind.smpp_port, _SMPP, SmppPeer.BIND_RECEIVER) as peer:
            while goes_on():
                peer.ask(SmppPeer.ENQUIRE_LINK)
                while (pdu := peer.read()).command_id == SmppPeer.DELIVER_SM:
                    came[receipt_id(pdu)] += 1
                    peer.answer(pdu)
                assert pdu.command_id == SmppPeer.ENQUIRE_LINK | SmppPeer.RESPONSE, pdu
                time.sleep(0.01)
        assert not came or max(came.values()) == 1, came.most_common(3)


class _Asked(NamedTuple):
    """A request, and what it is."""

    octets: bytes
    shop: Shop
    kind: str
    mark: Mark | None = None
