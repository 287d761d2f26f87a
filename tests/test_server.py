"""server: any transport behind a socket, held against raw bytes."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import re
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from waitress import wasyncore
from waitress.channel import HTTPChannel

from mspace_legacy.emulator import Emulator
from mspace_legacy.errors import InvalidInput, NotSent, ReplyError, ReplyLost, TransportError, TransportFault
from mspace_legacy.server import Server
from mspace_legacy.transport.listener import RESET_ON_CLOSE
from mspace_legacy.wire.http import Request, Response

CANARY = "canary-71f3"
PATH = f"/mspaceservice/wr/sms/balance/username=demo/password={CANARY}"


class Scripted:
    """A transport that keeps what it is asked, and answers as it is told."""

    def __init__(self, answer: Callable[[Request], Response] = lambda request: Response(200, b"50")) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer(request)

    def close(self) -> None:
        """Nothing is held."""


class Slow:
    """An answer that comes when it may go on."""

    def __init__(self, body: bytes = b"done") -> None:
        self.response = Response(200, body)
        self.entered, self.go_on = threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Response:
        self.entered.set()
        assert self.go_on.wait(10)
        return self.response


@pytest.fixture
def transport() -> Scripted:
    return Scripted()


@pytest.fixture
def server(transport: Scripted) -> Iterator[Server]:
    with Server(transport) as server:
        yield server


def connect(server: Server) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=10)


def everything(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def until(connection: socket.socket, text: bytes, *, times: int = 1) -> bytes:
    """What comes until `text` has come so often."""
    received = b""
    while received.count(text) < times:
        part = connection.recv(65536)
        assert part, received
        received += part
    return received


def exchange(server: Server, *lines: str | bytes, body: bytes = b"") -> bytes:
    """Send a request whose connection ends with it, and give all that comes back."""
    raw = [line.encode() if isinstance(line, str) else line for line in (*lines, "Connection: close", "", "")]
    with connect(server) as connection:
        connection.sendall(b"\r\n".join(raw) + body)
        return everything(connection)


def ask(server: Server, path: str = "/", method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    connection.request(method, path)
    with contextlib.closing(connection):
        reply = connection.getresponse()
        return reply.status, reply.read()


# Requests


@pytest.mark.parametrize(
    "target",
    ["/", "/a%2Fb", "/a%2fb", "/%2525", "//a//b", "/a/../b/.", "/a;b=c", "/x?y=%2F&z", "/%zz", "/%00", "/=,", PATH],
)
def test_the_path_is_kept_as_it_came(server: Server, transport: Scripted, target: str) -> None:
    assert exchange(server, f"GET {target} HTTP/1.1", f"Host: example:{server.port}").startswith(
        b"HTTP/1.1 200 OK\r\n"
    )
    (request,) = transport.requests
    assert (request.method, request.url, request.body) == ("GET", f"http://example:{server.port}{target}", None)


def test_a_target_with_a_host_of_its_own_is_that_address(server: Server, transport: Scripted) -> None:
    exchange(server, "GET http://other:8/a%2Fb HTTP/1.1", "Host: example")
    exchange(server, "GET HTTP://Other:8/a%2Fb HTTP/1.1", "Host: example")
    assert [request.url for request in transport.requests] == ["http://other:8/a%2Fb", "HTTP://Other:8/a%2Fb"]


@pytest.mark.parametrize("host", ["example/x", "example?x", "example#x", "example/mspaceservice/wr/sms/"])
def test_a_host_adds_nothing_to_the_path(server: Server, transport: Scripted, host: str) -> None:
    exchange(server, "GET /a HTTP/1.1", f"Host: {host}")
    assert transport.requests[0].url == "http://example/a"


def test_without_a_host_there_is_one_all_the_same(server: Server, transport: Scripted) -> None:
    exchange(server, "GET /a HTTP/1.0")
    assert transport.requests[0].url == "http://localhost/a"


def test_headers_in_any_case(server: Server, transport: Scripted) -> None:
    sent = ["host: h", "APIKEY: k", "content-TYPE: application/json", "ACCEPT: text/plain", "Content-Length: 0"]
    exchange(server, "POST / HTTP/1.1", *sent)
    headers = {name.lower(): value for name, value in transport.requests[0].headers.items()}
    assert (headers["apikey"], headers["content-type"], headers["accept"]) == ("k", "application/json", "text/plain")
    assert transport.requests[0].body == b""


@pytest.mark.parametrize("body", [b"x", b'{"a": "\xc3\xa9"}', bytes(range(256)) * 40, b"x" * 1_000_000], ids=len)
def test_the_body_is_read_whole(server: Server, transport: Scripted, body: bytes) -> None:
    exchange(server, "POST / HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", body=body)
    assert transport.requests[0].body == body


@pytest.mark.parametrize("length", ["", "Content-Length: 0\r\n"])
def test_who_waits_to_go_on_without_a_body_is_answered(server: Server, transport: Scripted, length: str) -> None:
    with connect(server) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n{length}\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(transport.requests) == 1


def test_a_body_in_chunks_is_read_whole(server: Server, transport: Scripted) -> None:
    exchange(
        server, "POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert transport.requests[0].body == b"abcde"


@pytest.mark.parametrize("length", ["5", "15", "0"])
def test_where_a_length_is_told_twice_nothing_is_read_behind_it(
    server: Server, transport: Scripted, length: str
) -> None:
    """RFC 9112, section 6.1: what follows may be a part of the body for whoever is between."""
    head = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(f"{head}5\r\nabcde\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        received = everything(connection)
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 1
    assert [request.body for request in transport.requests] == [b"abcde"]


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\nHost: h\n\n",
        "GET / HTTP/1.0\n\n",
        "GET / HTTP/1.1\r\nHost: h\n\n",
        "GET / HTTP/1.1\nHost: h\n\r\n",
        "\n\nGET /a\n\n",
    ],
)
def test_lines_that_end_without_cr_are_refused_at_once(server: Server, transport: Scripted, head: str) -> None:
    with connect(server) as connection:
        for octet in head.encode():
            connection.sendall(bytes((octet,)))
        assert everything(connection).startswith(b"HTTP/1.0 400 Bad Request\r\n")
    assert transport.requests == []
    assert ask(server)[0] == 200


@pytest.mark.parametrize("before", ["\r\n", "\n\n", "\r\n\n", "\n\r\n\n"])
def test_blank_lines_before_a_request_are_passed_over_however_they_come(
    server: Server, transport: Scripted, before: str
) -> None:
    request = f"{before}GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    with connect(server) as connection:
        for octet in request.encode():
            connection.sendall(bytes((octet,)))
        connection.sendall(f"{request}{before}GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        assert everything(connection).count(b"HTTP/1.1 200 OK\r\n") == 3
    assert [request.url for request in transport.requests] == ["http://h/a", "http://h/a", "http://h/b"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_any_method_reaches_the_transport(server: Server, transport: Scripted, method: str) -> None:
    assert ask(server, "/x", method)[0] == 200
    assert transport.requests[0].method == method


def test_the_reply_to_a_head_has_no_body(server: Server, transport: Scripted) -> None:
    # One with a body would be taken for the beginning of the next reply on the connection.
    with connect(server) as connection:
        connection.sendall(
            b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        received = everything(connection)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    heads = received.split(b"\r\n\r\n")
    assert heads[1].startswith(b"HTTP/1.1 200 OK\r\n")
    assert heads[2:] == [b"50"]
    assert [request.method for request in transport.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["POST / HTTP/1.1", "Host: h", "Content-Length: 2000000"], b"413"),
        (["POST / HTTP/1.1", "Host: h", "Content-Length: 99999999999999999999"], b"413"),
        (["POST / HTTP/1.1", "Host: h", "Content-Length: -1"], b"400"),
        (["POST / HTTP/1.1", "Host: h", "Content-Length: x"], b"400"),
        ([f"GET /{CANARY} b HTTP/1.1", "Host: h"], b"400"),
        ([f"GET /{CANARY}/é HTTP/1.1", "Host: h"], b"400"),
        ([b"GET /" + CANARY.encode() + b"/\xff HTTP/1.1", "Host: h"], b"400"),
        (["get / HTTP/1.1", f"X: {CANARY}"], b"400"),
        ([f"GET / HTTP/1.1\r\nX{CANARY}", "Host: h"], b"400"),
        (["GET / HTTP/1.1", "Host: h", "Host: i", f"X Y: {CANARY}"], b"400"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_no_request_or_too_big_is_refused(
    server: Server, transport: Scripted, lines: list[str | bytes], status: bytes
) -> None:
    received = exchange(server, *lines)
    assert received.split(b" ")[1] == status
    assert CANARY.encode() not in received
    assert transport.requests == []
    assert ask(server)[0] == 200


def test_a_head_that_is_too_big_is_refused(server: Server, transport: Scripted) -> None:
    # Not longer than what it reads by then: its refusal might be lost to a reset.
    refusal = exchange(server, "GET / HTTP/1.1", "Host: h", f"X: {'x' * 262_200}")
    assert refusal.startswith(b"HTTP/1.0 431 ")
    assert transport.requests == []
    assert ask(server)[0] == 200


def test_a_body_that_turns_out_too_big_is_refused(server: Server, transport: Scripted) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with connect(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(40):
                connection.sendall(chunk)
        with contextlib.suppress(OSError):
            everything(connection)
    assert transport.requests == []
    assert ask(server)[0] == 200


@pytest.mark.parametrize("line", ["GET http://[h/a HTTP/1.1", "GET http://h/\xe9 HTTP/1.1"])
@pytest.mark.parametrize("liberal", [False, True], ids=["strict", "liberal"])
def test_what_is_no_url_is_refused_with_a_reply(
    transport: Scripted, line: str, liberal: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As a Java client whose connection closes without one sends its request again."""
    with Server(transport, liberal=liberal) as server:
        assert b" 400 " in exchange(server, line.encode("latin-1"), "Host: h").partition(b"\r\n")[0]
    assert transport.requests == []
    # On a busy machine waitress tells, too, that it waited for a thread.
    told = [record for record in caplog.records if record.name != "waitress.queue"]
    assert [record.levelname for record in told] == ["WARNING"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (f"get {PATH} HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request: Malformed HTTP method"),
        (f"{PATH} HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request: "),
        (f"{CANARY} / HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request: Malformed HTTP method"),
        (f"GET {PATH}\n HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request: Bare CR or LF"),
        (f"GET {PATH} HTTP/1.1\r\n{PATH}\r\n\r\n", "400 Bad Request: Invalid header"),
        (f"POST {PATH} HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", "413 Request Entity Too Large: "),
    ],
)
def test_what_is_refused_unread_is_logged_without_what_it_holds(
    server: Server, data: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(server) as connection, caplog.at_level(logging.DEBUG):
        connection.sendall(data.encode())
        everything(connection)
    messages = [record.getMessage() for record in caplog.records if record.name == "mspace_legacy.server"]
    assert len(messages) == 1
    assert messages[0].startswith(f"127.0.0.1 sent what is no request: {told}")
    assert CANARY not in shown(caplog)


@pytest.mark.parametrize("family", ["127.0.0.1", "::1"])
def test_a_request_tells_who_sent_it_and_nobody_else_can(transport: Scripted, family: str) -> None:
    try:
        server = Server(transport, host=family)
    except InvalidInput:
        # Many containers have no address of it, which no test can give them.
        pytest.skip("this machine has no IPv6")
    with server:
        exchange(server, "GET / HTTP/1.1", "Host: h", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1")
    (request,) = transport.requests
    assert request.remote_address == family
    # It is for the transport to say whom it believes.
    assert request.headers["X-Forwarded-For"] == "192.0.2.1"


# What programs send that encode nothing


@pytest.fixture
def liberal(transport: Scripted) -> Iterator[Server]:
    with Server(transport, liberal=True) as server:
        yield server


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"/a b", "/a%20b"),
        (b"/a ", "/a%20"),
        (b"/a  b\t", "/a%20%20b%09"),
        ("/é😀".encode(), "/%C3%A9%F0%9F%98%80"),
        (b"/\x80\xe9\xff", "/%80%E9%FF"),
        (b"/\x00\x1f\x7f", "/%00%1F%7F"),
        (b"/a HTTP/1.1", "/a%20HTTP/1.1"),
        (b"/a HTTP/1.1 b", "/a%20HTTP/1.1%20b"),
        (b"/%zz%2F%2f%", "/%zz%2F%2f%"),
        (b"/a?b#c;d+e", "/a?b#c;d+e"),
        (b"//a/../b", "//a/../b"),
        (b"/http://[x", "/http://[x"),
        (b"/", "/"),
    ],
    ids=repr,
)
def test_a_liberal_server_takes_a_bare_target(
    liberal: Server, transport: Scripted, sent: bytes, received: str
) -> None:
    for version in (b"HTTP/1.1", b"HTTP/1.0"):
        assert exchange(liberal, b"GET " + sent + b" " + version, "Host: h").startswith(b"HTTP/1.")
    assert [request.url for request in transport.requests] == [f"http://h{received}"] * 2


