"""Judges whether an expression that is joined to a URL was encoded, by the functions that languages have for it."""

from __future__ import annotations

import re
from typing import Literal

from mspace_legacy.migration.scan.calls import Assigned, Assignment, names_in
from mspace_legacy.migration.scan.source import Source, bare

__all__ = ["Verdict", "encoded_whole", "judge"]

Verdict = Literal["encoded", "raw", "plus", "spaces", "pluses", "whole", "slash", "unknown"]
"""`plus`: a space became a plus. `spaces`, `pluses`: only spaces are replaced, by %20 or by +. `whole`: a function
for whole URLs, which leaves `/`, `?` and `#`. `slash`: all but `/`. `unknown`: the expression is not to be seen from
here."""

_ENCODED = re.compile(
    r"(?i)rawurlencode|encodeURIComponent|EscapeDataString|(?<!Query)encodeComponent|\bUri\.encode\s*\(|PathEscape"
    r"|curl_(?:easy_)?escape|\buri_escape|percentEncod|percent_encod|urlPathSegmentEscaper|UriUtils\.encode|qs\.escape"
    r"|querystring\.escape|ERB::Util\.u|url_encode|@uri|utl_url\.escape|EncodeURL\s*\(|encodePathSegment"
    r"|quote\s*\((?:[^()]|\([^()]*\))*safe\s*=\s*(?:b?[\"']{2}|[\"'][^/\"']*[\"'])|quote\s*\([^(),]+,\s*[\"']{2}\s*\)"
    r"|(?<![\w.>:])(?:this\.|self\.|\$this->|self::|static::)?_?(?:enc|encode|esc|encodeValue|encodeParam)\s*\("
    r"|\burl_?escape|\|\s*urlencode\b"
)
_PLUS = re.compile(
    r"(?i)\burl_?encoder\b|(?:HttpUtility|WebUtility|Server)\s*\.\s*UrlEncode|quote_plus|encodeQueryComponent|QueryEscape"
    r"|CGI\.escape\b|encode_www_form_component|http_build_query|URLSearchParams|FormUrlEncoded|(?<!TIdURI)\.UrlEncode\s*\("
)
_PLUS_IN = {"PHP": re.compile(r"(?i)(?<!raw)\burlencode\b"), "Python": re.compile(r"\burlencode\s*\(")}
_CUSTOM = re.compile(r"(?i)(?<!raw)\b\w*url_?encode\w*\s*\(|\w*encode_?ur[il]\w*\s*\((?<!encodeURI\()")
_PLUS_MENDED = re.compile(
    r"(?i)(?:replace\w*|gsub|str_replace)\s*\(\s*(?:[\"']\\*\[?\+\]?[\"']|/\\\+/g?)\s*,\s*[\"']%20[\"']"
)
_WHOLE = re.compile(
    r"(?i)\bencodeURI\s*\(|\bencodeFull\b|EscapeUriString|UrlPathEncode|TIdURI\.URLEncode|\bURI\.(?:escape|encode)\b|(?<![\w.])escape\s*\("
)
_QUOTE = re.compile(
    r"(?<![\w.])(?:urllib\.(?:parse\.)?|parse\.|six\.moves\.urllib\.parse\.)?quote\s*\(|uriquote\s*\("
)
_SPACES = re.compile(
    r"(?i)(?:replace\w*|gsub|str_ireplace)\s*\(\s*(?:[\"'](?: |\\\\s\+?)[\"']|/(?: |\\s\+?)/g?)"
    r"\s*,\s*[\"'](?:%20|(?P<plus>\+))[\"']|\bsed\b.*\bs/(?: |\\s)/%20/"
)
_HARMLESS = re.compile(
    r"(?i)\s*(?:-?\d+|[\"'][\w.~%,+@:!*-]*[\"']|\(?int\)?\s*\(?[^()]*\)?|intval\s*\(.*|count\s*\(.*|sizeof\s*\(.*|len\s*\(.*"
    r"|.*\.(?:size|length|Count|toInt|intValue)\b(?:\(\))?)\s*"
)
_NO_SPACE = re.compile(r"\s*[\w.]+\(\s*(?:\"[\w.~-]*\"|'[\w.~-]*')\s*\)\s*")
"""A text that any encoder leaves as it is."""
_CALLED = re.compile(r"(\w{1,60})\s*\(")
_DEPTH = 3
_OPENING = "( \t\n\"'`$@f/"
"""What may stand between the function's name and the URL."""
_LONGEST_NAME = 60
"""Characters, with what stands behind the name."""


