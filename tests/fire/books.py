"""Books: what was sent and what was acknowledged, held against the file of an emulator's ledger.

The file is read with plain SQLite, and what a message costs is reckoned here, so that the ledger does not vouch for
itself.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from mspace_legacy.secrets import Secret
from tests.migration.stores import cheap_verifier

__all__ = [
    "BALANCE",
    "PASSWORD",
    "SENDER_ID",
    "SHOPS",
    "SMPP_PASSWORD",
    "Books",
    "Mark",
    "Row",
    "Shop",
    "dice",
    "write_accounts",
]

PASSWORD, SMPP_PASSWORD, SENDER_ID = "fire-password", "fire-pwd", "FIRE"
BALANCE = 10_000_000
_GSM = "abcdefghijklmnopqrstuvwxyz0123456789 /%?&=+#;:.,<>\"'"
"""Of the GSM alphabet, one septet each; those that paths and documents have a meaning for among them."""


def dice(*seed: object) -> random.Random:
    """Chance that falls the same way for the same seed."""
    return random.Random(" ".join(map(str, seed)))  # noqa: S311  # no secret depends on it


class Shop(NamedTuple):
    """An account that sends, the sub-account that it tops up, and the client whose balance no other has."""

    username: str
    branch: str
    client: str
    client_balance: int

    @property
    def api_key(self) -> str:
        """That of v2."""
        return f"fire-key-{self.username}"


SHOPS = tuple(Shop(f"shop{n}", f"branch{n}", f"client{n}", 7_000 + n) for n in range(16))


def write_accounts(folder: Path) -> tuple[Path, Path]:
    """The files of these accounts: the emulator's, and a store for routes and the gateway."""
    emulated, store = folder / "emulated.toml", folder / "accounts.toml"
    verifier = cheap_verifier(Secret(PASSWORD))
    tables, stored = [], []
    for shop in SHOPS:
        for username, balance, more in (
            (
                shop.username,
                BALANCE,
                f'reseller = true\nsender_ids = ["{SENDER_ID}"]\nsmpp_password = "{SMPP_PASSWORD}"',
            ),
            (shop.branch, 0, f'sub_user_of = "{shop.username}"'),
            (shop.client, shop.client_balance, f'client_of = "{shop.username}"'),
        ):
            key = f"fire-key-{username}"
            tables.append(
                f'[[account]]\nusername = "{username}"\npassword = "{PASSWORD}"\napi_key = "{key}"\n'
                f"balance = {balance}\n{more}\n"
            )
            stored.append(
                f'[[account]]\nusername = "{username}"\npassword_verifier = "{verifier}"\napi_key = "{key}"\n'
            )
    emulated.write_text("".join(tables), "utf-8")
    store.touch(mode=0o600)
    store.write_text("".join(stored), "utf-8")
    return emulated, store


