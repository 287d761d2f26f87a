"""Secret, the value that never prints itself, and redact() for text that may carry one."""

from __future__ import annotations

import codecs
import functools
import hmac
import html
import html.entities
import itertools
import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, SupportsIndex
from urllib.parse import quote, quote_plus

from mspace_legacy.errors import WrongType

__all__ = ["MASK", "RedactingFilter", "Secret", "redact", "spellings"]

MASK = "***"

_SHORTEST_KNOWN = 4
"""A known secret shorter than this is masked where it stands by its key only: masking every `a` of a text
would hide nothing and spoil the text."""

_LONGEST_SPELT = 128
"""Characters. Of a longer one only the usual spellings are masked: a pattern for each of its characters would take
minutes to make, and whoever sends a request chooses how long its password is."""

_LONG = 16
_LEAST_QUOTED = 12
"""Characters. Of a secret that is long, so many from its beginning are masked too: a service that refuses a key may
quote a part of it. Fewer may be the account's name, after which keys are called."""

_NAME = r"(?:password|apikey)"
_NAMED = re.compile(_NAME, re.IGNORECASE)
_KEY = r"(?:senderid|recipient|message|clientname|subaccname|noofsms|username|messageid)"
_MASKED = rf"\g<1>{MASK}"


def _masking(pattern: str) -> Callable[[str], str]:
    """Masks what comes after the first group."""
    return functools.partial(re.compile(pattern, re.IGNORECASE | re.DOTALL).sub, _MASKED)


class _Segments:
    """Masks path segments. A value that was not encoded may hold slashes, so it ends at the next key that is known.

    Where no key comes, it ends at a quote. Whether one comes is looked for once in a run of a URL's characters: to
    look behind each name takes time that grows with the square of the text.
    """

    def __init__(self, name: str, slash: str, equals: str) -> None:
        key = rf"{slash}{_KEY}{equals}"
        self._key = re.compile(key, re.IGNORECASE)
        self._run = re.compile(rf"{_NAME}{equals}[^\s\"<>]*\"?", re.IGNORECASE)
        self._up_to_a_key = _masking(rf"({name}).*?(?={key})")
        self._to_the_end = _masking(rf"({name})[^\"']*")

    def __call__(self, text: str) -> str:
        return self._run.sub(self._masked, text)

    def _masked(self, found: re.Match[str]) -> str:
        run = found[0]
        end = max((key.end() for key in self._key.finditer(run)), default=0)
        return self._up_to_a_key(run[:end]) + self._to_the_end(run[end:])


_BY_NAME: tuple[Callable[[str], str], ...] = (
    # In quotes: a JSON member, a keyword argument, a pair of a Python repr. A backslash keeps a quote within.
    _masking(rf"""({_NAME}["']?\s*[:,=]\s*b?(["']))(?:\\.|(?!\2).)*"""),
    # A path segment. What is in quotes was masked just before.
    _Segments(rf"{_NAME}=(?![\"'])", "/", "="),
    # The same within another URL, encoded once more.
    _Segments(rf"{_NAME}%3D", "%2F", "%3D"),
    # A header.
    _masking(rf"({_NAME}\s*:\s*)[^\s\"',}}\]]+"),
    # An XML element, with attributes and a prefix, as text or as CDATA, which may have been cut short.
    _masking(rf"(<(?:[\w.-]+:)?{_NAME}(?:\s[^<>]*)?>)(?:<!\[CDATA\[.*?(?:\]\]>|\Z)|[^<])*"),
)


