"""The callback behind real servers: who is let in, what is taken, and that a session goes through."""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest
from waitress import wasyncore
from waitress.server import create_server

from mspace_legacy.errors import InvalidInput, ReplyError
from mspace_legacy.secrets import Secret
from mspace_legacy.ussd import Dialler, UssdCallback, UssdRequest, write_request
from mspace_legacy.ussd.messages import LARGEST_BODY
from tests.ussd.test_app import FAILED, shop

KEY = "c4llback-key"
BODY = write_request(UssdRequest("254722123456", "s1", "*384#", ""))


@contextmanager
def behind_waitress(application: Any) -> Iterator[str]:
    connections: dict[int, Any] = {}
    server: Any = create_server(application, host="127.0.0.1", port=0, map=connections)
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            wasyncore.loop(timeout=0.05, map=connections, count=1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        stopped.set()
        thread.join(10)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(connections, ignore_all=True)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


@contextmanager
def behind_wsgiref(application: Any) -> Iterator[str]:
    """The standard library's server, with its check of PEP 3333."""
    with make_server("127.0.0.1", 0, validator(application), handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize("behind", [behind_waitress, behind_wsgiref])
def test_a_session_by_a_server(behind: Any) -> None:
    with behind(UssdCallback(shop())) as url, Dialler(f"{url}/any/path") as phone:
        assert phone.dial().enter("2").enter("70").enter("1").text == "Paid 70 at step 4"
        assert phone.repeat().text == "Paid 70 at step 4"


def ask(
    url: str, method: str = "POST", target: str = "/", body: bytes | None = BODY, **headers: str
) -> tuple[Any, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body, named)
        reply = connection.getresponse()
        return reply, reply.read()
    finally:
        connection.close()


def test_the_answer_is_plain_text() -> None:
    with behind_waitress(UssdCallback(shop())) as url:
        reply, body = ask(url, Content_Type="application/x-www-form-urlencoded")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert body.startswith(b"CON Duka\n")


def test_only_post_is_taken() -> None:
    with behind_waitress(UssdCallback(shop())) as url:
        for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
            reply, body = ask(url, method, body=None)
            assert (reply.status, reply.headers["Allow"]) == (405, "POST")
            assert body == (b"" if method == "HEAD" else b"Method Not Allowed\n")


def test_a_large_body_is_refused() -> None:
    with behind_waitress(UssdCallback(shop())) as url:
        assert ask(url, body=b"x" * LARGEST_BODY)[0].status == 200
        assert ask(url, body=b"x" * (LARGEST_BODY + 1))[0].status == 413
        assert ask(url, body=b"x" * 1_000_000)[0].status == 413


def test_what_is_malformed_has_an_answer() -> None:
    with behind_waitress(UssdCallback(shop())) as url:
        for body in (b"", b"{}", b"\xff", b"[" * 10_000):
            reply, answer = ask(url, body=body, Content_Length=str(len(body)))
            assert (reply.status, answer.decode()) == (200, FAILED)


def test_a_body_in_chunks_is_read() -> None:
    with behind_waitress(UssdCallback(shop())) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        connection.request("POST", "/", iter([BODY[:10], BODY[10:]]), encode_chunked=True)
        assert connection.getresponse().read().startswith(b"CON Duka")
        connection.close()


def call(callback: UssdCallback, body: bytes = BODY, **environ: Any) -> tuple[str, bytes]:
    """As a server calls it, with the variables that a socket can't bring about."""
    told: list[str] = []
    made = {
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **environ,
    }
    answer = callback(made, lambda status, headers, exc_info=None: told.append(status))  # type: ignore[arg-type]
    return told[0], b"".join(answer)


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": ""}, "411 Length Required"),
        ({"CONTENT_LENGTH": "", "wsgi.input_terminated": True}, "200 OK"),
        ({"CONTENT_LENGTH": "-1"}, "400 Bad Request"),
        ({"CONTENT_LENGTH": "ten"}, "400 Bad Request"),
        ({"CONTENT_LENGTH": "\u0661"}, "400 Bad Request"),
        ({"CONTENT_LENGTH": "9" * 5000}, "413 "),
        ({"CONTENT_LENGTH": str(len(BODY) + 1)}, "400 Bad Request"),
        (
            {
                "CONTENT_LENGTH": "",
                "wsgi.input_terminated": True,
                "wsgi.input": io.BytesIO(b"x" * (LARGEST_BODY + 1)),
            },
            "413 ",
        ),
    ],
)
def test_the_length_is_checked(environ: dict[str, Any], status: str) -> None:
    assert call(UssdCallback(shop()), **environ)[0].startswith(status)


