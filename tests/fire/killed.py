"""Killed: an emulator with a file under sends, top-ups, submits and receipts, and SIGKILL at random moments."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from mspace_legacy import Client, MSpaceError, OutcomeUnknown
from mspace_legacy.errors import NotSent
from mspace_legacy.smpp import SubmittedMessage, Transmitter
from tests.fire.books import PASSWORD, SENDER_ID, SHOPS, SMPP_PASSWORD, Books, Mark, dice, write_accounts
from tests.fire.peers import Lost, SmppPeer, receipt_id
from tests.fire.processes import PATIENCE, Command, emulator

__all__ = ["kill_again_and_again"]

_V2, _LEGACY, _SMPP, _RAW, _TOPS_UP = SHOPS[:5]
_LONGEST_LIFE = 0.5
"""Seconds under load before it is killed, at most."""


def kill_again_and_again(folder: Path, *, seed: int, kills: int) -> str:
    """Kill it so many times, and see what its file holds each time it is up again; gives a line that tells it.

    :raises AssertionError: something that was acknowledged is not there, or is there twice; credits do not agree
        with the messages; an id was used again; or a receipt was lost, or came again after it was settled.
    """
    chance = dice(seed, "kills")
    accounts, file = write_accounts(folder)[0], folder / "ledger.sqlite"
    books, receipts = Books(file), _Receipts()
    at_start, start = 0, 1.0
    for life in range(kills):
        if chance.random() < 0.15:
            at_start += 1
            _kill_at_start(folder, accounts, file, chance.uniform(0, 1.2) * start)
        else:
            began = time.monotonic()
            with emulator(folder, accounts, file) as served:
                start = time.monotonic() - began
                _check(books, receipts)
                _live(served, books, receipts, dice(seed, life))
    with emulator(folder, accounts, file) as served:
        _check(books, receipts)
        _drain(served, books, receipts)
        _check(books, receipts)
        assert not books.receipts(_RAW.username), "receipts that nobody was given"
    submitted = {message_id for message_id, row in books.rows().items() if row.username == _RAW.username}
    assert submitted == receipts.came, f"receipts lost: {submitted - receipts.came}"
    return (
        f"{kills} kills, {at_start} of them while it started; {len(books.acknowledged)} messages acknowledged, "
        f"{len(books.unknown)} not known of, {len(receipts.settled)} receipts settled: all there once, credits exact"
    )


class _Receipts:
    """Which came, and which of those the emulator is known to have heard the acknowledgement of."""

    def __init__(self) -> None:
        self.came: set[str] = set()
        self.settled: set[str] = set()


def _check(books: Books, receipts: _Receipts) -> None:
    books.check()
    kept = books.receipts(_RAW.username)
    again = kept & receipts.settled
    assert not again, f"settled, and still in the file: {again}"
    mine = {message_id for message_id, (mark, _) in books.acknowledged.items() if mark.username == _RAW.username}
    lost = mine - kept - receipts.came
    assert not lost, f"receipts lost: {lost}"


def _kill_at_start(folder: Path, accounts: Path, file: Path, seconds: float) -> None:
    arguments = ("emulator", "--accounts", str(accounts), "--file", str(file))
    command = Command(folder / "emulator.log", *arguments)
    time.sleep(seconds)
    command.kill()


def _live(served: Command, books: Books, receipts: _Receipts, chance: random.Random) -> None:
    """Everything at once, until it is killed."""
    highest = max(map(int, books.rows()), default=0)
    killed = threading.Event()
    tasks: tuple[Callable[[_Life, random.Random], None], ...] = (
        _send_by_v2, _send_by_legacy, _send_by_smpp, _submit, _receive, _top_up,
    )  # fmt: skip
    life = _Life(served, books, receipts, killed)
    with ThreadPoolExecutor(len(tasks)) as threads:
        running = [threads.submit(life.run, task, dice(chance.random())) for task in tasks]
        time.sleep(chance.uniform(0, _LONGEST_LIFE))
        killed.set()
        served.kill()
        for each in running:
            each.result(PATIENCE)
    lowest = min(map(int, life.ids), default=highest + 1)
    assert lowest > highest, f"id {lowest} was used before"


class _Life:
    """One process of the emulator, while it lives."""

    def __init__(self, served: Command, books: Books, receipts: _Receipts, killed: threading.Event) -> None:
        self.served = served
        self.books = books
        self.receipts = receipts
        self.killed = killed
        self.ids: deque[str] = deque()

    def run(self, task: Callable[[_Life, random.Random], None], chance: random.Random) -> None:
        """Do it until the emulator is killed: no failure but that is expected."""
        try:
            task(self, chance)
        except (MSpaceError, Lost, ConnectionError):
            if not self.killed.is_set():
                raise
        assert self.killed.is_set()

    def took(self, mark: Mark, *message_ids: str) -> None:
        """It was acknowledged by this process."""
        self.ids.extend(message_ids)
        self.books.took(mark, *message_ids)

    def failed(self, mark: Mark, error: BaseException) -> None:
        """It was not: what is known of it?"""
        if isinstance(error, NotSent):
            self.books.took_not(mark)
        else:
            assert isinstance(error, OutcomeUnknown), error
            self.books.may_have_taken(mark)


def _send(life: _Life, chance: random.Random, client: Client, username: str) -> None:
    while True:
        mark = life.books.mark(username, chance)
        try:
            (sent,) = client.send_text(SENDER_ID, mark.recipient, mark.text).messages
        except MSpaceError as error:
            life.failed(mark, error)
            raise
        life.took(mark, sent.message_id)


def _send_by_v2(life: _Life, chance: random.Random) -> None:
    with Client.v2(_V2.username, _V2.api_key, base_url=life.served.url) as client:
        _send(life, chance, client, _V2.username)


def _send_by_legacy(life: _Life, chance: random.Random) -> None:
    with Client.legacy(life.served.url, _LEGACY.username, PASSWORD) as client:
        _send(life, chance, client, _LEGACY.username)


def _top_up(life: _Life, chance: random.Random) -> None:
    with Client.v2(_TOPS_UP.username, _TOPS_UP.api_key, base_url=life.served.url) as client:
        while True:
            count = chance.randrange(1, 1000)
            try:
                client.top_up_sub_account(_TOPS_UP.branch, count)
            except NotSent:
                raise
            except OutcomeUnknown:
                life.books.may_have_topped_up(_TOPS_UP, count)
                raise
            life.books.topped_up(_TOPS_UP, count)


def _send_by_smpp(life: _Life, chance: random.Random) -> None:
    """By the library's own client, with several under way."""
    under_way: deque[tuple[Mark, Future[SubmittedMessage]]] = deque()
    with Transmitter(
        "127.0.0.1", life.served.smpp_port, _SMPP.username, SMPP_PASSWORD, window=8, reconnect_for=0.2
    ) as transmitter:
        error: BaseException | None = None
        while error is None or under_way:
            if error is None:
                mark = life.books.mark(_SMPP.username, chance, longest=160)
                under_way.append((mark, transmitter.submit(SENDER_ID, mark.recipient, mark.text)))
            if error or len(under_way) > 10:
                mark, future = under_way.popleft()
                failed = future.exception(PATIENCE)
                if failed:
                    error = failed
                    life.failed(mark, failed)
                else:
                    life.took(mark, *(message_id for message_id in future.result().message_ids if message_id))


