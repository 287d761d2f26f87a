"""emulator.phone: what the page's server answers, to whom, and how much of it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote, urlencode

import pytest

from mspace_legacy.emulator import Account, Emulator, Ledger, UssdCode, UssdCodes
from mspace_legacy.emulator.faults import FaultKind
from mspace_legacy.emulator.journal import Journal
from mspace_legacy.emulator.phone import Phone, serving_phone
from mspace_legacy.errors import InvalidInput
from mspace_legacy.models import DeliveryReports, ResellerClientTopUp, SendText, SubAccountTopUp
from mspace_legacy.secrets import Secret
from mspace_legacy.server import Server
from mspace_legacy.smpp.client import Transmitter
from mspace_legacy.testing.running import RunningEmulator
from mspace_legacy.transport.base import Transport
from mspace_legacy.wire.http import Request, Response
from tests.emulator.clock import Clock
from tests.servers import ScriptedServer, close, reply
from tests.smpp.smsc import eventually

PAGE = Path(__file__).parents[3] / "mspace_legacy" / "emulator" / "phone"


@pytest.fixture
def emulated(clock: Clock) -> Iterator[Emulator]:
    emulator = Emulator(Ledger(delivery_delay=10, clock=clock))
    yield emulator
    emulator.close()


@pytest.fixture
def phone(emulated: Emulator) -> Iterator[Phone]:
    phone = Phone(emulated)
    yield phone
    phone.close()


def get(phone: Phone, path: str, **query: object) -> Any:
    response = phone.handle(Request("GET", f"http://127.0.0.1:1{path}?{urlencode(query)}"))
    assert response.status == 200, response.text()
    return json.loads(response.body)


def post(phone: Phone, path: str, document: Any) -> Response:
    headers = {"Content-Type": "application/json", "Origin": "http://127.0.0.1:1"}
    return phone.handle(Request("POST", f"http://127.0.0.1:1{path}", headers, json.dumps(document).encode()))


def send(emulator: Emulator, text: str = "Hello", *recipients: str) -> None:
    emulator.ledger.answer(SendText("demo", "MSPACE", recipients or ("0722123456",), text))


class Page:
    """What a page knows that follows the phone."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self.cursor = ""

    def news(self) -> dict[str, Any]:
        told: dict[str, Any] = get(self._phone, "/state", since=self.cursor)
        self.cursor = told.pop("cursor")
        assert told.pop("pause") == 0
        return told


# Following


def test_a_fresh_page_gets_all_there_is(phone: Phone, emulated: Emulator) -> None:
    send(emulated, "Hi", "0722123456", "0733123456")
    emulated.ledger.answer(SubAccountTopUp("demo", "subuser1", 5))
    emulated.faults.add("sendtext=delay:1")
    news = Page(phone).news()
    assert news["fresh"] is True
    assert "older" not in news
    assert [(m["recipient"], m["text"], m["state"]) for m in news["messages"]] == [
        ("254722123456", "Hi", "Submitted"),
        ("254733123456", "Hi", "Submitted"),
    ]
    message = news["messages"][0]
    assert (message["username"], message["sender_id"], message["segments"]) == ("demo", "MSPACE", 1)
    balances = {account["username"]: account["balance"] for account in news["accounts"]}
    assert (balances["demo"], balances["subuser1"]) == (993, 25)
    family = {account["username"]: (account["sub_user_of"], account["client_of"]) for account in news["accounts"]}
    assert (family["subuser1"], family["client1"]) == (("demo", None), (None, "demo"))
    assert [(t["username"], t["name"], t["count"]) for t in news["top_ups"]] == [("demo", "subuser1", 5)]
    assert [(f["fault"], f["times"]) for f in news["faults"]] == [("sendtext=delay:1", None)]
    assert news["codes"] == []


