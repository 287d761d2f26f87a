"""Messages as they came over the wire, for people to read, with whatever stands in the place of a secret masked.

A secret may be wrong, misspelt or in a place of its own, so it is not looked for: what is known to be none is shown,
and all else is masked. That are the values of the keys which both APIs have, and the words of their paths.
"""

from __future__ import annotations

import difflib
import json
import re
import struct
from collections.abc import Iterable
from dataclasses import fields, replace
from http.client import responses
from urllib.parse import unquote

from mspace_legacy.errors import InvalidInput, ProtocolError
from mspace_legacy.models import CALLS
from mspace_legacy.secrets import MASK, Secret, redact
from mspace_legacy.smpp.pdu import (
    COMMANDS,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    Outbind,
    Pdu,
    encode,
    status_name,
)
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request, Response, header

__all__ = ["command_name", "masked_pdu", "masked_reply", "masked_request", "masked_target"]

_SHOWN = frozenset(
    ("username", *(key.lower() for api in (legacy, v2) for keys in api.KEYS.values() for key, _ in keys))
)
"""Keys of both APIs whose values are no secrets, in lower case."""
_ROOTS = frozenset(root.lower() for root in v2.ROOTS.values())
_WORDS = frozenset((*CALLS, *legacy.PATH.strip("/").split("/"), *v2.PATH.strip("/").split("/")))
_SECRET_NAMES = frozenset(("password", "apikey"))
_NAMES = _SHOWN | _ROOTS | _SECRET_NAMES
_SHOWN_HEADERS = frozenset(
    "accept accept-charset accept-encoding accept-language connection content-length content-type host user-agent "
    "expect cache-control pragma origin sec-fetch-site sec-fetch-mode sec-fetch-dest x-request-id".split()
)
_MOST = 16_000
"""Characters of a text that are shown. It is cut before it is masked: masking may take longer than in proportion."""


def masked_request(request: Request, secrets: Iterable[Secret] = ()) -> str:
    """A request: its line, its headers and its body.

    :param secrets: masked wherever they stand, besides what is masked in any case.
    """
    lines = [f"{request.method} {masked_target(request.url)}"]
    for name, value in request.headers.items():
        lines.append(f"{name}: {redact(value) if name.lower() in _SHOWN_HEADERS else MASK}")
    if request.body:
        lines += ["", _masked_body(_cut(_text(request.body)), header(request.headers, "content-type") or "")]
    return redact("\n".join(lines), secrets, by_name=False)


def masked_reply(response: Response | None, secrets: Iterable[Secret] = ()) -> str:
    """A reply of the emulator: status, headers, and the body, which repeats nothing of the request but what is shown.

    Empty where there was none.
    """
    if response is None:
        return ""
    reason = response.reason or responses.get(response.status, "")
    head = [f"HTTP/1.1 {response.status} {reason}".rstrip()]
    head += [f"{name}: {value}" for name, value in response.headers]
    return redact("\n".join([*head, "", _cut(response.text())]), secrets, by_name=False)


def masked_target(url: str) -> str:
    """What stands behind the host in a URL, segment by segment."""
    _, _, target = url.partition("://")
    _, slash, target = _cut(target).partition("/")
    return slash + _masked_pairs(target, is_path=True)


_BETWEEN = re.compile(r"([/?&;])")


def _masked_pairs(text: str, *, is_path: bool) -> str:
    """`key=value` after `key=value`. What has no key belongs to a message before it, whose text was not encoded;
    behind any other value it may be a secret whose key was forgotten.
    """
    shown, goes_on, words = False, False, is_path
    made = []
    for piece in _BETWEEN.split(text):
        if _BETWEEN.fullmatch(piece) or not piece:
            made.append(piece)
            continue
        key, equals, value = piece.partition("=")
        name = unquote(key).lower()
        if not equals:
            shown_now = goes_on or (words and name in _WORDS)
            made.append(piece if shown_now else MASK)
            continue
        words = goes_on = False
        if name in _SHOWN:
            shown = not _names_a_secret(value)
            goes_on = shown and name == "message"
            made.append(f"{key}={value if shown else MASK}")
        elif name in _SECRET_NAMES or (shown and _is_a_name(key)):
            shown = False
            made.append(f"{key}={MASK}")
        else:
            # Behind a secret that was not encoded this is more of the secret.
            made.append(f"{MASK}={MASK}" if shown else MASK)
            shown = False
    return "".join(made)


def _names_a_secret(value: str) -> bool:
    """Whether a value holds another key, encoded as if it were its own text, be it more than once."""
    for _ in range(4):
        value = unquote(value)
    return any(f"{name}=" in value.lower() for name in _SECRET_NAMES)


def _is_a_name(text: str) -> bool:
    """Whether it is a key, or one that is misspelt; what is neither may be a secret in the place of a key."""
    return text.isalpha() and bool(difflib.get_close_matches(text.lower(), _NAMES, n=1, cutoff=0.7))


