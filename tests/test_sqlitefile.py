"""A SQLite file is opened by many at once, and what can't be opened is told at once."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from mspace_legacy.sqlitefile import opened_database

SCHEMA = "CREATE TABLE IF NOT EXISTS one (number INTEGER)"


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    def add(number: int) -> None:
        with closing(opened_database(tmp_path / "new.db", SCHEMA)) as db:
            db.execute("INSERT INTO one VALUES (?)", (number,))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(add, range(64)))
    with closing(opened_database(tmp_path / "new.db", SCHEMA)) as db:
        assert sorted(db.execute("SELECT number FROM one")) == [(number,) for number in range(64)]


# A file that even root can't write to is there in /proc, and nothing portable elsewhere.
@pytest.mark.skipif(not Path("/proc/version").exists(), reason="this system has no /proc")
def test_what_is_not_locked_but_cannot_be_written_is_not_waited_for() -> None:
    began = time.monotonic()
    with pytest.raises((sqlite3.OperationalError, OSError), match=r"unable to open|/proc/version"):
        opened_database("/proc/version", SCHEMA)
    assert time.monotonic() - began < 10


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(b"no database " * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        opened_database(other, SCHEMA)
    assert other.read_bytes() == b"no database " * 1000


@pytest.mark.parametrize(
    "others",
    ["CREATE TABLE two (number INTEGER)", "CREATE TABLE one (number INTEGER, text TEXT)",
     "CREATE TABLE one (text TEXT)",
     "CREATE VIEW one AS SELECT 1 AS number", "CREATE TABLE sqlites (number INTEGER)",
     f"{SCHEMA}; CREATE TABLE three (number INTEGER); ALTER TABLE one ADD COLUMN text"],
)  # fmt: skip
def test_the_database_of_another_program_is_left_as_it_is(others: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(others)
    before = path.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match="is the database of another program"):
        opened_database(path, SCHEMA)
    assert [file.name for file in tmp_path.iterdir()] == ["shop.db"]
    assert path.read_bytes() == before


def test_a_view_that_the_owner_added_stays(tmp_path: Path) -> None:
    with closing(opened_database(tmp_path / "a.db", SCHEMA)) as db:
        db.execute("CREATE VIEW own AS SELECT * FROM one")
    with closing(opened_database(tmp_path / "a.db", SCHEMA)) as db:
        assert list(db.execute("SELECT * FROM own")) == []


def test_a_database_that_lacks_a_table_is_given_it(tmp_path: Path) -> None:
    opened_database(tmp_path / "a.db", SCHEMA).close()
    with closing(opened_database(tmp_path / "a.db", f"{SCHEMA}; CREATE TABLE two (number INTEGER)")) as db:
        assert list(db.execute("SELECT * FROM two")) == []


# Elsewhere a file's mode does not say who can read it.
@pytest.mark.skipif(os.name != "posix", reason="owners and others are of POSIX")
def test_a_file_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    """What is kept has people's numbers, and what was written to them."""
    with closing(opened_database(tmp_path / "new.db", SCHEMA)) as db:
        db.execute("INSERT INTO one VALUES (1)")
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    kept = tmp_path / "kept.db"
    kept.touch(0o640)
    kept.chmod(0o640)
    opened_database(kept, SCHEMA).close()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
