"""Reading TOML files: what the emulator's accounts, the account store and the gateway's settings share."""

from __future__ import annotations

import os
import sys
from typing import Any, BinaryIO

from mspace_legacy.errors import InvalidInput

__all__ = ["load_toml"]

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
    return data.decode("utf-8")


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
                "tomli is not installed: pip install 'mspace_legacy[server]'", name="tomli"
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
        # Its text says the place, not what stands there.
        problem = f"is not TOML: {error}"
    except (OSError, ValueError, RecursionError) as error:
        # Also a path that is none, a number of thousands of digits, and thousands of brackets.
        problem = f"can't be read: {getattr(error, 'strerror', None) or type(error).__name__}"
    raise InvalidInput(f"{os.fspath(path)} {problem}")
