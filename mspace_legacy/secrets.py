"""Secret, the value that never prints itself, and redact() for text that may carry one."""

from __future__ import annotations

import functools
import hmac
import html
import json
import logging
import re
from collections.abc import Iterable
from typing import Any, NoReturn, SupportsIndex
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "RedactingFilter", "Secret", "redact", "spellings"]

MASK = "***"

_SHORTEST_KNOWN = 4
"""A known secret shorter than this is masked where it stands by its key only: masking every `a` of a text
would hide nothing and spoil the text."""

_NEXT_KEY = r"(?:/|%2[Ff])(?:senderid|recipient|message|clientname|subaccname|noofsms|username|messageid)(?:=|%3[Dd])"
_BY_KEY = (
    # A path segment. A value that was not encoded may hold slashes, so it ends at the next key that is known.
    re.compile(
        rf"((?:password|apikey)(?:=|%3[Dd]))(?:[^\s\"'<>]*?(?={_NEXT_KEY})|[^\s\"'<>]*)",
        re.IGNORECASE,
    ),
    # A JSON member or a Python repr, then a header.
    re.compile(r"""((?:password|apikey)["']?\s*[:,]\s*(?=(["']))\2)(?:(?!\2).)*""", re.IGNORECASE | re.DOTALL),
    re.compile(r"((?:password|apikey)\s*:\s*)[^\s\"',}\]]+", re.IGNORECASE),
    # An XML element.
    re.compile(r"(<(?:password|apikey)>)[^<]*", re.IGNORECASE),
)


class Secret:
    """A password or an API key: it compares, but does not print, format or pickle.

    `reveal()` is the one way to the text.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the place that writes it to the wire."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._value.encode("utf-8", "surrogatepass"), other._value.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Secret is not pickled: read it again from where it is kept")


def redact(text: str, secrets: Iterable[Secret] = ()) -> str:
    """`text` with the values of `password` and `apikey` masked, wherever they stand by their name.

    Of `secrets`, those of four characters and more are masked wherever they stand at all, in each spelling that
    a URL, JSON, XML or HTML may give them.
    """
    for secret in secrets:
        value = secret.reveal()
        if len(value) >= _SHORTEST_KNOWN:
            text = _any_spelling(value).sub(MASK, text)
    for pattern in _BY_KEY:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def spellings(value: str) -> list[str]:
    """Each way in which a URL, JSON, XML or HTML may write `value`, the longest first."""
    try:
        quoted = {quote(value, safe=""), quote(value), quote(value, safe=","), quote_plus(value)}
    except UnicodeEncodeError:
        quoted = set()
    escaped = {html.escape(value), html.escape(value, quote=False), json.dumps(value)[1:-1]}
    return sorted({value, *quoted, *escaped}, key=len, reverse=True)


@functools.lru_cache(maxsize=64)
def _any_spelling(value: str) -> re.Pattern[str]:
    # Percent-encoding may come back in either case of its hexadecimal digits.
    return re.compile("|".join(re.escape(spelling) for spelling in spellings(value)), re.IGNORECASE)


class RedactingFilter(logging.Filter):
    """Masks secrets in what another library's logger says, such as the URLs that urllib3 prints at DEBUG."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place, without its traceback; keep every one."""
        record.msg, record.args = redact(record.getMessage(), self._secrets), ()
        record.exc_info = record.exc_text = None
        return True
