"""Server: any transport behind a socket, over waitress.

What a transport raises is told to the peer by the same means: a reply that it lost is a connection reset or
closed, one that was cut short is cut short.
"""

from __future__ import annotations

import errno
import logging
import math
import re
import select
import socket
import threading
import time
from collections.abc import Iterable
from http.client import responses
from types import TracebackType
from typing import TYPE_CHECKING, Any

from urllib3.util.wait import wait_for_read

from mspace_legacy.errors import MSpaceError, ReplyLost, TransportError
from mspace_legacy.transport.base import Transport
from mspace_legacy.transport.listener import RESET_ON_CLOSE, listening
from mspace_legacy.wire.http import Request, Response

try:
    from waitress import wasyncore
    from waitress.channel import ClientDisconnected, HTTPChannel
    from waitress.parser import HTTPRequestParser, ParsingError
    from waitress.server import create_server
    from waitress.task import ErrorTask, WSGITask
    from waitress.utilities import BadRequest
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"{missing.name} is not installed: install mspace_legacy with its extra [server]", name=missing.name
    ) from None

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["Server"]

_log = logging.getLogger("mspace_legacy.server")

_MAX_REQUEST = 1 << 20
_MOST_CONNECTIONS = 500
"""Open at once, idle ones among them; whoever comes after that waits. Many systems let a process have 1,024 files."""
_LONGEST_IDLE = 30
"""Seconds that a connection may say nothing, or no whole request: whoever holds very many of them must not keep
others out for long."""
_THREADS_THAT_REFUSE = 4
_REST = 0.001
"""Seconds for which a process that accepted somebody leaves the next to another, unless it has something to do."""
_LONG_REST = 1.0
"""Seconds before anybody is accepted again where no descriptor was left."""
_READ = 1 << 16
_CHANNEL = "mspace_legacy.channel"
_COMPLETED_AT = "mspace_legacy.completed_at"
"""When the request was there, by the monotonic clock."""
_PATIENCE = 1.0
"""Seconds that no caller gives up within; some say by closing their half that the request is all they have to say."""