def test_a_page_gets_what_changed_and_no_more(phone: Phone, emulated: Emulator, clock: Clock) -> None:
    page = Page(phone)
    send(emulated, "first")
    first = page.news()["messages"][0]["id"]
    send(emulated, "second")
    news = page.news()
    assert sorted(news) == ["accounts", "messages"]
    assert [message["text"] for message in news["messages"]] == ["second"]
    clock.now += 10
    assert page.news() == {
        "states": [{"id": number, "status": "3", "state": "Delivered"} for number in (first, first + 1)]
    }
    emulated.ledger.answer(ResellerClientTopUp("demo", "client1", 1))
    assert sorted(page.news()) == ["accounts", "top_ups"]
    number = emulated.faults.add("html")
    assert sorted(page.news()) == ["faults"]
    emulated.faults.remove(number)
    assert page.news() == {"faults": []}
    emulated.handle(Request("GET", "http://h/nowhere"))
    assert sorted(page.news()) == ["exchanges"]


def test_a_page_waits_until_something_changes(phone: Phone, emulated: Emulator, clock: Clock) -> None:
    page = Page(phone)
    page.news()
    for change, told in (
        (lambda: send(emulated), "messages"),
        (lambda: setattr(clock, "now", clock.now + 10), "states"),
        (lambda: emulated.faults.add("html"), "faults"),
        (lambda: emulated.handle(Request("GET", "http://h/nowhere")), "exchanges"),
    ):
        came: list[dict[str, Any]] = []
        waiting = threading.Thread(target=lambda into=came: into.append(page.news()))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive(), "it answered before anything happened"
        change()
        waiting.join(10)
        assert told in came[0]


def test_few_may_wait_at_once_and_the_others_are_told_to_ask_again(phone: Phone) -> None:
    page = Page(phone)
    page.news()
    told: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: told.append(get(phone, "/state", since=page.cursor))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: told)
    assert sorted(told[0]) == ["cursor", "pause"]
    assert told[0]["pause"] > 0
    assert sum(thread.is_alive() for thread in threads) == 4
    phone.close()
    for thread in threads:
        thread.join(10)
    assert [answer["pause"] for answer in told[1:]] == [0] * 4, "closing lets go of whoever waits"


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "[]", "{}", "null", "[1,2,3]", '["x",0,0,0,0,0,0,0,""]', "[" * 400, "9" * 600, '["NAME",0]',
     '["NAME","0",0,0,0,0,0,0,""]', '["NAME",1e99,0,0,0,0,0,0,""]', '["NAME",0,"x",0,0,0,0,0,""]',
     '["NAME",99999999999999999999999,0,0,0,0,0,0,""]',
     '["NAME",0,NaN,0,0,0,0,0,""]', '["NAME",0,0,0,0,true,0,0,""]'],
)  # fmt: skip
def test_a_cursor_that_is_none_begins_anew(phone: Phone, cursor: str) -> None:
    name = json.loads(get(phone, "/state")["cursor"])[0]
    told = get(phone, "/state", since=cursor.replace("NAME", name))
    assert told.get("fresh") or "accounts" in told


def test_a_page_of_an_emulator_that_is_gone_begins_anew(phone: Phone, emulated: Emulator) -> None:
    page = Page(phone)
    page.news()
    other = Phone(emulated)
    assert get(other, "/state", since=page.cursor)["fresh"] is True


def test_of_very_many_messages_a_page_gets_the_newest(phone: Phone, clock: Clock) -> None:
    account = Account("demo", Secret("p"), Secret("k"), 10**6, ("MSPACE",))
    emulator = Emulator(Ledger([account], delivery_delay=10, clock=clock))
    phone, page = Phone(emulator), None
    send(emulator, "many", *[f"0722{number:06}" for number in range(1500)])
    page = Page(phone)
    news = page.news()
    assert (len(news["messages"]), news["older"]) == (1000, True)
    first = news["messages"][0]["id"]
    older = get(phone, "/messages", before=first)["messages"]
    assert [message["id"] for message in older] == list(range(first - 500, first))
    send(emulator, "more", *[f"0733{number:06}" for number in range(1001)])
    news = page.news()
    assert (len(news["messages"]), news["skipped"]) == (1000, True)
    clock.now += 10
    settled: list[int] = []
    while states := page.news().get("states"):
        assert len(states) <= 1000
        settled += [state["id"] for state in states]
        if len(settled) == 2501:
            break
    assert sorted(settled) == list(range(first - 500, first + 2001))
    emulator.close()


