"""emulator.ledger: credits that add up, whatever happens."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mspace_legacy.emulator import DEMO_ACCOUNTS, Account, Ledger
from mspace_legacy.emulator.ledger import (
    NEVER_DELIVERED,
    NEVER_SETTLED,
    REJECTED,
    Address,
    StoredMessage,
    StoredReceipt,
    StoredTopUp,
)
from mspace_legacy.errors import (
    AuthenticationError,
    ContactProvider,
    InsufficientBalance,
    InvalidInput,
    InvalidRecipient,
    InvalidSenderId,
    NotAuthorized,
    ServiceError,
    TopUpFailed,
)
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReport,
    DeliveryReports,
    Login,
    Outcome,
    ResellerClient,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SubAccountTopUp,
    SubUser,
    SubUsers,
    TopUp,
)
from mspace_legacy.secrets import Secret
from tests.emulator.clock import Clock

TOTAL = sum(account.balance for account in DEMO_ACCOUNTS)


@pytest.fixture
def ledger(clock: Clock) -> Iterator[Ledger]:
    ledger = Ledger(delivery_delay=10, clock=clock)
    yield ledger
    ledger.close()


def send(message: str = "Hello", *recipients: str, username: str = "demo", sender_id: str = "MSPACE") -> SendText:
    return SendText(username, sender_id, recipients or ("0722123456",), message)


# Sending


@pytest.mark.parametrize(
    ("message", "segments"),
    [("Hello", 1), ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("я" * 70, 1), ("я" * 71,
     2), ("😀" * 35, 1), ("😀" * 36, 2), ("a" * 306, 2), ("a" * 307, 3), ("я" * 134, 2), ("я" * 135, 3)],
)  # fmt: skip
@pytest.mark.parametrize("count", [1, 3])
def test_a_send_costs_segments_times_recipients(ledger: Ledger, message: str, segments: int, count: int) -> None:
    recipients = [f"07221234{number:02}" for number in range(count)]
    sent = ledger.answer(send(message, *recipients))
    assert [item.outcome for item in sent] == [Outcome.ACCEPTED] * count
    assert ledger.balance("demo") == 1_000 - segments * count
    assert ledger.total() == TOTAL - segments * count
    assert [(m.text, m.segments) for m in ledger.messages()] == [(message, segments)] * count


def test_what_was_taken_is_kept(ledger: Ledger, clock: Clock) -> None:
    (sent,) = ledger.answer(send("Hé/%;", "0722 123-456", sender_id="DEMO"))
    (kept,) = ledger.messages()
    assert kept.message_id == sent.message_id
    assert (kept.username, kept.sender_id, kept.text, kept.submitted) == ("demo", "DEMO", "Hé/%;", clock.now)
    assert (kept.recipient, sent.recipient) == ("254722123456", "0722 123-456")
    # The service's clock is taken for that of Nairobi.
    assert f"{sent.response_time:%Y-%m-%d %H:%M:%S.%f}" == "2018-06-25 11:12:19.793000"


def test_each_message_has_an_id_of_its_own(ledger: Ledger) -> None:
    sent = [item for _ in range(3) for item in ledger.answer(send("x", "0722123456", "0733123456"))]
    ids = [int(item.message_id) for item in sent]
    assert ids == list(range(ids[0], ids[0] + 6))


def test_too_few_credits_take_nothing(ledger: Ledger) -> None:
    two = ("0722123456", "0733123456")
    for call in (send("x", username="empty"), send("a" * 161 * 20, *two, username="subuser1")):
        with pytest.raises(InsufficientBalance):
            ledger.answer(call)
    assert (ledger.total(), ledger.messages()) == (TOTAL, [])
    ledger.answer(send("x", *two * 10, username="subuser1"))
    assert ledger.balance("subuser1") == 0


@pytest.mark.parametrize("sender_id", ["", "mspace", "MSPACE ", "OTHER"])
def test_a_sender_id_that_is_not_the_accounts_is_refused(ledger: Ledger, sender_id: str) -> None:
    with pytest.raises(InvalidSenderId):
        ledger.answer(send(sender_id=sender_id))
    assert (ledger.total(), ledger.messages()) == (TOTAL, [])


@pytest.mark.parametrize(
    "bad", [REJECTED, "0700000000", "+254 700 000 000", "", "12", "hello", "0722123456\0", "7" * 40]
)
def test_a_bad_number_costs_nothing_and_spoils_no_other(ledger: Ledger, bad: str) -> None:
    good, refused = ledger.answer(send("x", "0722123456", bad))
    assert (good.outcome, refused.outcome) == (Outcome.ACCEPTED, Outcome.REJECTED)
    assert refused.recipient == bad
    assert refused.words
    assert ledger.balance("demo") == 999
    assert len(ledger.messages()) == 1


# Delivery reports


def test_reports_mature_with_the_clock(ledger: Ledger, clock: Clock) -> None:
    sent = ledger.answer(send("x", "0722123456", NEVER_DELIVERED, NEVER_SETTLED))

    def reports() -> list[DeliveryReport]:
        return [ledger.answer(DeliveryReports("demo", item.message_id))[0] for item in sent]

    for passed in (0, 9.9):
        clock.now += passed
        assert [report.delivered for report in reports()] == [False] * 3
        assert len({report.status for report in reports()}) == 1
    clock.now += 0.2
    delivered, failed, waiting = reports()
    assert delivered == DeliveryReport(sent[0].message_id, "3", "Delivered", "254722123456")
    assert (failed.delivered, waiting.delivered) == (False, False)
    assert failed.status != waiting.status
    clock.now += 10**9
    assert reports() == [delivered, failed, waiting]


def test_a_report_is_for_whoever_sent(ledger: Ledger) -> None:
    (sent,) = ledger.answer(send())
    for username, message_id in [("plain", sent.message_id), ("demo", "1"), ("demo", ""), ("demo",
    f" {sent.message_id}"),
                                 ("demo", f"0{sent.message_id}"), ("demo", "x' OR 1=1 --")]:  # fmt: skip
        with pytest.raises(ServiceError):
            ledger.answer(DeliveryReports(username, message_id))


# Top-ups


def test_a_top_up_takes_from_one_and_gives_to_the_other(ledger: Ledger) -> None:
    assert ledger.answer(SubAccountTopUp("demo", "subuser1", 100)) == TopUp("subuser1", 100)
    assert ledger.answer(ResellerClientTopUp("demo", "client2", 200)) == TopUp("client2", 200)
    assert [ledger.balance(name) for name in ("demo", "subuser1", "client2")] == [700, 120, 218]
    assert ledger.answer(SubAccountTopUp("demo", "subuser2", 700)) == TopUp("subuser2", 700)
    assert (ledger.balance("demo"), ledger.total()) == (0, TOTAL)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (SubAccountTopUp("demo", "subuser1", 1_001), InsufficientBalance, ""),
        (SubAccountTopUp("demo", "client1", 5), TopUpFailed, "Failed to top up client1 account"),
        (SubAccountTopUp("demo", "nobody", 5), TopUpFailed, "Failed to top up nobody account"),
        (SubAccountTopUp("plain", "subuser1", 5), TopUpFailed, "Failed to top up subuser1 account"),
        (SubAccountTopUp("demo", "demo", 5), TopUpFailed, "Failed to top up demo account"),
        (ResellerClientTopUp("demo", "subuser1", 5), TopUpFailed, "Failed to top up subuser1 account"),
        (ResellerClientTopUp("plain", "client1", 5), NotAuthorized, ""),
        (SubAccountTopUp("demo", "subuser1", 0), TopUpFailed, "Top up not Successful"),
        (SubAccountTopUp("demo", "subuser1", -5), TopUpFailed, "Top up not Successful"),
        (SubAccountTopUp("demo", "subuser1", "-5"), TopUpFailed, "Top up not Successful"),
        (SubAccountTopUp("demo", "subuser1", "five"), TopUpFailed, "Top up not Successful"),
        (SubAccountTopUp("demo", "subuser1", "5.0"), TopUpFailed, "Top up not Successful"),
        (SubAccountTopUp("demo", "subuser1", ""), TopUpFailed, "Top up not Successful"),
        (SubAccountTopUp("frozen", "frozen-sub", 5), TopUpFailed, "Failed to deduct your account"),
        (ResellerClientTopUp("frozen", "frozen-client", 5), TopUpFailed, "Failed to deduct your account"),
        (ResellerClientTopUp("suspended", "client1", 5), ContactProvider, ""),
    ],
)
def test_each_refusal_of_a_top_up_moves_nothing(
    ledger: Ledger, call: Call[Any], kind: type[ServiceError], text: str
) -> None:
    with pytest.raises(kind) as raised:
        ledger.answer(call)
    assert raised.value.text == text
    assert ledger.total() == TOTAL
    assert {name.username: ledger.balance(name.username) for name in DEMO_ACCOUNTS} == {
        name.username: name.balance for name in DEMO_ACCOUNTS
    }


@pytest.mark.parametrize("count", [10**17, 10**18, 2**63, 10**30])
def test_no_number_is_too_big_to_be_refused(ledger: Ledger, count: int) -> None:
    with pytest.raises(ServiceError):
        ledger.answer(SubAccountTopUp("demo", "subuser1", count))
    assert ledger.total() == TOTAL


def test_a_top_up_that_can_not_be_noted_moves_nothing() -> None:
    def broken() -> float:
        raise OSError("no time")

    ledger = Ledger(DEMO_ACCOUNTS, clock=broken)
    before = [ledger.balance(name) for name in ("demo", "subuser1")]
    with pytest.raises(OSError, match="no time"):
        ledger.answer(SubAccountTopUp("demo", "subuser1", 5))
    assert [ledger.balance(name) for name in ("demo", "subuser1")] == before
    assert ledger.top_ups() == []
    ledger.close()


def test_top_ups_are_kept(ledger: Ledger, clock: Clock) -> None:
    assert ledger.top_ups() == []
    ledger.answer(SubAccountTopUp("demo", "subuser1", 100))
    clock.now += 1
    ledger.answer(ResellerClientTopUp("demo", "client2", 200))
    with pytest.raises(InsufficientBalance):
        ledger.answer(SubAccountTopUp("demo", "subuser1", 1_001))
    first, second = ledger.top_ups()
    assert first == StoredTopUp(first.number, "demo", "subuser1", 100, clock.now - 1)
    assert second == StoredTopUp(first.number + 1, "demo", "client2", 200, clock.now)
    assert ledger.top_ups(after=first.number) == ledger.top_ups(limit=1) == [second]


# Following


def test_messages_are_had_in_parts(ledger: Ledger) -> None:
    ledger.answer(send("1", "0722123456", "0733123456"))
    ledger.answer(send("2", "0722123456"))
    first, second, third = ledger.messages()
    ids = [int(message.message_id) for message in (first, second, third)]
    assert ledger.messages(after=ids[0]) == [second, third]
    assert ledger.messages(before=ids[2]) == [first, second]
    assert ledger.messages(limit=2) == [second, third]
    assert ledger.messages(before=ids[2], limit=1) == [second]
    assert ledger.messages(recipient="254722123456") == [first, third]
    assert ledger.messages(recipient="254722123456", before=ids[2]) == [first]
    assert ledger.messages(after=ids[2]) == ledger.messages(recipient="0722123456") == ledger.messages(limit=0) == []


@pytest.mark.parametrize("delay", [0.0, 1e-9, 0.1, 0.3, 2.0, 10.0])
def test_what_came_due_is_what_the_reports_say(delay: float) -> None:
    clock = Clock()
    ledger = Ledger(delivery_delay=delay, clock=clock)
    told: list[str] = []
    last = (0.0, 0)
    for turn in range(200):
        ledger.submit("demo", NAME, PHONE, "x", segments=1, receipt="never")
        clock.now += delay / 7 + turn * 1e-7
        settled = [message for message in ledger.messages() if ledger.report(message).delivered]
        came_due = ledger.came_due(last, clock.now, 1000)
        told += [message.message_id for message in came_due]
        if came_due:
            last = came_due[-1].submitted, int(came_due[-1].message_id)
        assert told == [message.message_id for message in settled]
        assert ledger.last_due(clock.now) == last
    assert told
    ledger.close()


def test_what_came_due_at_once_is_had_in_parts(ledger: Ledger, clock: Clock) -> None:
    ledger.answer(send("x", *[f"07221234{number:02}" for number in range(5)]))
    ids = [int(message.message_id) for message in ledger.messages()]
    assert ledger.came_due((0.0, 0), clock.now, 9) == []
    assert ledger.last_due(clock.now) == (0.0, 0)
    clock.now += 10
    parts = []
    last = (0.0, 0)
    while part := ledger.came_due(last, clock.now, 2):
        last = part[-1].submitted, int(part[-1].message_id)
        parts.append([int(message.message_id) for message in part])
    assert parts == [ids[:2], ids[2:4], ids[4:]]


def test_balances_are_those_of_the_accounts_it_was_made_with(tmp_path: Path) -> None:
    accounts = [Account("b", Secret("p"), Secret("k"), 2), Account("a", Secret("p"), Secret("k"), 1)]
    Ledger(accounts, path=tmp_path / "ledger.db").close()
    ledger = Ledger(accounts[:1], path=tmp_path / "ledger.db")
    assert ledger.balances() == {"b": 2}
    ledger.close()


def test_the_revision_is_another_when_anything_was_written(ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
    seen = [ledger.revision()]
    ledger.answer(Balance("demo"))
    assert ledger.revision() == seen[0]
    ledger.answer(send())
    seen.append(ledger.revision())
    ledger.answer(SubAccountTopUp("demo", "subuser1", 1))
    seen.append(ledger.revision())
    assert len(set(seen)) == 3
    one, other = Ledger(path=tmp_path / "ledger.db"), Ledger(path=tmp_path / "ledger.db")
    before = one.revision()
    other.answer(send())
    assert one.revision() != before, "another connection wrote"
    one.close()
    other.close()


def steps(ledger: Ledger, work: Any) -> int:
    """How many instructions SQLite's machine took for it."""
    count = 0

    def one_more() -> None:
        nonlocal count
        count += 1

    ledger._db.set_progress_handler(one_more, 1)
    work()
    ledger._db.set_progress_handler(None, 1)
    return count


