"""Client: the operations over both APIs, against the emulator and against servers that do what they like."""

from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy import (
    Client,
    DeliveryReport,
    Outcome,
    OutcomeUnknown,
    ReplyError,
    ResellerClient,
    Secret,
    SentMessage,
    SubUser,
    TopUp,
    errors,
    segments,
)
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Fault, Ledger
from mspace_legacy.server import Server
from mspace_legacy.wire.http import Request, Response
from mspace_legacy.wire.replies import messages_for
from tests.servers import Answer, ScriptedServer, close, reply, reset

KEY = "demo-api-key-".ljust(128, "0")
MAKERS: dict[str, Callable[..., Client]] = {
    "legacy": lambda url, **more: Client.legacy(url, "demo", "demo-password", **more),
    "json": lambda url, **more: Client.v2("demo", KEY, base_url=url, **more),
    "xml": lambda url, **more: Client.v2("demo", KEY, style="xml", base_url=url, **more),
    "path": lambda url, **more: Client.v2("demo", KEY, style="path", base_url=url, **more),
}


@pytest.fixture(params=MAKERS)
def client(request: pytest.FixtureRequest, emulator_url: str) -> Client:
    return MAKERS[request.param](emulator_url)


def test_every_operation(client: Client, emulator: Emulator) -> None:
    with client:
        assert client.balance() == 1000
        assert client.sub_users() == [SubUser("subuser1", 20), SubUser("subuser2", 18)]
        assert client.reseller_clients() == [ResellerClient("client1", 20), ResellerClient("client2", 18)]
        assert client.top_up_sub_account("subuser1", 5) == TopUp("subuser1", 5)
        assert client.top_up_reseller_client("client2", 7) == TopUp("client2", 7)
        result = client.send_text("MSPACE", "0722000000, +254 733 000 000", "Hello / {world}; 100% 😀")
        assert result.all_accepted
        assert [message.recipient for message in result.messages] == ["254722000000", "254733000000"]
        assert (result.segments, result.cost) == (1, 2)
        assert client.balance() == 1000 - 5 - 7 - 2
    stored = emulator.ledger.messages()
    assert [message.message_id for message in stored] == [message.message_id for message in result.messages]
    assert {(message.sender_id, message.text) for message in stored} == {("MSPACE", "Hello / {world}; 100% 😀")}


def test_the_legacy_api_is_asked_for_the_forms_that_the_jar_asks_for(emulator: Emulator) -> None:
    recorder = Recorder(emulator)
    client = MAKERS["legacy"]("http://in-process", transport=recorder)
    client.balance()
    client.login()
    client.sub_users()
    client.reseller_clients()
    client.top_up_sub_account("subuser1", 1)
    client.top_up_reseller_client("client1", 1)
    client.send_text("MSPACE", "0722000000", "hi")
    asked = {request.operation: request.headers["Accept"] for request in recorder.requests}
    # The vendor's page: getBalance and login_TEXT give plain text, resellerClientTopup is listed with _XML only.
    text = {"balance": "text/plain", "login": "text/plain", "resellerclienttopup": "application/xml"}
    assert asked == {operation: text.get(operation, "application/json") for operation in asked}


def test_failures_are_typed(client: Client, emulator: Emulator) -> None:
    before = emulator.ledger.total()
    with client:
        with pytest.raises(errors.InvalidSenderId):
            client.send_text("NOT-MINE", "0722000000", "hi")
        with pytest.raises(errors.TopUpFailed) as caught:
            client.top_up_sub_account("stranger", 5)
        assert caught.value.text == "Failed to top up stranger account"
        with pytest.raises(errors.InsufficientBalance) as refused:
            client.send_text("MSPACE", numbers(100), "x" * 11 * 153)
        assert refused.value.result is not None
        assert [message.words for message in refused.value.result.rejected] == ["Insufficient Balance"] * 100
        for error in (caught.value, refused.value):
            assert not isinstance(error, OutcomeUnknown)
    assert emulator.ledger.total() == before
    assert emulator.ledger.messages() == []


