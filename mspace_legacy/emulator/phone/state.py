"""State: what the page shows, told in steps, so that a page gets what changed since it asked before, and no more."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from mspace_legacy.emulator.app import Emulator
from mspace_legacy.emulator.journal import Exchange, Journal
from mspace_legacy.emulator.ledger import StoredMessage
from mspace_legacy.emulator.ussd import UssdCodes
from mspace_legacy.secrets import redact

__all__ = ["Cursor", "State"]

_NEWEST = 1000
"""Messages, exchanges and top-ups that are told at once; older messages are there for whoever asks for them."""
_MOST_DUE = 1000
"""Messages of which it is told at once that they were delivered; the rest comes in the next step."""
_LONGEST_TEXT = 20_000
"""Characters of a message that are told; no telephone shows more."""
_LONGEST_CURSOR = 500


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a page has been told. `of` is the state that told it; another one's cursor says nothing."""

    of: str
    message: int = 0
    due_at: float = 0.0
    due: int = 0
    top_up: int = 0
    exchange: int = 0
    faults: int = -1
    codes: int = -1
    accounts: str = ""

    def __str__(self) -> str:
        return json.dumps(astuple(self), separators=(",", ":"))


class State:
    """What an emulator's page shows: its ledger, its faults and its journal, and the codes of USSD."""

    def __init__(self, emulator: Emulator, journal: Journal, codes: UssdCodes) -> None:
        self._ledger = emulator.ledger
        self._faults = emulator.faults
        self._journal = journal
        self._codes = codes
        self._name = secrets.token_hex(4)

    def revision(self) -> tuple[object, ...]:
        """What changes whenever anything shown does, but for what the clock alone changes: see `has_come_due`."""
        return self._ledger.revision(), self._faults.revision, self._journal.last, self._codes.revision

    def has_come_due(self, cursor: Cursor) -> bool:
        """Whether the time has come to tell of a message that it was delivered."""
        return bool(self._ledger.came_due((cursor.due_at, cursor.due), self._ledger.now(), 1))

    def cursor(self, text: str) -> Cursor:
        """The cursor that was told before as `text`; one that has been told nothing, where it is none of ours."""
        try:
            if len(text) <= _LONGEST_CURSOR:
                of, message, due_at, due, top_up, exchange, faults, codes, accounts = json.loads(text)
                numbers = (message, due, top_up, exchange, faults, codes)
                if of == self._name and all(type(number) is int and abs(number) < 1 << 62 for number in numbers):
                    return Cursor(of, message, float(due_at), due, top_up, exchange, faults, codes, str(accounts))
        except (ValueError, TypeError, OverflowError, RecursionError):
            pass
        return Cursor(self._name)

    def since(self, cursor: Cursor) -> tuple[Cursor, dict[str, Any]]:
        """What is new, as JSON has it, and the cursor for the next time. Empty where nothing is."""
        news: dict[str, Any] = {}
        # Read before what they stand for, so that what happens meanwhile is told the next time.
        faults, exchange, codes = self._faults.revision, self._journal.last, self._codes.revision
        now = self._ledger.now()
        is_fresh = cursor == Cursor(self._name)
        due = self._ledger.last_due(now) if is_fresh else (cursor.due_at, cursor.due)
        messages = self._ledger.messages(after=cursor.message, limit=_NEWEST)
        if messages:
            news["messages"] = self.told(messages, now)
            first = int(messages[0].message_id)
            if self._ledger.messages(after=cursor.message, before=first, limit=1):
                # Those between were too many: whoever goes on from here has to ask for them, as for older ones.
                news["older" if is_fresh else "skipped"] = True
        if not is_fresh:
            came_due = self._ledger.came_due(due, now, _MOST_DUE)
            if came_due:
                due = came_due[-1].submitted, int(came_due[-1].message_id)
                news["states"] = [self._state(message, now) for message in came_due]
        top_ups = self._ledger.top_ups(after=cursor.top_up, limit=_NEWEST)
        if top_ups:
            news["top_ups"] = [asdict(top_up) for top_up in top_ups]
        exchanges = self._journal.after(cursor.exchange, min(_NEWEST, max(exchange - cursor.exchange, 0)))
        if exchanges:
            news["exchanges"] = [self._summary(exchange) for exchange in exchanges]
        accounts = self._accounts()
        digest = hashlib.blake2b(json.dumps(accounts).encode(), digest_size=8).hexdigest()
        if digest != cursor.accounts:
            news["accounts"] = accounts
        if faults != cursor.faults:
            news["faults"] = [
                {"number": number, "fault": str(fault), "times": fault.times}
                for number, fault in self._faults.on.items()
            ]
        if codes != cursor.codes:
            news["codes"] = [
                {"code": code.code, "callback": code.shown, "entries": code.entries}
                for code in self._codes.registered
            ]
        told = Cursor(
            self._name,
            int(messages[-1].message_id) if messages else cursor.message,
            *due,
            top_ups[-1].number if top_ups else cursor.top_up,
            exchanges[-1].number if exchanges else cursor.exchange,
            faults,
            codes,
            digest,
        )
        if is_fresh:
            news["fresh"] = True
        return told, news

    def earlier(self, before: int, recipient: str) -> list[dict[str, Any]]:
        """Messages older than the one with the id `before`, to one number if it is given."""
        return self.told(self._ledger.messages(before=before, recipient=recipient, limit=_NEWEST), self._ledger.now())

    def told(self, messages: Sequence[StoredMessage], now: float) -> list[dict[str, Any]]:
        """Messages as the page takes them."""
        made_by = self._journal.that_made(int(message.message_id) for message in messages)
        return [
            {
                **self._state(message, now),
                "username": message.username,
                "sender_id": message.sender_id,
                "recipient": message.recipient,
                "text": message.text[:_LONGEST_TEXT],
                "left_out": max(len(message.text) - _LONGEST_TEXT, 0),
                "segments": message.segments,
                "submitted": message.submitted,
                "exchange": made_by.get(int(message.message_id)),
            }
            for message in messages
        ]

    def _state(self, message: StoredMessage, now: float) -> dict[str, Any]:
        report = self._ledger.report(message, now)
        return {"id": int(message.message_id), "status": report.status, "state": report.description}

    def _summary(self, exchange: Exchange) -> dict[str, Any]:
        ids = exchange.message_ids
        return {
            "number": exchange.number,
            "at": exchange.at,
            "seconds": round(exchange.seconds, 4),
            "protocol": exchange.protocol,
            "title": exchange.title,
            # A user name may be a password, where somebody took the one for the other.
            "username": redact(exchange.username, self._ledger.secrets, by_name=False),
            "outcome": exchange.outcome,
            "messages": [ids.start, ids.stop] if ids else None,
        }

    def _accounts(self) -> list[dict[str, Any]]:
        balances = self._ledger.balances()
        return [
            {
                "username": account.username,
                "balance": balances[account.username],
                "sender_ids": account.sender_ids,
                "reseller": account.reseller,
                "sub_user_of": account.sub_user_of,
                "client_of": account.client_of,
                "suspended": account.suspended,
                "frozen": account.frozen,
                "smpp": account.smpp_password is not None,
            }
            for account in self._ledger.accounts
        ]