class _Discreet(logging.Filter):
    """waitress names the path of a request that failed, decoded, and a path holds the password.

    That a reply is shorter than it says is no news either: it is what a transport asked for.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        record.msg, record.args = message.partition(" while serving ")[0], ()
        return not message.startswith("application returned too few bytes")


_connection_log = logging.getLogger("mspace_legacy.server.connection")
_connection_log.addFilter(_Discreet())

# waitress warns of each request that waits for a thread; without a handler, Python would print that.
logging.getLogger("waitress.queue").addHandler(logging.NullHandler())


class _Task(WSGITask):
    """Lets the application reach the connection, to break it where that is the answer."""

    logger = _connection_log

    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        environment[_CHANNEL] = self.channel
        request: Any = self.request
        environment[_COMPLETED_AT] = request.completed_at
        return environment

    def build_response_header(self) -> bytes:
        server: Any = self.channel.server
        request: Any = self.request
        # Else the next request by this connection would be there before it is closed. And where the length of one was
        # told in two ways, whoever is between may take another part of it for the next (RFC 9112, section 6.1).
        if server.is_stopping or request.has_two_lengths:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _Refusal(ErrorTask):
    """waitress answers what is no request by itself, and tells nobody."""

    def execute(self) -> None:
        request: Any = self.request
        error = request.error
        # It may quote what came, which may be anything.
        told = error.body.partition('"')[0].strip()
        _log.warning("%s sent what is no request: %d %s: %s", self.channel.addr[0], error.code, error.reason, told)
        super().execute()


class _Parser(HTTPRequestParser):
    has_two_lengths = False
    completed_at = 0.0

    def received(self, data: bytes) -> int:
        taken: int = super().received(data)
        if self.body_rcv is None and not self.completed:
            # Blank lines may stand before a request.
            head = self.header_plus.lstrip()
            if b"\n\n" in head or b"\n\r\n" in head:
                # waitress would wait for the end that its lines should have (RFC 9112, section 2.2).
                self.error = BadRequest("A line of the head ends without CR")
                self.completed = True
        self.completed_at = time.monotonic()
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
            self.has_two_lengths = self.chunked and "CONTENT_LENGTH" in self.headers
            if not self.chunked and not self.content_length:
                # Nothing is left to go on with (RFC 9110, section 10.1.1): waitress would wait for it all the same.
                self.expect_continue = False
            return
        except ValueError:  # of urllib.parse, which waitress lets pass, and closes the connection without a reply
            pass
        raise ParsingError("The target is no URL")


class _Channel(HTTPChannel):
    task_class = _Task
    error_task_class = _Refusal
    parser_class = _Parser
    logger = _connection_log

    def __init__(self, server: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(server, *arguments, **options)
        if server.is_shared:
            # For one turn of the loop: whoever is awake would take all who come at once, and keep them.
            server.accepting = False

    def writable(self) -> bool:
        # The thread that holds the lock is writing, and tells when something is left, unless that is so much that it
        # waits. waitress asks for the socket all the same, can't use it, and asks again at once: for as long as that
        # thread waits for Python's lock, which who asks so often keeps from it.
        if self.requests and 0 < self.total_outbufs_len <= self.adj.outbuf_high_watermark and not self.will_close:
            if not self.outbuf_lock.acquire(blocking=False):
                return False
            self.outbuf_lock.release()
        return bool(super().writable())

    def handle_read(self) -> None:
        last, unfinished = self.last_activity, self.request is not None
        super().handle_read()
        if unfinished and self.request is not None:
            # What drips in is a silence too: it began with the request's first byte.
            self.last_activity = last


class _LiberalParser(_Parser):
    def parse_header(self, header_plus: bytes) -> None:
        line, end, rest = header_plus.partition(b"\r\n")
        if found := _REQUEST_LINE.fullmatch(line):
            method, target, version = found.groups()
            header_plus = method + _BARE.sub(lambda bare: b"%%%02X" % bare[0][0], target) + version + end + rest
        elif not _VERSION.search(line):
            # What has none is taken for HTTP/0.9, and half of a text would be sent as if it were the whole.
            raise ParsingError("No HTTP version: a bare line break in the target ends it; it is written %0D%0A")
        super().parse_header(header_plus)


_VERSION = re.compile(rb" HTTP/[0-9.]+\s*$")
_REQUEST_LINE = re.compile(rb"([A-Z]+ )(/[^\r\n]*)( HTTP/[0-9]\.[0-9])")
_BARE = re.compile(rb"[^!-~]")
"""What can't stand in a request's target (RFC 9112, section 3.2)."""


class _LiberalChannel(_Channel):
    parser_class = _LiberalParser


class Server:
    """`transport` behind a socket; a context manager that serves from a thread of its own.

    :param host: 127.0.0.1 by default. A wider address serves whoever reaches it, without TLS.
    :param port: 0 lets the system choose one; `port` and `url` tell which.
    :param threads: how many requests are answered at once.
    :param listener: a socket that listens already, in place of `host` and `port`; several processes may share it.
    :param liberal: take a request's target with bare spaces, or with bytes beyond ASCII, as programs send them that
        encode nothing. They arrive percent-encoded.
    :raises InvalidInput: the address can't be listened on.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        threads: int = 8,
        listener: socket.socket | None = None,
        liberal: bool = False,
    ) -> None:
        self._transport = transport
        self._map: dict[int, Any] = {}
        server: Any = create_server(
            self._application,
            map=self._map,
            sockets=[listener or listening(host, port)],
            threads=threads,
            ident=None,
            recv_bytes=_READ,
            max_request_body_size=_MAX_REQUEST,
            channel_timeout=_LONGEST_IDLE,
            cleanup_interval=5,
            connection_limit=_MOST_CONNECTIONS,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=False,
        )
        server.is_stopping = False
        server.is_shared = listener is not None
        server.channel_class = _LiberalChannel if liberal else _Channel
        self._accept, server.accept = server.accept, self._accept_or_rest
        self._rests_until = -math.inf
        self._server = server
        self._threads = threads
        # Reentrant, as a signal handler may call `stop` in the thread that serves.
        self._ending = threading.RLock()
        self._ended = False
        self._thread: threading.Thread | None = None
        self.host: str = host if listener is None else listener.getsockname()[0]
        self.port: int = int(server.effective_port)

    @property
    def url(self) -> str:
        """`http://host:port`, which is a `main_url` and a `base_url` too."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self.serve, name=f"mspace-legacy {self.port}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Stop serving; safe to call from a signal handler. Requests under way are answered first."""
        # No event: a signal that comes as the handler of another holds its lock would wait for that handler.
        self._server.is_stopping = True
        with self._ending:
            if not self._ended:
                self._server.pull_trigger()

    def serve(self, *, grace: float = 10.0) -> None:
        """Serve until `stop` is called, then for `grace` seconds at most until every request is answered.

        Those that had not begun by then are answered with status 503: nothing was done.
        """
        while not self._server.is_stopping:
            rests = not self._server.accepting
            pause = max(_REST, self._rests_until - time.monotonic()) if rests else 1
            wasyncore.loop(timeout=pause, use_poll=True, map=self._map, count=1)
            if rests and time.monotonic() >= self._rests_until:
                self._server.accepting = True
        self._hear_who_has_come()
        self._server.accepting = False
        self._server.del_channel(self._map)
        self._server.socket.close()
        wasyncore.loop(timeout=0, use_poll=True, map=self._map, count=1)
        end = time.monotonic() + grace
        # They tell what waits for a thread that nothing was done: those under way may take all the time there is.
        self._server.task_dispatcher.set_thread_count(self._threads + _THREADS_THAT_REFUSE)
        for channel in list(self._server.active_channels.values()):
            if not channel.requests and not channel.total_outbufs_len:
                channel.handle_close()
        while self._is_busy() and time.monotonic() < end:
            wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)
        if cut_off := sum(bool(channel.requests) for channel in self._server.active_channels.values()):
            _log.error("%d calls were cut off: they took longer than %g seconds", cut_off, grace)
        self._server.task_dispatcher.shutdown()
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        with self._ending:
            self._ended = True
            # Threads that were cut off would still write to it, and so to whatever has its number by then.
            self._server.pull_trigger = lambda: None
            self._server.trigger.close()
        wasyncore.close_all(self._map, ignore_all=True)

    def _accept_or_rest(self) -> Any:
        """Accept somebody as waitress does, which where no descriptor is left would be told so again and again."""
        try:
            return self._accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            _log.error("who comes now waits: %s", error.strerror)
            self._rests_until = time.monotonic() + _LONG_REST
            self._server.accepting = False
            return None

    def _hear_who_has_come(self) -> None:
        """Accept who waits for it: closed unheard, the connection would be reset, and nobody knows what was done."""
        while len(self._map) < _MOST_CONNECTIONS and wait_for_read(self._server.socket, 0):
            heard = len(self._map)
            self._server.handle_accept()
            if len(self._map) == heard:
                # No descriptor is left for them.
                return

    def _is_busy(self) -> bool:
        return any(channel.requests or channel.total_outbufs_len for channel in self._server.active_channels.values())

    def _application(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response: Response
        if self._server.is_stopping:
            return _start(environ, start_response, Response(503, b"stopping: nothing was done\n"), cut=False)
        request = _request(environ)
        if request.is_abandoned():
            _log.warning("%s hung up before its turn: nothing was done", request.remote_address)
            return _start(environ, start_response, Response(503, b"hung up: nothing was done\n"), cut=False)
        try:
            response = self._transport.handle(request)
        except ReplyLost as lost:
            if lost.uncut is None:
                if lost.fault == "reset":
                    environ[_CHANNEL].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                raise ClientDisconnected from None
            return _start(environ, start_response, lost.uncut, cut=True)
        except TransportError as error:
            _log.warning("%s", error)
            response = Response(502, b"no reply from the service behind this one\n")
        except MSpaceError as error:
            _log.error("%s", error)
            response = Response(500, b"this server failed\n")
        except Exception as error:  # whatever it is, its text and its traceback may hold a secret
            _log.error("%s in the transport", type(error).__name__)
            response = Response(500, b"this server failed\n")
        return _start(environ, start_response, response, cut=False)


_OF_THE_CONNECTION = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "trailers",
     "transfer-encoding", "upgrade", "content-length", "date")
)  # fmt: skip
"""Headers that belong to the connection which a reply came by, and those that are made anew for this one."""


