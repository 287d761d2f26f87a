"""Finds the calls in a source: URLs of the path API, however they are put together, and calls of the jar.

The texts of a statement that hold a piece of such a URL are laid end to end. What stands between two of them is an
expression whose value goes there, whether a plus, a dot, a comma or `.append(` joins them. So one reading serves
every language.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from operator import itemgetter

from mspace_legacy.migration.scan.source import Source, Statement, Token, bare
from mspace_legacy.wire.legacy import KEYS

__all__ = [
    "PLAIN_NAMES",
    "Assigned",
    "Assignment",
    "JarCall",
    "UrlCall",
    "Value",
    "between_commas",
    "jar_calls",
    "mentions",
    "names_in",
    "url_calls",
]

PLAIN_NAMES = frozenset(("balance", "login"))
"""Operations whose name alone says nothing."""

_HOLE = "\ufffc"
_KEYS = tuple(dict.fromkeys(("username", "password", "apikey", *(key for keys in KEYS.values() for key, _ in keys))))
_OPERATION = rf"(?:{'|'.join(KEYS)})"

_PIECE_OF_URL = re.compile(
    rf"mspaceservice|\bwr/sms|mspace\.co|smsapi|(?:^|/){_OPERATION}(?:[/?]|$)|(?:^|[/?&;\s\"'>}}]|%s){_OPERATION}/"
    rf"|(?:^|[/?&;\s\"'])(?:{'|'.join(_KEYS)})=|^https?://$",
    re.IGNORECASE,
)
_STRONG = re.compile(rf"mspaceservice|\bwr/sms|mspace\.co|smsapi|{_OPERATION}|(?:{'|'.join(_KEYS)})=", re.IGNORECASE)

_MARKS = re.compile(
    rf"(?P<scheme>https?)://(?P<host>[^/\s\"'?#<>]*)"
    r"|(?P<v2>smsapi(?:/v\d)?)"
    r"|(?P<base>mspaceservice/wr(?:/sms)?|(?<=/)mspaceservice(?=/?$|/?\ufffc)|(?<![\w-])wr/sms(?!\w))"
    rf"|(?:(?<![\w.-])|(?<=%s))(?P<operation>{_OPERATION})(?=/|\ufffc|$)"
    rf"|(?<![\w-])(?P<key>{'|'.join(_KEYS)})=",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"%(?:(?P<number>\d+)\$)?(?:s|[dviq@](?![0-9A-Fa-f]?\w))|%\((?P<key>\w+)\)s|\{(?P<index>\d*)(?:[:,][^{}]{0,40})?\}"
    r"|\{\{?\s?(?P<name>[A-Za-z_][\w.]{0,60})\s?\}?\}"
)
_PUT_IN = re.compile(rf"{_HOLE}|{_FORMAT.pattern}")
_FORMAT_BEFORE = re.compile(rf"(?:{_FORMAT.pattern})/*$")
_OTHER_PATH = re.compile(r"(?i)/(?![\w.-]*(?:sms|mspace))[a-z][\w.-]*/$")
_VENDOR_HOST = re.compile(r"(?:^|[.@])mspace\.co\.\w+(?::\d+)?$", re.IGNORECASE)
_LOOPBACK = re.compile(r"^(?:localhost|127\.|\[?::1|0\.0\.0\.0|10\.0\.2\.2)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Value:
    """What goes to a key of the URL: texts and expressions. An expression is None where it can't be told; the text
    beside it is then the placeholder's name.
    """

    key: str
    parts: tuple[tuple[str, str | None], ...]
    at: int

    @property
    def literal(self) -> str | None:
        """The text, where it is nothing but text."""
        return "".join(text for text, _ in self.parts) if all(e == "" for _, e in self.parts) else None

    @property
    def expressions(self) -> list[str]:
        """The expressions that are known."""
        return [expression for _, expression in self.parts if expression]

    @property
    def names(self) -> list[str]:
        """The names of the placeholders that are filled in elsewhere."""
        return [text for text, expression in self.parts if expression is None and text]


@dataclass(slots=True)
class UrlCall:
    """A URL as far as one place in the source tells it."""

    at: int
    scheme: str = ""
    scheme_at: int = -1
    host: str = ""
    base: bool = False
    v2: bool = False
    operation: str = ""
    operation_value: bool = False
    """Whether the operation is put in when the program runs."""
    slashed: bool = False
    """Whether a slash follows the operation."""
    goes_on: bool = False
    """Whether anything follows what was read."""
    query: bool = False
    """Whether the keys stand as in a query, in SQL or in prose, and not between slashes."""
    values: list[Value] = field(default_factory=list)
    elsewhere: bool = False
    """Whether the operation stands under a path that is not the API's."""
    before: str = ""
    """The expression that stands before the first piece: most often the base URL."""
    statement: int = -1
    encodes: bool = False
    """Whether a builder that encodes by itself puts it together."""

    @property
    def keys(self) -> list[str]:
        """The keys, in the order of the URL."""
        return [value.key for value in self.values]

    @property
    def of_the_vendor(self) -> bool:
        """Whether the host is MSpace's own."""
        return bool(self.host and _VENDOR_HOST.search(self.host))

    @property
    def of_somebody_else(self) -> bool:
        """Whether the host, or the path, is written down, and is not MSpace's."""
        return self.elsewhere or bool(self.host and _HOLE not in self.host and not self.of_the_vendor)

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine."""
        return bool(self.host and _LOOPBACK.match(self.host))


@dataclass(frozen=True, slots=True)
class JarCall:
    """A call of one of the jar's methods, with the expressions of its arguments."""

    method: str
    at: int
    arguments: tuple[str, ...]
    argument_places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name` gets the value of `tokens`; `extends` where it is added to what `name` held."""

    name: str
    tokens: tuple[Token, ...]
    extends: bool
    statement: int
    scope: tuple[int, ...]
    listed: bool = False


# Words of a statement

_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")
_CALLS = frozenset((".", "?.", "->"))


def _word(tokens: Sequence[Token], place: int) -> str:
    """What stands at `place`; empty beyond either end."""
    return tokens[place].content if 0 <= place < len(tokens) else ""


def _name(tokens: Sequence[Token], place: int) -> str:
    """The name at `place`; empty where there is none."""
    return next((token.content for token in tokens[max(place, 0) : place + 1] if token.kind == "name"), "")


def _sign(token: Token) -> str:
    """The operator that a token is; empty for any other."""
    return token.content if token.kind == "operator" else ""


def _span(source: Source, tokens: Sequence[Token]) -> str:
    """The source from the first to the last of `tokens`."""
    return source.text[tokens[0].start : tokens[-1].end] if tokens else ""


# Assignments


class Assigned:
    """What names are given values in a source, to be looked up by name or by statement."""

    def __init__(self, source: Source) -> None:
        found = (_assignment(statement, number) for number, statement in enumerate(source.statements))
        self.all: list[Assignment] = list(filter(None, found))
        self._at = {assignment.statement: assignment for assignment in self.all}
        self._named: dict[str, list[Assignment]] = {}
        for assignment in self.all:
            self._named.setdefault(bare(assignment.name), []).append(assignment)

    def at(self, statement: int) -> Assignment | None:
        """What the statement gives a value."""
        return self._at.get(statement)

    def name_at(self, statement: int) -> str:
        """The name that the statement gives a value; empty where there is none."""
        assignment = self._at.get(statement)
        return bare(assignment.name) if assignment else ""

    def named(self, name: str) -> list[Assignment]:
        """The first assignments to `name`."""
        return self._named.get(name, [])[:_LOOKED_AT]

    def texts(self, name: str) -> list[str]:
        """The texts among the first words of what `name` is given."""
        words = (token for assignment in self.named(name) for token in assignment.tokens[:_BEGINNING])
        return [token.content for token in words if token.kind == "text"]

    def before(self, name: str, statement: int) -> list[Assignment]:
        """The last assignments to `name` before `statement`, the nearest first."""
        known = self._named.get(name, [])
        end = bisect_left(known, statement, key=lambda assignment: assignment.statement)
        return known[max(end - _LOOKED_AT, 0) : end][::-1]


_LOOKED_AT = 50
_BEGINNING = 12
_LONGEST_LEFT = 60
"""Tokens in which an assignment shows."""

_ASSIGNING = frozenset(("=", ":=", "+=", ".=", "&=", "??=", "<<"))
_ADDING = frozenset(
    "append add push write concat Append Add Concat Write AppendFormat appendPath appendEncodedPath path segment "
    "addPathSegment addPathSegments addEncodedPathSegment addEncodedPathSegments pathSegment "
    "AppendPathSegment".split()
)
_LISTING = frozenset(
    "add push Add append appendPath addPathSegment addPathSegments path segment pathSegment AppendPathSegment".split()
)
_EXTENDING = frozenset(("+=", ".=", "&=", "<<"))
_SELF = frozenset(("this", "self", "$this"))
_GOING_ON = frozenset(("+", ".", "&", "||", ".."))
_TYPED = frozenset((":", "As", "as", "AS"))
_TYPE_IN_SQL = re.compile(r"(?i)n?(?:var)?char2?|text|number|string")


def _assignment(statement: Statement, number: int) -> Assignment | None:
    tokens = statement.tokens
    depth = 0
    for place, token in enumerate(tokens[:_LONGEST_LEFT]):
        sign = _sign(token)
        if sign in _OPENS:
            made = None if depth else _adding(tokens, place, number, statement.scope)
            if made:
                return made
            depth += 1
        elif sign in _CLOSES:
            depth -= 1
        elif depth == 0 and sign in _ASSIGNING and place:
            return _assigning(tokens, place, number, statement.scope)
    if tokens[0].content.lower() == "define" and [token.kind for token in tokens[2:3]] == ["text"]:
        return Assignment(tokens[2].content, tuple(tokens[4:]), False, number, statement.scope)
    return None


def _assigning(tokens: list[Token], place: int, number: int, scope: tuple[int, ...]) -> Assignment | None:
    left, right = tokens[:place], tokens[place + 1 :]
    name = _assigned_name(left)
    if not name:
        return None
    extends = tokens[place].content in _EXTENDING
    listed = [token.content for token in left[-2:]] == ["[", "]"]
    own = 2 if _word(right, 0) in _SELF else 0
    if not extends and bare(_word(right, own)) == bare(name) and _word(right, own + 1) in _GOING_ON:
        # x = x + ..., or x = x.concat(...)
        rest = right[own + 2 :]
        if _word(right, own + 1) == "." and _word(rest, 0) in _ADDING:
            return Assignment(name, tuple(rest[2:]), True, number, scope, _word(rest, 0) in _LISTING)
        return Assignment(name, tuple(rest), True, number, scope)
    return Assignment(name, tuple(right), extends or listed, number, scope, listed)


def _assigned_name(left: list[Token]) -> str | None:
    for before, token in pairwise(left):
        if token.content in _TYPED and before.kind == "name":
            return before.content
    names = [token.content for token in left if token.kind == "name"]
    if [token.kind for token in left[-2:]] == ["text", "operator"] and left[-1].content == "]":
        # $config['url']
        return left[-2].content
    if len(names) > 1 and _TYPE_IN_SQL.fullmatch(names[-1]):
        return names[-2]
    return names[-1] if names else None


def _adding(tokens: list[Token], place: int, number: int, scope: tuple[int, ...]) -> Assignment | None:
    method, owner = _word(tokens, place - 1), _name(tokens, place - 3)
    if not owner or method not in _ADDING or _word(tokens, place - 2) not in _CALLS:
        return None
    return Assignment(owner, tuple(tokens[place + 1 :]), True, number, scope, method in _LISTING)


# URLs


class _Rendering:
    """Texts laid end to end, with a mark for each expression, and the way back to the source."""

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._length = 0
        self._places: list[tuple[int, int]] = []
        self.expressions: dict[int, str] = {}

    def add(self, text: str, at: int) -> None:
        self._places.append((self._length, at))
        self.join(text.replace(_HOLE, _BLANK))

    def add_expression(self, expression: str, at: int) -> None:
        self.expressions[self._length] = expression
        self._places.append((self._length, at))
        self.join(_HOLE)

    def join(self, text: str) -> None:
        """Lay down what stands nowhere in the source."""
        self._chunks.append(text)
        self._length += len(text)

    def finish(self) -> str:
        return "".join(self._chunks)

    def place(self, position: int) -> int:
        """Where in the source the character at `position` stands."""
        start, at = self._places[bisect_right(self._places, position, key=itemgetter(0)) - 1]
        return at + position - start


_BLANK = " "
_AUTO = re.compile(
    r"(?:\.\s*(?:path|appendPath|addPathSegments?|pathSegments?|segment|AppendPathSegments?)\s*\(|@(?:GET|Path)\s*\("
    r"|pathSegments\s*:|UriComponentsBuilder|UriTemplate|URITemplate|restTemplate|RestTemplate|pathParam)"
)
_LEAD = re.compile(
    r"^[\s)\]};+.&|,~<]*(?:(?:\.|->)?\s*\b(?:append\w*|Append\w*|path|concat|Concat|add\w*|push|write)\s*\(\s*)?[\s+.&|,~<]*"
)
_TRAIL = re.compile(
    r"(?:\)\s*(?:\.|->)\s*(?:append\w*|Append\w*|path|concat|Concat|add\w*|push|write)\s*\(\s*)?[\s+.&|,~_\\<]*$"
)
_LISTED = re.compile(r",\s*$|(?:path|appendPath|segment\w*|add\w*|push)\s*\(\s*$")
_LABELS = frozenset((":", "=>", "="))
_JOINERS = "+.&|~,< "
_CLOSING = (")", "]", "}")
_MAX_EXPRESSION = 600
_LONGEST_TRAIL = 200
_LONGEST_HEAD = 3000
"""Characters of a statement that are searched for a builder."""
_LONGEST_CALL = 400
"""Tokens of a call's arguments that are read."""
_NEAR = 40
"""Statements between the parts of a URL that is put together in several."""


def _relevant(token: Token, before: Token | None) -> bool:
    """Whether a text may be a piece of a URL; `before` is the piece before it in the statement."""
    if token.kind != "text":
        return False
    if before is not None and _FOLLOWING.get(_segment(before)) == _segment(token):
        return True
    return bool(_PIECE_OF_URL.search(token.content))


def _segment(token: Token) -> str:
    return token.content.replace("/", "").lower()


_FOLLOWING = {"mspaceservice": "wr", "wr": "sms", "smsapi": "v2"}
"""Pieces that are common words, unless they stand after the one before."""


def _pieces_in(tokens: Sequence[Token]) -> list[int]:
    """The places of the texts that may be pieces of a URL."""
    places: list[int] = []
    for place, token in enumerate(tokens):
        if _relevant(token, tokens[places[-1]] if places else None):
            places.append(place)
    return places


def url_calls(source: Source, made: Assigned) -> Iterator[UrlCall]:
    """Every URL that has a piece of the path API, or of v2, in it; whether it is a call is not judged here."""
    groups: list[list[tuple[int, Sequence[Token], bool]]] = []
    building: dict[str, tuple[int, int, tuple[int, ...]]] = {}
    for number, statement in enumerate(source.statements):
        assignment, name = made.at(number), made.name_at(number)
        if assignment and assignment.extends and name in building:
            group, last, scope = building[name]
            if number - last <= _NEAR and statement.scope[: len(scope)] == scope:
                groups[group].append((number, assignment.tokens, assignment.listed))
                building[name] = group, number, scope
                continue
        tokens = assignment.tokens if assignment and not assignment.extends else statement.tokens
        groups.append([(number, tokens, False)])
        if name:
            building[name] = len(groups) - 1, number, statement.scope
    for parts in groups:
        if any(_pieces_in(tokens) for _, tokens, _ in parts):
            yield from _calls_of(source, parts, made)


def _calls_of(source: Source, group: list[tuple[int, Sequence[Token], bool]], made: Assigned) -> Iterator[UrlCall]:
    rendering = _Rendering()
    arguments: list[str] | None = None
    for count, (_, tokens, listed) in enumerate(group):
        if count and listed:
            rendering.join("/")
        arguments = _render(source, tokens, rendering, whole=count > 0) or arguments
    text = rendering.finish()
    if not _STRONG.search(text):
        return
    heads = (source.statements[number].tokens for number, _, _ in group[:_NEAR])
    encodes = any(_AUTO.search(_span(source, tokens)[:_LONGEST_HEAD]) for tokens in heads)
    statement = group[0][0]
    name = made.name_at(statement)
    if arguments is None and name and _FORMAT.search(text):
        arguments = _arguments_elsewhere(source, name)
    for call in _read_marks(text, rendering, arguments):
        call.statement, call.encodes = statement, encodes
        yield call


def _render(source: Source, tokens: Sequence[Token], rendering: _Rendering, *, whole: bool) -> list[str] | None:
    """Lay out one statement's texts, and the expression before them; give a format's arguments after them.

    :param whole: there was a statement before it that this one goes on with, so that all of it is part of the URL.
    """
    relevant = _pieces_in(tokens)
    if not relevant:
        words = tokens[: _end_of_expression(tokens, 0)] if whole else ()
        if [token.kind for token in words] == ["text"]:
            _add_pieces(words[0], rendering)
        else:
            _add_words(source, words, rendering)
        return None
    operand = tokens[_operand_before(tokens, relevant[0]) : relevant[0]]
    if operand:
        first = _span(source, operand).rstrip(_JOINERS)[-_MAX_EXPRESSION:]
        rendering.add_expression(first, operand[0].start)
    _add_pieces(tokens[relevant[0]], rendering)
    for left, right in pairwise(relevant):
        _add_between(source, tokens, left, right, rendering)
        _add_pieces(tokens[right], rendering)
    last = relevant[-1]
    arguments = _arguments_after(source, tokens, last + 1)
    if arguments is None and _joined(source, tokens, last):
        _add_words(source, tokens[last + 1 : _end_of_expression(tokens, last + 1)], rendering)
    return arguments


def _add_words(source: Source, words: Sequence[Token], rendering: _Rendering) -> None:
    """Add what they are as an expression, without what joins it to its neighbours."""
    expression = _clean(_span(source, words))
    if expression:
        rendering.add_expression(expression, words[0].start)


def _joined(source: Source, tokens: Sequence[Token], place: int) -> bool:
    """Whether what follows a text goes on with it; two words of a shell's command line do not, nor does a method that
    is called on the text.
    """
    if _word(tokens, place + 1) == "." and source.language.name not in ("PHP", "Perl"):
        return _word(tokens, place + 2) == "concat"
    between = source.text[tokens[place].end : tokens[place + 1].start] if place + 1 < len(tokens) else ""
    return not between or (not _name(tokens, place + 1) and source.language.name != "shell")


def _add_pieces(token: Token, rendering: _Rendering) -> None:
    for piece in token.pieces:
        if piece.is_value:
            rendering.add_expression(piece.content, piece.at)
        else:
            rendering.add(piece.content, piece.at)


def _add_between(source: Source, tokens: Sequence[Token], left: int, right: int, rendering: _Rendering) -> None:
    gap = source.text[tokens[left].end : tokens[right].start]
    for first, behind in between_commas(tokens, left + 1, right):
        words = tokens[first:behind]
        # `port: 80` and `'path' => "..."`: what has a label of its own is not joined on.
        if _word(words, 1) not in _LABELS:
            _add_words(source, words, rendering)
    if _LISTED.search(gap):
        rendering.join("/")


def between_commas(tokens: Sequence[Token], place: int, end: int) -> Iterator[tuple[int, int]]:
    """The ranges of tokens that the commas outside of brackets separate."""
    depth = 0
    start = place
    end = min(end, place + _LONGEST_CALL)
    for index in range(place, end):
        sign = _sign(tokens[index])
        if sign in _OPENS:
            depth += 1
        elif sign in _CLOSES:
            depth -= 1
        elif sign == "," and depth <= 0:
            yield start, index
            start = index + 1
    yield start, end


def _clean(gap: str) -> str:
    """The expression in what stands between two texts."""
    expression = _LEAD.sub("", gap[:_MAX_EXPRESSION])
    expression = expression[:-_LONGEST_TRAIL] + _TRAIL.sub("", expression[-_LONGEST_TRAIL:])
    expression = expression.strip()
    while expression.endswith(_CLOSING) and _unbalanced(expression) > 0:
        expression = expression[:-1].strip()
    return expression if re.search(r"\w", expression) else ""


def _unbalanced(expression: str) -> int:
    return sum(map(expression.count, _CLOSES)) - sum(map(expression.count, _OPENS))


_JOINS = frozenset(("+", ".", "&", "||", "..", "~", "<<"))
_JOINING = re.compile(r"(?i)join|concat|combine|resolve|sprintf")
_STOPS = frozenset((",", "=", "=>", ":", "?", ":=", "(", "[", "{", "+=", ".=", "??", "return", "->"))


def _operand_before(tokens: Sequence[Token], place: int) -> int:
    """Where the expression begins that is joined on in front of a text; `place` itself where none is."""
    if place and tokens[place - 1].kind == "text":
        return place - 1
    joiner = _word(tokens, place - 1)
    # Uri.combine(base, "sendtext/..."), urljoin(BASE, ...), sprintf($format, "...")
    if joiner not in _JOINS and not (joiner == "," and _JOINING.search(_word(tokens, place - 4))):
        return place
    depth, start = 0, place
    for index in range(place - 2, max(-1, place - _LONGEST_CALL), -1):
        token = tokens[index]
        word = "" if token.kind == "text" else token.content
        if word in _CLOSES:
            depth += 1
        elif depth == 0 and word in _STOPS:
            break
        elif word in _OPENS:
            depth -= 1
        start = index
    return start


def _end_of_expression(tokens: Sequence[Token], place: int) -> int:
    """The place behind the expression that goes on at `place`: a comma, a bracket that closes, or the end."""
    depth = 0
    while place < len(tokens):
        sign = _sign(tokens[place])
        if depth == 0 and sign in _ENDS:
            if (
                sign not in _CLOSES
                or _word(tokens, place + 1) not in _CALLS
                or _word(tokens, place + 2) not in _ADDING
            ):
                return place
            # The builder goes on: ).append(
            place += 3
            continue
        depth += (sign in _OPENS) - (sign in _CLOSES)
        place += 1
    return place


_ENDS = frozenset((",", "?", ":", *_CLOSES))
_FORMATTING = frozenset(("format", "formatted", "Format"))
_LIST = re.compile(r"(?s)(?:new\s+\w*\s*\[\s*\]\s*|arrayOf|Array|listOf)?\s*[\[({](.*)[\])}]")
_BEFORE_A_FORMAT = frozenset(("(", ",", "::", ".", "->"))


def _arguments_after(source: Source, tokens: Sequence[Token], place: int) -> list[str] | None:
    """The arguments of a format whose text ends before `place`."""
    # ("..." "...").format(...)
    if _word(tokens, place) == ")" and _word(tokens, place + 1) in (".", "%"):
        place += 1
    if _word(tokens, place) in (",", "%"):
        return _split(source, tokens, place + 1)
    if _word(tokens, place) == "." and _word(tokens, place + 1) in _FORMATTING:
        return _split(source, tokens, place + 3)
    return None


def _split(source: Source, tokens: Sequence[Token], place: int) -> list[str]:
    """The expressions from `place` on, up to the bracket that closes around them, or those of a list."""
    arguments = _arguments_at(source, tokens, place)[0]
    listed = _LIST.fullmatch(arguments[0]) if len(arguments) == 1 else None
    if listed:
        inside = tokens[place].start + listed.start(1)
        while tokens[place].start < inside:
            place += 1
        arguments = _arguments_at(source, tokens, place)[0]
    return list(arguments)


def _arguments_elsewhere(source: Source, name: str) -> list[str] | None:
    """The arguments that a format kept under `name` is used with."""
    for statement in source.statements:
        tokens = statement.tokens
        for place, token in enumerate(tokens):
            if token.kind != "name" or bare(token.content) != name:
                continue
            following = _word(tokens, place + 1)
            if following == "," and _word(tokens, place - 1) in _BEFORE_A_FORMAT:
                return _split(source, tokens, place + 2)
            if following == "." and _word(tokens, place + 2) in _FORMATTING:
                return _split(source, tokens, place + 4)
            if following == "%":
                return _split(source, tokens, place + 2)
    return None


_NOTHING = "/ \"'"
"""What says nothing at the end of a URL."""
_SLASH = "/"
_SECRETS = ("password", "apikey")
_CUT = re.compile(r"[\s\"'<>]")
_BEFORE = 60
"""Characters before a mark that tell what it is."""


def _read_marks(text: str, rendering: _Rendering, arguments: list[str] | None) -> Iterator[UrlCall]:
    placeholders = _placeholders(text, arguments)
    call: UrlCall | None = None
    keyed: list[tuple[str, int, int]] = []
    start = 0

    def finished(call: UrlCall, end: int) -> UrlCall:
        for (key, begin, _), following in zip_longest(keyed, keyed[1:]):
            value = text[begin : following[2] if following else end].rstrip()
            if key in _SECRETS or key == "username":
                value = _CUT.split(value)[0]
            if following or key in _SECRETS:
                value = value.rstrip(_SLASH)
            call.values.append(Value(key, _parts(value, begin, rendering, placeholders), rendering.place(begin)))
        rest = text[start:end]
        call.goes_on = bool(rest.strip(_NOTHING))
        if call.base and not call.operation and not keyed:
            rest = rest.lstrip(_SLASH)
            call.operation_value = rest[:1] == _HOLE or bool(_FORMAT.match(rest))
        return call

    for mark in _MARKS.finditer(text):
        kind = mark.lastgroup
        before = text[max(mark.start() - _BEFORE, 0) : mark.start()]
        is_asked = call is not None and bool(call.operation or keyed)
        if kind == "operation" and is_asked and before[-1:] not in (_SLASH, _HOLE):
            # It stands in a value.
            continue
        if (
            call is None
            or kind == "host"
            or (kind == "operation" and is_asked)
            or (kind in ("base", "v2") and (is_asked or call.base or call.v2))
        ):
            position = mark.start() - 1
            while text[position : position + 1] == _SLASH:
                position -= 1
            if call is not None:
                yield finished(call, position if position in rendering.expressions else mark.start())
            call, keyed = UrlCall(at=rendering.place(mark.start())), []
            if position in rendering.expressions:
                call.before, call.at = rendering.expressions[position], rendering.place(position)
            else:
                # "%s/sendtext/...": the address is the format's first argument.
                lead = _FORMAT_BEFORE.search(before)
                call.before = (lead and placeholders.get(mark.start() - len(before) + lead.start())) or ""
        start = mark.end()
        if kind == "host":
            call.scheme, call.host = mark["scheme"].lower(), mark["host"]
            call.scheme_at = rendering.place(mark.start())
        elif kind == "v2":
            call.v2 = True
        elif kind == "base":
            call.base = True
        elif kind == "operation":
            call.operation = mark["operation"].lower()
            call.slashed = text[start : start + 1] == _SLASH
            call.elsewhere = not call.base and not call.v2 and bool(_OTHER_PATH.search(before))
        else:
            if before[-1:] in _IN_A_QUERY or (keyed and before[-1:] not in (_SLASH, _HOLE)):
                call.query = True
            if not is_asked and before.rstrip(_SLASH)[-1:] == _HOLE:
                call.operation_value = True
            keyed.append((mark["key"].lower(), mark.end(), mark.start()))
    if call is not None:
        yield finished(call, len(text))


_IN_A_QUERY = frozenset("?&;")


def _placeholders(text: str, arguments: list[str] | None) -> dict[int, str | None]:
    """What goes to the placeholders of a format, by where each stands; None where that can't be told."""
    given = arguments or []
    named = dict(filter(None, map(_keyword, given)))
    found: dict[int, str | None] = {}
    count = 0
    for match in _FORMAT.finditer(text):
        place = len(given)
        if match["number"]:
            place = int(match["number"]) - 1
        elif match["index"]:
            place = int(match["index"])
        elif match.group() == "{}" or (match.group().startswith("%") and not match["key"]):
            place, count = count, count + 1
        by_name = named.get(match["name"] or match["key"])
        found[match.start()] = next(iter(given[place : place + 1]), by_name)
    return found


def _keyword(argument: str) -> tuple[str, str] | None:
    """The name and the value of `user=value`, or of `"user": value`."""
    match = re.match(r"(?s)([\"']?)(\w+)\1\s*[=:](?![=:>])(.+)", argument)
    return (match[2], match[3].strip()) if match else None


def _parts(
    value: str, begin: int, rendering: _Rendering, placeholders: dict[int, str | None]
) -> tuple[tuple[str, str | None], ...]:
    parts: list[tuple[str, str | None]] = []
    done = 0
    for match in _PUT_IN.finditer(value):
        position = begin + match.start()
        expression = rendering.expressions.get(position) if match.group() == _HOLE else placeholders.get(position)
        parts += [(value[done : match.start()], ""), (match["name"] or match["key"] or "", expression)]
        done = match.end()
    return tuple(part for part in (*parts, (value[done:], "")) if part != ("", ""))


def mentions(comment: Token) -> Iterator[UrlCall]:
    """The URLs in a comment, or in prose, which may be code that was commented out."""
    for match in _MENTION.finditer(comment.content):
        rendering = _Rendering()
        rendering.add(match.group(), comment.start + match.start())
        yield from _read_marks(rendering.finish(), rendering, None)


_MENTION = re.compile(
    rf"(?:https?://|(?<![\w/])/?(?=mspaceservice|wr/sms|{_OPERATION}/username))[^\s<>]*"
    rf"(?:(?:\s*[\"'`.+&]\s*){{1,4}}[^\s<>]*){{0,40}}",
    re.IGNORECASE,
)


