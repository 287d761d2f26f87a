"""Reply: what comes by a connection, read within its time and its size, and taken for whole only where it is."""

from __future__ import annotations

import email.errors
import http.client
import io
import math
import re
import socket
import time
from collections.abc import Callable
from typing import Any

from urllib3.exceptions import HTTPError

__all__ = ["Reply", "TooLarge"]


class TooLarge(HTTPError):
    """A reply longer than the limit."""


class _WithinTime(io.RawIOBase):
    """A socket's file that ends the whole reply at one time, however slowly its bytes drip in; and at one size.

    A chunk of a negative size makes http.client read whatever comes: so the size has its bound here too.
    """

    def __init__(self, sock: socket.socket, room: float) -> None:
        self._sock = sock
        # Never read from: it keeps the socket open until the reply is read, where the connection closes before.
        self._hold = sock.makefile("rb", buffering=0)
        patience = sock.gettimeout()
        self._end = math.inf if patience is None else time.monotonic() + patience
        self._begun = self.ended = False
        self._room = room

    def makefile(self, mode: str) -> io.BufferedReader:
        """Itself, buffered: what http.client asks of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # The first read has the socket's own patience, whose time has only just begun.
        if self._begun and self._end != math.inf:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        self._begun = True
        count = self._sock.recv_into(buffer)
        self.ended = count == 0
        self._room -= count
        if self._room < 0:
            raise TooLarge("more bytes than a reply of the greatest length can take")
        return count

    def close(self) -> None:
        self._hold.close()
        super().close()


_DEFECTS = (email.errors.MissingHeaderBodySeparatorDefect, email.errors.FirstHeaderLineIsContinuationDefect)
_LENGTHS = ("content-length", "transfer-encoding")
"""What leaves open whether the length of a body stood in its head, and the names of those that may be on its line."""

_MOST_LINES, _LONGEST_LINE = 100, 1 << 16
_PLAIN_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)\r\n")
"""A header of one line as RFC 9112, section 5, has it."""


def _head(file: io.BufferedIOBase) -> http.client.HTTPMessage:
    """The headers of a reply, as `http.client.parse_headers` reads them, but for what it takes: its parser, which is
    made for mail, takes longer for a few lines than a call otherwise adds to urllib3.
    """
    lines: list[bytes] = []
    while not lines or lines[-1] not in (b"\r\n", b"\n", b""):
        # What a longer line leaves behind is no plain line, and makes the parser read it all.
        lines.append(file.readline(_LONGEST_LINE + 1))
        if len(lines) > _MOST_LINES:
            raise http.client.HTTPException(f"more than {_MOST_LINES} lines of headers")
    message = http.client.HTTPMessage()
    for line in lines[:-1]:
        plain = _PLAIN_LINE.fullmatch(line)
        if plain is None:
            return http.client.parse_headers(io.BytesIO(b"".join(lines)))
        name, value = plain.groups()
        message.set_raw(name.decode("ascii"), value.decode("latin-1"))
    return message


class Reply(http.client.HTTPResponse):
    """A reply, for a connection of http.client to make.

    :param sock: its time-out is that of the whole reply.
    :param room: bytes that may come over the wire.
    """

    # Of http.client, where only its own `begin` reads them.
    _read_status: Callable[[], tuple[str, int, str]]
    _check_close: Callable[[], bool]

    def __init__(self, sock: socket.socket, *args: Any, room: float, **kwargs: Any) -> None:
        self._file = _WithinTime(sock, room)
        super().__init__(self._file, *args, **kwargs)  # type: ignore[arg-type]  # makefile() is all it calls

    def begin(self) -> None:
        """Read the head, in place of http.client, which does so by the slow parser."""
        status = 0
        # http.client reads past 100 only: any other 1xx is no reply yet either (RFC 9110, section 15.2).
        while status < 200:
            version, status, reason = self._read_status()
            if not (version.startswith("HTTP/1.") or version == "HTTP/0.9"):
                raise http.client.UnknownProtocol(version)
            self.headers = self.msg = _head(self.fp)
            # http.client takes a connection that ends within the headers for a whole reply with an empty body.
            if self._file.ended:
                raise http.client.IncompleteRead(b"")
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("it speaks another protocol from here on")
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.code, self.status, self.reason = status, status, reason.strip()
        # http.client knows by itself that the reply to HEAD has none.
        has_body = status not in (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED)
        self.chunked, self.chunk_left = has_body and self._is_chunked(), None
        self.length = self._told_length() if has_body else 0
        self.will_close = self._check_close() or (self.length is None and not self.chunked)
        # The parser reads no further than a line that is no header: the length may have stood there, or on that line,
        # and whether the body is whole is then not known.
        has_length = self.length is not None or self.chunked
        if not has_length and (
            any(isinstance(defect, _DEFECTS) for defect in self.headers.defects)
            or any(name != name.strip() and name.strip().lower() in _LENGTHS for name in self.headers)
        ):
            raise http.client.HTTPException("its head can't be read")

    def _is_chunked(self) -> bool:
        coding = ",".join(self.headers.get_all("transfer-encoding", ["identity"])).lower()
        if coding in ("identity", "chunked"):
            return coding == "chunked"
        raise http.client.HTTPException("the transfer coding of its body is not known")

    def _told_length(self) -> int | None:
        """Bytes of the body; None where it ends by its last chunk, or with the connection."""
        told = self.headers.get_all("content-length")
        if self.chunked or told is None:
            return None
        lengths = {length.strip() for line in told for length in line.split(",")}
        length = lengths.pop()
        if lengths or not length.isdecimal():
            # Nobody knows then whether the body is whole (RFC 9112, section 6.3).
            raise http.client.HTTPException("the length of its body can't be read")
        return int(length)
