"""FaultyProxy: relays TCP from threads of its own, and breaks what it relays where it is told to.

It knows nothing of what it relays but how many bytes went each way and who spoke last, so that it can stand between
any two. What is broken, it breaks towards the client; towards the server it always ends in order, so that what the
server did with what had reached it can be waited for.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple

__all__ = ["Act", "Fault", "FaultyProxy", "Point", "Sizes", "readable"]

Point = Literal["connect", "hello", "handshake", "request", "reply"]
"""Where: as the connection is made; in the client's first bytes of a TLS handshake; in what the server answers to
them; in the request; in the reply."""

Act = Literal[
    "refuse", "reset", "close", "half-close", "stall", "drip", "corrupt", "duplicate", "duplicate-late",
]  # fmt: skip
"""What: the port is closed; RST; FIN; FIN while it goes on reading; silence; one byte at a time, slowly; a byte is
another; the reply comes twice, at once or when the next request has come, which then goes nowhere."""

_QUIET = 0.03
"""Seconds of silence after which whoever spoke has said it all."""
_DRIP = 0.05
_LONGEST_END = 60.0
"""Seconds. What only a hang takes, however little of the machine is left."""
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, once or (`lasting`) on each connection: after `offset` bytes, or with the byte there.

    `mask` is what a corrupted byte is xored with. In a handshake the offset is one within what the server says there.
    """

    point: Point
    act: Act
    offset: int = 0
    mask: int = 1
    lasting: bool = True

    def __str__(self) -> str:
        return f"{self.act} at {self.point} {self.offset}{'' if self.lasting else ', once'}"


class Sizes(NamedTuple):
    """Bytes that went over a connection since the fault was set: of the handshake, of the request, of the reply."""

    hello: int
    handshake: int
    request: int
    reply: int


