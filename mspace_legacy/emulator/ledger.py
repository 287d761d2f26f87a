"""The ledger: accounts, credits, messages, top-ups and receipts in SQLite, and what each call does to them.

Every call is one transaction: credits are taken and messages stored together, or neither.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple

from mspace_legacy import msisdn, sms
from mspace_legacy.checks import seconds
from mspace_legacy.emulator.accounts import DEMO_ACCOUNTS, MOST_CREDITS, Account, check_family
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
    SentMessage,
    SubAccountTopUp,
    SubUser,
    SubUsers,
    TopUp,
    TopUpCall,
)
from mspace_legacy.secrets import Secret
from mspace_legacy.sqlitefile import opened_database

__all__ = [
    "NEVER_DELIVERED",
    "NEVER_SETTLED",
    "REJECTED",
    "Address",
    "Ledger",
    "StoredMessage",
    "StoredReceipt",
    "StoredTopUp",
    "vendor_time",
]

REJECTED = "254700000000"
"""A number that is refused when it is sent to; it costs nothing."""

NEVER_DELIVERED = "254700000001"
"""A number whose messages are taken, and fail."""

NEVER_SETTLED = "254700000002"
"""A number whose messages are taken, and stay under way."""

_ROUNDING = 0.001
"""Seconds. What is due is reckoned as `report` does, to the last bit; and the index needs a bound of its own."""

_FIRST_MESSAGE_ID = 49_032_372
_EAST_AFRICA = 3 * 3600

_SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
    username TEXT PRIMARY KEY,
    balance INTEGER NOT NULL CHECK (balance >= 0)
);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL REFERENCES account,
    sender_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    segments INTEGER NOT NULL,
    submitted REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS receipt (
    message_id INTEGER PRIMARY KEY REFERENCES message,
    username TEXT NOT NULL REFERENCES account,
    submitted REAL NOT NULL,
    delivered INTEGER NOT NULL,
    source_ton INTEGER NOT NULL,
    source_npi INTEGER NOT NULL,
    source TEXT NOT NULL,
    destination_ton INTEGER NOT NULL,
    destination_npi INTEGER NOT NULL,
    destination TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS receipt_due ON receipt (username, submitted);
CREATE INDEX IF NOT EXISTS message_to ON message (recipient, id);
CREATE INDEX IF NOT EXISTS message_due ON message (submitted, id);
CREATE TABLE IF NOT EXISTS topup (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL REFERENCES account,
    name TEXT NOT NULL REFERENCES account,
    count INTEGER NOT NULL,
    made REAL NOT NULL
);
"""


class Address(NamedTuple):
    """An address as SMPP writes it: type of number, numbering plan, and the number or name."""

    ton: int
    npi: int
    value: str


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt that a receiver is still to be given: `submitted` and `done` in seconds of the ledger's clock.

    `source` and `destination` are those of the message, as the submit_sm had them.
    """

    message_id: str
    delivered: bool
    submitted: float
    done: float
    source: Address
    destination: Address


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message that the emulator took: `recipient` with country code, `submitted` in seconds of its clock."""

    message_id: str
    username: str
    sender_id: str
    recipient: str
    text: str
    segments: int
    submitted: float


@dataclass(frozen=True, slots=True)
class StoredTopUp:
    """Credits that one account gave another: `made` in seconds of the ledger's clock."""

    number: int
    username: str
    name: str
    count: int
    made: float


