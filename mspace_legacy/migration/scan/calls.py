"""Finds the calls in a source: URLs of the path API, however they are put together, and calls of the jar.

The texts of a statement that hold a piece of such a URL are laid end to end. What stands between two of them is an
expression whose value goes there, whether a plus, a dot, a comma or `.append(` joins them. So one reading serves
every language.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mspace_legacy.migration.scan.source import Source, Statement, Token

__all__ = [
    "OPERATIONS",
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

OPERATIONS = "sendtext subusers resellerclienttopup resellerclients subacctopup balance login".split()
PLAIN_NAMES = frozenset(("balance", "login"))
"""Operations whose name alone says nothing."""

_HOLE = "\ufffc"
_KEYS = "username password senderid recipient message clientname subaccname noofsms apikey messageid".split()
_OPERATION = rf"(?:{'|'.join((*OPERATIONS, 'deliveryreport'))})"

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


# Assignments


class Assigned:
    """What names are given values in a source, to be looked up by name or by statement."""

    def __init__(self, source: Source) -> None:
        found = (_assignment(statement, number) for number, statement in enumerate(source.statements))
        self.all: list[Assignment] = list(filter(None, found))
        self._at = {assignment.statement: assignment for assignment in self.all}
        self._named: dict[str, list[Assignment]] = {}
        for assignment in self.all:
            self._named.setdefault(assignment.name.lstrip("$@"), []).append(assignment)

    def at(self, statement: int) -> Assignment | None:
        """What the statement gives a value."""
        return self._at.get(statement)

    def name_at(self, statement: int) -> str:
        """The name that the statement gives a value; empty where there is none."""
        assignment = self._at.get(statement)
        return assignment.name.lstrip("$@") if assignment else ""

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

_ASSIGNING = frozenset(("=", ":=", "+=", ".=", "&=", "??=", "<<"))
_ADDING = frozenset(
    "append add push write concat Append Add Concat Write AppendFormat appendPath appendEncodedPath path segment "
    "addPathSegment addPathSegments addEncodedPathSegment addEncodedPathSegments pathSegment "
    "AppendPathSegment".split()
)
_LISTING = frozenset(
    "add push Add append appendPath addPathSegment addPathSegments path segment pathSegment AppendPathSegment".split()
)
_NOT_A_NAME = frozenset("declare set let const var val final dim static string String late".split())


def _assignment(statement: Statement, number: int) -> Assignment | None:
    tokens = statement.tokens
    if len(tokens) < 2:
        return None
    depth = 0
    for place, token in enumerate(tokens[:60]):
        if token.kind != "operator":
            continue
        if token.content in ("(", "[", "{"):
            if depth == 0 and token.content == "(" and place >= 2:
                made = _adding(tokens, place, number, statement.scope)
                if made:
                    return made
            depth += 1
        elif token.content in (")", "]", "}"):
            depth -= 1
        elif depth == 0 and token.content in _ASSIGNING and place:
            return _assigning(tokens, place, number, statement.scope)
    first = tokens[0]
    if first.content.lower() == "define" and len(tokens) > 4 and tokens[2].kind == "text":
        return Assignment(tokens[2].content, tuple(tokens[4:]), False, number, statement.scope)
    return None


def _assigning(tokens: list[Token], place: int, number: int, scope: tuple[int, ...]) -> Assignment | None:
    operator = tokens[place].content
    left = tokens[:place]
    while left and left[-1].content in ("+", ".", "&", "||"):
        left = left[:-1]
    name = _assigned_name(left)
    if not name:
        return None
    right = tokens[place + 1 :]
    extends = operator in ("+=", ".=", "&=", "<<")
    listed = len(left) > 1 and left[-1].content == "]" and left[-2].content == "["
    if not extends and len(right) > 1:
        own = name.lstrip("$@")
        offset = 2 if right[0].content in ("this", "self", "$this") else 0
        if len(right) > offset + 1 and right[offset].content.lstrip("$@") == own:
            following = right[offset + 1].content
            if following in ("+", ".", "&", "||", ".."):
                skip = offset + 2
                if following == "." and len(right) > skip + 1 and right[skip].content in _ADDING:
                    listed = right[skip].content in _LISTING
                    skip += 2
                return Assignment(name, tuple(right[skip:]), True, number, scope, listed)
    return Assignment(name, tuple(right), extends or listed, number, scope, listed)


def _assigned_name(left: list[Token]) -> str:
    for place, token in enumerate(left):
        if place and token.content in (":", "As", "as", "AS") and left[place - 1].kind == "name":
            return left[place - 1].content
    for place in range(len(left) - 1, -1, -1):
        token = left[place]
        if token.kind == "text" and place + 1 < len(left) and left[place + 1].content == "]":
            return token.content
        if token.kind == "name":
            break
    names = [token.content for token in left if token.kind == "name"]
    in_sql = names and names[0].lower() in ("declare", "set")
    if in_sql:
        names = [name for name in names if name.lower() not in _NOT_A_NAME][:1]
    if names and re.fullmatch(r"(?i)n?(?:var)?char2?|text|number|string", names[-1]) and len(names) > 1:
        return names[-2]
    return names[-1] if names else ""


def _adding(tokens: list[Token], place: int, number: int, scope: tuple[int, ...]) -> Assignment | None:
    method = tokens[place - 1]
    if method.content not in _ADDING or tokens[place - 2].content not in (".", "->"):
        return None
    owner = tokens[place - 3] if place >= 3 else None
    if owner is None or owner.kind != "name":
        return None
    return Assignment(owner.content, tuple(tokens[place + 1 :]), True, number, scope, method.content in _LISTING)


# URLs


class _Rendering:
    """Texts laid end to end, with a mark for each expression, and the way back to the source."""

    def __init__(self) -> None:
        self.text = ""
        self._chunks: list[str] = []
        self._length = 0
        self._places: list[tuple[int, int]] = []
        self.expressions: dict[int, str] = {}

    def add(self, text: str, at: int) -> None:
        text = text.replace(_HOLE, " ")
        self._places.append((self._length, at))
        self._chunks.append(text)
        self._length += len(text)

    def add_expression(self, expression: str, at: int) -> None:
        self.expressions[self._length] = expression
        self._places.append((self._length, at))
        self._chunks.append(_HOLE)
        self._length += 1

    def finish(self) -> str:
        self.text = "".join(self._chunks)
        return self.text

    def place(self, position: int) -> int:
        """Where in the source the character at `position` stands."""
        low, high = 0, len(self._places)
        while high - low > 1:
            middle = (low + high) // 2
            if self._places[middle][0] <= position:
                low = middle
            else:
                high = middle
        start, at = self._places[low] if self._places else (0, 0)
        return at + position - start


_AUTO = re.compile(
    r"(?:\.\s*(?:path|appendPath|addPathSegments?|pathSegments?|segment|AppendPathSegments?)\s*\(|@(?:GET|Path)\s*\("
    r"|pathSegments\s*:|UriComponentsBuilder|UriTemplate|URITemplate|restTemplate|RestTemplate|pathParam)"
)
_LEAD = re.compile(
    r"[\s)\]};+.&|,~<]*(?:(?:\.|->)?\s*\b(?:append\w*|Append\w*|path|concat|Concat|add\w*|push|write)\s*\(\s*)?[\s+.&|,~<]*"
)
_TRAIL = re.compile(
    r"(?:\)\s*(?:\.|->)\s*(?:append\w*|Append\w*|path|concat|Concat|add\w*|push|write)\s*\(\s*)?[\s+.&|,~_\\<]*$"
)
_LISTED = re.compile(r",\s*$|(?:path|appendPath|segment\w*|add\w*|push)\s*\(\s*$")
_MAX_EXPRESSION = 600
_LONGEST_CALL = 400
"""Tokens of a call's arguments that are read."""
_NEAR = 40
"""Statements between the parts of a URL that is put together in several."""


