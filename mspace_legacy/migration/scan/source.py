"""Source text of any language as tokens and statements, as far as a search for URLs needs them.

No grammar is known here, only how languages write comments, texts and interpolations. Everything is linear in the
length of the text: a text that is never closed ends at its line, or at the end of the file, and is not tried again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

__all__ = ["Language", "Piece", "Source", "Statement", "Token", "bare", "language_of", "read_source"]

Kind = Literal["text", "name", "number", "operator", "comment", "line"]


class Piece(NamedTuple):
    """A part of a text: what it says, or, where `is_value`, the expression put in. `at` is its place in the file."""

    content: str
    at: int
    is_value: bool = False


class Token(NamedTuple):
    """A word of the source. `content` is a text without its quotes; `pieces` are a text's parts."""

    kind: Kind
    content: str
    start: int
    end: int
    pieces: tuple[Piece, ...] = ()


def bare(name: str) -> str:
    """A name without the sigil that PHP, Perl or Ruby has before it."""
    return name.lstrip("$@")


@dataclass(slots=True)
class Statement:
    """Tokens up to a semicolon, a block's brace or the end of a line that ends one.

    `scope` names the functions and classes around it, outermost first. `header` where a block follows.
    """

    tokens: list[Token] = field(default_factory=list)
    scope: tuple[int, ...] = ()
    header: bool = False


@dataclass(slots=True)
class Source:
    """A file as read: its statements and its comments."""

    text: str
    language: Language
    statements: list[Statement]
    comments: list[Token]


_BRACED = r"\{((?:[^{}\"'`\n]|\"[^\"\n]{0,80}\"|'[^'\n]{0,80}'|`[^`\n]{0,80}`|\{[^{}\n]{0,120}\}){0,200})\}"
_IN_PARENTHESES = r"\(((?:[^()\n]|\([^()\n]{0,120}\)){0,200})\)"
_DOLLAR_NAME = r"\$([A-Za-z_]\w*(?:(?:\?->|->)(?=\w)\w+|\[[^\[\]\n]{0,80}\])?)"

# How an expression is put into a text; the group that matched is the expression.
_HOLES = {
    "": "",
    "js": rf"\${_BRACED}",
    "jvm": rf"\${_BRACED}|\$([A-Za-z_]\w*)",
    "php": rf"\{{(\$(?:[^{{}}\n]){{1,200}})\}}|\${_BRACED}|{_DOLLAR_NAME}",
    "sh": rf"\${_BRACED}|\${_IN_PARENTHESES}|\$(\w+|[@*#?!-])",
    "perl": rf"@{_BRACED}|\${_BRACED}|\$([A-Za-z_]\w*(?:(?:->)?[{{\[][^{{}}\[\]\n]{{0,80}}[}}\]])*)",
    "ruby": rf"\#{_BRACED}",
    "swift": rf"\\{_IN_PARENTHESES}",
    "f": rf"(?<!\{{){_BRACED}",
}


@dataclass(frozen=True, slots=True)
class Language:
    """How a family of languages writes what matters here.

    `line_comments` and `block_comments` are regular expressions; `quotes` tells for each quote how its text is read:
    `line` ends with the line, `multi` does not, `char` holds one character, `doubled` has no backslashes and writes a
    quote twice. `holes` names the interpolation of the quotes in `interpolated`. `lines_end_statements` is false
    where only a semicolon ends one. `kind` is `code`, `settings` or `prose`.
    """

    name: str
    kind: Literal["code", "settings", "prose"] = "code"
    line_comments: str = r"(?<!:)//|^\s*#(?!\w)"
    block_comments: tuple[tuple[str, str], ...] = (("/*", "*/"), ("<!--", "-->"))
    quotes: tuple[tuple[str, str], ...] = (('"', "line"), ("'", "line"), ("`", "multi"))
    holes: str = ""
    interpolated: str = '"'
    lines_end_statements: bool = True
    jar: bool = False


