"""The network: what goes over the socket, what comes back, and what is known of an exchange that failed."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import re
import signal
import socket
import ssl
import string
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import connection as connection_to

from mspace_legacy import OutcomeUnknown, Secret, errors
from mspace_legacy.models import Balance, Login, SendText
from mspace_legacy.transport import Network, Retry, Transport
from mspace_legacy.transport import network as network_module
from mspace_legacy.wire import legacy, v2
from mspace_legacy.wire.http import Request, Response
from tests.servers import Answer, ScriptedServer, close, raw, reply, reset

CANARY = "s3cret/päss word"


def read(url: str) -> Request:
    return legacy.encode_request(Balance("u"), Secret(CANARY), base=legacy.base_url(url))


def send(url: str) -> Request:
    return legacy.encode_request(SendText("u", "M", ("0722000000",), "hi"), Secret(CANARY), base=legacy.base_url(url))


def fetch(request: Request, **settings: Any) -> Response:
    network = Network(**settings)
    try:
        return network.handle(request)
    finally:
        network.close()


def test_the_time_outs_by_default_are_those_that_are_documented() -> None:
    assert network_module.DEFAULT_TIMEOUT == (5.0, 30.0)


def test_it_is_a_transport() -> None:
    assert isinstance(Network(), Transport)


def test_a_get_as_it_goes_over_the_wire(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"50", "200 Fine", "Content-Type: text/plain\r\nX-One: a\r\nX-One: b\r\n")]
    response = fetch(read(scripted.url))
    assert (response.status, response.reason, response.body) == (200, "Fine", b"50")
    assert response.header("x-one") == "a,b"
    head = scripted.requests[0].decode("latin-1")
    path = "/mspaceservice/wr/sms/balance/username=u/password=s3cret%2Fp%C3%A4ss%20word"
    assert head.startswith(f"GET {path} HTTP/1.1\r\n")
    lines = head.lower().split("\r\n")
    assert f"host: 127.0.0.1:{scripted.port}" in lines
    assert "accept: text/plain" in lines
    assert any(line.startswith("user-agent: mspace-legacy/") for line in lines)
    assert not any(line.startswith(("cookie", "authorization")) for line in lines)


def test_a_post_as_it_goes_over_the_wire(scripted: ScriptedServer) -> None:
    call = SendText("u", "M", ("0722000000",), "héllo")
    fetch(v2.encode_request(call, Secret("the-key"), base=v2.base_url(scripted.url)))
    head, _, body = scripted.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /smsapi/v2/sendtext HTTP/1.1\r\n")
    assert b"apikey: the-key" in head.split(b"\r\n")
    assert body.decode() == '{"username": "u", "senderId": "M", "recipient": "0722000000", "message": "héllo"}'


def test_connections_are_reused_and_threads_are_safe(scripted: ScriptedServer) -> None:
    lock = threading.Lock()
    count = iter(range(1_000))

    def numbered(connection: socket.socket) -> bool:
        with lock:
            number = next(count)
        return reply(str(number).encode())(connection)

    scripted.script = [numbered]
    network = Network(connections=16)
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(lambda _: network.handle(read(scripted.url)).body, range(400)))
    network.close()
    assert sorted(map(int, bodies)) == list(range(400))
    assert scripted.connections <= 16


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again(scripted: ScriptedServer) -> None:
    def answer_then_close(connection: socket.socket) -> bool:
        reply()(connection)
        return False

    scripted.script = [answer_then_close]
    network = Network()
    for _ in range(5):
        network.handle(send(scripted.url))
        time.sleep(0.05)
    network.close()
    assert len(scripted.requests) == scripted.connections == 5


def test_a_send_has_a_connection_that_nobody_used_before_and_nobody_uses_after(scripted: ScriptedServer) -> None:
    network = Network()
    for request_to in (read, send, read, send, read):
        network.handle(request_to(scripted.url))
    network.close()
    assert scripted.connections == 3
    alone = [b"connection: close" in request.lower() for request in scripted.requests]
    assert alone == [False, True, False, True, False]


def test_a_reply_that_comes_twice_is_not_taken_for_that_of_the_next_send(scripted: ScriptedServer) -> None:
    """The second copy arrives when the next request has been written, so that nothing was to be seen before."""
    taken: list[bytes] = []

    def twice(connection: socket.socket) -> bool:
        reply(b"first")(connection)
        connection.settimeout(1)
        if connection.recv(65536):
            taken.append(b"by the connection of the first")
            reply(b"first")(connection)
        return False

    scripted.script = [twice, close]
    network = Network()
    assert network.handle(send(scripted.url)).body == b"first"
    with pytest.raises(OutcomeUnknown):
        network.handle(send(scripted.url))
    network.close()
    assert taken == []


@pytest.mark.parametrize(("username", "password"), [("u", "another"), ("another", CANARY)])
def test_a_reply_that_comes_twice_is_not_taken_for_that_of_another_accounts_read(
    scripted: ScriptedServer, username: str, password: str
) -> None:
    """As above: the second login, which is wrong, would be told as right."""

    def twice(connection: socket.socket) -> bool:
        reply(b"exists")(connection)
        connection.settimeout(1)
        if connection.recv(65536):
            reply(b"exists")(connection)
        return False

    scripted.script = [twice, reply(b"wrong password")]
    network, base = Network(), legacy.base_url(scripted.url)
    told = [
        network.handle(legacy.encode_request(Login(name), Secret(word), base=base)).body
        for name, word in (("u", CANARY), (username, password))
    ]
    network.close()
    assert told == [b"exists", b"wrong password"]


def test_each_account_has_a_kept_connection_of_its_own_while_there_is_room(scripted: ScriptedServer) -> None:
    network, base, keys = Network(connections=3), v2.base_url(scripted.url), [f"key-{name}" for name in "abcd"]

    def ask(key: str) -> int:
        network.handle(v2.encode_request(Balance("u"), Secret(key), base=base))
        return scripted.connections

    assert [ask(key) for key in keys[:3] * 3] == [1, 2, 3, *[3] * 6]
    # The one that was not used for the longest time makes room.
    assert [ask(key) for key in (keys[3], keys[1], keys[2], keys[3], keys[0])] == [4, 4, 4, 4, 5]
    network.close()


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n50", b""])
def test_what_speaks_before_it_is_asked_is_sent_nothing(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        connecting, speaking = connection_to.create_connection, threading.Event()

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(first)
                connection.shutdown(socket.SHUT_WR)
                speaking.set()
                # Closed with something unread, it is reset.
                with contextlib.suppress(ConnectionResetError):
                    got.append(connection.recv(65536))

        def connect_slowly(*args: Any, **kwargs: Any) -> socket.socket:
            connection = connecting(*args, **kwargs)
            assert speaking.wait(10)
            time.sleep(0.05)
            return connection

        monkeypatch.setattr(connection_to, "create_connection", connect_slowly)
        spoken = threads.submit(speak)
        error = assert_not_sent(send(f"http://127.0.0.1:{listener.getsockname()[1]}"), "not-connected")
        spoken.result(10)
    assert "before the request" in str(error)
    assert b"".join(got) == b""


def test_redirects_and_errors_are_replies(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"x", "302 Found", f"Location: {scripted.url}/elsewhere\r\n"), reply(b"y", "503 Busy")]
    network = Network()
    assert network.handle(read(scripted.url)).status == 302
    assert network.handle(read(scripted.url)).status == 503
    network.close()
    assert len(scripted.requests) == 2


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"


def test_an_interim_reply_is_not_the_reply(scripted: ScriptedServer) -> None:
    """Were it taken for one, the next call would get this call's reply."""

    def late(body: bytes) -> Answer:
        def answer(connection: socket.socket) -> bool:
            connection.sendall(INTERIM)
            scripted.wait(0.1)
            return reply(body)(connection)

        return answer

    scripted.script = [late(b"11"), late(b"22")]
    network = Network()
    assert [network.handle(read(scripted.url)).body for _ in range(2)] == [b"11", b"22"]
    network.close()
    assert scripted.connections == 1


