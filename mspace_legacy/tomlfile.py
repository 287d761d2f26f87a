"""Reading TOML files and their tables: for the emulator's accounts, the account store and the gateway's settings."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import Secret

__all__ = ["load_toml", "read_table", "read_tables"]

_LARGEST = 16 << 20
_MOST_DOTS = 10_000
"""In a line. The parsers take quadratic time for a key of many parts: an hour for one of half a million."""


class _TooMuch(Exception):
    """More than a parser should be given."""


def _read(file: BinaryIO) -> str:
    # A function of its own, as a traceback that shows variables must not show what was read.
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise _TooMuch(f"has more than {_LARGEST:,} bytes")
    if any(line.count(b".") > _MOST_DOTS for line in data.splitlines()):
        raise _TooMuch(f"has a line with more than {_MOST_DOTS:,} dots")
    return data.decode("utf-8-sig")


_QUOTED = re.compile(r"""(['"]).{2,}\1""", re.DOTALL)


def load_toml(path: str | os.PathLike[str], *, private: bool = False) -> dict[str, Any]:
    """The document of a TOML file.

    :param private: refuse a file that anyone but its owner can read or write, where the system knows of owners.
    :raises InvalidInput: names the file and the place, never what stands there.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "tomli is not installed: install mspace_legacy with its extra [server]", name="tomli"
            ) from None
    problem = ""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if private and os.name == "posix" and mode & 0o077:
                problem = f"can be read by others (mode {mode & 0o777:o}), and holds secrets: chmod 600 it"
            else:
                return tomllib.loads(_read(file))
    except _TooMuch as error:
        problem = str(error)
    except tomllib.TOMLDecodeError as error:
        # It tells the place, and in quotes a key that stands there: a secret, where somebody forgot a quote.
        problem = f"is not TOML: {_QUOTED.sub('...', str(error))}"
    except (OSError, ValueError, RecursionError) as error:
        # Also a path that is none, a number of thousands of digits, and thousands of brackets.
        problem = f"can't be read: {getattr(error, 'strerror', None) or type(error).__name__}"
    raise InvalidInput(f"{os.fspath(path)} {problem}")


def read_tables(
    path: str | os.PathLike[str], name: str, tables: Any, kinds: Mapping[str, Any], *, required: Iterable[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The place of each table `[[name]]`, such as `file.toml: account 2`, and what `read_table` makes of it.

    :raises InvalidInput: as `read_table` does, or one is no table.
    """
    for number, table in enumerate(tables, 1):
        place = f"{os.fspath(path)}: {name} {number}"
        if not isinstance(table, dict):
            raise InvalidInput(f"{place} is not a table: write [[{name}]] and its keys below it")
        yield place, read_table(place, table, kinds, required=required)


def read_table(
    place: str, table: Mapping[str, Any], kinds: Mapping[str, Any], *, required: Iterable[str] = ()
) -> dict[str, Any]:
    """The values of a table, each as `kinds` has it under the same key: of one of the types in `_TYPES`, or what a
    function makes of it, which raises `InvalidInput` for what can't be.

    :param required: keys that must be there, and not be empty.
    :raises InvalidInput: names the place and the key at fault, never a value.
    """
    values = {}
    for key, value in table.items():
        if key not in kinds:
            raise InvalidInput(f"{place}: there is no key {key!r}: there are {', '.join(kinds)}")
        kind = kinds[key]
        values[key] = _typed(f"{place}: {key}", kind, value) if kind in _TYPES else _made(place, key, kind, value)
    for key in required:
        if not values.get(key):
            raise InvalidInput(f"{place}: {key} is {'empty' if key in values else 'missing'}")
    return values


_TYPES: dict[Any, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    str | None: "a string",
    Secret: "a string",
    Secret | None: "a string",
    tuple[str, ...]: "an array of strings",
}
"""How each type is written, in TOML's words."""


def _typed(place: str, kind: Any, value: Any) -> Any:
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if kind == tuple[str, ...] or type(value) is not (kind if kind in (bool, int, float) else str):
        raise InvalidInput(f"{place} is not {_TYPES[kind]}")
    return Secret(value) if kind in (Secret, Secret | None) else value


def _made(place: str, key: str, make: Callable[[Any], Any], value: Any) -> Any:
    try:
        return make(value)
    except InvalidInput as error:
        problem = str(error).removeprefix(f"{key}: ")
    raise InvalidInput(f"{place}: {key}: {problem}")
