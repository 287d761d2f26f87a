"""A server in a process of its own that costs next to nothing: the same reply to whatever it is asked.

The URL goes to standard output. It ends with the process that started it, whose end closes standard input.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

__all__ = ["another_process"]

_HEAD_END = b"\r\n\r\n"
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n50"


@contextlib.contextmanager
def another_process() -> Iterator[str]:
    """The URL of such a server, until the block ends."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    unread = b""
    with contextlib.suppress(ConnectionError), connection:
        while received := connection.recv(1 << 16):
            # Bodies are not looked for: they stay in front of the next head, and cost nothing.
            *heads, unread = (unread + received).split(_HEAD_END)
            connection.sendall(_REPLY * len(heads))


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    sys.stdin.read()