# The jar

_UNMISTAKABLE = re.compile(
    r"(?:(?:subUsers|resellerClients|resellerClientTopup|subAccTopup|sendText|sendtext|getBalance)_(?:JSON|XML|TEXT)|login_TEXT)"
)
_MODIFIERS = frozenset("return await new throw yield else in and or not assert case when do lambda print".split())


def jar_calls(source: Source, *, evidence: bool) -> Iterator[JarCall]:
    """Every call of a method of the jar. `getBalance` and `close` are common names: they need `evidence`, that the
    file has to do with MSpace, and an object that is a client of it.
    """
    clients: set[str] = set()
    found: list[tuple[Sequence[Token], int]] = []
    for statement in source.statements:
        tokens = statement.tokens
        for place, token in enumerate(tokens):
            if token.kind != "name":
                continue
            if _UNMISTAKABLE.fullmatch(token.content):
                found.append((tokens, place))
                clients.add(_owner(tokens, place))
            elif _CLIENT.fullmatch(token.content):
                clients |= _named_by(tokens, place)
            elif evidence and token.content in ("getBalance", "close"):
                found.append((tokens, place))
    clients -= {"", ")"}
    for words, place in found:
        method, owner = words[place].content, _owner(words, place)
        arguments, places = _arguments_at(source, words, place + 2)
        if _word(words, place + 1) != "(" or _is_definition(words, place):
            continue
        if method == "close" and (arguments or owner not in clients):
            continue
        if method == "getBalance" and (len(arguments) != 2 or not (owner in clients or _likely(arguments[1], owner))):
            continue
        yield JarCall(method, words[place].start, arguments, places)


