"""Sessions: what a screen is given of one, and where they are kept from step to step.

A store is a dictionary that tells versions apart, and knows nothing of what it keeps: `load` and `save` are all that
another one, in Redis or a database of your own, needs to have.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from mspace_legacy.checks import at_least_one
from mspace_legacy.errors import InvalidInput
from mspace_legacy.sqlitefile import opened_database

__all__ = ["Kept", "MemorySessions", "Session", "Sessions", "SqliteSessions"]

_BETWEEN_SWEEPS = 60.0
"""Seconds between two times that a store looks for what has expired."""


@dataclass(slots=True, repr=False)
class Session:
    """What a screen knows of the session. `data` is its own: whatever JSON can hold, kept until the session ends.

    `msisdn` is who dialled, digits only with the country code. `step` counts from 1; together with `session_id` it
    stands for this step alone, so it makes a reference for what must not happen twice.
    """

    msisdn: str
    session_id: str
    service_code: str
    step: int
    data: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Session(msisdn='...{self.msisdn[-2:]}', step={self.step})"


class Kept(NamedTuple):
    """What a store has of a session: its text, which version that is, and until when it counts."""

    version: int
    text: str
    expires: float


class Sessions(Protocol):
    """A store of sessions. Safe for threads; for several processes, if it is to serve several."""

    def load(self, session_id: str) -> Kept | None:
        """What is kept of the session, expired or not; None if that is nothing."""
        ...

    def save(self, session_id: str, text: str, *, version: int, expires: float, now: float) -> bool:
        """Compare and set: if `version` is the one that is kept (0: nothing is), keep `text` as the one after it.

        True if it did, else nothing is changed. What expired before `now` may be dropped. `expires` and `now` are in
        seconds since the epoch.
        """
        ...


class MemorySessions:
    """Sessions in memory: for one process, and until it ends.

    :param most: how many are kept; beyond that those that were used least lately are forgotten.
    :raises InvalidInput: `most` is less than 1.
    """

    def __init__(self, *, most: int = 100_000) -> None:
        self._most = at_least_one("most", most)
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._swept = 0.0

    def load(self, session_id: str) -> Kept | None:
        """See `Sessions.load`."""
        with self._lock:
            return self._kept.get(session_id)

    def save(self, session_id: str, text: str, *, version: int, expires: float, now: float) -> bool:
        """See `Sessions.save`."""
        with self._lock:
            there = self._kept.get(session_id)
            if version != (there.version if there else 0):
                return False
            self._kept[session_id] = Kept(version + 1, text, expires)
            self._kept.move_to_end(session_id)
            if abs(now - self._swept) > _BETWEEN_SWEEPS:
                self._swept = now
                for old in [key for key, kept in self._kept.items() if kept.expires < now]:
                    del self._kept[old]
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return True


_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS session_expires ON session (expires);
"""

_of_the_parent: list[sqlite3.Connection] = []
"""Connections that a fork left in the child. Closing one there would pull the file from under the parent."""


class SqliteSessions:
    """Sessions in a file: for any number of processes on one machine, and across their restarts.

    What screens put into `data` stands in the file as it is; so a file that is made here is its owner's alone.

    :raises InvalidInput: the file can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        if not self._path or self._path == ":memory:":
            raise InvalidInput("path: a file is needed; MemorySessions keeps sessions in memory")
        self._forget()
        _stores.add(self)
        problem = ""
        try:
            # Closed again, so that a server that forks its workers has none to leave to them.
            opened_database(self._path, _SCHEMA).close()
        except (sqlite3.Error, OSError) as error:
            problem = getattr(error, "strerror", None) or str(error)
        if problem:
            raise InvalidInput(f"the file of the sessions, {self._path!r}, can't be opened: {problem}")

    def _forget(self) -> None:
        """Begin without a connection, as a child of a fork must."""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closer: weakref.finalize[[], SqliteSessions] | None = None
        self._swept = 0.0

    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = opened_database(self._path, _SCHEMA)
            self._closer = weakref.finalize(self, self._connection.close)
        return self._connection

    def load(self, session_id: str) -> Kept | None:
        """See `Sessions.load`."""
        with self._lock:
            row = (
                self._db()
                .execute("SELECT version, text, expires FROM session WHERE id = ?", (session_id,))
                .fetchone()
            )
        return Kept(*row) if row else None

    def save(self, session_id: str, text: str, *, version: int, expires: float, now: float) -> bool:
        """See `Sessions.save`."""
        with self._lock:
            db = self._db()
            if abs(now - self._swept) > _BETWEEN_SWEEPS:
                self._swept = now
                # Not the one at hand, whose version is known to the caller.
                db.execute("DELETE FROM session WHERE expires < ? AND id != ?", (now, session_id))
            # Each is a transaction of its own: no lock is held while a screen runs.
            if version:
                saved = db.execute(
                    "UPDATE session SET version = version + 1, text = ?, expires = ? WHERE id = ? AND version = ?",
                    (text, expires, session_id, version),
                )
            else:
                saved = db.execute(
                    "INSERT INTO session VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING", (session_id, text, expires)
                )
            return saved.rowcount == 1

    def close(self) -> None:
        """Close the file; it is opened again by the next step."""
        with self._lock:
            if self._closer is not None:
                # Which closes it, and is not kept for what is closed already.
                self._closer()
                self._connection = self._closer = None


_stores: weakref.WeakSet[SqliteSessions] = weakref.WeakSet()


def _forget_all() -> None:
    for store in list(_stores):
        if store._connection is not None and store._closer is not None:
            store._closer.detach()
            _of_the_parent.append(store._connection)
        store._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
