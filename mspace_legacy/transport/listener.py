"""Sockets that listen: what the servers of both kinds, HTTP and SMPP, begin and end with."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mspace_legacy.errors import InvalidInput

__all__ = ["RESET_ON_CLOSE", "listening", "shares"]

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, with no time to linger: closing sends a reset."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 lets the system choose one.

    :raises InvalidInput: the address can't be listened on.
    """
    try:
        if not 0 <= port <= 65535:
            raise OverflowError("a port is a number from 0 to 65535")
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
    raise InvalidInput(f"can't listen on {host}:{port}: {problem}")


@contextmanager
def shares(listener: socket.socket, count: int) -> Iterator[list[socket.socket]]:
    """`count` sockets for as many processes, `listener` the first; the system deals out to them who connects.

    Of processes that share one socket, whichever is awake takes all who connect at once, and keeps them. Only Linux
    deals out; elsewhere it is that one for all. Who else would listen there is refused as before.
    """
    with ExitStack() as stack:
        stack.enter_context(listener)
        if sys.platform == "linux":
            # After it was bound, so that the address was nobody's before; the others may now have it too.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            address = listener.getsockname()[:2]
            made = [socket.create_server(address, family=listener.family, reuse_port=True) for _ in range(count - 1)]
        else:
            made = [listener.dup() for _ in range(count - 1)]
        yield [listener, *(stack.enter_context(sock) for sock in made)]
