"""The canary: a known password and known keys, and what looks for them in all that is printed, logged or kept."""

from __future__ import annotations

import base64
import logging
import pickle
import re
import traceback
from collections.abc import Iterator

from mspace_legacy import errors
from mspace_legacy.secrets import spellings

__all__ = ["KEY", "PASSWORD", "SMPP_PASSWORD", "CanaryHandler", "assert_clean", "in_our_frames", "safe_repr", "shown"]

PASSWORD = "cänary/pass word;&%41"
KEY = "canary-key.0123456789_~"
SMPP_PASSWORD = "sm&p%cnr"
"""SMPP carries 8 characters of ASCII at most."""


def _in_base64(text: str) -> Iterator[str]:
    """What base64 makes of a text wherever it stands in what is encoded: the middle of each of three alignments."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        yield encoded[-(-before * 8 // 6) : -1]


_FORBIDDEN = {
    *(spelling for secret in (PASSWORD, KEY, SMPP_PASSWORD) for spelling in spellings(secret)),
    *(spelling for secret in (PASSWORD, KEY, SMPP_PASSWORD) for spelling in _in_base64(secret)),
    "cänary", "c%C3%A4nary", r"c\u00e4nary", r"c\xe4nary", "canary-key", "pass word", "pass%20word",
}  # fmt: skip
_ANY = re.compile("|".join(re.escape(secret) for secret in sorted(_FORBIDDEN)), re.IGNORECASE)


def assert_clean(text: str) -> None:
    """That no secret stands in it, in any spelling."""
    found = _ANY.search(text)
    assert not found, f"{found[0]!r} stands in {text[max(0, found.start() - 200) : found.end() + 50]!r}"


class CanaryHandler(logging.Handler):
    """Looks into every record as it comes, as a handler would format it, and keeps those that hold a secret."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s %(pathname)s"))
        self.count = 0
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look into one."""
        self.count += 1
        text = self.format(record)
        if _ANY.search(text):
            self.leaks.append(text)


def shown(error: BaseException) -> Iterator[str]:
    """Everything that an error can come to be printed as, and what it is when it was pickled."""
    yield repr(error)
    yield str(error)
    yield repr({name: value for name, value in vars(error).items() if name != "response"})
    yield "".join(traceback.format_exception(error))
    yield in_our_frames(error)
    if isinstance(error, errors.MSpaceError):
        yield pickle.dumps(error).decode("latin-1")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own pickle
        assert type(again).__name__ == type(error).__name__
        yield repr(vars(again))


def in_our_frames(error: BaseException) -> str:
    """The local variables of every frame of the package that a traceback of `error` shows, with those it chains."""
    ours = []
    link: BaseException | None = error
    while link is not None:
        frames = traceback.walk_tb(link.__traceback__)
        ours += [frame for frame, _ in frames if frame.f_globals["__name__"].startswith("mspace_legacy")]
        link = link.__cause__ or link.__context__
    assert ours
    return repr([[safe_repr(value) for value in frame.f_locals.values()] for frame in ours])


def safe_repr(value: object) -> str:
    """As a traceback shows it: an object whose making failed may have no repr yet."""
    try:
        return repr(value)
    except AttributeError:
        return "<no repr>"
