"""Request and Response: plain HTTP messages, the only thing that passes the seam between transports."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn, SupportsIndex

from mspace_legacy.secrets import Secret, redact

__all__ = ["Headers", "Request", "Response", "charset_of", "decoded", "header", "is_known_charset"]

Headers = tuple[tuple[str, str], ...]
"""Names and values as they came, a repeated name once for each value."""

_KNOWN_CHARSET = re.compile(
    r"utf-?(?:8|16(?:-?[bl]e)?)|us-ascii|ascii|iso-?8859-\d{1,2}|latin-?1|(?:windows-|cp)\d{3,4}", re.IGNORECASE
)
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE)


def header(headers: Headers | Mapping[str, str], name: str) -> str | None:
    """The value of the header `name` in any case, several joined by a comma; None where there is none."""
    pairs = headers if isinstance(headers, tuple) else headers.items()
    name = name.lower()
    values = [value for key, value in pairs if key.lower() == name]
    return ",".join(values) if values else None


@lru_cache(maxsize=16)
def charset_of(content_type: str | None) -> str:
    """The charset that a Content-Type names; UTF-8 where it names none, as the jar reads it."""
    found = _CHARSET.search(content_type or "")
    return found[1] if found else "utf-8"


@lru_cache(maxsize=16)
def is_known_charset(name: str) -> bool:
    """Whether it is one that bodies come in. Python has codecs that are none (idna), are slow, or do worse."""
    return bool(_KNOWN_CHARSET.fullmatch(name))


def decoded(body: bytes, charset: str) -> str:
    """`body` as text; what can't be decoded becomes U+FFFD, an unknown charset is read as UTF-8."""
    try:
        return body.decode(charset if is_known_charset(charset) else "utf-8", "replace")
    except (LookupError, OSError):  # the latter where Python can open no file to learn it from
        return body.decode("utf-8", "replace")


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """An HTTP request. `url` is absolute and stands exactly as it goes over the wire, the secrets in it too.

    `repeatable` says whether asking twice does no harm; `operation` what it asks for, and `username` for which
    account. `secrets` are those that stand in it, so that whatever is printed of it, or of its reply, can be cleaned
    of them. `remote_address` is where it came from, if a server of ours received it; `is_abandoned` tells whether
    whoever asked there has given up meanwhile, and would not learn what came of it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeatable: bool = False
    operation: str = ""
    username: str = ""
    secrets: tuple[Secret, ...] = ()
    remote_address: str = ""
    is_abandoned: Callable[[], bool] = _never

    def redact(self, text: str) -> str:
        """`text` without this request's secrets, in any spelling."""
        return redact(text, self.secrets)

    def __repr__(self) -> str:
        return f"Request({self.method} {self.redact(self.url)})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Request is not pickled: its URL may hold a password")


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """An HTTP response, its body read whole. Body and headers may echo a secret: they are not printed."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    reason: str = ""

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"

    def header(self, name: str) -> str | None:
        """The value of a header; see `header`."""
        return header(self.headers, name)

    def text(self) -> str:
        """The body as text; what can't be decoded becomes U+FFFD, an unknown charset is read as UTF-8."""
        return decoded(self.body, charset_of(self.header("content-type")))
