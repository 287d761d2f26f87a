"""wire.documents: JSON and safe XML, whatever the bytes."""

from __future__ import annotations

import json
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given

from mspace_legacy.errors import InvalidInput
from mspace_legacy.wire.documents import (
    Unreadable,
    accepted_form,
    answer,
    local_name,
    parse_json,
    parse_xml,
    xml_leaf,
    xml_list,
    xml_record,
    xml_safe,
)
from tests.wire.strategies import xml_texts

BILLION_LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><l>&a9;</l>"
)
UNSAFE_XML = {
    "billion laughs": BILLION_LAUGHS,
    "quadratic blowup": f'<!DOCTYPE l [<!ENTITY a "{"x" * 50_000}">]><l>{"&a;" * 50_000}</l>',
    "external entity": '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>',
    "external DTD": '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd"><l>50</l>',
    "parameter entity": '<!DOCTYPE l [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;]><l>50</l>',
    "a DTD that does nothing": "<!DOCTYPE l><l>50</l>",
    "an entity of its own": '<!DOCTYPE l [<!ENTITY a "50">]><l>&a;</l>',
}


@pytest.mark.parametrize("name", UNSAFE_XML)
def test_xml_with_a_dtd_or_an_entity_is_not_read(name: str) -> None:
    began = time.monotonic()
    with pytest.raises(Unreadable, match="not XML that is safe to read") as raised:
        parse_xml(UNSAFE_XML[name].encode())
    assert time.monotonic() - began < 5
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<", b"<a>", b"<a></b>", b"<a/><b/>", b"a", b"<a>&b;</a>", b"<a>\x00</a>", b"<a>\xff</a>", b"<a>&#0;</a>",
     b"<a>&#xD800;</a>", b'<?xml version="1.0" encoding="klingon"?><a/>',
     b'<?xml version="1.0" encoding="utf-7"?><a/>', b'<?xml version="1.0" encoding="utf-16"?><a/>',
     b'<?xml version="1.0" encoding="idna"?><a/>', b'<?xml version="1.0" encoding="hex"?><a/>', b"<a b='1' b='2'/>",
     b"<x:a/>", b'<?xml version="1.0" encoding="unicode_escape"?><a>\\q</a>',
     b'<?xml version="1.0" encoding="undefined"?><a/>'],
)  # fmt: skip
def test_what_is_no_xml_is_told_so(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_xml(body)


def test_what_is_no_xml_says_why() -> None:
    for body, told in (
        (b"<a>", r"not XML that is safe to read \(ParseError\)"),
        (b"<!DOCTYPE a><a/>", r"not XML that is safe to read \(DTDForbidden\)"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "XML in an encoding that is not known"),
    ):
        with pytest.raises(Unreadable, match=f"^{told}$"):
            parse_xml(body)


def test_xml_is_fifty_deep_at_most() -> None:
    def nested(depth: int) -> bytes:
        return b"<a>" * depth + b"</a>" * depth

    assert len(list(parse_xml(nested(50)).iter())) == 50
    with pytest.raises(Unreadable, match=r"^not XML that is safe to read \(ValueError\)$"):
        parse_xml(nested(51))
    # What was closed on the way counts no more, and no less.
    with pytest.raises(Unreadable):
        parse_xml(b"<a>" * 10 + b"<b/>" + nested(41) + b"</a>" * 10)
    # What stands side by side is not deep.
    assert len(parse_xml(b"<r>" + nested(40) * 100 + b"</r>")) == 100


def test_xml_in_another_encoding_that_it_names_is_read() -> None:
    body = '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1")
    assert parse_xml(body).text == "é"


def test_the_name_of_an_element_is_without_its_namespace() -> None:
    assert local_name(parse_xml(b'<x:client xmlns:x="urn:a"/>')) == "client"
    assert local_name(parse_xml(b'<client xmlns="urn:a"/>')) == "client"
    assert local_name(parse_xml(b"<client/>")) == "client"


@pytest.mark.parametrize(
    "text",
    ["", "x", "{", "[1,]", "{'a': 1}", "NaN", "[Infinity]", "[-Infinity]", '{"a": 1}}', "[" * 100_000 + "]" * 100_000,
     '{"a":' * 100_000 + "1" + "}" * 100_000, "9" * 19, "[" + "9" * 1_000_000 + "]", '"\x01"', '"\\x"', "\ufeff{}"],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_json_is_told_so(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(Unreadable, match=r"^not JSON") as raised:
        parse_json(text)
    assert time.monotonic() - began < 5
    assert raised.value.__context__ is None


def test_what_is_no_json_says_why() -> None:
    for text, reason in (("{", "JSONDecodeError"), ("9" * 19, "ValueError"), ("[" * 100_000, "RecursionError")):
        with pytest.raises(Unreadable, match=rf"^not JSON \({reason}\)$"):
            parse_json(text)


def test_json_is_fifty_deep_at_most() -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}"), ('[{"b": 1, "a":', "}]")):
        levels = len(closed)
        assert parse_json(opened * (50 // levels) + "1" + closed * (50 // levels))
        for times in (50 // levels + 1, 500, 990, 1500):
            with pytest.raises(Unreadable, match=r"^not JSON \(RecursionError\)$"):
                parse_json(opened * times + "1" + closed * times)
    assert len(parse_json("[" + "[[1]]," * 100 + "1]")) == 101


def test_a_key_that_comes_twice() -> None:
    assert parse_json('{"a": 1, "a": 2}') == {"a": 2}
    assert parse_json('{"a": {"b": 1}, "b": 2}', unique=True) == {"a": {"b": 1}, "b": 2}
    for text in ('{"a": 1, "a": 2}', '[{"b": {"a": 1, "a": 1}}]'):
        with pytest.raises(Unreadable, match=r"^not JSON \(ValueError\)$"):
            parse_json(text, unique=True)


def test_json_is_read_as_it_stands() -> None:
    assert parse_json('{"a": [1, -999999999999999999, "b", null, true, 1.5]}') == {
        "a": [1, -999_999_999_999_999_999, "b", None, True, 1.5]
    }


def test_json_whose_numbers_stand_for_digits() -> None:
    # A number of USSD's is what somebody typed: 1.50 and 0.0 are other entries than 1.5 and 0, and none is too long.
    text = f'{{"a": [10, -1, 1.50, 1E2, {"9" * 40}, "b", true]}}'
    assert parse_json(text, numbers_as_text=True) == {"a": ["10", "-1", "1.50", "1E2", "9" * 40, "b", True]}


@given(xml_texts)
def test_an_element_holds_any_text_that_xml_can(text: str) -> None:
    # The standard library's parser is the oracle, on text that we made.
    element = ElementTree.fromstring(xml_leaf("message", text))  # noqa: S314  # as just said
    assert (element.tag, element.text or "", len(element)) == ("message", text, 0)


def test_only_what_xml_wants_escaped_is() -> None:
    assert xml_leaf("a", "<&>\"'\r\n") == "<a>&lt;&amp;&gt;\"'&#13;\n</a>"
    assert xml_safe("a\0b\ud800c") == "a\ufffdb\ufffdc"


@pytest.mark.parametrize("character", ["\0", "\x01", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_a_character_that_xml_cannot_hold_is_named_by_place(character: str) -> None:
    with pytest.raises(InvalidInput, match=f"^message: character 3 is U\\+{ord(character):04X}"):
        xml_leaf("message", f"ab{character}cd")


def test_records_and_lists_in_xml() -> None:
    assert xml_record("sms", {"a": "<&>", "b": 5}) == "<sms><a>&lt;&amp;&gt;</a><b>5</b></sms>"
    assert xml_list("clients", "client", [{"a": "1"}, {"a": "2"}]) == (
        "<clients><client><a>1</a></client><client><a>2</a></client></clients>"
    )
    assert xml_list("clients", "client", []) == "<clients></clients>"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json", "json"),
        ("application/xml", "xml"),
        ("text/plain", "text"),
        ("TEXT/PLAIN", "text"),
        ("application/xml, application/json", "xml"),
        ("application/xml, application/json, application/xml", "xml"),
        ("application/json;q=0.9,text/plain;q=0.8", "json"),
        ("*/*", "json"),
        ("image/png", "json"),
        ("", "json"),
    ],
)
def test_the_form_that_is_asked_for(accept: str, form: str) -> None:
    assert accepted_form({"accept": accept}, "json") == form


def test_an_accept_header_that_is_missing_leaves_the_default() -> None:
    assert accepted_form({}, "text") == "text"
    assert accepted_form((), "xml") == "xml"


def test_an_answer_is_utf8_with_its_length() -> None:
    response = answer(200, "json", json.dumps("é", ensure_ascii=False))
    assert response.status == 200
    assert response.headers == (("Content-Type", "application/json;charset=UTF-8"), ("Content-Length", "4"))
    assert response.body == b'"\xc3\xa9"'
    assert response.header("content-length") == "4"
    assert response.header("content-type") == "application/json;charset=UTF-8"
    assert response.text() == '"é"'


def test_an_answer_that_utf8_has_no_form_of_goes_out_all_the_same() -> None:
    assert answer(200, "text", json.loads(r'"half \ud83d of a pair"')).body == b"half ? of a pair"
