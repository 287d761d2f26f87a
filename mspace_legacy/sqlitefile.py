"""Opening SQLite files: what the emulator's ledger and the sessions of USSD share."""

from __future__ import annotations

import os
import sqlite3
import time

__all__ = ["opened_database"]

_LONGEST_WAIT = 30.0
"""Seconds, for another thread or process that writes."""


def opened_database(path: str | os.PathLike[str], schema: str) -> sqlite3.Connection:
    """A file that several threads and processes write to. What is committed outlives each of them.

    One that is made here is its owner's alone: people's numbers and messages stand in it.

    :param schema: the statements that make its tables, where they are not there yet.
    :raises sqlite3.Error, OSError: it can't be opened, or is something else.
    """
    if os.fspath(path) != ":memory:":
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_LONGEST_WAIT)
    try:
        _refuse_what_is_anothers(db, schema)
        _keep_a_log_ahead(db)
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(schema)
    except sqlite3.Error:
        db.close()
        raise
    return db


_COLUMNS = """
SELECT there.type, there.name, told.name FROM sqlite_master AS there, pragma_table_info(there.name) AS told
WHERE there.type IN ('table', 'view') AND there.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""


def _refuse_what_is_anothers(db: sqlite3.Connection, schema: str) -> None:
    """Nothing is written to the file of another program, though a table of it be called like one of ours."""
    ours = sqlite3.connect(":memory:")
    try:
        ours.executescript(schema)
        known, found = (set(each.execute(_COLUMNS)) for each in (ours, db))
    finally:
        ours.close()
    # An older file of ours may lack a table, and its owner may have added one, or a view.
    strange = {name for _, name, _ in found ^ known} & {name for _, name, _ in found}
    if strange and (strange & {name for _, name, _ in known} or not found & known):
        raise sqlite3.DatabaseError(f"it is the database of another program, with a table {min(strange)!r}")


def _keep_a_log_ahead(db: sqlite3.Connection) -> None:
    """Where several open one file, SQLite does not wait for this as it does for everything else."""
    end = time.monotonic() + _LONGEST_WAIT
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return