def _submit(life: _Life, chance: random.Random) -> None:
    """By a raw socket, several at once."""
    with SmppPeer(life.served.smpp_port, _RAW, SmppPeer.BIND_TRANSMITTER) as peer:
        while True:
            marks = [life.books.mark(_RAW.username, chance, longest=160) for _ in range(chance.randrange(1, 6))]
            waiting: dict[int, Mark] = {}
            taken: set[Mark] = set()
            try:
                for mark in marks:
                    waiting[peer.submit(mark)] = mark
                while waiting:
                    came = peer.read()
                    assert came[:2] == (SmppPeer.SUBMIT_SM | SmppPeer.RESPONSE, 0), came
                    mark = waiting.pop(came.number)
                    life.took(mark, came.body.rstrip(b"\0").decode())
                    taken.add(mark)
            except Lost:
                for mark in marks:
                    if mark not in taken:
                        life.books.may_have_taken(mark)
                raise


def _receive(life: _Life, chance: random.Random) -> None:
    """What was acknowledged before an enquire_link that is answered is settled: the emulator has read it."""
    with SmppPeer(life.served.smpp_port, _RAW, SmppPeer.BIND_RECEIVER) as peer:
        _take_receipts(peer, life.receipts, lambda: False)


def _take_receipts(peer: SmppPeer, receipts: _Receipts, enough: Callable[[], bool]) -> None:
    acknowledged: dict[int, set[str]] = {}
    before: set[str] = set()
    while not enough():
        came = peer.read()
        if came.command_id == SmppPeer.DELIVER_SM:
            message_id = receipt_id(came)
            assert message_id not in receipts.settled, f"the receipt of {message_id} came again"
            receipts.came.add(message_id)
            peer.answer(came)
            before.add(message_id)
            acknowledged[peer.ask(SmppPeer.ENQUIRE_LINK)] = set(before)
        else:
            assert came.command_id == SmppPeer.ENQUIRE_LINK | SmppPeer.RESPONSE, came
            settled = acknowledged.pop(came.number)
            receipts.settled |= settled
            before -= settled


def _drain(served: Command, books: Books, receipts: _Receipts) -> None:
    """Until the file holds no receipt of this account any more."""
    waiting = books.receipts(_RAW.username)
    with SmppPeer(served.smpp_port, _RAW, SmppPeer.BIND_RECEIVER) as peer:
        _take_receipts(peer, receipts, lambda: waiting <= receipts.settled)
