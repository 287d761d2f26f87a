"""From a file's text to findings: which of the calls found are real, and what is wrong with each."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from mspace_legacy.migration.scan.calls import (
    PLAIN_NAMES,
    Assigned,
    JarCall,
    UrlCall,
    Value,
    jar_calls,
    mentions,
    names_in,
    url_calls,
)
from mspace_legacy.migration.scan.encoding import Verdict, encoded_whole, judge
from mspace_legacy.migration.scan.passwords import (
    Entry,
    bare_passwords,
    entries,
    flows,
    is_placeholder,
    of_mspace,
    passed,
    written_in,
)
from mspace_legacy.migration.scan.rules import RULES, Finding, Level
from mspace_legacy.migration.scan.source import Source, Token, bare, language_of, read_source
from mspace_legacy.wire.legacy import KEYS, OPERATIONS

__all__ = ["inspect"]

_LEGACY = re.compile(r"(?i)mspaceservice/wr|/mspaceservice\b|\bwr/sms\b")
_EVIDENCE = re.compile(
    r"(?i)mspaceservice|mspace\.co\.|smsapi/v2|\bmspace(?!_(?:malloc|free|calloc))|(?<=[._])mspace"
)
_V2 = re.compile(r"(?i)smsapi(?:/v2)?")
_VENDOR_ADDRESS = re.compile(r"(?i)mspace\.co\.|mspaceservice/wr|/mspaceservice\b|smsapi/v2")
_ANCHOR = re.compile(
    r"(?i)mspace|\bwr/sms|smsapi|sendtext|subusers|resellerclient|subacctopup|login_text|getbalance|senderid=|apikey="
    r"|username="
)
_OPERATION_AT_END = re.compile(rf"(?i)(?:^|/)({'|'.join(KEYS)})/?$")
_KNOWN_HOST = re.compile(r"(?i)(?:api|www)\.mspace\.co\.ke(?::\d{1,5})?")
_OWN_HOST = re.compile(r"(?i)(?:api|www)\.mspace\.co\.\w+(?::\d+)?")
_HTTP_APART = re.compile(r"(?i)[\"']http[\"']|\bUri\.http\s*\(|\bport[\"']?\s*(?:[:=]|=>)\s*[\"']?80\b")
_ADDRESS_NAME = re.compile(r"(?i)url|uri|base|host|endpoint|address|server|api|gateway|domain|root|link|path")
_PRINTS = re.compile(
    r"(?i)^(?:[\w.$]*\b(?:log|logger|logging|console|debug|Log)\b[\w.]*\s*(?:\.|->|::)\s*\w+|print|println|printf|puts"
    r"|System\.out\.print\w*|Console\.Write\w*|debugPrint|error_log|var_dump|die|exit|raise\s+\w+|throw\s+new\s+\w+)"
    r"\s*\(?\s*[\"'`f$@]*$"
)
_LONGEST_PRINT = 200
"""Characters before a URL that is printed, so that a line of any length is looked at in no time."""
_UNENCODED = re.compile(r"[\s#?\"<>\\^`|]")
"""What can't stand in a path as it is."""
_DEFAULT = re.compile(
    r"(?:\|\||\?\?|\?:|\bor\b|,)\s*[\"'](?!(?i:utf|iso|us-ascii|windows)[-\d]*[\"'])([^\"'\\]{4,200})[\"']\s*\)?\s*$"
)
"""What is taken where nothing is configured; the charset that an encoder is given is none."""
_LOOKED_UP = re.compile(r"(?i)env|getproperty|config")

_METHODS = {
    "balance": ("getBalance", "balance()"),
    "login": ("login_TEXT", "login()"),
    "sendtext": ("sendText_JSON", "send_text()"),
    "subusers": ("subUsers_JSON", "sub_users()"),
    "resellerclients": ("resellerClients_JSON", "reseller_clients()"),
    "subacctopup": ("subAccTopup_JSON", "top_up_sub_account()"),
    "resellerclienttopup": ("resellerClientTopup_JSON", "top_up_reseller_client()"),
    "close": ("close", "close()"),
}
_WORST_FIRST: list[Verdict] = ["raw", "spaces", "pluses", "whole", "plus", "slash", "unknown", "encoded"]
_ENCODED_WRONG: dict[Verdict, str] = {
    "raw": "joined without encoding",
    "spaces": "joined with nothing but its spaces replaced",
    "pluses": "joined with nothing but its spaces replaced, by +, which arrives as a plus sign",
    "whole": "encoded by a function for whole URLs, which leaves / ? and # bare",
    "slash": "encoded, but for a slash, which cuts the value off",
}
_LONGEST_HELPER = 60
"""Statements between a function's head and the URL in it."""
_BESIDE = 200
"""Characters between a host and the scheme or the port that is given apart from it."""
_NAMED_BY = 40
"""Characters before an address in which a name may say that it is one."""
_LONGEST_STATEMENT = 5000
"""Characters of a statement that are searched for names."""
_LOOKED_AT = 50
"""Values that one name is given in a file."""
_PERSONAL = frozenset(("message", "senderid", "password", "username", "clientname", "subaccname", "apikey"))
"""Keys whose values are not just digits."""