TOKEN = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=8)
VALUE = st.text(st.sampled_from([*map(chr, range(0x20, 0x7F)), "\t", "\x85", "\xa0", "é"]), max_size=12)
PLAIN = st.builds("{}:{}{}\r\n".format, TOKEN, st.sampled_from(["", " ", "\t "]), VALUE)
FRAMING = st.sampled_from((
    "content-length: 2\r\n", "CONTENT-LENGTH:2 \r\n", "Connection: close\r\n", "Connection: Keep-Alive\r\n",
    "Content-Type: multipart/mixed; boundary=x\r\n", "Content-Type: message/rfc822\r\n",
))  # fmt: skip
STATUS = st.sampled_from((
    "HTTP/1.1 200 OK", "HTTP/1.0 200", "HTTP/1.1 404 Not  Found ", "HTTP/0.9 200 OK",
    "HTTP/1.2 299 \xe9", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
))  # fmt: skip


def as_urllib3_reads_it(url: str) -> Response | None:
    with urllib3.connection_from_url(url, retries=False, timeout=5) as pool:
        try:
            read = pool.urlopen("GET", "/", decode_content=False)
        except (urllib3.exceptions.HTTPError, ValueError):
            return None
        return as_compared(Response(read.status, read.data, tuple(read.headers.iteritems()), read.reason or ""))


def as_it_is_read_here(url: str) -> Response | None:
    try:
        return as_compared(fetch(Request("GET", f"{url}/", repeatable=True)))
    except errors.ReplyLost:
        return None


def as_compared(response: Response) -> Response:
    """White space around a value is none of it, and a fold is a space (RFC 9112, section 5)."""
    headers = tuple((name.strip(), re.sub(r"[\r\n\t ]+", " ", value).strip(" ")) for name, value in response.headers)
    return replace(response, headers=headers)


@pytest.fixture(scope="module")
def replying() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@given(
    STATUS,
    st.sampled_from(["", "Transfer-Encoding: Chunked\r\n"]),
    st.lists(PLAIN | FRAMING, max_size=5),
    st.sampled_from([b"", b"50", b"1\r\n5\r\n0\r\n\r\n"]),
)
def test_a_head_is_read_as_urllib3_reads_it(
    replying: ScriptedServer, status: str, coding: str, lines: list[str], body: bytes
) -> None:
    head = f"{status}\r\n{coding}{''.join(lines)}\r\n".encode("latin-1")
    replying.script = [raw(head + body)]
    assert as_it_is_read_here(replying.url) == as_urllib3_reads_it(replying.url)


def kept(data: str) -> Answer:
    """These bytes, and the connection stays open."""
    return lambda connection: raw(data.encode())(connection) or True