_C = (('"', "line"), ("'", "char"))
_MULTI = (('"""', "multi"), ('"', "line"), ("'", "char"))
_SLASHES = r"(?<!:)//"
_SLASH_BLOCKS = (("/*", "*/"),)

_JS = Language("JavaScript", line_comments=_SLASHES, holes="js", interpolated="`")
_PHP = Language(
    "PHP",
    line_comments=r"(?<!:)//|#(?!\[)",
    quotes=(('"', "multi"), ("'", "multi")),
    holes="php",
    lines_end_statements=False,
)
_JAVA = Language(
    "Java",
    line_comments=_SLASHES,
    block_comments=_SLASH_BLOCKS,
    quotes=_MULTI,
    lines_end_statements=False,
    jar=True,
)
_KOTLIN = Language(
    "Kotlin", line_comments=_SLASHES, block_comments=_SLASH_BLOCKS, quotes=_MULTI, holes="jvm", jar=True
)
_GROOVY = Language(
    "Groovy",
    line_comments=_SLASHES,
    block_comments=_SLASH_BLOCKS,
    quotes=(('"""', "multi"), ("'''", "multi"), ('"', "line"), ("'", "line")),
    holes="jvm",
    jar=True,
)
_SCALA = Language("Scala", line_comments=_SLASHES, block_comments=_SLASH_BLOCKS, quotes=_MULTI, holes="jvm", jar=True)
_CS = Language(
    "C#", line_comments=_SLASHES, block_comments=_SLASH_BLOCKS, quotes=_MULTI, holes="f", lines_end_statements=False
)
_DART = Language(
    "Dart",
    line_comments=_SLASHES,
    block_comments=_SLASH_BLOCKS,
    quotes=(('"""', "multi"), ("'''", "multi"), ('"', "line"), ("'", "line")),
    holes="jvm",
    interpolated="\"'",
    lines_end_statements=False,
)
_PYTHON = Language(
    "Python",
    line_comments="#",
    block_comments=(),
    quotes=(('"""', "multi"), ("'''", "multi"), ('"', "line"), ("'", "line")),
    holes="f",
    interpolated="\"'",
    jar=True,
)
_RUBY = Language(
    "Ruby", line_comments=r"#(?!\{)", block_comments=(), quotes=(('"', "multi"), ("'", "multi")), holes="ruby"
)
_SHELL = Language(
    "shell", line_comments=r"(?<![\w$\"'{])#", block_comments=(), quotes=(('"', "multi"), ("'", "multi")), holes="sh"
)
_VB = Language(
    "Visual Basic",
    line_comments=r"'|\bREM\b",
    block_comments=(),
    quotes=(('"', "doubled"),),
    holes="f",
)
_SQL = Language(
    "SQL",
    line_comments="--",
    block_comments=_SLASH_BLOCKS,
    quotes=(("'", "doubled"), ('"', "line")),
    lines_end_statements=False,
)
_GO = Language(
    "Go",
    line_comments=_SLASHES,
    block_comments=_SLASH_BLOCKS,
    quotes=(('"', "line"), ("`", "multi"), ("'", "char")),
)
_SWIFT = Language("Swift", line_comments=_SLASHES, block_comments=_SLASH_BLOCKS, quotes=_MULTI[:2], holes="swift")
_PERL = Language("Perl", line_comments="#", block_comments=(), quotes=(('"', "multi"), ("'", "multi")), holes="perl",
                 lines_end_statements=False)  # fmt: skip
_CPP = Language("C", line_comments=_SLASHES, block_comments=_SLASH_BLOCKS, quotes=_C, lines_end_statements=False)
_ANY = Language("any")
_JSON = Language("JSON", kind="settings", line_comments=r"(?<!:)//", quotes=(('"', "line"),))
_XML = Language("XML", kind="settings", line_comments=r"(?!)", block_comments=(("<!--", "-->"),))
_SETTINGS = Language("settings", kind="settings")
_PROSE = Language("prose", kind="prose")