class Ledger:
    """Accounts, credits, messages and receipts. Safe for threads, and for several processes on one file.

    A file survives this process, however it ends: what was answered is there. It may not survive the machine: as only
    a checkpoint waits for the disk (SQLite's `synchronous = NORMAL`), a power cut can take the last answers back, but
    never half of one.

    :param accounts: as they start; on a file that knows an account already, its balance there stands.
    :param path: of a file that keeps balances and messages, never a password; in memory by default.
    :param delivery_delay: seconds until a message is delivered, or has failed.
    :param clock: seconds since the epoch.
    :raises InvalidInput: accounts that contradict each other, a delay that is none, or a file that can't be opened.
    """

    def __init__(
        self,
        accounts: Iterable[Account] = DEMO_ACCOUNTS,
        *,
        path: str | os.PathLike[str] = ":memory:",
        delivery_delay: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        accounts = tuple(accounts)
        check_family("accounts", accounts)
        self._accounts = {account.username: account for account in accounts}
        self._delivery_delay = seconds("delivery_delay", delivery_delay, or_zero=True, or_for_ever=True)
        self._clock = clock
        self._lock = threading.Lock()
        self._db = _opened(path)
        # Whoever forgets to close an emulator in a test should not be warned of a connection that is not theirs.
        weakref.finalize(self, self._db.close)
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO account VALUES (?, ?)",
                [(account.username, account.balance) for account in accounts],
            )
            db.execute(
                "INSERT INTO sqlite_sequence SELECT 'message', ? "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'message')",
                (_FIRST_MESSAGE_ID - 1,),
            )

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts as they started."""
        return tuple(self._accounts.values())

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every password and every key of the accounts, so that a text can be cleaned of them."""
        found = [(account.password, account.api_key, account.smpp_password) for account in self.accounts]
        return tuple({secret for secrets in found for secret in secrets if secret is not None})

    def authenticate(self, username: str, secret: Secret, *, by: str) -> None:
        """Check a user name with its `password` or `api_key`, whichever `by` names.

        :raises AuthenticationError: there is no such account, or the secret is another.
        """
        account = self._accounts.get(username)
        if account is None or getattr(account, by) != secret:
            raise AuthenticationError("wrong user name or secret")

    def answer(self, call: Call[Any]) -> Any:
        """Do what `call` asks for, and give its reply as a model.

        :raises ServiceError: it is refused, for one of the documented reasons; nothing was changed.
        """
        if self._accounts[call.username].suspended:
            raise ContactProvider("the account is suspended")
        match call:
            case Balance():
                return self.balance(call.username)
            case Login():
                return True
            case SubUsers():
                return [SubUser(*row) for row in self._family(call.username, "sub_user_of")]
            case ResellerClients():
                return [ResellerClient(*row) for row in self._family(call.username, "client_of")]
            case SendText():
                return self._send(call)
            case DeliveryReports():
                return [self._report(call)]
            case SubAccountTopUp():
                return self._top_up(call, "sub_user_of")
            case ResellerClientTopUp():
                if not self._accounts[call.username].reseller:
                    raise NotAuthorized("the account is no reseller")
                return self._top_up(call, "client_of")
        raise TypeError(f"no such call: {type(call).__name__}")

    def account(self, username: str) -> Account | None:
        """The account of that name, as it started."""
        return self._accounts.get(username)

    def submit(
        self,
        username: str,
        source: Address,
        destination: Address,
        text: str,
        *,
        segments: int,
        receipt: Literal["never", "if failed", "always"],
    ) -> str:
        """Take one message by SMPP, for `segments` credits, and give its id. `receipt` says whether one is due.

        :raises ServiceError: it is refused, as a call of the HTTP APIs would be; nothing was changed.
        """
        account = self._accounts[username]
        if account.suspended:
            raise ContactProvider("the account is suspended")
        if source.value not in account.sender_ids:
            raise InvalidSenderId("the account has no such sender id")
        number = _number(destination.value)
        if number is None:
            raise InvalidRecipient("no such number, or one that is refused")
        delivered = number != NEVER_DELIVERED
        has_receipt = receipt == "always" or (receipt == "if failed" and not delivered)
        now = self._clock()
        with self._transaction() as db:
            _take(db, username, segments)
            message_id = _stored(db, username, source.value, number, text, segments, now)
            if has_receipt and number != NEVER_SETTLED:
                db.execute(
                    "INSERT INTO receipt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (int(message_id), username, now, delivered, *source, *destination),
                )
        return message_id

    def receipts(self, username: str, limit: int) -> list[StoredReceipt]:
        """The oldest receipts that are due by now, `limit` of them at most. They stay until they are dropped."""
        with self._lock:
            rows = self._db.execute(
                "SELECT message_id, delivered, submitted, source_ton, source_npi, source, "
                "destination_ton, destination_npi, destination FROM receipt "
                "WHERE username = ? AND submitted <= ? ORDER BY submitted, message_id LIMIT ?",
                (username, self._clock() - self._delivery_delay, limit),
            ).fetchall()
        return [
            StoredReceipt(
                str(message_id), bool(delivered), submitted, submitted + self._delivery_delay,
                Address(*addresses[:3]), Address(*addresses[3:]),
            )
            for message_id, delivered, submitted, *addresses in rows
        ]  # fmt: skip

    def drop_receipt(self, message_id: str) -> None:
        """Forget a receipt, as it was acknowledged."""
        with self._transaction() as db:
            db.execute("DELETE FROM receipt WHERE message_id = ?", (int(message_id),))

    def balance(self, username: str) -> int:
        """The credits of an account."""
        with self._lock:
            (balance,) = self._db.execute("SELECT balance FROM account WHERE username = ?", (username,)).fetchone()
        return int(balance)

    def total(self) -> int:
        """The credits of all accounts together, which nothing but a send changes."""
        with self._lock:
            (total,) = self._db.execute("SELECT sum(balance) FROM account").fetchone()
        return int(total)

    def balances(self) -> dict[str, int]:
        """The credits of each account that the ledger was made with, in that order."""
        with self._lock:
            found: dict[str, int] = dict(self._db.execute("SELECT username, balance FROM account").fetchall())
        return {username: found[username] for username in self._accounts}

    def messages(
        self, *, after: int = 0, before: int | None = None, recipient: str = "", limit: int = -1
    ) -> list[StoredMessage]:
        """Every message that was taken, the oldest first.

        :param after: only those whose id is a higher number.
        :param before: only those whose id is a lower number.
        :param recipient: only those to this number, which is written with its country code.
        :param limit: at most so many, the newest; negative for all.
        """
        where = "id > ?"
        values: list[int | str] = [after]
        if before is not None:
            where, values = f"{where} AND id < ?", [*values, before]
        if recipient:
            where, values = f"{where} AND recipient = ?", [*values, recipient]
        with self._lock:
            rows = self._db.execute(
                f"SELECT * FROM message WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608  # our own words
                (*values, limit),
            ).fetchall()
        return [StoredMessage(str(number), *rest) for number, *rest in reversed(rows)]

    def report(self, message: StoredMessage, now: float | None = None) -> DeliveryReport:
        """What becomes of a message, in the words of a delivery report.

        :param now: seconds of the ledger's clock; by default those that it shows.
        """
        # 3 is the one code that is known of the vendor; the others are the emulator's own.
        passed = (self.now() if now is None else now) - message.submitted
        if message.recipient == NEVER_SETTLED or passed < self._delivery_delay:
            return DeliveryReport(message.message_id, "1", "Submitted", message.recipient)
        if message.recipient == NEVER_DELIVERED:
            return DeliveryReport(message.message_id, "4", "Failed", message.recipient)
        return DeliveryReport(message.message_id, "3", "Delivered", message.recipient)

    def now(self) -> float:
        """What the ledger's clock shows, in seconds since the epoch."""
        return self._clock()

    def came_due(self, after: tuple[float, int], now: float, limit: int) -> list[StoredMessage]:
        """Messages whose time to be delivered had come by `now`, in the order of `(submitted, id)`.

        :param after: the `(submitted, id)` of the last one that was told before.
        :param limit: so many at most.
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM message WHERE (submitted, id) > (?, ?) AND submitted <= ? AND ? - submitted >= ? "
                "ORDER BY submitted, id LIMIT ?",
                (*after, *self._due(now), limit),
            ).fetchall()
        return [StoredMessage(str(number), *rest) for number, *rest in rows]

    def last_due(self, now: float) -> tuple[float, int]:
        """The `(submitted, id)` of the last message whose time to be delivered had come by `now`."""
        with self._lock:
            row = self._db.execute(
                "SELECT submitted, id FROM message WHERE submitted <= ? AND ? - submitted >= ? "
                "ORDER BY submitted DESC, id DESC LIMIT 1",
                self._due(now),
            ).fetchone()
        return row or (0.0, 0)

    def top_ups(self, *, after: int = 0, limit: int = -1) -> list[StoredTopUp]:
        """Every top-up that was made, the oldest first.

        :param after: only those with a higher number.
        :param limit: at most so many, the newest; negative for all.
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM topup WHERE id > ? ORDER BY id DESC LIMIT ?", (after, limit)
            ).fetchall()
        return [StoredTopUp(*row) for row in reversed(rows)]

    def revision(self) -> tuple[int, int]:
        """What changes whenever anything is written, by whichever process; to ask costs the same however much is
        stored.
        """
        with self._lock:
            (elsewhere,) = self._db.execute("PRAGMA data_version").fetchone()
            return int(elsewhere), self._db.total_changes

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite does it by itself where the disk is full, and an interruption may come behind the COMMIT.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _due(self, now: float) -> tuple[float, float, float]:
        """What the queries compare `submitted` with: the index's bound, and `now` and the delay, which decide."""
        return now - self._delivery_delay + _ROUNDING, now, self._delivery_delay

    def _family(self, username: str, tie: str) -> list[tuple[str, int]]:
        names = [account.username for account in self._accounts.values() if getattr(account, tie) == username]
        return [(name, self.balance(name)) for name in names]

    def _send(self, call: SendText) -> list[SentMessage]:
        if call.sender_id not in self._accounts[call.username].sender_ids:
            raise InvalidSenderId("the account has no such sender id")
        segments = sms.segments(call.message).count
        numbers = [_number(recipient) for recipient in call.recipients]
        now = self._clock()
        told = vendor_time(now)
        sent = []
        with self._transaction() as db:
            _take(db, call.username, segments * sum(number is not None for number in numbers))
            for recipient, number in zip(call.recipients, numbers, strict=True):
                if number is None:
                    words = "Invalid recipient"
                    sent.append(SentMessage("", Outcome.REJECTED, recipient, description=words, response_time=told))
                    continue
                message_id = _stored(db, call.username, call.sender_id, number, call.message, segments, now)
                sent.append(SentMessage(message_id, Outcome.ACCEPTED, recipient, response_time=told))
        return sent

    def _report(self, call: DeliveryReports) -> DeliveryReport:
        with self._lock:
            row = self._db.execute(
                # By the number, which is the key, and by the text, as "007" is the id of no message.
                "SELECT * FROM message WHERE username = ?1 AND id = CAST(?2 AS INTEGER) AND CAST(id AS TEXT) = ?2",
                (call.username, call.message_id),
            ).fetchone()
        if row is None:
            raise ServiceError("no such message", text="Message not found")
        return self.report(StoredMessage(call.message_id, *row[1:]))

    def _top_up(self, call: TopUpCall, tie: str) -> TopUp:
        account = self._accounts.get(call.name)
        if account is None or getattr(account, tie) != call.username:
            raise TopUpFailed("no such account below this one", text=f"Failed to top up {call.name} account")
        if not isinstance(call.count, int) or call.count < 1:
            raise TopUpFailed("not a number of credits", text="Top up not Successful")
        if self._accounts[call.username].frozen:
            raise TopUpFailed("the credits are frozen", text="Failed to deduct your account")
        with self._transaction() as db:
            _take(db, call.username, call.count)
            db.execute("UPDATE account SET balance = balance + ? WHERE username = ?", (call.count, call.name))
            db.execute(
                "INSERT INTO topup (username, name, count, made) VALUES (?, ?, ?, ?)",
                (call.username, call.name, call.count, self._clock()),
            )
        return TopUp(call.name, call.count)