class Mark(NamedTuple):
    """A message that is told from every other by its recipient, and by its text."""

    username: str
    recipient: str
    text: str

    @property
    def segments(self) -> int:
        """What it costs: 160 septets, or 153 for each part of a longer one (3GPP TS 23.040)."""
        return 1 if len(self.text) <= 160 else -(-len(self.text) // 153)


class Row(NamedTuple):
    """A message as the file has it."""

    username: str
    recipient: str
    text: str
    segments: int


class Books:
    """What became of each mark, and of each top-up. Safe for threads.

    :param path: of the ledger's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self.acknowledged: dict[str, tuple[Mark, int]] = {}
        """By id: the mark, and which part of it this is."""
        self.unknown: set[Mark] = set()
        """Those that may have been taken."""
        self._parts: dict[Mark, tuple[str, ...]] = {}
        self._not_taken: set[Mark] = set()
        self._top_ups: Counter[Shop] = Counter()
        self._top_ups_unknown: defaultdict[Shop, list[int]] = defaultdict(list)
        self._seen: dict[str, Row] = {}

    def mark(self, username: str, chance: random.Random, *, longest: int = 400) -> Mark:
        """A new one, for `username` to send."""
        number = next(self._numbers)
        text = f"mark {number} "
        text += "".join(chance.choices(_GSM, k=chance.randrange(longest - len(text))))
        return Mark(username, f"2547{10_000_000 + number}", text.rstrip() + ".")

    def took(self, mark: Mark, *message_ids: str) -> None:
        """It was acknowledged, with the ids of its parts; no other message may have those."""
        with self._lock:
            self._parts[mark] = message_ids
            for place, message_id in enumerate(message_ids):
                before = self.acknowledged.setdefault(message_id, (mark, place))
                assert before == (mark, place), f"id {message_id} was given to {before[0]} and to {mark}"

    def may_have_taken(self, mark: Mark) -> None:
        """Nobody knows."""
        with self._lock:
            self.unknown.add(mark)

    def took_not(self, mark: Mark) -> None:
        """It was told for sure that it was not sent, or that it was refused."""
        with self._lock:
            self._not_taken.add(mark)

    def topped_up(self, shop: Shop, count: int) -> None:
        """A top-up of the shop's branch was acknowledged."""
        with self._lock:
            self._top_ups[shop] += count

    def may_have_topped_up(self, shop: Shop, count: int) -> None:
        """Nobody knows."""
        with self._lock:
            self._top_ups_unknown[shop].append(count)

    def rows(self) -> dict[str, Row]:
        """The messages of the file, by id."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as db:
            return _rows(db)

    def receipts(self, username: str) -> set[str]:
        """The ids of the account's messages whose receipts the file holds."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as db:
            found = db.execute("SELECT message_id FROM receipt WHERE username = ?", (username,)).fetchall()
        return {str(number) for (number,) in found}

    def check(self) -> None:
        """That the file agrees with what was acknowledged, to the last message and credit."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as db:
            # All of it as it is at one moment: a request that nobody waits for any more may still be under way.
            db.execute("BEGIN")
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            rows = _rows(db)
            balances: dict[str, int] = dict(db.execute("SELECT username, balance FROM account").fetchall())
        gone = self._seen.keys() - rows.keys()
        assert not gone, f"these were in the file and are not any more: {sorted(gone)[:5]}"
        changed = [message_id for message_id, row in self._seen.items() if rows[message_id] != row]
        assert not changed, f"these changed: {changed[:5]}"
        self._seen = rows
        lost = self.acknowledged.keys() - rows.keys()
        assert not lost, f"{len(lost)} acknowledged messages are not there, such as {sorted(lost)[0]}"
        for message_id, (mark, _) in self.acknowledged.items():
            row = rows[message_id]
            assert row[:2] == mark[:2], f"the reply to {mark} had the id of {row}"
        for mark, message_ids in self._parts.items():
            assert "".join(rows[message_id].text for message_id in message_ids) == mark.text
            assert sum(rows[message_id].segments for message_id in message_ids) == mark.segments
        self._check_the_rest(
            {message_id: row for message_id, row in rows.items() if message_id not in self.acknowledged}
        )
        self._check_credits(rows, balances)

    def _check_the_rest(self, rest: dict[str, Row]) -> None:
        """What nobody was told of can only be what nobody knows of, once."""
        unknown = {mark.recipient: mark for mark in self.unknown}
        not_taken = {mark.recipient for mark in self._not_taken}
        found: Counter[str] = Counter()
        for message_id, row in rest.items():
            assert row.recipient not in not_taken, f"{message_id} was told not to have been sent: {row}"
            mark = unknown.get(row.recipient)
            assert mark is not None, f"{message_id} was sent twice, or by nobody: {row}"
            assert row == Row(*mark, mark.segments)
            found[row.recipient] += 1
        twice = [recipient for recipient, count in found.items() if count > 1]
        assert not twice, f"sent twice: {twice}"

    def _check_credits(self, rows: dict[str, Row], balances: dict[str, int]) -> None:
        spent: Counter[str] = Counter()
        for row in rows.values():
            spent[row.username] += row.segments
        for shop in SHOPS:
            moved = balances[shop.branch]
            sure, doubtful = self._top_ups[shop], self._top_ups_unknown[shop]
            assert any(sure + some == moved for some in _sums(doubtful)), (
                f"{shop.branch} has {moved} credits; {sure} were acknowledged, and {doubtful} are not known of"
            )
            # What is known now stays so.
            self._top_ups[shop], self._top_ups_unknown[shop] = moved, []
            assert balances[shop.username] == BALANCE - spent[shop.username] - moved, shop.username
            assert balances[shop.client] == shop.client_balance


def _rows(db: sqlite3.Connection) -> dict[str, Row]:
    found = db.execute("SELECT id, username, recipient, text, segments FROM message").fetchall()
    return {str(number): Row(*rest) for number, *rest in found}


def _sums(counts: list[int]) -> set[int]:
    sums = {0}
    for count in counts:
        sums |= {before + count for before in sums}
    return sums