@pytest.mark.parametrize("maker", ["json", "xml", "path"])
def test_delivery_reports(emulator: Emulator, emulator_url: str, maker: str) -> None:
    with MAKERS[maker](emulator_url) as client:
        (message,) = client.send_text("MSPACE", "0722000000", "hi").messages
        report = client.delivery_report(message.message_id)
        assert (report.message_id, report.recipient, report.delivered) == (message.message_id, "254722000000", False)
        with pytest.raises(errors.ServiceError, match="Message not found"):
            client.delivery_report("1")


def test_what_an_api_does_not_have(emulator_url: str) -> None:
    with pytest.raises(errors.Unsupported, match="delivery"):
        MAKERS["legacy"](emulator_url).delivery_report("1")
    with pytest.raises(errors.Unsupported, match="login"):
        MAKERS["json"](emulator_url).login()


def test_login(emulator_url: str) -> None:
    assert Client.legacy(emulator_url, "demo", "demo-password").login() is True
    assert Client.legacy(emulator_url, "demo", "wrong").login() is False
    assert Client.legacy(emulator_url, "nobody", Secret("demo-password")).login() is False


@pytest.mark.parametrize("maker", MAKERS)
def test_a_wrong_secret(emulator_url: str, maker: str) -> None:
    if maker == "legacy":
        client = Client.legacy(emulator_url, "demo", "wrong")
    else:
        client = Client.v2("demo", "wrong", style=maker, base_url=emulator_url)  # type: ignore[arg-type]  # one of STYLES
    with client, pytest.raises(errors.AuthenticationError):
        client.balance()


def test_where_v2_lives_may_stand_in_the_environment(
    emulator_url: str, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "api.mspace.co.ke" in repr(Client.v2("demo", KEY))
    monkeypatch.setenv("MSPACE_BASE_URL", emulator_url)
    assert Client.v2("demo", KEY).balance() == 1000
    # Who says where it lives is heard first; and nothing is none.
    Client.v2("demo", KEY, base_url=scripted.url).balance()
    assert scripted.requests
    with pytest.raises(errors.InvalidInput, match="base_url"):
        Client.v2("demo", KEY, base_url="")


def test_delivery_reports_that_contradict_each_other_tell_nothing(scripted: ScriptedServer) -> None:
    report = '{"messageId": "7", "status": %s, "statusDescription": "%s", "recipient": "%s"}'
    delivered, failed = report % (3, "Delivered", "0722"), report % (5, "Failed", "0733")
    also = report % (3, "Delivered at 9:00", "0733")
    scripted.script = [reply(f'{{"message": [{delivered}, {other}]}}'.encode()) for other in (also, failed)]
    with MAKERS["json"](scripted.url) as client:
        assert client.delivery_report("7").delivered
        with pytest.raises(ReplyError, match="message '7', the reply tells of several that contradict each other"):
            client.delivery_report("7")


def test_a_delivery_report_of_another_message_is_none(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b'{"message": [{"messageId": "8", "status": 3, "statusDescription": "Delivered"}]}')]
    with MAKERS["json"](scripted.url) as client:
        assert client.delivery_report("8") == DeliveryReport("8", "3", "Delivered")
        with pytest.raises(ReplyError, match=r"'7'.*'8'"):
            client.delivery_report("7")


def test_a_top_up_of_another_account_or_amount_is_not_the_one_that_was_asked_for(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"Successful Top up of 5 SMS to Sub1.")]
    with MAKERS["json"](scripted.url) as client:
        assert client.top_up_sub_account("sub1", 5).count == 5
        for name, count in (("sub1", 50), ("sub", 5), ("sub12", 5)):
            with pytest.raises(OutcomeUnknown, match=rf"of 5 SMS to Sub1.*where {count} credits to '{name}' were"):
                client.top_up_reseller_client(name, count)


def test_what_a_reply_tells_of_another_is_cleaned_of_the_key(scripted: ScriptedServer) -> None:
    report = {"messageId": f"8 {KEY}", "status": 3, "statusDescription": "Delivered"}
    scripted.script = [
        reply(f"Successful Top up of 5 SMS to {KEY}".encode()),
        reply(json.dumps({"message": [report]}).encode()),
    ]
    with MAKERS["json"](scripted.url) as client:
        with pytest.raises(OutcomeUnknown) as of_top_up:
            client.top_up_sub_account("sub1", 5)
        with pytest.raises(ReplyError) as of_report:
            client.delivery_report("7")
    for error in (of_top_up.value, of_report.value):
        assert isinstance(error, ReplyError)
        assert "***" in str(error)
        assert KEY not in f"{error} {error.body}"


