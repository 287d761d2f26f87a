"""Finds passwords and API keys that are written in the source. What is found is a place, never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mspace_legacy.migration.scan.calls import Assigned, between_commas, names_in
from mspace_legacy.migration.scan.source import Source, Token, bare

__all__ = ["Entry", "bare_passwords", "entries", "flows", "is_placeholder", "of_mspace", "passed", "written_in"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A name that is given a text: a constant, a member, a setting. `path` is where it stands, such as
    `services.sms.password`.
    """

    name: str
    path: str
    text: str
    at: int
    secret: bool
    key: bool


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PASSWORD_WORDS = frozenset("password passwd pass pwd passphrase passkey passcode pword pw pswd psw".split())
_OTHER_SYSTEMS = re.compile(
    r"(?i)(?:^|[_.\-]|(?<=[a-z])(?=[A-Z]))(?:db|database|mysql|mariadb|pg|postgres\w*|mongo\w*|redis|mail|mailer|smtp|imap"
    r"|ftp|sftp|ssh|ldap|admin|root|jwt|keystore|truststore|rabbit\w*|datasource|jdbc|mpesa|paypal|stripe|twilio|aws|s3"
    r"|africastalking|infobip|nexmo|vonage|proxy|cert\w*|git\w*|docker|sonar|elastic\w*|kafka|sentry|pusher)(?:$|[_.\-A-Z])"
)
_SEPARATORS = frozenset(("=", ":", "=>", ":=", "||", "??", "?:", "or", "->"))
_SETTERS = frozenset(
    "define putenv put set setproperty add insert env getenv get fetch addurlsegment fromenvironment config environ "
    "getvalue getproperty getstring values , defaultvalue setdefault const option parameter param value addproperty "
    "registerconstant configure".split()
)
_SIMPLE = re.compile(r"[\w.\-$@]{1,80}")


def _is_password(name: str) -> bool:
    lowered = name.lower().rstrip("_")
    if lowered.endswith(("password", "passwd", "passphrase", "passkey")):
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(words) and (
        words[-1] in _PASSWORD_WORDS or (len(words) > 1 and words[-1].isdigit() and words[-2] in _PASSWORD_WORDS)
    )


def _is_key(name: str) -> bool:
    return re.sub(r"[\W_]", "", name).lower().endswith("apikey")


_PLACEHOLDER = re.compile(
    r"(?i)\W*|(.)\1+|.*(?:your|placeholder|example|sample|dummy|change.?me|replace|enter.?|insert.?|redact|removed|hidden"
    r"|masked|xxx|\*\*\*|\.\.\.|todo|fixme|fill.?in|secret.?here|goes.?here).*"
    r"|(?:the|my|user|sms|mspace|account|api|test|demo|some|new|old)?[ _.\-]?"
    r"(?:password|passwd|pass|pwd|pw|secret|apikey|api[ _-]key)"
    r"|u?p|null|none|nil|undefined|true|false|required|nullable|string|text|hidden|test|demo|abc|foo|bar"
    r"|<.*>|\{.*\}|\[.*\]|\(.*\)|%.*%|%\w|[:@$](?:user_?)?(?:pass\w*|pwd|apikey)|.*(?:\$\{|\{\{|#\{|<%|<\?|\$\().*"
    r"|(?:required|nullable|string|min|max|confirmed|sometimes)\|.*"
)
_NAME_IN_CAPITALS = re.compile(r"\$?(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|PASS\w*|PWD)")


def is_placeholder(value: str) -> bool:
    """Whether `value` only shows where a password would stand."""
    value = value.strip().strip("\"'`")
    return len(value) > 300 or bool(_PLACEHOLDER.fullmatch(value) or _NAME_IN_CAPITALS.fullmatch(value))


def entries(source: Source) -> list[Entry]:
    """Every name that is given a text, in the order of the source."""
    joins = source.language.name == "SQL"
    return [entry for statement in source.statements for entry in _entries_of(statement.tokens, joins=joins)]


def _entries_of(tokens: Sequence[Token], *, joins: bool) -> Iterator[Entry]:
    labels: list[str] = []
    for place, token in enumerate(tokens):
        if token.kind == "operator":
            if token.content in ("[", "{", "("):
                labels.append(_label(tokens, place))
            elif token.content in ("]", "}", ")") and labels:
                labels.pop()
            continue
        if token.kind != "text" or place == 0 or len(token.content) > 4000:
            continue
        if joins and tokens[place - 1].content == "||":
            continue
        yield from _defaults(token)
        name = _named(tokens, place)
        if not name:
            continue
        path = ".".join([*filter(None, labels), *_indexes_before(tokens, place), name])
        literal = all(not piece.is_value for piece in token.pieces)
        is_key = _is_key(name)
        yield Entry(
            re.split(r"[./]", name)[-1],
            path,
            token.content,
            token.pieces[0].at if token.pieces else token.start,
            literal and (is_key or _is_password(name)),
            is_key,
        )


_DEFAULT = re.compile(r"([\w.\-]{0,60}(?i:password|passwd|pwd|pass)):-?([^{}$\s]{3,80})\}")


