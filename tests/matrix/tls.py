"""TlsFront: TLS in front of a server that has none, and who trusts it."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import threading
from types import TracebackType

import trustme

from tests.matrix.proxy import readable

__all__ = ["TlsFront", "trusting"]


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A ticket has a byte more or less each time, and the matrix counts bytes.
    context.num_tickets = 0
    _authority().issue_cert("127.0.0.1").configure_cert(context)
    return context


@functools.cache
def trusting() -> ssl.SSLContext:
    """What verifies the certificates of every `TlsFront`."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


class TlsFront:
    """A port of 127.0.0.1 that speaks TLS, in front of one that does not; a context manager."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> TlsFront:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # Whatever breaks here, TLS was broken on purpose.
        with contextlib.suppress(OSError), contextlib.closing(client):
            client.settimeout(30)
            with (
                _server_context().wrap_socket(client, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", self._upstream), 30) as plain,
            ):
                self._relay(secure, plain)

    def _relay(self, secure: ssl.SSLSocket, plain: socket.socket) -> None:
        """Until the server ends; once the client has, the server is told, and read to its end."""
        ends: list[socket.socket] = [secure, plain]
        while True:
            ready = ends if secure in ends and secure.pending() else readable(ends)
            if secure in ready:
                try:
                    data = secure.recv(1 << 16)
                except OSError:
                    data = b""
                if data:
                    plain.sendall(data)
                else:
                    ends.remove(secure)
                    plain.shutdown(socket.SHUT_WR)
            if plain in ready and readable([plain], 0):
                data = plain.recv(1 << 16)
                if not data:
                    return
                with contextlib.suppress(OSError):
                    secure.sendall(data)