@pytest.mark.parametrize(
    ("method", "status"), [("GET", "204 No Content"), ("GET", "304 Not Modified"), ("HEAD", "200 OK")]
)
def test_a_reply_without_a_body_is_whole(scripted: ScriptedServer, method: str, status: str) -> None:
    """RFC 9112, section 6.3: whatever its head says of a length."""
    scripted.script = [kept(f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n"), reply(b"50")]
    network = Network(timeout=5)
    asked = (replace(read(scripted.url), method=method), read(scripted.url))
    assert [network.handle(request).body for request in asked] == [b"", b"50"]
    network.close()
    assert scripted.connections == 1


@pytest.mark.parametrize(
    ("version", "header", "connections"),
    [
        ("1.0", "", 2), ("1.0", "Connection: Keep-Alive\r\n", 1), ("1.1", "", 1), ("1.1", "Connection: Close\r\n", 2),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", 2), ("1.1", "Connection: x, Close\r\n", 2),
    ],
)  # fmt: skip
def test_a_connection_is_used_again_as_the_reply_tells(
    scripted: ScriptedServer, version: str, header: str, connections: int
) -> None:
    scripted.script = [kept(f"HTTP/{version} 200 OK\r\n{header}Content-Length: 2\r\n\r\n50")]
    network = Network()
    assert [network.handle(read(scripted.url)).body for _ in range(2)] == [b"50", b"50"]
    network.close()
    assert scripted.connections == connections


@pytest.mark.parametrize(
    "coded",
    [
        "Transfer-Encoding: chunked \r\n\r\n2\r\n50\r\n0\r\n\r\n",
        "Transfer-Encoding:\r\n chunked\r\n\r\n02;x=y\r\n50\r\n0\r\nTrailer: x\r\n\r\n",
        "Content-Length: 9\r\nno header\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n5\r\n1 \n0\r\n0\r\n\r\n",
        "no header\r\nContent-Length: 2\r\n\r\n50",
        "Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\n50",
        "Content-Length:\t2 \r\n\r\n50",
        "content-length : 2\n\n50",
        "Content-Length: 2\r\nContent-Length: 02\r\n\r\n50",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n50\r\n0\r\n\r\n",
        "Transfer-Encoding: identity, chunked\r\n\r\n2\r\n50\r\n0\r\n\r\n",
        "Transfer-Encoding: ,chunked,\r\n\r\n2\r\n50\r\n0\r\n\r\n",
    ],
)
def test_what_tells_where_a_body_ends(scripted: ScriptedServer, coded: str) -> None:
    scripted.script = [kept(f"HTTP/1.1 200 OK\r\n{coded}")]
    network = Network(timeout=5)
    assert [network.handle(read(scripted.url)).body for _ in range(2)] == [b"50", b"50"]
    network.close()
    assert scripted.connections == 1


CHUNKED_TO_THE_LAST = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n50\r\n0\r\n"


@pytest.mark.parametrize("trailer", [b"", b"X: " + b"x" * 70_000 + b"\r\n"])
@pytest.mark.parametrize("end", ["open", "closed", "reset"])
def test_behind_the_last_chunk_a_reply_is_whole(scripted: ScriptedServer, trailer: bytes, end: str) -> None:
    """RFC 9112, section 9.8. What may still come is no reply to the next request."""
    late = threading.Event()

    def answer(connection: socket.socket) -> bool:
        connection.sendall(CHUNKED_TO_THE_LAST + trailer)
        if end == "reset":
            return reset(connection)
        if end == "open":
            late.wait(10)
            with contextlib.suppress(OSError):
                connection.sendall(b"\r\n")
        return False

    scripted.script = [answer, reply(b"7")]
    network = Network(timeout=1)
    assert network.handle(read(scripted.url)).body == b"50"
    late.set()
    assert network.handle(read(scripted.url)).body == b"7"
    network.close()


@pytest.mark.parametrize("line", ["HTTP/1.1 200 %s\0", "HTTP/1.1 200%s\0", "HTTP/1.1 %s", "HTTP/1.1 200 a%sb\0"])
@pytest.mark.parametrize("run", [" ", "\t", " \t", "1", "a "])
def test_a_status_line_is_read_in_time_that_grows_with_it(scripted: ScriptedServer, line: str, run: str) -> None:
    """A search that tries to part a run at each place holds up all threads of the process, whatever the time-out."""
    scripted.script = [raw((line % (run * 20_000) + "\r\n\r\n").encode())]
    began = time.process_time()
    with pytest.raises(errors.ReplyLost):
        fetch(read(scripted.url))
    assert time.process_time() - began < 2


def test_a_name_that_is_not_ascii_is_no_headers(scripted: ScriptedServer) -> None:
    """The gateway passes headers on, and behind such a line other clients read no length, and wait for the end."""
    scripted.script = [
        raw(b"HTTP/1.1 200 OK\r\nConn\xe5ction: close\r\nContent-Length: 2\r\nX-\xc3\xa9: 1\r\n\r\n50")
    ]
    reply = fetch(read(scripted.url))
    assert (reply.body, [name for name, _ in reply.headers]) == (b"50", ["Content-Length"])


def test_a_body_that_is_coded_as_nothing_is_read_by_its_length(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"50", headers="Transfer-Encoding: Identity\r\n")]
    assert fetch(read(scripted.url)).body == b"50"


def test_a_fork_has_connections_of_its_own(scripted: ScriptedServer) -> None:
    def marked(connection: socket.socket) -> bool:
        return reply(scripted.requests[-1].split(b"username=")[1].split(b"/")[0])(connection)

    scripted.script = [marked]
    network = Network()

    def ask(name: str) -> bytes:
        base = legacy.base_url(scripted.url)
        return network.handle(legacy.encode_request(Balance(name), Secret("p"), base=base)).body

    assert ask("parent") == b"parent"
    ours, theirs = os.pipe()
    # What a fork does to the threads of the test itself is none of its business: the child only asks and ends.
    child = forked(lambda: os.write(theirs, ask("child")))
    assert ask("parent") == b"parent"
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(ours, 99) == b"child"
    for end in (ours, theirs):
        os.close(end)
    network.close()
    assert scripted.connections == 2


def forked(work: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # since 3.12: of threads, such as the server's
        child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def test_a_pool_may_be_collected_as_a_thread_begins_its_first_exchange(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"50")]
    network = Network()
    request = read(scripted.url)
    threshold = gc.get_threshold()

    def first() -> Response:
        gc.set_threshold(1)
        gc.enable()
        return network.handle(request)

    gc.disable()
    try:
        nobodys = Network()
        nobodys._open(scripted.url)
        cycle: list[object] = [nobodys]
        cycle.append(cycle)
        del nobodys, cycle
        with ThreadPoolExecutor(1) as threads:
            told = threads.submit(first).result()
    finally:
        gc.set_threshold(*threshold)
        gc.enable()
    network.close()
    # What closing the pool raised, nobody could catch: pytest has this test fail for it.
    assert told.body == b"50"


def test_an_interruption_shows_no_path(scripted: ScriptedServer) -> None:
    """As celery's time limit does it: an exception out of a signal handler, while the reply is awaited."""
    scripted.script = [scripted.stall()]

    class OutOfTime(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(OutOfTime) as caught:
            fetch(send(scripted.url))
    finally:
        signal.signal(signal.SIGALRM, before)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert "s3cret" not in "".join(told)


# Failures before anything was sent


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose backlog is full, so that connecting to it hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            waiting.append(filler)
        yield listener.getsockname()[1]
        for filler in waiting:
            filler.close()


def assert_not_sent(request: Request, fault: str, **settings: Any) -> errors.NotSent:
    with pytest.raises(errors.NotSent) as caught:
        fetch(request, **settings)
    assert caught.value.fault == fault
    assert not isinstance(caught.value, OutcomeUnknown)
    assert_tells_no_secret(caught.value)
    return caught.value


def assert_tells_no_secret(error: BaseException) -> None:
    told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for spelling in ("s3cret", "p%C3%A4ss", "päss word", "the-key"):
        # This module's own frames hold the request, whose text is clean, and nothing else.
        assert spelling not in told
    assert error.__context__ is None


SETTINGS: dict[str, Any] = {"max_reply": 0, "connections": 0, "proxy": 5, "timeout": 0}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_can_not_be_right_is_named(name: str) -> None:
    with pytest.raises(errors.InvalidInput, match=name):
        Network(**{name: SETTINGS[name]})


@pytest.mark.parametrize("request_to", [read, send])
def test_refused(refusing_port: int, request_to: Callable[[str], Request]) -> None:
    error = assert_not_sent(request_to(f"http://127.0.0.1:{refusing_port}"), "refused")
    assert "nothing was sent" in str(error)


def test_unknown_host() -> None:
    assert_not_sent(send("http://no-such-host.invalid"), "unknown-host")


def test_a_host_name_that_can_not_be_looked_up() -> None:
    assert_not_sent(send(f"http://{'x' * 70}.invalid"), "not-connected")


def test_connecting_times_out(silent_port: int) -> None:
    began = time.monotonic()
    error = assert_not_sent(send(f"http://127.0.0.1:{silent_port}"), "connect-timeout", timeout=(0.3, 30))
    assert "it timed out while connecting; nothing was sent" in str(error)
    assert time.monotonic() - began < 5


def test_tls_that_is_none(scripted: ScriptedServer) -> None:
    # What arrives there is a ClientHello, and no request.
    scripted.script = [close]
    secure = scripted.url.replace("http:", "https:")
    error = assert_not_sent(send(secure), "connect-timeout", timeout=0.3)
    assert "as no answer to TLS came: does it speak http?" in str(error)


class TLSServer:
    """Answers every request once the TLS handshake is done; counts the requests."""

    def __init__(self, authority: trustme.CA, name: str, *answers: bytes) -> None:
        self._answers = iter(answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        self._listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            with connection:
                while connection.recv(65536):
                    self.requests += 1
                    last = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n50"
                    answer = next(self._answers, last)
                    connection.sendall(answer)
                    if answer is last:
                        break

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.mark.parametrize(("name", "trusted"), [("127.0.0.1", True), ("127.0.0.1", False), ("elsewhere.test", True)])
def test_certificates_are_verified(name: str, trusted: bool) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    if trusted:
        authority.configure_trust(context)
    server = TLSServer(authority, name)
    try:
        if trusted and name == "127.0.0.1":
            assert fetch(send(server.url), ssl_context=context).body == b"50"
            assert server.requests == 1
        else:
            error = assert_not_sent(send(server.url), "tls", ssl_context=context)
            assert "certificate" in str(error).lower() or "mismatch" in str(error).lower()
            assert server.requests == 0
    finally:
        server.close()


def test_a_reply_that_comes_twice_in_one_record_is_not_the_next_ones() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    # To where what is read ahead ends, so that nothing of the second is thrown away with that.
    size = io.DEFAULT_BUFFER_SIZE - len(head % 1000)
    server = TLSServer(authority, "127.0.0.1", (head % size + b"1" * size) * 2)
    network = Network(ssl_context=context)
    try:
        assert len(network.handle(Request("GET", f"{server.url}/one", repeatable=True)).body) == size
        assert network.handle(Request("GET", f"{server.url}/two", repeatable=True)).body == b"50"
    finally:
        network.close()
        server.close()


def serve_once_by_tls(
    authority: trustme.CA, listener: socket.socket, told: bytes, *, asked: bool = True, orderly: bool = False
) -> None:
    """Say something to who comes, and end the connection: with TLS's alert or without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
        if asked:
            connection.recv(65536)
        connection.sendall(told)
        if orderly:
            connection.settimeout(5)
            with contextlib.suppress(OSError):
                connection.unwrap()
        else:
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("told", "orderly", "fault"),
    [
        ("\r\n50", True, None),
        ("\r\n50", False, "cut-short"),
        ("Content-Length: 2\r\n\r\n50", False, None),
        ("Content-Length: 3\r\n\r\n50", True, "cut-short"),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n50\r\n0\r\n", False, None),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n50\r\n", False, "cut-short"),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n50\r\n", True, "cut-short"),
        ("", False, "cut-short"),
        (None, False, "closed"),
        (None, True, "closed"),
    ],
)
def test_over_tls_a_reply_ends_by_its_framing_or_with_the_closing_alert(
    told: str | None, orderly: bool, fault: str | None
) -> None:
    """RFC 9112, section 9.8: whoever sits between can end a TCP connection, and no TLS."""
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    # As Debian's Python 3.11 has it, by default.
    trusting.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    answer = b"" if told is None else f"HTTP/1.1 200 OK\r\n{told}".encode()
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        served = threads.submit(serve_once_by_tls, authority, listener, answer, orderly=orderly)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        if fault is None:
            assert fetch(send(url), ssl_context=trusting).body == b"50"
        else:
            with pytest.raises(OutcomeUnknown) as caught:
                fetch(send(url), ssl_context=trusting)
            assert vars(caught.value)["fault"] == fault
        served.result()


def test_what_hangs_up_behind_the_handshake_is_sent_nothing() -> None:
    authority, threads = trustme.CA(), ThreadPoolExecutor(1)

    class Slow(ssl.SSLContext):
        def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
            wrapped = super().wrap_socket(*args, **kwargs)
            served.result(10)
            return wrapped

    trusting = Slow(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    with socket.create_server(("127.0.0.1", 0)) as listener, threads:
        served = threads.submit(serve_once_by_tls, authority, listener, b"", asked=False)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        error = assert_not_sent(send(url), "not-connected", ssl_context=trusting)
    assert "there came the end before the request" in str(error)


def test_the_certificates_of_the_system_are_verified_and_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each send has a connection of its own, and reading them takes longer than a send."""
    authority = trustme.CA()
    file = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(file))
    server = TLSServer(authority, "127.0.0.1")
    try:
        assert_not_sent(send(server.url), "tls")
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        network = Network()
        assert network.handle(send(server.url)).body == b"50"
        file.unlink()
        assert network.handle(send(server.url)).body == b"50"
        network.close()
        assert server.requests == 2
    finally:
        server.close()


# Failures after something was sent

AFTER_SENDING: dict[str, tuple[Answer, str]] = {
    "closed": (close, "closed"),
    "reset": (reset, "reset"),
    "a length behind what is no header": (
        raw(b"HTTP/1.1 200 OK\r\ngarbage line\r\nContent-Length: 4\r\n\r\n10"), "cut-short"
    ),
    "a length behind a colon": (raw(b"HTTP/1.1 200 OK\r\n:Content-Length: 4\r\n\r\n10"), "not-http"),
    "a length behind a bare return": (raw(b"HTTP/1.1 200 OK\r\n\rContent-Length: 4\r\n\r\n10"), "not-http"),
    "a length within a value": (raw(b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 2\r\n\r\n1000"), "not-http"),
    "a length within the status line": (raw(b"HTTP/1.1 200 OK\rContent-Length: 4\r\n\r\n10"), "not-http"),
    "a length with a space behind its name": (raw(b"HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\n10"), "cut-short"),
    "a part": (raw(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n10"), "cut-short"),
    "half a status line": (raw(b"HTTP/1.1 20"), "cut-short"),
    "status line only": (raw(b"HTTP/1.1 200 OK\r\n"), "cut-short"),
    "half a header": (raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "cut-short"),
    "headers only": (reply(b"", length=2), "cut-short"),
    "half a body": (reply(b"5", length=2), "cut-short"),
    "half a chunk": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n50"), "cut-short"),
    "no last chunk": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n50\r\n"), "cut-short"),
    "a chunk of no size": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n50\r\n"), "not-http"),
    "half the size of a chunk": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0002\r\n10\r\n00"), "cut-short"
    ),
    "half the end of a chunk": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n10\r"), "cut-short"
    ),
    "a chunk longer than its size": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n10000\r\n0\r\n\r\n"), "not-http"
    ),
    "a chunk of -0 bytes": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n10\r\n-0\r\n\r\n"), "not-http"
    ),
    "a chunk of -2 bytes": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n50"), "not-http"),
    "nothing but the extensions of chunks": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 60_000 + b"\r\n1\r\n") * 400),
        "too-large",
    ),
    "nothing but announcements": (raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 400_000), "too-large"),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH\r\n\r\n"), "not-http"),
    "another protocol": (raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "not-http"),
    "two lengths": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 0\r\n\r\n50"), "not-http"),
    "two lengths in one": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 1\r\n\r\n50"), "not-http"),
    "a length and none": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: x\r\n\r\n50"), "not-http"),
    "a coding that is not known": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 2\r\n\r\n50"), "not-http"
    ),
    "a length that is none": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n50"), "not-http"),
    "a length below nothing": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n50"), "not-http"),
    "a version that is not known": (raw(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n50"), "not-http"),
    "a length with a space that is none": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: \xa02\r\n\r\n50"), "not-http"),
    "no length": (raw(b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n50"), "not-http"),
    "half a body, with a length told twice": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n5"), "cut-short"),
    "too large, by its header": (reply(b"x" * 10, length=11_000_000), "too-large"),
    "too large, in chunks": (
        raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"100000\r\n" + b"x" * 0x100000 + b"\r\n1\r\nx\r\n0\r\n\r\n"
        ),
        "too-large",
    ),
    "too large, without a length": (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_100_000), "too-large"),
    "a header without an end": (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), "not-http"),
    "headers without an end": (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200), "not-http"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "fault"), AFTER_SENDING.values(), ids=AFTER_SENDING)