@pytest.mark.parametrize("target", [b"/a\r\nb", b"/a\r\nb: c", b"/a\r\n\r\nb", b"/a\nb", b"/a\rb"])
def test_a_line_break_in_the_target_is_refused_and_never_cuts_it_off(
    liberal: Server, transport: Scripted, target: bytes
) -> None:
    assert exchange(liberal, b"GET " + target + b" HTTP/1.1", "Host: h").split(b" ")[1] == b"400"
    assert transport.requests == []


def test_a_liberal_server_keeps_the_connection_and_reads_bodies(liberal: Server, transport: Scripted) -> None:
    with connect(liberal) as connection:
        connection.sendall(
            b"POST /a b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nx yGET /\xe9 HTTP/1.1\r\nHost: h\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert everything(connection).count(b"HTTP/1.1 200 OK") == 2
    assert [(request.url, request.body) for request in transport.requests] == [
        ("http://h/a%20b", b"x y"),
        ("http://h/%E9", None),
    ]


# Replies


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Response(200, b"50"), b"HTTP/1.1 200 OK"),
        (Response(404, b"x", (), "Nowhere"), b"HTTP/1.1 404 Nowhere"),
        (Response(599, b"x"), b"HTTP/1.1 599 Unknown"),
        (Response(503, b""), b"HTTP/1.1 503 Service Unavailable"),
        (Response(302, b"x", (("Location", "/elsewhere"),)), b"HTTP/1.1 302 Found"),
        (Response(200, bytes(range(256)), (("Content-Type", "application/octet-stream"),)), b"HTTP/1.1 200 OK"),
        # What a transport that is a network may hand on: meant for the connection that it came by.
        (Response(200, b"x", (("Transfer-Encoding", "chunked"),)), b"HTTP/1.1 200 OK"),
        (Response(200, b"x", (("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"))), b"HTTP/1.1 200 OK"),
        (Response(200, b"x", (("Trailers", "x"), ("TE", "trailers"))), b"HTTP/1.1 200 OK"),
        (Response(200, b"x", (("X", "caf\u00e9 \u20ac"),)), b"HTTP/1.1 200 "),
        (Response(200, b"x", (), "caf\u00e9 \u20ac"), b"HTTP/1.1 200 "),
    ],
    ids=repr,
)
def test_a_reply_goes_out_as_it_is(server: Server, transport: Scripted, reply: Response, line: bytes) -> None:
    transport.answer = lambda request: reply
    received = exchange(server, "GET / HTTP/1.1", "Host: h")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(line)
    assert body == reply.body
    assert f"Content-Length: {len(reply.body)}\r\n".encode() in head + b"\r\n"
    for name, value in reply.headers:
        if value.isascii() and name not in ("Transfer-Encoding", "Connection", "Keep-Alive", "Trailers", "TE"):
            assert f"{name}: {value}".encode() in head


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(server: Server, transport: Scripted, status: int) -> None:
    transport.answer = lambda request: Response(status, b"body")
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        received = everything(connection)
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"body" not in received


