"""emulator.app: both APIs over one ledger, in process and behind a socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Fault, Ledger
from mspace_legacy.emulator.ledger import NEVER_DELIVERED, REJECTED
from mspace_legacy.errors import (
    AuthenticationError,
    ClosedError,
    ContactProvider,
    InsufficientBalance,
    InvalidInput,
    InvalidSenderId,
    MSpaceError,
    NotAuthorized,
    OutcomeUnknown,
    ReplyError,
    ReplyLost,
    ServerError,
    ServiceError,
    TopUpFailed,
)
from mspace_legacy.models import (
    Balance,
    Call,
    DeliveryReports,
    Login,
    Outcome,
    ResellerClients,
    ResellerClientTopUp,
    SendText,
    SubAccountTopUp,
    SubUsers,
    TopUp,
)
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from mspace_legacy.transport.base import Transport
from mspace_legacy.transport.network import Network
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request, Response

CANARY = "canary-71f3"
ACCOUNTS = {account.username: account for account in DEMO_ACCOUNTS}
TOTAL = sum(account.balance for account in DEMO_ACCOUNTS)
HOST = "http://host"


class Service(NamedTuple):
    """An emulator, how it is reached, and at which address."""

    emulator: Emulator
    transport: Transport
    url: str


@pytest.fixture(params=["in process", "over a socket"])
def service(request: pytest.FixtureRequest, emulator: Emulator) -> Iterator[Service]:
    """The emulator twice: as a transport by itself, and behind a real socket."""
    if request.param == "in process":
        yield Service(emulator, emulator, HOST)
        return
    with Server(emulator) as server:
        network = Network(timeout=10)
        yield Service(emulator, network, server.url)
        network.close()


Ask = Callable[[Service, Call[Any]], Any]


def over_legacy(form: Any) -> Ask:
    def ask(service: Service, call: Call[Any]) -> Any:
        password = ACCOUNTS[call.username].password
        request = legacy.encode_request(call, password, base=legacy.base_url(service.url), form=form)
        return legacy.decode_reply(call, service.transport.handle(request), request.redact)

    return ask


def over_v2(style: Any) -> Ask:
    def ask(service: Service, call: Call[Any]) -> Any:
        key = ACCOUNTS[call.username].api_key
        request = v2.encode_request(call, key, base=v2.base_url(service.url), style=style)
        return v2.decode_reply(call, service.transport.handle(request), request.redact)

    return ask


LEGACY: dict[str, Ask] = {f"legacy, {form}": over_legacy(form) for form in ("text", "json", "xml")}
V2: dict[str, Ask] = {f"v2, {style}": over_v2(style) for style in v2.STYLES}
WAYS = {**LEGACY, **V2}
every_way = pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)


# Every operation, every way


@every_way
def test_each_operation_acts_on_one_ledger(service: Service, ask: Ask) -> None:
    assert ask(service, Balance("demo")) == 1_000
    sent = ask(service, SendText("demo", "MSPACE", ("0722123456", REJECTED, "0733123456"), "Hé/%;?#{x}😀\r\n"))
    assert [message.outcome for message in sent] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    kept = service.emulator.ledger.messages()
    assert [message.message_id for message in kept] == [sent[0].message_id, sent[2].message_id]
    assert [message.recipient for message in kept] == ["254722123456", "254733123456"]
    assert {message.text for message in kept} == {"Hé/%;?#{x}😀\r\n"}
    assert ask(service, SubAccountTopUp("demo", "subuser1", 10)) == TopUp("subuser1", 10)
    assert ask(service, ResellerClientTopUp("demo", "client1", 20)) == TopUp("client1", 20)
    assert [(user.name, user.sms_balance) for user in ask(service, SubUsers("demo"))] == [
        ("subuser1", 30),
        ("subuser2", 18),
    ]
    assert [(client.name, client.sms_balance) for client in ask(service, ResellerClients("demo"))] == [
        ("client1", 40), ("client2", 18),
    ]  # fmt: skip
    assert ask(service, SubUsers("plain")) == []
    assert ask(service, Balance("demo")) == 968
    assert service.emulator.ledger.total() == TOTAL - 2


@pytest.mark.parametrize("ask", LEGACY.values(), ids=LEGACY)
def test_login(service: Service, ask: Ask) -> None:
    assert ask(service, Login("demo")) is True


@pytest.mark.parametrize("ask", V2.values(), ids=V2)
def test_delivery_reports(service: Service, ask: Ask) -> None:
    sent = ask(service, SendText("demo", "MSPACE", ("0722123456", NEVER_DELIVERED), "x"))
    assert [message.recipient for message in sent] == ["0722123456", NEVER_DELIVERED]
    (report,) = ask(service, DeliveryReports("demo", sent[0].message_id))
    assert (report.message_id, report.recipient, report.delivered) == (sent[0].message_id, "254722123456", False)
    with pytest.raises(ServiceError):
        ask(service, DeliveryReports("demo", "1"))


def test_a_report_says_delivered_when_its_time_has_come() -> None:
    now = [1e9]
    emulator = Emulator(Ledger(delivery_delay=5, clock=lambda: now[0]))
    service = Service(emulator, emulator, HOST)
    sent = over_v2("json")(service, SendText("demo", "MSPACE", ("0722123456", NEVER_DELIVERED), "x"))
    now[0] += 6
    reports = [over_v2("xml")(service, DeliveryReports("demo", message.message_id))[0] for message in sent]
    assert [report.delivered for report in reports] == [True, False]
    emulator.close()


# Failures

REFUSALS: list[tuple[Call[Any], type[ServiceError]]] = [
    (SendText("empty", "MSPACE", ("0722123456",), "x"), InsufficientBalance),
    (SendText("demo", "OTHER", ("0722123456",), "x"), InvalidSenderId),
    (SendText("suspended", "MSPACE", ("0722123456",), "x"), ContactProvider),
    (Balance("suspended"), ContactProvider),
    (ResellerClientTopUp("plain", "client1", 5), NotAuthorized),
    (ResellerClientTopUp("demo", "client1", 5_000), InsufficientBalance),
    (ResellerClientTopUp("demo", "nobody", 5), TopUpFailed),
    (SubAccountTopUp("demo", "a\0b\x01", 5), TopUpFailed),
    (SubAccountTopUp("demo", "Zoë\u00a0👨\u200d👩", 5), TopUpFailed),
    (SubAccountTopUp("demo", "subuser1", 0), TopUpFailed),
    (SubAccountTopUp("demo", "subuser1", "many"), TopUpFailed),
    (SubAccountTopUp("frozen", "frozen-sub", 5), TopUpFailed),
]


@every_way
@pytest.mark.parametrize(("call", "kind"), REFUSALS, ids=lambda value: getattr(value, "__name__", None))
def test_each_refusal_is_told_and_changes_nothing(
    emulator: Emulator, ask: Ask, call: Call[Any], kind: type[ServiceError]
) -> None:
    is_no_xml = ask is V2["v2, xml"] and "\0" in str(getattr(call, "name", ""))
    # XML can't hold every name: such a request is refused by ourselves, before it is sent.
    with pytest.raises(InvalidInput if is_no_xml else kind) as raised:
        ask(Service(emulator, emulator, HOST), call)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert (emulator.ledger.total(), emulator.ledger.messages()) == (TOTAL, [])


DOCUMENTED = [
    ("balance", "Error 100: Authentication Failure", AuthenticationError),
    ("sendtext", "Athentication failure", AuthenticationError),
    ("sendtext", "Insufficient Balance", InsufficientBalance),
    ("sendtext", "Invalid sender ID", InvalidSenderId),
    ("sendtext", "internal service error", ServerError),
    ("subusers", "Authentication failure", AuthenticationError),
    ("subacctopup", "You are not Authorized to make this transaction", NotAuthorized),
    ("subacctopup", "Kindly Contact Providers for help", ContactProvider),
    ("subacctopup", "Failed to top up bob account", TopUpFailed),
    ("subacctopup", "Top up not Successful", TopUpFailed),
    ("subacctopup", "failed to deduct your account", TopUpFailed),
]


@pytest.mark.parametrize(("operation", "text", "kind"), DOCUMENTED)
@every_way
def test_each_documented_failure_can_be_asked_for(
    emulator: Emulator, ask: Ask, operation: str, text: str, kind: type[ServiceError]
) -> None:
    calls: dict[str, Call[Any]] = {
        "balance": Balance("demo"),
        "sendtext": SendText("demo", "MSPACE", ("0722123456",), "x"),
        "subusers": SubUsers("demo"),
        "subacctopup": SubAccountTopUp("demo", "subuser1", 5),
    }
    emulator.faults.add(Fault("fail", text, operation, times=1))
    service = Service(emulator, emulator, HOST)
    with pytest.raises(kind) as raised:
        ask(service, calls[operation])
    assert raised.value.text.lower() in (text.lower(), "athentication failure", "authentication failure")
    assert (emulator.ledger.total(), emulator.ledger.messages()) == (TOTAL, [])
    ask(service, calls[operation])


@pytest.mark.parametrize("username", ["demo", "nobody", ""])
@pytest.mark.parametrize("secret", ["", "wrong", f"{CANARY}/%;é"])
def test_a_wrong_secret_is_told_by_no_reply(service: Service, username: str, secret: str) -> None:
    request = legacy.encode_request(Balance(username), Secret(secret), base=legacy.base_url(service.url), form="text")
    reply = service.transport.handle(request)
    assert reply.body == b"Error 100: Authentication Failure"
    request = v2.encode_request(Balance(username), Secret(secret), base=v2.base_url(service.url), style="path")
    with pytest.raises(AuthenticationError):
        v2.decode_reply(Balance(username), service.transport.handle(request))


def test_a_password_is_no_api_key_and_the_other_way_round(emulator: Emulator) -> None:
    account = ACCOUNTS["demo"]
    for dialect, secret in ((legacy, account.api_key), (v2, account.password)):
        request = dialect.encode_request(Balance("demo"), secret, base=dialect.base_url(HOST))
        with pytest.raises(AuthenticationError):
            dialect.decode_reply(Balance("demo"), emulator.handle(request))


@pytest.mark.parametrize("recipient", ["0722\0", "\x1b", "\ufffe"])
def test_a_recipient_that_xml_cannot_hold_does_not_break_the_reply(emulator: Emulator, recipient: str) -> None:
    # The message to the other one is taken: without a reply nobody would know.
    call = SendText("demo", "MSPACE", ("0722123456", recipient), "x")
    request = v2.encode_request(call, ACCOUNTS["demo"].api_key, base=v2.base_url(HOST), style="json")
    asking_xml = Request("POST", request.url, {**request.headers, "Accept": "application/xml"}, request.body)
    sent = v2.decode_reply(call, emulator.handle(asking_xml))
    assert [message.outcome for message in sent] == [Outcome.ACCEPTED, Outcome.REJECTED]


# Strictness

GET_BALANCE = "/mspaceservice/wr/sms/balance/username=demo/password=demo-password"


def v2_post(body: object, content_type: str = "application/json", key: str = CANARY) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", f"{HOST}/smsapi/v2/sendtext", {"apikey": key, "Content-Type": content_type}, data)


MISTAKES: list[tuple[Request, int, str]] = [
    (Request("GET", f"{HOST}/mspaceservice/wr/sms/balance/user=demo/password={CANARY}"), 400, "not username=..."),
    (Request("GET", f"{HOST}/mspaceservice/wr/sms/balance/username=demo/Password={CANARY}"), 400, "not password=..."),
    (Request("GET", f"{HOST}/mspaceservice/wr/sms/balance/username=demo"), 400, "password=... is missing"),
    (
        Request("GET", f"{HOST}/mspaceservice/wr/sms/balance/password={CANARY}/username=demo"),
        400,
        "is password=..., not",
    ),
    (Request("GET", f"{HOST}/mspaceservice/wr/sms/balance/username=demo/password={CANARY}/{CANARY}"), 400, "%2F"),
    (
        Request(
            "GET",
            f"{HOST}/mspaceservice/wr/sms/sendtext/username=demo/password={CANARY}/senderid=MSPACE/recipient=0722123456"
            f"/message={CANARY}/{CANARY}",
        ),
        400,
        "a slash within a value is written %2F",
    ),
    (Request("GET", f"{HOST}/mspaceservice/wr/sms/balance/username=demo/password={CANARY};x"), 400, "%3B"),
    (
        Request("POST", f"{HOST}/mspaceservice/wr/sms/balance/username=demo/password={CANARY}", {}, b""),
        405,
        "takes GET",
    ),
    (Request("GET", f"{HOST}/mspaceservice/wr/sms/credit/username=demo/password={CANARY}"), 404, "no such operation"),
    (v2_post({"username": "demo", "senderid": "S", "recipient": "1", "message": CANARY}), 400, "spelt senderid"),
    (v2_post({"username": "demo", "senderId": "S", "recipient": "1"}), 400, "message is missing"),
    (v2_post({"username": "demo", "senderId": "S", "recipient": 1, "message": CANARY}), 400, "recipient is a int"),
    (v2_post({"username": "demo", "senderId": "S", "recipient": "1", "message": "", "x": CANARY}), 400, "too many"),
    (v2_post({}, "text/plain"), 415, "Content-Type is 'text/plain'"),
    (v2_post({}, "application/xml"), 400, "not XML"),
    (v2_post(b"<user/>", "application/xml"), 400, "not an element sms"),
    (v2_post(f'{{"username": "{CANARY}'.encode()), 400, "not JSON"),
    (
        Request("POST", f"{HOST}/smsapi/v2/sendtext", {"Content-Type": "application/json"}, b"{}"),
        401,
        "apikey is missing",
    ),
    (Request("PUT", f"{HOST}/smsapi/v2/balance", {"apikey": CANARY}, b"{}"), 405, "takes GET and POST"),
    (Request("GET", f"{HOST}/smsapi/v2/balance/username=demo/apikey={CANARY}"), 400, "not apikey=..."),
]


@pytest.mark.parametrize(("request_", "status", "told"), MISTAKES, ids=[told for _, _, told in MISTAKES])
def test_a_mistake_is_refused_and_told_without_any_value(
    service: Service, request_: Request, status: int, told: str
) -> None:
    sent = Request(request_.method, request_.url.replace(HOST, service.url), request_.headers, request_.body)
    reply = service.transport.handle(sent)
    assert reply.status == status
    assert reply.text().startswith("Malformed request: ")
    assert told in reply.text()
    assert "71f3" not in reply.text()
    assert "71f3" not in str(reply.headers)
    assert (service.emulator.ledger.total(), service.emulator.ledger.messages()) == (TOTAL, [])


def test_a_mistake_is_no_success_for_any_reader(emulator: Emulator) -> None:
    for request, _, _ in MISTAKES:
        reply = emulator.handle(request)
        for call in (SendText("u", "S", ("1",), "x"), Balance("u"), SubUsers("u"), SubAccountTopUp("u", "b", 5)):
            with pytest.raises(MSpaceError):
                legacy.decode_reply(call, reply)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "", "/mspaceservice", "/mspaceservice/wr/sms", "/smsapi/v1/balance", f"/{CANARY}<b>"),
        # A main_url with too much in it.
        "/api/mspaceservice/wr/sms/balance/username=demo/password=demo-password",
        "/sms/smsapi/v2/balance/username=demo",
    ],
)
def test_a_wrong_path_gets_the_page_of_a_tomcat(emulator: Emulator, path: str) -> None:
    reply = emulator.handle(Request("GET", f"{HOST}{path}"))
    assert reply.status == 404
    assert b"<title>HTTP Status 404" in reply.body
    assert (reply.header("content-type") or "").startswith("text/html")
    assert CANARY.encode() not in reply.body
    with pytest.raises(ReplyError):
        legacy.decode_reply(Balance("u"), Response(200, reply.body, reply.headers))


def test_a_slash_too_many_before_the_path_is_none_for_a_tomcat(emulator: Emulator) -> None:
    url = f"{HOST}//mspaceservice/wr/sms/balance/username=demo/password=demo-password"
    assert emulator.handle(Request("GET", url)).body == b"1000"


# Faults

SEND = SendText("demo", "MSPACE", ("0722123456",), "Hello")
NOT_ACTED = ["status:503", "status:404", "status:307", "fail:internal service error", "refuse", "reset-before"]
ACTED = ["status-after:502", "status-after:500", "reset-after", "truncate", "html", "garbage"]


@pytest.mark.parametrize("fault", NOT_ACTED + ACTED)
@every_way
def test_a_fault_tells_by_the_ledger_whether_it_acted(service: Service, ask: Ask, fault: str) -> None:
    service.emulator.faults.add(f"sendtext={fault}")
    with pytest.raises(MSpaceError) as raised:
        ask(service, SEND)
    assert isinstance(raised.value, OutcomeUnknown) == (fault not in ("status:404", "status:307"))
    assert len(service.emulator.ledger.messages()) == (1 if fault in ACTED else 0)
    assert service.emulator.ledger.total() == TOTAL - (1 if fault in ACTED else 0)
    # Others, and the same when it is over, are as usual.
    assert ask(service, Balance("demo")) == (999 if fault in ACTED else 1_000)
    service.emulator.faults.clear()
    assert ask(service, SEND)[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("fault", "how"),
    [("refuse", "closed"), ("reset-before", "reset"), ("reset-after", "reset"), ("truncate", "cut-short")],
)
@pytest.mark.parametrize("call", [SEND, Balance("demo"), SubUsers("demo")], ids=lambda call: type(call).__name__)
def test_a_reply_that_is_lost_is_lost_in_the_same_way_in_process_and_over_a_socket(
    service: Service, fault: str, how: str, call: Call[Any]
) -> None:
    service.emulator.faults.add(fault)
    for ask in (LEGACY["legacy, text"], V2["v2, json"]):
        with pytest.raises(ReplyLost) as raised:
            ask(service, call)
        assert raised.value.fault == how
        assert isinstance(raised.value, OutcomeUnknown) == (call is SEND)
        assert "demo-password" not in f"{raised.value!r} {vars(raised.value)}"


def test_a_fault_happens_as_often_as_asked(service: Service) -> None:
    service.emulator.faults.add(Fault("status", "503", times=2))
    ask = LEGACY["legacy, text"]
    for _ in range(2):
        with pytest.raises(ServerError):
            ask(service, Balance("demo"))
    assert ask(service, Balance("demo")) == 1_000


def test_a_fault_of_no_times_leaves_the_service_alone(emulator: Emulator) -> None:
    emulator.faults.add(Fault("refuse", times=0))
    assert over_legacy("text")(Service(emulator, emulator, HOST), Balance("demo")) == 1_000


def test_a_call_that_is_held_when_the_emulator_is_closed_says_so() -> None:
    emulator = Emulator()
    emulator.faults.add("balance=delay:0.5")
    request = legacy.encode_request(Balance("demo"), DEMO_ACCOUNTS[0].password, base=legacy.base_url("http://h"))
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(emulator.handle, request)
        time.sleep(0.1)
        emulator.close()
        with pytest.raises(ClosedError, match="meanwhile"):
            held.result(10)


def test_a_delay_answers_late_but_as_usual(service: Service) -> None:
    service.emulator.faults.add("balance=delay:0.2")
    began = time.monotonic()
    assert LEGACY["legacy, text"](service, Balance("demo")) == 1_000
    assert 0.2 <= time.monotonic() - began < 5


@pytest.mark.parametrize("status", [200, 204, 302, 304, 400, 404, 503, 599])
def test_a_status_is_what_comes_over_the_wire(service: Service, status: int) -> None:
    service.emulator.faults.add(f"balance=status:{status}")
    reply = service.transport.handle(Request("GET", f"{service.url}{GET_BALANCE}", repeatable=True))
    assert reply.status == status
    service.emulator.faults.clear()
    assert service.transport.handle(Request("GET", f"{service.url}{GET_BALANCE}")).body == b"1000"


def test_on_the_wire_a_cut_reply_is_shorter_than_it_says(emulator: Emulator, emulator_url: str) -> None:
    emulator.faults.add("truncate")
    host, _, port = emulator_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET {GET_BALANCE} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        received = b""
        while part := connection.recv(4096):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Content-Length: 4" in head
    assert body == b"10"


# Odds and ends


def test_a_text_with_anything_in_it_arrives_as_it_was(service: Service) -> None:
    texts = [
        "/",
        "//",
        "..",
        ".",
        "%2F",
        "%",
        ";",
        "?x=1",
        "#",
        "{a}",
        "a+b c",
        "\r\n\t",
        "\0",
        "é\u0301",
        "😀",
        "&<>\"'\\",
    ]
    for ask in (LEGACY["legacy, json"], V2["v2, path"], V2["v2, json"]):
        for text in texts:
            ask(service, SendText("demo", "MSPACE", ("0722123456",), text))
    assert [message.text for message in service.emulator.ledger.messages()] == texts * 3


def test_a_long_path_is_answered(service: Service) -> None:
    text = "я" * 5_000
    ask = LEGACY["legacy, json"]
    assert ask(service, SendText("demo", "MSPACE", ("0722123456",), text))[0].outcome is Outcome.ACCEPTED
    assert service.emulator.ledger.messages()[0].text == text


def test_raw_bytes_beyond_ascii_are_refused_not_mistaken(emulator: Emulator) -> None:
    # As a server hands on a path: a character for each byte that came.
    raw = quote("é", safe="").encode().replace(b"%C3%A9", "é".encode()).decode("latin-1")
    url = f"{HOST}/mspaceservice/wr/sms/sendtext/username=demo/password=demo-password/senderid=MSPACE"
    reply = emulator.handle(Request("GET", f"{url}/recipient=0722123456/message={raw}"))
    assert reply.status == 400
    assert emulator.ledger.messages() == []


def test_it_is_a_transport() -> None:
    emulator = Emulator()
    assert isinstance(emulator, Transport)
    emulator.close()
    emulator.close()
    with pytest.raises(MSpaceError, match="closed"):
        emulator.handle(Request("GET", f"{HOST}{GET_BALANCE}", repeatable=True))