def test_a_reply_that_is_lost(scripted: ScriptedServer, answer: Answer, fault: str) -> None:
    scripted.script = [answer]
    with pytest.raises(errors.ReplyLost) as of_read:
        fetch(read(scripted.url))
    with pytest.raises(errors.ReplyLost) as of_send:
        fetch(send(scripted.url))
    assert len(scripted.requests) == 2
    assert not isinstance(of_read.value, OutcomeUnknown)
    assert isinstance(of_send.value, OutcomeUnknown)
    assert of_send.value.operation == "sendtext"
    for error in (of_read.value, of_send.value):
        assert error.fault == fault
        assert_tells_no_secret(error)


def test_a_whole_reply_at_the_limit(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"x" * (1 << 20)), raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 20))]
    for _ in range(2):
        assert len(fetch(read(scripted.url)).body) == 1 << 20


def test_the_limit_can_be_set(scripted: ScriptedServer) -> None:
    scripted.script = [reply(b"123")]
    assert fetch(read(scripted.url), max_reply=3).body == b"123"
    with pytest.raises(errors.ReplyLost, match="3 bytes"):
        fetch(read(scripted.url), max_reply=2)


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n50"


@pytest.mark.parametrize("already", [b"", WHOLE[:9], WHOLE[:-9], WHOLE[:-1]])
def test_a_stall_ends_with_the_time_out(scripted: ScriptedServer, already: bytes) -> None:
    def stall(connection: socket.socket) -> bool:
        connection.sendall(already)
        return scripted.stall()(connection)

    scripted.script = [stall]
    began = time.monotonic()
    with pytest.raises(errors.ReplyLost) as caught:
        fetch(send(scripted.url), timeout=(5, 0.3))
    assert 0.25 < time.monotonic() - began < 5
    assert caught.value.fault == "timeout"
    assert isinstance(caught.value, OutcomeUnknown)
    assert_tells_no_secret(caught.value)