def test_following_costs_the_same_however_much_is_stored(clock: Clock) -> None:
    accounts = [Account("demo", Secret("p"), Secret("k"), 10**6, ("MSPACE",))]
    ledger = Ledger(accounts, clock=clock, delivery_delay=2)

    def follow() -> None:
        (message,) = ledger.messages(limit=1)
        number = int(message.message_id)
        ledger.revision()
        ledger.messages(after=number - 3)
        ledger.messages(before=number, limit=10)
        ledger.messages(before=number, limit=10, recipient="254733100003")
        ledger.came_due(ledger.last_due(clock.now), clock.now, 10)
        ledger.top_ups(limit=10)

    costs = []
    for count in (20, 3000):
        for number in range(count):
            # Most of them to one that never settles: what stays as it is must not be looked at again and again.
            recipients = ("0722123456", f"07331{number:05}", NEVER_SETTLED)
            ledger.answer(send("x", *recipients))
            clock.now += 0.01
        clock.now += 3
        ledger.answer(send("x", "0722123456"))
        costs.append(steps(ledger, follow))
    assert costs[1] <= costs[0] * 1.5
    ledger.close()


def test_a_file_of_before_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    db = sqlite3.connect(path)
    db.executescript("""
        CREATE TABLE account (username TEXT PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0));
        CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL REFERENCES account, sender_id TEXT NOT NULL,
            recipient TEXT NOT NULL, text TEXT NOT NULL, segments INTEGER NOT NULL, submitted REAL NOT NULL
        );
        INSERT INTO account VALUES ('demo', 7);
        INSERT INTO message VALUES (49032372, 'demo', 'MSPACE', '254722123456', 'old', 1, 5.0);
    """)
    db.close()
    ledger = Ledger(path=path)
    assert [message.text for message in ledger.messages(recipient="254722123456")] == ["old"]
    ledger.answer(SubAccountTopUp("demo", "subuser1", 2))
    assert (ledger.balance("demo"), len(ledger.top_ups())) == (5, 1)
    ledger.close()


