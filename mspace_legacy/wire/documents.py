"""JSON and safe XML: bodies to values and back, whatever the bytes, within bounds."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from mspace_legacy.errors import InvalidInput
from mspace_legacy.wire.http import Headers, Response, header, is_known_charset

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "MEDIA_TYPES",
    "Form",
    "Unreadable",
    "accepted_form",
    "answer",
    "local_name",
    "parse_json",
    "parse_xml",
    "xml_leaf",
    "xml_list",
    "xml_record",
    "xml_safe",
]

Form = Literal["text", "json", "xml"]
"""The form of a reply, as the Accept header asks for it."""

MEDIA_TYPES: dict[Form, str] = {"text": "text/plain", "json": "application/json", "xml": "application/xml"}

_LONGEST_NUMBER = 18
"""Digits. More would not fit a 64-bit integer, and reading thousands of them takes quadratic time."""

_DEEPEST = 50
"""Levels of either form. What looks through a document may recurse for each, and Python bounds that."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""XML 1.0, section 2.2: what is not a Char. Named one by one: a set that is the complement of nearly all of Unicode
takes as long to compile as a large module to import."""


class Unreadable(Exception):
    """A body that is not what it should be. Never leaves the floor of the wire: a dialect says what it means."""


def parse_json(text: str, *, unique: bool = False, numbers_as_text: bool = False) -> Any:
    """The value of a JSON text.

    :param unique: refuse an object that has a key twice, where JSON leaves open which one counts.
    :param numbers_as_text: give numbers as they are written, where they stand for a text of digits.
    :raises Unreadable: it is not JSON, is nested too deep, or holds a number too long.
    """
    hook = _unique_keys if unique else None
    whole, broken = (str, str) if numbers_as_text else (_whole_number, None)
    try:
        value = json.loads(text, parse_int=whole, parse_float=broken, parse_constant=_refuse, object_pairs_hook=hook)
        _check_depth(value)
        return value
    except (ValueError, RecursionError) as error:
        reason = type(error).__name__
    raise Unreadable(f"not JSON ({reason})")


def _check_depth(value: Any) -> None:
    # Level by level: recursion would come to the very limit that this keeps others from.
    level = [value]
    for _ in range(_DEEPEST):
        members = (
            item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))
        )
        level = [member for each in members for member in each if isinstance(member, (dict, list))]
        if not level:
            return
    raise RecursionError


def _whole_number(digits: str) -> int:
    if len(digits.lstrip("-")) > _LONGEST_NUMBER:
        raise ValueError("number too long")
    return int(digits)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def parse_xml(body: bytes) -> Element:
    """The root of an XML document.

    :raises Unreadable: it is not XML, is nested too deep, or has a DTD or an entity.
    """
    # Imported when the first XML comes: most programs never see one, and it doubles the time of the import.
    try:
        from xml.etree.ElementTree import TreeBuilder

        from defusedxml import ElementTree
    except OSError as error:
        raise Unreadable(f"the parser of XML can't be loaded ({error.strerror})") from None

    class Shallow(TreeBuilder):
        depth = 0

        def start(self, tag: Any, attrs: Any) -> Element:
            self.depth += 1
            if self.depth > _DEEPEST:
                raise ValueError("too deep")
            return super().start(tag, attrs)

        def end(self, tag: Any) -> Element:
            self.depth -= 1
            return super().end(tag)

    def check_encoding(version: str, encoding: str | None, standalone: int) -> None:
        # Asked of expat, which finds the declaration in UTF-16 and behind a BOM too.
        if encoding and not is_known_charset(encoding):
            raise Unreadable("XML in an encoding that is not known")

    # Entities and external references are refused by default.
    parser: Any = ElementTree.XMLParser(target=Shallow(), forbid_dtd=True)
    parser.parser.XmlDeclHandler = check_encoding
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (SyntaxError, ValueError, LookupError, RecursionError) as error:
        reason = type(error).__name__
    else:
        return root
    raise Unreadable(f"not XML that is safe to read ({reason})")


def local_name(element: Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def xml_leaf(name: str, text: str) -> str:
    """`<name>text</name>`.

    :raises InvalidInput: a character that XML can't hold.
    """
    wrong = _NOT_IN_XML.search(text)
    if wrong:
        raise InvalidInput(
            f"{name}: character {wrong.start() + 1} is U+{ord(wrong[0]):04X}, which XML can't hold: "
            "leave it out, or use the JSON or the path style"
        )
    # A bare carriage return would be read back as a newline (XML 1.0, section 2.11).
    escaped = html.escape(text, quote=False).replace("\r", "&#13;")
    return f"<{name}>{escaped}</{name}>"


def xml_record(name: str, fields: Mapping[str, object]) -> str:
    """An element with a leaf for each field."""
    return f"<{name}>{''.join([xml_leaf(key, str(value)) for key, value in fields.items()])}</{name}>"


def xml_list(root: str, name: str, records: Iterable[Mapping[str, object]]) -> str:
    """A root with an element for each record; what XML can't hold becomes U+FFFD."""
    safe = [{key: xml_safe(str(value)) for key, value in record.items()} for record in records]
    return f"<{root}>{''.join([xml_record(name, record) for record in safe])}</{root}>"


def xml_safe(text: str) -> str:
    """`text` with U+FFFD for what XML can't hold: a reply must go out, whatever name stands in it."""
    return _NOT_IN_XML.sub("\ufffd", text)


def accepted_form(headers: Any, default: Form) -> Form:
    """The form that an Accept header asks for first; `default` where it names none of ours."""
    accept = (header(headers, "accept") or "").lower()
    asked = [(accept.find(media_type), form) for form, media_type in MEDIA_TYPES.items() if media_type in accept]
    return min(asked)[1] if asked else default


def answer(status: int, form: Form, text: str, headers: Headers = ()) -> Response:
    """A response of ours: UTF-8, with its length."""
    # JSON can tell half of a surrogate pair, which has no UTF-8 form and becomes a question mark.
    body = text.encode("utf-8", "replace")
    own = (("Content-Type", f"{MEDIA_TYPES[form]};charset=UTF-8"), ("Content-Length", str(len(body))))
    return Response(status, body, own + headers)