def test_a_reply_that_drips_does_not_outlast_the_time_out(scripted: ScriptedServer) -> None:
    """Each byte comes in time, the whole of it would take many times the time-out."""
    scripted.script = [scripted.drip(WHOLE, 0.1)]
    began = time.monotonic()
    with pytest.raises(errors.ReplyLost) as caught:
        fetch(read(scripted.url), timeout=(5, 0.5))
    assert time.monotonic() - began < 2.5
    assert caught.value.fault == "timeout"


def test_a_reply_that_drips_in_time_is_whole(scripted: ScriptedServer) -> None:
    scripted.script = [scripted.drip(WHOLE, 0.002)]
    assert fetch(read(scripted.url), timeout=5).body == b"50"


def test_a_body_without_a_length_ends_with_the_connection(scripted: ScriptedServer) -> None:
    scripted.script = [raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 200_000)]
    assert fetch(read(scripted.url)).body == b"x" * 200_000


# Caches


def test_caches_are_asked_for_nothing_that_they_have_stored(scripted: ScriptedServer) -> None:
    """RFC 9111, section 5.2.1: no-cache forbids to answer from it, no-store to keep the reply."""
    for request in (send(scripted.url), read(scripted.url)):
        fetch(request)
    asked = [line for request in scripted.requests for line in request.split(b"\r\n") if line.startswith(b"Cache")]
    assert asked == [b"Cache-Control: no-cache, no-store", b"Cache-Control: no-cache"]