def _owner(tokens: Sequence[Token], place: int) -> str:
    """Whose method is called; empty where it is nobody's."""
    return _word(tokens, place - 2) if _word(tokens, place - 1) in _CALLS else ""


def _is_definition(tokens: Sequence[Token], place: int) -> bool:
    """Whether a type, or a word such as `def`, stands before the name."""
    before = _name(tokens, place - 1)
    return (before != "" and before not in _MODIFIERS) or _word(tokens, place - 1) in _TYPE_ENDS


def _named_by(tokens: Sequence[Token], place: int) -> set[str]:
    """The names that a statement with a client's class at `place` gives to a client."""
    pairs = list(pairwise(tokens))
    names = {left.content for left, right in pairs if right.content == "=" and left.kind == "name"}
    names |= {right.content for left, right in pairs if left.content == "as" and right.kind == "name"}
    # MSpaceClient client; client: MSpaceClient
    names.add(_name(tokens, place + 1))
    if _word(tokens, place - 1) == ":":
        names.add(_name(tokens, place - 2))
    return names


def _likely(second: str, owner: str) -> bool:
    """Whether getBalance is given a password, by its name or by whom it is asked of."""
    if owner == ")":
        # Of what another call gave, nothing is known.
        return False
    return bool(_PASSWORD.search(second)) or (bool(_OF_MSPACE.search(owner)) and second[0] in _QUOTES)