def _masked_body(text: str, content_type: str) -> str:
    start = text.lstrip()[:1]
    if "json" in content_type.lower() or start in ("{", "["):
        return _masked_json(text)
    if "xml" in content_type.lower() or start == "<":
        return _masked_xml(text)
    return _masked_pairs(text, is_path=False)


_JSON_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[\s{}\[\],:]+|[^\s{}\[\],:"]+|"', re.DOTALL)


def _masked_json(text: str) -> str:
    """Token by token, so that it need not be JSON: a value is shown where a known key and a colon stand before it."""
    made: list[str] = []
    key, colon = "", False
    tokens = _JSON_TOKEN.findall(text)
    for place, token in enumerate(tokens):
        mark = token.strip()
        if not mark or all(character in "{}[],:" for character in "".join(token.split())):
            colon = mark == ":"
            if not colon:
                key = key if not mark else ""
            made.append(token)
        elif colon:
            made.append(token if key in _SHOWN and not _names_a_secret(token) else f'"{MASK}"')
            key, colon = "", False
        else:
            name = _json_text(token)
            is_key = "".join(tokens[place + 1 : place + 2]).lstrip().startswith(":")
            made.append(token if is_key and _is_a_name(name) else f'"{MASK}"')
            key = name.lower() if is_key else ""
    return "".join(made)


def _json_text(token: str) -> str:
    try:
        value = json.loads(token)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


_TAG = re.compile(r"(<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<[^>]*(?:>|\Z))", re.DOTALL)
_TAG_NAME = re.compile(r"<(/?)(?:[\w.-]+:)?([\w.-]+)\s*(/?)>")
_DECLARATION = re.compile(r"<\?xml( (?:version|encoding|standalone)=(?:\"[\w.-]+\"|'[\w.-]+'))*\s*\?>")


def _masked_xml(text: str) -> str:
    """Tag by tag, so that it need not be XML: text is shown right behind the start of a known element."""
    made: list[str] = []
    inside = ""
    for piece in _TAG.split(text):
        if not piece.strip():
            made.append(piece)
        elif piece.startswith("<![CDATA["):
            made.append(piece if inside in _SHOWN else f"<![CDATA[{MASK}]]>")
        elif _DECLARATION.fullmatch(piece):
            made.append(piece)
        elif found := _TAG_NAME.fullmatch(piece):
            name = found[2].lower()
            inside = "" if found[1] or found[3] else name
            made.append(piece if _is_a_name(name) else f"<{MASK}>")
        elif piece.startswith("<"):
            inside = ""
            made.append(f"<{MASK}>")
        else:
            made.append(piece if inside in _SHOWN and not _names_a_secret(piece) else MASK)
    return "".join(made)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


_HEADER = 16


def command_name(pdu: Pdu | ProtocolError) -> str:
    """The standard's name of a PDU's command, such as `submit_sm`; of one that could not be read, too."""
    kind = COMMANDS.get(pdu.command_id)
    return _CAPITAL.sub("_", kind.__name__).lower() if kind else f"0x{pdu.command_id:08X}"


_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def masked_pdu(pdu: Pdu | ProtocolError | None, secrets: Iterable[Secret] = ()) -> str:
    """A PDU of SMPP: its fields, and its octets in hexadecimal digits. Of one that could not be read, why.

    Empty where there was none.
    """
    if pdu is None:
        return ""
    lines = [command_name(pdu)]
    if isinstance(pdu, ProtocolError):
        return redact(f"{lines[0]}, sequence_number {pdu.sequence_number}, can't be read: {pdu}", secrets)
    lines += [f"  {field.name}: {_field(field.name, getattr(pdu, field.name))}" for field in fields(pdu)]
    told, octets = "\n".join(lines), _octets_of(pdu)
    for secret in secrets:
        in_hex = secret.reveal().encode().hex(" ")
        told, octets = told.replace(in_hex, MASK), octets.replace(in_hex, MASK)
    return f"{redact(_cut(told), secrets)}\n\n{_cut(octets)}"


def _octets_of(pdu: Pdu) -> str:
    """In hexadecimal digits, without a password."""
    try:
        # Nothing writes these, but others do, and they are read; so is what stands behind the last TLV.
        status = pdu.command_status if pdu.is_response else 0
        octets = encode(replace(pdu, sequence_number=1, command_status=status, rest=b"")) + pdu.rest
    except InvalidInput as error:
        return f"octets that this library would not write: {error}"
    header = struct.pack(">4I", len(octets), pdu.command_id, pdu.command_status, pdu.sequence_number)
    octets = header + octets[_HEADER:]
    if not isinstance(pdu, (BindReceiver, BindTransmitter, BindTransceiver, Outbind)):
        return octets.hex(" ")
    start = octets.index(0, _HEADER) + 1
    end = octets.index(0, start)
    return f"{octets[:start].hex(' ')} {MASK} {octets[end:].hex(' ')}"


def _field(name: str, value: object) -> str:
    if name == "command_status" and isinstance(value, int):
        return status_name(value)
    if isinstance(value, bytes):
        return value.hex(" ")
    return str(value) if isinstance(value, Secret) else repr(value)
