"""wire.v2: the three styles of the v2 API, held against the vendor's text."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy import errors
from mspace_legacy.errors import InvalidInput, RequestError, ServiceError, Unsupported
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReport,
    DeliveryReports,
    Login,
    Outcome,
    ResellerClient,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SentMessage,
    SubAccountTopUp,
    SubUser,
    SubUsers,
    TopUp,
)
from mspace_legacy.secrets import Secret
from mspace_legacy.wire import v2
from mspace_legacy.wire.documents import MEDIA_TYPES, Form
from mspace_legacy.wire.http import Request
from tests.wire.strategies import CALLS, V2_CALLS, secrets, texts, v2_calls, xml_texts

BASE = "https://host/smsapi/v2"
KEY = Secret("your_api_key")
CANARY = "canary-71f3"
FORMS: list[Form] = ["text", "json", "xml"]

SEND = SendText("Your_Username", "Your_Sender_Id", ("0722XXXXXX", "254733XXXXXX"), "Your message.")
REPORT = DeliveryReports("your_username", "49032372")
SUB_TOP_UP = SubAccountTopUp("Your_Username", "Sub_Acc_Name", 9000)
CLIENT_TOP_UP = ResellerClientTopUp("Your_Username", "Client_Name", 1000)

JSON_BODIES = [
    (
        SEND,
        {
            "username": "Your_Username",
            "senderId": "Your_Sender_Id",
            "recipient": "0722XXXXXX,254733XXXXXX",
            "message": "Your message.",
        },
    ),
    (REPORT, {"username": "your_username", "messageId": "49032372"}),
    (Balance("your_username"), {"username": "your_username"}),
    (SubUsers("your_username"), {"username": "your_username"}),
    (ResellerClients("your_username"), {"username": "your_username"}),
    (SUB_TOP_UP, {"username": "Your_Username", "subaccname": "Sub_Acc_Name", "noOfSms": 9000}),
    (CLIENT_TOP_UP, {"username": "Your_Username", "clientname": "Client_Name", "noOfSms": 1000}),
]
# The page as it was scraped prints a space between two elements.
XML_BODIES = [
    (
        SEND,
        "<sms> <username>Your_Username</username> <senderId>Your_Sender_Id</senderId> "
        "<recipient>0722XXXXXX,254733XXXXXX</recipient> <message>Your message.</message> </sms>",
    ),
    (REPORT, "<dlr> <username>your_username</username> <messageId>49032372</messageId> </dlr>"),
    (Balance("your_username"), "<user> <username>your_username</username> </user>"),
    (SubUsers("your_username"), "<user> <username>your_username</username> </user>"),
    (ResellerClients("your_username"), "<user> <username>your_username</username> </user>"),
    (
        SUB_TOP_UP,
        "<subAccTopups> <username>Your_Username</username> <subaccname>Sub_Acc_Name</subaccname> "
        "<noOfSms>9000</noOfSms> </subAccTopups>",
    ),
    (
        CLIENT_TOP_UP,
        "<resellerClientTopups> <username>Your_Username</username> <clientname>Client_Name</clientname> "
        "<noOfSms>1000</noOfSms> </resellerClientTopups>",
    ),
]
PATHS = [
    (
        SEND,
        "sendtext/apikey=your_api_key/username=Your_Username/senderId=Your_Sender_Id/"
        "recipient=0722XXXXXX,254733XXXXXX/message=Your%20message.",
    ),
    (REPORT, "deliveryreport/apikey=your_api_key/username=your_username/messageId=49032372"),
    (Balance("your_username"), "balance/apikey=your_api_key/username=your_username"),
    (SubUsers("your_username"), "subusers/apikey=your_api_key/username=your_username"),
    (ResellerClients("your_username"), "resellerclients/apikey=your_api_key/username=your_username"),
    (
        SUB_TOP_UP,
        "subacctopup/apikey=your_api_key/username=Your_Username/subaccname=Sub_Acc_Name/noofsms=9000",
    ),
    (
        CLIENT_TOP_UP,
        "resellerclienttopup/apikey=your_api_key/username=Your_Username/clientname=Client_Name/noofsms=1000",
    ),
]


def headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize(("call", "body"), JSON_BODIES)
def test_the_documented_json_of_each_operation(call: Call[Any], body: dict[str, Any]) -> None:
    request = v2.encode_request(call, KEY, base=BASE, style="json")
    assert (request.method, request.url) == ("POST", f"{BASE}/{call.operation}")
    assert request.headers == {
        "apikey": "your_api_key", "Content-Type": "application/json", "Accept": "application/json",
    }  # fmt: skip
    assert request.body is not None
    sent = json.loads(request.body)
    assert list(sent) == list(body)
    assert v2.encode_request(call, KEY, base=BASE) == request
    assert {key: str(value) for key, value in sent.items()} == {key: str(value) for key, value in body.items()}


def test_a_number_of_credits_is_a_number_and_a_text_is_utf8() -> None:
    request = v2.encode_request(SubAccountTopUp("u", "é", 9000), KEY, base=BASE, style="json")
    assert request.body == '{"username": "u", "subaccname": "é", "noOfSms": 9000}'.encode()


@pytest.mark.parametrize(("call", "body"), XML_BODIES)
def test_the_documented_xml_of_each_operation(call: Call[Any], body: str) -> None:
    request = v2.encode_request(call, KEY, base=BASE, style="xml")
    assert (request.method, request.url) == ("POST", f"{BASE}/{call.operation}")
    assert headers(request) == {
        "apikey": "your_api_key", "content-type": "application/xml", "accept": "application/xml",
    }  # fmt: skip
    assert request.body == body.replace("> <", "><").encode()


@pytest.mark.parametrize(("call", "path"), PATHS)
def test_the_documented_path_of_each_operation(call: Call[Any], path: str) -> None:
    request = v2.encode_request(call, KEY, base=BASE, style="path")
    assert (request.method, request.url, request.body) == ("GET", f"{BASE}/{path}", None)
    assert request.headers == {"Accept": "application/json"}


@pytest.mark.parametrize("style", v2.STYLES)
def test_only_reading_is_repeatable_and_the_key_is_told(style: v2.Style) -> None:
    requests = {name: v2.encode_request(CALLS[name], KEY, base=BASE, style=style) for name in V2_CALLS}
    assert {name: request.repeatable for name, request in requests.items()} == {
        "balance": True, "sendtext": False, "deliveryreport": True, "subusers": True, "resellerclients": True,
        "subacctopup": False, "resellerclienttopup": False,
    }  # fmt: skip
    for name, request in requests.items():
        assert (request.operation, request.username, request.secrets) == (name, CALLS[name].username, (KEY,))


def test_there_is_no_login() -> None:
    with pytest.raises(Unsupported, match="v2 API has no login"):
        v2.encode_request(Login("u"), KEY, base=BASE)


@given(v2_calls(texts), secrets)
def test_json_is_read_as_it_was_meant(call: Call[Any], key: str) -> None:
    incoming = v2.decode_request(v2.encode_request(call, Secret(key), base=BASE, style="json"))
    assert (type(incoming.call), incoming.call) == (type(call), call)
    assert (incoming.secret.reveal(), incoming.form) == (key, "json")


@given(v2_calls(xml_texts), secrets)
def test_xml_is_read_as_it_was_meant(call: Call[Any], key: str) -> None:
    incoming = v2.decode_request(v2.encode_request(call, Secret(key), base=BASE, style="xml"))
    assert (type(incoming.call), incoming.call) == (type(call), call)
    assert (incoming.secret.reveal(), incoming.form) == (key, "xml")


@given(v2_calls(texts), texts)
def test_a_path_is_read_as_it_was_meant(call: Call[Any], key: str) -> None:
    incoming = v2.decode_request(v2.encode_request(call, Secret(key), base=BASE, style="path"))
    assert (type(incoming.call), incoming.call) == (type(call), call)
    assert (incoming.secret.reveal(), incoming.form) == (key, "json")


@pytest.mark.parametrize("style", v2.STYLES)
def test_half_of_a_surrogate_pair_is_refused_by_the_name_of_its_key(style: v2.Style) -> None:
    call = SendText("u", "S", ("1",), "hello\ud83d")
    with pytest.raises(InvalidInput, match=r"^message: character 6 is U\+D83D"):
        v2.encode_request(call, KEY, base=BASE, style=style)


@pytest.mark.parametrize("character", ["\0", "\x0b", "\x1b", "\uffff"])
def test_what_xml_cannot_hold_is_refused_and_the_other_styles_are_named(character: str) -> None:
    call = SendText("u", "S", ("1",), f"a{character}")
    with pytest.raises(InvalidInput, match=r"^message: character 2 is U\+.*JSON or the path style"):
        v2.encode_request(call, KEY, base=BASE, style="xml")


@pytest.mark.parametrize(
    "key", ["", " ", f" {CANARY}", f"{CANARY}\n", f"{CANARY}\r\nX: y", f"{CANARY}é", f"{CANARY}\0"]
)
@pytest.mark.parametrize("style", ["json", "xml"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str, style: v2.Style) -> None:
    with pytest.raises(InvalidInput, match="API key") as raised:
        v2.encode_request(Balance("u"), Secret(key), base=BASE, style=style)
    assert CANARY not in str(raised.value)


# Reading a request

JSON_HEADERS = {"apikey": CANARY, "Content-Type": "application/json", "Accept": "application/json"}
XML_HEADERS = {"apikey": CANARY, "Content-Type": "application/xml", "Accept": "application/xml"}


class _Read(Exception):
    """The request was read, and so not refused."""


def refused(request: Request) -> RequestError:
    with pytest.raises(RequestError) as raised:
        raise _Read(v2.decode_request(request))
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None
    return raised.value


def post(operation: str, body: bytes, headers: dict[str, str] = JSON_HEADERS) -> Request:
    return Request("POST", f"{BASE}/{operation}", headers, body)


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        ("balance", b"", "not JSON"),
        ("balance", b"{", "not JSON"),
        ("balance", b"[]", "not a JSON object"),
        ("balance", b'"canary-71f3"', "not a JSON object"),
        ("balance", b"null", "not a JSON object"),
        ("balance", b"{}", "username is missing"),
        ("balance", b'{"Username": "canary-71f3"}', "username is spelt Username"),
        ("balance", b'{"user": "canary-71f3"}', "username is missing"),
        ("balance", b'{"username": null}', "username is a NoneType"),
        ("balance", b'{"username": 5}', "username is a int"),
        ("balance", b'{"username": ["canary-71f3"]}', "username is a list"),
        ("balance", b'{"username": "u", "password": "canary-71f3"}', "1 keys too many"),
        ("balance", b'{"username": "\xff"}', "the body is not UTF-8"),
        ("balance", b'{"username": "\\ud800"}', "half of a surrogate pair"),
        ("balance", b'{"username": "\xed\xa0\x80"}', "not UTF-8"),
        ("balance", b'\xef\xbb\xbf{"username": "u"}', "not JSON"),
        ("balance", b'{"username": NaN}', "not JSON"),
        # Which of the two was meant is not for us to say: a message could go to either.
        ("balance", b'{"username": "u", "username": "canary-71f3"}', "the body is not JSON"),
        ("balance", b'{"username": "u", "x": 1}', "1 keys too many: expected username"),
        ("sendtext", b'{"username":"u","senderid":"S","recipient":"1","message":"m"}', "senderId is spelt senderid"),
        ("sendtext", b'{"username":"u","senderId":"S","recipients":"1","message":"m"}', "recipient is missing"),
        ("sendtext", b'{"username":"u","senderId":"S","recipient":["1"],"message":"m"}', "recipient is a list"),
        ("sendtext", b'{"username":"u","senderId":"S","recipient":254722000000,"message":"m"}', "recipient is a int"),
        (
            "sendtext",
            b'{"username":"u","senderId":"S","recipient":"1"}',
            "message is missing: expected username, senderId, recipient, message",
        ),
        ("subacctopup", b'{"username":"u","subaccname":"b","noofsms":5}', "noOfSms is spelt noofsms"),
        ("subacctopup", b'{"username":"u","subaccname":"b","noOfSms":true}', "noOfSms is a bool"),
        ("subacctopup", b'{"username":"u","subaccname":"b","noOfSms":5.0}', "noOfSms is a float"),
        ("subacctopup", b'{"username":"u","subaccname":"b","noOfSms":9999999999999999999}', "not JSON"),
        ("deliveryreport", b'{"username":"u","messageid":"5"}', "messageId is spelt messageid"),
    ],
)
def test_a_json_body_that_is_not_as_documented_is_refused_and_says_where(
    operation: str, body: bytes, told: str
) -> None:
    error = refused(post(operation, body))
    assert error.status == 400
    assert told in str(error)


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        ("balance", b"", "not XML"),
        ("balance", b"<user>", "not XML"),
        ("balance", b"<sms><username>u</username></sms>", "not an element user"),
        ("balance", b"<User><username>u</username></User>", "not an element user"),
        ("balance", b"<user/>", "username is missing"),
        ("balance", b"<user><userName>u</userName></user>", "username is spelt userName"),
        ("balance", b"<user><username>a</username><username>b</username></user>", "one text for each element"),
        ("balance", b"<user><username><b>canary-71f3</b></username></user>", "one text for each element"),
        ("balance", b"<user><username>u</username><x>canary-71f3</x></user>", "1 keys too many"),
        ("balance", b'<!DOCTYPE user [<!ENTITY a "b">]><user><username>&a;</username></user>', "not XML"),
        ("balance", b'{"username": "u"}', "not XML"),
        ("sendtext", b"<user><username>u</username></user>", "not an element sms"),
        ("deliveryreport", b"<user><username>u</username></user>", "not an element dlr"),
        ("subacctopup", b"<resellerClientTopups/>", "not an element subAccTopups"),
        ("resellerclienttopup", b"<subAccTopups/>", "not an element resellerClientTopups"),
    ],
)
def test_an_xml_body_that_is_not_as_documented_is_refused_and_says_where(
    operation: str, body: bytes, told: str
) -> None:
    error = refused(post(operation, body, XML_HEADERS))
    assert error.status == 400
    assert told in str(error)


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("text/plain", "text/plain"),
        ("Text/JSON; charset=utf-8", "text/json"),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("application/jsonx", "application/jsonx"),
        ("", ""),
        (None, ""),
        ("é", "something else"),
        ("a\x01", "something else"),
    ],
)
def test_another_content_type_is_refused(content_type: str | None, shown: str) -> None:
    given_headers = {"apikey": CANARY} if content_type is None else {"apikey": CANARY, "Content-Type": content_type}
    error = refused(post("balance", b'{"username": "u"}', given_headers))
    assert error.status == 415
    assert str(error) == f"Content-Type is {shown!r}; it should be application/json or application/xml"


def test_a_content_type_may_name_its_charset() -> None:
    given_headers = {"APIKEY": "k", "content-type": "Application/JSON; charset=utf-8"}
    incoming = v2.decode_request(post("balance", b'{"username": "\xc3\xa9"}', given_headers))
    assert incoming == (Balance("é"), Secret("k"), "json")


def test_the_form_of_the_reply_is_that_of_the_accept_header() -> None:
    for accept, form in (("application/xml", "xml"), ("application/json", "json"), ("*/*", "json")):
        request = post("balance", b'{"username": "u"}', {**JSON_HEADERS, "Accept": accept})
        assert v2.decode_request(request).form == form
    assert v2.decode_request(Request("GET", f"{BASE}/balance/apikey=k/username=u")).form == "json"
    # Without one, what was sent is what is sent back.
    for media_type, body, form in (
        ("application/json", b'{"username": "u"}', "json"),
        ("application/xml", b"<user><username>u</username></user>", "xml"),
    ):
        assert v2.decode_request(post("balance", body, {"apikey": "k", "Content-Type": media_type})).form == form


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        (post("balance", b"{}", {"Content-Type": "application/json"}), 401, "header apikey is missing"),
        (
            post("login", b"{}"),
            404,
            "no such operation: there are sendtext, deliveryreport, balance, subusers, resellerclients, subacctopup, "
            "resellerclienttopup",
        ),
        (post(CANARY, b"{}"), 404, "no such operation"),
        (post(f"balance/username={CANARY}", b"{}"), 404, "without a path behind it"),
        (post("balance/", b"{}"), 404, "without a path behind it"),
        (post(f"balance?apikey={CANARY}", b"{}"), 400, "question mark"),
        (Request("PUT", f"{BASE}/balance", JSON_HEADERS, b"{}"), 405, "GET and POST"),
        (Request("GET", f"{BASE}/balance", JSON_HEADERS), 400, "not apikey=..."),
        (Request("GET", f"{BASE}/balance/username=u/apikey={CANARY}"), 400, "is username=..., not apikey=..."),
        (Request("GET", f"{BASE}/balance/apiKey={CANARY}/username=u"), 400, "not apikey=..."),
        (Request("GET", f"{BASE}/balance/apikey={CANARY}/{CANARY}/username=u"), 400, "written %2F"),
        (Request("GET", f"{BASE}/balance/apikey={CANARY}"), 400, "username=... is missing"),
        (
            Request("GET", f"{BASE}/sendtext/apikey={CANARY}/username=u/senderid=S/recipient=1/message=m"),
            400,
            "not senderId=...",
        ),
        (
            Request("GET", f"{BASE}/subacctopup/apikey={CANARY}/username=u/subaccname=b/noOfSms=5"),
            400,
            "not noofsms=...",
        ),
    ],
    ids=lambda value: None if isinstance(value, Request) else str(value),
)
def test_a_request_that_is_not_as_documented_is_refused_and_says_where(
    request_: Request, status: int, told: str
) -> None:
    error = refused(request_)
    assert error.status == status
    assert told in str(error)


_keys = st.sampled_from(["username", "userName", "senderId", "recipient", "message", "noOfSms", CANARY, "password"])
_values = st.sampled_from([CANARY, "", "\ud800", None, True, 5, 1.5, [CANARY], {CANARY: CANARY}, 10**30])
_json_bodies = st.dictionaries(_keys, _values, max_size=6).map(lambda value: json.dumps(value).encode())
_xml_bodies = st.lists(_keys, max_size=6).map(
    lambda keys: f"<sms>{''.join(f'<{key}>{CANARY}</{key}>' for key in keys)}</sms>".encode()
)


@given(
    st.sampled_from([*V2_CALLS, "login", CANARY]),
    _json_bodies | _xml_bodies | st.binary(max_size=50),
    st.sampled_from([JSON_HEADERS, XML_HEADERS, {}, {"apikey": CANARY, "content-type": f"{CANARY}é"}]),
    st.sampled_from(["POST", "GET", "PUT"]),
)
def test_any_body_is_read_or_refused_without_showing_the_key(
    operation: str, body: bytes, given_headers: dict[str, str], method: str
) -> None:
    with contextlib.suppress(_Read):
        refused(Request(method, f"{BASE}/{operation}", given_headers, body))


@pytest.mark.parametrize("size", [1 << 16, 1 << 20])
@pytest.mark.parametrize("body", [b"[", b'{"a":', b"<a>", b'{"username":"', b"9", b"<user><username>"])
@pytest.mark.parametrize("given_headers", [JSON_HEADERS, XML_HEADERS], ids=["json", "xml"])
def test_a_body_that_means_no_good_is_refused(size: int, body: bytes, given_headers: dict[str, str]) -> None:
    error = refused(post("balance", body * (size // len(body)), given_headers))
    assert len(str(error)) < 500


# Replies, there and back

_stripped = texts.map(str.strip)
_stripped_xml = xml_texts.map(str.strip)
_credits = st.integers(-(10**17), 10**17)


def back(call: Call[Any], reply: Any, form: Form) -> Any:
    response = v2.encode_reply(call, reply, form)
    assert response.header("content-type") == f"{MEDIA_TYPES[form]};charset=UTF-8"
    assert response.status == 200
    # With words that name a password as they are: masking is tested apart.
    return v2.decode_reply(call, response, str)


@given(st.data(), st.sampled_from(FORMS))
def test_replies_there_and_back(data: st.DataObject, form: Form) -> None:
    raw, plain = (xml_texts, _stripped_xml) if form == "xml" else (texts, _stripped)
    balance = data.draw(_credits)
    assert back(Balance("u"), balance, form) == balance
    records = data.draw(st.lists(st.tuples(raw, _credits), max_size=4))
    users, clients = [SubUser(*record) for record in records], [ResellerClient(*record) for record in records]
    assert back(SubUsers("u"), users, form) == users
    assert back(ResellerClients("u"), clients, form) == clients
    codes = st.integers(-5, 10**12).map(str) | st.sampled_from(["DELIVRD", "3", "03", "9" * 17])
    reports = data.draw(st.lists(st.builds(DeliveryReport, plain, codes, plain, plain), min_size=1, max_size=3))
    assert back(REPORT, reports, form) == reports


@given(
    st.text("abc.XYZ-_ é€😀&<>\"'%", min_size=1).map(str.strip).filter(bool),
    st.integers(0, 10**18 - 1),
    st.sampled_from(FORMS),
)
def test_a_top_up_there_and_back(name: str, count: int, form: Form) -> None:
    for call in (SubAccountTopUp("u", name, count), ResellerClientTopUp("u", name, count)):
        assert back(call, TopUp(name, count), form) == TopUp(name, count)


def _sent(texts: st.SearchStrategy[str]) -> st.SearchStrategy[SentMessage]:
    accepted = st.builds(
        SentMessage, texts, st.just(Outcome.ACCEPTED), texts, st.just("111"), st.just("Message sent successfully")
    )
    refused = st.builds(
        SentMessage,
        texts,
        st.just(Outcome.REJECTED),
        texts.map("+{}".format),
        st.sampled_from(["0", "112", "7"]),
        texts.map("not now {}".format).map(str.strip),
    )
    return accepted | refused


@given(st.data(), st.sampled_from(FORMS))
def test_sent_messages_there_and_back(data: st.DataObject, form: Form) -> None:
    sent = data.draw(st.lists(_sent(_stripped_xml if form == "xml" else _stripped), min_size=1, max_size=4))
    assert back(SEND, sent, form) == sent


@pytest.mark.parametrize(
    ("status", "description", "outcome"),
    [
        ("PENDING", "", Outcome.UNKNOWN),
        ("", "", Outcome.UNKNOWN),
        ("queued", "in the queue", Outcome.UNKNOWN),
        ("7", "later", Outcome.REJECTED),
        ("Failed", "no route", Outcome.REJECTED),
        ("successful", "", Outcome.ACCEPTED),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_no_message_changes_its_outcome_on_the_way(
    status: str, description: str, outcome: Outcome, form: Form
) -> None:
    (message,) = back(SEND, [SentMessage("5", outcome, "254722000000", status, description)], form)
    assert message.outcome is outcome


@pytest.mark.parametrize("status", ["9" * 18, "9" * 19, "9" * 5000, "٣", "³", "-0", "+3", " 3"])
@pytest.mark.parametrize("form", FORMS)
def test_a_status_of_a_report_comes_back_as_it_was(status: str, form: Form) -> None:
    (report,) = back(REPORT, [DeliveryReport("5", status)], form)
    assert report.status == status.strip()


def test_the_known_replies_are_what_is_written() -> None:
    def body(call: Call[Any], outcome: Any, form: Form = "json") -> bytes:
        return v2.encode_reply(call, outcome, form).body

    assert body(Balance("u"), 7628) == b"7628"
    assert body(SUB_TOP_UP, TopUp("Sub_Acc_Name", 9000)) == b"Successful Top up of 9000 SMS to Sub_Acc_Name"
    sent = SentMessage("49032372", Outcome.ACCEPTED, "0722123456", response_time=datetime(2018, 6, 25))
    assert json.loads(body(SEND, [sent])) == {
        "message": [
            {
                "messageId": "49032372",
                "recipient": "0722123456",
                "status": 111,
                "statusDescription": "Message sent successfully",
            }
        ]
    }
    report = {"messageId": "49032372", "recipient": "0722", "status": 3, "statusDescription": "Delivered"}
    assert json.loads(body(REPORT, [DeliveryReport("49032372", "3", "Delivered", "0722")])) == {"message": [report]}
    assert body(Balance("u"), 7628, "xml") == b"<response>7628</response>"
    assert json.loads(body(SubUsers("u"), [SubUser("a", 20)])) == [{"smsBalance": "20", "subAccUser": "a"}]
    assert json.loads(body(ResellerClients("u"), [ResellerClient("a", 20)])) == [
        {"clientUserName": "a", "smsBalance": "20"}
    ]
    assert b"<client><clientUserName>a</clientUserName><smsBalance>20</smsBalance></client>" in body(
        ResellerClients("u"), [ResellerClient("a", 20)], "xml"
    )


def test_a_failure_is_written_with_the_status_that_says_whose_fault_it_is() -> None:
    # 500 says that it may have been acted on, so that it must not stand where nothing was.
    for failure, status in (
        (errors.TopUpFailed("x", text="no <a>"), 400),
        (errors.ServerError("x", text="no <a>"), 500),
    ):
        for form, body in (
            ("xml", b"<error>no &lt;a&gt;</error>"),
            ("json", b'{"error": "no <a>"}'),
            ("text", b'{"error": "no <a>"}'),
        ):
            response = v2.encode_reply(SUB_TOP_UP, failure, form)  # type: ignore[arg-type]  # as mypy joins them
            assert (response.status, response.body) == (status, body)


@pytest.mark.parametrize(
    ("outcome", "status", "words", "written"),
    [
        # What is read back as another outcome than it has is a message sent twice, or lost and told as sent.
        (Outcome.ACCEPTED, "successful", "", 111),
        (Outcome.REJECTED, "111", "", 0),
        (Outcome.REJECTED, "successful", "", 0),
        (Outcome.REJECTED, "successful", "sent with success", 0),
        (Outcome.REJECTED, "7", "", 7),
        (Outcome.REJECTED, "999999999", "", 999_999_999),
        (Outcome.REJECTED, "1000000000", "", 0),
        (Outcome.REJECTED, "07", "", 0),
        (Outcome.UNKNOWN, "PENDING", "", "PENDING"),
        (Outcome.UNKNOWN, "111", "", "unknown"),
        (Outcome.UNKNOWN, "7", "", "unknown"),
        (Outcome.UNKNOWN, "7", "Success", "7"),
        (Outcome.UNKNOWN, "", "failed", "unknown"),
        (Outcome.UNKNOWN, "PENDING", "failed", "PENDING"),
    ],
)
def test_the_status_that_is_written_is_read_back_as_the_same_outcome(
    outcome: Outcome, status: str, words: str, written: int | str
) -> None:
    message = SentMessage("1", outcome, "0722", status, words)
    response = v2.encode_reply(SEND, [message], "json")
    assert json.loads(response.body)["message"][0]["status"] == written
    assert [told.outcome for told in v2.decode_reply(SEND, response)] == [outcome]


def test_words_that_would_be_read_as_another_outcome_are_not_written() -> None:
    message = SentMessage("1", Outcome.REJECTED, "0722", "7", "sent with success")
    told = json.loads(v2.encode_reply(SEND, [message], "json").body)["message"][0]
    assert (told["status"], told["statusDescription"]) == (7, "failed")


FAILURES: list[ServiceError] = [
    errors.AuthenticationError("x"),
    errors.InsufficientBalance("x"),
    errors.InvalidSenderId("x"),
    errors.NotAuthorized("x"),
    errors.ContactProvider("x"),
    errors.TopUpFailed("x"),
    errors.TopUpFailed("x", text="Failed to top up bob account"),
    errors.TopUpFailed("x", text="failed to deduct your account"),
    errors.ServerError("x"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: f"{type(failure).__name__} {failure.text}")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operation", V2_CALLS)
def test_a_failure_comes_back_as_its_class(failure: ServiceError, form: Form, operation: str) -> None:
    call = CALLS[operation]
    with pytest.raises(type(failure)) as raised:
        v2.decode_reply(call, v2.encode_reply(call, failure, form))
    assert raised.value.text
    assert re.sub(r"\W", "", raised.value.text) == re.sub(r"\W", "", failure.text or raised.value.text)


@pytest.mark.parametrize("name", ["a\0b", "\uffff", "\x1b", "Zoë\u00a0👨\u200d👩", '"', "<b>"])
@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_that_repeats_any_name_stays_a_refusal(name: str, form: Form) -> None:
    call = SubAccountTopUp("u", name, 5)
    failure = errors.TopUpFailed("x", text=f"Failed to top up {name} account")
    with pytest.raises(errors.TopUpFailed) as raised:
        v2.decode_reply(call, v2.encode_reply(call, failure, form))
    assert not isinstance(raised.value, errors.OutcomeUnknown)


@pytest.mark.parametrize("character", ["\0", "\x1b", "\uffff"])
def test_a_record_with_what_xml_cannot_hold_is_answered_all_the_same(character: str) -> None:
    # The message was taken: a failure to write the reply would tell nobody.
    sent = [SentMessage("5", Outcome.ACCEPTED, "1"), SentMessage("", Outcome.REJECTED, f"2{character}", "0", "bad")]
    outcomes = [message.outcome for message in back(SEND, sent, "xml")]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED]


def test_a_reply_that_this_api_does_not_have_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(TypeError, match="v2 API has no reply for a str"):
        v2.encode_reply(SubUsers("u"), ["x"], "json")