@pytest.mark.parametrize(
    ("header", "is_told"),
    [
        ("Age: 0", True),
        ("Age: 1", False),
        ("Age: 7200", False),
        # Varnish: the request, and behind it that which it stored the reply by.
        ("X-Varnish: 32770", True),
        ("X-Varnish: 32773 32771", False),
        # RFC 9211, section 2.1 and 2.2.
        ("Cache-Status: ExampleCache; hit; ttl=376", False),
        ("Cache-Status: OriginCache; fwd=uri-miss, CDN; hit", False),
        ("Cache-Status: ExampleCache; fwd=uri-miss; stored", True),
        # Squid, CloudFront, nginx as it is often set up, Cloudflare.
        ("X-Cache: HIT from squid", False),
        ("X-Cache: TCP_HIT from edge", False),
        ("X-Cache: MISS from squid", True),
        ("X-Cache: Miss from cloudfront", True),
        ("X-Cache: Hit from cloudfront", False),
        ("X-Cache-Status: HIT", False),
        ("X-Cache-Status: MISS", True),
        ("X-Proxy-Cache: hit", False),
        ("CF-Cache-Status: HIT", False),
        ("CF-Cache-Status: DYNAMIC", True),
        ("X-Cache: RefreshHit from cloudfront", False),
        ("X-Cache: MISS from a, HIT from b", False),
        ("X-Cache: MISS from cache-hit-1", True),
        ("X-Cache: TCP_REFRESH_UNMODIFIED from squid", False),
        ("X-Cache-Status: STALE", False),
        ("X-Cache-Status: UPDATING", False),
        ("X-Cache-Status: REVALIDATED", False),
        ("X-Cache-Status: EXPIRED", True),
        ("X-Cache-Status: BYPASS", True),
        ('Cache-Status: "cache-hit.example"; fwd=uri-miss', True),
        ("Cache-Status: a; hit=?0", True),
        ("Age: 0\r\nAge: 0", True),
    ],
)
def test_a_stored_reply_tells_nothing_of_what_acts(scripted: ScriptedServer, header: str, is_told: bool) -> None:
    scripted.script = [reply(headers=f"{header}\r\n")]
    assert fetch(read(scripted.url)).body == b"50"
    if is_told:
        assert fetch(send(scripted.url)).body == b"50"
        return
    with pytest.raises(OutcomeUnknown, match="a cache answered"):
        fetch(send(scripted.url))