_BY_SUFFIX = {
    suffix: language
    for language, suffixes in (
        (_JS, "js jsx ts tsx mjs cjs mts cts vue svelte html htm xhtml coffee"),
        (_PHP, "php php3 php4 php5 php7 phtml inc module ctp tpl install"),
        (_JAVA, "java jsp jspx jspf"),
        (_KOTLIN, "kt kts"),
        (_GROOVY, "groovy gradle gsp"),
        (_SCALA, "scala sc"),
        (_CS, "cs cshtml razor aspx ascx ashx csx"),
        (_DART, "dart"),
        (_PYTHON, "py pyw pyi"),
        (_RUBY, "rb rake erb ru"),
        (_SHELL, "sh bash zsh ksh ps1 psm1 bat cmd mk curl"),
        (_VB, "vb vbs bas frm cls asp vbhtml"),
        (_SQL, "sql pls pkb pks pck prc fnc trg plsql"),
        (_GO, "go"),
        (_SWIFT, "swift"),
        (_PERL, "pl pm cgi t"),
        (_CPP, "c h cc cpp cxx hpp m mm ino rs"),
        (_JSON, "json jsonc json5 ipynb har webmanifest"),
        (_XML, "xml config plist resx wsdl wadl xaml settings csproj props svg"),
        (_SETTINGS, "env properties ini cfg conf yml yaml toml dist example local production development"),
        (_PROSE, "md markdown rst txt adoc asciidoc log csv tsv org tex textile wiki rtf eml"),
    )
    for suffix in suffixes.split()
}


def language_of(path: str) -> Language:
    """The language that a file's name tells."""
    name = PurePosixPath(path).name.lower()
    if name.startswith(".env") or name.endswith(".env"):
        return _SETTINGS
    if name.endswith(".blade.php"):
        return _PHP
    if "." not in name:
        return _PROSE if name in _PROSE_NAMES else _ANY
    return _BY_SUFFIX.get(name.rpartition(".")[2], _ANY)


_PROSE_NAMES = frozenset(
    "readme changelog changes metadata pkg-info license notice authors news history todo".split()
)


def read_source(text: str, language: Language) -> Source:
    """The statements and comments of `text`."""
    comments: list[Token] = []
    if language.kind == "prose":
        return Source(text, language, [], [Token("comment", text, 0, len(text))])
    if language is _XML:
        statements = list(_xml_statements(text, comments))
    elif language is _SETTINGS:
        statements = list(_setting_statements(text, comments))
    else:
        statements = _statements(_tokens(text, language, comments), language)
    return Source(text, language, statements, comments)


# Tokens

_OPERATOR = r"=>|->|:=|::|\?\?=?|\?\.|\?:|\|\||&&|\+=|\.=|&=|===?|!==?|<<|<=|>=|\.\.|[^\w\s]"
_URL = r"https?://[^\s\"'`<>(){}\[\],;]*"
_REGEX_LITERAL = r"(?<=[=(,:!&|?;])[ \t]*/(?![/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){0,200}\]){1,1000}/[a-z]*"


@cache
def _master(language: Language) -> re.Pattern[str]:
    quotes = "|".join(re.escape(quote) for quote, _ in language.quotes)
    prefixes = {"C#": r"(?:\$@|@\$|\${1,8}|@)?", "Python": r"(?:[rRbBfFuUtT]{1,2})?", "Visual Basic": r"\$?"}
    prefix = prefixes.get(language.name, r"(?:[rsf](?=[\"']))?" if language.name in ("Dart", "Scala") else "")
    blocks = "|".join(re.escape(start) for start, _ in language.block_comments) or "(?!)"
    heredoc = {
        "PHP": r"<<<[ \t]*[\"']?(?P<word>\w+)[\"']?\n",
        "Ruby": r"<<[~-]?[\"']?(?P<word>[A-Z_]\w*)[\"']?[^\n]*\n",
        "shell": r"<<-?[ \t]*[\"']?(?P<word>[A-Za-z_]\w*)[\"']?[^\n]*\n",
        "Perl": r"<<~?[\"']?(?P<word>[A-Z_]\w*)[\"']?[^\n]*\n",
    }.get(language.name, "(?!)")
    regex = _REGEX_LITERAL if language.name == "JavaScript" else "(?!)"
    return re.compile(
        # A regular expression takes the space before it along, as what stands before that shows that it is one.
        rf"(?P<regex>{regex})|(?P<space>[^\S\n]+)|(?P<line>\n)|(?P<block>{blocks})|(?P<url>{_URL})"
        rf"|(?P<comment>{language.line_comments})|(?P<heredoc>{heredoc})|(?P<text>{prefix}(?:{quotes}))"
        rf"|(?P<name>[$@]{{0,2}}[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<operator>{_OPERATOR})|(?P<other>.)",
        re.MULTILINE,
    )