def raising(error: Exception) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        raise error

    return answer


def lost(fault: TransportFault, uncut: Response | None = None) -> ReplyLost:
    error = ReplyLost(CANARY, fault=fault)
    error.uncut = uncut
    return error


def test_a_lost_reply_is_a_connection_reset_or_closed(server: Server, transport: Scripted) -> None:
    transport.answer = raising(lost("reset"))
    with pytest.raises(ConnectionResetError):
        exchange(server, "GET / HTTP/1.1", "Host: h")
    for fault in ("closed", "timeout", "broken"):
        transport.answer = raising(lost(fault))
        assert exchange(server, "GET / HTTP/1.1", "Host: h") == b""


def test_a_reply_cut_short_is_cut_short(server: Server, transport: Scripted) -> None:
    transport.answer = raising(lost("cut-short", Response(200, b"abcdefgh", (("Content-Length", "8"),))))
    head, _, body = exchange(server, "GET / HTTP/1.1", "Host: h").partition(b"\r\n\r\n")
    assert b"Content-Length: 8" in head
    assert body == b"abcd"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TransportError("no connection"), 502),
        (NotSent("refused", fault="refused"), 502),
        (ReplyError("odd", body="x"), 500),
        (InvalidInput("odd"), 500),
        (RuntimeError(CANARY), 500),
        (KeyError(CANARY), 500),
        (RecursionError(CANARY), 500),
    ],
    ids=repr,
)
def test_what_a_transport_raises_is_a_reply_without_its_text(
    server: Server, transport: Scripted, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    transport.answer = raising(error)
    with caplog.at_level(logging.DEBUG):
        received = exchange(server, f"GET {PATH} HTTP/1.1", "Host: h")
    assert received.split(b" ")[1] == str(status).encode()
    assert CANARY.encode() not in received
    assert caplog.records
    assert CANARY not in shown(caplog)


# Logs


def shown(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, with what handlers of other kinds would show: arguments, and tracebacks with variables."""
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(f"{formatter.format(record)} {vars(record)!r}" for record in caplog.records)


def test_no_log_holds_the_password_whatever_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow(b"x" * 5_000_000)
    head = f"GET {PATH} HTTP/1.1\r\nHost: h\r\n".encode()
    with caplog.at_level(logging.DEBUG):
        for name in ("waitress", "waitress.queue", "mspace_legacy.server", "mspace_legacy.server.connection"):
            caplog.set_level(logging.DEBUG, name)
        transport = Scripted(slow)
        with Server(transport, threads=1) as server:
            # A client that goes away while its request is answered, with a reset and without.
            for linger in (struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)):
                slow.entered.clear()
                slow.go_on.clear()
                connection = connect(server)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.sendall(head + b"\r\n")
                assert slow.entered.wait(10)
                connection.close()
                slow.go_on.set()
            # Clients that go away in the middle of a head, or of a body.
            for half in (head[:60], head, head.replace(b"GET", b"POST") + b"Content-Length: 9\r\n\r\nx"):
                with connect(server) as connection:
                    connection.sendall(half)
            # More requests than threads, a request that is none, and replies that no server can send.
            transport.answer = lambda request: Response(200, b"50")
            clients = [connect(server) for _ in range(12)]
            for client in clients:
                client.sendall(head + b"Connection: close\r\n\r\n")
            for client in clients:
                assert everything(client).endswith(b"50")
                client.close()
            exchange(server, f"GET {PATH} x HTTP/1.1", "Host: h")
            for reply in (Response(200, b"x", (("X", "a\r\nb"),)), Response(200, b"x", (), "\u20ac")):
                transport.answer = lambda request, reply=reply: reply  # type: ignore[misc]  # mypy does not see the default
                exchange(server, f"GET {PATH} HTTP/1.1", "Host: h")
            for fault in ("reset", "closed"):
                transport.answer = raising(lost(fault))
                with contextlib.suppress(ConnectionResetError):
                    exchange(server, f"GET {PATH} HTTP/1.1", "Host: h")
            transport.answer = raising(lost("cut-short", Response(200, b"abcd", (("Content-Length", "4"),))))
            exchange(server, f"GET {PATH} HTTP/1.1", "Host: h")
    assert any("disconnected" in record.getMessage() for record in caplog.records)
    assert CANARY not in shown(caplog)


# Starting and stopping


def test_it_listens_on_this_machine_only_on_a_port_that_the_system_picks(transport: Scripted) -> None:
    with Server(transport) as one, Server(transport) as two:
        assert one.host == "127.0.0.1"
        assert one.port != two.port
        assert one.url == f"http://127.0.0.1:{one.port}"
        assert ask(one) == ask(two) == (200, b"50")


def test_an_address_of_ipv6_stands_in_brackets(transport: Scripted) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        # Many containers have no address of it, which no test can give them.
        pytest.skip("this machine has no IPv6")
    with Server(transport, host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert ask(server)[0] == 200


@pytest.mark.parametrize("port", [-1, 65536, 10**6])
def test_a_port_that_is_none_is_refused(transport: Scripted, port: int) -> None:
    with pytest.raises(InvalidInput, match=rf"can't listen on 127\.0\.0\.1:{port}: "):
        Server(transport, port=port)


def test_an_address_that_is_taken_or_none_is_refused(server: Server, transport: Scripted) -> None:
    with pytest.raises(InvalidInput, match=f":{server.port}: "):
        Server(transport, port=server.port)
    for host in ("192.0.2.1", "no host", "a" * 70):
        with pytest.raises(InvalidInput, match=re.escape(f"can't listen on {host}:0: ")):
            Server(transport, host=host)


def wait_until_refused(server: Server) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            connect(server).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            # It stood in the queue of the listener when that was closed.
            continue
        time.sleep(0.01)
    pytest.fail("it listens on")


def test_stopping_answers_what_is_under_way(transport: Scripted) -> None:
    slow = transport.answer = Slow(b"done" * 2_000_000)
    server = Server(transport)
    thread = threading.Thread(target=server.serve)
    thread.start()
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert slow.entered.wait(10)
        server.stop()
        wait_until_refused(server)
        slow.go_on.set()
        # More than the system keeps for a reader who comes late: the server has to go on sending.
        time.sleep(0.3)
        assert everything(connection).endswith(b"done" * 2_000_000)
    thread.join(10)
    assert not thread.is_alive()


def test_stopping_tells_what_had_not_begun_that_nothing_was_done(transport: Scripted) -> None:
    """It waits for a thread behind a call that may take long. A Java client asks again where there is no reply."""
    slow = transport.answer = Slow()
    with Server(transport, threads=1) as server, connect(server) as first, connect(server) as second:
        first.sendall(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        assert slow.entered.wait(10)
        second.sendall(b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n")
        # waitress has it before it can be told to stop.
        time.sleep(0.2)
        server.stop()
        for connection, status in ((second, b"503"), (first, b"200")):
            reply = connection.recv(65536)
            assert reply.startswith(b"HTTP/1.1 " + status)
            # Whoever keeps it would ask by it again, just as it is closed.
            assert b"\r\nConnection: close\r\n" in reply
            slow.go_on.set()
    assert [request.url.rpartition("/")[2] for request in transport.requests] == ["first"]


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()


def say_no_more(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


def close_behind_more(connection: socket.socket) -> None:
    connection.sendall(b"\r\n")
    connection.close()


HANG_UPS = [socket.socket.close, reset, say_no_more]
if hasattr(select, "POLLRDHUP"):
    # Elsewhere what stands before the end hides it.
    HANG_UPS.append(close_behind_more)


@pytest.mark.parametrize("hang_up", HANG_UPS)
def test_a_request_whose_caller_hung_up_before_its_turn_is_not_answered(
    hang_up: Callable[[socket.socket], None],
    transport: Scripted,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A caller that gave up while it waited asks again, and would have it done twice."""
    monkeypatch.setattr("mspace_legacy.server._PATIENCE", 0.1)
    slow = transport.answer = Slow()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(transport, threads=1))
        first, second, third = (stack.enter_context(connect(server)) for _ in range(3))
        first.sendall(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        assert slow.entered.wait(10)
        second.sendall(b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n")
        # waitress has it before its caller hangs up, and before the next.
        time.sleep(0.2)
        third.sendall(b"GET /third HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        hang_up(second)
        time.sleep(0.2)
        slow.go_on.set()
        assert until(first, b"done").count(b"HTTP/1.1 200 OK") == 1
        if hang_up is say_no_more:
            told = everything(second)
            assert told.startswith(b"HTTP/1.1 503 ")
            assert told.endswith(b"\r\n\r\nhung up: nothing was done\n")
        # What stands behind a request is no end.
        assert until(third, b"done", times=2).count(b"HTTP/1.1 200 OK") == 2
    assert [request.url.rpartition("/")[2] for request in transport.requests] == ["first", "third", "third"]
    assert "127.0.0.1 hung up before its turn: nothing was done" in caplog.text
    assert "/second" not in caplog.text


def test_a_header_that_is_folded_is_told_on_one_line(server: Server, transport: Scripted) -> None:
    """waitress refuses the others, once the call is made."""
    transport.answer = lambda request: Response(200, b"50", (("X-A", "a\r\n b"),))
    told = exchange(server, "GET / HTTP/1.0", "Host: h")
    assert told.startswith(b"HTTP/1.0 200 ")
    assert b"\r\nX-A: a b\r\n" in told


def test_a_caller_that_closes_its_half_behind_the_request_is_answered(server: Server) -> None:
    """It did not wait, so that it did not give up: it has no more to say (RFC 9112, section 9.6)."""
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert everything(connection).endswith(b"\r\n\r\n50")


@pytest.mark.parametrize("body", [b"", b"x" * 20_000], ids=["short", "long"])
def test_stopping_tells_who_was_not_heard_yet_that_nothing_was_done(transport: Scripted, body: bytes) -> None:
    server = Server(transport)
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connect(server)) for _ in range(20)]
        for connection in waiting:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        server.stop()
        server.serve()
        for connection in waiting:
            assert everything(connection).startswith(b"HTTP/1.1 503 ")
    assert transport.requests == []


def test_what_takes_longer_than_the_grace_is_logged(transport: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    slow = transport.answer = Slow()
    server = Server(transport)
    thread = threading.Thread(target=server.serve, kwargs={"grace": 0.05})
    thread.start()
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert slow.entered.wait(10)
        server.stop()
        while "1 calls were cut off" not in caplog.text and thread.is_alive():
            time.sleep(0.01)
        slow.go_on.set()
    thread.join(10)
    assert "1 calls were cut off: they took longer than 0.05 seconds" in caplog.text


def test_stopping_is_quick_where_nothing_is_under_way(transport: Scripted) -> None:
    server = Server(transport)
    with server, connect(server):
        # The connection is idle, and stays open.
        assert ask(server)[0] == 200
        began = time.monotonic()
        server.stop()
        server.stop()
    assert time.monotonic() - began < 3
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(server).close()


def test_a_signal_may_stop_it_while_the_handler_of_another_does(transport: Scripted) -> None:
    """At Ctrl-C each process of a gateway has SIGINT from the terminal, and SIGTERM from the first one."""
    with Server(transport) as server:

        def again(frame: FrameType, event: str, argument: object) -> None:
            sys.setprofile(None)
            server.stop()
            sys.setprofile(again)

        def stop() -> None:
            sys.setprofile(again)
            try:
                server.stop()
            finally:
                sys.setprofile(None)

        stopping = threading.Thread(target=stop, daemon=True)
        stopping.start()
        stopping.join(10)
        assert not stopping.is_alive()


# The test takes all descriptors that the process may have, and Windows sets no such bound.
@pytest.mark.skipif(os.name != "posix", reason="needs a bound on descriptors")
def test_it_stops_where_there_is_no_descriptor_for_who_has_come() -> None:
    script = """
import os, resource, socket
from mspace_legacy.emulator import Emulator
from mspace_legacy.server import Server
server = Server(Emulator())
waiting = [socket.create_connection((server.host, server.port)) for _ in range(3)]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    while True:
        os.open(os.devnull, os.O_RDONLY)
except OSError:
    pass
server.stop()
server.serve(grace=0.1)
print("stopped")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "stopped\n", ended.stderr[-1000:]


def test_a_server_that_never_served_can_be_stopped(transport: Scripted) -> None:
    server = Server(transport)
    server.stop()
    server.serve()
    with pytest.raises(ConnectionRefusedError):
        connect(server).close()


def test_thirty_two_threads_are_answered_each_with_its_own(transport: Scripted) -> None:
    transport.answer = lambda request: Response(200, request.url.encode())
    wrong: list[str] = []

    def client(number: int) -> None:
        connection = http.client.HTTPConnection(busy.host, busy.port, timeout=30)
        with contextlib.closing(connection):
            for turn in range(20):
                path = f"/{number}/{turn}/{'x' * (number * turn)}"
                connection.request("GET", path)
                body = connection.getresponse().read()
                if body != f"{busy.url}{path}".encode():
                    wrong.append(path)

    with Server(transport) as busy:
        threads = [threading.Thread(target=client, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(transport.requests) == 32 * 20


def test_the_loop_rests_while_a_thread_writes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # It asked the socket again and again, in vain, and so kept Python's lock from the very thread that wrote.
    turns: list[bool] = []
    turn, send = wasyncore.loop, HTTPChannel.send
    writing = threading.Event()

    def counted(*args: Any, **options: Any) -> None:
        turns.append(writing.is_set())
        turn(*args, **options)

    def slow(channel: HTTPChannel, data: bytes, do_close: bool = True) -> int:
        writing.set()
        with connect(server):
            time.sleep(0.2)
        writing.clear()
        return int(send(channel, data, do_close))

    monkeypatch.setattr(wasyncore, "loop", counted)
    monkeypatch.setattr(HTTPChannel, "send", slow)
    assert ask(server) == (200, b"50")
    assert sum(turns) < 10


def test_what_a_thread_could_not_write_is_written_when_the_client_reads(server: Server, transport: Scripted) -> None:
    size, times = 1 << 23, 4
    transport.answer = lambda request: Response(200, b"x" * size)
    last = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    for _ in range(3):
        with connect(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * (times - 1) + last)
            received, silence, since = 0, 0.0, time.monotonic()
            while part := connection.recv(1 << 18):
                received += part.count(b"x")
                silence = max(silence, time.monotonic() - since)
                time.sleep(0.0005)
                since = time.monotonic()
        assert received == size * times
        # The loop looks up by itself once in a second: a thread that waits for it must not wait for that.
        assert silence < 0.8


def drip(connection: socket.socket, text: bytes, pause: float) -> bool:
    """Send it byte by byte; whether the other side has ended the connection before all was sent."""
    connection.settimeout(pause)
    with contextlib.suppress(ConnectionError):
        for byte in text:
            connection.sendall(bytes((byte,)))
            with contextlib.suppress(TimeoutError):
                if not connection.recv(1):
                    return True
        return False
    return True


def test_a_request_that_drips_in_is_given_up_as_a_silence_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mspace_legacy.server._LONGEST_IDLE", 1)
    with Server(Emulator()) as server, connect(server) as connection:
        assert drip(connection, b"GET /" + b"a" * 95, 0.2)


def test_two_hundred_idle_connections_keep_nobody_waiting(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(server))
        assert ask(server) == (200, b"50")


def test_the_emulator_behind_it_answers(emulator: Emulator, emulator_url: str) -> None:
    host, _, port = emulator_url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/mspaceservice/wr/sms/balance/username=demo/password=demo-password")
        assert connection.getresponse().read() == b"1000"


OUT_OF_DESCRIPTORS = """
import logging, os, resource, sys
from mspace_legacy.server import Server
from mspace_legacy.wire.http import Response

class Fifty:
    def handle(self, request):
        return Response(200, b"50")

    def close(self):
        pass

records = []
handler = logging.Handler()
handler.emit = records.append
logging.getLogger().addHandler(handler)
with Server(Fifty()) as server:
    taken = os.open(os.devnull, os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 4, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    print(server.port, flush=True)
    sys.stdin.readline()
    print(len(records), flush=True)
    sys.stdin.readline()
"""


# Elsewhere a process has no bound of descriptors that could be set.
@pytest.mark.skipif(os.name != "posix", reason="resource is of POSIX")
def test_a_server_without_a_descriptor_left_rests_and_serves_on_once_there_is_one() -> None:
    command = [sys.executable, "-c", OUT_OF_DESCRIPTORS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with contextlib.ExitStack() as idle:
            for _ in range(12):
                idle.enter_context(socket.create_connection(("127.0.0.1", port)))
            time.sleep(1.5)
            process.stdin.write("\n")
            process.stdin.flush()
            assert 1 <= int(process.stdout.readline()) <= 5
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"50"
        connection.close()
        process.stdin.close()