class Secret:
    """A password or an API key: it compares, but does not print, format or pickle.

    `reveal()` is the one way to the text.

    :raises WrongType: it is no text.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise WrongType(f"a secret is a {type(value).__name__}: give a str")
        if not value.isascii():
            _load(_CHARSETS)
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


def redact(text: str, secrets: Iterable[Secret] = (), *, by_name: bool = True) -> str:
    """`text` with the values of `password` and `apikey` masked, wherever they stand by their name.

    One of `secrets` that has four characters or more is masked wherever it stands, however a URL, JSON, XML, HTML or
    a repr spells it, also where its letters are escaped. Of one that has sixteen or more, a copy that was cut off is
    masked too: its first twelve characters, and what follows of the others.

    :param by_name: false masks `secrets` alone.
    """
    known = sorted({secret.reveal() for secret in secrets}, key=len, reverse=True)
    if known and _ESCAPED_LETTER.search(text):
        # A secret may itself hold what reads like a letter escaped.
        in_plain = [*map(_plain_letters, known), *known]
        if _plain_if_secret(known, in_plain, text) != text:
            text = _NO_SPACE.sub(lambda found: _plain_if_secret(known, in_plain, found[0]), text)
            # One with a space in it.
            text = _plain_if_secret(known, in_plain, text)
    text = _without(known, text)
    if by_name and _NAMED.search(text):
        for mask in _BY_NAME:
            text = mask(text)
    return text


def _without(known: Sequence[str], text: str) -> str:
    """`text` with what is `known` masked, the longest of it first, and then its parts."""
    for value in known:
        if len(value) >= _SHORTEST_KNOWN and ("\0" in text or not value.isascii()):
            for misread in _misread(value):
                text = text.replace(misread, MASK)
        if len(value) > _LONGEST_SPELT:
            for spelling in spellings(value):
                text = text.replace(spelling, MASK)
        elif len(value) >= _SHORTEST_KNOWN:
            text = _any_spelling(value).sub(MASK, text)
    for value in known:
        if len(value) >= _LONG:
            text = _without_parts(text, value)
    return text


def spellings(value: str) -> list[str]:
    """The usual ways in which a URL, JSON, XML or HTML writes `value`, the longest first."""
    try:
        quoted = {quote(value, safe=""), quote(value), quote(value, safe=","), quote_plus(value)}
    except UnicodeEncodeError:
        quoted = set()
    escaped = {html.escape(value), html.escape(value, quote=False), json.dumps(value)[1:-1]}
    return sorted({value, *quoted, *escaped}, key=len, reverse=True)


_USUAL_CHARSETS = ("utf-8", "cp1252", "latin-1")
_CHARSETS = (
    *_USUAL_CHARSETS, "cp437", "cp850", "cp852", "cp866", *(f"cp125{number}" for number in range(9) if number != 2),
    *(f"iso8859-{number}" for number in range(2, 17) if number != 12),
)  # fmt: skip
"""What a service may write in, or say that it does: UTF-8, and those of a byte for each character."""


_WIDE_CHARSETS = ("utf-16-le", "utf-16-be")


@functools.cache
def _load(charsets: tuple[str, ...]) -> None:
    """Have Python read what it knows of them from its files, so that it need open none when a reply is there."""
    for charset in charsets:
        codecs.lookup(charset)


_load(_WIDE_CHARSETS)


@functools.lru_cache(maxsize=64)
def _misread(value: str) -> list[str]:
    """What `value` looks like to who takes its bytes for those of another charset, the longest first."""
    found = set()
    # They write ASCII alike.
    charsets = ("utf-8",) if value.isascii() else _CHARSETS if len(value) <= _LONGEST_SPELT else _USUAL_CHARSETS
    for charset in (*charsets, *_WIDE_CHARSETS):
        # What the charset does not have is written as a question mark.
        octets = value.encode(charset, "replace")
        for taken_for in charsets:
            found |= {octets.decode(taken_for, errors).strip("\0") for errors in ("replace", "surrogateescape")}
    return sorted(found, key=len, reverse=True)


_BACKSLASHES = (4, 2, 1)
"""How many stand for one: in JSON within JSON, in JSON or a repr, and as it is."""


@functools.lru_cache(maxsize=256)
def _any_spelling(value: str) -> re.Pattern[str]:
    """Each character in any of its spellings: who writes a secret down may mix them.

    But for the backslash, which is written as often throughout: were each by itself to be doubled or not, a search
    would try every mixture of them and of those before a quote.
    """
    *runs, last = _runs(value)
    ways = (
        # Behind the last one there is nothing to try, and a text may have been cut off within it.
        "".join([*(_spelt_run(character, count, (times,)) for character, count in runs), _spelt_run(*last)])
        for times in (_BACKSLASHES if "\\" in value else (1,))
    )
    return re.compile("|".join(ways), re.IGNORECASE)


def _runs(value: str) -> list[tuple[str, int]]:
    """The characters, and how often each stands one after another."""
    return [(character, len(list(run))) for character, run in itertools.groupby(value)]


def _without_parts(text: str, value: str) -> str:
    """`text` with whatever is as the beginning of `value` masked, as far as it goes on like that."""
    length = _LEAST_QUOTED
    while length > _LEAST_QUOTED // 2 and value[length - 1] == value[length]:
        # A run is looked for as one.
        length -= 1
    beginning = _any_spelling(value[:length])
    runs = _runs(value[length:])
    kept, end = [], 0
    while found := beginning.search(text, end):
        kept.append(text[end : found.start()])
        end = _end_of_runs(text, found.end(), runs)
    return MASK.join((*kept, text[end:]))


def _end_of_runs(text: str, end: int, runs: Iterable[tuple[str, int]]) -> int:
    """How far `text` goes on with these characters, each so many times; of the last, it may be fewer."""
    for character, count in runs:
        whole = _spelling_of_run(character, count).match(text, end)
        for _ in range(0 if whole else count):
            one = _spelling_of_run(character, 1).match(text, end)
            if not one:
                break
            end = one.end()
        if not whole:
            break
        end = whole.end()
    return end


@functools.lru_cache(maxsize=256)
def _spelling_of_run(character: str, count: int) -> re.Pattern[str]:
    return re.compile(_spelt_run(character, count), re.IGNORECASE)


def _spelt_run(character: str, count: int, backslashes: Iterable[int] = _BACKSLASHES) -> str:
    """The same character so many times, all in one way: a search that may mix what is doubled tries every mixture."""
    once = _spelt(character) * count
    if character == "\\":
        once = "|".join((*(r"\\" * (times * count) for times in backslashes), once))
    elif character == "'":
        # As SQL has it.
        once = f"{character * (2 * count)}|{once}"
    return f"(?:{once})"


def _spelt(character: str) -> str:
    if character.isascii() and character.isalnum():
        # Most secrets are of nothing else, and hardly anybody escapes these: see _ESCAPED_LETTER.
        return character
    code = ord(character)
    in_utf8 = character.encode("utf-8", "surrogatepass")
    in_utf16 = character.encode("utf-16-be", "surrogatepass").hex()
    ways = {
        # Also as a URL within a URL has it, encoded again.
        "".join(f"%(?:25)*{byte:02x}" for byte in in_utf8),
        "".join(rf"\\x{byte:02x}" for byte in in_utf8),
        # As a text of JSON within JSON has it, or one of HTML within HTML.
        "".join(rf"\\{{1,4}}u{in_utf16[place : place + 4]}" for place in range(0, len(in_utf16), 4)),
        rf"\\U{code:08x}",
        rf"{_AMPERSAND}#0*{code};",
        rf"{_AMPERSAND}#x0*{code:x};",
    }
    ways |= {
        rf"{_AMPERSAND}{name};" for name in (html.entities.codepoint2name.get(code), _APOS.get(character)) if name
    }
    if character != "\\":
        # How often that one is written is for its run to say.
        ways.add(re.escape(character))
    if code < 256:
        ways.add(rf"\\x{code:02x}")
    if character == " ":
        ways.add(r"\+")
    if character in "\"'/":
        ways.add(rf"\\{{1,4}}{re.escape(character)}")
    if character in _NAMED_ESCAPES:
        ways.add(rf"\\{{1,4}}{_NAMED_ESCAPES[character]}")
    return f"(?:{'|'.join(sorted(ways, key=len, reverse=True))})"


_NAMED_ESCAPES = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
"""Those of JSON, RFC 8259, section 7."""

_AMPERSAND = "&(?:amp;){0,3}"

_IN_HEX = "(3[0-9]|[46][1-9a-f]|[57][0-9a])"
_ESCAPED_LETTER = re.compile(
    rf"(?:%(?:25)*|\\{{1,4}}(?:x|u00|U000000)){_IN_HEX}"
    rf"|{_AMPERSAND}#(?:x0*{_IN_HEX}|0*(4[89]|5[0-7]|6[5-9]|[78][0-9]|9[07-9]|1[01][0-9]|12[0-2]));",
    re.IGNORECASE,
)
"""One of ASCII's letters and digits, none of which has to be escaped."""


_NO_SPACE = re.compile(r"\S+")


def _plain_if_secret(known: Sequence[str], in_plain: Sequence[str], text: str) -> str:
    """`text` as it is; or, where more of a secret is in it once its letters are read, so read and without it."""
    plain = _plain_letters(text)
    if plain == text:
        return text
    masked = _without(in_plain, plain)
    return text if masked == _plain_letters(_without(known, text)) else masked


def _plain_letters(text: str) -> str:
    return _ESCAPED_LETTER.sub(_letter, text)


def _letter(found: re.Match[str]) -> str:
    in_a_url, in_html, decimal = found.groups()
    return chr(int(decimal) if decimal else int(in_a_url or in_html, 16))


_APOS = {"'": "apos"}
"""XML's own name, which HTML 4 does not have."""


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