# Who gets what: the reply's records and the recipients


def sent(
    scripted: ScriptedServer, body: object, recipients: str = "0722000000,0733000000"
) -> list[tuple[str, str, str]]:
    scripted.script = [reply(json.dumps(body).encode())]
    with MAKERS["json"](scripted.url) as client:
        result = client.send_text("M", recipients, "hi")
    return [(message.recipient, str(message.outcome), message.message_id) for message in result.messages]


def record(recipient: str, status: object = 111, number: str = "1", **more: str) -> dict[str, object]:
    return {"messageId": number, "recipient": recipient, "status": status, **more}


def test_records_are_matched_by_the_recipient_in_any_form_and_order(scripted: ScriptedServer) -> None:
    body = {"message": [record("+254733000000", number="2"), record("0722000000", "112", statusDescription="no")]}
    assert sent(scripted, body) == [("254722000000", "rejected", "1"), ("254733000000", "accepted", "2")]


def test_a_recipient_that_the_reply_does_not_name_is_unknown(scripted: ScriptedServer) -> None:
    assert sent(scripted, {"message": [record("0722000000")]}) == [
        ("254722000000", "accepted", "1"),
        ("254733000000", "unknown", ""),
    ]


def test_records_without_a_recipient_are_matched_by_order_where_there_is_one_for_each(
    scripted: ScriptedServer,
) -> None:
    body = [{"messageId": "1", "status": "successful"}, {"messageId": "2", "status": "failed"}]
    assert sent(scripted, body) == [("254722000000", "accepted", "1"), ("254733000000", "rejected", "2")]


def test_one_record_without_a_recipient_speaks_of_the_send(scripted: ScriptedServer) -> None:
    accepted = [("254722000000", "accepted", "1"), ("254733000000", "accepted", "1")]
    assert sent(scripted, [{"messageId": "1", "status": "successful"}]) == accepted
    assert sent(scripted, {"messageId": "1", "status": 111}) == accepted


def test_records_of_another_number_than_recipients_tell_nothing(scripted: ScriptedServer) -> None:
    body = [{"messageId": "1", "status": "successful"}, {"messageId": "2", "status": "successful"}]
    outcomes = sent(scripted, body, "0722000000,0733000000,0711000000")
    assert [outcome for _, outcome, _ in outcomes] == ["unknown"] * 3


def test_records_of_one_recipient_that_contradict_each_other_tell_nothing(scripted: ScriptedServer) -> None:
    body = {"message": [record("0722000000"), record("254722000000", 112)]}
    assert sent(scripted, body, "0722000000") == [("254722000000", "unknown", "")]


def test_a_status_that_is_not_known_is_not_taken_for_either(scripted: ScriptedServer) -> None:
    body = {"message": [record("0722000000", "queued"), record("0733000000", "DELIVERY FAILED")]}
    assert [outcome for _, outcome, _ in sent(scripted, body)] == ["unknown", "rejected"]


# Recipients and limits