_PHP_OPEN = re.compile(r"<\?(?:php\b|=)?", re.IGNORECASE)


def _tokens(text: str, language: Language, comments: list[Token]) -> Iterator[Token]:
    if language is not _PHP:
        yield from _tokens_between(text, 0, len(text), language, comments)
        return
    # What stands outside of <?php ... ?> is a page: an apostrophe there opens no text.
    at = 0
    opened = _PHP_OPEN.search(text)
    if opened is None and "<html" not in text[:2000].lower():
        yield from _tokens_between(text, 0, len(text), _PHP, comments)
        return
    while True:
        opened = _PHP_OPEN.search(text, at)
        yield from _tokens_between(text, at, opened.start() if opened else len(text), _JS, comments)
        if not opened:
            return
        yield Token("operator", ";", opened.start(), opened.end())
        closed = text.find("?>", opened.end())
        end = closed if closed >= 0 else len(text)
        yield from _tokens_between(text, opened.end(), end, _PHP, comments)
        at = min(end + 2, len(text))


def _tokens_between(text: str, at: int, end: int, language: Language, comments: list[Token]) -> Iterator[Token]:
    match_at = _master(language).match
    while at < end:
        match = match_at(text, at, end)
        if match is None:
            at += 1
            continue
        kind = match.lastgroup
        start, at = at, match.end()
        if kind in ("space", "other", "regex"):
            continue
        if kind == "line":
            yield Token("line", "\n", start, at)
        elif kind == "name":
            yield Token("name", match.group(), start, at)
        elif kind == "operator":
            yield Token("operator", match.group(), start, at)
        elif kind == "number":
            yield Token("number", match.group(), start, at)
        elif kind == "url":
            yield Token("text", match.group(), start, at, (Piece(match.group(), start),))
        elif kind == "block":
            closing = dict(language.block_comments)[match.group()]
            closed = text.find(closing, at, end)
            at = closed + len(closing) if closed >= 0 else end
            comments.append(Token("comment", text[start:at], start, at))
        elif kind == "comment":
            closed = text.find("\n", at, end)
            at = closed if closed >= 0 else end
            comments.append(Token("comment", text[start:at], start, at))
        elif kind == "heredoc":
            word = match["word"]
            closing_line = re.compile(rf"^[ \t]*{re.escape(word)}\b", re.MULTILINE).search(text, at, end)
            body_end = closing_line.start() if closing_line else end
            yield _text_token(text, start, at, body_end, closing_line.end() if closing_line else end, language.holes)
            at = closing_line.end() if closing_line else end
        else:
            token = _read_text(text, match, end, language)
            yield token
            at = token.end


_BODIES = {
    ("line", quote): re.compile(rf"[^{quote}\\\n]*(?:\\[\s\S][^{quote}\\\n]*)*") for quote in "\"'`"
} | {("multi", quote): re.compile(rf"[^{quote}\\]*(?:\\[\s\S][^{quote}\\]*)*") for quote in "\"'`"} | {
    ("doubled", quote): re.compile(rf"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*") for quote in "\"'"
}  # fmt: skip


