"""ScriptedServer: a raw socket that records what it is sent, byte for byte, and answers as it is told."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

__all__ = ["Answer", "ScriptedServer", "close", "raw", "reply", "reset"]

Answer = Callable[[socket.socket], bool]
"""Does something to the connection; says whether it may be kept for another request."""


def reply(
    body: bytes = b"50",
    status: str = "200 OK",
    headers: str = "Content-Type: text/plain\r\n",
    *,
    length: int | None = None,
) -> Answer:
    """A whole reply; with a `length` that is not the body's, one that lies about it and closes."""
    declared = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {declared}\r\n\r\n".encode("latin-1")

    def answer(connection: socket.socket) -> bool:
        connection.sendall(head + body)
        return declared == len(body)

    return answer


def raw(data: bytes) -> Answer:
    """These bytes, then the connection is closed."""

    def answer(connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return answer


def close(connection: socket.socket) -> bool:
    """No reply: the connection is closed."""
    return False


def reset(connection: socket.socket) -> bool:
    """No reply: the connection is reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


class ScriptedServer:
    """Answers each request with the next of `script`, the last one again and again.

    `requests` holds every request as it came, head and body together.
    """

    def __init__(self, *script: Answer) -> None:
        self.script: list[Answer] = list(script) or [reply()]
        self.requests: list[bytes] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def request_lines(self) -> list[str]:
        """The first line of each request, a character for each byte."""
        return [request.partition(b"\r\n")[0].decode("latin-1") for request in self.requests]

    def __enter__(self) -> ScriptedServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than the server lives."""
        self._stopped.wait(seconds)

    def wait_for_requests(self, count: int, seconds: float = 10.0) -> None:
        """Wait until `count` requests have been read, `seconds` at most."""
        end = time.monotonic() + seconds
        while len(self.requests) < count and time.monotonic() < end:
            time.sleep(0.01)

    def stall(self, seconds: float = 60.0) -> Answer:
        """No reply for so long, then the connection is closed."""

        def answer(connection: socket.socket) -> bool:
            self.wait(seconds)
            return False

        return answer

    def drip(self, data: bytes, pause: float) -> Answer:
        """These bytes, one at a time, with a pause before each."""

        def answer(connection: socket.socket) -> bool:
            for byte in data:
                self.wait(pause)
                connection.sendall(bytes([byte]))
            return False

        return answer

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            buffer = b""
            while True:
                while not (request := _whole(buffer)):
                    received = connection.recv(65536)
                    if not received:
                        return
                    buffer += received
                buffer = buffer[len(request) :]
                with self._lock:
                    self.requests.append(request)
                    answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if not answer(connection):
                    break
        with self._lock:
            self._open.discard(connection)


def _whole(buffer: bytes) -> bytes:
    head, end, rest = buffer.partition(b"\r\n\r\n")
    if not end:
        return b""
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    return head + end + rest[:length] if len(rest) >= length else b""
