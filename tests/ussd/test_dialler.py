"""The handset: what it sends, what it shows, and what it tells of answers that are none."""

from __future__ import annotations

import json
import pickle
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from mspace_legacy.errors import InvalidInput, NotSent, OutcomeUnknown, ReplyError, WrongType
from mspace_legacy.ussd.dialler import Dialler
from mspace_legacy.ussd.messages import Continue, End, read_request
from mspace_legacy.wire.http import Request, Response
from tests.servers import ScriptedServer, close, reply


class Callback:
    """Answers each step with the next of `answers`, and keeps what it was sent."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    def __call__(self, body: bytes) -> str:
        self.bodies.append(body)
        return self.answers.pop(0)

    @property
    def entries(self) -> list[str]:
        return [read_request(body).entry for body in self.bodies]


def test_a_session_from_dialling_to_its_end() -> None:
    callback = Callback("CON Name?", "CON Hello Asha\n1 Bye", "END Bye")
    phone = Dialler(callback, msisdn="0733 000 000")
    assert phone.ended
    assert phone.dial("*384#").text == "Name?"
    assert not phone.ended
    assert phone.enter("Asha").text == "Hello Asha\n1 Bye"
    assert phone.enter("1").text == "Bye"
    assert phone.ended
    first, *others = (read_request(body) for body in callback.bodies)
    assert (first.msisdn, first.service_code, first.entry) == ("254733000000", "*384#", "")
    assert {one.session_id for one in others} == {first.session_id} == {phone.session_id}
    assert callback.entries == ["", "Asha", "Asha*1"]
    assert str(phone) == "> *384#\nCON Name?\n> Asha\nCON Hello Asha\n1 Bye\n> 1\nEND Bye"


def test_the_body_has_the_vendors_names() -> None:
    callback = Callback("END Bye")
    Dialler(callback, url="https://shop.example/ussd").dial("*384#", session_id="s1")
    assert json.loads(callback.bodies[0]) == {
        "MSISDN": "254722000000",
        "SESSION_ID": "s1",
        "SERVICE_CODE": "*384#",
        "USSD_STRING": "",
        "CALLBACK_URL": "https://shop.example/ussd",
    }


def test_entries_alone() -> None:
    callback = Callback(*["CON x"] * 4)
    Dialler(callback, entries="alone").dial().enter("1").enter("1").enter("2*3")
    assert callback.entries == ["", "1", "1", "2*3"]


def test_each_session_has_an_id_of_its_own_and_an_empty_transcript() -> None:
    callback = Callback(*["CON x"] * 3)
    phone = Dialler(callback).dial().enter("1")
    before = phone.session_id
    assert len(phone.dial(msisdn="0711000000").transcript) == 1
    assert phone.session_id != before
    assert read_request(callback.bodies[-1]).msisdn == "254711000000"


def test_what_is_dialled_along_with_the_code() -> None:
    callback = Callback("CON x", "END x")
    Dialler(callback).dial("*384*1*2#", service_code="*384#").enter("3")
    assert callback.entries == ["1*2", "1*2*3"]
    assert read_request(callback.bodies[0]).service_code == "*384#"


def test_a_step_delivered_again_is_the_same_to_the_octet() -> None:
    callback = Callback("CON a", "CON b", "CON b", "END c")
    phone = Dialler(callback).dial().enter("1").repeat()
    assert callback.bodies[1] == callback.bodies[2]
    assert phone.enter("2").ended
    assert callback.entries == ["", "1", "1", "1*2"]


@pytest.mark.parametrize("code", ["384", "", "*384", "*3a4#", "*384# "])
def test_a_code_that_no_handset_dials(code: str) -> None:
    with pytest.raises(InvalidInput, match="dialled"):
        Dialler(Callback()).dial(code)


def test_the_service_code_is_the_beginning_of_what_is_dialled() -> None:
    with pytest.raises(InvalidInput, match="does not begin"):
        Dialler(Callback()).dial("*385*1#", service_code="*384#")


def test_nothing_is_entered_without_a_session() -> None:
    phone = Dialler(Callback("END x"))
    with pytest.raises(InvalidInput, match="dial first"):
        phone.enter("1")
    with pytest.raises(InvalidInput, match="dial first"):
        phone.dial().enter("1")
    with pytest.raises(InvalidInput, match="dial first"):
        Dialler(Callback()).repeat()


def test_a_malformed_answer_is_told_and_ends_the_session() -> None:
    phone = Dialler(Callback("CON x", "Welcome"))
    with pytest.raises(ReplyError, match="neither 'CON ' nor 'END '"):
        phone.dial().enter("1")
    assert phone.ended
    assert phone.text == ""
    (_, step) = phone.transcript
    assert (step.entered, step.raw, step.answer) == ("1", b"Welcome", None)
    assert "neither" in step.problem
    assert "neither" in str(phone)


@pytest.mark.parametrize(("limit", "told"), [(0, "limit is 0: 1 is the least"), ("x", "limit is a str")])
def test_a_limit_that_is_none(limit: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Dialler(Callback("END a"), limit=limit)


def test_the_limit_is_the_handsets() -> None:
    assert Dialler(Callback("END " + "a" * 182)).dial().text == "a" * 182
    with pytest.raises(ReplyError, match="161 of 160"):
        Dialler(Callback("END " + "a" * 161), limit=160).dial()


def test_what_a_function_raises_is_raised() -> None:
    def broken(body: bytes) -> str:
        raise ZeroDivisionError("by nought")

    phone = Dialler(broken)
    with pytest.raises(ZeroDivisionError):
        phone.dial()
    assert phone.transcript[0].problem == "ZeroDivisionError: by nought"
    with pytest.raises(WrongType, match="bytes"):
        Dialler(lambda body: b"END x").dial()  # type: ignore[arg-type, return-value]  # the test is of just this


def test_a_transport_may_be_dialled() -> None:
    class Fixed:
        def handle(self, request: Request) -> Response:
            self.request = request
            return Response(200, b"END Caf\xe9", (("Content-Type", "text/plain; charset=iso-8859-1"),))

        def close(self) -> None:
            """Nothing is held."""

    fixed = Fixed()
    assert Dialler(fixed, url="http://shop.example").dial().text == "Café"
    assert (fixed.request.method, fixed.request.url) == ("POST", "http://shop.example/")


@pytest.mark.parametrize("target", [None, 5, b"http://127.0.0.1/"])
def test_a_target_is_one_of_four(target: object) -> None:
    with pytest.raises(WrongType, match="target"):
        Dialler(target)  # type: ignore[arg-type]  # the test is of just this


@pytest.mark.parametrize(
    "url",
    ["", "shop.example/ussd", "ftp://shop.example/", "http://", "http://a b/", "http://x:99999/", "http://x/\n",
     "http://user:s3cret@x/", "http://x/#s3cret"],
)  # fmt: skip
def test_a_url_is_checked_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidInput, match="url") as refused:
        Dialler(url)
    assert "s3cret" not in str(refused.value)


# Over a socket


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def test_a_url_is_posted_to(server: ScriptedServer) -> None:
    server.script = [reply("CON Karibu €\n1 Ndiyo".encode()), reply(b"END Asante")]
    with Dialler(f"{server.url}/ussd?key=k1") as phone:
        assert phone.dial("*384#").text == "Karibu €\n1 Ndiyo"
        assert phone.enter("1").text == "Asante"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /ussd?key=k1 HTTP/1.1\r\n")
    assert b"content-type: application/json" in head.lower()
    step = phone.transcript[0]
    assert (step.request, step.status, step.raw) == (body, 200, "CON Karibu €\n1 Ndiyo".encode())
    assert step.answer == Continue("Karibu €\n1 Ndiyo")
    assert phone.transcript[1].answer == End("Asante")
    assert json.loads(body)["CALLBACK_URL"] == f"{server.url}/ussd?key=k1"


def test_the_time_of_a_step_is_told(server: ScriptedServer) -> None:
    answered = reply(b"END x")

    def late(connection: object) -> bool:
        time.sleep(0.05)
        return answered(connection)  # type: ignore[arg-type]  # it is the socket

    server.script = [late]
    with Dialler(server.url) as phone:
        assert phone.dial().transcript[0].seconds >= 0.05


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (reply(b"<h1>Oops</h1>", "500 Internal Server Error"), "HTTP status 500"),
        (reply(b"CON x", "404 Not Found"), "HTTP status 404"),
        (reply(b"END x", "302 Found", "Location: /elsewhere\r\n"), "HTTP status 302"),
        (reply(b"END \xff"), "not in UTF-8"),
        (reply(b""), "is empty"),
        (reply(b"END " + b"a" * 183), "too long"),
    ],
)
def test_an_answer_that_no_network_would_take(server: ScriptedServer, answer: object, problem: str) -> None:
    server.script = [answer]  # type: ignore[list-item]  # it is one
    with Dialler(server.url) as phone, pytest.raises(ReplyError, match=problem) as raised:
        phone.dial()
    assert phone.ended
    assert phone.transcript[0].status == raised.value.status > 0
    assert problem in phone.transcript[0].problem
    assert len(server.requests) == 1, "neither repeated nor followed"


def test_an_answer_that_never_came(server: ScriptedServer, refusing_port: int) -> None:
    server.script = [close]
    with Dialler(server.url) as phone, pytest.raises(OutcomeUnknown, match="closed") as lost:
        phone.dial()
    assert "see what it did before dialling again" in str(lost.value)
    assert phone.transcript[0].status is None
    server.script = [server.stall()]
    with Dialler(server.url, timeout=0.1) as phone, pytest.raises(OutcomeUnknown, match="timed out"):
        phone.dial()
    server.script = [reply(b"END " + b"a" * 70_000)]
    with Dialler(server.url) as phone, pytest.raises(OutcomeUnknown, match="longer than allowed"):
        phone.dial()
    with Dialler(f"http://127.0.0.1:{refusing_port}/") as phone, pytest.raises(NotSent):
        phone.dial()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_callback_on_this_machine_is_not_asked_through_a_proxy(
    name: str, refusing_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refusing_port}")
    with ScriptedServer(reply(b"CON x")) as server, Dialler(f"http://{name}:{server.port}/ussd") as phone:
        assert phone.dial().text == "x"


def test_only_what_is_called_a_secret_in_the_query_is_masked(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"CON Kenya t0k3n-71")]
    with Dialler(f"{scripted.url}/ussd?country=Kenya&accessToken=t0k3n-71") as handset:
        assert handset.dial().text == "Kenya ***"
        assert handset.transcript[-1].raw == b"CON Kenya ***"


@pytest.mark.parametrize("target", ["refused", "no answer", "a screen that raises", "a function that raises"])
def test_no_traceback_shows_the_secret_of_a_callback(target: str, refusing_port: int) -> None:
    secret = "key=canary-71f3"

    def fail(body: bytes) -> str:
        del body
        raise RuntimeError

    def answers(body: bytes) -> str:
        return "no answer"

    url = f"http://127.0.0.1:{refusing_port}/?{secret}"
    dialler = Dialler(url) if target == "refused" else Dialler(answers if target == "no answer" else fail, url=url)
    with dialler, pytest.raises((NotSent, ReplyError, RuntimeError)) as caught:
        dialler.dial()
    (step,) = dialler.transcript
    assert secret.encode() in step.request
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack[1:]
    assert not any("canary-71f3" in value for frame in frames for value in (frame.locals or {}).values())
    assert "canary-71f3" not in repr(step) + str(step)
    assert "canary-71f3" not in json.dumps(step.sent)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(step)