@cache
def _body_with_holes(kind: str, quote: str, holes: str) -> re.Pattern[str]:
    """A text's inside where an expression in it may hold the quote. It never fails, so it never goes back."""
    newline = r"\n" if kind == "line" else ""
    opener = {"f": "{", "swift": r"\\", "ruby": "#", "php": "${", "perl": "$@"}.get(holes, "$")
    escape = rf"\\(?!\()[^{newline}]" if holes == "swift" else r"\\[\s\S]"
    return re.compile(rf"(?:[^{quote}{opener}\\{newline}]|{escape}|{_HOLES[holes]}|[{opener}\\])*")


_CHAR = re.compile(r"(?:\\[^'\n]{1,8}|[^'\\\n])'")


def _read_text(text: str, match: re.Match[str], end: int, language: Language) -> Token:
    opening = match.group()
    quote = next(quote for quote, _ in language.quotes if opening.endswith(quote))
    kind = dict(language.quotes)[quote]
    prefix = opening[: -len(quote)].lower()
    start, at = match.start(), match.end()
    if kind == "char":
        char = _CHAR.match(text, at, end)
        return Token("operator", "'", start, char.end() if char else at)
    holes = language.holes if quote[0] in language.interpolated else ""
    if language.name in ("Python", "C#", "Visual Basic"):
        holes = holes if "f" in prefix or "$" in prefix or "t" in prefix else ""
    elif prefix == "r":
        holes = ""
    if "@" in prefix:
        kind = "doubled"
    if len(quote) == 3:
        closed = text.find(quote, at, end)
        body_end = closed if closed >= 0 else end
        return _text_token(text, start, at, body_end, min(body_end + 3, end), holes)
    if holes and kind != "doubled":
        body = _body_with_holes(kind, quote, holes).match(text, at, end)
    else:
        body = _BODIES[kind, quote].match(text, at, end)
    body_end = body.end() if body else at
    closed_end = body_end + 1 if body_end < end and text[body_end] == quote else body_end
    return _text_token(text, start, at, body_end, max(closed_end, at), holes)


_UNESCAPED = re.compile(r"\\(/|u002[fF]|x2[fF])")


def _text_token(text: str, start: int, body: int, body_end: int, end: int, holes: str) -> Token:
    content = text[body:body_end]
    if not holes:
        # JSON and PHP may write a slash with a backslash before it.
        plain = _UNESCAPED.sub("/", content) if "\\" in content else content
        return Token("text", plain, start, end, (Piece(plain, body),))
    pieces = []
    at = 0
    for match in _hole_pattern(holes).finditer(content):
        if match.lastindex is None:
            continue
        if match.start() > at:
            pieces.append(Piece(content[at : match.start()], body + at))
        pieces.append(Piece(match.group(match.lastindex), body + match.start(), is_value=True))
        at = match.end()
    if at < len(content) or not pieces:
        pieces.append(Piece(content[at:], body + at))
    return Token("text", content, start, end, tuple(pieces))


@cache
def _hole_pattern(holes: str) -> re.Pattern[str]:
    escape = r"\\(?!\()." if holes == "swift" else r"\\."
    return re.compile(rf"{escape}|\{{\{{|{_HOLES[holes]}" if holes == "f" else rf"{escape}|{_HOLES[holes]}")


# Statements

_OPENING = {"(": ")", "[": "]", "{": "}"}
_BEFORE_AN_OBJECT = frozenset(("return", "yield", "in", "default", "typeof", "await", "case", "of"))
_TRANSPARENT = frozenset(
    "if else elseif elsif elif for foreach while do switch try catch finally with using lock unless match when "
    "synchronized unchecked case default begin".split()
)
_CONTINUES = frozenset("+ . & | || && , = => := += .= &= ( [ { ? : ?? ?: << -> \\ * / % < _ .. ?. :: ~".split())
_CONTINUED = frozenset("+ . & | || && , ? : ?? ?: << -> ) ] .. ?. :: * % =".split())
_DEEPEST = 60
"""Levels of nesting that are told apart; no program has as many."""

_DEFINITIONS = frozenset(("def", "function", "sub", "fun", "func", "class", "procedure"))