def _start(environ: WSGIEnvironment, start_response: StartResponse, response: Response, *, cut: bool) -> list[bytes]:
    status = response.status
    headers = [(name, _latin(value)) for name, value in response.headers if name.lower() not in _OF_THE_CONNECTION]
    has_body = status >= 200 and status not in (204, 304)
    if has_body:
        headers.append(("Content-Length", str(len(response.body))))
    reason = response.reason or responses.get(status, "Unknown")
    start_response(f"{status} {_latin(reason)}", headers)
    if not has_body or environ["REQUEST_METHOD"] == "HEAD":
        return []
    return [response.body[: len(response.body) // 2] if cut else response.body]


def _latin(text: str) -> str:
    """What a head of HTTP can hold: one line of Latin-1."""
    return "".join(text.splitlines()).encode("latin-1", "replace").decode("latin-1")


def _has_hung_up(peer: socket.socket) -> bool:
    try:
        if _HANGUP is None:
            return not peer.recv(1, socket.MSG_PEEK)
        # Also where something stands before the end that was not read yet.
        hangup = select.poll()
        hangup.register(peer, _HANGUP)
        return bool(hangup.poll(0))
    except BlockingIOError:
        return False
    except (OSError, ValueError):
        # It is closed here already.
        return True


_HANGUP: int | None = getattr(select, "POLLRDHUP", None)
"""Where the system has it: Linux."""


_ABSOLUTE = re.compile("https?://", re.IGNORECASE)


def _request(environ: WSGIEnvironment) -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    # PATH_INFO is decoded, and has lost what was %2F and what was a slash.
    target = environ["REQUEST_URI"]
    # What stands behind the name in a Host header is no part of the path.
    host = re.split("[/?#]", environ.get("HTTP_HOST", "localhost"), maxsplit=1)[0]
    # In absolute form (RFC 9112, section 3.2.2) a target names a host of its own.
    url = target if _ABSOLUTE.match(target) else f"http://{host}{target}"
    body = environ["wsgi.input"].read() if environ.get("CONTENT_LENGTH") else None
    channel, completed_at = environ[_CHANNEL], environ[_COMPLETED_AT]
    return Request(
        environ["REQUEST_METHOD"],
        url,
        headers,
        body,
        remote_address=environ.get("REMOTE_ADDR", ""),
        # Who gave up while it waited would not learn that it was acted on, and many ask again.
        is_abandoned=lambda: time.monotonic() - completed_at > _PATIENCE and _has_hung_up(channel.socket),
    )