# Proxies


def test_a_proxy_for_http(scripted: ScriptedServer) -> None:
    fetch(read("http://api.invalid"), proxy=scripted.url)
    assert scripted.request_lines[0].startswith("GET http://api.invalid/mspaceservice/wr/sms/balance/username=u/")


def test_a_proxy_with_a_user(scripted: ScriptedServer) -> None:
    fetch(read("http://api.invalid"), proxy=scripted.url.replace("//", "//me:p%77@"))
    assert b"proxy-authorization: Basic bWU6cHc=" in scripted.requests[0].split(b"\r\n")


@pytest.mark.parametrize("spelt", [b"bWU6cHc=", b"bWU6cHc&#61;", b"bWU6cHc%3D"])
def test_a_proxy_that_shows_the_request_shows_no_password(scripted: ScriptedServer, spelt: bytes) -> None:
    page = b"<p>\xe9 Proxy-Authorization: Basic %s</p>"
    told = spelt.decode()
    scripted.script = [reply(page % spelt, f"407 not by Basic {told}", f"X-Debug: Basic {told}\r\n")]
    response = fetch(read("http://api.invalid"), proxy=scripted.url.replace("//", "//me:pw@"))
    assert response.body == page % b"***"
    assert response.reason == "not by Basic ***"
    assert response.headers[0] == ("X-Debug", "Basic ***")


def test_a_proxys_page_shows_no_password_alone(scripted: ScriptedServer) -> None:
    proxy = scripted.url.replace("//", "//me:hunter2@")
    scripted.script = [reply(b"me may not enter by hunter2", "403 Forbidden")]
    assert fetch(read("http://api.invalid"), proxy=proxy).body == b"me may not enter by ***"
    # What was asked for may be alike.
    scripted.script = [reply(b"1000")]
    assert fetch(read("http://api.invalid"), proxy=proxy.replace("hunter2", "1000")).body == b"1000"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_from_the_environment(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, scripted.url)
    assert fetch(read("http://api.invalid")).body == b"50"
    assert scripted.requests


@pytest.mark.parametrize("pattern", ["127.0.0.1", "localhost,127.0.0.1", "*"])
def test_no_proxy(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, refusing_port: int, pattern: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refusing_port}")
    monkeypatch.setenv("NO_PROXY", pattern)
    assert fetch(read(scripted.url)).body == b"50"


@pytest.mark.parametrize("pattern", ["::1", "[::1]", "localhost,::1"])
def test_no_proxy_for_an_address_of_ipv6(monkeypatch: pytest.MonkeyPatch, refusing_port: int, pattern: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refusing_port}")
    monkeypatch.setenv("NO_PROXY", pattern)
    # Nobody listens there either, be it for want of IPv6: it was not the proxy that was asked.
    with pytest.raises(errors.NotSent) as caught:
        fetch(read(f"http://[::1]:{refusing_port}"))
    assert caught.value.fault != "proxy"


def test_an_empty_proxy_turns_the_environment_off(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, refusing_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refusing_port}")
    assert fetch(read(scripted.url), proxy="").body == b"50"


def test_a_proxy_that_is_not_there_was_sent_nothing(refusing_port: int) -> None:
    assert_not_sent(send("http://api.invalid"), "proxy", proxy=f"http://127.0.0.1:{refusing_port}")