_CLIENT = re.compile(r"(?i)mspace\w*client\w*")
_TYPE_ENDS = frozenset(">]")
_PASSWORD = re.compile(r"(?i)pass|pwd|secret|cred")
_OF_MSPACE = re.compile(r"(?i)mspace")
_QUOTES = frozenset("\"'")


def _arguments_at(source: Source, tokens: Sequence[Token], place: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    expressions: list[str] = []
    places: list[int] = []
    depth = 0
    start = place
    end = min(len(tokens), place + _LONGEST_CALL)
    while place < end:
        sign = _sign(tokens[place])
        if sign in _OPENS:
            depth += 1
        elif sign in _CLOSES:
            if depth == 0:
                break
            depth -= 1
        elif sign == "," and depth == 0:
            expressions.append(source.text[tokens[start].start : tokens[place].start].strip())
            places.append(tokens[start].start)
            start = place + 1
        place += 1
    if place > start:
        expressions.append(source.text[tokens[start].start : tokens[place - 1].end].strip())
        places.append(tokens[start].start)
    return tuple(expressions), tuple(places)


# Names


def names_in(expression: str) -> list[str]:
    """The names whose value an expression gives: the last of a path such as `this.config.password`, and a key such
    as `$config['password']`, `getenv("PASSWORD")`.
    """
    found = []
    for path in re.finditer(r"[\w$@]+(?:(?:->|\.|::|\?\.|\?->)\$?\w+)*(?!\w*\s*\()", expression):
        found.append(re.split(r"->|\.|::", path.group())[-1].lstrip("$@?"))
    return [name for name in dict.fromkeys(found) if name and not name.isdigit()]
