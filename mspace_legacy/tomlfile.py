"""Reading TOML files: what the emulator's accounts, the account store and the gateway's settings share."""

from __future__ import annotations

import os
import sys
from typing import Any

from mspace_legacy.errors import InvalidInput

__all__ = ["load_toml"]


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
                return tomllib.loads(file.read().decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        # Its text says the place, not what stands there.
        problem = f"is not TOML: {error}"
    except (OSError, ValueError, RecursionError) as error:
        # Also a path that is none, a number of thousands of digits, and thousands of brackets.
        problem = f"can't be read: {type(error).__name__}"
    raise InvalidInput(f"{os.fspath(path)} {problem}")