def test_every_secret_is_told_so_that_it_can_be_hidden() -> None:
    accounts = [
        Account("a", Secret("p"), Secret("k")),
        Account("b", Secret("p"), Secret("l"), smpp_password=Secret("s")),
    ]
    ledger = Ledger(accounts)
    assert sorted(secret.reveal() for secret in ledger.secrets) == ["k", "l", "p", "s"]
    ledger.close()


# The rest


def test_reading(ledger: Ledger) -> None:
    assert ledger.answer(Balance("demo")) == 1_000
    assert ledger.answer(Login("demo")) is True
    assert ledger.answer(SubUsers("demo")) == [SubUser("subuser1", 20), SubUser("subuser2", 18)]
    assert ledger.answer(ResellerClients("demo")) == [ResellerClient("client1", 20), ResellerClient("client2", 18)]
    assert ledger.answer(SubUsers("plain")) == []
    assert ledger.answer(ResellerClients("plain")) == []


@pytest.mark.parametrize(
    "call",
    [Balance("suspended"), Login("suspended"), SubUsers("suspended"), ResellerClients("suspended"),
     send(username="suspended"), SubAccountTopUp("suspended", "x", 5), DeliveryReports("suspended", "1")],
    ids=lambda call: type(call).__name__,
)  # fmt: skip
def test_a_suspended_account_is_sent_to_the_provider(ledger: Ledger, call: Call[Any]) -> None:
    with pytest.raises(ContactProvider):
        ledger.answer(call)