def test_bad_numbers_are_all_named_before_anything_is_sent(scripted: ScriptedServer) -> None:
    with MAKERS["json"](scripted.url) as client, pytest.raises(errors.InvalidInput) as caught:
        client.send_text("M", ["0722000000", "07220000", "hello"], "hi")
    assert "07220000" in str(caught.value)
    assert "hello" in str(caught.value)
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("sender_id", "recipients", "message", "named"),
    [
        ("", "0722000000", "hi", "sender_id"),
        ("M", "", "hi", "recipient"),
        ("M", [], "hi", "recipient"),
        ("M", "0722000000", "", "message"),
        ("M", "0722000000", "half \ud83d", "surrogate"),
        (None, "0722000000", "hi", "sender_id"),
        ("M", None, "hi", "recipient"),
        ("M", [722000000], "hi", "recipient"),
        ("M", "0722000000", b"hi", "message"),
        ("half \ude00", "0722000000", "hi", "surrogate"),
    ],
)
def test_bad_input_is_named_before_anything_is_sent(
    scripted: ScriptedServer, sender_id: Any, recipients: Any, message: Any, named: str
) -> None:
    for maker in MAKERS.values():
        with maker(scripted.url) as client, pytest.raises(errors.InvalidInput, match=named):
            client.send_text(sender_id, recipients, message)
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("name", "count"), [("", 5), (None, 5), ("x", 0), ("x", -1), ("x", True), ("x", "5"), ("x", 5.0)]
)
def test_a_bad_top_up_is_named_before_anything_is_sent(scripted: ScriptedServer, name: Any, count: Any) -> None:
    with MAKERS["json"](scripted.url) as client:
        for top_up in (client.top_up_sub_account, client.top_up_reseller_client):
            with pytest.raises(errors.InvalidInput, match="name" if not name else "count"):
                top_up(name, count)
    assert scripted.requests == []


BAD_CLIENTS: dict[str, Callable[[], Client]] = {
    "main_url": lambda: Client.legacy("api.mspace.co.ke", "u", "hunter22"),
    "username": lambda: Client.legacy("http://h", "", "hunter22"),
    "password": lambda: Client.legacy("http://h", "u", ""),
    "api_key is a NoneType": lambda: Client.v2("u", None),  # type: ignore[arg-type]  # the test is of just this
    "style 'soap' is not known: there are json, xml, path": lambda: Client.v2("u", "hunter22", style="soap"),  # type: ignore[arg-type]  # as above
    "base_url": lambda: Client.v2("u", "hunter22", base_url="ftp://h"),
    "country": lambda: Client.v2("u", "hunter22", country="TZ"),
    "recipients_per_request is a str": lambda: Client.v2("u", "hunter22", recipients_per_request="5"),  # type: ignore[arg-type]  # as above
    "max_url_length": lambda: Client.v2("u", "hunter22", max_url_length=0),
    "transport is a int": lambda: Client.v2("u", "hunter22", transport=5),  # type: ignore[arg-type]  # as above
    "address of the service": lambda: Client.v2(
        "u", "hunter22", base_url="http://h/smsapi/v2/balance/apikey=hunter22"
    ),
    "recipients_per_request is 0": lambda: Client.v2("u", "hunter22", recipients_per_request=0),
    "timeout": lambda: Client.v2("u", "hunter22", timeout=0),
}


@pytest.mark.parametrize("named", BAD_CLIENTS)
def test_a_client_that_can_not_be_right(named: str) -> None:
    with pytest.raises(errors.InvalidInput, match=named) as caught:
        BAD_CLIENTS[named]()
    assert "hunter22" not in str(caught.value)


def test_an_api_key_that_no_header_can_hold_is_told_before_anything_is_sent(scripted: ScriptedServer) -> None:
    for key in ("a b\n", "clé", " key", "key\x00"):
        with (
            Client.v2("u", key, base_url=scripted.url) as client,
            pytest.raises(errors.InvalidInput, match="API key"),
        ):
            client.balance()
    assert scripted.requests == []


def test_local_forms_are_read_by_the_country(emulator: Emulator, emulator_url: str) -> None:
    with MAKERS["legacy"](emulator_url, country="UG") as client:
        assert client.recipients("0772000000") == ("256772000000",)
        client.send_text("MSPACE", "0772000000,+254722000000", "hi")
    assert [message.recipient for message in emulator.ledger.messages()] == ["256772000000", "254722000000"]


def test_a_number_given_twice_is_sent_once(emulator: Emulator, client: Client) -> None:
    result = client.send_text("MSPACE", ["0722000000", "254722000000", "+254 722-000-000"], "hi")
    assert len(result.messages) == len(emulator.ledger.messages()) == 1
    client.close()


class Recorder:
    """A transport that keeps the requests that pass through it."""

    def __init__(self, transport: Emulator) -> None:
        self.transport = transport
        self.requests: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        return self.transport.handle(request)

    def close(self) -> None:
        self.transport.close()


