"""An SMSC on a real socket that does what a test tells it, built on our codec; it counts what it takes."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from mspace_legacy.smpp.pdu import (
    COMMANDS,
    BindReceiver,
    BindTransmitter,
    Decoder,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    encode,
)

__all__ = ["PASSWORD", "Hangup", "Peer", "Script", "Smsc", "eventually"]

PASSWORD = "letmein"


class Hangup(Exception):
    """Raised by a script to end the connection."""


def eventually(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Wait until it holds; seconds only bound how long a broken test takes."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it never came true")


class Peer:
    """One connection, as the SMSC has it."""

    def __init__(self, smsc: Smsc, connection: socket.socket) -> None:
        self.smsc = smsc
        self.connection = connection
        self.numbers = itertools.count(1)
        self.received: list[Pdu] = []
        self.reads: int | None = None
        """Octets after which it is reset, if it is to be lost in the middle of what comes."""
        self.writes: int | None = None
        """The same of what goes out."""
        self._lock = threading.Lock()

    def send(self, *pdus: Pdu) -> None:
        """Write PDUs as they are."""
        self.write(b"".join(map(encode, pdus)))

    def write(self, octets: bytes) -> None:
        """Write octets, be they PDUs or not, as far as `writes` goes."""
        with self._lock:
            if self.writes is not None:
                self.connection.sendall(octets[: self.writes])
                self.writes -= len(octets)
                if self.writes <= 0:
                    self.drop()
            elif self.smsc.single_bytes:
                for octet in octets:
                    self.connection.sendall(bytes((octet,)))
            else:
                self.connection.sendall(octets)

    def take(self, pdu: SubmitSm) -> SubmitSmResp:
        """Take a message; gives the answer, which is not sent."""
        return SubmitSmResp(sequence_number=pdu.sequence_number, message_id=self.smsc.took(pdu))

    def obey(self, pdu: Pdu) -> None:
        """Do what an SMSC does."""
        if isinstance(pdu, SubmitSm):
            self.send(self.take(pdu))
        elif isinstance(pdu, (BindTransmitter, BindReceiver)):
            status = 0 if pdu.password.reveal() == PASSWORD else 0x0E
            self.refuse(pdu, status)
        elif isinstance(pdu, (EnquireLink, Unbind)):
            self.refuse(pdu, 0)
        if isinstance(pdu, Unbind):
            raise Hangup

    def refuse(self, pdu: Pdu, command_status: int) -> None:
        """Answer with a status and no body."""
        response = COMMANDS[pdu.command_id | 0x80000000]
        self.send(response(sequence_number=pdu.sequence_number, command_status=command_status))

    def deliver(self, short_message: bytes = b"hello", **fields: object) -> int:
        """Send a deliver_sm; gives its number."""
        number = next(self.numbers)
        addresses = {"source_addr": "254722000000", "destination_addr": "40404"}
        self.send(DeliverSm(sequence_number=number, short_message=short_message, **(addresses | fields)))  # type: ignore[arg-type]  # names of fields
        return number

    def answers(self) -> list[tuple[int, int]]:
        """Number and status of each deliver_sm_resp that came."""
        return [(pdu.sequence_number, pdu.command_status) for pdu in self.received if isinstance(pdu, DeliverSmResp)]

    def drop(self) -> None:
        """Reset the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hangup


Script = Callable[[Peer, Pdu], None]


class Smsc:
    """The SMSC: `script` is given every PDU that comes; `Peer.obey` is what it does by itself."""

    def __init__(self, script: Script = Peer.obey, *, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.single_bytes = False
        self.taken: list[SubmitSm] = []
        self.peers: list[Peer] = []
        self._ids = itertools.count(1)
        self._tls = tls
        self._lock = threading.Lock()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Smsc:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def took(self, pdu: SubmitSm) -> str:
        """Count a message; gives its id."""
        with self._lock:
            self.taken.append(pdu)
            return str(next(self._ids))

    @property
    def texts(self) -> list[str]:
        """What was taken, as text."""
        return [pdu.short_message.decode("ascii") for pdu in self.taken]

    def hang_up(self) -> None:
        """End every connection that there is now, and none that is made meanwhile."""
        for peer in list(self.peers):
            with contextlib.suppress(OSError):
                peer.connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(Hangup, OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            peer = Peer(self, connection)
            self.peers.append(peer)
            for pdu in self._pdus(peer):
                peer.received.append(pdu)
                self.script(peer, pdu)
        connection.close()

    def _pdus(self, peer: Peer) -> Iterator[Pdu]:
        decoder = Decoder()
        while data := peer.connection.recv(min(1 << 16, 1 << 16 if peer.reads is None else peer.reads)):
            decoder.feed(data)
            if peer.reads is not None:
                peer.reads -= len(data)
            while (pdu := decoder.next_pdu()) is not None:
                yield pdu
            if peer.reads == 0:
                peer.drop()
