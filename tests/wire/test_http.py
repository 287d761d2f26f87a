"""wire.http: Request and Response, which must print nothing of what they carry."""

from __future__ import annotations

import copy
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy.secrets import Secret
from mspace_legacy.wire.http import Request, Response, charset_of, header

CANARY = "canary/71 f3"
URL = "http://host/mspaceservice/wr/sms/balance/username=u/password=canary%2F71%20f3"


def test_a_header_is_found_in_any_case() -> None:
    headers = (("Content-TYPE", "text/plain"), ("X-Two", "a"), ("x-two", "b"))
    assert header(headers, "content-type") == "text/plain"
    assert header(headers, "X-TWO") == "a,b"
    assert header(headers, "accept") is None
    assert header({"ACCEPT": "x"}, "accept") == "x"
    assert Response(200, headers=headers).header("CONTENT-type") == "text/plain"


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        (None, "utf-8"),
        ("", "utf-8"),
        ("text/plain", "utf-8"),
        ("text/plain;charset=UTF-8", "UTF-8"),
        ("text/plain; Charset = ISO-8859-1; x=y", "ISO-8859-1"),
        ('text/plain; charset="latin1"', "latin1"),
        ("text/plain; notcharset=latin1", "utf-8"),
    ],
)
def test_the_charset_of_a_content_type(content_type: str | None, charset: str) -> None:
    assert charset_of(content_type) == charset


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        (b"\xc3\xa9", "utf-8", "é"),
        (b"\xe9", "iso-8859-1", "é"),
        (b"\xe9", "windows-1252", "é"),
        ("é".encode("utf-16"), "utf-16", "é"),
        (b"\xff5\xc3", "utf-8", "\ufffd5\ufffd"),
        (b"\xc3\xa9", "klingon", "é"),
        (b"\xc3\xa9\xff", "klingon", "é\ufffd"),
        (b"\xc3\xa9", "us-ascii", "\ufffd\ufffd"),
        # A name that looks like one, of which there is none.
        (b"\xc3\xa9\xff", "iso-8859-99", "é\ufffd"),
    ],
)
def test_the_text_of_a_body(body: bytes, charset: str, text: str) -> None:
    assert Response(200, body, (("Content-Type", f"text/plain;charset={charset}"),)).text() == text


@pytest.mark.parametrize(
    "charset",
    ["idna", "punycode", "undefined", "unicode_escape", "utf-8\0", "\0", "rot13", "hex", "zlib", "mbcs", "x" * 9999,
     "../utf-8", "aliases", "utf-7"],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"50", b"\\q\\x", b"\xff\xfe<\x00", b"a-b9", b"+AAA-\xff"])
def test_a_charset_that_is_none_for_a_body_does_no_harm(charset: str, body: bytes) -> None:
    text = Response(200, body, (("Content-Type", f"text/plain;charset={charset}"),)).text()
    assert isinstance(text, str)


def test_no_charset_makes_reading_slow() -> None:
    # Python knows codecs, such as punycode, whose time grows with the square of the length.
    began = time.monotonic()
    Response(200, b"a-" + b"b" * 200_000, (("Content-Type", "text/plain;charset=punycode"),)).text()
    assert time.monotonic() - began < 4


@given(st.binary(max_size=50), st.text(max_size=20))
def test_any_body_of_any_content_type_has_a_text(body: bytes, charset: str) -> None:
    assert isinstance(Response(200, body, (("Content-Type", f"text/plain;charset={charset}"),)).text(), str)


def test_a_request_prints_without_its_secrets() -> None:
    request = Request("GET", URL, {"apikey": CANARY}, CANARY.encode(), secrets=(Secret(CANARY),))
    for shown in (repr(request), str(request), f"{request}", repr([request]), "%s" % request, "%r" % (request,)):  # noqa: UP031  # each is a way to print
        assert "71" not in shown
        assert "username=u" in shown
    assert request.redact(f"{CANARY} canary%2f71%20f3 canary%2F71+f3") == "*** *** ***"


def test_a_request_that_was_not_told_its_secrets_is_masked_by_the_key() -> None:
    assert "canary" not in repr(Request("GET", URL))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_request_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="may hold a password"):
        pickle.dumps(Request("GET", URL), protocol)
    with pytest.raises(TypeError):
        copy.copy(Request("GET", URL))


def test_a_response_prints_neither_its_body_nor_a_secret_in_its_headers() -> None:
    # A redirect of the legacy API repeats the path, password and all.
    response = Response(302, CANARY.encode(), (("Location", URL), ("apikey", "canary-as-well")), "Found")
    assert "302" in repr(response)
    assert "canary" not in repr(response)


def test_nobody_has_given_up_on_a_request_of_ones_own() -> None:
    assert not Request("GET", URL).is_abandoned()