def test_messages_to_one_number_are_had_further_back(phone: Phone, emulated: Emulator) -> None:
    for number in range(5):
        send(emulated, str(number), "0722123456", "0733123456")
    newest = emulated.ledger.messages()[-1]
    told = get(phone, "/messages", before=newest.message_id, recipient="254722123456")["messages"]
    assert [(message["recipient"], message["text"]) for message in told] == [
        ("254722123456", str(number)) for number in range(5)
    ]


@pytest.mark.parametrize("query", ["", "before=", "before=x", "before=-1", "before=1e5", "before=" + "9" * 30])
def test_a_place_that_is_none_is_told(phone: Phone, query: str) -> None:
    response = phone.handle(Request("GET", f"http://h/messages?{query}"))
    assert (response.status, json.loads(response.body)) == (400, {"problem": "before: a number"})


def test_a_page_has_what_is_delivered_from_the_reports(phone: Phone, emulated: Emulator, clock: Clock) -> None:
    page = Page(phone)
    send(emulated, "x", "0722123456", "254700000001", "254700000002")
    page.news()
    clock.now += 10
    states = {state["id"]: (state["status"], state["state"]) for state in page.news()["states"]}
    for message in emulated.ledger.messages():
        (report,) = emulated.ledger.answer(DeliveryReports("demo", message.message_id))
        assert states[int(message.message_id)] == (report.status, report.description)
    assert {state for _, state in states.values()} == {"Delivered", "Failed", "Submitted"}


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ours, other = Emulator(Ledger(path=path, delivery_delay=0)), Emulator(Ledger(path=path, delivery_delay=0))
    page = Page(Phone(ours))
    page.news()
    send(other, "from another process")
    news = page.news()
    assert [message["text"] for message in news["messages"]] == ["from another process"]
    assert news["messages"][0]["exchange"] is None
    ours.close()
    other.close()


# Requests


def test_a_request_is_shown_without_its_secret(phone: Phone, emulated: Emulator) -> None:
    path = "/mspaceservice/wr/sms/sendtext/username=demo/password={}/senderid=MSPACE/recipient=0722123456/message=Hi"
    for password in ("demo-password", "a-wrong-one"):
        emulated.handle(Request("GET", "http://h" + path.format(password), {"X-Key": "another-one"}))
    news = Page(phone).news()
    sent, refused = news["exchanges"]
    assert news["messages"][0]["exchange"] == sent["number"]
    assert sent["messages"] == [news["messages"][0]["id"], news["messages"][0]["id"] + 1]
    assert (sent["title"], sent["outcome"], refused["outcome"]) == ("sendtext", "done", "AuthenticationError")
    for exchange in (sent, refused):
        told = get(phone, "/exchange", number=exchange["number"])
        assert told["request"] == f"GET {path.format('***')}\nX-Key: ***"
    assert get(phone, "/exchange", number=refused["number"])["reply"].endswith("\n\nAthentication failure")
    response = phone.handle(Request("GET", "http://h/exchange?number=99"))
    assert (response.status, json.loads(response.body)["problem"]) == (
        400,
        "it is no longer kept: only the newest requests are",
    )


# Faults