def test_a_proxy_that_refuses_the_tunnel_was_sent_no_request(scripted: ScriptedServer) -> None:
    scripted.script = [raw(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")]
    assert_not_sent(send("https://api.invalid"), "proxy", proxy=scripted.url)
    assert [line.split()[0] for line in scripted.request_lines] == ["CONNECT"]
    assert b"password" not in b"".join(scripted.requests)


@pytest.mark.parametrize(
    "proxy", ["socks9://me:hunter2@host", "http://me:hunter2@host:bad", "http://h:99999", "//", "http://[::1"]
)
def test_a_proxy_that_can_not_be_right_is_told_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.InvalidInput, match="proxy") as caught:
        fetch(send("http://api.invalid"), proxy=proxy)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(errors.InvalidInput, match="proxy"):
        fetch(send("http://api.invalid"))


# Secrets and settings


def test_a_context_of_tls_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.WrongType, match=r"ssl_context is a str: give an ssl\.SSLContext"):
        Network(ssl_context="x")  # type: ignore[arg-type]  # that is the point
    # As with OpenSSL before 3.0.
    monkeypatch.delattr(ssl, "OP_IGNORE_UNEXPECTED_EOF")
    Network(ssl_context=ssl.create_default_context()).close()


@pytest.mark.parametrize("connection", [HTTPConnection, type("Foreign", (HTTPConnection,), {})])
def test_nothing_logs_a_secret(
    connection: type, scripted: ScriptedServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a connection of ours, and by one that somebody put in urllib3's place: it tells what it can't parse."""
    monkeypatch.setattr(HTTPConnectionPool, "ConnectionCls", connection)
    caplog.set_level(logging.DEBUG)
    echo = b"Set-Cookie: s3cret p\xc3\xa4ss the-key-that-must-not-show"
    broken = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno header at all\r\n" + echo + b"\r\n\r\n50")
    key = Secret("the-key-that-must-not-show")
    in_path = v2.encode_request(Balance("u"), key, base=v2.base_url(scripted.url), style="path")
    for answer in (reply(), broken):
        scripted.script = [answer]
        for request in (read(scripted.url), send(scripted.url), in_path):
            fetch(request)
    scripted.script = [close]
    with pytest.raises(errors.ReplyLost):
        fetch(send(scripted.url))
    assert "Failed to parse headers" in caplog.text
    assert "balance/username=u/password=***" in caplog.text
    for secret in ("s3cret", "päss", "p%C3%A4ss", "the-key"):
        assert secret not in caplog.text


def test_a_closed_network_answers_no_more(scripted: ScriptedServer) -> None:
    network = Network()
    network.handle(read(scripted.url))
    network.close()
    network.close()
    with pytest.raises(errors.ClosedError):
        network.handle(read(scripted.url))
    assert len(scripted.requests) == 1


def test_a_call_within_a_call_says_nothing_of_the_one_around(scripted: ScriptedServer, refusing_port: int) -> None:
    # A header line that is none has urllib3 warn in the middle of the reply; whoever hears of it calls somebody else.
    scripted.script = [raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nthis is no header\r\n\r\n[")]
    network, alerts = Network(timeout=2), []

    class Alert(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with pytest.raises(errors.NotSent) as caught:
                network.handle(read(f"http://127.0.0.1:{refusing_port}"))
            alerts.append(caught.value)

    handler = Alert(logging.WARNING)
    logging.getLogger("urllib3").addHandler(handler)
    try:
        with pytest.raises(OutcomeUnknown):
            Retry(network).handle(send(scripted.url))
    finally:
        logging.getLogger("urllib3").removeHandler(handler)
        network.close()
    assert alerts
    assert len(scripted.requests) == 1


def test_a_call_within_a_send_leaves_it_a_connection_of_its_own(scripted: ScriptedServer, refusing_port: int) -> None:
    is_sent = threading.Event()

    def held(connection: socket.socket) -> bool:
        return is_sent.wait(10) and reply(b"10")(connection)

    odd = reply(b"[]", headers="Content-Length: 2\r\nthis is no header\r\n")
    scripted.script = [held, odd, reply(b"50")]
    network = Network(timeout=10)

    class Alert(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with pytest.raises(errors.NotSent):
                network.handle(read(f"http://127.0.0.1:{refusing_port}"))

    handler = Alert(logging.WARNING)
    logging.getLogger("urllib3").addHandler(handler)
    try:
        with ThreadPoolExecutor(1) as threads:
            # While another read is under way, there is room in the pool for one that is given back.
            under_way = threads.submit(network.handle, read(scripted.url))
            while not scripted.requests:
                time.sleep(0.001)
            network.handle(send(scripted.url))
            assert network.handle(read(scripted.url)).body == b"50"
            is_sent.set()
            assert under_way.result().body == b"10"
    finally:
        logging.getLogger("urllib3").removeHandler(handler)
        network.close()
    assert scripted.connections == 3


def test_a_connection_that_is_not_ours_counts_as_one_that_may_have_sent(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As vcrpy and its like put theirs in urllib3's place, which tell nobody how far they came.
    class Other(urllib3.connection.HTTPConnection):
        pass

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", Other)
    scripted.script = [close]
    network = Network(timeout=2)
    with pytest.raises(OutcomeUnknown):
        Retry(network).handle(send(scripted.url))
    network.close()
    assert len(scripted.requests) == 1