def numbers(count: int) -> list[str]:
    return [f"2547{number:08}" for number in range(10, 10 + count)]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_reply_to_as_many_recipients_as_is_documented_is_not_too_long(maker: str) -> None:
    emulator = Emulator(Ledger((replace(DEMO_ACCOUNTS[0], balance=5_000),)))
    recorder = Recorder(emulator)
    with (
        Server(recorder) as server,
        MAKERS[maker](server.url, recipients_per_request=5_000, max_url_length=100_000) as client,
    ):
        assert client.send_text("MSPACE", numbers(5_000), "hi").all_accepted
    assert len(recorder.requests) == 1


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(("count", "limit", "requests"), [(1, 1, 1), (7, 3, 3), (6, 3, 2), (250, 100, 3), (5, 1, 5)])
def test_more_recipients_than_a_request_takes(
    emulator: Emulator, maker: str, count: int, limit: int, requests: int
) -> None:
    recorder = Recorder(emulator)
    client = MAKERS[maker]("http://in-process", transport=recorder, recipients_per_request=limit)
    result = client.send_text("MSPACE", numbers(count), "hi")
    assert [message.recipient for message in result.accepted] == numbers(count)
    assert [message.recipient for message in emulator.ledger.messages()] == numbers(count)
    assert len(recorder.requests) == requests


@given(count=st.integers(1, 60), room=st.integers(12, 400), maker=st.sampled_from(["legacy", "path"]))
def test_a_url_is_never_longer_than_allowed(count: int, room: int, maker: str) -> None:
    recorder = Recorder(Emulator())
    probe = MAKERS[maker]("http://in-process", transport=recorder)
    probe.send_text("MSPACE", numbers(1), "hi /")
    limit = len(recorder.requests.pop().url) - 12 + room
    client = MAKERS[maker]("http://in-process", transport=recorder, max_url_length=limit)
    assert client.send_text("MSPACE", numbers(count), "hi /").all_accepted
    assert all(len(request.url) <= limit for request in recorder.requests)
    # As few as there can be: each but the last has no room for another number.
    assert all(len(request.url) + 13 > limit for request in recorder.requests[:-1])
    sent_to = [part for request in recorder.requests for part in recipients_in(request.url)]
    assert sent_to == numbers(count)
    recorder.close()


def recipients_in(url: str) -> list[str]:
    return unquote(url.partition("/recipient=")[2].partition("/")[0]).split(",")


def test_a_message_that_no_url_holds_is_told_before_anything_is_sent(scripted: ScriptedServer) -> None:
    for maker in ("legacy", "path"):
        with (
            MAKERS[maker](scripted.url) as client,
            pytest.raises(errors.InvalidInput, match="max_url_length is 7000"),
        ):
            client.send_text("M", "0722000000", "😀" * 600)
    with MAKERS["json"](scripted.url) as client, pytest.raises(ReplyError):
        client.send_text("M", "0722000000", "😀" * 600)
    assert len(scripted.requests) == 1


def test_segments_tell_the_cost() -> None:
    client = Client.v2("u", "key")
    assert client.segments("x" * 160).count == segments("x" * 160).count == 1
    assert client.segments("x" * 161).count == 2
    assert client.segments("😀" * 35).count == 1
    assert client.segments("😀" * 36).count == 2


# A part that fails

PART_FAILS: dict[str, tuple[Fault, type[errors.MSpaceError], str]] = {
    "lost": (Fault("reset-after"), OutcomeUnknown, "unknown"),
    "broken": (Fault("status-after", "500"), OutcomeUnknown, "unknown"),
    "unreadable": (Fault("html"), OutcomeUnknown, "unknown"),
    "refused": (Fault("fail", "Insufficient Balance"), errors.InsufficientBalance, "rejected"),
    "wrong path": (Fault("status", "404"), ReplyError, "rejected"),
}