def _relevant(token: Token, before: Token | None) -> bool:
    """Whether a text may be a piece of a URL; `before` is the piece before it in the statement."""
    if token.kind != "text":
        return False
    if before is not None and _FOLLOWING.get(before.content.strip("/").lower()) == token.content.strip("/").lower():
        return True
    return bool(_PIECE_OF_URL.search(token.content))


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
        assignment = made.at(number)
        name = assignment.name if assignment else ""
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
    before: str | None = None
    arguments: list[str] | None = None
    statement = group[0][0]
    for count, (_, tokens, listed) in enumerate(group):
        if count and listed:
            rendering.add("/", tokens[0].start if tokens else 0)
        first, arguments_here = _render(source, tokens, rendering, whole=count > 0)
        before = before if count else first
        arguments = arguments_here or arguments
    text = rendering.finish()
    if not _STRONG.search(text):
        return
    heads = [source.statements[number].tokens for number, _, _ in group[:_NEAR]]
    head = " ".join(source.text[tokens[0].start : min(tokens[-1].end, tokens[0].start + 3000)] for tokens in heads)
    if arguments is None and _FORMAT.search(text):
        name = made.name_at(statement)
        arguments = _arguments_elsewhere(source, name) if name else None
    for call in _read_marks(text, rendering, arguments):
        call.statement = statement
        call.encodes = bool(_AUTO.search(head))
        if call.before is None:
            call.before = before
        yield call


