"""tomlfile: a document is read whole, or refused by the name of its file and without a word of what stands there; and
so is each of its tables, by its place and its key."""

from __future__ import annotations

import contextlib
import math
import os
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import Secret
from mspace_legacy.tomlfile import load_toml, read_table, read_tables
from tests.canary import in_our_frames

CANARY = "canary-71f3"


def written(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "file.toml"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def refused(path: str | Path, *, private: bool = False) -> str:
    with pytest.raises(InvalidInput) as raised:
        load_toml(path, private=private)
    assert raised.value.__context__ is None
    for text in (str(raised.value), "".join(traceback.format_exception(raised.value)), in_our_frames(raised.value)):
        assert CANARY not in text
    assert str(raised.value).startswith(f"{path} ")
    return str(raised.value).removeprefix(f"{path} ")


def test_a_document_is_read_as_toml_says(tmp_path: Path) -> None:
    file = written(tmp_path, '[[a]]\nb = "é😀"\r\n[[a]]\nb = 2 # c'.encode(), 0o644)
    assert load_toml(file) == load_toml(str(file)) == {"a": [{"b": "é😀"}, {"b": 2}]}


def test_an_empty_file_is_an_empty_document(tmp_path: Path) -> None:
    assert load_toml(written(tmp_path, b"")) == {}


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_file_is_its_owners(tmp_path: Path, mode: int) -> None:
    assert load_toml(written(tmp_path, b"a = 1", mode), private=True) == {"a": 1}


# Elsewhere a file's mode does not say who can read it, so that `load_toml` does not look at it there.
@pytest.mark.skipif(os.name != "posix", reason="the system knows of no owners")
@pytest.mark.parametrize("bit", [1 << place for place in range(6)])
def test_a_private_file_that_others_may_touch_is_refused(tmp_path: Path, bit: int) -> None:
    file = written(tmp_path, f'a = "{CANARY}"'.encode(), 0o600 | bit)
    told = refused(file, private=True)
    assert f"(mode {0o600 | bit:o})" in told
    assert "chmod 600" in told
    assert load_toml(file) == {"a": CANARY}


# Elsewhere a file's mode does not say who can read it, so that `load_toml` does not look at it there.
@pytest.mark.skipif(os.name != "posix", reason="the system knows of no owners")
def test_it_is_the_file_behind_a_link_that_counts(tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(written(tmp_path, b"a = 1", 0o644))
    assert "can be read by others" in refused(link, private=True)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f'a = "{CANARY}', "end of document"),
        (f"a = {CANARY}", "line 1, column 5"),
        (f'a = "{CANARY}"\na = "{CANARY}"\n', "line 2"),
        (f'ok = 1\n{CANARY} "x"', "line 2"),
        (f'a = "{CANARY}\x01"', "line 1"),
        (f'a = "{CANARY}\\ud800"', "line 1"),
        (f"[{CANARY}]\n[{CANARY}]", "line 2"),
        (f"a = {{ {CANARY} = 1, {CANARY} = 2 }}", "line 1"),
        (f"['{CANARY} \"x\"']\n['{CANARY} \"x\"']", "line 2"),
    ],
)
def test_what_is_not_toml_is_told_by_its_place(tmp_path: Path, content: str, place: str) -> None:
    told = refused(written(tmp_path, content.encode()))
    assert told.startswith("is not TOML: ")
    assert place in told


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" + CANARY.encode(),
        f'a = "{CANARY}"'.encode("utf-16"),
        f'a = "{CANARY}"\nb = '.encode() + b"9" * 5000,
        f'a = "{CANARY}"\nb = '.encode() + b"[" * 100_000,
        f'a = "{CANARY}"\nb = '.encode() + b"{a=" * 100_000,
    ],
    ids=["not UTF-8", "UTF-16", "a number of 5000 digits", "thousands of brackets", "thousands of braces"],
)
def test_what_no_reader_can_bear_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(written(tmp_path, content)).startswith(("can't be read: ", "is not TOML: "))