def inspect(text: str, path: str) -> Iterator[Finding]:
    """Everything that is wrong in one file, notes too, in the order of its lines.

    :param path: how findings name the file; its end tells the language.
    """
    if not _ANCHOR.search(text):
        return
    found = _Inspection(text, path).findings()
    yield from sorted(found, key=lambda finding: (finding.line, finding.column, finding.rule.id, finding.wrong))


class _Inspection:
    """One file, and what was found in it."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.text = text
        self.source: Source = read_source(text, language_of(path))
        self.python = self.source.language.name == "Python"
        self.evidence = _EVIDENCE.search(text) is not None
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self.two_units = [match.start() for match in re.finditer("[\U00010000-\U0010ffff]", text)]
        self.made = Assigned(self.source)
        self.entries: list[Entry] = entries(self.source)
        self.named_entries: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self.named_entries.setdefault(bare(entry.name), []).append(entry)
        self.secret_places: set[int] = set()
        self.goes_on: set[str] = set()
        self.has_loose_values: bool
        self.done: set[Finding] = set()

    def findings(self) -> set[Finding]:
        docstrings = [
            statement.tokens[0]
            for statement in self.source.statements
            if len(statement.tokens) == 1
            and statement.tokens[0].kind == "text"
            and self.source.language.kind == "code"
            and not statement.tokens[0].content.startswith("http")
        ]
        documented = {token.start for token in docstrings}
        found = list(url_calls(self.source, self.made))
        self._judge_calls(
            [call for call in found if self.source.statements[call.statement].tokens[0].start not in documented]
        )
        self._hosts_apart()
        self._judge_jar()
        self._judge_entries()
        for comment in (*self.source.comments, *docstrings):
            self._judge_comment(comment)
        return self.done

    # Calls by URL

    def _judge_calls(self, calls: Sequence[UrlCall]) -> None:
        for call in calls:
            if call.values:
                self.goes_on.update(names_in(call.before))
        legacy_file = any(call.base for call in calls)
        v2_file = any(call.v2 for call in calls)
        signed = {
            self.made.name_at(call.statement)
            for call in calls
            if call.keys[:2] == ["username", "password"] and not call.operation
        }
        real: list[UrlCall] = []
        for call in calls:
            self._plain_http(call)
            if call.v2 or (call.keys[:1] == ["apikey"] and not call.query):
                self._v2(call, v2_file)
                continue
            if self._is_legacy(call, legacy_file, v2_file) or self._takes_in(call, signed):
                real.append(call)
        generic = [call for call in real if not call.operation and (call.base or call.operation_value)]
        parts = self._parts_of_others(real)
        # Keys and values in a list of their own belong to an address that is kept elsewhere.
        self.has_loose_values = any(
            call.values and not call.base and not call.operation and id(call) not in parts for call in real
        )
        for call in real:
            if id(call) in parts:
                operation = _operation_by_keys(call.keys)
                self._encoding(call, operation, _skeleton(call, operation))
            else:
                self._legacy(call)
        if generic or (legacy_file and not v2_file):
            self._operations_by_name(real, generic)
        secrets = [value for call in real for value in call.values if value.key == "password"]
        self._passwords_in_urls(secrets)
        expressions = [expression for value in secrets for expression in (*value.expressions, *value.names)]
        for entry in flows(expressions, self.entries, self.made, self.source):
            self._secret(entry.at, entry.text, "password")
        if generic or any(call.operation and not call.values for call in real):
            for entry in bare_passwords(self.entries):
                self._secret(entry.at, entry.text, "password")
        names = {name for expression in expressions for name in names_in(expression)}
        for text, at in passed(names, self.source):
            self._secret(at, text, "password")

    def _is_legacy(self, call: UrlCall, legacy_file: bool, v2_file: bool) -> bool:
        if call.base:
            return True
        if call.of_somebody_else or call.query:
            return False
        base = self._base_of(call)
        if base == "other":
            return False
        keys = call.keys
        signed = keys[:2] == ["username", "password"]
        if call.operation and call.operation != "deliveryreport":
            if signed:
                return True
            if base == "legacy":
                return True
            # "sendtext/" with the rest put on elsewhere: only where the file shows whose it is.
            plain = call.operation in PLAIN_NAMES and not call.of_the_vendor
            return call.slashed and legacy_file and not v2_file and not plain
        if not signed:
            return False
        if _operation_by_keys(keys):
            return base != "v2"
        return legacy_file or base == "legacy" or call.of_the_vendor

    def _takes_in(self, call: UrlCall, signed: set[str]) -> bool:
        """Whether an operation's URL goes on with the keys that are kept under one of the names `signed`."""
        if call.of_somebody_else or not call.slashed:
            return False
        return not signed.isdisjoint(names_in(_all_of(self.source, call.statement)))

    def _base_of(self, call: UrlCall) -> str | None:
        """Whose the address is that stands before the call, where this file tells."""
        for name in reversed(names_in(call.before)):
            kept = (entry.text for entry in self.named_entries.get(name, ())[:_LOOKED_AT])
            whose = next(filter(None, map(_whose, (*self.made.texts(name), *kept))), None)
            if whose:
                return whose
        if re.search(r"(?i)mspace", call.before) and not re.search(r"(?i)v2", call.before):
            return "legacy"
        return None

    def _operation_before(self, call: UrlCall) -> str:
        """The operation at the end of the address that stands before the call."""
        texts = itertools.chain.from_iterable(map(self.made.texts, names_in(call.before)))
        found = next(filter(None, map(_OPERATION_AT_END.search, texts)), None)
        return found.group(1).lower() if found else ""

    def _goes_on_elsewhere(self, call: UrlCall) -> bool:
        """Whether the URL is kept under a name, and another call of this file begins with it."""
        name = self.made.name_at(call.statement)
        return bool(name) and (name in self.goes_on or self.has_loose_values)

    def _parts_of_others(self, calls: Sequence[UrlCall]) -> set[int]:
        """Those that are only a part which another call takes in by its name."""
        used: set[str] = set()
        for statement in {call.statement for call in calls}:
            used |= set(names_in(_all_of(self.source, statement))) - {self.made.name_at(statement)}
        return {
            id(call)
            for call in calls
            if not call.base and not (call.operation and call.values) and self.made.name_at(call.statement) in used
        }

    def _legacy(self, call: UrlCall) -> None:
        printed = self._is_printed(call)
        operation = call.operation or _operation_by_keys(call.keys) or self._operation_before(call)
        url = _skeleton(call, operation)
        if not (call.values or call.operation_value) and (not operation or self._goes_on_elsewhere(call)):
            self._report(
                "MSP007",
                call.at,
                "the address of the legacy API is kept here, for calls that are put together elsewhere",
                self._elsewhere("point it at the gateway, or replace the calls that use it"),
                url=url,
            )
            return
        level: Level | None = "note" if printed else None
        if operation:
            wrong = f"calls {operation} of the legacy API by a URL that is put together by hand"
        else:
            wrong = "calls the legacy API by a URL that is put together by hand; which operation is chosen as it runs"
        self._report("MSP001", call.at, wrong, self._instead(operation), operation, url, level)
        if not printed:
            self._encoding(call, operation, url)

    def _is_printed(self, call: UrlCall) -> bool:
        before = self.text[self.source.statements[call.statement].tokens[0].start : call.at]
        return len(before) < _LONGEST_PRINT and bool(_PRINTS.match(before))

    def _encoding(self, call: UrlCall, operation: str, url: str) -> None:
        if call.encodes:
            return
        statement = self.source.statements[call.statement]
        whole = encoded_whole(self.text, call.at)
        by_verdict: dict[Verdict, list[str]] = {}
        for value in call.values:
            verdict = self._verdict(value, call.statement, statement.scope)
            if whole and verdict in ("raw", "spaces"):
                verdict = "whole"
            by_verdict.setdefault(verdict, []).append(value.key)
        if by_verdict.get("plus"):
            keys = ", ".join(by_verdict["plus"])
            self._report(
                "MSP006",
                call.at,
                f"{keys}: encoded as in a query, where a space becomes +; in a path the + arrives as a plus sign",
                self._encoder(),
                operation,
                url,
            )
        wrong = [
            f"{', '.join(by_verdict[verdict])}: {words}"
            for verdict, words in _ENCODED_WRONG.items()
            if by_verdict.get(verdict)
        ]
        bad = {key for verdict in ("raw", "spaces", "pluses", "whole") for key in by_verdict.get(verdict, ())}
        if wrong and (bad | set(by_verdict.get("slash", ()))) & _PERSONAL:
            level: Level | None = None if bad & _PERSONAL else "note"
            self._report("MSP005", call.at, "; ".join(wrong), self._encoder(), operation, url, level)

    def _verdict(self, value: Value, statement: int, scope: tuple[int, ...]) -> Verdict:
        verdicts: list[Verdict] = ["encoded"]
        for text, expression in value.parts:
            if expression != "":
                verdicts.append(judge(expression, self.source, self.made, statement, scope))
            elif value.key not in ("password", "username") and _UNENCODED.search(text):
                verdicts.append("raw")
        return min(verdicts, key=_WORST_FIRST.index)

    def _operations_by_name(self, calls: Sequence[UrlCall], generic: Sequence[UrlCall]) -> None:
        """Operations that a helper of the file, or a format that it keeps, is asked for by name, such as
        call("sendtext", ...) and FORMAT % ("sendtext", ...).
        """
        helpers = {self._defined_around(call.statement) for call in generic}
        formats = {name for call in generic if (name := self.made.name_at(call.statement))}
        plain: list[tuple[str, Token, str]] = []
        used = {call.statement for call in calls}
        for number, statement in enumerate(self.source.statements):
            if number in used:
                continue
            words, by_format = statement.tokens, False
            for callee, before, token in zip(words, words[1:], words[2:], strict=False):
                by_format = by_format or bare(callee.content) in formats
                operation = token.content.removeprefix("/").removesuffix("/").lower()
                if token.kind != "text" or operation not in OPERATIONS:
                    continue
                if by_format and before.content in ("(", ",", "["):
                    self._by_name(token, operation)
                elif before.content == "(" and callee.kind == "name":
                    if operation in PLAIN_NAMES:
                        plain.append((callee.content, token, operation))
                    elif callee.content not in ("case", "in", "in_array", "Log", "print", "echo"):
                        helpers.add(callee.content)
                        self._by_name(token, operation)
        for helper, token, operation in plain:
            if helper in helpers:
                self._by_name(token, operation)

    def _defined_around(self, statement: int) -> str | None:
        """The name of the function that `statement` stands in."""
        scope = self.source.statements[statement].scope
        for header in self.source.statements[max(statement - _LONGEST_HELPER, 0) : statement] if scope else ():
            if header.scope == scope:
                names = [
                    token.content for token in itertools.takewhile(lambda token: token.content != "(", header.tokens)
                ]
                return names[-1] if names else None
        return None

    def _by_name(self, token: Token, operation: str) -> None:
        wrong = f"calls {operation} of the legacy API, by a helper that puts the URL together"
        self._report("MSP001", token.start, wrong, self._instead(operation), operation, f"…/{operation}/…")

    def _plain_http(self, call: UrlCall) -> None:
        if call.scheme != "http" or call.loopback or self._is_printed(call):
            return
        written = call.base or call.v2 or (call.of_the_vendor and (call.operation or call.values))
        if not written and call.of_the_vendor:
            written = self._is_address(call)
        if written and not (call.of_somebody_else and call.v2):
            self._over_http(call.scheme_at, call.operation, _skeleton(call, call.operation))

    def _hosts_apart(self) -> None:
        """MSpace's hosts that stand by themselves, with the scheme or the port beside them."""
        for statement in self.source.statements:
            first, last = statement.tokens[0], statement.tokens[-1]
            for token in statement.tokens:
                if token.kind == "text" and _KNOWN_HOST.fullmatch(token.content):
                    beside = self.text[max(token.start - _BESIDE, first.start) : min(token.end + _BESIDE, last.end)]
                    if _HTTP_APART.search(beside):
                        self._over_http(token.start, "", f"http://{token.content}")

    def _over_http(self, at: int, operation: str, url: str) -> None:
        self._report(
            "MSP004",
            at,
            "asked over http: whoever is on the way reads the password and the message",
            "https://api.mspace.co.ke/smsapi/v2 is there: move to v2",
            operation,
            url,
        )

    def _is_address(self, call: UrlCall) -> bool:
        host = call.host.lower()
        if not _OWN_HOST.fullmatch(host) or call.goes_on:
            return False
        begin = self.source.statements[call.statement].tokens[0].start
        before = self.text[max(begin, call.scheme_at - _NAMED_BY) : call.scheme_at]
        # In XML, and behind a call, the name stands further off than that.
        named = (before, self.made.name_at(call.statement))
        return host.startswith("api.") or any(map(_ADDRESS_NAME.search, named))

    def _v2(self, call: UrlCall, v2_file: bool) -> None:
        keyed = [value for value in call.values if value.key == "apikey"]
        if not keyed or call.query or call.of_somebody_else:
            return
        others = set(call.keys) - {"apikey"}
        if not (call.v2 or ((v2_file or self.evidence) and others)):
            return
        operation = call.operation or self._operation_before(call)
        self._report(
            "MSP008",
            call.at,
            "v2 is asked with the API key in the URL, where logs and proxies keep it",
            "send the key in the header apikey, and the call as JSON"
            if not self.python
            else "use mspace_legacy.Client.v2, which sends the key in a header",
            operation,
            _skeleton(call, operation),
        )
        self._passwords_in_urls(keyed)
        for entry in flows([e for value in keyed for e in value.expressions], self.entries, self.made, self.source):
            if entry.key:
                self._secret(entry.at, entry.text, "API key")

    # The jar

    def _judge_jar(self) -> None:
        if self.source.language.kind != "code":
            return
        expressions = []
        for call in jar_calls(self.source, evidence=self.evidence):
            operation = call.method.partition("_")[0].lower().removeprefix("get")
            if operation == "subusers" and len(call.arguments) == 6:
                operation = "sendtext"
            if call.method == "close" and not self.source.language.jar:
                continue
            self._report(
                "MSP002",
                call.at,
                f"calls {call.method}, a method of the jar",
                self._instead(operation, jar=True),
                operation if operation != "close" else "",
            )
            expressions += self._jar_password(call)
        for entry in flows(expressions, self.entries, self.made, self.source):
            self._secret(entry.at, entry.text, "password")

    def _jar_password(self, call: JarCall) -> list[str]:
        place = 1 if call.method in ("getBalance", "login_TEXT") else 2
        if place >= len(call.arguments):
            return []
        written = written_in(call.arguments[place])
        if written is None:
            return [call.arguments[place]]
        self._secret(call.argument_places[place], written, "password")
        return []

    # Secrets

    def _passwords_in_urls(self, values: Sequence[Value]) -> None:
        for value in values:
            what = "API key" if value.key == "apikey" else "password"
            if value.literal is not None:
                self._secret(value.at, value.literal, what)
            for expression in value.expressions:
                written = written_in(expression)
                default = _DEFAULT.search(expression)
                if written is not None:
                    self._secret(value.at, written, what)
                elif default and _LOOKED_UP.search(expression):
                    self._secret(value.at, default.group(1), what)

    def _judge_entries(self) -> None:
        if not self.evidence:
            return
        addresses = [entry.at for entry in self.entries if _VENDOR_ADDRESS.search(entry.text)]
        settings = self.source.language.kind == "settings"
        v2 = bool(_V2.search(self.text))
        for entry in of_mspace(self.entries, addresses, settings=settings, v2=v2):
            self._secret(entry.at, entry.text, "API key" if entry.key else "password")

    def _secret(self, at: int, value: str, what: str) -> None:
        if at in self.secret_places or is_placeholder(value) or value.startswith(("http://", "https://")):
            return
        self.secret_places.add(at)
        self._report(
            "MSP003",
            at,
            f"the {what} is written here",
            "have it changed, as whoever has the source has it, and read it from the environment or a secret store",
        )

    # Comments and prose

    def _judge_comment(self, comment: Token) -> None:
        if not re.search(r"(?i)mspaceservice|wr/sms|mspace\.co\.|/username=", comment.content):
            return
        for call in mentions(comment):
            legacy = call.base or (call.operation and call.keys[:2] == ["username", "password"])
            if call.v2 or not legacy or (call.of_somebody_else and not call.base):
                if not (call.v2 and "apikey" in call.keys):
                    continue
            else:
                operation = call.operation or _operation_by_keys(call.keys)
                self._report(
                    "MSP001",
                    call.at,
                    f"a comment or a text mentions {operation or 'the address'} of the legacy API",
                    "bring it up to date when the calls have moved",
                    operation,
                    _skeleton(call, operation),
                    "note",
                )
            for value in call.values:
                if value.key in ("password", "apikey") and value.literal:
                    literal = re.split(r"[\s\"'`<>&,;)]", value.literal)[0]
                    if not re.search(r"[.+$({]", literal[:1]):
                        self._secret(value.at, literal, "API key" if value.key == "apikey" else "password")

    # Words

    def _instead(self, operation: str, *, jar: bool = False) -> str:
        if operation not in _METHODS:
            if self.python:
                return "use mspace_legacy.Client, which has a method for each operation"
        elif self.python and jar:
            return f"use mspace_legacy.Client.{_METHODS[operation][1]}"
        elif self.python:
            return "use mspace_legacy.Client.{1}, or MSpaceClient.{0}".format(*_METHODS[operation])
        elif jar:
            return (
                "in Python it is MSpaceClient.{}, then Client.{}; here, point main_url at mspace-legacy gateway, or "
                "call v2".format(*_METHODS[operation])
            )
        return self._elsewhere(
            "point the host at mspace-legacy gateway, or call v2 over https with the key in a header"
        )

    def _elsewhere(self, otherwise: str) -> str:
        return "use mspace_legacy.Client, which knows the addresses" if self.python else otherwise

    def _encoder(self) -> str:
        known = {
            "Python": "pass the value as it is to mspace_legacy.Client, which encodes it",
            "PHP": "encode each value with rawurlencode()",
            "JavaScript": "encode each value with encodeURIComponent()",
            "C#": "encode each value with Uri.EscapeDataString()",
            "Visual Basic": "encode each value with Uri.EscapeDataString()",
            "Dart": "encode each value with Uri.encodeComponent()",
            "Java": 'encode each value with URLEncoder.encode(value, "UTF-8").replace("+", "%20")',
            "Kotlin": 'encode each value with URLEncoder.encode(value, "UTF-8").replace("+", "%20")',
            "Go": "encode each value with url.PathEscape()",
            "Ruby": "encode each value with ERB::Util.url_encode()",
        }
        return known.get(self.source.language.name, "percent-encode each value as UTF-8, its slashes and spaces too")

    def _report(
        self,
        rule: str,
        at: int,
        wrong: str,
        remedy: str,
        operation: str = "",
        url: str = "",
        level: Level | None = None,
    ) -> None:
        line = bisect_right(self.lines, at)
        begin = self.lines[line - 1]
        column = at - begin + bisect_left(self.two_units, at) - bisect_left(self.two_units, begin) + 1
        kind = RULES[rule]
        finding = Finding(self.path, line, column, kind, level or kind.level, operation, wrong, remedy, url)
        self.done.add(finding)