class FailsFrom:
    """A transport that turns a fault of the emulator on, at the request of a number."""

    def __init__(self, emulator: Emulator, number: int, fault: Fault) -> None:
        self.emulator = emulator
        self.left = number
        self.fault = fault
        self.requests = 0

    def handle(self, request: Request) -> Response:
        self.requests += 1
        self.left -= 1
        if not self.left:
            self.emulator.faults.add(self.fault)
        return self.emulator.handle(request)

    def close(self) -> None:
        self.emulator.close()


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(("fault", "kind", "outcome"), PART_FAILS.values(), ids=PART_FAILS)
def test_a_part_that_fails_tells_what_the_others_did(
    emulator: Emulator, maker: str, number: int, fault: Fault, kind: type[errors.MSpaceError], outcome: str
) -> None:
    transport = FailsFrom(emulator, number, fault)
    client = MAKERS[maker]("http://in-process", transport=transport, recipients_per_request=2)
    with pytest.raises(kind) as caught:
        client.send_text("MSPACE", numbers(6), "hi")
    assert transport.requests == number
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own pickle
    assert error.result is not None
    done = (number - 1) * 2
    # To repeat what was sent to some is not safe, however certain the failure of the rest.
    assert isinstance(error, OutcomeUnknown) is (done > 0 or outcome == "unknown")
    assert [str(message.outcome) for message in error.result.messages] == (
        ["accepted"] * done + [outcome] * 2 + ["not sent"] * (4 - done)
    )
    assert [message.recipient for message in error.result.messages] == numbers(6)
    assert error.result.accepted == error.result.messages[:done]
    assert len(emulator.ledger.messages()) == done + (2 if outcome == "unknown" else 0)


def test_a_part_that_could_not_be_sent() -> None:
    class NoConnection(Recorder):
        def handle(self, request: Request) -> Response:
            if self.requests:
                raise errors.NotSent("no connection", fault="refused")
            return super().handle(request)

    client = MAKERS["json"]("http://x", transport=NoConnection(Emulator()), recipients_per_request=1)
    with pytest.raises(errors.OutcomeUnknown, match=r"1 of 3 .* the others not sent \(refused\)") as caught:
        client.send_text("MSPACE", numbers(3), "hi")
    # Who catches that repeats the whole send.
    assert not isinstance(caught.value, errors.NotSent)
    assert caught.value.result is not None
    assert [str(message.outcome) for message in caught.value.result.messages] == ["accepted", "not sent", "not sent"]


def test_a_transport_s_own_error_keeps_what_the_parts_before_it_did() -> None:
    class OfAnotherShape(errors.MSpaceError):
        def __init__(self, code: int, *, why: str) -> None:
            super().__init__()
            self.code, self.why = code, why

    class Breaks(Recorder):
        def handle(self, request: Request) -> Response:
            if self.requests:
                raise OfAnotherShape(7, why="so") from KeyError("inner")
            return super().handle(request)

    client = MAKERS["json"]("http://x", transport=Breaks(Emulator()), recipients_per_request=1)
    with pytest.raises(OfAnotherShape, match="1 of 3 recipients") as caught:
        client.send_text("MSPACE", numbers(3), "hi")
    assert isinstance(caught.value, OutcomeUnknown)
    assert (caught.value.code, type(caught.value.__cause__)) == (7, KeyError)
    assert caught.value.result is not None
    assert len(caught.value.result.accepted) == 1


def test_an_interruption_tells_what_the_parts_before_it_did() -> None:
    class Interrupted(Recorder):
        def handle(self, request: Request) -> Response:
            if self.requests:
                raise SystemExit
            return super().handle(request)

    client = MAKERS["json"]("http://x", transport=Interrupted(Emulator()), recipients_per_request=1)
    with pytest.raises(SystemExit) as caught:
        client.send_text("MSPACE", numbers(3), "hi")
    result = vars(caught.value)["result"]
    assert [str(message.outcome) for message in result.messages] == ["accepted", "unknown", "not sent"]


def test_an_interruption_as_a_reply_is_counted_tells_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[object] = []

    def interrupted(asked: Any, messages: Any, key: Any) -> Any:
        counted.append(asked)
        if len(counted) == 2:
            raise KeyboardInterrupt
        return messages_for(asked, messages, key)

    monkeypatch.setattr("mspace_legacy.client.messages_for", interrupted)
    client = MAKERS["json"]("http://x", transport=Emulator(), recipients_per_request=1)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.send_text("MSPACE", numbers(3), "hi")
    result = vars(caught.value)["result"]
    assert [str(message.outcome) for message in result.messages] == ["accepted", "unknown", "not sent"]