def _opened(path: str | os.PathLike[str]) -> sqlite3.Connection:
    try:
        return opened_database(path, _SCHEMA)
    except (sqlite3.Error, OSError) as error:
        problem = getattr(error, "strerror", None) or str(error)
    raise InvalidInput(f"the ledger's file {os.fspath(path)!r} can't be opened: {problem}")


def vendor_time(moment: float) -> datetime:
    """A time of the ledger's clock as East Africa's clocks show it."""
    return datetime.fromtimestamp(moment + _EAST_AFRICA, timezone.utc).replace(tzinfo=None)


def _stored(
    db: sqlite3.Connection, username: str, sender_id: str, number: str, text: str, segments: int, now: float
) -> str:
    inserted = db.execute(
        "INSERT INTO message (username, sender_id, recipient, text, segments, submitted) VALUES (?, ?, ?, ?, ?, ?)",
        (username, sender_id, number, text, segments, now),
    )
    return str(inserted.lastrowid)


def _take(db: sqlite3.Connection, username: str, count: int) -> None:
    if count > MOST_CREDITS:
        raise InsufficientBalance(f"it takes {count} credits")
    taken = db.execute(
        "UPDATE account SET balance = balance - ?1 WHERE username = ?2 AND balance >= ?1", (count, username)
    )
    if not taken.rowcount:
        raise InsufficientBalance(f"it takes {count} credits")


def _number(recipient: str) -> str | None:
    try:
        number = msisdn.normalise(recipient)
    except InvalidInput:
        return None
    return None if number == REJECTED else number
