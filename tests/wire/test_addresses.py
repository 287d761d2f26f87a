"""wire.addresses: base URLs as users write them."""

from __future__ import annotations

import re

import pytest

from mspace_legacy.errors import InvalidInput, WrongType
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.addresses import service_url

LEGACY = "http://host/mspaceservice/wr/sms"


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://host", LEGACY),
        ("http://host/", LEGACY),
        ("http://host//", LEGACY),
        ("http://host/mspaceservice/wr/sms", LEGACY),
        ("http://host/mspaceservice/wr/sms/", LEGACY),
        ("http://host/mspaceservice", LEGACY),
        ("http://host/mspaceservice/wr/", LEGACY),
        ("http://host:8080/", "http://host:8080/mspaceservice/wr/sms"),
        ("https://host:443", "https://host:443/mspaceservice/wr/sms"),
        ("HTTP://Host", LEGACY),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/mspaceservice/wr/sms"),
        ("http://[::1]:8080/", "http://[::1]:8080/mspaceservice/wr/sms"),
        ("http://host/behind/a/gateway", "http://host/behind/a/gateway/mspaceservice/wr/sms"),
        ("http://host/behind/mspaceservice/wr/sms", "http://host/behind/mspaceservice/wr/sms"),
        ("http://host/xmspaceservice", "http://host/xmspaceservice/mspaceservice/wr/sms"),
        ("http://host/sms", "http://host/sms/mspaceservice/wr/sms"),
        ("http://host/msp", "http://host/msp/mspaceservice/wr/sms"),
        ("http://host/X/", "http://host/X/mspaceservice/wr/sms"),
    ],
)
def test_a_main_url_in_any_form(written: str, url: str) -> None:
    assert legacy.base_url(written) == url
    assert legacy.base_url(url) == url


@pytest.mark.parametrize(
    "written",
    ["https://api.mspace.co.ke", "https://api.mspace.co.ke/smsapi/", "https://api.mspace.co.ke/smsapi/v2/"],
)
def test_a_base_url_of_v2(written: str) -> None:
    assert v2.base_url(written) == v2.BASE_URL == "https://api.mspace.co.ke/smsapi/v2"


@pytest.mark.parametrize(
    "written",
    ["", "host", "host:8080", "/mspaceservice/wr/sms", "ftp://host", "http://", "http:host", "http:///path", "//host",
     "http://host:99999", "http://host:port", "http://[::1", "http://host?x=1", "http://host/#top", "http://host?", "http://host#",
     "http://user@host", "http://user:password@host", "http://@host", " http://host", "http://host\n", "http://ho st",
     "http://host/a b", "http://hôst", "http://\U0001f600.example", "http://host/\U0001f600", "http://host/{x}",
     "http://host\\path", "http://host/\x7f", "javascript:alert(1)"],
)  # fmt: skip
def test_what_is_no_base_url_is_refused_by_name(written: str) -> None:
    with pytest.raises(InvalidInput, match=r"^main_url "):
        legacy.base_url(written)
    with pytest.raises(InvalidInput, match=r"^base_url "):
        v2.base_url(written)


@pytest.mark.parametrize("value", [None, b"http://host", 1, ["http://host"]])
def test_a_base_url_is_a_text(value: object) -> None:
    with pytest.raises(WrongType, match=f"^main_url is a {type(value).__name__}: give a text"):
        legacy.base_url(value)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    "written",
    [
        "http://user:canary@host",
        "http://user:can/canary@host",
        "http://user:canary@host:port",
        "http://user:p@canary@host",
        "http:/user:canary@host",
        "https//user:canary@host",
        "user:canary@host",
        "http://host/mspaceservice/wr/sms/balance/username=u/password=canary?x",
        "http://host/smsapi/v2/balance/apikey=canary#x",
        "http://host?key=canary",
        "http://host/#canary",
        "http://host/\n?x\ncanary",
        "http://host:canary",
        "http://host:80canary/x",
        "http://[::1]:canary/",
    ],
)
def test_a_secret_in_a_base_url_is_not_shown(written: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        legacy.base_url(written)
    assert "canary" not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("http://host/x?y", "'http://host/x?***'"),
        ("http://host/x#", "'http://host/x#'"),
        ("http://host:canary/x y", "'http://host:***/x y'"),
        ("http://[::1]:canary", "'http://[::1]:***'"),
        ("http://host:8080/x y:z", "'http://host:8080/x y:z'"),
        ("http://[::1]/x y", "'http://[::1]/x y'"),
    ],
)
def test_the_rest_of_a_base_url_is_shown(written: str, shown: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(shown)):
        service_url(written, "/path", name="main_url")


def test_the_refusal_says_what_to_write() -> None:
    with pytest.raises(InvalidInput, match=re.escape("write 'http://host' or 'https://host:port'")):
        service_url("host", "/path", name="main_url")


def test_the_address_of_the_other_api_is_refused() -> None:
    with pytest.raises(
        InvalidInput, match=r"base_url 'http://host/mspaceservice/wr/sms' is the address of the other API"
    ):
        service_url("http://host/mspaceservice/wr/sms", "/smsapi/v2", name="base_url")
    with pytest.raises(InvalidInput, match="of the other API, /smsapi"):
        service_url("https://host/smsapi/v2/", "/mspaceservice/wr/sms", name="main_url")


@pytest.mark.parametrize(
    "written",
    [
        "http://h/mspaceservice/wr/sms/balance/username=u/password=canary",
        "http://h/x=canary",
        "http://h/mspaceservice/wr/sms/x",
    ],
)
def test_the_url_of_a_call_is_not_the_address_of_the_service(written: str) -> None:
    with pytest.raises(InvalidInput, match="main_url goes on after the address") as raised:
        legacy.base_url(written)
    assert "canary" not in str(raised.value)