def test_a_password_in_the_place_of_a_user_name_is_not_listed() -> None:
    emulator = Emulator(journal=Journal())
    phone = Phone(emulator)
    emulator.handle(Request("GET", "http://h/mspaceservice/wr/sms/balance/username=demo-password/password=demo"))
    told = get(phone, "/state")
    assert [exchange["username"] for exchange in told["exchanges"]] == ["***"]
    assert "demo-password" not in json.dumps(told)
    phone.close()
    emulator.close()


def test_a_fault_is_turned_on_and_off(phone: Phone, emulated: Emulator) -> None:
    posted = {"operation": "sendtext", "kind": "delay", "argument": "0.5", "times": 3}
    number = json.loads(post(phone, "/faults", posted).body)["number"]
    assert {n: (str(f), f.times) for n, f in emulated.faults.on.items()} == {number: ("sendtext=delay:0.5", 3)}
    assert post(phone, "/faults/off", {"number": number}).status == 200
    assert emulated.faults.on == {}


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        ({}, "kind: there are delay"),
        ({"kind": "explode"}, "kind: there are delay"),
        ({"kind": 5}, "kind: a text"),
        ({"kind": "html", "operation": "nothing"}, "operation 'nothing' is not known"),
        ({"kind": "throttle", "operation": "sendtext"}, "makes no sense for sendtext"),
        ({"kind": "delay", "operation": "*"}, "takes seconds"),
        ({"kind": "html", "operation": "*", "times": 0}, "times: a whole number"),
        ({"kind": "html", "operation": "*", "times": "5"}, "times: a whole number"),
        ({"kind": "html", "operation": "*", "times": True}, "times: a whole number"),
        ([], "the body is no JSON object"),
        ("x", "the body is no JSON object"),
    ],
)
def test_a_fault_that_is_none_is_told(phone: Phone, emulated: Emulator, posted: Any, told: str) -> None:
    response = post(phone, "/faults", posted)
    assert response.status == 400
    assert told in json.loads(response.body)["problem"]
    assert emulated.faults.on == {}


def test_the_page_has_words_for_each_kind_of_fault() -> None:
    words = (PAGE / "phone.js").read_text("utf-8").partition("const WORDS")[2].partition("};")[0]
    for kind in get_args(FaultKind):
        assert f"  {kind}: " in words or f'  "{kind}": ' in words


# USSD


def dialling(*script: Any) -> Iterator[tuple[ScriptedServer, Phone]]:
    with ScriptedServer(*script) as server:
        codes = UssdCodes([UssdCode("*384#", f"{server.url}/ussd?key=canary")])
        emulator = Emulator()
        yield server, Phone(emulator, codes)
        emulator.close()


