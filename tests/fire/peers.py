"""Peers on raw sockets, which owe nothing to the library under fire: HTTP/1.1 and SMPP 3.4, written by hand."""

from __future__ import annotations

import json
import socket
import struct
from types import TracebackType
from typing import NamedTuple
from urllib.parse import quote

from mspace_legacy.transport.listener import RESET_ON_CLOSE
from tests.fire.books import PASSWORD, SENDER_ID, SMPP_PASSWORD, Mark, Shop
from tests.fire.processes import PATIENCE

__all__ = [
    "Came",
    "HttpPeer",
    "Lost",
    "SmppPeer",
    "receipt_id",
    "send_by_path",
    "send_by_v2",
]

_PATH = "/mspaceservice/wr/sms"


class Lost(Exception):
    """The connection ended before there was a whole reply."""


class Came(NamedTuple):
    """A PDU as it came."""

    command_id: int
    status: int
    number: int
    body: bytes


class _Peer:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def reset(self) -> None:
        """End the connection without saying so properly."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._socket.close()

    def write(self, octets: bytes) -> None:
        """Write these."""
        try:
            self._socket.sendall(octets)
        except OSError as error:
            raise Lost(str(error)) from None

    def _more(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise AssertionError("no reply, and the connection is open") from None
        except OSError as error:
            raise Lost(str(error)) from None
        if not data:
            raise Lost("closed")
        self._buffer += data

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


class HttpPeer(_Peer):
    """A connection of HTTP/1.1 that is kept."""

    def __enter__(self) -> HttpPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self) -> tuple[int, bytes]:
        """The next reply: its status and its body."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head = self._take(self._buffer.index(b"\r\n\r\n") + 4).decode("latin-1")
        version, status, _ = head.split(" ", 2)
        assert version == "HTTP/1.1", head
        (length,) = (line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
        return int(status), self._take(int(length.partition(":")[2]))


def get(target: str) -> bytes:
    """A request for JSON."""
    return f"GET {target} HTTP/1.1\r\nHost: fire\r\nAccept: application/json\r\n\r\n".encode()


def send_by_path(mark: Mark) -> bytes:
    """The legacy API's request that sends it."""
    fields = {
        "username": mark.username,
        "password": PASSWORD,
        "senderid": SENDER_ID,
        "recipient": mark.recipient,
        "message": mark.text,
    }
    return get(f"{_PATH}/sendtext/" + "/".join(f"{name}={quote(text, safe='')}" for name, text in fields.items()))


def read_by_path(operation: str, username: str, password: str = PASSWORD) -> bytes:
    """The legacy API's request that reads."""
    return get(f"{_PATH}/{operation}/username={username}/password={password}")


def send_by_v2(shop: Shop, mark: Mark) -> bytes:
    """The v2 API's request that sends it."""
    body = json.dumps(
        {"username": mark.username, "senderId": SENDER_ID, "recipient": mark.recipient, "message": mark.text}
    ).encode()
    head = (
        "POST /smsapi/v2/sendtext HTTP/1.1\r\nHost: fire\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\napikey: {shop.api_key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class SmppPeer(_Peer):
    """A connection of SMPP 3.4."""

    BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 1, 2, 4, 5, 6, 0x15
    RESPONSE = 0x80000000

    def __init__(self, port: int, shop: Shop, command_id: int) -> None:
        super().__init__(port)
        self._number = 0
        try:
            self.ask(command_id, f"{shop.username}\0{SMPP_PASSWORD}\0\0".encode() + bytes((0x34, 0, 0, 0)))
            came = self.read()
            assert came[:2] == (command_id | self.RESPONSE, 0), came
        except BaseException:
            # Killed before it was bound, there is nobody yet who would close it.
            self.close()
            raise

    def __enter__(self) -> SmppPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, command_id: int, body: bytes = b"") -> int:
        """Write a request; its sequence number."""
        self._number += 1
        self.write(struct.pack(">IIII", 16 + len(body), command_id, 0, self._number) + body)
        return self._number

    def answer(self, request: Came) -> None:
        """Acknowledge a deliver_sm."""
        self.write(struct.pack(">IIII", 17, request.command_id | self.RESPONSE, 0, request.number) + b"\0")

    def submit(self, mark: Mark) -> int:
        """submit_sm, section 4.4.1, with a receipt wanted; its sequence number."""
        body = b"\0\5\0" + SENDER_ID.encode() + b"\0\1\1" + mark.recipient.encode() + b"\0\0\0\0\0\0\1\0\0\0"
        text = mark.text.encode("ascii")
        return self.ask(self.SUBMIT_SM, body + bytes((len(text),)) + text)

    def read(self) -> Came:
        """The next PDU."""
        (length,) = struct.unpack(">I", self._take(4))
        command_id, status, number = struct.unpack(">III", self._take(12))
        return Came(command_id, status, number, self._take(length - 16))


def receipt_id(request: Came) -> str:
    """The id that a receipt's text begins with."""
    return request.body.partition(b"id:")[2].split(b" ")[0].decode()
