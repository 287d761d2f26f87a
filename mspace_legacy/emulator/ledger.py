"""The ledger: accounts, credits and messages in SQLite, and what each call does to them.

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
from typing import Any

from mspace_legacy import msisdn, sms
from mspace_legacy.emulator.accounts import DEMO_ACCOUNTS, MOST_CREDITS, Account, check_family
from mspace_legacy.errors import (
    AuthenticationError,
    ContactProvider,
    InsufficientBalance,
    InvalidInput,
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
)
from mspace_legacy.secrets import Secret

__all__ = ["NEVER_DELIVERED", "NEVER_SETTLED", "REJECTED", "Ledger", "StoredMessage"]

REJECTED = "254700000000"
"""A number that is refused when it is sent to; it costs nothing."""

NEVER_DELIVERED = "254700000001"
"""A number whose messages are taken, and fail."""

NEVER_SETTLED = "254700000002"
"""A number whose messages are taken, and stay under way."""

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
"""


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


class Ledger:
    """Accounts, credits and messages. Safe for threads, and for several processes on one file.

    :param accounts: as they start; on a file that knows an account already, its balance there stands.
    :param path: of a file that keeps balances and messages, never a password; in memory by default.
    :param delivery_delay: seconds until a message is delivered, or has failed.
    :param clock: seconds since the epoch.
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
        self._delivery_delay = delivery_delay
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

    def messages(self) -> list[StoredMessage]:
        """Every message that was taken, the oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM message ORDER BY id").fetchall()
        return [StoredMessage(str(number), *rest) for number, *rest in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _family(self, username: str, tie: str) -> list[tuple[str, int]]:
        names = [account.username for account in self._accounts.values() if getattr(account, tie) == username]
        return [(name, self.balance(name)) for name in names]

    def _send(self, call: SendText) -> list[SentMessage]:
        if call.sender_id not in self._accounts[call.username].sender_ids:
            raise InvalidSenderId("the account has no such sender id")
        segments = sms.segments(call.message).count
        numbers = [_number(recipient) for recipient in call.recipients]
        now = self._clock()
        told = datetime.fromtimestamp(now + _EAST_AFRICA, timezone.utc).replace(tzinfo=None)
        sent = []
        with self._transaction() as db:
            _take(db, call.username, segments * sum(number is not None for number in numbers))
            for recipient, number in zip(call.recipients, numbers, strict=True):
                if number is None:
                    words = "Invalid recipient"
                    sent.append(SentMessage("", Outcome.REJECTED, recipient, description=words, response_time=told))
                    continue
                inserted = db.execute(
                    "INSERT INTO message (username, sender_id, recipient, text, segments, submitted) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (call.username, call.sender_id, number, call.message, segments, now),
                )
                message_id = str(inserted.lastrowid)
                sent.append(SentMessage(message_id, Outcome.ACCEPTED, recipient, response_time=told))
        return sent

    def _report(self, call: DeliveryReports) -> DeliveryReport:
        with self._lock:
            row = self._db.execute(
                "SELECT recipient, submitted FROM message WHERE username = ? AND CAST(id AS TEXT) = ?",
                (call.username, call.message_id),
            ).fetchone()
        if row is None:
            raise ServiceError("no such message", text="Message not found")
        recipient, submitted = row
        # 3 is the one code that is known of the vendor; the others are the emulator's own.
        if recipient == NEVER_SETTLED or self._clock() - submitted < self._delivery_delay:
            return DeliveryReport(call.message_id, "1", "Submitted", recipient)
        if recipient == NEVER_DELIVERED:
            return DeliveryReport(call.message_id, "4", "Failed", recipient)
        return DeliveryReport(call.message_id, "3", "Delivered", recipient)

    def _top_up(self, call: SubAccountTopUp | ResellerClientTopUp, tie: str) -> TopUp:
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
        return TopUp(call.name, call.count)


def _opened(path: str | os.PathLike[str]) -> sqlite3.Connection:
    db = None
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
    except sqlite3.Error as error:
        problem = str(error)
        if db is not None:
            db.close()
    else:
        return db
    raise InvalidInput(f"the ledger's file {os.fspath(path)!r} can't be opened: {problem}")


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