@pytest.mark.parametrize("callback", ["{}?key=canary", "{}/?key=ca\\nary", '{}/?k="canary"'])
def test_a_callback_however_it_is_written_shows_no_secret(callback: str) -> None:
    with ScriptedServer(reply(b"END Bye")) as server:
        written = callback.format(server.url.replace("http:", "HTTP:"))
        emulator = Emulator()
        phone = Phone(emulator, UssdCodes([UssdCode("*384#", written)]))
        told = json.loads(post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": "*384#"}).body)
        assert bodies(server)[0]["CALLBACK_URL"].partition("?")[2] == written.partition("?")[2]
        assert f'"CALLBACK_URL": "{server.url}/?***"' in told["request"]
        assert "canary" not in told["request"]
        assert "ary" not in told["request"]
        phone.close()
        emulator.close()


def bodies(server: ScriptedServer) -> list[dict[str, str]]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def test_a_menu_is_walked_to_its_end() -> None:
    for server, phone in dialling(reply(b"CON One\n1. Two"), reply(b"CON Which?"), reply(b"END Bye")):
        told = json.loads(post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": " *384# "}).body)
        assert (told["text"], told["open"], told["problem"], told["status"]) == ("One\n1. Two", True, "", 200)
        assert told["seconds"] >= 0
        assert told["reply"] == "CON One\n1. Two"
        # The callback's secret stands in its query.
        assert told["request"].startswith(f"POST {server.url}/ussd?***\n")
        assert "canary" not in json.dumps([told, get(phone, "/state")])
        session = told["session"]
        for entry in ("1", "2"):
            told = json.loads(post(phone, "/ussd/enter", {"session": session, "text": entry}).body)
        assert (told["text"], told["open"], told["entered"]) == ("Bye", False, "2")
        assert [body["USSD_STRING"] for body in bodies(server)] == ["", "1", "1*2"]
        assert {body["MSISDN"] for body in bodies(server)} == {"254722000001"}
        assert {body["SERVICE_CODE"] for body in bodies(server)} == {"*384#"}
        assert {body["SESSION_ID"] for body in bodies(server)} == {session}
        assert post(phone, "/ussd/enter", {"session": session, "text": "3"}).status == 400
        assert len(server.requests) == 3
        phone.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reply(b"Hello"), "begins with neither"),
        (reply(b"END no", "500 Oops"), "HTTP status 500"),
        (reply(b"CON " + b"x" * 500), "too long"),
        (close, "ReplyLost"),
    ],
)
def test_an_answer_that_no_network_takes_ends_the_session_and_says_why(answer: Any, told: str) -> None:
    for _, phone in dialling(answer):
        said = json.loads(post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": "*384#"}).body)
        assert said["open"] is False
        assert told in said["problem"]
        phone.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_callback_on_this_machine_is_not_asked_through_a_proxy(
    name: str, refusing_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refusing_port}")
    with ScriptedServer(reply(b"CON x")) as server:
        emulator = Emulator()
        phone = Phone(emulator, UssdCodes([UssdCode("*384#", f"http://{name}:{server.port}/ussd")]))
        told = json.loads(post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": "*384#"}).body)
        assert (told["problem"], told["text"]) == ("", "x")
        phone.close()
        emulator.close()


def test_what_is_dialled_along_with_the_code_comes_as_an_entry() -> None:
    for server, phone in dialling(reply(b"CON x")):
        post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": "*384*1*2#"})
        (body,) = bodies(server)
        assert (body["SERVICE_CODE"], body["USSD_STRING"]) == ("*384#", "1*2")
        phone.close()


def test_codes_are_registered_on_the_page(scripted: ScriptedServer, phone: Phone) -> None:
    scripted.script = [reply(b"CON x"), reply(b"CON y")]
    page = Page(phone)
    page.news()
    code = {"code": "*1#", "callback": f"{scripted.url}/u", "entries": "alone"}
    assert post(phone, "/ussd/codes", code).status == 200
    assert page.news() == {"codes": [code]}
    told = json.loads(post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": "*1#"}).body)
    for entry in ("7", "8"):
        post(phone, "/ussd/enter", {"session": told["session"], "text": entry})
    assert [body["USSD_STRING"] for body in bodies(scripted)] == ["", "7", "8"]
    post(phone, "/ussd/codes/remove", {"code": "*1#"})
    assert page.news() == {"codes": []}
    assert post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": "*1#"}).status == 400


@pytest.mark.parametrize(
    ("path", "posted", "told"),
    [
        ("/ussd/dial", {"msisdn": "0722000001", "code": "*9#"}, "register a callback"),
        ("/ussd/enter", {"session": "x", "text": "1"}, "dial again"),
        ("/ussd/enter", {"session": "x", "text": "1" * 201}, "200 at most"),
        ("/ussd/enter", {"session": 5, "text": "1"}, "session: a text"),
        ("/ussd/codes", {"code": "1", "callback": "http://h/"}, "is not a USSD code such as *384#"),
        ("/ussd/codes", {"code": "*1#", "callback": "x"}, "callback of *1#"),
        ("/ussd/codes", {"code": "*1#", "callback": "http://h/", "entries": "both"}, "joined, alone"),
    ],
)
def test_what_can_not_be_dialled_is_told(phone: Phone, path: str, posted: Any, told: str) -> None:
    response = post(phone, path, posted)
    assert response.status == 400
    assert told in json.loads(response.body)["problem"]


def test_a_number_that_is_none_is_told() -> None:
    for server, phone in dialling(reply(b"CON x")):
        response = post(phone, "/ussd/dial", {"msisdn": "12", "code": "*384#"})
        assert response.status == 400
        assert server.requests == []
        phone.close()


def test_a_session_is_hung_up_and_the_oldest_make_room() -> None:
    for server, phone in dialling(reply(b"CON x")):
        sessions = []
        for _ in range(34):
            told = json.loads(post(phone, "/ussd/dial", {"msisdn": "0722000001", "code": "*384#"}).body)
            sessions.append(told["session"])
        assert post(phone, "/ussd/enter", {"session": sessions[0], "text": "1"}).status == 400
        assert post(phone, "/ussd/enter", {"session": sessions[-2], "text": "1"}).status == 200
        post(phone, "/ussd/hang-up", {"session": sessions[-1]})
        assert post(phone, "/ussd/enter", {"session": sessions[-1], "text": "1"}).status == 400
        assert len(server.requests) == 35
        phone.close()


# Who may ask, and what goes along with each answer


def test_it_is_a_transport(phone: Phone) -> None:
    assert isinstance(phone, Transport)


PATHS = ["/", "/phone.css", "/phone.js", "/phone.svg", "/state", "/kinds", "/nowhere", "/messages", "/faults"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers_that_keep_others_out(phone: Phone, path: str) -> None:
    response = phone.handle(Request("GET", f"http://h{path}"))
    policy = response.header("content-security-policy") or ""
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; ")
    for part in ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert response.header("x-content-type-options") == "nosniff"
    assert response.header("x-frame-options") == "DENY"
    assert response.header("referrer-policy") == "no-referrer"
    assert response.header("cache-control") == "no-store"
    assert response.header("cross-origin-resource-policy") == "same-origin"
    assert response.header("cross-origin-opener-policy") == "same-origin"
    assert response.header("access-control-allow-origin") is None


def test_nothing_on_the_page_comes_from_elsewhere_or_stands_in_it() -> None:
    page = (PAGE / "phone.html").read_text("utf-8")
    assert "http://" not in page.replace("http://127.0.0.1:5000/ussd", "")
    assert "https://" not in page
    for inline in ("<style", "style=", "<script>", "onclick", "javascript:"):
        assert inline not in page
    script = (PAGE / "phone.js").read_text("utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"):
        assert way not in script


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Content-Type": "application/json"}, "Origin is missing"),
        ({"Origin": "http://h"}, "Content-Type: it should be application/json"),
        ({"Origin": "http://h", "Content-Type": "text/plain"}, "Content-Type"),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}, "Content-Type"),
        ({"Sec-Fetch-Site": "none", "Content-Type": "application/json"}, "Origin is missing"),
    ],
)
def test_a_post_comes_from_the_page(phone: Phone, emulated: Emulator, headers: dict[str, str], told: str) -> None:
    body = json.dumps({"operation": "*", "kind": "html"}).encode()
    response = phone.handle(Request("POST", "http://h/faults", headers, body))
    assert response.status == 400
    assert told in json.loads(response.body)["problem"]
    assert emulated.faults.on == {}
    fine = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json; charset=utf-8"}
    assert phone.handle(Request("POST", "http://h/faults", fine, body)).status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("PUT", "/state"), ("GET", "/faults"), ("DELETE", "/faults")]
)
def test_a_method_that_it_has_not(phone: Phone, method: str, path: str) -> None:
    assert phone.handle(Request(method, f"http://h{path}")).status == 405