def _whose(address: str) -> str | None:
    """Whose API an address is of, where it tells."""
    if _LEGACY.search(address):
        return "legacy"
    if re.search(r"(?i)https?://(?![\w.-]*mspace)[\w.-]+\.[a-z]{2,}", address):
        return "other"
    if _V2.search(address):
        return "v2"
    return None


def _operation_by_keys(keys: Sequence[str]) -> str:
    if {"recipient", "message"} <= set(keys):
        return "sendtext"
    if "noofsms" in keys:
        return "resellerclienttopup" if "clientname" in keys else "subacctopup"
    return ""


def _skeleton(call: UrlCall, operation: str) -> str:
    """The URL in words that are the API's own; every value is masked, and so is a host that is not the vendor's."""
    host = call.host if call.host and _KNOWN_HOST.fullmatch(call.host) else "…"
    start = f"{call.scheme}://{host}" if call.scheme else "…"
    path = "/smsapi/v2" if call.v2 else "/mspaceservice/wr/sms" if call.base else ""
    parts = [operation] if operation else ["…"] if call.values or call.operation_value else []
    parts += [f"{key}=***" if key in ("password", "apikey") else f"{key}=…" for key in call.keys]
    return "/".join([start + path, *parts])


def _all_of(source: Source, statement: int) -> str:
    tokens = source.statements[statement].tokens
    return source.text[tokens[0].start : tokens[-1].end][:_LONGEST_STATEMENT]