def _render(
    source: Source, tokens: Sequence[Token], rendering: _Rendering, *, whole: bool
) -> tuple[str | None, list[str] | None]:
    """Lay out one statement's texts; give the expression before them, and a format's arguments after them."""
    relevant = _pieces_in(tokens)
    if not relevant:
        if whole and tokens:
            end = _end_of_expression(tokens, 0)
            expression = _clean(source.text[tokens[0].start : tokens[end - 1].end]) if end else ""
            if tokens[0].kind == "text" and end == 1:
                _add_pieces(tokens[0], rendering)
            elif expression:
                rendering.add_expression(expression, tokens[0].start)
        return None, None
    first = None
    start = _operand_before(tokens, relevant[0])
    if start is not None:
        operand = tokens[start : relevant[0]]
        first = source.text[operand[0].start : operand[-1].end].rstrip("+.&|~,< ")[-_MAX_EXPRESSION:]
        rendering.add_expression(first, operand[0].start)
    for position, place in enumerate(relevant):
        if position:
            _add_between(source, tokens, relevant[position - 1], place, rendering)
        _add_pieces(tokens[place], rendering)
    last = relevant[-1]
    arguments = _arguments_after(source, tokens, last + 1)
    if last + 1 < len(tokens) and arguments is None and _joined(source, tokens[last], tokens[last + 1]):
        end = _end_of_expression(tokens, last + 1)
        if end > last + 1:
            expression = _clean(source.text[tokens[last].end : tokens[end - 1].end])
            if expression:
                rendering.add_expression(expression, tokens[last].end)
    return first, arguments


def _joined(source: Source, text: Token, following: Token) -> bool:
    """Whether what follows a text goes on with it; two words of a shell's command line do not, nor does a method that
    is called on the text.
    """
    if following.content == "." and source.language.name not in ("PHP", "Perl"):
        return source.text[following.end :].lstrip().startswith("concat")
    apart = following.start > text.end
    return not apart or (following.kind != "name" and source.language.name != "shell")


def _add_pieces(token: Token, rendering: _Rendering) -> None:
    for piece in token.pieces:
        if piece.is_value:
            rendering.add_expression(piece.content, piece.at)
        else:
            rendering.add(piece.content, piece.at)


def _add_between(source: Source, tokens: Sequence[Token], left: int, right: int, rendering: _Rendering) -> None:
    gap = source.text[tokens[left].end : tokens[right].start]
    start = _operand_before(tokens, right, left) if right - left > 1 else None
    if start is not None and start > left + 1:
        # Not joined to the text on the left: the end of one value, and what stands before another URL.
        value = _clean(source.text[tokens[left].end : tokens[start].start])
        if value:
            rendering.add_expression(value, tokens[left + 1].start)
        rendering.add(" ", tokens[left].end)
        gap = source.text[tokens[start].start : tokens[right].start]
        left = start - 1
    for first, behind in between_commas(tokens, left + 1, right):
        expression = _clean(source.text[tokens[first].start : tokens[behind - 1].end]) if behind > first else ""
        # `port: 80` and `'path' => "..."`: what has a label of its own is not joined on.
        labelled = behind > first + 1 and tokens[first + 1].content in (":", "=>", "=")
        if expression and not labelled:
            rendering.add_expression(expression, tokens[first].start)
    if _LISTED.search(gap):
        rendering.add("/", tokens[right].start)


def between_commas(tokens: Sequence[Token], place: int, end: int) -> Iterator[tuple[int, int]]:
    """The ranges of tokens that the commas outside of brackets separate."""
    depth = 0
    start = place
    end = min(end, place + _LONGEST_CALL)
    for index in range(place, end):
        token = tokens[index]
        if token.kind != "operator":
            continue
        if token.content in ("(", "[", "{"):
            depth += 1
        elif token.content in (")", "]", "}"):
            depth -= 1
        elif token.content == "," and depth <= 0:
            yield start, index
            start = index + 1
    yield start, end