@pytest.mark.parametrize("path", ["/x", "/../setup.cfg", "/phone.py", "/%2e%2e/app.py", "/app.py", "//", "/state/"])
def test_it_has_no_other_files(phone: Phone, path: str) -> None:
    assert phone.handle(Request("GET", f"http://h{path}")).status == 404


def ask(url: str, path: str = "/", method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    host = url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, body or None, sent)
    response = connection.getresponse()
    told = response.status, response.read()
    connection.close()
    return told


def test_behind_its_socket_it_answers_this_machine_s_names_alone() -> None:
    with RunningEmulator() as emulator:
        url = emulator.phone_url
        port = url.rstrip("/").rpartition(":")[2]
        assert url == emulator.phone_url
        assert ask(url)[0] == ask(url, Host=f"localhost:{port}")[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1", "", "mspace",
                     f"api.mspace.co.ke:{port}", f"127.0.0.1.evil.example:{port}", f"10.0.0.1:{port}"):  # fmt: skip
            for path in ("/", "/state", "/phone.js"):
                assert ask(url, path, Host=host)[0] == 403, host
        fault = json.dumps({"operation": "*", "kind": "html"}).encode()
        typed = {"Content_Type": "application/json"}
        for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://localhost:{port}"):
            assert ask(url, "/faults", "POST", fault, Origin=origin, **typed)[0] == 403
            assert ask(url, "/state", Origin=origin)[0] == 403
        assert ask(url, "/state", Sec_Fetch_Site="cross-site")[0] == 403
        assert ask(url, "/state", Sec_Fetch_Site="same-site")[0] == 403
        assert emulator.faults.on == {}
        assert ask(url, "/faults", "POST", fault, Origin=url.rstrip("/"), **typed)[0] == 200
        assert len(emulator.faults.on) == 1


