"""key=value path segments, as the legacy API and v2's GET style write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes

from mspace_legacy.errors import InvalidInput, RequestError

__all__ = ["decode_segments", "encode_segments", "lone_surrogate", "read_segments"]

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def encode_segments(pairs: Sequence[tuple[str, str]]) -> str:
    """`key=value/key=value`, values as UTF-8, all but the RFC 3986 unreserved characters percent-encoded.

    The comma that separates recipients stays as it is, as the vendor's examples show it.

    :raises InvalidInput: a text with half of a surrogate pair in it; see `lone_surrogate`.
    """
    try:
        return "/".join([f"{key}={_escaped(key, value)}" for key, value in pairs])
    except UnicodeEncodeError:
        wrong = next(filter(None, (lone_surrogate(key, value) for key, value in pairs)))
    # A traceback that shows the variables of its frames must not show the password.
    del pairs
    raise wrong


def _escaped(key: str, value: str) -> str:
    # Most values are of letters and digits, and need no more than a look.
    if value.isalnum() and value.isascii():
        return value
    return quote(value, safe="," if key == "recipient" else "")


def lone_surrogate(key: str, value: str) -> InvalidInput | None:
    """The error for a text that has no UTF-8 form; None where it has one. It never holds the text."""
    for position, character in enumerate(value):
        if "\ud800" <= character <= "\udfff":
            return InvalidInput(
                f"{key}: character {position + 1} is U+{ord(character):04X}, half of a surrogate pair, which "
                "has no UTF-8 form: join the pair to one character, or leave it out"
            )
    return None


def decode_segments(path: str, keys: Sequence[str]) -> list[str]:
    """The values of `path`, which holds exactly `keys`, in that order.

    Strict, so that a server of ours tells a caller's mistake: a slash or a semicolon that was not encoded cuts a
    value off at other servers, so it is refused here.

    :raises RequestError: names keys, never values.
    """
    values = _values(path.split("/"), keys)
    return [_decode(key, value) for key, value in zip(keys, values, strict=True)]


def read_segments(path: str, keys: Sequence[str], *, open_ended: bool) -> list[str]:
    """The values of `path` as a gateway reads them: what integrators write by hand, where it can mean one thing only.

    The keys are as strict as in `decode_segments`; it is the values that may be written wrong. A percent sign without
    two hexadecimal digits is a percent sign. What is not UTF-8, escaped or bare, is read as Windows-1252, which
    programs write that do not know of UTF-8.

    :param open_ended: the last value is all that is left, with slashes, question marks and semicolons. Else a query
        behind it, as scripts add to get past a cache, and a slash at its end are no part of it.
    :raises RequestError: a key is missing or is another, or a value before the last is cut off. Names keys, never
        values.
    """
    if not open_ended:
        path = path.partition("?")[0].removesuffix("/")
    values = _values(path.split("/", len(keys) - 1) if open_ended else path.split("/"), keys)
    for key, value in zip(keys, values[:-1] if open_ended else values, strict=False):
        for bare, escaped in ((";", "%3B"), ("?", "%3F")):
            if bare in value:
                raise RequestError(f"{key}: a bare {bare!r} cuts the value off; it is written {escaped}")
    return [_read(value) for value in values]


def _values(segments: list[str], keys: Sequence[str]) -> list[str]:
    """What stands behind each key, as it came."""
    expected = "/".join(f"{key}=..." for key in keys)
    values = []
    for position, key in enumerate(keys):
        if position == len(segments):
            raise RequestError(f"path segment {key}=... is missing: expected {expected}")
        name, equals, value = segments[position].partition("=")
        if name != key or not equals:
            raise RequestError(_not_the_key(segments[position], position, key, keys, expected))
        values.append(value)
    if len(segments) > len(keys):
        raise RequestError(
            f"the path goes on after {keys[-1]}=...: expected {expected}; a slash within a value is written %2F"
        )
    return values


def _not_the_key(segment: str, position: int, key: str, keys: Sequence[str], expected: str) -> str:
    name = segment.partition("=")[0]
    if "=" in segment and name in keys:
        return f"path segment {position + 1} is {name}=..., not {key}=...: expected {expected}"
    # What is no key may be the rest of a value, even of the password: it is not shown.
    is_near = "=" in segment and position > 0 and name.lower() in _NEAR_KEYS
    found = f"{name}=..." if is_near else "something else"
    return (
        f"path segment {position + 1} is {found}, not {key}=...: expected {expected}; "
        "a slash within a value is written %2F"
    )


_NEAR_KEYS = frozenset(
    "apikey client clientname count from messageid mobile msg message name noofsms password phone pass pwd "
    "recipient recipients sender senderid sms subacc subaccname text to user username".split()
)
"""Names that callers write by mistake, and that are safe to show."""


def _decode(key: str, value: str) -> str:
    if ";" in value:
        raise RequestError(f"{key}: a bare semicolon cuts the value off; it is written %3B")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise RequestError(f"{key}: a character that can't stand bare in a URL; it is percent-encoded as UTF-8")
    if _BROKEN_ESCAPE.search(value):
        raise RequestError(f"{key}: a percent sign without two hexadecimal digits; it is written %25")
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise RequestError(f"{key}: not UTF-8 after percent-decoding")


def _read(value: str) -> str:
    try:
        # As a server hands it over: each byte a character.
        escaped = value.encode("latin-1")
    except UnicodeEncodeError:
        escaped = value.encode("utf-8", "replace")
    unescaped = unquote_to_bytes(escaped)
    for encoding in ("utf-8", "cp1252"):
        try:
            return unescaped.decode(encoding)
        except UnicodeDecodeError:
            pass
    # Windows-1252 leaves five bytes undefined.
    return unescaped.decode("latin-1")