def _defaults(token: Token) -> Iterator[Entry]:
    """`${mspace.password:...}` and `${MSPACE_PASSWORD:-...}`: what holds where nothing is set."""
    if "${" in token.content:
        for match in _DEFAULT.finditer(token.content):
            name, value = match.groups()
            at = token.pieces[0].at + match.start(2) if token.pieces else token.start
            yield Entry(re.split(r"[./]", name)[-1], name, value, at, secret=True, key=False)


def _indexes_before(tokens: Sequence[Token], place: int) -> list[str]:
    """`config` and `sms` of $config['sms']['password'] = ..."""
    back = place - 2
    if back < 3 or tokens[back].content != "]":
        return []
    found: list[str] = []
    back -= 3
    while back >= 2 and tokens[back].content == "]" and len(found) < 5:
        found.insert(0, tokens[back - 1].content)
        back -= 3
    return [tokens[back].content, *found] if back >= 0 and tokens[back].kind == "name" else found


def _label(tokens: Sequence[Token], place: int) -> str:
    before = place - 1
    if before >= 0 and tokens[before].content in ("array", "new", "dict", "Map", "mapOf", "object"):
        before -= 1
    if before >= 1 and tokens[before].content in ("=>", ":", "="):
        return tokens[before - 1].content if _SIMPLE.fullmatch(tokens[before - 1].content) else ""
    return ""


_WRAPPERS = frozenset(
    "secret string strval trim urlencode rawurlencode encodeuricomponent quote quote_plus escapedatastring encode "
    "encodecomponent".split()
)
"""Functions whose value is still the text."""


def _named(tokens: Sequence[Token], place: int) -> str:
    """The name that the text at `place` is given to; empty where there is none."""
    before = tokens[place - 1]
    if before.content == "(" and place >= 2 and tokens[place - 2].content.lower() in _WRAPPERS:
        back = place - 2
        while back >= 2 and tokens[back - 1].content in (".", "::") and tokens[back - 2].kind == "name":
            back -= 2
        return _named(tokens, back) if back else ""
    if before.content == "," and before.kind == "operator":
        return _named_in_call(tokens, place)
    if before.content not in _SEPARATORS:
        if before.kind == "name" and place >= 2 and tokens[place - 2].content in ("define", "#define", "const"):
            return before.content
        return ""
    back = place - 2
    if before.content in ("||", "??", "?:", "or"):
        # process.env.X || "...": the name is what the whole is assigned to, or the variable itself.
        for index in range(place - 2, max(place - 14, -1), -1):
            if tokens[index].content in ("=", ":", "=>") and index:
                back = index - 1
                break
    steps = 0
    while back >= 0 and steps < 10:
        token = tokens[back]
        if token.content in ("]", "?", ")", "!") or token.kind == "number":
            back -= 1
        elif token.kind == "text":
            return token.content if _SIMPLE.fullmatch(token.content) else ""
        elif token.kind == "name":
            return _before_its_type(tokens, back)
        elif token.content == "(":
            back -= 1
        else:
            return ""
        steps += 1
    return ""


def _before_its_type(tokens: Sequence[Token], place: int) -> str:
    """`password` of `password: String` and of `password As String`."""
    if (
        place >= 2
        and tokens[place - 1].content in (":", "As", "as", "AS")
        and tokens[place - 2].kind == "name"
        and (tokens[place - 1].content != ":" or _TYPE.fullmatch(tokens[place].content))
    ):
        return tokens[place - 2].content
    if place >= 1 and _TYPE.fullmatch(tokens[place].content) and tokens[place - 1].kind == "name":
        # SQL: @password VARCHAR(50)
        return tokens[place - 1].content
    return tokens[place].content


_TYPE = re.compile(r"(?i)n?(?:var)?char2?|text|string|str|any|object|String\w*")


def _named_in_call(tokens: Sequence[Token], place: int) -> str:
    """`X` of define('X', text), env('X', text), put("X", text), VALUES ('X', text), ('X', text)."""
    if place < 4:
        return ""
    key, opening, callee = tokens[place - 2], tokens[place - 3], tokens[place - 4]
    if key.kind not in ("text", "name") or opening.content != "(" or bare(callee.content.lower()) not in _SETTERS:
        return ""
    if not _is_password(key.content) and not _is_key(key.content):
        # password = os.environ.get("X", "..."): the name is what the whole is given to.
        back = place - 5
        while back > 0 and tokens[back].content in (".", "->", "::", "os", "environ", "config", "System", "process"):
            back -= 1
        if (
            back > 0
            and tokens[back].content in ("=", ":", "=>", ":=")
            and _SIMPLE.fullmatch(tokens[back - 1].content)
        ):
            return _before_its_type(tokens, back - 1) if tokens[back - 1].kind == "name" else tokens[back - 1].content
    return key.content if _SIMPLE.fullmatch(key.content) else ""


_ADDRESS_WORDS = frozenset("url uri base host endpoint address server api path main gateway link domain root".split())


