"""wire.dialect: what the two dialects share."""

from __future__ import annotations

import re

import pytest

from mspace_legacy.errors import RequestError
from mspace_legacy.models import Balance, SendText, TopUp
from mspace_legacy.wire.dialect import (
    call_of,
    check_not_empty,
    error_page,
    malformed,
    path_below,
    sentence,
    wire_text,
)

PATH = "/mspaceservice/wr/sms"


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (("0722", "0733"), "0722,0733"), (("0722",), "0722"), (9000, "9000"), (10**17, "1" + "0" * 17)],
)
def test_a_field_as_it_is_written(value: object, text: str) -> None:
    assert wire_text(value) == text


def test_a_call_has_its_recipients_one_by_one() -> None:
    fields = {"username": "u", "sender_id": "S", "recipients": "0722,0733", "message": "a,b"}
    assert call_of("sendtext", fields) == SendText("u", "S", ("0722", "0733"), "a,b")
    assert call_of("balance", {"username": "u"}) == Balance("u")


@pytest.mark.parametrize(
    "host", ["http://host", "https://host:8080", "http://[::1]:1", "http://host/behind/a/gateway"]
)
def test_what_stands_below_the_path(host: str) -> None:
    assert path_below(f"{host}{PATH}/balance/username=%2F", PATH) == "balance/username=%2F"
    assert path_below(f"{host}{PATH}/balance{PATH}/x", PATH) == f"balance{PATH}/x"


@pytest.mark.parametrize(
    ("below", "status", "told"),
    [
        ("/other/balance/username=u", 404, f"does not begin with {PATH}/"),
        (PATH, 404, f"does not begin with {PATH}/"),
        (f"{PATH}s/balance", 404, f"does not begin with {PATH}/"),
        (f"{PATH}/balance/username=u?password=canary", 400, "written %3F"),
        (f"{PATH}/balance/username=u?", 400, "written %3F"),
        (f"/?{PATH}/balance/username=canary", 404, f"does not begin with {PATH}/"),
    ],
)
def test_a_path_elsewhere_is_refused_without_showing_it(below: str, status: int, told: str) -> None:
    with pytest.raises(RequestError, match=re.escape(told)) as raised:
        path_below(f"http://host{below}", PATH)
    assert raised.value.status == status
    assert "canary" not in str(raised.value)


def test_the_documented_sentences() -> None:
    assert sentence(50) == "50"
    assert sentence(0) == "0"
    assert sentence(True) == "User exists."
    assert sentence(TopUp("bob", 9000)) == "Successful Top up of 9000 SMS to bob"


def test_a_send_says_what_to_whom() -> None:
    for call in (SendText("u", "S", ("0722",), "m"), SendText("u", "S", ("", "0722"), "m"), Balance("u")):
        check_not_empty(call)
    for recipients, message, told in (((), "m", "recipient is empty"), (("", ""), "", "recipient is empty"),
                                      (("0722",), "", "message is empty")):  # fmt: skip
        with pytest.raises(RequestError, match=f"^{told}$"):
            check_not_empty(SendText("u", "S", recipients, message))


def test_a_query_is_left_to_a_liberal_reader() -> None:
    assert path_below(f"http://host{PATH}/balance/username=u?x=1", PATH, liberal=True) == "balance/username=u?x=1"
    with pytest.raises(RequestError):
        path_below(f"http://host/?{PATH}/balance", PATH, liberal=True)


def test_a_request_that_can_not_be_read_is_told_so_in_a_text() -> None:
    reply = malformed(RequestError("the method is PUT", status=405))
    assert (reply.status, reply.body) == (405, b"Malformed request: the method is PUT")
    assert reply.header("content-type") == "text/plain;charset=UTF-8"


def test_an_error_page_is_as_tomcat_makes_them() -> None:
    reply = error_page(404, "Not Found")
    page = (
        b"<!doctype html><html><head><title>HTTP Status 404 - Not Found</title></head>"
        b"<body><h1>HTTP Status 404 - Not Found</h1></body></html>"
    )
    assert (reply.status, reply.body) == (404, page)
    assert reply.headers == (("Content-Type", "text/html;charset=utf-8"), ("Content-Length", str(len(page))))
    # A text may hold anything.
    assert b"<h1>HTTP Status 502 - a &lt;b&gt;</h1>" in error_page(502, "a <b>").body
