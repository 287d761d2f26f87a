"""Where an API lives: base URLs as users write them, checked and in one form."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.secrets import MASK, redact

__all__ = ["service_url"]

_APIS = ("/mspaceservice", "/smsapi")

_BEHIND_THE_PATH = re.compile("([?#]).+", re.DOTALL)
_NO_PORT = re.compile(r"(://(?:\[[^]/]*\]|[^]/:[]*):)(?!\d*(?:/|$))[^/]+")
_UNSAFE = re.compile(r"[^!-~]|[<>\"{}|\\^`]")


def service_url(url: str, path: str, *, name: str) -> str:
    """`url` with the service's `path` at its end, added where it is not, and without a slash after it.

    :param name: what the caller calls the argument, for errors.
    :raises InvalidInput: not an absolute http or https URL; or one with a user, a query, a fragment or a character
        that a URL can't hold; or the address of the other API, or one that goes on behind the service's.
    """
    if not isinstance(url, str):
        raise WrongType(f"{name} is a {type(url).__name__}: give a text such as 'https://host{path}'")
    # What stands before an @ may be a password, however little the rest looks like a URL; so may a query, and what
    # stands in a port's place where an @ was forgotten.
    shown = redact(f"...@{url.rpartition('@')[2]}" if "@" in url else url)
    shown = _NO_PORT.sub(rf"\1{MASK}", _BEHIND_THE_PATH.sub(rf"\1{MASK}", shown))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(f"{name} {shown!r} is not an absolute URL: write 'http://host' or 'https://host:port'")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(f"{name} {shown!r} holds a user or a password: leave them out of the URL")
    if "?" in url or "#" in url:
        raise InvalidInput(f"{name} {shown!r} has a query or a fragment: leave out what follows '?' or '#'")
    if _UNSAFE.search(url):
        raise InvalidInput(f"{name} {shown!r} holds a character that a URL can't: percent-encode it")
    other = next((api for api in _APIS if api in parts.path and not path.startswith(api)), None)
    if other:
        raise InvalidInput(f"{name} {shown!r} is the address of the other API, {other}: here it is that of {path}")
    prefix = parts.path.rstrip("/")
    if "=" in prefix or f"{path}/" in prefix:
        raise InvalidInput(
            f"{name} goes on after the address of the service: give what stands before {path}, or to its end"
        )
    host = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
    # A path that is there in part is completed: "http://host/mspaceservice" is meant as its beginning.
    for there in (path[:end] for end in range(len(path), 0, -1) if path[end : end + 1] in ("", "/")):
        if prefix.endswith(there):
            return origin + prefix + path[len(there) :]
    return origin + prefix + path