def _stem(path: str) -> tuple[str, ...]:
    words = [word.lower() for word in _WORDS.findall(path)]
    while words and (words[-1] in _ADDRESS_WORDS or words[-1] in _PASSWORD_WORDS or words[-1] == "key"):
        words.pop()
    return tuple(dict.fromkeys(words))


def of_mspace(all_entries: Sequence[Entry], addresses: Iterable[int], *, settings: bool, v2: bool) -> Iterator[Entry]:
    """The passwords and keys that are MSpace's by their name, or stand with its address.

    `addresses` are the places of texts that hold MSpace's address.
    """
    places = set(addresses)
    stems = {_stem(entry.path) for entry in all_entries if entry.at in places}
    for entry in all_entries:
        if not entry.secret:
            continue
        if entry.key and len(entry.text.strip()) < 16:
            continue
        named = re.search(r"(?i)mspace", entry.path) is not None
        stem = _stem(entry.path)
        near = stem in stems and (settings or bool(stem))
        if named or (near and not _OTHER_SYSTEMS.search(entry.path)) or (entry.key and v2 and _bare_key(entry)):
            yield entry


_CONTAINERS = frozenset(
    "params param parameters data payload args query fields values credentials creds auth sms post request body "
    "array arr segments options opts".split()
)


def bare_passwords(all_entries: Sequence[Entry]) -> Iterator[Entry]:
    """The passwords whose name tells of nothing else, such as `password` in a map that a helper makes a URL of."""
    for entry in all_entries:
        if (
            entry.secret
            and not entry.key
            and all(word in _CONTAINERS or word.isdigit() for word in _stem(entry.path))
            and not _OTHER_SYSTEMS.search(entry.path)
        ):
            yield entry


def _bare_key(entry: Entry) -> bool:
    return re.sub(r"[\W_]", "", entry.path).lower() == "apikey"


def passed(names: Iterable[str], source: Source) -> Iterator[tuple[str, int]]:
    """The texts, each with its place, handed by position to a function whose parameter has one of `names`."""
    wanted = set(names)
    at_position: set[tuple[str, int]] = set()
    owner = ""
    for statement in source.statements:
        tokens = statement.tokens
        # What stands behind a dot is left out: `Response.class` defines nothing.
        words = [
            token.content
            for place, token in enumerate(tokens)
            if token.kind == "name" and tokens[place - 1].content != "."
        ]
        if "class" in words[:-1]:
            owner = words[words.index("class") + 1]
        if not (statement.header or words[:1] == ["def"] or words[:2] == ["async", "def"] or "class" in words):
            continue
        opening = next((place for place, token in enumerate(tokens) if token.content == "(" and place), None)
        if opening is None or tokens[opening - 1].kind != "name":
            continue
        name = tokens[opening - 1].content
        for position, (first, behind) in enumerate(between_commas(tokens, opening + 1, len(tokens))):
            parameters = {bare(token.content) for token in tokens[first:behind] if token.kind == "name"}
            if parameters & wanted:
                made = name in ("constructor", "__construct", "__init__", "New", "initialize")
                at_position.add(
                    (owner if made else name, position - (words[1:2] == ["__init__"] or "self" in words[:4]))
                )
    if not at_position:
        return
    called = {name for name, _ in at_position}
    for statement in source.statements:
        tokens = statement.tokens
        for place, token in enumerate(tokens[:-1]):
            if token.content not in called or token.kind != "name" or tokens[place + 1].content != "(":
                continue
            for position, (first, behind) in enumerate(between_commas(tokens, place + 2, len(tokens))):
                one_text = (
                    behind > first
                    and tokens[first].kind == "text"
                    and (behind == first + 1 or tokens[first + 1].content == ")")
                )
                if (
                    one_text
                    and (token.content, position) in at_position
                    and not any(p.is_value for p in tokens[first].pieces)
                ):
                    yield tokens[first].content, tokens[first].pieces[0].at


_SECRET_NAME = re.compile(r"(?i)pass|pwd|pw$|secret|key|cred|auth")


def flows(
    expressions: Iterable[str], all_entries: Sequence[Entry], made: Assigned, source: Source
) -> Iterator[Entry]:
    """The texts that reach a password's place in a call, by the names on the way."""
    wanted = {name for expression in expressions for name in names_in(expression)}
    for _ in range(3):
        more = set()
        for assignment in (assignment for name in wanted for assignment in made.named(name)):
            tokens = assignment.tokens
            if 0 < len(tokens) < 30 and all(token.content != "{" for token in tokens):
                right = source.text[tokens[0].start : tokens[-1].end]
                more |= {name for name in names_in(right) if _SECRET_NAME.search(name)}
        if more <= wanted:
            break
        wanted |= more
    for entry in all_entries:
        if bare(entry.name) in wanted and _literal(entry):
            yield entry


def _literal(entry: Entry) -> bool:
    return entry.secret or not re.search(r"[\s{}$]", entry.text)


def written_in(expression: str) -> str | None:
    """The text, where an expression is a text and nothing else."""
    match = re.fullmatch(r"\s*[@rRbBuU$]?(?:\"([^\"\\]*)\"|'([^'\\]*)')\s*", expression)
    return None if match is None else (match[1] or match[2] or "")
