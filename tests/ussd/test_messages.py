"""The codec of USSD against the vendor's text, and against what 160 octets hold."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mspace_legacy.errors import InvalidInput, ReplyError, RequestError, WrongType
from mspace_legacy.ussd.messages import (
    LARGEST_BODY,
    Answer,
    Continue,
    End,
    UssdRequest,
    fits,
    read_answer,
    read_request,
    write_answer,
    write_request,
)

FIRST: dict[str, Any] = {
    "MSISDN": "254722123456",
    "SESSION_ID": "ussd-77",
    "CALLBACK_URL": "https://shop.example/ussd",
    "USSD_STRING": "",
    "SERVICE_CODE": "*384#",
}


def body(**changes: Any) -> bytes:
    """The vendor's five elements with changes; a value of ... leaves one out."""
    return json.dumps({name: value for name, value in {**FIRST, **changes}.items() if value is not ...}).encode()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
requests = st.builds(
    UssdRequest,
    st.from_regex(r"254[71][0-9]{8}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256),
    texts,
    texts,
    texts,
)


# Requests


def test_the_vendors_five_elements() -> None:
    read = read_request(body(USSD_STRING="1*2"))
    assert read == UssdRequest("254722123456", "ussd-77", "*384#", "1*2", "https://shop.example/ussd")


def test_what_is_written_has_the_vendors_names() -> None:
    written = json.loads(write_request(UssdRequest("254722123456", "ussd-77", "*384#", "1", "https://x.example/")))
    assert written == {**FIRST, "USSD_STRING": "1", "CALLBACK_URL": "https://x.example/"}


@given(requests)
def test_a_request_is_read_as_it_was_written(request: UssdRequest) -> None:
    assert read_request(write_request(request)) == request


@pytest.mark.parametrize(
    "given",
    [
        body(USSD_STRING=..., USER_DATA="5"),
        body(USSD_STRING=None, USER_DATA="5"),
        body(USSD_STRING="", USER_DATA="5"),
        body(USSD_STRING="5", USER_DATA="5"),
        body(USSD_STRING=5),
        body(USSD_STRING="5").lower().replace(b"\\", b""),
        body(MSISDN=..., MSSDN="254722123456", USSD_STRING="5"),
        b"\xef\xbb\xbf" + body(USSD_STRING="5"),
        body(USSD_STRING="5", NETWORK={"name": "any"}, COUNT=[1]),
        body(USSD_STRING="5").decode(),
    ],
)
def test_the_forms_of_one_request(given: bytes | str) -> None:
    assert read_request(given) == UssdRequest("254722123456", "ussd-77", "*384#", "5", "https://shop.example/ussd")


@pytest.mark.parametrize("missing", [..., None, ""])
def test_what_may_be_missing_is_empty(missing: object) -> None:
    read = read_request(body(USSD_STRING=missing, SERVICE_CODE=missing, CALLBACK_URL=missing))
    assert (read.entry, read.service_code, read.callback_url) == ("", "", "")


@pytest.mark.parametrize(
    "number", ["254722123456", "+254722123456", "0722123456", "722123456", 254722123456, 722123456, "+254 722-123456"]
)
def test_the_forms_of_a_number(number: str | int) -> None:
    assert read_request(body(MSISDN=number)).msisdn == "254722123456"


def test_local_numbers_are_those_of_the_country() -> None:
    assert read_request(body(MSISDN="0772123456"), country="UG").msisdn == "256772123456"


def test_numbers_are_read_digit_by_digit() -> None:
    """A session id beyond 64 bits, and an amount whose last zero was entered."""
    text = body(SESSION_ID="@", USSD_STRING="#").decode()
    read = read_request(text.replace('"@"', "123456789012345678901234567890").replace('"#"', "1.50"))
    assert (read.session_id, read.entry) == ("123456789012345678901234567890", "1.50")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (body(MSISDN=...), "MSISDN"),
        (body(MSISDN=None), "MSISDN"),
        (body(MSISDN=True), "MSISDN"),
        (body(MSISDN="07221234"), "MSISDN"),
        (body(MSISDN="Jane Wanjiku"), "MSISDN"),
        (body(MSISDN=2.54722e11), "MSISDN"),
        (body(SESSION_ID=...), "SESSION_ID"),
        (body(SESSION_ID=""), "SESSION_ID"),
        (body(SESSION_ID="x" * 257), "SESSION_ID"),
        (body(SESSION_ID=["x"]), "SESSION_ID"),
        (body(USSD_STRING={"1": 2}), "USSD_STRING"),
        (body(USSD_STRING=False), "USSD_STRING"),
        (body(USSD_STRING="1*2", USER_DATA="2"), "USSD_STRING and USER_DATA"),
        (body(USSD_STRING="\ud83d"), "USSD_STRING"),
        (body(msisdn="254722123457"), "twice"),
        (b'{"MSISDN":"254722123456","MSISDN":"254722123457","SESSION_ID":"x"}', "once"),
        (b"", "JSON"),
        (b"null", "JSON"),
        (b"[1]", "JSON"),
        (b'{"MSISDN": NaN}', "JSON"),
        (b"MSISDN=254722123456&SESSION_ID=1", "JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 10_000, "JSON"),
        (body(USSD_STRING="x" * LARGEST_BODY), "longer"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_anything_else_is_refused_by_name(given: bytes, named: str) -> None:
    with pytest.raises(RequestError, match=named) as refused:
        read_request(given)
    for value in ("Wanjiku", "07221234", FIRST["SESSION_ID"]):
        assert value not in str(refused.value)


@given(st.binary(max_size=200) | st.text(max_size=200))
@example(b'{"MSISDN":"254722123456","SESSION_ID":"\\ud800"}')
def test_any_bytes_give_a_request_or_our_error(given: bytes | str) -> None:
    with contextlib.suppress(RequestError):
        assert isinstance(read_request(given), UssdRequest)


values = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3)


@given(st.dictionaries(st.sampled_from([*FIRST, "USER_DATA", "MSSDN", "msisdn"]), values))
def test_any_values_give_a_request_or_our_error(members: dict[str, Any]) -> None:
    with contextlib.suppress(RequestError):
        assert isinstance(read_request(json.dumps({**FIRST, **members})), UssdRequest)


@pytest.mark.parametrize(
    "changed", [{"msisdn": "0722123456"}, {"msisdn": "+254722123456"}, {"session_id": ""}, {"entry": "\udc00"}]
)
def test_a_request_that_nobody_could_read_is_not_made(changed: dict[str, str]) -> None:
    made = {"msisdn": "254722123456", "session_id": "1", "service_code": "*384#", "entry": ""}
    with pytest.raises(InvalidInput, match=next(iter(changed))):
        UssdRequest(**{**made, **changed})


def test_a_request_does_not_print_number_or_pin() -> None:
    printed = repr(UssdRequest("254722123456", "254722123456", "*384#", "1*4321"))
    assert "22123456" not in printed
    assert "4321" not in printed
    assert "*384#" in printed


# Answers


@pytest.mark.parametrize(
    ("answer", "text"), [(Continue("1 Pay\n2 Ask"), "CON 1 Pay\n2 Ask"), (End("A b"), "END A b")]
)
def test_the_two_answers(answer: Answer, text: str) -> None:
    assert write_answer(answer) == text
    assert read_answer(text) == answer
    assert type(read_answer(text)) is type(answer)


@given(st.sampled_from([Continue, End]), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=190))
def test_an_answer_is_read_as_it_was_written(kind: type[Continue] | type[End], text: str) -> None:
    try:
        answer = kind(text)
    except InvalidInput:
        with pytest.raises(ReplyError):
            read_answer(f"END {text}")
    else:
        assert read_answer(write_answer(answer)) == answer


@given(st.text() | st.builds("CON {}".format, st.text()))
def test_any_text_is_an_answer_or_our_error(text: str) -> None:
    with contextlib.suppress(ReplyError):
        assert write_answer(read_answer(text)) == text.replace("\r\n", "\n")


@pytest.mark.parametrize("text", ["", "Hello", "con Hello", "CONHello", "CON\nHello", "CON ", "END  \n", " END Bye",
                                  "END a\tb", "END a\rb", "CON " + "a" * 183])  # fmt: skip
def test_a_malformed_answer_is_told(text: str) -> None:
    with pytest.raises(ReplyError) as malformed:
        read_answer(text)
    assert malformed.value.body == text


def test_a_line_break_as_windows_has_it_is_read() -> None:
    assert read_answer("CON a\r\nb") == Continue("a\nb")


@pytest.mark.parametrize("kind", [Continue, End])
@pytest.mark.parametrize("text", ["", " \n ", "a\0", "a\x1b[2J", "a\r\nb", "a\tb", "a\x85b", "a\x0cb", "\ud83d"])
def test_a_text_that_can_not_be_shown_is_not_made(kind: type[Continue] | type[End], text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^text: "):
        kind(text)


@pytest.mark.parametrize(
    ("text", "room"),
    [
        # 160 octets are 182 septets, and 80 UCS-2 units.
        ("a", 182),
        ("é", 182),
        ("\n", 181),
        ("€", 91),
        ("[", 91),
        ("ş", 80),
        ("😀", 40),
    ],
)
def test_the_room_is_counted_as_the_network_counts_it(text: str, room: int) -> None:
    full = ("a" if text == "\n" else "") + text * room
    assert fits(full)
    assert Continue(full).text == full
    assert not fits(full + text[0])
    with pytest.raises(InvalidInput, match="too long") as refused:
        End(full + text)
    assert text * 5 not in str(refused.value)


def test_one_character_of_another_alphabet_makes_the_whole_text_ucs2() -> None:
    assert fits("a" * 79 + "ş")
    assert not fits("a" * 80 + "ş")


def test_a_body_is_as_long_as_its_octets() -> None:
    """As a text, too."""
    body = json.dumps({"MSISDN": "254722000000", "SESSION_ID": "s", "MORE": "é" * 9_000}, ensure_ascii=False)
    assert len(body) < LARGEST_BODY < len(body.encode())
    for spelt in (body, body.encode()):
        with pytest.raises(RequestError, match="longer than 16384 octets"):
            read_request(spelt)


def test_the_limit_is_settable() -> None:
    """160 characters are 140 octets, so 70 units."""
    assert Continue("a" * 160, limit=160).text == "a" * 160
    assert not fits("a" * 161, 160)
    assert fits("ş" * 70, 160)
    assert not fits("ş" * 71, 160)
    assert read_answer("END " + "a" * 200, limit=200) == End("a" * 200, limit=200)
    with pytest.raises(InvalidInput, match="limit"):
        Continue("a", limit=0)


def test_a_text_is_a_str() -> None:
    with pytest.raises(WrongType, match="bytes"):
        Continue(b"Hello")  # type: ignore[arg-type]  # the test is of just this
