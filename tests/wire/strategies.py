"""What the property tests of the wire are fed: texts, secrets, calls, and bodies that mean no good."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReports,
    Login,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SubAccountTopUp,
    SubUsers,
)

__all__ = [
    "CALLS",
    "KNOWN_BODIES",
    "LEGACY_CALLS",
    "MOVING",
    "NASTY_TEXTS",
    "V2_CALLS",
    "hostile_bodies",
    "legacy_calls",
    "secrets",
    "texts",
    "v2_calls",
    "xml_texts",
]

CALLS: dict[str, Call[Any]] = {
    "balance": Balance("u"),
    "sendtext": SendText("u", "MSPACE", ("254722000000", "254733000000"), "Hello"),
    "deliveryreport": DeliveryReports("u", "49032372"),
    "subusers": SubUsers("u"),
    "resellerclients": ResellerClients("u"),
    "subacctopup": SubAccountTopUp("u", "bob", 9000),
    "resellerclienttopup": ResellerClientTopUp("u", "bob", 9000),
    "login": Login("u"),
}
LEGACY_CALLS = [name for name in CALLS if name != "deliveryreport"]
V2_CALLS = [name for name in CALLS if name != "login"]
MOVING = ["sendtext", "subacctopup", "resellerclienttopup"]
"""What moves messages or credits, and so must not be taken for done, or for undone, without knowing."""

NASTY_TEXTS = [
    "", " ", ".", "..", "/", "a/b", "//", "%", "%2F", "%41", "%zz", "a;b", "a?b", "a#b", "{name}", "}{", "a+b c",
    "a=b", "/password=x", "&amp;<b>\"'", "]]>", "\\", "\r\n\t", "\r", "\u0085\u2028", "é", "e\u0301", "\u20ac",
    "\u0627", "😀", "👨\u200d👩\u200d👧", "\u00a0", "\ufffd", "\ufeff", "\u202e", "7,8",
]  # fmt: skip

_any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
texts = _any_text | st.sampled_from([*NASTY_TEXTS, "\0", "\x01\x1b\x7f", "\ufffe\uffff"])
"""Any text that has a UTF-8 form."""

_xml_characters = st.characters(
    exclude_categories=["Cs"],
    exclude_characters=[chr(code) for code in range(32) if chr(code) not in "\t\n\r"] + ["\ufffe", "\uffff"],
)
xml_texts = st.text(_xml_characters, max_size=40) | st.sampled_from(NASTY_TEXTS)
"""Any text of the characters that XML 1.0, section 2.2, allows."""

secrets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=140)
"""Keys that a header can hold."""

_counts = st.integers(0, 10**18 - 1) | st.sampled_from(["", "x", "007", "1.5", "-5", "1_000", "\u0665"])


def _recipients(texts: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    one = texts.map(lambda text: text.replace(",", ""))
    return st.lists(one, min_size=1, max_size=5).map(tuple)


def _calls(texts: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Call[Any]]]:
    return {
        "balance": st.builds(Balance, texts),
        "sendtext": st.builds(SendText, texts, texts, _recipients(texts), texts),
        "deliveryreport": st.builds(DeliveryReports, texts, texts),
        "subusers": st.builds(SubUsers, texts),
        "resellerclients": st.builds(ResellerClients, texts),
        "subacctopup": st.builds(SubAccountTopUp, texts, texts, _counts),
        "resellerclienttopup": st.builds(ResellerClientTopUp, texts, texts, _counts),
        "login": st.builds(Login, texts),
    }


def legacy_calls() -> st.SearchStrategy[Call[Any]]:
    """Each call that the legacy API has, of any text."""
    calls = _calls(texts)
    return st.one_of([calls[name] for name in LEGACY_CALLS])


def v2_calls(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Call[Any]]:
    """Each call that v2 has, of such texts."""
    calls = _calls(texts)
    return st.one_of([calls[name] for name in V2_CALLS])


# Bodies

_WORDS = [
    "messageId", "recipient", "status", "statusDescription", "responseTime", "smsBalance", "subUserName",
    "subAccUser", "clientname", "clientUserName", "message", "error", "description", "password", "users", "",
]  # fmt: skip
_VALUES = [
    "111", "successful", "20", "-1", "1e3", "50.0", "User exists.", "Successful Top up of 9000 SMS to bob",
    "Insufficient Balance", "2018-06-25 11:12:19:793", "9999-99-99 99:99:99:999", "\0", "\ud800",
]  # fmt: skip
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_VALUES) | st.text(max_size=8)
_json = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
_leaf = st.builds(
    "<{0}>{1}</{0}>".format, st.sampled_from([word for word in _WORDS if word]), st.sampled_from(_VALUES[:-2])
)
_xml = st.recursive(
    _leaf,
    lambda inner: st.builds(
        lambda root, children: f"<{root}>{''.join(children)}</{root}>",
        st.sampled_from(["sms", "users", "client", "error", "html", "message"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=8,
)

KNOWN_BODIES = [
    b"50",
    b"Error 100: Authentication Failure",
    b'[{"messageId": "12345", "responseTime": "2018-06-25 11:12:19:793", "status": "successful"}]',
    b'{"message": [{"messageId": "49032372", "recipient": "0722123456", "status": 111, "statusDescription": "x"}]}',
    b'[{"smsBalance": "20", "subUserName": "subuser1"}, {"smsBalance": "18", "subUserName": "subuser2"}]',
    b"<clients><client><clientUserName>a</clientUserName><smsBalance>20</smsBalance></client></clients>",
    b"Successful Top up of 9000 SMS to bob",
    b"<!doctype html><html><head><title>HTTP Status 404</title></head></html>",
    b'<?xml version="1.0" encoding="UTF-8"?><response>User exists.</response>',
]


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(KNOWN_BODIES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 6)))
        body[start:end] = draw(
            st.binary(max_size=4) | st.sampled_from([b"<", b"{", b'"', b"[", b"&x;", b"\xed\xa0\x80"])
        )
    return bytes(body)


def hostile_bodies() -> st.SearchStrategy[bytes]:
    """Noise, documented replies with bytes changed, and JSON and XML of the documented words in no right order."""
    json_bodies = _json.map(lambda value: json.dumps(value).encode())
    xml_bodies = _xml.map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.one_of(st.binary(max_size=200), _mutated(), json_bodies, xml_bodies)
