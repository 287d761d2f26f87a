"""USSD codes that an emulator's handset can dial, and who answers each: from the command line, a file or the page."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

from mspace_legacy.errors import InvalidInput
from mspace_legacy.tomlfile import load_toml, read_tables
from mspace_legacy.ussd.dialler import checked_callback, without_query
from mspace_legacy.ussd.messages import Entries

__all__ = ["UssdCode", "UssdCodes", "load_ussd_codes"]

_CODE = re.compile(r"\*[0-9]+(?:\*[0-9]+)*#")
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class UssdCode:
    """A code such as `*384#`, and the URL that each step of its sessions is posted to.

    :param entries: whether a step has all entries of the session `joined` by `*`, or the last one `alone`. What the
        vendor does is not documented.
    :raises InvalidInput: one of the three is not such.
    """

    code: str
    callback: str = field(repr=False)
    entries: Entries = "joined"

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code) or len(self.code) > _LONGEST:
            raise InvalidInput(f"code: {self.code[:40]!r} is not a USSD code such as *384#")
        if len(self.callback) > _LONGEST or not _is_callback(self.callback):
            raise InvalidInput(f"callback of {self.code}: a URL such as http://127.0.0.1:5000/ussd")
        if self.entries not in get_args(Entries):
            raise InvalidInput(f"entries of {self.code}: {self.entries!r} is none of {', '.join(get_args(Entries))}")

    @classmethod
    def parse(cls, text: str) -> UssdCode:
        """A code as the command line takes it: `CODE=URL`, such as `*384#=http://127.0.0.1:5000/ussd`."""
        code, _, callback = text.partition("=")
        return cls(code.strip(), callback.strip())

    @property
    def shown(self) -> str:
        """The callback as people may see it: its secret may stand in the query."""
        return without_query(self.callback)

    def takes(self, dialled: str) -> bool:
        """Whether what was dialled is this code, or begins with it, as `*384*1#` does with `*384#`."""
        return dialled == self.code or dialled.startswith(f"{self.code[:-1]}*")


def _is_callback(url: str) -> bool:
    try:
        checked_callback(url)
    except InvalidInput:
        return False
    return True


class UssdCodes:
    """The codes that are registered. Safe for threads, and may be changed at any time."""

    def __init__(self, codes: Iterable[UssdCode] = ()) -> None:
        self._lock = threading.Lock()
        self._codes: dict[str, UssdCode] = {}
        self._revision = 0
        for code in codes:
            if code.code in self._codes:
                raise InvalidInput(f"code {code.code} is there twice")
            self._codes[code.code] = code

    def add(self, code: UssdCode) -> None:
        """Register a code, in place of what was registered for it before."""
        with self._lock:
            self._revision += 1
            self._codes[code.code] = code

    def remove(self, code: str) -> None:
        """Forget a code; nothing where it is not registered."""
        with self._lock:
            self._revision += 1
            self._codes.pop(code, None)

    @property
    def registered(self) -> tuple[UssdCode, ...]:
        """Those that are there, in the order of registration."""
        with self._lock:
            return tuple(self._codes.values())

    @property
    def revision(self) -> int:
        """A number that changes whenever `registered` does."""
        return self._revision

    def find(self, dialled: str) -> UssdCode:
        """The longest code that takes what was dialled.

        :raises InvalidInput: none does.
        """
        found = [code for code in self.registered if code.takes(dialled)]
        if not found:
            known = ", ".join(code.code for code in self.registered)
            advice = f"there are {known}" if known else "register a callback for it first"
            raise InvalidInput(f"nobody answers {dialled[:40]!r}: {advice}")
        return max(found, key=lambda code: len(code.code))


def load_ussd_codes(path: str | os.PathLike[str]) -> tuple[UssdCode, ...]:
    """The codes of a TOML file: a table `[[ussd]]` for each, with the fields of `UssdCode` as keys; none is fine.

    :raises InvalidInput: names the file, the table and the key at fault.
    """
    try:
        return _checked(path, load_toml(path).get("ussd", []))
    except InvalidInput as error:
        problem = str(error)
    # Raised here, as a traceback that shows variables must not show the secret of a callback.
    raise InvalidInput(problem)


def _checked(path: str | os.PathLike[str], tables: Any) -> tuple[UssdCode, ...]:
    if not isinstance(tables, list):
        raise InvalidInput(f"{os.fspath(path)}: codes are tables [[ussd]]")
    kinds = {"code": str, "callback": str, "entries": str}
    codes = tuple(
        _code(place, values)
        for place, values in read_tables(path, "ussd", tables, kinds, required=("code", "callback"))
    )
    UssdCodes(codes)
    return codes


def _code(place: str, values: dict[str, Any]) -> UssdCode:
    try:
        return UssdCode(**values)
    except InvalidInput as error:
        problem = f"{place}: {error}"
    raise InvalidInput(problem)