def judge(
    expression: str | None,
    source: Source,
    made: Assigned,
    statement: int,
    scope: tuple[int, ...],
) -> Verdict:
    """Whether the value of `expression`, used in `statement`, was encoded for a path segment."""
    return _judge(expression, source, made, statement, scope, _DEPTH)


def encoded_whole(text: str, at: int) -> bool:
    """Whether the URL that begins at `at` is an argument of a function for whole URLs."""
    names = list(_WHOLE.finditer(text, max(at - _LONGEST_NAME, 0), at))
    return bool(names) and not text[names[-1].end() : at].strip(_OPENING)


def _judge(
    expression: str | None,
    source: Source,
    made: Assigned,
    statement: int,
    scope: tuple[int, ...],
    depth: int,
) -> Verdict:
    if expression is None:
        return "unknown"
    told = _by_functions(expression, source)
    if told:
        return told
    if _HARMLESS.fullmatch(expression):
        return "encoded"
    for name in _CALLED.findall(expression):
        helped = _helper(name, source)
        if helped:
            return helped
    if depth:
        for name in _roots(expression):
            origin = _nearest(name, made, statement, scope)
            if origin is None:
                continue
            right = _text(source, origin)
            before = origin.statement
            return _judge(right, source, made, before, scope, depth - 1) if right else "raw"
    return "raw"


def _by_functions(expression: str, source: Source) -> Verdict | None:
    plus_here = _PLUS_IN.get(source.language.name)
    if _PLUS.search(expression) or (plus_here and plus_here.search(expression)):
        harmless = _PLUS_MENDED.search(expression) or _NO_SPACE.fullmatch(expression)
        return "encoded" if harmless else "plus"
    if _ENCODED.search(expression):
        return "encoded"
    if _QUOTE.search(expression):
        return "slash"
    if _WHOLE.search(expression):
        return "whole"
    if _CUSTOM.search(expression):
        return "encoded"
    spaces = _SPACES.search(expression)
    if spaces:
        return "pluses" if spaces["plus"] else "spaces"
    return None


def _helper(name: str, source: Source) -> Verdict | None:
    """What a function that is defined in the same file does with its argument."""
    if len(name) < 2 or name in ("if", "for", "while", "switch", "return", "str", "int", "trim"):
        return None
    escaped = re.escape(name)
    defined = re.search(
        rf"\b(?:function|def|fun|func|sub)\s+(?:self\.)?{escaped}\b|\b{escaped}\s*=\s*(?=[\w(])"
        rf"|\b{escaped}\s*\([^()\n]{{0,120}}\)\s*(?:throws \w+\s*)?(?:\{{|=>)",
        source.text,
        re.IGNORECASE,
    )
    if not defined:
        return None
    body = source.text[defined.end() : defined.end() + 250]
    return _by_functions(re.split(r"\n\s*(?:def|function|public|private|static|fun|func)\b|\n\}", body)[0], source)


def _roots(expression: str) -> list[str]:
    """The names to look up, where the expression is a name, a path or a part of a map."""
    simple = re.fullmatch(
        r"[$@&*!\s]*[\w$@]+(?:\s*(?:->|\.|::|\?\.|\?->)\s*\$?\w+|\[[^\[\]]{0,80}\])*[!\s]*", expression
    )
    if not simple:
        return []
    first = re.search(r"[\w$@]+", expression)
    root = bare(first.group()) if first else ""
    names = [name for name in names_in(expression) if name != root]
    return [*names[-1:], root] if root not in ("this", "self") else names[-1:]


def _nearest(name: str, made: Assigned, statement: int, scope: tuple[int, ...]) -> Assignment | None:
    """The last assignment to `name` before `statement` that the code there can see."""
    for assignment in made.before(name, statement):
        if not assignment.extends and scope[: len(assignment.scope)] == assignment.scope:
            return assignment
    return None


def _text(source: Source, assignment: Assignment) -> str:
    tokens = assignment.tokens
    return source.text[tokens[0].start : tokens[-1].end][:600] if tokens else ""