def _clean(gap: str) -> str:
    """The expression in what stands between two texts."""
    gap = gap[:_MAX_EXPRESSION]
    lead = _LEAD.match(gap)
    expression = gap[lead.end() if lead else 0 :]
    trail = _TRAIL.search(expression[-200:])
    if trail:
        expression = expression[: len(expression) - len(trail.group())]
    expression = expression.strip()
    while expression.endswith((")", "]", "}")) and _unbalanced(expression) > 0:
        expression = expression[:-1].rstrip()
    return expression if re.search(r"\w", expression) else ""


def _unbalanced(expression: str) -> int:
    return sum(map(expression.count, ")]}")) - sum(map(expression.count, "([{"))


_JOINS = frozenset(("+", ".", "&", "||", "..", "~", "<<"))
_STOPS = frozenset((",", "=", "=>", ":", "?", ":=", "(", "[", "{", "+=", ".=", "??", "return", "->"))


def _operand_before(tokens: Sequence[Token], place: int, left: int = -1) -> int | None:
    """Where the expression begins that is joined on in front of a text; behind `left`, the text before it."""
    if place and tokens[place - 1].kind == "text":
        return place - 1
    if place < 2:
        return None
    joined = tokens[place - 1].kind == "operator" and tokens[place - 1].content in _JOINS
    if not joined and tokens[place - 1].content == ",":
        # Uri.combine(base, "sendtext/..."), urljoin(BASE, ...), $this->get($url, ...)
        callee = tokens[place - 4].content.lower() if place >= 4 else ""
        joined = any(word in callee for word in ("join", "concat", "combine", "resolve", "sprintf"))
    if not joined:
        return None
    depth = 0
    start = place - 1
    for index in range(place - 2, max(left, place - _LONGEST_CALL), -1):
        token = tokens[index]
        if token.kind == "operator" and token.content in (")", "]", "}"):
            depth += 1
        elif token.kind == "operator" and token.content in ("(", "[", "{"):
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and token.content in _STOPS and token.kind != "text":
            break
        start = index
    return start if start < place - 1 else None


def _end_of_expression(tokens: Sequence[Token], place: int) -> int:
    """The place behind the expression that goes on at `place`: a comma, a bracket that closes, or the end."""
    depth = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind == "operator":
            if token.content in ("(", "[", "{"):
                depth += 1
            elif token.content in (")", "]", "}"):
                following = tokens[place + 2].content if place + 2 < len(tokens) else ""
                chained = (
                    place + 1 < len(tokens) and tokens[place + 1].content in (".", "->") and following in _ADDING
                )
                if depth == 0 and not chained:
                    return place
                if depth == 0:
                    place += 3
                    continue
                depth -= 1
            elif depth == 0 and token.content in (",", "?", ":"):
                return place
        place += 1
    return place


_FORMATTING = frozenset(("format", "formatted", "Format"))


def _arguments_after(source: Source, tokens: Sequence[Token], place: int) -> list[str] | None:
    """The arguments of a format whose text ends before `place`."""
    # ("..." "...").format(...)
    if place + 1 < len(tokens) and tokens[place].content == ")" and tokens[place + 1].content in (".", "%"):
        place += 1
    if place >= len(tokens):
        return None
    content = tokens[place].content
    if content == ",":
        return _split(source, tokens, place + 1)
    if content == "." and place + 2 < len(tokens) and tokens[place + 1].content in _FORMATTING:
        return _split(source, tokens, place + 3)
    if content == "%" and place + 1 < len(tokens):
        return _split(source, tokens, place + 1)
    return None


def _split(source: Source, tokens: Sequence[Token], place: int) -> list[str]:
    """The expressions from `place` on, up to the bracket that closes around them."""
    parts = list(_arguments_at(source, tokens, place)[0])
    if len(parts) == 1:
        listed = re.fullmatch(
            r"(?s)(?:new\s+\w*\s*\[\s*\]\s*|arrayOf|Array|listOf)?\s*[\[({](.*)[\])}]", parts[0].strip()
        )
        if listed:
            parts = _split_text(listed.group(1))
    return [part.strip() for part in parts]