ACCEPTED = json.dumps({"message": [record("0722000000")]}).encode()
NOT_KNOWN: dict[str, Answer] = {
    "302": reply(b"", "302 Found", "Location: /done\r\n"),
    "303": reply(b"", "303 See Other", "Location: /done\r\n"),
    "304": reply(b"", "304 Not Modified"),
    "accepted, by a status that refuses": reply(ACCEPTED, "400 Bad Request"),
    "accepted, among what is no record": reply(ACCEPTED.replace(b"}]", b'}, "Insufficient Balance"]')),
    "accepted, and an error": reply(ACCEPTED.replace(b"]}", b'], "error": "Insufficient Balance"}')),
    "sent, in words, by a status that refuses": reply(b"Message sent successfully", "400 Bad Request"),
    "an error that broke": reply(b'{"status": 500, "error": "Internal Server Error", "path": "/x"}'),
    "an error that took too long": reply(b"<error>Read timed out</error>"),
    "topped up, by a status that refuses": reply(b"Successful Top up of 1 SMS to x", "404 Not Found"),
    "closed": close,
    "reset": reset,
    "cut short": reply(b"{", length=50),
    "500": reply(b"", "500 Oops"),
    "504": reply(b"<html>", "504 Gateway Timeout"),
    "empty": reply(b""),
    "html": reply(b"<html>hello</html>"),
    "null": reply(b"null"),
    "an empty list": reply(b"[]"),
    "an empty envelope": reply(b'{"message": []}'),
    "other words": reply(b"OK, queued"),
    "other words in a message": reply(b'{"message": "queued"}'),
    "a record of nothing": reply(b'[{"foo": 1}]'),
    "a balance": reply(b"50"),
    "internal service error": reply(b"internal service error"),
    "not UTF-8": reply(b"\xff\xfe\x00"),
    "half of JSON": reply(b'{"message": [{"status": 111'),
    "XML with an entity": reply(b'<!DOCTYPE x [<!ENTITY a "b">]><x><status>111</status></x>'),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("answer", NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_the_outcome_is_unknown_where_the_service_may_have_acted(
    scripted: ScriptedServer, maker: str, answer: Answer
) -> None:
    scripted.script = [answer]
    with MAKERS[maker](scripted.url) as client:
        calls: list[Callable[[], object]] = [
            lambda: client.send_text("M", "0722000000", "hi"),
            lambda: client.top_up_sub_account("x", 1),
            lambda: client.top_up_reseller_client("x", 1),
        ]
        for call in calls:
            with pytest.raises(OutcomeUnknown, match="balance"):
                call()
    assert len(scripted.requests) == 3


KNOWN_NOT_TO_HAVE: dict[str, Answer] = {
    "301": reply(b"", "301 Moved Permanently", "Location: /x\r\n"),
    "307": reply(b"", "307 Temporary Redirect", "Location: /x\r\n"),
    "308": reply(b"", "308 Permanent Redirect", "Location: /x\r\n"),
    "400": reply(b"Bad", "400 Bad Request"),
    "401": reply(b"", "401 Unauthorized"),
    "404": reply(b"<html>HTTP Status 404</html>", "404 Not Found"),
    "429": reply(b"", "429 Slow Down"),
    "a documented failure": reply(b"Athentication failure"),
    "a documented failure at 500": reply(b"Insufficient Balance", "500 Oops"),
    "an error by name": reply(b'{"error": "the moon is full"}'),
}


@pytest.mark.parametrize("answer", KNOWN_NOT_TO_HAVE.values(), ids=KNOWN_NOT_TO_HAVE)
def test_the_outcome_is_known_where_the_service_said_that_it_did_not(
    scripted: ScriptedServer, answer: Answer
) -> None:
    scripted.script = [answer]
    for maker in MAKERS.values():
        with maker(scripted.url) as client, pytest.raises(errors.MSpaceError) as caught:
            client.send_text("M", "0722000000", "hi")
        assert not isinstance(caught.value, OutcomeUnknown)
        assert caught.value.result is not None
        assert [message.outcome for message in caught.value.result.messages] == [Outcome.REJECTED]


def test_refusals_of_each_recipient_at_400_are_a_result(scripted: ScriptedServer) -> None:
    scripted.script = [
        reply(json.dumps({"message": [record("0722000000", 112, statusDescription="no")]}).encode(), "400 Bad")
    ]
    with MAKERS["json"](scripted.url) as client:
        result = client.send_text("M", "0722000000", "hi")
    assert result.messages == (SentMessage("1", Outcome.REJECTED, "254722000000", "112", "no"),)


def test_a_part_of_unknown_outcome_is_told_though_the_next_is_refused(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b'[{"messageId": "1", "status": "pending"}]'), reply(b"Insufficient Balance")]
    client = Client.legacy(scripted.url, "demo", "demo-password", recipients_per_request=1)
    with client, pytest.raises(OutcomeUnknown) as caught:
        client.send_text("M", ["0722000000", "0722000001"], "hi")
    assert caught.value.result is not None
    assert [message.outcome for message in caught.value.result.messages] == [Outcome.UNKNOWN, Outcome.REJECTED]


WITHOUT_A_DESCRIPTOR = """
import os, resource
from mspace_legacy import Client, MSpaceError, OutcomeUnknown, errors
from mspace_legacy.transport import Retry
from mspace_legacy.wire.http import Response

class Full:
    def __init__(self, answer):
        self.answer = answer

    def handle(self, request):
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        if isinstance(self.answer, Exception):
            raise self.answer
        return Response(200, *self.answer)

    def close(self):
        pass

reasons = []

def told(answer, secret="key-of-ours"):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        with Client.v2("demo", secret, transport=Retry(Full(answer), first_pause=0)) as client:
            return client.send_text("M", "0722000000", "hi").messages[0].outcome.name
    except MSpaceError as error:
        reasons.append(str(error))
        return "UNKNOWN" if isinstance(error, OutcomeUnknown) else type(error).__name__
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

done = '{"message": [{"messageId": "1", "recipient": "0722000000", "status": 111}]}'
in_xml = b"<r><message><messageId>1</messageId><recipient>0722000000</recipient><status>111</status></message></r>"
in_latin9 = (("Content-Type", "application/json; charset=iso-8859-15"),)
print(told((done.encode(),)), told((in_xml,)), told((done.encode(), in_latin9)), told((done.encode() + b"\\0",)))
print(told(errors.NotSent("no connection")), told(errors.outcome_unknown(errors.ReplyLost("lost"), "sendtext")))
print(reasons[0])
"""


# Elsewhere a process has no bound of descriptors that could be set.
@pytest.mark.skipif(os.name != "posix", reason="resource is of POSIX")
def test_what_became_of_a_send_is_told_where_no_file_can_be_opened_any_more() -> None:
    """Another part of the program may have taken all descriptors, and Python loads much only when it is used."""
    command = [sys.executable, "-c", WITHOUT_A_DESCRIPTOR]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    *outcomes, reason = done.stdout.splitlines()
    assert (outcomes, done.stderr) == (["ACCEPTED UNKNOWN ACCEPTED UNKNOWN", "NotSent UNKNOWN"], "")
    assert f"the parser of XML can't be loaded ({os.strerror(errno.EMFILE)})" in reason


@pytest.mark.parametrize("maker", MAKERS)
def test_a_repr_tells_what_it_is_and_no_secret(maker: str) -> None:
    client = MAKERS[maker]("http://example.invalid")
    assert "demo" in repr(client)
    for secret in ("demo-password", KEY):
        assert secret not in repr(client)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(client)


def test_after_close(scripted: ScriptedServer) -> None:
    client = MAKERS["json"](scripted.url)
    assert client.balance() == 50
    client.close()
    client.close()
    with pytest.raises(errors.ClosedError):
        client.balance()
    with pytest.raises(errors.ClosedError):
        client.send_text("M", "0722000000", "hi")
    assert len(scripted.requests) == 1
