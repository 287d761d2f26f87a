"""The jar surface, held against what a real Jersey client did (tests/data/jar_*.jsonl) over real sockets."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspace_legacy import (
    DeliveryReport,
    MSpaceClient,
    OutcomeUnknown,
    ReplyError,
    ResellerClient,
    Response,
    Secret,
    SentMessage,
    SubUser,
    TopUp,
    errors,
)
from mspace_legacy.emulator import DEMO_ACCOUNTS, Emulator, Ledger
from mspace_legacy.migration import Comparison, Comparisons, Route, Routes
from mspace_legacy.server import Server
from mspace_legacy.transport import Network
from tests.migration.stores import demo_store, write_demo_store
from tests.servers import Answer, ScriptedServer, close, raw, reply, reset

DATA = Path(__file__).parent / "data"


def recorded(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


METHODS: dict[str, Callable[[MSpaceClient, type[Any]], Callable[..., Any]]] = {
    "balance": lambda client, kind: client.getBalance,
    "login": lambda client, kind: client.login_TEXT,
    "subusers_json": lambda client, kind: lambda *args: client.subUsers_JSON(kind, *args),
    "subusers_xml": lambda client, kind: lambda *args: client.subUsers_XML(kind, *args),
    "sendtext_json": lambda client, kind: lambda *args: client.subUsers_JSON(kind, *args),
    "sendtext_xml": lambda client, kind: lambda *args: client.subUsers_XML(kind, *args),
    "resellerclients_json": lambda client, kind: lambda *args: client.resellerClients_JSON(kind, *args),
    "resellerclients_xml": lambda client, kind: lambda *args: client.resellerClients_XML(kind, *args),
    "resellerclienttopup_json": lambda client, kind: lambda *args: client.resellerClientTopup_JSON(kind, *args),
    "resellerclienttopup_xml": lambda client, kind: lambda *args: client.resellerClientTopup_XML(kind, *args),
    "subacctopup_json": lambda client, kind: lambda *args: client.subAccTopup_JSON(kind, *args),
    "subacctopup_xml": lambda client, kind: lambda *args: client.subAccTopup_XML(kind, *args),
}


def as_sent(request_line: str) -> list[tuple[str, str]]:
    """The keys and values of a request line, decoded by the standard library and by nothing of ours."""
    path = request_line.removeprefix("GET /mspaceservice/wr/sms/").removesuffix(" HTTP/1.1")
    pairs = [segment.partition("=") for segment in path.split("/")[1:]]
    return [(key, unquote(value, errors="strict")) for key, _, value in pairs]


# Requests


@pytest.fixture(scope="module")
def recorder() -> Iterator[tuple[MSpaceClient, ScriptedServer]]:
    with ScriptedServer(reply()) as server, MSpaceClient(server.url) as client:
        yield client, server


def has_no_utf8(params: dict[str, str | None]) -> bool:
    return any(re.search("[\ud800-\udfff]", value) for value in params.values() if value is not None)


def test_each_recorded_call_arrives_as_the_very_strings_passed_in(
    recorder: tuple[MSpaceClient, ScriptedServer],
) -> None:
    client, server = recorder
    calls = 0
    for line in recorded("jar_requests.jsonl"):
        params = line["params"]
        if None in params.values() or has_no_utf8(params):
            continue
        server.requests.clear()
        METHODS[line["operation"]](client, str)(*params.values())
        (request_line,) = server.request_lines
        operation = line["operation"].partition("_")[0]
        assert request_line.startswith(f"GET /mspaceservice/wr/sms/{operation}/"), line
        assert as_sent(request_line) == list(params.items()), line
        assert f"accept: {line['accept']}\r\n" in server.requests[0].decode("latin-1").lower(), line
        calls += 1
    assert calls > 850


@pytest.mark.parametrize(
    "line", [line for line in recorded("jar_requests.jsonl") if None in line["params"].values()][:12]
)
def test_a_null_that_the_jar_sends_as_a_word_is_refused(
    line: dict[str, Any], recorder: tuple[MSpaceClient, ScriptedServer]
) -> None:
    client, server = recorder
    server.requests.clear()
    with pytest.raises(errors.WrongType, match="is None"):
        METHODS[line["operation"]](client, str)(*line["params"].values())
    assert server.requests == []


@pytest.mark.parametrize("line", [line for line in recorded("jar_requests.jsonl") if has_no_utf8(line["params"])])
def test_half_a_surrogate_pair_that_the_jar_sends_as_a_question_mark_is_refused(
    line: dict[str, Any], recorder: tuple[MSpaceClient, ScriptedServer]
) -> None:
    client, server = recorder
    server.requests.clear()
    with pytest.raises(errors.InvalidInput, match="surrogate"):
        METHODS[line["operation"]](client, str)(*line["params"].values())
    assert server.requests == []


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=5, max_size=5),
    st.sampled_from(["sendtext_json", "sendtext_xml"]),
)
def test_no_text_is_damaged(recorder: tuple[MSpaceClient, ScriptedServer], texts: list[str], operation: str) -> None:
    client, server = recorder
    server.requests.clear()
    METHODS[operation](client, str)(*texts)
    keys = ["username", "password", "senderid", "recipient", "message"]
    assert as_sent(server.request_lines[0]) == list(zip(keys, texts, strict=True))


def test_only_unreserved_characters_stand_bare_and_the_comma_between_recipients(
    recorder: tuple[MSpaceClient, ScriptedServer],
) -> None:
    client, server = recorder
    server.requests.clear()
    everything = "".join(map(chr, range(1, 256))) + "😀"
    client.sendText_JSON(str, everything, everything, everything, "0722000000,254733000000", everything)
    path = server.request_lines[0].removesuffix(" HTTP/1.1")
    *values, recipient, message = [segment.partition("=")[2] for segment in path.split("/")[5:]]
    # RFC 3986, section 2.3.
    assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", "".join([*values, message]))
    assert recipient == "0722000000,254733000000"


@pytest.mark.parametrize(
    ("main_url", "path"),
    [
        ("{}", "/mspaceservice/wr/sms"),
        ("{}/", "/mspaceservice/wr/sms"),
        ("{}/mspaceservice/wr/sms", "/mspaceservice/wr/sms"),
        ("{}/mspaceservice/wr/sms/", "/mspaceservice/wr/sms"),
        ("{}/mspaceservice/", "/mspaceservice/wr/sms"),
        ("{}/behind/a/proxy", "/behind/a/proxy/mspaceservice/wr/sms"),
    ],
)
def test_main_url_with_or_without_the_path(scripted: ScriptedServer, main_url: str, path: str) -> None:
    with MSpaceClient(main_url.format(scripted.url)) as client:
        client.getBalance("u", "p")
    assert scripted.request_lines == [f"GET {path}/balance/username=u/password=p HTTP/1.1"]


@pytest.mark.parametrize(
    "main_url",
    [
        "", "host", "host:8080", "//host", "ftp://host", "http://", "http:///x", "http://host:99999", "http://host:x",
        "http://user:hunter2@host", "http://host?k=v", "http://host/#f", "http://ho st", "http://host/{t}",
        "main_url", "http://[::1", "http://host\n",
    ],
)  # fmt: skip
def test_a_main_url_that_can_not_be_right_is_named(main_url: str) -> None:
    with pytest.raises(errors.InvalidInput, match="main_url") as caught:
        MSpaceClient(main_url)
    assert "hunter2" not in str(caught.value)


def test_a_main_url_of_the_wrong_type() -> None:
    with pytest.raises(errors.WrongType, match="main_url is a bytes"):
        MSpaceClient(b"http://host")  # type: ignore[arg-type]  # the test is of just this


# Replies


def chunked(end: bytes) -> Answer:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    return raw(head + b"3\r\nabc\r\n2\r\nde\r\n" + end)


def status(line: str, body: bytes = b"BODY", headers: str = "Content-Type: text/plain\r\n") -> Answer:
    return reply(b"" if line.startswith(("204", "304")) else body, line, headers)


STATUS_LINES = {
    "451": "451 Unavailable", "599": "599 Odd", "600": "600 Odder", "999": "999 Oddest",
    "200": "200 OK", "201": "201 Created", "202": "202 Accepted", "204": "204 No Content",
    "300": "300 Multiple Choices", "302": "302 Found", "304": "304 Not Modified", "400": "400 Bad Request",
    "401": "401 Unauthorized",
    "402": "402 Payment Required", "403": "403 Forbidden", "404": "404 Not Found", "405": "405 Method Not Allowed",
    "406": "406 Not Acceptable", "408": "408 Request Timeout", "409": "409 Conflict", "410": "410 Gone",
    "415": "415 Unsupported Media Type", "418": "418 I'm a teapot", "422": "422 Unprocessable Entity",
    "429": "429 Too Many Requests", "500": "500 Internal Server Error", "501": "501 Not Implemented",
    "502": "502 Bad Gateway", "503": "503 Service Unavailable", "504": "504 Gateway Timeout",
}  # fmt: skip
ANSWERS: dict[str, Answer] = {
    "400 custom reason": status("400 Custom Reason"),
    "400 no reason": status("400 "),
    "200 custom reason Response": status("200 Fine"),
    "401 with WWW-Authenticate": status("401 Unauthorized", headers='WWW-Authenticate: Basic realm="x"\r\n'),
    "400 empty body": status("400 Bad Request", b""),
    "404 html": status("404 Not Found", b"<html>x</html>", "Content-Type: text/html\r\n"),
    "200 empty String": reply(b""),
    "200 empty no ct": reply(b"", headers=""),
    "204 String": status("204 No Content"),
    "204 balance": status("204 No Content"),
    "200 empty Response": reply(b""),
    "no content-type": reply(b"abc", headers=""),
    "wrong ct json->String html": reply(b"<b>", headers="Content-Type: text/html\r\n"),
    "malformed ct": reply(b"abc", headers="Content-Type: garbage\r\n"),
    "octet": reply(b"abc", headers="Content-Type: application/octet-stream\r\n"),
    "invalid utf8": reply(b"a\xffb"),
    "utf8 bom": reply(b"\xef\xbb\xbfhi"),
    "body trailing newline": reply(b"50\r\n"),
    "type bytes json": reply(b'[{"a":1}]', headers="Content-Type: application/json\r\n"),
    "chunked": chunked(b"0\r\n\r\n"),
    "truncated chunked": chunked(b""),
    "close-delimited": raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nabc"),
    "http/1.0": raw(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc"),
    "garbage reply": raw(b"this is not HTTP at all\r\n\r\n"),
    "empty reply (server closes)": close,
    "RST": reset,
    "redirect 308": reply(b"", "308 R", "Location: /elsewhere\r\n"),
    "302 no location": reply(b"B", "302 Found"),
    "redirect to https": reply(b"", "302 R", "Location: https://elsewhere.invalid/\r\n"),
    "100-continue then 200": raw(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    ),
}
for _content_type in ("text/plain", "application/json", "text/plain;charset=UTF-8", "text/plain;charset=ISO-8859-1",
                      "text/plain;charset=bogus"):  # fmt: skip
    ANSWERS[f"charset {_content_type} bytes c3a9"] = reply(b"\xc3\xa9", headers=f"Content-Type: {_content_type}\r\n")
ANSWERS["charset None bytes c3a9"] = reply(b"\xc3\xa9", headers="")

DELIBERATELY_DIFFERENT = {
    "truncated content-length": "a body cut short is an error",
    **dict.fromkeys(
        ["redirect 301", "redirect 302", "redirect 303", "redirect 307", "redirect 302 relative",
         "redirect 302 Response", "redirect loop"],
        "no redirect is followed",
    ),
    "server closes 1st, answers 2nd, fresh": "a read is asked again by the retry policy; see its tests",
    "server closes 1st on kept-alive": "as above",
    "sendtext: server closes without answer, sendtext": "no send is sent twice",
    "20 s stall": "there is a time-out",
    **dict.fromkeys(
        ["type Object json", "type Map json", "type List json", "type Integer json", "type Map xml",
         "type Integer text", "type InputStream json"],
        "other response types are offered, and one that is not is refused before anything is sent",
    ),
    "gzip": "the same bytes, which were not asked for; U+FFFD stands in other places",
    "header case/dups": "several values come in the order of the wire",
    **{
        line["case"]: "a main_url is checked when the client is made"
        for line in recorded("jar_replies.jsonl") if line["case"].startswith("base: ")
    },
}  # fmt: skip
"""Cases with a test of their own in this file or in those of the transports, and why they differ."""

SEQUENCES = {"warm up", "keepalive a", "keepalive b", "close", "reopen", "after reopen", "after close balance",
             "after close sendtext_json", "after close subusers_xml", "Response not closed is ok",
             "cookie sent back?"}  # fmt: skip
"""Steps of a sequence, tested as one below."""

CASES = [
    line
    for line in recorded("jar_replies.jsonl")
    if line["case"] not in DELIBERATELY_DIFFERENT and line["case"] not in SEQUENCES
]


def answer_of(case: str) -> Answer:
    if case.startswith("status "):
        return status(STATUS_LINES[case.split()[1]])
    return ANSWERS[case]


def java_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("line", CASES, ids=lambda line: line["case"])
def test_reply_as_recorded(line: dict[str, Any], scripted: ScriptedServer) -> None:
    case = line["case"]
    scripted.script = [answer_of(case)]
    kind = {"Response": Response, "bytes": bytes}.get(line["type"], str)
    with MSpaceClient(scripted.url, transport=Network(timeout=5)) as client:

        def call() -> Any:
            if case.endswith(" balance") or case in ("204 balance",):
                return client.getBalance("u", "p")
            return client.subUsers_JSON(kind, "u", "p")

        if line["exception"]:
            with pytest.raises(errors.MSpaceError) as caught:
                call()
            assert java_text(caught.value) == line["exception"].rpartition(".")[2] or (
                java_text(caught.value) == re.sub(r"^(?:\w+\.)+(?=\w+: )", "", line["exception"])
            )
            check_exception(caught.value, line, scripted)
        elif kind is Response:
            check_response(call(), line, scripted)
        else:
            expected = line["body"].encode() if kind is bytes else line["body"]
            assert call() == expected
    assert len(scripted.requests) == 1


def check_exception(error: errors.MSpaceError, line: dict[str, Any], server: ScriptedServer) -> None:
    supers = {name.rpartition(".")[2] for name in line["supers"]}
    known = {kind.__name__ for kind in type(error).__mro__} | {"RuntimeException", "Throwable"}
    assert supers <= known
    if "exceptionResponse" in line:
        assert isinstance(error, errors.WebApplicationException)
        response = error.getResponse()
        assert str(response) == on_this_host(line["exceptionResponse"], server)
        assert response.readEntity(str) == line["exceptionBody"]


def on_this_host(text: str, server: ScriptedServer) -> str:
    return text.replace("HOST", f"127.0.0.1:{server.port}").replace("password=p,", "password=***,")


def check_response(response: Response, line: dict[str, Any], server: ScriptedServer) -> None:
    printed = on_this_host(line["printed"], server)
    assert str(response) == repr(response) == printed
    assert response.getStatus() == response.getStatusInfo().getStatusCode() == line["status"]
    assert str(response.getStatusInfo()) == response.getStatusInfo().getReasonPhrase() == line["reason"]
    assert response.getMediaType() == response.getHeaderString("content-TYPE") == line["mediaType"]
    assert response.getHeaderString("x-missing") is None
    assert response.hasEntity() == line["hasEntity"]
    assert response.readEntity(str) == line["body"]
    with pytest.raises(errors.IllegalStateException) as caught:
        response.readEntity(str)
    assert f"java.lang.{java_text(caught.value)}" == line["secondReadException"]
    response.close()
    assert str(response) == on_this_host(line["printedAfterClose"], server)


@pytest.mark.parametrize(
    ("code", "family"),
    [(100, "INFORMATIONAL"), (204, "SUCCESSFUL"), (302, "REDIRECTION"), (404, "CLIENT_ERROR"), (599, "SERVER_ERROR"),
     (600, "OTHER")],
)  # fmt: skip
def test_families_of_status(code: int, family: str) -> None:
    from mspace_legacy.jar import StatusInfo

    assert StatusInfo(code, "").getFamily() == family


def test_a_header_that_comes_twice(scripted: ScriptedServer) -> None:
    scripted.script = [reply(headers="X-a: 1\r\nx-A: 2\r\nSet-Cookie: a=b\r\n")]
    with MSpaceClient(scripted.url) as client:
        response = client.subUsers_JSON(Response, "u", "p")
        assert response.getHeaderString("X-A") == "1,2"
        assert response.getMediaType() is None
        client.getBalance("u", "p")
    assert not any(b"cookie" in request.lower() for request in scripted.requests)


def test_connections_are_kept_alive(scripted: ScriptedServer) -> None:
    with MSpaceClient(scripted.url) as client:
        for _ in range(5):
            client.subUsers_JSON(Response, "u", "p")
    assert scripted.connections == 1


def test_after_close(scripted: ScriptedServer) -> None:
    client = MSpaceClient(scripted.url)
    assert client.getBalance("u", "p") == "50"
    client.close()
    client.close()
    calls: list[Callable[[], object]] = [
        lambda: client.getBalance("u", "p"),
        lambda: client.sendText_JSON(str, "u", "p", "M", "0722000000", "hi"),
        lambda: client.subUsers_XML(Response, "u", "p"),
    ]
    for call in calls:
        with pytest.raises(errors.IllegalStateException) as caught:
            call()
        assert str(caught.value) == "Client instance has been closed."
    with MSpaceClient(scripted.url) as reopened:
        assert reopened.getBalance("u", "p") == "50"
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("code", ["301", "302", "303", "307", "308"])
def test_no_redirect_is_followed(scripted: ScriptedServer, code: str) -> None:
    scripted.script = [reply(b"", f"{code} Moved", f"Location: {scripted.url}/elsewhere\r\n")]
    with MSpaceClient(scripted.url) as client:
        with pytest.raises(errors.RedirectionException, match=f"^HTTP {code} Moved$"):
            client.subUsers_JSON(str, "u", "p")
        response = client.subUsers_JSON(Response, "u", "p")
    assert response.getStatus() == int(code)
    assert response.getHeaderString("Location") == f"{scripted.url}/elsewhere"
    assert len(scripted.requests) == 2


def test_a_body_cut_short_is_an_error(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"abc", length=10)]
    with (
        MSpaceClient(scripted.url, transport=Network()) as client,
        pytest.raises(errors.ProcessingException) as caught,
    ):
        client.subUsers_JSON(str, "u", "p")
    assert str(caught.value) == "Error reading entity from input stream."
    assert not isinstance(caught.value, OutcomeUnknown)


def test_there_is_a_time_out(scripted: ScriptedServer) -> None:
    scripted.script = [scripted.stall()]
    with MSpaceClient(scripted.url, timeout=(5, 0.2)) as client, pytest.raises(errors.ProcessingException) as caught:
        client.subUsers_JSON(str, "u", "p")
    assert str(caught.value) == "java.net.SocketTimeoutException: Read timed out"
    # A read is asked again, as often as the retry policy has it.
    assert len(scripted.requests) == 3


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("127.0.0.1:{}", "java.net.ConnectException: Connection refused"),
        ("no-such-host.invalid", "java.net.UnknownHostException: no-such-host.invalid"),
        ("main_url", "java.net.UnknownHostException: main_url"),
        ("main_url:8080", "java.net.UnknownHostException: main_url"),
    ],
)
def test_no_connection(refusing_port: int, host: str, message: str) -> None:
    with MSpaceClient(f"http://{host.format(refusing_port)}", transport=Network()) as client:
        with pytest.raises(errors.ProcessingException) as caught:
            client.getBalance("u", "p")
        with pytest.raises(errors.ProcessingException) as caught_sending:
            client.sendText_JSON(str, "u", "p", "M", "0722000000", "hi")
    assert str(caught.value) == str(caught_sending.value) == message
    assert not isinstance(caught_sending.value, OutcomeUnknown)


# A send is sent once, and the truth told of it

MAY_HAVE_ACTED: dict[str, tuple[Answer, str]] = {
    "closed": (close, "ProcessingException: java.net.SocketException: Unexpected end of file from server"),
    "reset": (reset, "ProcessingException: java.net.SocketException: Connection reset"),
    "cut short": (reply(b"[{", length=99), "ProcessingException: Error reading entity from input stream."),
    "not HTTP": (raw(b"garbage\r\n\r\n"), "ProcessingException: Failed to convert a response into an exception."),
    "500": (reply(b"", "500 Oops"), "InternalServerErrorException: HTTP 500 Oops"),
    "502": (reply(b"", "502 Bad Gateway"), "ServerErrorException: HTTP 502 Bad Gateway"),
    "503": (reply(b"", "503 Busy"), "ServiceUnavailableException: HTTP 503 Busy"),
    "600": (reply(b"", "600 Odd"), "WebApplicationException: HTTP 600 Odd"),
    "unreadable charset": (
        reply(b"x", headers="Content-Type: text/plain;charset=bogus\r\n"),
        "ProcessingException: Unexpected error during response processing.",
    ),
    "malformed content type": (
        reply(b"x", headers="Content-Type: garbage\r\n"),
        'HeaderValueException: Unable to parse "Content-Type" header value: "garbage"',
    ),
}
HAS_NOT_ACTED: dict[str, Answer] = {
    "307": reply(b"", "307 Temporary Redirect", "Location: /\r\n"),
    "400": reply(b"", "400 Bad Request"),
    "401": reply(b"", "401 Unauthorized"),
    "404": reply(b"", "404 Not Found"),
    "429": reply(b"", "429 Slow Down"),
}
NOT_REPEATABLE: dict[str, Callable[[MSpaceClient], object]] = {
    "send": lambda c: c.subUsers_JSON(str, "u", "p", "M", "0722000000", "hi"),
    "send by its own name": lambda c: c.sendText_XML(str, "u", "p", "M", "0722000000", "hi"),
    "reseller top-up": lambda c: c.resellerClientTopup_XML(str, "u", "p", "client", "5"),
    "sub-account top-up": lambda c: c.subAccTopup_JSON(str, "u", "p", "sub", 5),
}


@pytest.mark.parametrize("call", NOT_REPEATABLE.values(), ids=NOT_REPEATABLE)
@pytest.mark.parametrize(("answer", "java"), MAY_HAVE_ACTED.values(), ids=MAY_HAVE_ACTED)
def test_what_may_have_been_acted_on_is_sent_once_and_said_to_be_unknown(
    scripted: ScriptedServer, answer: Answer, java: str, call: Callable[[MSpaceClient], object]
) -> None:
    scripted.script = [answer]
    with MSpaceClient(scripted.url) as client, pytest.raises(OutcomeUnknown) as caught:
        call(client)
    assert len(scripted.requests) == 1
    assert java_text(caught.value) == java
    assert "balance" in caught.value.advice
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own pickle
    assert isinstance(again, OutcomeUnknown)
    assert java_text(again) == java


@pytest.mark.parametrize("call", NOT_REPEATABLE.values(), ids=NOT_REPEATABLE)
@pytest.mark.parametrize("answer", HAS_NOT_ACTED.values(), ids=HAS_NOT_ACTED)
def test_what_was_refused_is_not_said_to_be_unknown(
    scripted: ScriptedServer, answer: Answer, call: Callable[[MSpaceClient], object]
) -> None:
    scripted.script = [answer]
    with MSpaceClient(scripted.url) as client, pytest.raises(errors.WebApplicationException) as caught:
        call(client)
    assert not isinstance(caught.value, OutcomeUnknown)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("status", ["302 Found", "400 Bad Request", "409 Conflict"])
def test_a_refusal_that_tells_of_a_success_is_said_to_be_unknown(scripted: ScriptedServer, status: str) -> None:
    done = {
        "send": b'[{"messageId": "1", "recipient": "0722000000", "status": "successful"}]',
        "sub-account top-up": b"Successful Top up of 5 SMS to sub",
    }
    with MSpaceClient(scripted.url) as client:
        for name, body in done.items():
            scripted.script = [reply(body, status)]
            with pytest.raises(OutcomeUnknown) as caught:
                NOT_REPEATABLE[name](client)
            assert java_text(caught.value).endswith(f"HTTP {status}")


def test_a_top_up_of_another_account_is_said_to_be_unknown(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"Successful Top up of 5 SMS to sub")]
    with MSpaceClient(scripted.url) as client:
        assert client.subAccTopup_JSON(TopUp, "u", "p", "sub", "05") == TopUp("sub", 5)
        for name, count in (("other", 5), ("sub", 6)):
            with pytest.raises(OutcomeUnknown, match="5 SMS to sub"):
                client.subAccTopup_XML(TopUp, "u", "p", name, count)


def test_a_stalled_send_is_sent_once(scripted: ScriptedServer) -> None:
    scripted.script = [scripted.stall()]
    with MSpaceClient(scripted.url, timeout=0.2) as client, pytest.raises(OutcomeUnknown) as caught:
        client.sendText_JSON(str, "u", "p", "M", "0722000000", "hi")
    assert java_text(caught.value) == "ProcessingException: java.net.SocketTimeoutException: Read timed out"
    assert len(scripted.requests) == 1


def test_a_read_is_asked_again(scripted: ScriptedServer) -> None:
    scripted.script = [close, reply(b"", "503 Busy"), reply(b"hello")]
    with MSpaceClient(scripted.url) as client:
        assert client.getBalance("u", "p") == "hello"
    assert len(scripted.requests) == 3


# Response types


def test_response_types(emulator: Emulator, emulator_url: str) -> None:
    account = ("demo", "demo-password")
    text = '[{"smsBalance": "20", "subUserName": "subuser1"}, {"smsBalance": "18", "subUserName": "subuser2"}]'
    with MSpaceClient(emulator_url) as client:
        assert client.subUsers_JSON(str, *account) == text
        assert client.subUsers_JSON(bytes, *account) == text.encode()
        assert client.subUsers_JSON(list, *account) == json.loads(text)
        users = [SubUser("subuser1", 20), SubUser("subuser2", 18)]
        assert client.subUsers_JSON(list[SubUser], *account) == users
        assert client.subUsers_XML(list[SubUser], *account) == users
        assert client.subUsers_XML(list, *account) == json.loads(text)
        root = client.subUsers_XML(Element, *account)
        assert [[leaf.text for leaf in user] for user in root] == [["20", "subuser1"], ["18", "subuser2"]]
        clients = client.resellerClients_XML(list[ResellerClient], *account)
        assert clients == [ResellerClient("client1", 20), ResellerClient("client2", 18)]
        response = client.resellerClients_JSON(Response, *account)
        assert response.readEntity(list[ResellerClient]) == clients
        topped_up = client.subAccTopup_JSON(TopUp, *account, "subuser1", "5")
        assert topped_up == client.subAccTopup_XML(TopUp, *account, "subuser1", 5) == TopUp("subuser1", 5)
        assert client.resellerClientTopup_XML(TopUp, *account, "client1", 1) == TopUp("client1", 1)
        message = client.sendText_XML(SentMessage, *account, "MSPACE", "0722000000", "hi")
        assert message.message_id == emulator.ledger.messages()[0].message_id
        assert client.getBalance("demo", Secret("demo-password")) == "988"


def test_methods_by_the_documented_names(emulator: Emulator, emulator_url: str) -> None:
    with MSpaceClient(emulator_url) as client:
        assert client.login_TEXT(username="demo", password="demo-password") == "User exists."
        client.subUsers_XML(
            responseType=str,
            username="demo",
            password="demo-password",
            senderid="MSPACE",
            recipient="0722000000",
            message="by name",
        )
        client.subUsers_JSON(str, "demo", "demo-password", "MSPACE", message="mixed", recipient="0722000000")
        client.resellerClientTopup_XML(
            responseType=str, resellerUsername="demo", resellerPassword="demo-password", clientName="client1",
            noOfsms="1",
        )  # fmt: skip
        client.subAccTopup_JSON(
            responseType=str, mainAccname="demo", mainAccPassword="demo-password", subAccname="subuser1", noOfsms="1"
        )
    assert [message.text for message in emulator.ledger.messages()] == ["by name", "mixed"]
    assert emulator.ledger.balance("client1") == 21
    assert emulator.ledger.balance("subuser1") == 21


def test_a_failure_is_text_to_who_asks_for_text_and_typed_to_who_asks_for_a_model(emulator_url: str) -> None:
    with MSpaceClient(emulator_url) as client:
        assert client.getBalance("demo", "wrong") == "Error 100: Authentication Failure"
        assert client.subUsers_JSON(str, "demo", "wrong") == "Authentication failure"
        for kind in (list, dict, Element, list[SubUser]):
            with pytest.raises(errors.AuthenticationError, match="Authentication failure"):
                client.subUsers_XML(kind, "demo", "wrong")
        with pytest.raises(errors.InvalidSenderId):
            client.sendText_JSON(list[SentMessage], "demo", "demo-password", "NOT-MINE", "0722000000", "hi")


@pytest.mark.parametrize(
    ("body", "kind"), [(b"[]", dict), (b"{}", list), (b"[]", Element), (b"<a/>", SubUser), (b"[]", SubUser)]
)
def test_a_body_that_is_not_of_the_type(scripted: ScriptedServer, body: bytes, kind: Any) -> None:
    scripted.script = [reply(body)]
    with MSpaceClient(scripted.url) as client, pytest.raises(ReplyError) as caught:
        client.subUsers_JSON(kind, "u", "p")
    assert caught.value.body == body.decode()
    assert not isinstance(caught.value, OutcomeUnknown)


# Wrong use fails before anything is sent

WRONG: dict[str, Callable[[MSpaceClient], object]] = {
    "four arguments": lambda c: c.subUsers_JSON(str, "u", "p", "M"),  # type: ignore[call-overload]
    "five arguments": lambda c: c.subUsers_XML(str, "u", "p", "M", "0722000000"),  # type: ignore[call-overload]
    "seven arguments": lambda c: c.subUsers_XML(str, "u", "p", "M", "0722000000", "hi", "x"),  # type: ignore[call-overload]
    "five by name": lambda c: c.subUsers_JSON(str, "u", "p", senderid="M", message="hi"),  # type: ignore[call-overload]
    "a name that is none": lambda c: c.subUsers_JSON(str, "u", "p", sender="M", recipient="0", message="hi"),  # type: ignore[call-overload]
    "one given twice": lambda c: c.subUsers_JSON(str, "u", "p", "M", "0", senderid="M"),  # type: ignore[call-overload]
    "None": lambda c: c.subUsers_JSON(str, "u", "p", "M", "0722000000", None),  # type: ignore[call-overload]
    "None password": lambda c: c.getBalance("u", None),  # type: ignore[arg-type]
    "bytes": lambda c: c.login_TEXT(b"u", "p"),  # type: ignore[arg-type]
    "a list of recipients": lambda c: c.sendText_JSON(str, "u", "p", "M", ["0722000000"], "hi"),  # type: ignore[arg-type]
    "a float count": lambda c: c.subAccTopup_JSON(str, "u", "p", "s", 5.0),  # type: ignore[arg-type]
    "a bool count": lambda c: c.resellerClientTopup_XML(str, "u", "p", "s", True),
    "response type int": lambda c: c.subUsers_JSON(int, "u", "p"),
    "response type None": lambda c: c.subUsers_JSON(None, "u", "p"),  # type: ignore[call-overload]
    "response type given as text": lambda c: c.subUsers_JSON("str", "u", "p"),  # type: ignore[call-overload]
    "model of another operation": lambda c: c.subUsers_JSON(ResellerClient, "u", "p"),
    "list of another model": lambda c: c.resellerClients_XML(list[SubUser], "u", "p"),
    "list of top-ups": lambda c: c.subAccTopup_JSON(list[TopUp], "u", "p", "s", 5),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_use_fails_before_anything_is_sent(
    scripted: ScriptedServer, call: Callable[[MSpaceClient], object]
) -> None:
    with MSpaceClient(scripted.url) as client, pytest.raises(errors.WrongType) as caught:
        call(client)
    assert isinstance(caught.value, (TypeError, ValueError))
    assert scripted.requests == []


def test_one_model_for_several_recipients_is_refused_before_they_are_sent_to(scripted: ScriptedServer) -> None:
    with MSpaceClient(scripted.url) as client, pytest.raises(errors.InvalidInput, match="list\\[SentMessage\\]"):
        client.sendText_JSON(SentMessage, "u", "p", "M", "0722000000,0733000000", "hi")
    assert scripted.requests == []


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), (1, 0), None, "5", True, (1,), (1, 2, 3)])
def test_a_time_out_that_is_none(timeout: Any) -> None:
    with pytest.raises(errors.InvalidInput, match="timeout"):
        MSpaceClient("http://127.0.0.1", timeout=timeout)


def test_the_emulator_in_process_is_a_transport(emulator: Emulator) -> None:
    with MSpaceClient("http://in-process", transport=emulator) as client:
        assert client.getBalance("demo", "demo-password") == "1000"


def test_a_response_is_not_pickled(scripted: ScriptedServer) -> None:
    with MSpaceClient(scripted.url) as client:
        response = client.subUsers_JSON(Response, "u", "p")
    with pytest.raises(TypeError, match="password"):
        pickle.dumps(response)


# Routes: each API is an emulator of its own, behind a socket of its own, with a ledger of its own

ACCOUNT = ("demo", "demo-password")
SENDING = (*ACCOUNT, "MSPACE", "0722000000", "hi")


class Apis(NamedTuple):
    legacy: Emulator
    v2: Emulator
    main_url: str
    base_url: str

    def client(self, routes: Any = None, **settings: Any) -> MSpaceClient:
        more = {"accounts": demo_store(), "base_url": self.base_url, **settings}
        return MSpaceClient(self.main_url, routes=routes, **more)

    @property
    def sent(self) -> tuple[int, int]:
        """How many messages each was given: the legacy API, and v2."""
        return len(self.legacy.ledger.messages()), len(self.v2.ledger.messages())


@pytest.fixture
def apis() -> Iterator[Apis]:
    """With 1000 credits in the legacy API's ledger, and 2000 in v2's."""
    richer = [replace(account, balance=account.balance * 2) for account in DEMO_ACCOUNTS]
    old, new = Emulator(), Emulator(Ledger(richer, delivery_delay=0))
    with Server(old) as first, Server(new) as second:
        yield Apis(old, new, first.url, second.url)
    old.close()
    new.close()


def test_each_operation_is_answered_by_the_api_of_its_route(apis: Apis) -> None:
    with apis.client("balance=v2, sendtext=v2, *=legacy") as client:
        assert client.getBalance(*ACCOUNT) == "2000"
        assert "20" in client.subUsers_JSON(str, *ACCOUNT)
        assert client.sendText_JSON(SentMessage, *SENDING).message_id
        client.subUsers_XML(str, *SENDING)
        client.subAccTopup_JSON(str, *ACCOUNT, "subuser1", 5)
    assert apis.sent == (0, 2)
    assert (apis.legacy.ledger.balance("subuser1"), apis.v2.ledger.balance("subuser1")) == (25, 40)


@pytest.mark.parametrize("routes", ["*=v2", {"*": "v2"}, {"*": Route("v2")}, Routes.parse("*=v2")], ids=repr)
def test_routes_and_accounts_in_every_form(routes: Any, apis: Apis, tmp_path: Path) -> None:
    for accounts in (demo_store(), write_demo_store(tmp_path), tmp_path / "accounts.toml"):
        with apis.client(routes, accounts=accounts) as client:
            assert client.getBalance(*ACCOUNT) == "2000"
            assert client.routes == Routes.parse("*=v2")


def test_routes_accounts_and_v2_s_address_from_the_environment(
    apis: Apis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSPACE_ROUTES", "balance=v2, *=legacy")
    monkeypatch.setenv("MSPACE_ACCOUNTS", write_demo_store(tmp_path))
    monkeypatch.setenv("MSPACE_BASE_URL", f"{apis.base_url}/smsapi/v2/")
    with MSpaceClient(apis.main_url) as client:
        assert client.getBalance(*ACCOUNT) == "2000"
        client.sendText_JSON(str, *SENDING)
    with MSpaceClient(apis.main_url, routes="*=legacy") as client:
        assert client.getBalance(*ACCOUNT) == "999", "an argument goes before the environment"
    with MSpaceClient(apis.main_url, routes="") as client:
        assert client.routes is None, "so does an empty one"
    monkeypatch.setenv("MSPACE_ROUTES", "")
    with MSpaceClient(apis.main_url) as client:
        assert client.routes is None
        assert client.getBalance(*ACCOUNT) == "999"
    assert apis.sent == (1, 0)
    # The way back does not need the store.
    monkeypatch.setenv("MSPACE_ROUTES", "*=legacy")
    monkeypatch.setenv("MSPACE_ACCOUNTS", "gone.toml")
    with MSpaceClient(apis.main_url) as client:
        assert client.getBalance(*ACCOUNT) == "999"
    monkeypatch.setenv("MSPACE_ROUTES", "balance=v3")
    with pytest.raises(errors.InvalidInput, match=r"balance=v3.*canary:N"):
        MSpaceClient(apis.main_url)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"routes": "balnce=v2"}, "'balnce'"),
        ({"routes": "*=shadow"}, r"\*=shadow would make sendtext twice"),
        ({"routes": "balance=v2", "accounts": None}, "accounts"),
        ({"routes": "balance=v2", "accounts": "no-such-file.toml"}, "no-such-file.toml"),
        ({"routes": "balance=v2", "accounts": 5}, "accounts is a int"),
        ({"routes": "balance=v2", "base_url": "example.invalid"}, "base_url"),
        ({"routes": 5}, "routes is a int"),
    ],
)
def test_routes_that_can_not_be_right_are_refused_when_the_client_is_made(
    settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(errors.InvalidInput, match=told):
        MSpaceClient("http://127.0.0.1", **{"accounts": demo_store(), **settings})


def test_routes_are_changed_while_running_and_step_back(apis: Apis) -> None:
    with apis.client("*=legacy") as client:
        assert client.getBalance(*ACCOUNT) == "1000"
        client.routes = "balance=v2, sendtext=canary:100"
        assert str(client.routes).startswith("balance=v2, sendtext=canary:100, subusers=legacy")
        assert client.getBalance(*ACCOUNT) == "2000"
        client.sendText_JSON(str, *SENDING)
        client.routes = {"sendtext": "canary:0"}
        client.sendText_JSON(str, *SENDING)
        for wrong in ("sendtext=verify", "sendtext=both", None):
            with pytest.raises(errors.InvalidInput, match="routes"):
                client.routes = wrong  # type: ignore[assignment]  # the test is of just this
        assert client.routes == Routes.parse("sendtext=canary:0")
        assert client.getBalance(*ACCOUNT) == "999"
    assert apis.sent == (1, 1)


def test_a_client_without_routes_has_none(scripted: ScriptedServer) -> None:
    with MSpaceClient(scripted.url) as client:
        assert (client.routes, client.comparisons) == (None, None)
        with pytest.raises(errors.InvalidInput, match="routes"):
            client.routes = "*=legacy"
        for method in (client.deliveryReport_JSON, client.deliveryReport_XML):
            with pytest.raises(errors.Unsupported, match="v2"):
                method(str, "u", "p", "1")
    assert scripted.requests == []


def test_a_canary_sends_each_message_once_and_by_the_same_api_again(apis: Apis) -> None:
    numbers = [f"0722000{number:03}" for number in range(20)]
    with apis.client("sendtext=canary:50") as client:
        for number in [*numbers, *numbers]:
            client.sendText_JSON(SentMessage, *ACCOUNT, "MSPACE", number, "hi")
    old, new = ([message.recipient for message in api.ledger.messages()] for api in (apis.legacy, apis.v2))
    assert len(old) + len(new) == 40
    assert len({*old}) + len({*new}) == 20
    assert old
    assert new


def test_a_shadow_answers_from_legacy_and_tells_what_differs(apis: Apis) -> None:
    seen: list[Comparison] = []
    with apis.client("*=legacy, balance=shadow, login=verify", comparisons=Comparisons(seen.append)) as client:
        assert client.comparisons is not None
        assert client.getBalance(*ACCOUNT) == "1000"
        assert client.login_TEXT(*ACCOUNT) == "User exists."
        assert client.getBalance("demo", "wrong") == "Error 100: Authentication Failure"
        assert client.comparisons.wait(20)
        assert (client.comparisons.counts["balance"], client.comparisons.counts["login"]) == ((1, 1, 0), (1, 0, 0))
    assert [str(each) for event in seen for each in event.differences] == ["balance: legacy '1000', v2 '2000'"]


def test_a_reply_is_the_same_by_either_api(apis: Apis) -> None:
    def replies(routes: str) -> list[object]:
        with apis.client(routes) as client:
            return [
                client.login_TEXT(*ACCOUNT),
                client.login_TEXT("demo", "wrong"),
                client.resellerClients_XML(list[ResellerClient], "plain", "plain-password"),
                client.sendText_JSON(str, *ACCOUNT, "NOT-MINE", "0722000000", "hi"),
                client.subAccTopup_XML(str, *ACCOUNT, "nobody", 5),
                client.resellerClientTopup_JSON(TopUp, *ACCOUNT, "client1", 5),
                client.subUsers_XML(str, "plain", "plain-password"),
                str(client.subUsers_JSON(Response, *ACCOUNT)),
            ]

    assert replies("*=legacy") == replies("*=v2")


def test_delivery_reports_come_from_v2(apis: Apis) -> None:
    with apis.client("sendtext=v2") as client:
        message = client.sendText_JSON(SentMessage, *SENDING)
        report = DeliveryReport(message.message_id, "3", "Delivered", "254722000000")
        asking = (*ACCOUNT, message.message_id)
        assert client.deliveryReport_JSON(DeliveryReport, *asking) == report
        assert client.deliveryReport_XML(list[DeliveryReport], *asking) == [report]
        named = {
            "messageId": "49032372",
            "recipient": "254722000000",
            "status": "3",
            "statusDescription": "Delivered",
        }
        assert client.deliveryReport_JSON(list, *asking) == client.deliveryReport_XML(list, *asking) == [named]
        assert json.loads(client.deliveryReport_JSON(str, *asking)) == [named]
        assert client.deliveryReport_XML(Element, *asking)[0][0].text == message.message_id
        assert client.deliveryReport_JSON(str, "demo", "wrong", message.message_id) == "Authentication failure"
        for wrong in (None, 5):
            with pytest.raises(errors.WrongType, match="messageId"):
                client.deliveryReport_JSON(str, *ACCOUNT, wrong)  # type: ignore[arg-type]  # the test is of this
        with pytest.raises(errors.WrongType, match=r"list\[DeliveryReport\]"):
            client.deliveryReport_JSON(SubUser, *asking)
        assert client.getBalance(*ACCOUNT) == "1000"


@pytest.mark.parametrize("api", ["legacy", "v2"])
def test_an_api_that_is_down_is_told_by_its_host_and_the_other_is_not_asked(api: str, apis: Apis) -> None:
    down = "http://no-such-host.invalid"
    urls = (down, apis.base_url) if api == "legacy" else (apis.main_url, down)
    network = Network(timeout=5)
    client = MSpaceClient(urls[0], transport=network, routes=f"*={api}", accounts=demo_store(), base_url=urls[1])
    calls: list[Callable[[], object]] = [
        lambda: client.getBalance(*ACCOUNT),
        lambda: client.sendText_JSON(str, *SENDING),
        lambda: client.subAccTopup_XML(str, *ACCOUNT, "subuser1", 5),
    ]
    for call in calls:
        with pytest.raises(errors.ProcessingException) as caught:
            call()
        assert str(caught.value) == "java.net.UnknownHostException: no-such-host.invalid"
        assert not isinstance(caught.value, OutcomeUnknown)
    client.routes = f"*={'v2' if api == 'legacy' else 'legacy'}"
    assert client.getBalance(*ACCOUNT) == ("2000" if api == "legacy" else "1000")
    client.close()
    assert apis.sent == (0, 0)


@pytest.mark.parametrize("fault", ["reset-after", "truncate", "refuse", "status-after:502", "garbage"])
def test_a_send_whose_outcome_v2_does_not_tell_is_unknown_and_made_once(fault: str, apis: Apis) -> None:
    apis.v2.faults.add(f"sendtext={fault}")
    with apis.client("*=v2") as client:
        with pytest.raises(OutcomeUnknown) as caught:
            client.sendText_JSON(str, *SENDING)
        assert isinstance(caught.value, (errors.ProcessingException, errors.WebApplicationException))
    assert apis.sent == (0, 0 if fault == "refuse" else 1)


def test_a_wrong_password_reaches_neither_v2_nor_by_another_way_the_legacy_api(scripted: ScriptedServer) -> None:
    with MSpaceClient(
        "http://no-such-host.invalid", routes="*=v2", accounts=demo_store(), base_url=scripted.url
    ) as client:
        assert client.getBalance("demo", "wrong") == "Error 100: Authentication Failure"
        assert client.sendText_JSON(str, "nobody", *SENDING[1:]) == "Athentication failure"
    assert scripted.requests == []


def test_after_close_with_routes(apis: Apis) -> None:
    client = apis.client("*=v2")
    client.close()
    client.close()
    with pytest.raises(errors.IllegalStateException):
        client.getBalance(*ACCOUNT)
    with pytest.raises(errors.IllegalStateException):
        client.deliveryReport_XML(str, *ACCOUNT, "1")


def test_a_client_without_routes_does_not_import_the_migration() -> None:
    code = """if True:
        import sys
        from mspace_legacy import MSpaceClient, Client
        client = MSpaceClient("http://127.0.0.1:9")
        assert client.routes is None and client.comparisons is None
        client.close()
        print(*[name for name in sys.modules if "migration" in name])
    """
    environment = {"PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "\n"
