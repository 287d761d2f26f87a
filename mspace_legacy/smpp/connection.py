"""One connection to a service, and the session on it: reading and writing without waiting, and waiting by itself.

Of each part it tells whether an octet of it may have left.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import selectors
import socket
import ssl
import time
from collections import deque

from mspace_legacy.errors import TransportFault
from mspace_legacy.smpp.session import Chunk, Event, Session

__all__ = ["Connection", "diagnosis"]

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Where the system has it: Linux."""

_READ = 1 << 16
_MOST_WRITTEN = 64
"""PDUs in one write."""

_MOST_UNWRITTEN = 20_000
"""PDUs. A service that has so many answers made, and reads none of them, is left."""


class Connection:
    """The socket and the session.

    Before it is bound it is its maker's alone, and others may only `wake` it; from then on whoever uses it holds the
    link's lock, but for `wait` and `wake`.
    """

    def __init__(self, connection: socket.socket, session: Session) -> None:
        self.session = session
        self.since = time.monotonic()
        self.over = ""
        """Why it is of no more use, once it is not."""
        self.wakes_at = -math.inf
        """When `wait` ends by itself, while somebody is in it or about to be."""
        self.came_with_the_bind: list[Event] = []
        """What nothing that is submitted later can have caused."""
        self._socket = connection
        self._encrypted = isinstance(connection, ssl.SSLSocket)
        self._outbox: deque[Chunk] = deque()
        self._is_busy = False
        """Whether somebody reads or writes; or did, when an interruption came."""
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (connection, self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._waits_to_write = False
        self._is_to_acknowledge = False
        """Whether something was read, and nothing written since, by which TCP would have acknowledged it. It would
        wait for that for 40 ms, and a service that leaves Nagle's algorithm on writes no other answer before."""

    def close(self) -> None:
        """Close the socket, and what `wait` waits by."""
        self._selector.close()
        for end in (self._socket, self._wake_reader, self._wake_writer):
            end.close()

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody is in `wait`, or about to be."""
        return self.wakes_at > -math.inf

    def wake(self) -> None:
        """End the `wait` of another thread."""
        if self.is_waited_for:
            with contextlib.suppress(BlockingIOError):
                self._wake_writer.send(b"\0")

    def wait(self) -> None:
        """Wait until there is something to read, or to write if that is waited for, or until `wakes_at`."""
        if _QUICKACK is not None and self._is_to_acknowledge:
            self._is_to_acknowledge = False
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        left = self.wakes_at - time.monotonic()
        for key, _ in self._selector.select(None if left == math.inf else max(0.0, left)):
            if key.fileobj is self._wake_reader:
                self._wake_reader.recv(_READ)

    def read(self) -> bytes:
        """What has come; sets `over` if nothing more will."""
        self.wakes_at = -math.inf
        if not self._begin():
            return b""
        data = self._received()
        self._is_to_acknowledge = bool(data)
        self._is_busy = False
        return data

    def write(self) -> None:
        """Write what the session has to say, as far as it is taken."""
        if not self._begin():
            return
        self._outbox.extend(self.session.take())
        while self._outbox and self._written():
            pass
        if len(self._outbox) > _MOST_UNWRITTEN:
            self.over = self.over or "it reads nothing"
        self._is_busy = False
        if self._waits_to_write != bool(self._outbox):
            self._waits_to_write = not self._waits_to_write
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._waits_to_write else 0)
            self._selector.modify(self._socket, events)
            self.wake()

    def _begin(self) -> bool:
        """Whether there may be read or written: not after an interruption, as nobody knows how far it had come."""
        if self._is_busy:
            self.over = self.over or "interrupted"
            return False
        self._is_busy = True
        return True

    def _received(self) -> bytes:
        try:
            data = self._socket.recv(_READ)
            if not data:
                self.over = self.over or "the connection was closed"
            elif isinstance(self._socket, ssl.SSLSocket):
                # What was decrypted already does not wake anybody.
                while waiting := self._socket.pending():
                    data += self._socket.recv(waiting)
            return data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as error:
            self.over = self.over or diagnosis(error)[1]
            return b""

    def _written(self) -> bool:
        """Write once. A part counts as begun while it can't be known that nothing of it has left."""
        chunks = list(itertools.islice(self._outbox, _MOST_WRITTEN))
        fresh = [part for _, part in chunks if part is not None and not part.begun]
        for part in fresh:
            part.begun = True
        try:
            count = self._socket.send(b"".join(octets for octets, _ in chunks))
        except OSError:
            # A socket that fails has taken nothing, but TLS may have sent a part of what it has encrypted. If it
            # fails for good, reading will say so.
            if not self._encrypted:
                for part in fresh:
                    part.begun = False
            return False
        self._is_to_acknowledge = False
        for octets, part in chunks:
            if count >= len(octets):
                self._outbox.popleft()
            elif count > 0:
                self._outbox[0] = Chunk(octets[count:], part)
            elif part in fresh and not self._encrypted:
                part.begun = False
            count = max(0, count - len(octets))
        return True


def diagnosis(error: Exception) -> tuple[TransportFault, str]:
    """How connecting, TLS or a socket failed, and in words."""
    match error:
        case socket.gaierror():
            return "unknown-host", "the host's name is not known"
        case ConnectionRefusedError():
            return "refused", "connection refused"
        case TimeoutError():
            return "connect-timeout", "it timed out"
        case ssl.SSLCertVerificationError():
            return "tls", f"TLS failed ({error.verify_message})"
        case ssl.SSLError():
            return "tls", "TLS failed"
        case ConnectionResetError() | BrokenPipeError():
            return "not-connected", "the connection was reset"
    return "not-connected", str(error) or type(error).__name__