def test_many_pages_leave_room_for_what_a_page_does() -> None:
    with RunningEmulator() as emulator:
        url = emulator.phone_url
        cursor = quote(json.loads(ask(url, "/state")[1])["cursor"])
        came: list[int] = []
        threads = [
            threading.Thread(target=lambda: came.append(ask(url, f"/state?since={cursor}")[0])) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        assert ask(url, "/kinds")[0] == 200
        emulator.faults.add("html")
        for thread in threads:
            thread.join(30)
        assert came == [200] * 20


def test_stopping_does_not_wait_for_pages_that_wait() -> None:
    emulator = Emulator()
    with serving_phone(emulator) as url:
        cursor = quote(json.loads(ask(url, "/state")[1])["cursor"])
        came: list[int] = []
        waiting = threading.Thread(target=lambda: came.append(ask(url, f"/state?since={cursor}")[0]))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(10)
    assert came == [200]
    emulator.close()


def test_a_port_that_is_taken_is_told() -> None:
    emulator = Emulator()
    with (
        Server(emulator) as server,
        pytest.raises(InvalidInput, match=str(server.port)),
        serving_phone(emulator, port=server.port),
    ):
        pass
    emulator.close()


def test_messages_over_smpp_are_there_with_their_request() -> None:
    with RunningEmulator(Ledger(delivery_delay=0)) as emulator:
        with Transmitter("127.0.0.1", emulator.smpp_port, "demo", "smpp-pwd") as transmitter:
            transmitter.send("MSPACE", "0722000000", "Over SMPP")
        told = json.loads(ask(emulator.phone_url, "/state")[1])
        (message,) = told["messages"]
        assert (message["text"], message["state"]) == ("Over SMPP", "Delivered")
        shown = json.loads(ask(emulator.phone_url, f"/exchange?number={message['exchange']}")[1])
        assert shown["request"].startswith("submit_sm\n")


def test_very_long_texts_are_told_in_part(phone: Phone) -> None:
    account = Account("demo", Secret("p"), Secret("k"), 10**6, ("MSPACE",))
    emulator = Emulator(Ledger([account]))
    send(emulator, "a" * 50_000)
    (message,) = Page(Phone(emulator)).news()["messages"]
    assert (len(message["text"]), message["left_out"]) == (20_000, 30_000)
    emulator.close()