def _split_text(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    quote = ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _arguments_elsewhere(source: Source, name: str) -> list[str] | None:
    """The arguments that a format kept under `name` is used with."""
    for statement in source.statements:
        tokens = statement.tokens
        for place, token in enumerate(tokens):
            if token.kind != "name" or token.content.lstrip("$@") != name.lstrip("$@") or place + 1 >= len(tokens):
                continue
            following = tokens[place + 1].content
            if following == "," and place and tokens[place - 1].content in ("(", ",", "::", ".", "->"):
                return _split(source, tokens, place + 2)
            if following == "." and place + 3 < len(tokens) and tokens[place + 2].content in _FORMATTING:
                return _split(source, tokens, place + 4)
            if following == "%" and place + 2 < len(tokens):
                return _split(source, tokens, place + 2)
    return None


def _read_marks(text: str, rendering: _Rendering, arguments: list[str] | None) -> Iterator[UrlCall]:
    placeholders = _placeholders(text, arguments)
    call: UrlCall | None = None
    keyed: list[tuple[str, int, int]] = []
    start = 0

    def finish(end: int) -> UrlCall | None:
        if call is None:
            return None
        for place, (key, begin, _) in enumerate(keyed):
            stop = keyed[place + 1][2] if place + 1 < len(keyed) else end
            value = text[begin:stop].rstrip(" ")
            cut = re.search(r"[\s\"'<>]", value) if key in ("password", "apikey", "username") else None
            value = value[: cut.start()] if cut else value
            if place + 1 < len(keyed) or key in ("password", "apikey"):
                value = value.rstrip("/")
            call.values.append(Value(key, _parts(value, begin, rendering, placeholders), rendering.place(begin)))
        last = keyed[-1][1] if keyed else start
        call.goes_on = bool(text[last:end].strip("/ \"'"))
        if not call.operation and call.base and not keyed:
            call.operation_value = text[last:end].lstrip("/")[:1] == _HOLE or bool(
                _FORMAT.match(text[last:end].lstrip("/"))
            )
        return call

    for mark in _MARKS.finditer(text):
        kind = mark.lastgroup
        if kind == "host" or mark["scheme"]:
            kind = "scheme"
        begins = (
            call is None
            or (kind == "scheme" and not (call.keys or keyed) and (call.base or bool(call.operation) or call.v2))
            or (kind == "scheme" and bool(keyed))
            or (kind == "scheme" and call.scheme_at >= 0)
            or (kind in ("base", "v2") and (call.base or call.v2 or bool(call.operation) or bool(keyed)))
            or (kind == "operation" and (bool(call.operation) or bool(keyed)) and _new_path(text, mark.start()))
        )
        if kind == "operation" and not begins and (keyed or (call and call.operation)):
            continue
        if begins:
            position = mark.start() - 1
            while position > 0 and text[position] == "/":
                position -= 1
            done = finish(position if position in rendering.expressions else mark.start())
            if done:
                yield done
            call, keyed = UrlCall(at=rendering.place(mark.start())), []
            if position in rendering.expressions:
                call.before, call.at = rendering.expressions[position], rendering.place(position)
            else:
                # "%s/sendtext/...": the address is the format's first argument.
                call.before = next(filter(None, (placeholders.get(mark.start() - back) for back in (2, 3, 4))), "")
        if call is None:
            continue
        start = mark.end()
        if kind == "scheme":
            call.scheme, call.host = mark["scheme"].lower(), mark["host"]
            call.scheme_at = rendering.place(mark.start())
        elif kind == "v2":
            call.v2 = True
        elif kind == "base":
            call.base = True
        elif kind == "operation":
            call.operation = mark["operation"].lower()
            call.slashed = text[mark.end() :][:1] == "/"
            call.elsewhere = bool(_OTHER_PATH.search(text[max(mark.start() - 60, 0) : mark.start()])) and not (
                call.base or call.v2
            )
        else:
            before_key = text[mark.start() - 1 : mark.start()]
            if before_key in ("?", "&", ";") or (keyed and before_key not in ("/", _HOLE)):
                call.query = True
            if (
                not keyed
                and not call.operation
                and text[max(mark.start() - 2, 0) : mark.start()].rstrip("/").endswith(_HOLE)
            ):
                call.operation_value = True
            keyed.append((mark["key"].lower(), mark.end(), mark.start()))
    done = finish(len(text))
    if done:
        yield done


def _new_path(text: str, at: int) -> bool:
    """Whether an operation's name begins another URL, rather than standing in a value."""
    return at == 0 or text[at - 1] in f"/{_HOLE}"


def _placeholders(text: str, arguments: list[str] | None) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    named = dict(filter(None, map(_keyword, arguments or ())))
    count = 0
    for match in _FORMAT.finditer(text):
        place: int | None = None
        if match["number"]:
            place = int(match["number"]) - 1
        elif match["index"]:
            place = int(match["index"])
        elif match.group() == "{}" or (match.group().startswith("%") and "(" not in match.group()):
            place, count = count, count + 1
        known = arguments is not None and place is not None and place < len(arguments)
        by_name = named.get(match["name"] or match["key"])
        found[match.start()] = arguments[place] if known and arguments and place is not None else by_name
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
    for match in re.finditer(rf"{_HOLE}|{_FORMAT.pattern}", value):
        if match.start() > done:
            parts.append((value[done : match.start()], ""))
        position = begin + match.start()
        expression = rendering.expressions.get(position) if match.group() == _HOLE else placeholders.get(position)
        parts.append((match["name"] or match["key"] or "", expression))
        done = match.end()
    if done < len(value):
        parts.append((value[done:], ""))
    return tuple(parts)


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
    found: list[tuple[int, int, Token]] = []
    for number, statement in enumerate(source.statements):
        tokens = statement.tokens
        named = False
        for place, token in enumerate(tokens):
            if token.kind != "name":
                continue
            if _UNMISTAKABLE.fullmatch(token.content):
                found.append((number, place, token))
                if place >= 2 and tokens[place - 1].content in (".", "?."):
                    clients.add(tokens[place - 2].content)
            elif not named and re.fullmatch(r"(?i)mspace\w*client\w*", token.content):
                clients |= _named_by(tokens, place)
                named = True
            elif evidence and token.content in ("getBalance", "close"):
                found.append((number, place, token))
    for number, place, token in found:
        tokens = source.statements[number].tokens
        if place + 1 >= len(tokens) or tokens[place + 1].content != "(":
            continue
        before = tokens[place - 1] if place else None
        if before is not None and before.kind == "name" and before.content not in _MODIFIERS:
            continue  # a definition: what stands before it is a type, or a word such as `def`
        if before is not None and before.content in (">", "]"):
            continue
        arguments, places = _arguments_at(source, tokens, place + 2)
        if token.content in ("getBalance", "close"):
            owner = tokens[place - 2].content if place >= 2 and tokens[place - 1].content in (".", "?.") else ""
            if owner == ")" or (owner not in clients and not _likely(token.content, arguments, owner)):
                continue
            if token.content == "close" and (arguments or owner not in clients):
                continue
            if token.content == "getBalance" and len(arguments) != 2:
                continue
        yield JarCall(token.content, token.start, arguments, places)


def _named_by(tokens: Sequence[Token], place: int) -> set[str]:
    """The names that a statement with a client's class in it gives to a client."""
    names = set()
    for index, token in enumerate(tokens):
        if token.content == "=" and index and tokens[index - 1].kind == "name":
            names.add(tokens[index - 1].content)
    if place + 1 < len(tokens) and tokens[place + 1].kind == "name":
        following = tokens[place + 1].content
        names.add(tokens[place + 2].content if following == "as" and place + 2 < len(tokens) else following)
    if place >= 2 and tokens[place - 1].content == ":" and tokens[place - 2].kind == "name":
        names.add(tokens[place - 2].content)
    if any(token.content == "as" for token in tokens) and tokens[-1].kind == "name":
        names.add(tokens[-1].content)
    for index, token in enumerate(tokens[:-1]):
        if token.content == "as" and tokens[index + 1].kind == "name":
            names.add(tokens[index + 1].content)
    return names


def _likely(method: str, arguments: tuple[str, ...], owner: str) -> bool:
    if method == "close" or len(arguments) != 2:
        return False
    return bool(re.search(r"(?i)pass|pwd|secret|cred", arguments[1])) or (
        bool(re.search(r"(?i)mspace", owner)) and arguments[1][:1] in "\"'"
    )


def _arguments_at(source: Source, tokens: Sequence[Token], place: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    expressions: list[str] = []
    places: list[int] = []
    depth = 0
    start = place
    end = min(len(tokens), place + _LONGEST_CALL)
    while place < end:
        token = tokens[place]
        if token.kind == "operator":
            if token.content in ("(", "[", "{"):
                depth += 1
            elif token.content in (")", "]", "}"):
                if depth == 0:
                    break
                depth -= 1
            elif token.content == "," and depth == 0:
                expressions.append(source.text[tokens[start].start : token.start].strip())
                places.append(tokens[start].start)
                start = place + 1
        place += 1
    if place > start and start < len(tokens):
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
    for key in re.finditer(r"[\"']([\w.-]{1,80})[\"']", expression):
        found.append(re.split(r"[./]", key.group(1))[-1])
    return [name for name in dict.fromkeys(found) if name and not name.isdigit()]