def _statements(tokens: Iterator[Token], language: Language) -> list[Statement]:
    """Cut the tokens into statements. Brackets that don't match do not spoil what comes after the next block."""
    done: list[Statement] = []
    open_brackets: list[str] = []
    scopes: list[tuple[int, ...]] = [()]
    current = Statement()
    last: Token | None = None
    pending_line = False

    def finish() -> None:
        nonlocal current, last, pending_line
        if current.tokens:
            done.append(current)
        current = Statement(scope=scopes[-1])
        last, pending_line = None, False

    for token in tokens:
        if token.kind == "line":
            pending_line = True
            continue
        content = token.content if token.kind == "operator" else ""
        if pending_line:
            pending_line = False
            inside = bool(open_brackets) and open_brackets[-1] != "block"
            ends = language.lines_end_statements and not inside and last is not None
            if ends and last is not None and last.content in _CONTINUES and last.kind in ("operator", "name"):
                # In Python a colon at the end of a line ends the header of a block.
                ends = language is _PYTHON and last.content == ":"
            if ends and content in _CONTINUED:
                ends = False
            if ends:
                finish()
                if language is _PYTHON or language is _RUBY or language is _VB:
                    _enter_definition(token, scopes, len(done))
                    current.scope = scopes[-1]
        if content == ";":
            finish()
            while open_brackets and open_brackets[-1] != "block":
                open_brackets.pop()
            continue
        if content == "{" and _opens_a_block(current.tokens):
            head = next((word.content.lower() for word in current.tokens if word.kind == "name"), "")
            # The header's parameters hide names of the same spelling outside.
            transparent = head in _TRANSPARENT or len(scopes[-1]) > _DEEPEST
            scopes.append(scopes[-1] if transparent else (*scopes[-1], len(done) + 1))
            current.scope, current.header = scopes[-1], True
            open_brackets.append("block")
            finish()
            continue
        if content in _OPENING:
            open_brackets.append(content)
        elif content in (")", "]", "}"):
            if (
                content == "}"
                and "block" in open_brackets[-_DEEPEST:]
                and (open_brackets[-1] == "block" or "{" not in open_brackets[-_DEEPEST:])
            ):
                while open_brackets.pop() != "block":
                    pass
                finish()
                if len(scopes) > 1:
                    scopes.pop()
                current.scope = scopes[-1]
                continue
            if open_brackets and open_brackets[-1] != "block":
                open_brackets.pop()
        current.tokens.append(token)
        last = token
    finish()
    return done


def _enter_definition(token: Token, scopes: list[tuple[int, ...]], number: int) -> None:
    """Where no braces tell: a definition begins a scope of its own, and ends the one before."""
    if token.content.lower() in _DEFINITIONS or token.content in (
        "async",
        "Public",
        "Private",
        "Friend",
        "Protected",
    ):
        scopes[:] = [(), (number + 1,)]


def _opens_a_block(before: list[Token]) -> bool:
    if not before:
        return True
    last = before[-1]
    if last.kind == "name":
        return last.content not in _BEFORE_AN_OBJECT
    if last.kind != "operator" or last.content not in (")", "->", "=>"):
        return False
    # In an array of PHP, what stands behind an arrow is a value.
    return last.content != "=>" or not any(token.content in ("array", "[") for token in before)


# Settings: a key and a value on a line

_SETTING = re.compile(
    r"^(?P<indent>[ \t]*)(?:-[ \t]+)?(?:export[ \t]+|set[ \t]+)?"
    r"(?P<key>[\"']?[\w.\-]{1,200}[\"']?)[ \t]*(?P<sep>=>|[=:])"
    r"[ \t]*(?P<value>[^\n]*)$"
)
_SECTION = re.compile(r"^\s*\[+([^\[\]\n]{1,200})\]+\s*$")