@pytest.mark.parametrize("path", ["", "no-such-file.toml", ".", "a\0b", "x" * 5000, "\ud800"])
def test_what_is_no_file_is_refused_by_its_path(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(path).startswith("can't be read: ")


@given(st.binary(max_size=40) | st.text("a=[]{}\"'.0123456789-:T\n#\\u", max_size=40).map(str.encode))
def test_any_bytes_are_a_document_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as folder, contextlib.suppress(InvalidInput):
        assert isinstance(load_toml(written(Path(folder), content)), dict)


@pytest.mark.parametrize(
    ("content", "told"),
    [("a." * 500_000, "more than 10,000 dots"), ("#" * ((16 << 20) + 1), "more than 16,777,216 bytes")],
    ids=["a key of half a million parts", "more than any file of ours holds"],
)
def test_what_would_take_an_hour_is_not_begun(content: str, told: str, tmp_path: Path) -> None:
    assert told in refused(written(tmp_path, content.encode()))


KINDS: dict[str, Any] = {
    "flag": bool, "count": int, "seconds": float, "name": str, "parent": str | None, "password": Secret,
    "other_password": Secret | None, "names": tuple[str, ...],
}  # fmt: skip


@pytest.mark.parametrize(
    ("written_as", "value"),
    [
        ("flag = true", True),
        ("count = -5", -5),
        ("seconds = 0.5", 0.5),
        ("seconds = 5", 5.0),
        (f"seconds = {'9' * 400}", math.inf),
        ('name = ""', ""),
        ('parent = "x"', "x"),
        ('password = "x"', Secret("x")),
        ('other_password = "x"', Secret("x")),
        ("names = []", ()),
        ('names = ["a", "b"]', ("a", "b")),
    ],
)
def test_a_value_is_of_the_type_that_its_key_has(tmp_path: Path, written_as: str, value: object) -> None:
    (read,) = read_table("f", load_toml(written(tmp_path, written_as.encode())), KINDS).values()
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("written_as", "told"),
    [
        ("flag = 1", "flag is not a boolean"),
        ("count = true", "count is not an integer"),
        ("count = 5.0", "count is not an integer"),
        ("seconds = true", "seconds is not a number"),
        (f"seconds = '{CANARY}'", "seconds is not a number"),
        ("name = 5", "name is not a string"),
        ("parent = 2026-11-30", "parent is not a string"),
        (f"password = ['{CANARY}']", "password is not a string"),
        (f"other_password = {{ a = '{CANARY}' }}", "other_password is not a string"),
        (f"names = '{CANARY}'", "names is not an array of strings"),
        (f"names = ['{CANARY}', 5]", "names is not an array of strings"),
        (f"nam = '{CANARY}'", "there is no key 'nam': there are flag, count, seconds, name, parent, password"),
    ],
)
def test_a_value_of_another_type_is_told_in_the_words_of_toml(tmp_path: Path, written_as: str, told: str) -> None:
    table = load_toml(written(tmp_path, written_as.encode()))
    with pytest.raises(InvalidInput) as raised:
        read_table("f: account 2", table, KINDS)
    assert str(raised.value).startswith(f"f: account 2: {told}")
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None


def test_a_function_makes_a_value_or_says_why_not() -> None:
    def doubled(value: Any) -> int:
        if value == 0:
            raise InvalidInput("n: nothing to double")
        return int(value) * 2

    assert read_table("f", {"n": 4}, {"n": doubled}) == {"n": 8}
    with pytest.raises(InvalidInput, match=r"^f: n: nothing to double$") as raised:
        read_table("f", {"n": 0}, {"n": doubled})
    assert raised.value.__context__ is None


def test_what_is_required_is_there_and_not_empty() -> None:
    required = ("name", "password")
    assert read_table("f", {"name": "x", "password": "y"}, KINDS, required=required)["name"] == "x"
    for table, told in (
        ({"password": "y"}, "name is missing"),
        ({"name": "x"}, "password is missing"),
        ({"name": "x", "password": ""}, "password is empty"),
    ):
        with pytest.raises(InvalidInput, match=f"^f: {told}$"):
            read_table("f", table, KINDS, required=required)


def test_tables_of_a_name_are_told_apart_by_their_place(tmp_path: Path) -> None:
    tables = [{"name": "a"}, {"name": "b"}]
    read = list(read_tables(tmp_path / "f.toml", "account", tables, KINDS, required=("name",)))
    assert read == [
        (f"{tmp_path / 'f.toml'}: account 1", {"name": "a"}),
        (f"{tmp_path / 'f.toml'}: account 2", {"name": "b"}),
    ]
    with pytest.raises(InvalidInput, match=r"f\.toml: account 2 is not a table: write \[\[account\]\]"):
        list(read_tables(tmp_path / "f.toml", "account", [{}, 5], KINDS, required=()))


def test_a_document_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    """As Notepad writes it."""
    assert load_toml(written(tmp_path, b"\xef\xbb\xbfa = 1")) == {"a": 1}
