"""wire.legacy: the path API, held against the vendor's text and against what a real Jersey client sent."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

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
from mspace_legacy.wire import legacy
from mspace_legacy.wire.documents import MEDIA_TYPES, Form
from mspace_legacy.wire.http import Request, Response
from tests.wire.strategies import CALLS, LEGACY_CALLS, legacy_calls, texts, xml_texts

BASE = "http://host/mspaceservice/wr/sms"
CANARY = "canary-71f3"
FORMS: list[Form] = ["text", "json", "xml"]

DOCUMENTED = [
    (Balance("myusername"), "balance/username=myusername/password=mypassword"),
    (
        SendText("myusername", "mysenderid", ("myrecipient",), "mymessage"),
        "sendtext/username=myusername/password=mypassword/senderid=mysenderid/recipient=myrecipient/message=mymessage",
    ),
    (
        SendText("u", "S", ("0722000000", "254733000000"), "Your message."),
        "sendtext/username=u/password=mypassword/senderid=S/recipient=0722000000,254733000000/message=Your%20message.",
    ),
    (SubUsers("myusername"), "subusers/username=myusername/password=mypassword"),
    (ResellerClients("myusername"), "resellerclients/username=myusername/password=mypassword"),
    (
        ResellerClientTopUp("myusername", "myclientname", 1000),
        "resellerclienttopup/username=myusername/password=mypassword/clientname=myclientname/noofsms=1000",
    ),
    (
        SubAccountTopUp("myusername", "mysubaccname", 9000),
        "subacctopup/username=myusername/password=mypassword/subaccname=mysubaccname/noofsms=9000",
    ),
    (Login("myusername"), "login/username=myusername/password=mypassword"),
]


@pytest.mark.parametrize(("call", "path"), DOCUMENTED)
@pytest.mark.parametrize("form", FORMS)
def test_the_documented_request_of_each_operation(call: Call[Any], path: str, form: Form) -> None:
    password = Secret("mypassword")
    request = legacy.encode_request(call, password, base=BASE, form=form)
    assert (request.method, request.url, request.body) == ("GET", f"{BASE}/{path}", None)
    assert dict(request.headers) == {
        "Accept": {"text": "text/plain", "json": "application/json", "xml": "application/xml"}[form]
    }
    assert (request.operation, request.username) == (call.operation, call.username)
    assert request.secrets == (password,)


def test_the_form_that_the_jar_is_documented_to_ask_for() -> None:
    forms = {
        name: legacy.encode_request(CALLS[name], Secret("p"), base=BASE).headers["Accept"] for name in LEGACY_CALLS
    }
    assert forms == {
        "balance": "text/plain", "sendtext": "application/json", "subusers": "application/json",
        "resellerclients": "application/json", "subacctopup": "application/json",
        "resellerclienttopup": "application/xml", "login": "text/plain",
    }  # fmt: skip


def test_only_reading_is_repeatable() -> None:
    repeatable = {
        name: legacy.encode_request(CALLS[name], Secret("p"), base=BASE).repeatable for name in LEGACY_CALLS
    }
    assert repeatable == {
        "balance": True, "sendtext": False, "subusers": True, "resellerclients": True, "subacctopup": False,
        "resellerclienttopup": False, "login": True,
    }  # fmt: skip


def test_there_are_no_delivery_reports() -> None:
    with pytest.raises(Unsupported, match="legacy API has no deliveryreport: ask the v2 API"):
        legacy.encode_request(DeliveryReports("u", "1"), Secret("p"), base=BASE)


@given(legacy_calls(), texts, st.sampled_from(FORMS))
def test_a_request_is_read_as_it_was_meant(call: Call[Any], password: str, form: Form) -> None:
    incoming = legacy.decode_request(legacy.encode_request(call, Secret(password), base=BASE, form=form))
    assert incoming.call == call
    assert type(incoming.call) is type(call)
    assert incoming.secret.reveal() == password
    assert incoming.form == form


# Recordings of a Jersey client

JAR = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "jar_requests.jsonl").read_text("utf-8").splitlines()
]
JAR_TEXTS = [line for line in JAR if None not in line["params"].values()]


def call_of_jar(line: dict[str, Any]) -> tuple[Call[Any], Secret]:
    params = dict(line["params"])
    password = Secret(params.pop("password"))
    username = params.pop("username")
    match line["operation"].rpartition("_")[0] or line["operation"]:
        case "balance":
            return Balance(username), password
        case "login" | "login_text":
            return Login(username), password
        case "subusers":
            return SubUsers(username), password
        case "resellerclients":
            return ResellerClients(username), password
        case "sendtext":
            recipients = tuple(params["recipient"].split(","))
            return SendText(username, params["senderid"], recipients, params["message"]), password
        case "subacctopup":
            return SubAccountTopUp(username, params["subaccname"], params["noofsms"]), password
        case "resellerclienttopup":
            return ResellerClientTopUp(username, params["clientname"], params["noofsms"]), password
    raise AssertionError(line["operation"])


def half_pairs(line: dict[str, Any]) -> list[str]:
    return [key for key, value in line["params"].items() if re.search("[\ud800-\udfff]", value)]


def test_the_recordings_are_there() -> None:
    assert len(JAR) > 900
    assert len(JAR_TEXTS) > 850
    assert any(map(half_pairs, JAR_TEXTS))


def test_a_call_of_the_jar_decodes_to_the_very_strings_passed_in() -> None:
    for line in JAR_TEXTS:
        if half_pairs(line):
            continue
        call, password = call_of_jar(line)
        url = legacy.encode_request(call, password, base=BASE).url
        operation, *segments = url.removeprefix(f"{BASE}/").split("/")
        assert operation == call.operation
        pairs = [segment.partition("=")[::2] for segment in segments]
        decoded = [(key, unquote_to_bytes(value).decode()) for key, value in pairs]
        assert decoded == list(line["params"].items())


def test_where_the_jar_damages_nothing_the_path_means_the_same_as_its() -> None:
    undamaged = 0
    for line in JAR_TEXTS:
        given_texts = "".join(line["params"].values())
        if line["request_line"] is None or re.search(r"[/;%{}]|[^\x00-\uffff]|[\ud800-\udfff]", given_texts):
            continue
        undamaged += 1
        call, password = call_of_jar(line)
        ours = legacy.encode_request(call, password, base="/mspaceservice/wr/sms").url
        theirs = line["request_line"].removeprefix("GET ").removesuffix(" HTTP/1.1")
        assert unquote_to_bytes(ours) == unquote_to_bytes(theirs)
    assert undamaged > 200


def test_half_of_a_surrogate_pair_is_refused_by_the_name_of_its_key() -> None:
    for line in JAR_TEXTS:
        if not (keys := half_pairs(line)):
            continue
        call, password = call_of_jar(line)
        with pytest.raises(InvalidInput, match=f"^{keys[0]}: character") as raised:
            legacy.encode_request(call, password, base=BASE)
        assert raised.value.__context__ is None


def test_a_password_with_half_of_a_pair_is_not_shown() -> None:
    with pytest.raises(InvalidInput, match=r"^password: character 12 is U\+D83D") as raised:
        legacy.encode_request(Balance("u"), Secret(f"{CANARY}\ud83d"), base=BASE)
    assert CANARY not in str(raised.value)


# Reading a request


class _Read(Exception):
    """The request was read, and so not refused."""


def refused(url: str, method: str = "GET") -> RequestError:
    with pytest.raises(RequestError) as raised:
        raise _Read(legacy.decode_request(Request(method, url, {"Accept": "text/plain"})))
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None
    return raised.value


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("balance/username=u/pasword={0}", 400, "not password=..."),
        ("balance/username=u/Password={0}", 400, "not password=..."),
        ("balance/password={0}/username=u", 400, "is password=..., not username=..."),
        ("balance/username=u", 400, "password=... is missing"),
        ("balance/username=u/password={0}/x", 400, "goes on after password=..."),
        ("balance/username=u/password={0}/{0}", 400, "a slash within a value is written %2F"),
        ("balance/username=u/password={0}?{0}", 400, "%3F"),
        ("balance/username=u/password={0};{0}", 400, "%3B"),
        ("balance/username=u/password={0}%", 400, "%25"),
        ("balance/username=u/password={0}%FF", 400, "UTF-8"),
        ("sendtext/username=u/password={0}/senderId=S/recipient=1/message=m", 400, "not senderid=..."),
        ("sendtext/username=u/password={0}/senderid=S/message=m/recipient=1", 400, "not recipient=..."),
        ("sendtext/username=u/password={0}/{0}/senderid=S/recipient=1/message=m", 400, "not senderid=..."),
        ("sendtext/username=u/password=/{0}/message=/senderid=S/recipient=1/message=m", 400, "not senderid=..."),
        ("subacctopup/username=u/password={0}/subaccname=b/noOfSms=5", 400, "not noofsms=..."),
        ("resellerclienttopup/username=u/password={0}/subaccname=b/noofsms=5", 400, "not clientname=..."),
        ("deliveryreport/username=u/password={0}/messageId=1", 404, "no such operation"),
        ("Balance/username=u/password={0}", 404, "no such operation"),
        ("{0}/username=u/password=p", 404, "no such operation"),
        (
            "",
            404,
            "no such operation: there are balance, sendtext, subusers, resellerclients, resellerclienttopup, "
            "subacctopup, login",
        ),
    ],
)
def test_what_is_not_as_documented_is_refused_and_says_where(path: str, status: int, told: str) -> None:
    error = refused(f"{BASE}/{path.format(CANARY)}")
    assert error.status == status
    assert told in str(error)


def test_the_method_is_get() -> None:
    error = refused(f"{BASE}/balance/username=u/password={CANARY}", "POST")
    assert error.status == 405
    assert "GET" in str(error)


def test_without_an_accept_header_the_form_is_text() -> None:
    url = f"{BASE}/balance/username=u/password=p"
    assert legacy.decode_request(Request("GET", url)).form == "text"
    assert legacy.decode_request(Request("GET", url, {"aCCept": "application/xml"})).form == "xml"


_pieces = st.sampled_from(
    ["balance", "sendtext", "username=u", f"password={CANARY}", f"passwd={CANARY}", CANARY, "senderid=S", "message=",
     "recipient=1", "/", "?", "#", ";", "%", "%2F", "%FF", "=", "é", "😀", "\0", "\ud800", " ", BASE]
)  # fmt: skip


@given(st.lists(_pieces, max_size=12), st.sampled_from(["GET", "POST", "HEAD", "\0"]), st.sampled_from(["", BASE]))
def test_any_url_is_read_or_refused_without_showing_the_password(parts: list[str], method: str, base: str) -> None:
    request = Request(method, f"{base}/{'/'.join(parts[:2])}{''.join(parts[2:])}", {}, b"")
    with contextlib.suppress(_Read):
        refused(request.url, request.method)


# Reading liberally, and what the adapter alone answers

SENDING = "sendtext/username=u/password=p/senderid=S/recipient=0722000000,0733000000/message="


def liberal(path: str, **headers: str) -> Any:
    return legacy.decode_request(Request("GET", f"{BASE}/{path}", headers), ours=True, liberal=True)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Meet at 5/6? Yes; + 100% sure", "Meet at 5/6? Yes; + 100% sure"),
        ("a%2Fb%3Fc%3Bd%2B%25", "a/b?c;d+%"),
        ("x?nocache=1", "x?nocache=1"),
        (f"x{BASE}/balance/username=v/password=q", f"x{BASE}/balance/username=v/password=q"),
        ("Jambo caf\u00c3\u00a9 \u00e2\u0082\u00ac", "Jambo caf\u00e9 \u20ac"),
        ("caf\u00e9 \u0080", "caf\u00e9 \u20ac"),
        ("caf%e9", "caf\u00e9"),
        ("#1", "#1"),
        ("", ""),
    ],
)
def test_everything_behind_message_is_the_message(written: str, message: str) -> None:
    call, secret, form = liberal(SENDING + written, Accept="application/xml")
    assert call == SendText("u", "S", ("0722000000", "0733000000"), message)
    assert (secret, form) == (Secret("p"), "xml")


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("balance/username=u/password=p?_=1700000000", Balance("u")),
        ("login/username=u/password=p/", Login("u")),
        ("subacctopup/username=u/password=p/subaccname=a b/noofsms=5/?x=/y", SubAccountTopUp("u", "a b", 5)),
        ("subacctopup/username=u/password=p/subaccname=50%/noofsms=5", SubAccountTopUp("u", "50%", 5)),
        ("deliveryreport/username=u/password=p/messageid=49032372", DeliveryReports("u", "49032372")),
    ],
)
def test_other_calls_are_read_as_they_are_written_by_hand(path: str, call: Call[Any]) -> None:
    assert liberal(path)[:2] == (call, Secret("p"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("sendtext/username=u/password={0}/senderid=S/recipient=1", 400),
        ("sendtext/username=u/password={0}/{0}/senderid=S/recipient=1/message={0}", 400),
        ("sendtext/username=u/password={0}/senderid=S/message={0}/recipient=1", 400),
        ("sendtext/username=u/password={0}/senderid=S?{0}/recipient=1/message={0}", 400),
        ("sendtext/username=u;{0}/password={0}/senderid=S/recipient=1/message={0}", 400),
        ("sendtext//username=u/password={0}/senderid=S/recipient=1/message={0}", 400),
        ("/sendtext/username=u/password={0}/senderid=S/recipient=1/message={0}", 404),
        ("sendtext?username=u&password={0}&message={0}", 404),
        ("sendtext", 400),
        ("balance/username=u/password={0}/password={0}", 400),
        ("balance?/username=u/password={0}", 404),
        ("deliveryreport/username=u/password={0}/messageId=1", 400),
        ("{0}/username=u/password={0}", 404),
        ("", 404),
    ],
)
def test_what_stands_before_the_message_is_refused_without_a_value(path: str, status: int) -> None:
    with pytest.raises(RequestError) as raised:
        liberal(path.format(CANARY))
    assert raised.value.status == status
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None


def test_delivery_reports_are_read_for_the_adapter_alone() -> None:
    request = legacy.encode_request(DeliveryReports("u", "1/2"), Secret("p"), base=BASE, ours=True)
    assert request.url == f"{BASE}/deliveryreport/username=u/password=p/messageid=1%2F2"
    assert legacy.decode_request(request, ours=True).call == DeliveryReports("u", "1/2")
    assert refused(request.url).status == 404
    with pytest.raises(RequestError, match="no such operation"):
        legacy.decode_request(request, liberal=True)


@given(legacy_calls(), texts, st.sampled_from(FORMS))
def test_a_request_is_read_liberally_as_it_was_meant(call: Call[Any], password: str, form: Form) -> None:
    request = legacy.encode_request(call, Secret(password), base=BASE, form=form)
    assert legacy.decode_request(request, ours=True, liberal=True) == legacy.decode_request(request)


_slices = st.sampled_from(
    ["a", "/", "?", "#", ";", "%", "%2F", "%C3%A9", "%FF", "=", "+", "message=", "/message=", "\u00e9", " ", "&"]
)


@given(st.sampled_from([SENDING, "balance/username=u/password="]), st.lists(_slices, max_size=6).map("".join))
def test_whatever_the_strict_reader_reads_the_liberal_one_reads_the_same(path: str, value: str) -> None:
    request = Request("GET", f"{BASE}/{path}{value}")
    with contextlib.suppress(RequestError):
        strict = legacy.decode_request(request)
        assert legacy.decode_request(request, liberal=True) == strict


@given(st.lists(_pieces, max_size=12), st.sampled_from(["GET", "POST"]))
def test_any_url_is_read_liberally_or_refused_without_showing_the_password(parts: list[str], method: str) -> None:
    request = Request(method, f"{BASE}/{'/'.join(parts[:2])}{''.join(parts[2:])}")
    try:
        legacy.decode_request(request, ours=True, liberal=True)
    except RequestError as error:
        told = str(error)
    else:
        return
    assert CANARY not in told


# Replies, there and back

moments = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
credits_ = st.integers(-(10**18) + 1, 10**18 - 1)


def back(call: Call[Any], reply: Any, form: Form) -> Any:
    response = legacy.encode_reply(call, reply, form)
    assert response.status == 200
    assert response.header("content-type") == f"{MEDIA_TYPES[form]};charset=UTF-8"
    assert response.header("content-length") == str(len(response.body))
    return legacy.decode_reply(call, response, str)


@given(credits_, st.sampled_from(FORMS))
def test_a_balance_there_and_back(balance: int, form: Form) -> None:
    assert back(Balance("u"), balance, form) == balance


@pytest.mark.parametrize("form", FORMS)
def test_a_login_there_and_back(form: Form) -> None:
    assert back(Login("u"), True, form) is True


@given(
    st.text("abc.XYZ-_ é€😀&<>\"'%", min_size=1).map(str.strip).filter(bool),
    st.integers(0, 10**18 - 1),
    st.sampled_from(FORMS),
)
def test_a_top_up_there_and_back(name: str, count: int, form: Form) -> None:
    for call in (SubAccountTopUp("u", name, count), ResellerClientTopUp("u", name, count)):
        assert back(call, TopUp(name, count), form) == TopUp(name, count)


@given(st.data(), st.sampled_from(FORMS))
def test_lists_of_accounts_there_and_back(data: st.DataObject, form: Form) -> None:
    names = xml_texts if form == "xml" else texts
    records = data.draw(st.lists(st.tuples(names, credits_), max_size=4))
    users = [SubUser(*record) for record in records]
    clients = [ResellerClient(*record) for record in records]
    assert back(SubUsers("u"), users, form) == users
    assert back(ResellerClients("u"), clients, form) == clients


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.sampled_from(["successful", "Invalid recipient", "queued"]), moments),
        min_size=1, max_size=4,
    ),
    st.sampled_from(FORMS),
)  # fmt: skip
def test_sent_messages_there_and_back(records: list[tuple[int, str, datetime | None]], form: Form) -> None:
    outcomes = {
        "successful": Outcome.ACCEPTED, "Invalid recipient": Outcome.REJECTED, "queued": Outcome.UNKNOWN,
    }  # fmt: skip
    sent = [SentMessage(str(number), outcomes[word], "", word, "", time) for number, word, time in records]
    got = back(CALLS["sendtext"], sent, form)
    assert [(m.message_id, m.outcome, m.status) for m in got] == [(m.message_id, m.outcome, m.status) for m in sent]
    for before, after in zip(sent, got, strict=True):
        assert before.response_time == after.response_time


@pytest.mark.parametrize(
    ("status", "description", "outcome"),
    [("PENDING", "", Outcome.UNKNOWN), ("", "", Outcome.UNKNOWN), ("7", "later", Outcome.REJECTED)],
)
@pytest.mark.parametrize("form", FORMS)
def test_no_message_changes_its_outcome_on_the_way(
    status: str, description: str, outcome: Outcome, form: Form
) -> None:
    (message,) = back(CALLS["sendtext"], [SentMessage("5", outcome, "", status, description)], form)
    assert message.outcome is outcome


def test_the_documented_replies_are_what_is_written() -> None:
    time = datetime(2018, 6, 25, 11, 12, 19, 793_000)

    def body(call: Call[Any], outcome: Any) -> bytes:
        return legacy.encode_reply(call, outcome, "json").body

    assert body(Balance("u"), 50) == b"50"
    assert body(Login("u"), True) == b"User exists."
    assert body(CALLS["subacctopup"], TopUp("bob", 9000)) == b"Successful Top up of 9000 SMS to bob"
    assert json.loads(body(CALLS["sendtext"], [SentMessage("12345", Outcome.ACCEPTED, response_time=time)])) == [
        {"messageId": "12345", "responseTime": "2018-06-25 11:12:19:793", "status": "successful"}
    ]
    assert json.loads(body(SubUsers("u"), [SubUser("subuser1", 20), SubUser("subuser2", 18)])) == [
        {"smsBalance": "20", "subUserName": "subuser1"},
        {"smsBalance": "18", "subUserName": "subuser2"},
    ]
    assert body(SubUsers("u"), []) == b"[]"
    assert json.loads(body(ResellerClients("u"), [ResellerClient("client1", 20)])) == [
        {"smsBalance": "20", "clientname": "client1"}
    ]


def test_replies_in_xml() -> None:
    def body(operation: str, outcome: Any) -> str:
        return legacy.encode_reply(CALLS[operation], outcome, "xml").body.decode()

    assert body("balance", 50) == "<balance>50</balance>"
    assert body("subusers", [SubUser("a", 20)]) == (
        "<subUsers><subUser><smsBalance>20</smsBalance><subUserName>a</subUserName></subUser></subUsers>"
    )
    assert body("deliveryreport", [DeliveryReport("5", "3", "Delivered", "0722")]) == (
        "<reports><report><messageId>5</messageId><recipient>0722</recipient><status>3</status>"
        "<statusDescription>Delivered</statusDescription></report></reports>"
    )


def test_a_message_without_a_time_is_written_without() -> None:
    response = legacy.encode_reply(CALLS["sendtext"], [SentMessage("5", Outcome.ACCEPTED)], "json")
    assert json.loads(response.body) == [{"messageId": "5", "status": "successful"}]


@pytest.mark.parametrize(
    ("outcome", "status", "description", "written"),
    [
        (Outcome.ACCEPTED, "111", "", "successful"),
        (Outcome.REJECTED, "Invalid recipient", "", "Invalid recipient"),
        (Outcome.REJECTED, "7", "later", "failed: later"),
        (Outcome.REJECTED, "successful", "", "failed"),
        (Outcome.UNKNOWN, "queued", "", "queued"),
        (Outcome.UNKNOWN, "successful", "", "unknown"),
        (Outcome.UNKNOWN, "", "rejected", "unknown"),
    ],
)
def test_the_status_that_is_written_is_read_back_as_the_same_outcome(
    outcome: Outcome, status: str, description: str, written: str
) -> None:
    message = SentMessage("5", outcome, "0722", status, description)
    response = legacy.encode_reply(CALLS["sendtext"], [message], "json")
    assert json.loads(response.body)[0]["status"] == written
    assert [told.outcome for told in legacy.decode_reply(CALLS["sendtext"], response)] == [outcome]


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("balance", b"Error 100: Authentication Failure"),
        ("sendtext", b"Athentication failure"),
        ("resellerclienttopup", b"Athentication failure"),
        ("subacctopup", b"Athentication failure"),
        ("subusers", b"Authentication failure"),
        ("resellerclients", b"Authentication failure"),
        ("login", b"Authentication failure"),
    ],
)
def test_an_authentication_failure_is_spelt_as_the_vendor_spells_it(operation: str, text: bytes) -> None:
    failure = errors.AuthenticationError("")
    assert legacy.encode_reply(CALLS[operation], failure, "text").body == text


FAILURES: list[ServiceError] = [
    errors.AuthenticationError("x"),
    errors.InsufficientBalance("x"),
    errors.InvalidSenderId("x"),
    errors.NotAuthorized("x"),
    errors.ContactProvider("x"),
    errors.TopUpFailed("x"),
    errors.TopUpFailed("x", text="Failed to top up bob account"),
    errors.TopUpFailed("x", text="Failed to deduct your account"),
    errors.ServerError("x"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: f"{type(failure).__name__} {failure.text}")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operation", LEGACY_CALLS)
def test_a_failure_comes_back_as_its_class(failure: ServiceError, form: Form, operation: str) -> None:
    call = CALLS[operation]
    response = legacy.encode_reply(call, failure, form)
    # Its caller reads the words, and takes another status than 200 for a fault on the way.
    assert response.status == 200
    with pytest.raises(type(failure)) as raised:
        legacy.decode_reply(call, response)
    assert raised.value.text == (failure.text or response.body.decode())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("call", "failure", "documented"),
    [
        (Balance("u"), errors.InsufficientBalance("x", text="50"), "Insufficient Balance"),
        (SubAccountTopUp("u", "bob", 5), errors.TopUpFailed("x", text="Successful top up of 5 sms to bob"),
         "Top up not Successful"),
        (Login("u"), errors.ServerError("x", text="User exists"), "internal service error"),
    ],
)  # fmt: skip
def test_a_refusal_in_the_words_of_a_success_is_told_in_those_of_its_class(
    call: Call[Any], failure: ServiceError, documented: str, form: Form
) -> None:
    response = legacy.encode_reply(call, failure, form)
    with pytest.raises(type(failure)) as raised:
        legacy.decode_reply(call, response)
    assert (response.status, raised.value.text) == (200, documented)


@pytest.mark.parametrize("name", ["a\0b", "a\x01b", "\ufffe", "Zoë\u00a0👨\u200d👩\u200d👧", "\u202eabc"])
@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_that_repeats_any_name_stays_a_refusal(name: str, form: Form) -> None:
    call = SubAccountTopUp("u", name, 5)
    failure = errors.TopUpFailed("x", text=f"Failed to top up {name} account")
    with pytest.raises(errors.TopUpFailed) as raised:
        legacy.decode_reply(call, legacy.encode_reply(call, failure, form))
    assert not isinstance(raised.value, errors.OutcomeUnknown)


@pytest.mark.parametrize("name", ["Zoë\u00a0B", "👨\u200d👩\u200d👧", "a\u00adb"])
@pytest.mark.parametrize("form", FORMS)
def test_a_success_that_names_an_account_of_many_scripts_is_read(name: str, form: Form) -> None:
    assert back(SubAccountTopUp("u", name, 5), TopUp(name, 5), form) == TopUp(name, 5)


def test_a_reply_that_this_api_does_not_have_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(TypeError, match="legacy API has no reply for a str"):
        legacy.encode_reply(SubUsers("u"), ["x"], "json")
    assert isinstance(legacy.encode_reply(Balance("u"), 1, "text"), Response)