def test_only_the_right_secret_of_the_right_kind_lets_in(ledger: Ledger) -> None:
    account = DEMO_ACCOUNTS[0]
    ledger.authenticate("demo", account.password, by="password")
    ledger.authenticate("demo", account.api_key, by="api_key")
    for username, secret, by in [
        ("demo", account.api_key, "password"), ("demo", account.password, "api_key"), ("plain", account.password,
        "password"), ("nobody", account.password, "password"), ("demo", Secret(""), "password"), ("DEMO",
        account.password, "password"), ("", Secret(""), "password"),
    ]:  # fmt: skip
        with pytest.raises(AuthenticationError) as raised:
            ledger.authenticate(username, secret, by=by)
        assert account.password.reveal() not in str(raised.value)


def test_accounts_must_fit_together() -> None:
    one = Account("a", Secret("p"), Secret("k"))
    with pytest.raises(InvalidInput, match="two accounts 'a'"):
        Ledger([one, one])
    with pytest.raises(InvalidInput, match="belongs to 'nobody'"):
        Ledger([Account("a", Secret("p"), Secret("k"), client_of="nobody")])


# Threads, files, processes


def run(threads: int, work: Any) -> list[Any]:
    results: list[Any] = []
    barrier = threading.Barrier(threads)

    def go(number: int) -> None:
        barrier.wait()
        results.append(work(number))

    running = [threading.Thread(target=go, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(results) == threads
    return results


def churn(ledger: Ledger, number: int) -> tuple[int, int]:
    """Send and top up, forth and back, as long as there are credits; gives how many were sent and moved."""
    sent = moved = 0
    for turn in range(25):
        try:
            sent += len(ledger.answer(send("x", "0722123456", "0733123456")))
            ledger.answer(SubAccountTopUp("demo", "subuser1", 1 + (number + turn) % 3))
            moved += 1 + (number + turn) % 3
            sent += len(ledger.answer(send("x", username="subuser1")))
        except InsufficientBalance:
            continue
    return sent, moved


def test_sixteen_threads_leave_no_credit_lost_or_made(ledger: Ledger) -> None:
    results = run(16, lambda number: churn(ledger, number))
    sent, moved = map(sum, zip(*results, strict=True))
    messages = ledger.messages()
    assert len(messages) == sent
    assert len({message.message_id for message in messages}) == sent
    assert ledger.total() == TOTAL - sent
    by_demo = sum(message.username == "demo" for message in messages)
    assert ledger.balance("demo") == 1_000 - by_demo - moved
    assert ledger.balance("subuser1") == 20 + moved - (sent - by_demo)
    # All but the last credits went, so that the threads did meet at the end of them.
    assert ledger.balance("demo") < 20


def test_a_file_keeps_balances_and_messages_and_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    accounts = [Account("a", Secret("canary-71f3"), Secret("canary-key-71f3"), 5, ("S",))]
    first = Ledger(accounts, path=path)
    (sent,) = first.answer(SendText("a", "S", ("0722123456",), "Hello"))
    first.close()
    first.close()
    again = Ledger([*accounts, Account("b", Secret("p"), Secret("k"), 7)], path=path)
    assert (again.balance("a"), again.balance("b"), again.total()) == (4, 7, 11)
    assert [message.message_id for message in again.messages()] == [sent.message_id]
    (next_,) = again.answer(SendText("a", "S", ("0722123456",), "Hello"))
    assert int(next_.message_id) == int(sent.message_id) + 1
    again.close()
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes()


PHONE = Address(1, 1, "254722123456")
NAME = Address(5, 0, "MSPACE")


def test_what_is_submitted_is_a_message_like_others(ledger: Ledger, clock: Clock) -> None:
    message_id = ledger.submit("demo", NAME, PHONE, "Hello", segments=3, receipt="never")
    (message,) = ledger.messages()
    assert message == StoredMessage(message_id, "demo", "MSPACE", "254722123456", "Hello", 3, clock.now)
    assert ledger.balance("demo") == 997
    (report,) = ledger.answer(DeliveryReports("demo", message_id))
    assert report.status == "1"
    clock.now += 10
    (report,) = ledger.answer(DeliveryReports("demo", message_id))
    assert report.delivered


@pytest.mark.parametrize(
    ("username", "source", "destination", "error"),
    [
        ("suspended", NAME, PHONE, ContactProvider),
        ("demo", Address(5, 0, "OTHER"), PHONE, InvalidSenderId),
        ("demo", NAME, Address(1, 1, REJECTED), InvalidRecipient),
        ("demo", NAME, Address(1, 1, "12"), InvalidRecipient),
        ("empty", NAME, PHONE, InsufficientBalance),
    ],
)
def test_what_is_refused_leaves_no_message_and_no_receipt(
    ledger: Ledger, clock: Clock, username: str, source: Address, destination: Address, error: type[ServiceError]
) -> None:
    with pytest.raises(error):
        ledger.submit(username, source, destination, "Hello", segments=1, receipt="always")
    clock.now += 10
    assert (ledger.messages(), ledger.receipts(username, 10), ledger.total()) == ([], [], TOTAL)


def test_receipts_are_due_in_their_order_and_stay_until_they_are_dropped(ledger: Ledger, clock: Clock) -> None:
    begun = clock.now
    first = ledger.submit("demo", NAME, PHONE, "1", segments=1, receipt="always")
    clock.now += 1
    second = ledger.submit("demo", NAME, Address(2, 0, NEVER_DELIVERED), "2", segments=1, receipt="always")
    ledger.submit("subuser1", NAME, PHONE, "3", segments=1, receipt="always")
    assert ledger.receipts("demo", 10) == []
    clock.now = begun + 10
    told = StoredReceipt(first, True, begun, begun + 10, NAME, PHONE)
    assert ledger.receipts("demo", 10) == ledger.receipts("demo", 10) == [told]
    clock.now = begun + 11
    failed = StoredReceipt(second, False, begun + 1, begun + 11, NAME, Address(2, 0, NEVER_DELIVERED))
    assert ledger.receipts("demo", 10) == [told, failed]
    assert ledger.receipts("demo", 1) == [told]
    ledger.drop_receipt(first)
    assert ledger.receipts("demo", 10) == [failed]


def test_two_ledgers_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledgers = run(8, lambda number: Ledger(path=path))
    results = run(8, lambda number: churn(ledgers[number], number))
    sent, _ = map(sum, zip(*results, strict=True))
    assert {ledger.total() for ledger in ledgers} == {TOTAL - sent}
    assert {len(ledger.messages()) for ledger in ledgers} == {sent}
    for ledger in ledgers:
        ledger.close()


def _in_a_process(path: Path, queue: Any) -> None:
    ledger = Ledger(path=path)
    queue.put(churn(ledger, 0))
    ledger.close()


def test_two_processes_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_in_a_process, args=(path, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    sent = sum(queue.get(timeout=60)[0] for _ in workers)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    ledger = Ledger(path=path)
    assert (ledger.total(), len(ledger.messages())) == (TOTAL - sent, sent)
    ledger.close()


def test_a_file_that_cannot_be_opened_is_told_plainly(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("this is no database, whatever its name may be" * 100, "utf-8")
    for path in (tmp_path / "nowhere" / "ledger.db", other, tmp_path):
        with pytest.raises(InvalidInput, match=path.name):
            Ledger(path=path)