class FaultyProxy:
    """A port on 127.0.0.1 in front of another one; a context manager.

    :param upstream: the port of 127.0.0.1 behind it.
    :param tls: a connection begins with a handshake, in which each side speaks once before the request.
    """

    def __init__(self, upstream: int, *, tls: bool = False) -> None:
        self.upstream = upstream
        self.tls = tls
        self.lock = threading.Lock()
        self.fault: Fault | None = None
        self.epoch = 0
        """How often a fault was set: bytes are counted from then."""
        self.struck = False
        """Whether the fault has happened."""
        self.withheld = 0
        """Bytes of the reply that came after it had happened, and went nowhere."""
        self._relays: list[_Relay] = []
        self._last: tuple[str, int] | None = None
        self._last_came = threading.Event()
        # Bound to the port all the time, and never listening, so that nobody else gets it meanwhile.
        self._held = _bound(0)
        self.port: int = self._held.getsockname()[1]
        self._listener: socket.socket | None = None
        self._listen()

    def __enter__(self) -> FaultyProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()
        self._refuse()
        self._held.close()

    def set(self, fault: Fault | None) -> None:
        """Break what comes from now on; None breaks nothing."""
        with self.lock:
            self.fault = fault
            self.struck, self.withheld = False, 0
            self.epoch += 1
            self._relays = [relay for relay in self._relays if not relay.is_over]
        if fault is not None and fault.act == "refuse":
            self._refuse()
        elif self._listener is None:
            self._listen()

    def sizes(self) -> Sizes:
        """Of the last connection that a request has gone by since the fault was set."""
        with self.lock:
            used = [relay for relay in self._relays if relay.epoch == self.epoch and relay.request]
        return Sizes(used[-1].hello, used[-1].handshake, used[-1].request, used[-1].reply)

    def hang_up(self, act: Literal["reset", "close"]) -> None:
        """End every connection that is open now, and wait until it has ended."""
        with self.lock:
            relays = list(self._relays)
        for relay in relays:
            relay.end(act)
        for relay in relays:
            relay.join(_LONGEST_END)
            assert relay.is_over, "the server behind did not end the connection"

    def settle(self) -> None:
        """End every connection, and wait until the server behind has ended it too: it does nothing more by then.

        Also those that a client made and gave up before they were accepted here. The fault happens no more.
        """
        with self.lock:
            self.fault = None
        self._accept_what_waits()
        while not all(relay.is_over for relay in self._relays):
            self.hang_up("close")

    def claim(self, fault: Fault) -> bool:
        """Whether it is to happen now: where it is not lasting, only to the first who asks."""
        with self.lock:
            due = self.fault is fault and (fault.lasting or not self.struck)
            self.struck = self.struck or due
            return due

    def withhold(self, count: int) -> None:
        """Count bytes that go nowhere."""
        with self.lock:
            self.withheld += count

    def _accept_what_waits(self) -> None:
        """Connections are accepted in their order: by the time that one more is, all before it were."""
        if self._listener is None:
            return
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            self._last, self._last_came = last.getsockname(), threading.Event()
            last.connect(("127.0.0.1", self.port))
            assert self._last_came.wait(_LONGEST_END), "the proxy accepts nothing"

    def _listen(self) -> None:
        self._listener = _bound(self.port)
        self._listener.listen(128)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _refuse(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, peer = listener.accept()
            except OSError:
                return
            if peer == self._last:
                client.close()
                self._last_came.set()
                continue
            relay = _Relay(self, client)
            with self.lock:
                relay.start()
                self._relays.append(relay)


class _Over(Exception):
    """The connection is done with."""


class _Relay(threading.Thread):
    """One connection."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket) -> None:
        super().__init__(daemon=True)
        self.is_over = False
        self.epoch = -1
        self.hello = self.handshake = self.request = self.reply = 0
        self._proxy = proxy
        self._client = client
        self._upstream: socket.socket | None = None
        self._wake, self._waker = socket.socketpair()
        self._ordered: str = ""
        self._said = bytearray()
        """The reply so far, for who is to say it twice."""
        self._late = b""
        self._mute = self._deaf = self._drips = False
        """Nothing more goes to the client; nothing more of it goes to the server; what goes to it goes slowly."""
        self._shakes_hands = proxy.tls

    def end(self, act: Literal["reset", "close"]) -> None:
        """Called by another thread."""
        self._ordered = act
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def run(self) -> None:
        for end in (self._client, self._wake):
            end.settimeout(_LONGEST_END)
        try:
            self._relay()
        except (_Over, OSError):
            pass
        finally:
            if self._ordered == "reset":
                self._reset()
            self._client.close()
            self._end_upstream()
            self._wake.close()
            self._waker.close()
            self.is_over = True

    def _relay(self) -> None:
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fault = self._fault("connect")
        if fault is not None and self._proxy.claim(fault):
            self._deaf = True
            self._do(fault)
        self._upstream = socket.create_connection(("127.0.0.1", self._proxy.upstream), _LONGEST_END)
        self._upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            ready = readable([self._client, self._upstream, self._wake])
            if self._wake in ready:
                raise _Over
            if self._upstream in ready:
                self._from_upstream(self._upstream.recv(1 << 16))
            if self._client in ready:
                self._from_client(self._client.recv(1 << 16))

    def _fault(self, *points: Point) -> Fault | None:
        fault = self._proxy.fault
        if self.epoch != self._proxy.epoch:
            self.epoch = self._proxy.epoch
            self.request = self.reply = 0
            self._said.clear()
        return fault if fault is not None and fault.point in points else None

    def _from_client(self, data: bytes) -> None:
        if not data:
            raise _Over
        if self._late:
            self._to_client(self._late)
            self._late, self._deaf = b"", True
        fault = self._fault("hello", "request")
        if self._shakes_hands and self.handshake:
            self._shakes_hands = False
        point: Point = "hello" if self._shakes_hands else "request"
        if fault is None or fault.point != point:
            self._count(point, len(data))
            self._to_upstream(data)
        elif due := self._broken(fault, self.hello if point == "hello" else self.request, data):
            kept, struck = due
            self._count(point, len(kept))
            self._to_upstream(kept)
            if struck:
                self._deaf = True
                self._do(fault)

    def _from_upstream(self, data: bytes) -> None:
        if not data:
            # A server that ends the connection: so does this.
            raise _Over
        if self._shakes_hands:
            data = self._whole_flight(data)
            self.handshake += len(data)
        fault = self._fault("handshake" if self._shakes_hands else "reply")
        if fault is None:
            if not self._shakes_hands:
                self.reply += len(data)
            self._to_client(data)
            return
        if fault.point == "handshake":
            # Always before its end, whatever the length of this one.
            due = self._broken(Fault(fault.point, fault.act, fault.offset % len(data), fault.mask), 0, data, of=fault)
        else:
            due = self._broken(fault, self.reply, data)
            self.reply += len(data)
        kept, struck = due
        self._said += kept
        self._to_client(kept)
        if struck:
            self._proxy.withhold(len(data) - len(kept))
            self._do(fault)

    def _whole_flight(self, data: bytes) -> bytes:
        assert self._upstream is not None
        while readable([self._upstream], _QUIET):
            more = self._upstream.recv(1 << 16)
            if not more:
                break
            data += more
        return data

    def _broken(self, fault: Fault, already: int, data: bytes, *, of: Fault | None = None) -> tuple[bytes, bool]:
        """What of `data` still goes on, and whether it happens here."""
        place = fault.offset - already
        if fault.act == "corrupt":
            if 0 <= place < len(data) and self._proxy.claim(of or fault):
                return data[:place] + bytes((data[place] ^ fault.mask,)) + data[place + 1 :], False
            return data, False
        # At 0 as soon as there is a byte, which then goes nowhere.
        if 0 <= place <= len(data) and self._proxy.claim(of or fault):
            if fault.act in ("drip", "duplicate", "duplicate-late"):
                self._drips = fault.act == "drip"
                return data, fault.act != "drip"
            return data[:place], True
        return data, False

    def _count(self, point: Point, count: int) -> None:
        if point == "hello":
            self.hello += count
        else:
            self.request += count

    def _do(self, fault: Fault) -> None:
        match fault.act:
            case "reset":
                self._reset()
                raise _Over
            case "close":
                raise _Over
            case "duplicate":
                self._to_client(bytes(self._said))
                return
            case "duplicate-late":
                self._late = bytes(self._said)
                return
            case "half-close":
                self._client.shutdown(socket.SHUT_WR)
        # Silence: until the client, or the test, has had enough.
        self._mute = True
        while True:
            ends = [self._client, self._wake, *([self._upstream] if self._upstream and not self._deaf else [])]
            ready = readable(ends)
            if self._wake in ready or (self._client in ready and not self._client.recv(1 << 16)):
                raise _Over
            if self._upstream in ready:
                data = self._upstream.recv(1 << 16)
                self._proxy.withhold(len(data))
                self._deaf = self._deaf or not data

    def _reset(self) -> None:
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _to_client(self, data: bytes) -> None:
        if self._mute:
            return
        if not self._drips:
            self._client.sendall(data)
            return
        for place, byte in enumerate(data):
            self._client.sendall(bytes((byte,)))
            if readable([self._wake, self._client], _DRIP):
                self._proxy.withhold(len(data) - place - 1)
                raise _Over

    def _to_upstream(self, data: bytes) -> None:
        if self._upstream is not None and not self._deaf and data:
            self._upstream.sendall(data)

    def _end_upstream(self) -> None:
        """In order: what was said is read to its end, and so will be what the server answers."""
        if self._upstream is None:
            return
        with contextlib.closing(self._upstream) as upstream, contextlib.suppress(OSError):
            if self.request and not self.reply:
                # A server that is told at once that nobody listens may do nothing, which would be the easy case.
                readable([upstream], _QUIET)
            upstream.shutdown(socket.SHUT_WR)
            while data := upstream.recv(1 << 16):
                if self.epoch == self._proxy.epoch:
                    self._proxy.withhold(len(data))


def readable(ends: list[socket.socket], seconds: float | None = None) -> list[socket.socket]:
    """Those that can be read from, or have ended. With poll, as select knows of 1,024 files only."""
    poller = select.poll()
    for end in ends:
        poller.register(end, select.POLLIN)
    ready = {number for number, _ in poller.poll(None if seconds is None else seconds * 1000)}
    return [end for end in ends if end.fileno() in ready]


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