def _setting_statements(text: str, comments: list[Token]) -> Iterator[Statement]:
    """`key = value` lines, each key with the sections or the parents that it stands under."""
    at = 0
    section = ""
    parents: list[tuple[int, str]] = []
    for line in text.splitlines(keepends=True):
        start, at = at, at + len(line)
        stripped = line.strip()
        if stripped[:1] in ("#", ";", "!") or stripped.startswith("//"):
            comments.append(Token("comment", line, start, at))
            continue
        heading = _SECTION.match(line) if len(line) < 300 else None
        if heading:
            section, parents = f"{heading.group(1)}.", []
            continue
        match = _SETTING.match(line.rstrip("\r\n"))
        if not match:
            if stripped:
                yield Statement([Token("text", stripped, start, at, (Piece(stripped, start),))])
            continue
        indent = len(match["indent"])
        while parents and parents[-1][0] >= indent:
            parents.pop()
        key = match["key"].strip("\"'")
        name = section + "".join(f"{parent}." for _, parent in parents) + key
        value, offset = _unquoted(match["value"], start + match.start("value"))
        if not value:
            parents.append((indent, key))
            continue
        yield Statement(
            [
                Token("name", name, start + match.start("key"), start + match.end("key")),
                Token("operator", "=", start + match.start("sep"), start + match.end("sep")),
                Token("text", value, offset, offset + len(value), _placeholders_apart(value, offset)),
            ]
        )


_VARIABLE = re.compile(r"\$\{([^{}\n]{0,120})\}")


def _placeholders_apart(value: str, at: int) -> tuple[Piece, ...]:
    pieces = []
    done = 0
    for match in _VARIABLE.finditer(value):
        pieces += [Piece(value[done : match.start()], at + done), Piece(match.group(1), at + match.start(), True)]
        done = match.end()
    return (*pieces, Piece(value[done:], at + done))


def _unquoted(value: str, at: int) -> tuple[str, int]:
    if value[:1] in ("'", '"'):
        closed = value.find(value[0], 1)
        return value[1 : closed if closed > 0 else None], at + 1
    comment = re.search(r"\s#", value)
    return (value[: comment.start()] if comment else value).rstrip(" \t,"), at


# XML: an element, or an attribute, is a key and a value

_TAG = re.compile(
    r"<([\w:.-]{1,100})"
    r"((?:\s{1,80}[\w:.-]{1,100}\s{0,20}=\s{0,20}(?:\"[^\"<]{0,4000}\"|'[^'<]{0,4000}')){0,60})"
    r"\s{0,80}(/?)>([^<]*)"
)
_ATTRIBUTE = re.compile(r"([\w:.-]{1,100})\s{0,20}=\s{0,20}(?:\"([^\"<]{0,4000})\"|'([^'<]{0,4000})')")


def _xml_statements(text: str, comments: list[Token]) -> Iterator[Statement]:
    kept = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        closed = text.find("-->", start)
        end = closed + 3 if closed >= 0 else len(text)
        comments.append(Token("comment", text[start:end], start, end))
        kept += [text[at:start], " " * (end - start)]
        at = end
    text = "".join(kept) + text[at:]
    for tag in _TAG.finditer(text):
        attributes = {
            match[1].lower(): (match[2] or match[3] or "", tag.start(2) + match.start(2 if match[2] else 3))
            for match in _ATTRIBUTE.finditer(tag.group(2))
        }
        named = attributes.get("key") or attributes.get("name") or attributes.get("id")
        key = named[0] if named else tag.group(1)
        values = [attributes[name] for name in ("value", "connectionstring") if name in attributes]
        if not named:
            for name, value in attributes.items():
                yield _xml_statement(name, *value)
        if tag.group(4).strip():
            values.append((tag.group(4).strip(), tag.end(3) + 1 + len(tag.group(4)) - len(tag.group(4).lstrip())))
        for content, at in values:
            yield _xml_statement(key, content, at)


def _xml_statement(key: str, value: str, at: int) -> Statement:
    return Statement(
        [
            Token("name", key, at, at),
            Token("operator", "=", at, at),
            Token("text", value, at, at + len(value), _placeholders_apart(value, at)),
        ]
    )