def test_a_body_that_comes_in_pieces_is_read_to_its_end() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(1)

    assert call(UssdCallback(shop()), BODY, **{"wsgi.input": Dripping(BODY)})[1].startswith(b"CON Duka")


# Who may call


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (f"/?key={KEY}", {}, 200),
        (f"/?other=1&key={KEY}", {}, 200),
        ("/", {"X_Callback_Key": KEY}, 200),
        ("/", {}, 403),
        ("/?key=", {}, 403),
        (f"/?key={KEY}x", {}, 403),
        (f"/?key={KEY[:-1]}", {}, 403),
        (f"/?key={KEY}&key=x", {}, 403),
        (f"/?KEY={KEY}", {}, 403),
        (f"/{KEY}", {}, 403),
        ("/?key=%ff%fe", {}, 403),
        ("/?" + "a=1&" * 50 + f"key={KEY}", {}, 403),
        (f"/?key={KEY}", {"X_Callback_Key": "another"}, 403),
        ("/", {"X_Callback_Key": "\xff"}, 403),
    ],
)
def test_the_secret_stands_in_the_query_or_in_a_header(
    target: str, headers: dict[str, str], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with behind_waitress(UssdCallback(shop(), secret=Secret(KEY))) as url:
        reply, body = ask(url, "POST", target, BODY, **headers)
    assert reply.status == status
    assert body.startswith(b"CON Duka" if status == 200 else b"Forbidden")
    assert KEY[:-1] not in caplog.text
    if status != 200:
        assert "without the secret" in caplog.text


def test_a_stranger_is_told_nothing_else() -> None:
    with behind_waitress(UssdCallback(shop(), secret=KEY)) as url:
        assert ask(url, "GET", body=None)[0].status == 403
        with Dialler(f"{url}/?key=wrong") as phone, pytest.raises(ReplyError, match="403"):
            phone.dial()
        with Dialler(f"{url}/?key={KEY}") as phone:
            assert phone.dial().text.startswith("Duka")


@pytest.mark.parametrize(
    ("allow", "address", "allowed"),
    [
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["10.0.0.0/8", "192.168.1.0/24"], "10.255.0.1", True),
        (["10.0.0.0/8", "192.168.1.0/24"], "192.168.2.1", False),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:11.1.2.3", False),
        (["fd00::/8"], "fd00::1", True),
        (["fd00::/8"], "10.0.0.1", False),
        (["127.0.0.1"], "", False),
        (["127.0.0.1"], "unix:", False),
        ([], "203.0.113.9", True),
    ],
)
def test_addresses_that_may_call(allow: list[str], address: str, allowed: bool) -> None:
    status, _ = call(UssdCallback(shop(), allow=allow), REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR="127.0.0.1")
    assert status == ("200 OK" if allowed else "403 Forbidden")


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"secret": ""}, "secret"), ({"secret": "short"}, "secret"), ({"secret": Secret("with a space")}, "secret"),
     ({"allow": ["10.0.0.1/8"]}, "allow"), ({"allow": ["shop.example"]}, "allow"),
     ({"allow": "10.0.0.0/8"}, "allow")],
)  # fmt: skip
def test_settings_are_checked(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named) as refused:
        UssdCallback(shop(), **settings)
    assert "short" not in str(refused.value)


def test_a_caller_that_hangs_up_harms_nobody() -> None:
    with behind_waitress(UssdCallback(shop())) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
        assert ask(url)[0].status == 200
