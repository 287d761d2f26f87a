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
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n"


@contextlib.contextmanager
def another_process(body: str = "50") -> Iterator[str]:
    """The URL of such a server, whose replies have that body, until the block ends."""
    command = [sys.executable, "-m", __name__, body]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def _serve(listener: socket.socket, reply: bytes) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, reply), daemon=True).start()


def _answer(connection: socket.socket, reply: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    unread = b""
    with contextlib.suppress(ConnectionError), connection:
        while received := connection.recv(1 << 16):
            # Bodies are not looked for: they stay in front of the next head, and cost nothing.
            *heads, unread = (unread + received).split(_HEAD_END)
            connection.sendall(reply * len(heads))


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    reply = (_HEAD.format(len(sys.argv[1])) + sys.argv[1]).encode("ascii")
    threading.Thread(target=_serve, args=(listener, reply), daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    sys.stdin.read()
