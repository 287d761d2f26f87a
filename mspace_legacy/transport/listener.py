"""A socket that listens: what the servers of both kinds, HTTP and SMPP, begin and end with."""

from __future__ import annotations

import socket
import struct

from mspace_legacy.errors import InvalidInput

__all__ = ["RESET_ON_CLOSE", "listening"]

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
