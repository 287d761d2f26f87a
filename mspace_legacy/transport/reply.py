"""Reply: what comes by a connection, read within its time and its size, and taken for whole only where it is."""

from __future__ import annotations

import contextlib
import http.client
import io
import math
import re
import socket
import ssl
import time
from email.errors import InvalidHeaderDefect
from typing import Any

from urllib3.exceptions import HTTPError

__all__ = ["Reply", "TooLarge"]


class TooLarge(HTTPError):
    """A reply longer than the limit."""


class _WithinTime(io.RawIOBase):
    """A socket's file that ends the whole reply at one time, however slowly its bytes drip in; and at one size, with
    all that is no body: headers, interim replies, extensions of chunks.
    """

    def __init__(self, sock: socket.socket, room: float) -> None:
        self._sock = sock
        # Never read from: it keeps the socket open until the reply is read, where the connection closes before.
        self._hold = sock.makefile("rb", buffering=0)
        patience = sock.gettimeout()
        self._end = math.inf if patience is None else time.monotonic() + patience
        self._begun = False
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
        self._room -= count
        if self._room < 0:
            raise TooLarge("more bytes than a reply of the greatest length can take")
        return count

    def close(self) -> None:
        self._hold.close()
        super().close()


_MOST_LINES, _LONGEST_LINE = 100, 1 << 16
# The lines of a reply, as RFC 9112 has a client read what others write. No two parts of one may match the same, as a
# service that puts in a long run of it would have a search try each place to part it at.
_STATUS_LINE = re.compile(rb"(HTTP/(?:1\.[0-9]|0\.9))[ \t]+([1-9][0-9]{2})(?:[ \t]([^\0\r\n]*))?\r?\n")
_HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:([^\0\r\n]*)\r?\n")
_FOLDED = re.compile(rb"[ \t]([^\0\r\n]*)\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
_LENGTH = re.compile("[0-9]{1,18}", re.ASCII)


class Reply(http.client.HTTPResponse):
    """A reply, for a connection of http.client to make.

    http.client has its head read by a parser that is made for mail: for a few lines it takes longer than a call adds
    to urllib3 otherwise, and it reads no further than a line that is no header. Nor does http.client look at what
    stands behind a chunk.

    :param sock: its time-out is that of the whole reply.
    :param room: bytes that may come over the wire.
    """

    def __init__(self, sock: socket.socket, *args: Any, room: float, **kwargs: Any) -> None:
        super().__init__(_WithinTime(sock, room), *args, **kwargs)  # type: ignore[arg-type]  # makefile() is all it calls
        self._sock = sock

    def begin(self) -> None:
        """Read the head."""
        status = 0
        # Any 1xx is no reply yet (RFC 9110, section 15.2).
        while status < 200:
            version, status, reason = self._status_line()
            self.headers = self.msg = self._headers()
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("it speaks another protocol from here on")
        self.version = 10 if version in (b"HTTP/1.0", b"HTTP/0.9") else 11
        self.code, self.status, self.reason = status, status, reason
        # http.client knows by itself that the reply to HEAD has none.
        has_body = status not in (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED)
        self.chunked, self.chunk_left = has_body and self._is_chunked(), None
        self.length = self._told_length() if has_body else 0
        if self.length is None and not self.chunked:
            self.will_close = True
            if self.headers.defects:
                # It may have been told by a line that can't be read.
                raise http.client.HTTPException("its head can't be read")
        else:
            self.will_close = self._closes()

    def _line(self) -> bytes:
        line = self.fp.readline(_LONGEST_LINE)
        if line.endswith(b"\n"):
            return line
        if len(line) == _LONGEST_LINE:
            raise http.client.LineTooLong("head")
        raise http.client.IncompleteRead(b"")

    def _status_line(self) -> tuple[bytes, int, str]:
        try:
            came = self.fp.peek(1)
        except ssl.SSLEOFError:
            came = b""
        if not came:
            raise http.client.RemoteDisconnected("no reply")
        found = _STATUS_LINE.fullmatch(self._line())
        if found is None:
            raise http.client.BadStatusLine("no status")
        version, status, reason = found.groups(b"")
        return version, int(status), reason.decode("latin-1").strip()

    def _headers(self) -> http.client.HTTPMessage:
        message = http.client.HTTPMessage()
        headers: list[tuple[bytes, bytes]] = []
        for _ in range(_MOST_LINES):
            line = self._line()
            if line in (b"\r\n", b"\n"):
                break
            if found := _HEADER.fullmatch(line):
                headers.append((found[1], found[2]))
            elif headers and (found := _FOLDED.fullmatch(line)):
                headers[-1] = (headers[-1][0], b"%s %s" % (headers[-1][1], found[1]))
            else:
                message.defects.append(InvalidHeaderDefect())
        else:
            raise http.client.HTTPException(f"its head has more than {_MOST_LINES} lines")
        for name, value in headers:
            message.set_raw(name.decode("latin-1"), value.strip(b" \t").decode("latin-1"))
        return message

    def _is_chunked(self) -> bool:
        # A server that hands on the headers of another may say it twice.
        codings = set(self._listed("transfer-encoding"))
        if codings <= {"identity", "chunked"}:
            return "chunked" in codings
        raise http.client.HTTPException("the transfer coding of its body is not known")

    def _told_length(self) -> int | None:
        """Bytes of the body; None where it ends by its last chunk, or with the connection."""
        if self.chunked or "content-length" not in self.headers:
            return None
        told = self._listed("content-length")
        lengths = {int(length) if _LENGTH.fullmatch(length) else None for length in told}
        length = lengths.pop() if len(lengths) == 1 else None
        if length is None:
            # Nobody knows then whether the body is whole (RFC 9112, section 6.3).
            raise http.client.HTTPException("the length of its body can't be read")
        return length

    def _closes(self) -> bool:
        """Whether nothing more is to be sent by the connection (RFC 9112, sections 6.1 and 9.3)."""
        options = self._listed("connection")
        return "close" in options or (self.version == 10 and (self.chunked or "keep-alive" not in options))

    def _listed(self, name: str) -> list[str]:
        """The members of a header that is a list, in lower case, of all the lines that it has."""
        lines = self.headers.get_all(name, [])
        members = (member.strip(" \t").lower() for line in lines for member in line.split(","))
        return [member for member in members if member]

    # What http.client calls as it reads chunks

    def _get_chunk_left(self) -> int | None:
        if self.chunk_left == 0:
            end = self.fp.read(2)
            if len(end) < 2:
                raise http.client.IncompleteRead(b"")
            if end != b"\r\n":
                raise http.client.HTTPException("a chunk is longer than its size")
            self.chunk_left = None
        left: int | None = super()._get_chunk_left()  # type: ignore[misc]  # it has no types
        return left

    def _read_and_discard_trailer(self) -> None:
        try:
            super()._read_and_discard_trailer()  # type: ignore[misc]  # it has no types
        except (OSError, http.client.HTTPException):
            # Behind the last chunk it is whole, however it ends (RFC 9112, section 9.8). But what may yet come is no
            # reply to the next request.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _read_next_chunk_size(self) -> int:
        found = _CHUNK_SIZE.fullmatch(self._line())
        if found is None:
            raise http.client.HTTPException("a chunk has no size")
        return int(found[1], 16)
